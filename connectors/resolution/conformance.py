"""What the conformance suite needs to know of the resolution connector: set-up, samples, and an answer for every outcome."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.kit.case import ConformanceCase, Example, OutcomeTrigger, Sample, TaskSample
from connectors.kit.contract import Task
from connectors.kit.faults import FaultKind
from connectors.resolution.profiles.push_v1.mapping import map_push
from connectors.resolution.profiles.push_v1.messages import Push
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Dossier,
    FileRef,
    Party,
    Procedure,
    Reason,
    ResultDocument,
    StatusEvent,
    Step,
)
from mappings.codec import convert
from mappings.codes import DossierStatus, Origin, Outcome, PartyKind, SignatureFormat

_START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
_APPLICANT, _OFFICER = "Nguyễn Văn Kiểm Thử", "Trần Thị Mẫu"
_PATH = "/webhooks/gateway"


def case(base_url: str) -> ConformanceCase:
    """The case of this connector against a simulator at `base_url`."""
    private, public = _keys()
    return ConformanceCase(
        settings={"url": f"{base_url}{_PATH}", "signing_key": "env:key", "allow_plain": ("127.0.0.1",)},
        secrets={"env:key": private},
        simulator={"gateway_public_key": public, "push_back": False, "webhook_path": _PATH},
        sample=_sample,
        effects=_effects,
        round_trip=_round_trip,
        outcomes=_OUTCOMES,
        planted=(_APPLICANT, _OFFICER, private.splitlines()[1]),
        state_path="/_simulator/dossiers?limit=100000",
        # A push stands on its own: there is no session that could expire. 503 is documented to say "nothing was done".
        expected={FaultKind.EXPIRED_SESSION: (), FaultKind.HTTP_503: ("busy",)},
        fault_operation={"event": "push", "proposal": "push"},
        task=_task,
        task_effects=_task_effects,
    )


@cache
def _keys() -> tuple[str, str]:
    """A key pair of this process, as PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def _sample(operation: str, number: int, step: int) -> Sample:
    """Dossier `number` at its event `step`, with a reason and a result so that every part is written once."""
    at = _START + timedelta(hours=number, minutes=10 * step)
    code = f"000.00.00.G16-261120-{number:04d}"
    dossier = Dossier(
        dossier_code=code,
        version=1,
        origin=Origin.SECTOR,
        procedure=Procedure("BVH-DL-01", "1.004528", "Cấp thẻ hướng dẫn viên du lịch", "G16-DL01", "Du lịch"),
        agency=Agency("G16.05", "Cục Du lịch Quốc gia Việt Nam"),
        applicant=Party(PartyKind.CITIZEN, _APPLICANT),
        state=DossierStatus.PROCESSING,
    )
    file = FileRef("gp.pdf", "application/pdf", 184_320, "9f" * 32)
    event = StatusEvent(
        event_id=f"019a0f5e-7b1c-7c40-9a51-{number:06d}{step:06d}",
        system_code="SEC-DEMO",
        dossier_code=code,
        sequence=step + 1,
        occurred_at=at,
        state=DossierStatus.RESOLVED,
        outcome=Outcome.GRANTED,
        step=Step(Actor(_OFFICER), "Đã ký giấy phép"),
        reason=Reason("du_dieu_kien", "Hồ sơ đủ điều kiện"),
        results=(
            ResultDocument(
                "GP-1", "Giấy phép", file, issued_on=date(2026, 11, 20), signature_format=SignatureFormat.PADES
            ),
        ),
    )
    return Sample(operation, Carried(event, dossier))


def _effects(state: object, sample: Sample) -> int:
    """How many pushes of the sample's event the resolution system holds."""
    event = sample.carried.event
    held = state.get("dossiers") if isinstance(state, dict) else None
    pushes = [push for dossier in held or () if isinstance(dossier, dict) for push in dossier.get("pushes", ())]
    return sum(isinstance(push, dict) and push.get("event_id") == event.event_id for push in pushes)


def _task(operation: str, number: int) -> TaskSample:
    """A proposal from the ledger of another connector."""
    asked = Task(
        kind="payment_received",
        reported_by="payments",
        ledger="payments",
        ledger_id=f"P-{number}",
        version=1,
        dossier_code=f"000.00.00.G16-261120-{9000 + number}",
        asked_at=_START,
        fields={"amount": 150_000, "paid_at": "2026-11-20T08:00:00+07:00"},
    )
    return TaskSample(operation, asked)


def _task_effects(state: object, sample: TaskSample) -> int:
    """How many pushes of the proposal the resolution system holds."""
    held = state.get("dossiers") if isinstance(state, dict) else None
    pushes = [push for dossier in held or () if isinstance(dossier, dict) for push in dossier.get("pushes", ())]
    return sum(isinstance(push, dict) and push.get("ledger_id") == sample.task.ledger_id for push in pushes)


def _round_trip(example: Example) -> object:
    """The push of the canonical event that stands beside the message."""
    push: Push = map_push(convert(example.tree["carried"], Carried))
    written: object = msgspec.json.decode(msgspec.json.encode(push))
    return written


def _answered(code: str, status: int, family: str, word: str = "") -> OutcomeTrigger:
    pattern = f"^{word}$" if word else ""
    return OutcomeTrigger(
        profile="push_v1",
        row={"code": code, "message_pattern": pattern, "family": family},
        operation="event",
        match="push",
        status=status,
        body=msgspec.json.encode({"status": word, "reference": "RES-1"}).decode(),
    )


_OUTCOMES = (
    _answered("2xx", 200, "duplicate", "repeat"),
    _answered("2xx", 202, "done"),
    _answered("409", 409, "rejected", "conflict"),
    _answered("409", 409, "duplicate"),
    _answered("401", 401, "credentials_refused"),
    _answered("403", 403, "credentials_refused"),
    _answered("404", 404, "contract_changed"),
    _answered("405", 405, "contract_changed"),
    _answered("410", 410, "contract_changed"),
    _answered("3xx", 302, "contract_changed"),
    _answered("408", 408, "upstream_fault"),
    _answered("429", 429, "busy"),
    _answered("503", 503, "busy"),
    _answered("5xx", 500, "upstream_fault"),
    _answered("*", 422, "rejected"),
)
