"""What a caller is answered: receipts, and refusals on their way out of the accept transaction. Pure.

A receipt is built inside the transaction and stored with it, so that a caller who lost it gets the very same one again.
Its id is derived from (source, key): no chance is needed, and a repeated key can only name the same receipt.
Source: dossier-model 4.2.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from gateway.errors import Conflict, Fault, Forbidden, IntakeError, Invalid, NotFound, TooManyRequests, Unauthenticated
from gateway.journal.model import Accepted, Decision, Intake
from gateway.records import dossiers
from mappings.codec import encode

Durability = Literal["local", "sync-standby"]
"""What `accepted` stands for: flushed to the disk of the store, or to that of a standby too (delivery-engine 4.8)."""

LOCAL: Final = "local"

_SHOWN = ("receipt_id", "event_id", "dossier_code", "dossier_uid", "version", "received_at", "digest")
_RECEIPT_SPACE = uuid.UUID("0b9f3a52-5b0e-5d7e-8f0c-6a3a7d1f20c4")


@dataclass(frozen=True, slots=True)
class Remark:
    """A doubt that did not stop an event; told to the sender in the receipt."""

    code: str
    message_vi: str


# The codes of remarks about a step; the sentence is that of the transition table.
DOUBTFUL_STEP = "buoc_chuyen_dang_ngo"
FORCED_STEP = "buoc_chuyen_trai_bang"
CAUSE_UNKNOWN = Remark(
    "khong_ro_nguyen_nhan",
    "caused_by không trỏ tới một sự kiện cùng trạng thái đã đi theo hồ sơ này; sự kiện được gửi đi như thường lệ.",
)

NUMBER_OF_ANOTHER = Remark(
    "so_cua_ho_so_khac",
    "sector_dossier_id này đã dùng cho một hồ sơ khác; sự kiện được ghi vào hồ sơ theo dossier_code, hãy kiểm tra lại.",
)

TIME_AHEAD = Remark(
    "thoi_diem_tuong_lai",
    "occurred_at ở sau hiện tại hơn một ngày; sự kiện được gửi đi như thường lệ, hãy kiểm tra lại.",
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a receipt says besides who it is for. `version` is that of the snapshot in force when the event was applied."""

    status: str
    event_id: str
    remarks: tuple[Remark, ...] = ()
    version: int | None = None
    last_sequence: int | None = None


def receipt(intake: Intake, now: datetime, told: Told, durability: Durability = LOCAL) -> bytes:
    """The receipt of a stored event, as JSON. Times are UTC, `digest` is the SHA-256 (hex) of the bytes as they came."""
    body: dict[str, object] = {
        "status": told.status,
        "receipt_id": receipt_id(intake),
        "event_id": told.event_id,
        "dossier_code": intake.dossier,
        "dossier_uid": dossiers.uid(intake.dossier),
        "received_at": now,
        "digest": f"sha256:{intake.digest.hex()}",
        "durability": durability,
        "warnings": told.remarks,
    }
    if told.version is not None:
        body["applied_version"] = told.version
    if told.last_sequence is not None:
        body["last_sequence"] = told.last_sequence
    return encode(body)


def receipt_id(intake: Intake) -> str:
    """The id of the receipt of an intake: the same for the same source and key, on every node."""
    return str(uuid.uuid5(_RECEIPT_SPACE, f"{intake.source}\n{intake.key}"))


def duplicate(original: bytes) -> bytes:
    """The answer to a repeated request: the original receipt, word for word, inside an envelope that says so."""
    first = msgspec.json.decode(original, type=dict[str, object])
    body: dict[str, object] = {"status": "duplicate", "original": msgspec.Raw(original)}
    body |= {name: first[name] for name in _SHOWN if name in first}
    return encode(body)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refusal as it travels through the journal."""

    status: int
    code: str
    message_vi: str
    faults: tuple[Fault, ...]
    retry_after_s: int = 0


_BY_STATUS: Mapping[int, type[IntakeError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: TooManyRequests,
}


def refuse(error: IntakeError) -> Decision:
    """A decision that stores nothing and refuses; values, because an exception would spoil the whole group commit."""
    refusal = _Refusal(error.status, error.code, error.message_vi, error.faults, error.retry_after_s)
    return Decision(answer=encode(refusal), status=error.status, store=False)


def answered(accepted: Accepted) -> Accepted:
    """The answer of the journal, or the refusal in it raised again as the `IntakeError` that it was."""
    if accepted.status < 400:
        return accepted
    refusal = msgspec.json.decode(accepted.answer, type=_Refusal)
    kind = _BY_STATUS.get(refusal.status, IntakeError)
    raise kind(
        refusal.message_vi,
        code=refusal.code,
        faults=refusal.faults,
        status=refusal.status,
        retry_after_s=refusal.retry_after_s,
    )
