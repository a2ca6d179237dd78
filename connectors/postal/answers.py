"""What answers of carriers have in common: JSON with exact numbers, members of any type as text, moments in their many forms.

Carriers add members and change types without saying so (postal facts 5.3), so one odd member never spoils a message: it reads
as nothing. Amounts are never floats. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timezone
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from mappings.text import nfc, shorten

MOST_BYTES: Final = 4_194_304
"""The longest answer that is read: a page of 1000 records of a feed is a third of it."""

LONGEST_CODE: Final = 60
LONGEST_WORDS: Final = 300

Json: TypeAlias = "bool | int | str | Decimal | list[Json] | dict[str, Json] | None"
"""A JSON value; numbers with a point are decimals."""

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./:+-]*", re.ASCII)
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DAY_FIRST: Final = re.compile(r"(\d\d)/(\d\d)/(\d{4})(?: (\d\d):(\d\d)(?::(\d\d))?)?", re.ASCII)
_YEARS: Final = range(1971, 2100)
"""Other years stand for no date at all (`0001-01-01T00:00:00`, postal facts 4.4; also the epoch and `9999-12-31`)."""


def tree_of(raw: bytes | str, most: int = MOST_BYTES) -> Json | None:
    """The one JSON value in `raw`; None where there is none, or more than `most` bytes (letters of a text)."""
    if len(raw) > most:
        return None
    try:
        tree: Json = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return tree


def object_of(raw: bytes | str, most: int = MOST_BYTES) -> dict[str, Json] | None:
    """The one JSON object in `raw`, None where there is none."""
    tree = tree_of(raw, most)
    return tree if isinstance(tree, dict) else None


def text_of(members: Mapping[str, Json], name: str) -> str:
    """A scalar as text, without blanks around it; "" for null, for what is absent, for an object and for a list."""
    match members.get(name):
        case bool() as value:
            return "true" if value else "false"
        case str() as value:
            return value.strip()
        case int() | Decimal() as value:
            return str(value)
    return ""


def code_of(members: Mapping[str, Json], name: str, longest: int = LONGEST_CODE) -> str:
    """A code as it may be kept, shown and audited: short and of harmless letters; `unreadable` for anything else."""
    code = text_of(members, name)
    return code if not code or (len(code) <= longest and _CODE.fullmatch(code)) else "unreadable"


def words_of(members: Mapping[str, Json], name: str, longest: int = LONGEST_WORDS) -> str:
    """A sentence for people: in NFC, on one line, of bounded length."""
    printable = "".join(sign if sign.isprintable() else " " for sign in nfc(text_of(members, name)))
    return shorten(" ".join(printable.split()), longest, longest - 3)


def count_of(members: Mapping[str, Json], name: str) -> int:
    """A small count that is not negative; 0 for anything else."""
    value = whole_of(members, name)
    return value if value is not None and value <= 10_000 else 0


def whole_of(members: Mapping[str, Json], name: str) -> int | None:
    """A whole number that is not negative, such as đồng: `150000`, `150000.0` and `"150000"`; None for anything else."""
    whole, _, fraction = text_of(members, name).partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 18) or fraction.strip("0"):
        return None
    return int(whole)


def flag_of(members: Mapping[str, Json], name: str) -> bool | None:
    """A yes or no, also as a text or as 1 and 0; None for anything else."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text_of(members, name).lower())


def moment_of(members: Mapping[str, Json], name: str, zone: timezone) -> datetime | None:
    """The moment in UTC that a text names; None for the null date and for what cannot be read."""
    return moment_in(text_of(members, name), zone)


def moment_in(text: str, zone: timezone) -> datetime | None:
    """The moment behind `yyyy-MM-ddTHH:mm:ss` (with or without zone) or `dd/MM/yyyy HH:mm:ss`, read in `zone` (facts 4.4)."""
    if match := _ISO.fullmatch(text):
        *parts, offset = match.groups()
        year, month, day, hour, minute, second = (int(part) for part in parts)
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
        offset = None
    else:
        return None
    if year not in _YEARS:
        return None
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        if offset is not None:
            local = local.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
