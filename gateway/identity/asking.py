"""Asking a register about a person: the trail first, then the call within the upstream's limits, then the least that is needed.

Who asks, why, about whom (a keyed digest) and for which fields is durable before the question leaves; what came of it, without
any value, before the answer is handed on. A store that cannot write asks and answers nothing. Answers are not kept.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from connectors.kit.contract import Answer, Budget, Coordination, Lookup, Question
from connectors.kit.errors import CannotMap, ConsentMissing, DeliveryError, NeedsPerson, NotSent, Rejected
from gateway.audit.events import FieldValue, audit
from gateway.coordination.shares import Live, alone
from gateway.dispatch.attempt import GRACE_S
from gateway.dispatch.breaker import sign_of
from gateway.dispatch.polling import Standings
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.worker import guarded
from gateway.errors import Conflict, Forbidden, IntakeError, Invalid, UpstreamRefused, UpstreamUnavailable
from gateway.identity.chance import Names
from gateway.identity.lawfulness import VERIFY, Law, Permit, Wanted
from gateway.identity.quotas import Quotas
from gateway.intake.accept import Door
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.intake.refusals import Trickle
from gateway.journal.model import AuditWrite, RecordWrite
from gateway.observe.crash import Reach, never
from gateway.records import identity_proofs
from mappings.codes import Database
from mappings.person_fields import minimised

KIND = "identity_question"
NOT_LICENSED: Final = "question_not_licensed"
"""The code of a question that the register itself refuses for its procedure (identity facts 2.7, 004)."""
_LONGEST_CODE = 52
_TRIES = 8
_DIGITS = 32
_BUSY_S = 5
_SEAT_S, _SEAT_LOOKS = 0.05, 30
_HOLDS_A_NUMBER = re.compile(r"\d{9}", re.ASCII)
_YES, _NO = "1", "0"


@dataclass(frozen=True, slots=True)
class Told:
    """What a register said, cut to what may be handed on. `remembered`: it said so a moment ago, of the same dossier."""

    found: bool
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    rows: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    as_of: str = ""
    remembered: bool = False


@dataclass(frozen=True, slots=True)
class Register:
    """The upstream that answers, and what stands between it and us."""

    line: UpstreamLine
    lookup: Lookup
    standings: Standings
    coordination: Coordination
    hooks: Hooks = Hooks()
    database: Database = Database.POPULATION


@dataclass(frozen=True, slots=True)
class Desk:
    """With what questions are asked. `names` makes the digests by which the trail tells persons apart, `live` counts nodes."""

    door: Door
    law: Law
    register: Register
    names: Names
    reach: Reach = never
    live: Live = alone


class Questions:
    """Asks what is lawful."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._quotas = Quotas(desk.law.questions, desk.door.clock, desk.live)
        self._trickle = Trickle(desk.door.journal, desk.door.clock)

    async def ask(self, permit: Permit) -> Told:
        """The least that the procedure needs of the answer; raises `IntakeError`, and then nothing may be shown."""
        asking = permit.wanted.asking
        self._quotas.count(asking.system, asking.unit, asking.officer)
        about = self._about(permit.wanted)
        remembered = await self._recall(permit)
        await self._write(
            self._row(
                "identity.asked",
                permit.wanted,
                permit.procedure,
                about=about,
                places=permit.allowed.places,
                legal_basis=permit.allowed.legal_bases,
                rows=permit.allowed.rows,
            )
        )
        if remembered is not None:
            await self._note_answer(permit, remembered)
            return remembered
        self.desk.reach("question.asked")
        try:
            answer = await self._called(permit)
        except UpstreamUnavailable:
            # Paused, switched off or too fast: nobody was asked, and the trail must not leave that open.
            await self._note_failure(permit, NotSent())
            raise
        if isinstance(answer, DeliveryError):
            await self._note_failure(permit, answer)
            raise _refusal(answer)
        told = _cut(answer, permit)
        self.desk.reach("question.answered")
        await self._note_answer(permit, told)
        await self._remember(permit, told)
        return told

    async def refused(self, wanted: Wanted, error: IntakeError) -> None:
        """A question that was not let out stands in the trail too, as fast as the bound allows."""
        if self._trickle.allows():
            suppressed = self._trickle.suppressed or None
            long = len(wanted.dossier) > _LONGEST_CODE
            if error.code == "unknown_dossier" and (long or _HOLDS_A_NUMBER.search(wanted.dossier)):
                # No dossier of ours: what stands there may be a person's number as well.
                wanted = replace(wanted, dossier="")
            row = self._row("identity.refused", wanted, "", code=error.code, suppressed=suppressed)
            await self._trickle.write(error, row)

    async def _called(self, permit: Permit) -> Answer | DeliveryError:
        """One call, within pause, breaker, concurrency and rate of the upstream; what it shows of the upstream is kept."""
        register, clock = self.desk.register, self.desk.door.clock
        standing = await self._free()
        probe = standing.start()
        timeout_s = self.desk.law.questions.timeout_s
        try:
            budget = Budget(clock.instant() + timeout_s, timeout_s)
            answer = await guarded(register.lookup.ask(_question(permit, budget)), timeout_s)
        finally:
            standing.end(answered=False)
        error = answer if isinstance(answer, DeliveryError) else None
        news = standing.saw(sign_of(error), permit.wanted.dossier, probe=probe, error=error)
        if isinstance(error, ConsentMissing):
            # One procedure is not licensed; the register still answers for the others.
            register.hooks.alarm("question.not_licensed", register.line.code, error.message_vi)
        elif isinstance(error, NeedsPerson):
            news += standing.pause(error.code, error.message_vi)
        await standing.save(self.desk.door.journal, news)
        return answer

    async def _free(self) -> Standing:
        """The standing of an upstream that may be called now; raises `UpstreamUnavailable`."""
        register = self.desk.register
        if not register.line.settings.enabled:
            raise _unavailable("Kết nối tới cơ sở dữ liệu đang tắt; hãy báo quản trị cổng.", _BUSY_S)
        standing, settings = await register.standings.standing(register.line.code), register.line.settings
        long_s = self.desk.law.questions.timeout_s + GRACE_S
        if await _roomy(standing, long_s):
            rate = settings.rate_per_s, settings.burst
            allowed, again_s = await register.coordination.take(register.line.code, 1, *rate)
            if not allowed:
                raise _unavailable("Đang hỏi cơ sở dữ liệu quá nhanh; hãy gửi lại sau.", math.ceil(again_s))
            if standing.room(long_s):
                return standing
            await register.coordination.take(register.line.code, -1, *rate)
        raise _unavailable("Kết nối tới cơ sở dữ liệu đang tạm dừng hoặc đang bận; hãy gửi lại sau.", _BUSY_S)

    async def _note_answer(self, permit: Permit, told: Told) -> None:
        """What came back, by the names of its fields, and that the dossier drew on the register; before it is handed on."""
        register, dossier = self.desk.register, permit.wanted.dossier
        names = sorted({name for row in (told.fields, *told.rows) for name in row})
        row = self._row(
            "identity.answered",
            permit.wanted,
            permit.procedure,
            found=told.found,
            fields=names,
            count=len(told.rows) or int(told.found),
            remembered=told.remembered or None,
        )
        journal, place = self.desk.door.journal, identity_proofs.use_key(dossier)
        for _ in range(_TRIES):
            known = await journal.record(place)
            use = identity_proofs.write_use(known, dossier, register.database, self.desk.door.clock.now())
            try:
                return await self._write(row, (use,))
            except Conflict as error:
                if error.code != "changed_meanwhile":
                    raise
            if identity_proofs.drew_on(await journal.record(place), register.database):
                # Another question of this dossier has just said so: an answer must not be lost over the moment of it.
                return await self._write(row, ())
        raise _unavailable("Hồ sơ đang được hỏi liên tục; hãy gửi lại sau.", _BUSY_S)

    async def _note_failure(self, permit: Permit, error: DeliveryError) -> None:
        await self._write(
            self._row(
                "identity.failed",
                permit.wanted,
                permit.procedure,
                code=error.code,
                upstream_code=error.exchange.upstream_code,
            )
        )

    async def _write(self, row: AuditWrite, records: tuple[RecordWrite, ...] = ()) -> None:
        intake = recording_intake(KIND, row.actor, Recording(records=records, audit=(row,)))
        answered(await self.desk.door.journal.accept(intake))

    def _row(self, kind: str, wanted: Wanted, procedure: str, **more: FieldValue) -> AuditWrite:
        asking = wanted.asking
        return audit(
            kind,
            asking.system,
            wanted.dossier,
            "",
            upstream=self.desk.register.line.code,
            operation=wanted.operation,
            request=asking.request_id,
            officer=self.officer(asking.officer),
            account=asking.officer_account,
            unit=asking.unit,
            purpose=asking.purpose,
            procedure=procedure,
            **more,
        )

    def officer(self, officer: str) -> str:
        """Who asked, as the trail tells it: an officer known by the own personal number stays one, without the number."""
        if _HOLDS_A_NUMBER.search(officer) is None:
            return officer
        return f"hmac:{self.desk.names.of('officer', officer)[:_DIGITS]}"

    def _about(self, wanted: Wanted) -> str:
        """Whom it is about: the same person gives the same digest, and without the key nobody can try numbers out."""
        return f"hmac:{self.desk.names.of('subject', wanted.number)[:_DIGITS]}"

    async def _recall(self, permit: Permit) -> Told | None:
        """What was said of the very same question a moment ago, where that is configured and the question is yes or no."""
        if not self._remembers(permit):
            return None
        kept = await self.desk.register.coordination.recall(self._memory_key(permit))
        return Told(kept == _YES, remembered=True) if kept in (_YES, _NO) else None

    async def _remember(self, permit: Permit, told: Told) -> None:
        if self._remembers(permit):
            ttl = timedelta(seconds=self.desk.law.questions.cache_s)
            await self.desk.register.coordination.remember(self._memory_key(permit), _YES if told.found else _NO, ttl)

    def _remembers(self, permit: Permit) -> bool:
        return self.desk.law.questions.cache_s > 0 and permit.wanted.operation == VERIFY

    def _memory_key(self, permit: Permit) -> str:
        wanted = permit.wanted
        words = [f"{name}={value}" for name, value in sorted(wanted.subject().items())]
        return f"identity/{self.desk.names.of('verify', wanted.dossier, *words)}"


