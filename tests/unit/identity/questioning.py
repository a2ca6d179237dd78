"""Ground for lawful questions: the desk of the gateway before a toy register, with everything real in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.config import Asker, Upstream
from gateway.config import Questions as QuestionSettings
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.identity.asking import Desk, Questions, Register
from gateway.identity.chance import Names
from gateway.identity.checking import Checks
from gateway.identity.lawfulness import Law
from gateway.identity.question_handlers import QuestionHandlers
from gateway.identity.routing import IdentityRoutes
from gateway.intake.accept import Door
from mappings.person_fields import load_identity_fields
from tests.toys.people import People

UPSTREAM = "dan_cu"
SETTINGS = QuestionSettings(
    upstream=UPSTREAM,
    callers={"RES": Asker(), "SEC-A": Asker(operations=("verify",), units=("G16.05",))},
)


@dataclass(frozen=True)
class Questioning:
    """A toy register behind the desk, and the routes before it. `alarms` are (code, upstream)."""

    people: People
    questions: Questions
    worker: Worker
    routes: IdentityRoutes
    alarms: list[tuple[str, str]]


def questioning(
    door: Door, settings: QuestionSettings = SETTINGS, count: Callable[[str], None] = lambda _word: None
) -> Questioning:
    """The desk over a door; the upstream lets 100 questions a second through."""
    people, alarms = People(), list[tuple[str, str]]()
    line = UpstreamLine(UPSTREAM, Upstream(connector="toy", rate_per_s=100.0, burst=100), people, {})
    hooks = Hooks(alarm=lambda code, upstream, _detail: alarms.append((code, upstream)))
    coordination = MemoryCoordination(door.clock)
    worker = Worker({UPSTREAM: line}, door.journal, coordination, door.clock, hooks)
    register = Register(line, people, worker, coordination, hooks)
    questions = Questions(Desk(door, Law(settings, load_identity_fields()), register, Names(bytes(32))))
    handlers = QuestionHandlers(door, questions, Checks(questions, ("resolution",)), count)
    return Questioning(people, questions, worker, IdentityRoutes(tuple(handlers.routes())), alarms)


def with_settings(**changes: object) -> QuestionSettings:
    """The settings of these tests, changed."""
    return msgspec.structs.replace(SETTINGS, **changes)
