"""Sổ yêu cầu ký: each signature that somebody asked for, written before it is made (Luật 20/2023 Điều 22).

Record kind `signature`, id = system/request id, sealed with the data key of its dossier: purpose and person may name people.
A request that is `intended` and not `signed` was cut off or refused: the same request again takes it up from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

KIND = "signature"
INTENDED, SIGNED = "intended", "signed"


@dataclass(frozen=True, slots=True)
class Intent:
    """Who wants which bytes signed, and why. `sha256`: of a file of the dossier; `person`: who answers for it."""

    system: str
    request_id: str
    dossier: str
    sha256: str
    profile: str
    key: str
    purpose: str
    person: str

    @property
    def label(self) -> str:
        """What names the request among all."""
        return f"{self.system}/{self.request_id}"


@dataclass(frozen=True, slots=True)
class KeptSignature:
    """A request and what came of it. `answer` is what its sender was told, for when it asks again."""

    intent: Intent
    asked_at: datetime
    state: str = INTENDED
    signed_sha256: str = ""
    answer: bytes = b""
    report: bytes = b""
    version: int = 0


def key(system: str, request_id: str) -> RecordKey:
    """Where a request stands."""
    return RecordKey(KIND, f"{system}/{request_id}")


def parse(record: Record) -> KeptSignature:
    """The request in a stored record."""
    return decode(record.state, KeptSignature)


def write(kept: KeptSignature) -> RecordWrite:
    """The record that puts a request in place."""
    intent = kept.intent
    return RecordWrite(key(intent.system, intent.request_id), kept.version, encode(kept), sealed_for=intent.dossier)
