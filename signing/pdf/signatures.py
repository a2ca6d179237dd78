"""Signature dictionaries of a PDF, and whether each says exactly which bytes it signs (ISO 32000-2 12.8.1, signing facts 5.2).

Taken from the form of every revision, so that a signature that a later revision hides is found all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from signing.der import object_size
from signing.pdf.document import Document, View
from signing.pdf.fields import Field, fields_of
from signing.pdf.syntax import Array, Dictionary, Malformed, Ref, String, Value

_DATE = re.compile(
    rb"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-])(\d\d)'?(\d\d)?)?[0-9']{0,5}\Z", re.DOTALL
)
_WHITE = b"\x00\t\n\x0c\r "


@dataclass(frozen=True, slots=True)
class Found:
    """One signature: its field, its dictionary, the first view that shows it. `in_file`: its positions are those of the file."""

    field: Field
    dictionary: Dictionary
    view: View
    in_file: bool


@dataclass(frozen=True, slots=True)
class SignedRange:
    """What a signature covers: the file up to `end` without [`gap`, `resume`), which is the hex string of Contents.

    `revision`: the index of the revision that ends there. `container`: one CMS object, what was padded left out.
    """

    gap: int
    resume: int
    end: int
    revision: int
    container: bytes


@dataclass(frozen=True, slots=True)
class RangeFault:
    """Why a signature does not say which bytes it signs. `code`: the finding that fails."""

    code: str
    detail: str


def find_signatures(document: Document, most: int) -> list[Found]:
    """All signatures of all revisions, in the order of the revisions that brought them; raises `Malformed`."""
    found: dict[tuple[int, int], Found] = {}
    for index in range(len(document.revisions)):
        view = document.view(index)
        for field in fields_of(view):
            dictionary = view.at(field.value) if field.is_signature else None
            if field.is_signature and field.value is not None and not isinstance(dictionary, Dictionary):
                raise Malformed(f"the value of signature field {field.name[:64]!r} is no dictionary")
            if not isinstance(dictionary, Dictionary):
                continue
            in_file = view.in_file(field.value if isinstance(field.value, Ref) else field.ref)
            found.setdefault((dictionary.start, 0 if in_file else -1), Found(field, dictionary, view, in_file))
            if len(found) > most:
                raise Malformed(f"more than {most} signatures", limit=True)
    return list(found.values())


def signed_range(document: Document, found: Found) -> SignedRange | RangeFault:
    """The bytes that this signature covers, proven by their places in the file."""
    if found.dictionary.repeated:
        return RangeFault("byte_range", f"the key {found.dictionary.repeated!r} stands twice")
    if not found.in_file:
        return RangeFault("byte_range", "the signature lies in an object stream")
    contents = found.dictionary.get(b"Contents")
    if not isinstance(contents, String) or not contents.hexadecimal:
        return RangeFault("signature_container", "Contents is no hex string")
    numbers = _four(found.dictionary.get(b"ByteRange"))
    if numbers is None:
        return RangeFault("byte_range", "ByteRange is not four whole numbers")
    start, gap, resume, length = numbers
    if start != 0 or gap != contents.start or resume != contents.end or length <= 0:
        return RangeFault("byte_range", f"[{start} {gap} {resume} {length}] does not leave out exactly Contents")
    end = resume + length
    if end > len(document.raw):
        return RangeFault("byte_range", f"ends at {end}, behind the file")
    revision = _revision_ending(document, end)
    if revision is None:
        return RangeFault("byte_range", f"ends at {end}, where no revision ends")
    container = _container(document.raw[gap:resume], contents.value)
    if isinstance(container, RangeFault):
        return container
    return SignedRange(gap, resume, end, revision, container)


def _four(value: Value) -> list[int] | None:
    if not isinstance(value, Array) or len(value) != 4:
        return None
    numbers = [one for one in value if type(one) is int]
    return numbers if len(numbers) == 4 else None


def _revision_ending(document: Document, end: int) -> int | None:
    """The revision whose last line ends here; white space behind it may be signed with it."""
    for index in range(len(document.revisions) - 1, -1, -1):
        mark = document.revisions[index].mark
        if mark <= end:
            return index if not document.raw[mark:end].strip(_WHITE) else None
    return None


def _container(written: bytes, value: bytes) -> bytes | RangeFault:
    """The one DER (or BER) object in Contents; nothing but zeros may follow it (attack D7)."""
    if len(written) % 2 or len(written) != 2 * len(value) + 2:
        return RangeFault("signature_container", "Contents is not written in plain pairs of digits")
    size = object_size(value)
    if size is None:
        return RangeFault("signature_container", "Contents holds no DER object")
    if value[size:].strip(b"\x00"):
        return RangeFault("signature_container", f"{len(value) - size} bytes behind the CMS object are not zeros")
    return value[:size]


def date_of(value: Value) -> datetime | None:
    """A date of 7.9.4 as UTC; None for what is none. A date without zone is taken as UTC: it is a claim, no proof."""
    match = _DATE.match(value.value) if isinstance(value, String) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[n]) if match[n] else default for n, default in _PARTS)
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0)) if match[8] else timedelta()
    try:
        zone = timezone(-offset if match[8] == b"-" else offset)
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_PARTS = ((1, 1), (2, 1), (3, 1), (4, 0), (5, 0), (6, 0))
