"""The words between the gateway and its signature workers: a closed list of tasks, each with its answer, in typed msgpack.

Nothing is pickled: a worker that a hostile file has taken over can send bytes of the expected type, and no more.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from signing.making import Order, Prepared
from signing.model import CertificateQuestion, CertificateVerdict, Evidence, Facts
from signing.policy import ExpectedSigner, Policy
from signing.storing import encode_facts
from signing.trust import TrustStore

T = TypeVar("T")


class Ground(msgspec.Struct, frozen=True):
    """What every judgement rests on, beside what is judged."""

    trust: TrustStore
    policy: Policy
    evidence: Evidence


class ReadDocument(msgspec.Struct, frozen=True, tag="read"):
    """Read a document into facts. `detached`: the file that a detached signature in `path` signs. Answer: encoded facts."""

    path: Path
    policy: Policy
    detached: Path | None = None


class JudgeDocument(msgspec.Struct, frozen=True, tag="judge"):
    """Judge encoded facts at a moment. Answer: an encoded report."""

    facts: bytes
    ground: Ground
    at: datetime
    expected: tuple[ExpectedSigner, ...] = ()


class JudgeCertificate(msgspec.Struct, frozen=True, tag="certificate"):
    """Judge one certificate. Answer: a `CertificateVerdict`."""

    question: CertificateQuestion
    ground: Ground


class NameDossiers(msgspec.Struct, frozen=True, tag="name"):
    """What the signed content of an XML document says at these paths of Clark names. Answer: texts."""

    path: Path
    policy: Policy
    places: tuple[str, ...]


class PrepareSignature(msgspec.Struct, frozen=True, tag="prepare"):
    """First step of a signature. Answer: `Prepared`."""

    order: Order


class StampImprint(msgspec.Struct, frozen=True, tag="imprint"):
    """What a time-stamping authority has to stamp. Answer: the digest."""

    prepared: Prepared
    signature: bytes
    digest: str


class CompleteSignature(msgspec.Struct, frozen=True, tag="complete"):
    """Last step: the target is written. Answer: empty."""

    prepared: Prepared
    signature: bytes
    token: bytes | None


class Rest(msgspec.Struct, frozen=True, tag="rest"):
    """Do nothing. A worker that answers is alive."""


Task = (
    ReadDocument
    | JudgeDocument
    | JudgeCertificate
    | NameDossiers
    | PrepareSignature
    | StampImprint
    | CompleteSignature
    | Rest
)


class Commission(msgspec.Struct, frozen=True):
    """One task on its way to a worker, with what it may take: seconds of processor time, bytes of memory beyond its own."""

    task: Task
    seconds: float
    memory_bytes: int


class Failed(msgspec.Struct, frozen=True):
    """Why there is no answer. `kind`: unusable, refused, unavailable (`signing.errors`), memory, or crash."""

    kind: str
    code: str = ""
    message_vi: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What a worker says: the encoded answer, or why there is none."""

    body: bytes = b""
    failed: Failed | None = None


ANSWERS: dict[type, Any] = {
    JudgeCertificate: CertificateVerdict,
    NameDossiers: tuple[str, ...],
    PrepareSignature: Prepared,
}
"""The type of each answer that is not plain bytes."""


def encode(value: Any) -> bytes:
    """As msgpack."""
    return msgspec.msgpack.encode(value, enc_hook=_plain)


def facts_of(facts: Facts) -> bytes:
    """Facts as `JudgeDocument` takes them."""
    return encode_facts(facts)


def decode(raw: bytes, wanted: type[T]) -> T:
    """From msgpack, strictly as declared; raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(raw, type=wanted, dec_hook=_built)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"no way to send {type(value).__name__}")


def _built(wanted: type, value: Any) -> Any:
    if issubclass(wanted, Path):
        return Path(value)
    raise NotImplementedError(f"no way to read {wanted.__name__}")
