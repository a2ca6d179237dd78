"""Questions and proofs as the configuration wants them: rules read and refused at the start, routes put together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.kit.contract import AboutPersons, Coordination, Lookup
from gateway.app import InternalParts
from gateway.bootstrap.guests import Outside, proposal_takers
from gateway.bootstrap.kek import derived, kek_of
from gateway.bootstrap.lines import open_lines
from gateway.bootstrap.watches import keep_watch
from gateway.clock import Clock
from gateway.config import Identity, Loaded
from gateway.config import Questions as QuestionSettings
from gateway.config.identity_questions import Proofs
from gateway.coordination.memory import MemoryCoordination
from gateway.coordination.shares import Live
from gateway.dispatch.polling import Standings
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.errors import ConfigError
from gateway.identity import retention
from gateway.identity.asking import Desk, Questions, Register
from gateway.identity.chance import Names
from gateway.identity.checking import Checks
from gateway.identity.lawfulness import Law
from gateway.identity.question_handlers import QuestionHandlers
from gateway.identity.retention import ProofSweep
from gateway.identity.routing import IdentityRoutes
from gateway.intake.proving import TITLES, ProofRules
from mappings.lint import lint_table
from mappings.person_fields import IdentityFields, load_identity_fields
from mappings.tables import TableUnreadable


@dataclass(frozen=True, slots=True)
class QuestionGround:
    """What questions need of the house around them."""

    outside: Outside
    standings: Standings
    coordination: Coordination
    hooks: Hooks
    live: Live


def proof_rules(identity: Identity | None) -> ProofRules | None:
    """How proofs are judged; None without `[identity]`, where the word of the resolution system counts."""
    if identity is None:
        return None
    proofs = identity.proofs
    return ProofRules(timedelta(days=proofs.named_within_days), proofs.min_ial, {**TITLES, **proofs.verified_by})


async def with_questions(
    loaded: Loaded, ground: QuestionGround, parts: InternalParts, house: AsyncExitStack
) -> InternalParts:
    """The parts with the routes of questions, and proofs swept while the house stands; raises `ConfigError`."""
    identity = loaded.settings.identity
    if identity is None:
        return parts
    door = parts.door
    sweep = ProofSweep(door.journal, door.clock, timedelta(days=identity.proofs.keep_days))
    keep_watch(house, sweep.run(), "proofs")
    if identity.questions is None:
        return parts
    questions = Questions(_desk(loaded, identity.questions, ground, parts))
    checks = Checks(questions, proposal_takers(ground.outside.manifests, loaded))
    handlers = QuestionHandlers(door, questions, checks, parts.count)
    return replace(parts, identity=parts.identity.beside(IdentityRoutes(tuple(handlers.routes()))))


async def with_old_proofs(parts: InternalParts, house: AsyncExitStack) -> None:
    """Proofs of the time when `[identity]` stood in the configuration are erased when they are over all the same."""
    door = parts.door
    if await door.journal.record(retention.PLACE) is not None:
        keep = timedelta(days=Proofs().keep_days)
        keep_watch(house, ProofSweep(door.journal, door.clock, keep).run(), "proofs")


async def examined(loaded: Loaded) -> Law | None:
    """What may be asked, for those who look at an installation; None without questions. Raises `ConfigError` as serving would."""
    identity, clock = loaded.settings.identity, Clock()
    if identity is None or identity.questions is None:
        return None
    async with AsyncExitStack() as house:
        outside = await open_lines(loaded, clock, MemoryCoordination(clock), house)
        _answering(outside.lines[identity.questions.upstream], identity.questions)
    return _law(loaded, identity.questions)


def _law(loaded: Loaded, questions: QuestionSettings) -> Law:
    return Law(questions, _fields(loaded, questions.fields_file))


def _answering(line: UpstreamLine, questions: QuestionSettings) -> Lookup:
    """Who answers; raises `ConfigError` where no question that is allowed would ever be answered."""
    connector = line.connector
    if not isinstance(connector, Lookup) or not isinstance(connector, AboutPersons):
        told = f"đầu nối của {line.code} không trả lời câu hỏi về người (quyền Lookup)"
        raise ConfigError((f"identity.questions.upstream: {told}",))
    switched_on = connector.operations()
    if not switched_on:
        told = f"upstreams.{line.code} chưa khai phần trả lời câu hỏi về người"
        raise ConfigError((f"identity.questions.upstream: {told}",))
    faults = [
        f"identity.questions.callers.{code}.operations: upstreams.{line.code} không bật {operation}"
        for code, asker in questions.callers.items()
        for operation in asker.operations
        if operation not in switched_on
    ]
    if faults:
        raise ConfigError(tuple(faults))
    return connector


def _desk(loaded: Loaded, questions: QuestionSettings, ground: QuestionGround, parts: InternalParts) -> Desk:
    line = ground.outside.lines[questions.upstream]
    register = Register(line, _answering(line, questions), ground.standings, ground.coordination, ground.hooks)
    names = Names(derived(kek_of(loaded), "identity subjects"))
    return Desk(parts.door, _law(loaded, questions), register, names, parts.reach, ground.live)


def _fields(loaded: Loaded, file: str) -> IdentityFields:
    """The minimisation table, the ministry's own rows before ours."""
    if not file:
        return load_identity_fields()
    try:
        fields = load_identity_fields(loaded.path(file).read_bytes())
    except (OSError, TableUnreadable) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError((f"identity.questions.fields_file: không đọc được bảng ({told})",)) from error
    # A row without a legal basis, of an unknown place or operation is refused as in our own tables, before anybody asks by it.
    if faults := tuple(lint_table(fields.tables[0])):
        raise ConfigError(tuple(f"identity.questions.fields_file: dòng {one.row}: {one.message_vi}" for one in faults))
    return fields
