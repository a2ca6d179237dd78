"""The toy's case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.kit.case import ConformanceCase, Example, OutcomeTrigger, Sample
from connectors.kit.contract import Question
from connectors.kit.faults import FaultKind
from mappings.canonical import Actor, Agency, Carried, Dossier, Party, Procedure, StatusEvent, Step
from mappings.codes import DossierStatus, Origin, PartyKind

from .profiles.v1.messages import Item

START = datetime(2026, 11, 21, tzinfo=UTC)
NAME = "Nguyễn Thị Bí Mật"


def sample(operation: str, number: int, step: int) -> Sample:
    """Dossier `number`; notes need their item."""
    code = f"000.00.00.G16-261121-{number:04d}"
    dossier = Dossier(
        dossier_code=code,
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
        dossier_code=code,
        sequence=step + 1,
        occurred_at=START + timedelta(minutes=step),
        state=DossierStatus.RECEIVED,
        step=Step(Actor("Cán bộ"), "tiếp nhận"),
    )
    return Sample(operation, Carried(event, dossier), ("put_item",) if operation == "add_note" else ())


def effects(state: Any, sent: Sample) -> int:
    """Items and notes of the sample."""
    if sent.operation == "put_item":
        return int(sent.carried.dossier.dossier_code in state["items"])
    event = sent.carried.event
    return int(state["notes"].count(f"{event.dossier_code} {event.sequence} {event.step.content}"))


def round_trip(example: Example) -> object:
    """Items only."""
    return msgspec.to_builtins(msgspec.convert(example.message, Item))


def trigger(code: str, body: str, *expect: str) -> OutcomeTrigger:
    """An answer of the row with that code."""
    return OutcomeTrigger(profile="v1", row={"code": code}, operation="put_item", match="put", body=body, expect=expect)


def case(base_url: str) -> ConformanceCase:
    """Set up against the simulator at `base_url`."""
    return ConformanceCase(
        settings={"base_url": base_url, "password_ref": "env:TOY", "allow_plain": ["127.0.0.1"]},
        secrets={"env:TOY": "correct-horse-battery"},
        sample=sample,
        effects=effects,
        round_trip=round_trip,
        outcomes=(
            trigger("0", '{"code":0}'),
            trigger("1", '{"code":1}'),
            trigger("7", '{"code":7}', "credentials_refused"),
            trigger("*", '{"code":42}'),
        ),
        planted=(NAME, "session-1", "session-2"),
        questions={"look_up": Question("nothing", {}, "thử", "cán bộ", "đơn vị")},
        state_path="/_simulator/state",
        fault_operation={"put_item": "put", "add_note": "note"},
        expected={FaultKind.HTTP_503: ("upstream_fault",)},
    )
