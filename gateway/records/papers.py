"""Văn bản đã ký: each paper that a connector had signed, the intent before the key was used, and the signed paper itself.

Record kind `paper`, id = upstream/paper id, sealed under the name of its upstream: a paper may name people of many dossiers. One
that is `intended` and not `signed` was cut off or refused: the same paper again takes it up from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.journal.model import Record, RecordKey, RecordWrite
from gateway.records.ledgers import owner
from mappings.codec import decode, encode

KIND = "paper"
INTENDED, SIGNED = "intended", "signed"


@dataclass(frozen=True, slots=True)
class PaperIntent:
    """Which paper is to be signed, with what, for whom, and why. `sha256` is of the unsigned PDF."""

    upstream: str
    paper_id: str
    sha256: str
    profile: str
    key: str
    system: str
    purpose: str

    @property
    def label(self) -> str:
        """What names the paper among all."""
        return f"{self.upstream}/{self.paper_id}"


@dataclass(frozen=True, slots=True)
class KeptPaper:
    """A paper and what came of it. `content` is the signed PDF, `report` how our own verifier judged it."""

    intent: PaperIntent
    asked_at: datetime
    state: str = INTENDED
    signed_at: datetime | None = None
    signed_sha256: str = ""
    content: bytes = field(default=b"", repr=False)
    report: bytes = field(default=b"", repr=False)
    version: int = 0


def key(upstream: str, paper_id: str) -> RecordKey:
    """Where a paper stands."""
    return RecordKey(KIND, f"{upstream}/{paper_id}")


def parse(record: Record) -> KeptPaper:
    """The paper in a stored record."""
    return decode(record.state, KeptPaper)


def write(kept: KeptPaper) -> RecordWrite:
    """The record that puts a paper in place."""
    intent = kept.intent
    return RecordWrite(
        key(intent.upstream, intent.paper_id), kept.version, encode(kept), sealed_for=owner(intent.upstream)
    )
