"""The toy library's case."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.kit.case import ConformanceCase, Example, Feeding, Notices, OutcomeTrigger, Sample, TaskSample
from connectors.kit.contract import Change, Notice, Task
from connectors.kit.faults import FaultKind
from mappings.canonical import Actor, Agency, Carried, Dossier, Party, Procedure, StatusEvent, Step
from mappings.codes import DossierStatus, Origin, PartyKind

from .profiles.v1.mapping import LOANS, change_of
from .profiles.v1.messages import SIGNATURE_HEADER, Movement

START = datetime(2026, 11, 21, tzinfo=UTC)
NAME = "Nguyễn Thị Bí Mật"
SECRET = "made-up-library-secret"


def code_of(number: int) -> str:
    """The dossier of a number."""
    return f"000.00.00.G16-261121-{number:04d}"


def sample(operation: str, number: int, step: int) -> Sample:
    """Dossier `number`."""
    dossier = Dossier(
        dossier_code=code_of(number),
        version=1,
        origin=Origin.DIRECT,
        procedure=Procedure("1", "1.000", "Thử"),
        agency=Agency("G16", "Bộ"),
        applicant=Party(PartyKind.CITIZEN, NAME),
        state=DossierStatus.RECEIVED,
    )
    event = StatusEvent(
        event_id=f"e-{number}-{step}",
        system_code="RES",
        dossier_code=code_of(number),
        sequence=step + 1,
        occurred_at=START + timedelta(minutes=step),
        state=DossierStatus.RECEIVED,
        step=Step(Actor("Cán bộ"), "tiếp nhận"),
    )
    return Sample(operation, Carried(event, dossier))


def effects(state: Any, sent: Sample) -> int:
    """Cards of the sample's dossier."""
    return sum(card["dossier"] == sent.carried.dossier.dossier_code for card in state["cards"].values())


def task(operation: str, number: int) -> TaskSample:
    """A reminder about loan `number`."""
    asked = Task(operation, "toys", LOANS, f"L-{number}", 1, code_of(number), START, {"toy": "tàu hỏa", "turn": 1})
    return TaskSample(operation, asked)


def task_effects(state: Any, sent: TaskSample) -> int:
    """Reminders of the task's loan."""
    return sum(reminder["loan"] == sent.task.ledger_id for reminder in state["reminders"].values())


def movement(number: int, what: str = "lent") -> Movement:
    """A toy that comes or goes."""
    return msgspec.convert(
        {"number": f"m-{number}", "loan": "L-1", "what": what, "toy": "tàu hỏa", "dossier": code_of(1), "at": number},
        Movement,
    )


def notice(number: int) -> Notice:
    """A genuine notice."""
    body = msgspec.json.encode(movement(number))
    signature = hmac.new(SECRET.encode(), b"v1." + body, hashlib.sha256).hexdigest()
    return Notice("POST", "/v1/callbacks/toys/v1", "", {SIGNATURE_HEADER: signature}, body, "127.0.0.1", "v1")


def forgeries(genuine: Notice) -> Sequence[Notice]:
    """Without a signature, with another body, with a guessed one, and under another dialect."""
    return (
        replace(genuine, headers={}),
        replace(genuine, body=genuine.body.replace(b"lent", b"lost")),
        replace(genuine, headers={SIGNATURE_HEADER: "0" * 64}),
        replace(genuine, profile="v2"),
    )


def changes(ledger: str) -> Sequence[Change]:
    """Lent, returned, returned again too late, lent once more, and lost."""
    course = ("lent", "returned", "returned", "lent", "lost")
    return tuple(change_of(movement(number, what)) for number, what in enumerate(course))


def feeding(poller: str) -> Feeding:
    """Five movements, which are three pages."""
    rows = [msgspec.to_builtins(movement(number)) for number in range(5)]
    return Feeding("POST", "/_simulator/move", json.dumps(rows).encode())


def round_trip(example: Example) -> object:
    """Movements only."""
    return msgspec.to_builtins(msgspec.convert(example.message, Movement))


def trigger(code: str, body: str) -> OutcomeTrigger:
    """An answer of the row with that code."""
    return OutcomeTrigger(profile="v1", row={"code": code}, operation="open_card", match="card", body=body)


def case(base_url: str) -> ConformanceCase:
    """Set up against the simulator at `base_url`."""
    return ConformanceCase(
        settings={"base_url": base_url, "secret": "env:TOY", "allow_plain": ["127.0.0.1"]},
        secrets={"env:TOY": SECRET},
        simulator={"secret": SECRET},
        sample=sample,
        effects=effects,
        round_trip=round_trip,
        outcomes=(trigger("0", '{"code":0}'), trigger("1", '{"code":1}'), trigger("*", '{"code":42}')),
        planted=(NAME,),
        state_path="/_simulator/state",
        fault_operation={"open_card": "card", "remind": "reminder"},
        expected={FaultKind.HTTP_503: ("upstream_fault",), FaultKind.EXPIRED_SESSION: ()},
        task=task,
        task_effects=task_effects,
        notices=Notices(notice, forgeries),
        changes=changes,
        feeding=feeding,
    )