async def _roomy(standing: Standing, for_s: float) -> bool:
    """Whether a call may start now. Where nothing but a seat is missing it is waited for, a second or two at most.

    A node that asks seldom holds none of a shared upstream; one comes with a heartbeat that is made at once.
    """
    for _ in range(_SEAT_LOOKS):
        if standing.room(for_s):
            return True
        if not standing.short_of_seats():
            break
        await asyncio.sleep(_SEAT_S)
    return False


def _question(permit: Permit, budget: Budget) -> Question:
    wanted, asking = permit.wanted, permit.wanted.asking
    return Question(
        subject="",
        fields=wanted.subject(),
        purpose=asking.purpose,
        officer=asking.officer,
        unit=asking.unit,
        dossier_code=wanted.dossier,
        operation=wanted.operation,
        procedure_code=permit.procedure,
        request_id=asking.request_id,
        officer_account=asking.officer_account,
        budget=budget,
    )


def _cut(answer: Answer, permit: Permit) -> Told:
    """The least: whatever the connector let through, nothing leaves here that the table does not name."""
    if not answer.found:
        return Told(found=False, as_of=answer.as_of)
    rows = tuple(minimised(row, permit.allowed) for row in answer.rows)
    return Told(True, minimised(answer.fields, permit.allowed), rows if len(rows) > 1 else (), answer.as_of)


_LICENCE: Final = "Cơ sở dữ liệu chưa cấp quyền hỏi cho thủ tục này."


def _refusal(error: DeliveryError) -> IntakeError:
    """What the caller is told: whether asking again makes sense, and who can do something about it."""
    if isinstance(error, ConsentMissing):
        return Forbidden(_LICENCE, code=NOT_LICENSED)
    if isinstance(error, CannotMap):
        return Invalid(error.message_vi, code="question_unfit")
    if isinstance(error, Rejected):
        return UpstreamRefused(error.message_vi, code="register_refused")
    return _unavailable(error.message_vi, math.ceil(error.retry_after_s or _BUSY_S))


def _unavailable(message_vi: str, retry_after_s: int) -> UpstreamUnavailable:
    return UpstreamUnavailable(message_vi, code="register_unavailable", retry_after_s=max(1, retry_after_s))
