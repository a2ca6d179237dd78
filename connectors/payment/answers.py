"""What answers of intermediaries have in common: read strictly, or known to be unreadable; amounts and moments as wholes.

Payment facts 4.1 to 4.5. Nothing here raises: an answer that cannot be read says that nothing is known, never that it failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from connectors.kit.http_answers import HttpAnswer
from connectors.payment.model import RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import by_http_status
from connectors.payment.strict import Json, NotStrict, read_object, texts_of, whole
from mappings.dates import from_portal_time

NO_AMOUNT = -1
"""An amount that was said but is no whole number of đồng: it equals none of ours (guard G5)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_214_400_000  # the last day of the year 9999 begins: every zone still has a date for it


@dataclass(frozen=True, slots=True)
class Unread:
    """An answer without a readable body: the class that its HTTP status alone allows, and a code for it."""

    verdict: Verdict
    code: str

    def statement(self, source: Source, provider: str, ref: str) -> Statement:
        """The same as a statement about an attempt; only 4xx is more than ignorance."""
        return Statement(source=source, provider=provider, ref=ref, verdict=self.verdict, trusted=False, code=self.code)

    def refund_statement(self, provider: str, refund_ref: str) -> RefundStatement:
        """The same as a statement about a refund."""
        return RefundStatement(provider=provider, refund_ref=refund_ref, verdict=self.verdict, code=self.code)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a dialect concluded of a message, before its fields are told: the words are those of `Statement`."""

    source: Source
    verdict: Verdict
    trusted: bool
    code: str
    key_id: str = ""


def read_answer(answer: HttpAnswer, *, question: bool) -> dict[str, Json] | Unread:
    """The JSON object of an answer; `question` as in `by_http_status`."""
    verdict = by_http_status(answer.status, question=question)
    if verdict is not None:
        return Unread(verdict, f"http-{answer.status}")
    try:
        return read_object(answer.body)
    except NotStrict as fault:
        return Unread(Verdict.UNKNOWN, f"unreadable-{fault.fault}")


def read_texts(answer: HttpAnswer, kind: type[msgspec.Struct], *, question: bool) -> dict[str, str] | Unread:
    """The members of an answer that `kind` knows, each as its text: `msgspec.convert(texts, kind)` cannot fail."""
    members = read_answer(answer, question=question)
    if isinstance(members, Unread):
        return members
    try:
        return texts_of(members, kind.__struct_encode_fields__)
    except NotStrict as fault:
        return Unread(Verdict.UNKNOWN, f"unreadable-{fault.fault}")


def amount_of(text: str, scale: int = 1) -> int | None:
    """An amount in đồng: None where nothing is said, `NO_AMOUNT` for anything but a whole number of đồng times `scale`."""
    if not text:
        return None
    value = whole(text)
    return NO_AMOUNT if value is None or value % scale else value // scale


def local_moment(text: str) -> datetime | None:
    """The instant of a `yyyyMMddHHmmss` in Viet Nam (payment facts 4.2); None for anything else: a time is never trusted."""
    try:
        return from_portal_time(text)
    except ValueError:
        return None


def epoch_moment(text: str) -> datetime | None:
    """The instant of a count of milliseconds; None for anything else."""
    value = whole(text)
    if value is None or not 0 < value <= _LAST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=value)


def epoch_ms(moment: datetime) -> int:
    """The milliseconds since 1970 of an aware moment, whole."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
