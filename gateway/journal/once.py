"""A signed decision is carried out once: its record holds the answer, and a repetition gets that answer again.

Record kind `decision`, id = decision id, state = {"digest": SHA-256 of the statement, "answer": JSON}. It is written in the
transaction of what was decided, so that a person who lost the answer to a crash may say the very same thing again.
"""

from __future__ import annotations

import msgspec

from gateway.errors import Conflict
from gateway.journal.books import JournalFault
from gateway.journal.model import Record, RecordKey, RecordWrite, Signed
from mappings.codec import encode_sorted

KIND = "decision"


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    answer: msgspec.Raw


def key(decision_id: str) -> RecordKey:
    """Where a decision is remembered."""
    return RecordKey(KIND, decision_id)


def write(signed: Signed, answer: bytes) -> RecordWrite:
    """The record that remembers a decision with its answer (JSON)."""
    return RecordWrite(
        key(signed.decision_id), 1, encode_sorted({"digest": signed.digest, "answer": msgspec.Raw(answer)})
    )


def repeated(record: Record, digest: str) -> bytes | None:
    """The answer of a decision that was taken already; None when its id stood for another statement then."""
    kept = msgspec.json.decode(record.state, type=_Kept)
    return bytes(kept.answer) if kept.digest == digest else None


def answer_again(record: Record, signed: Signed) -> bytes:
    """The answer of the same decision; raises `JournalFault` when the id was used for something else."""
    answer = repeated(record, signed.digest)
    if answer is None:
        raise JournalFault(f"decision {signed.decision_id} was taken with another statement")
    return answer


def check_follows(write: RecordWrite, version: int) -> None:
    """Raises `Conflict` unless a record of a decision follows the version that stands now: one node alone closes a proposal."""
    if write.version != version + 1:
        told = "Nội dung vừa được người khác thay đổi; hãy xem lại rồi quyết định lại."
        raise Conflict(told, code="changed_meanwhile")
