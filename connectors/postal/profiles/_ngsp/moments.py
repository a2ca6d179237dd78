"""When something happened, as the feed may say it: the unit of `EventTime` is not known (postal facts 2.4 and 11).

Seconds and milliseconds since 1970 and `yyyyMMddHHmmss` lie in ranges that do not overlap between 2000 and 2100, so their size
tells them apart. Anything outside of that century is no time at all: a scan from nowhere would stand at an end of a history.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from connectors.postal.profiles._ngsp.options import EventTimeFormat
from mappings.dates import VIETNAM

ZONES: Mapping[str, tzinfo] = {"Asia/Ho_Chi_Minh": VIETNAM, "UTC": UTC}
"""The zones of a written date; Viet Nam has had no summer time since 1975."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_WHOLE = re.compile(r"[1-9]\d{0,13}", re.ASCII)
_SECONDS_END, _MS_END = 10**11, 10**13


def moment_of(value: object, kind: EventTimeFormat, zone: tzinfo) -> datetime | None:
    """The moment in UTC; None for what is none.

    Read are a number, the same as text, a date in ISO form, and both as a document store may wrap them (`$date`,
    `$numberLong`). `kind` says what a number counts.
    """
    if isinstance(value, dict) and len(value) == 1:
        name, inner = next(iter(value.items()))
        if name == "$date":
            return moment_of(inner, "epoch_ms", zone)  # a document store's own date is always in milliseconds
        return moment_of(inner, kind, zone) if name == "$numberLong" else None
    text = _digits(value)
    if isinstance(text, str) and _ISO.fullmatch(text):
        return _iso(text, zone)
    if text is None or not _WHOLE.fullmatch(text):
        return None
    return _counted(text, kind, zone)


def moment_of_id(oid: str) -> datetime | None:
    """The second in the first eight digits of a standard id; None where that is no time of this century."""
    return _within(_EPOCH + timedelta(seconds=int(oid[:8], 16)))


def _digits(value: object) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else None
    if isinstance(value, int):
        return str(value)
    return value.strip() if isinstance(value, str) else None


def _counted(text: str, kind: EventTimeFormat, zone: tzinfo) -> datetime | None:
    number = int(text)
    if kind == "yyyyMMddHHmmss" or (kind == "auto" and number >= _MS_END):
        return _written(text, zone)
    if kind == "epoch_ms" or (kind == "auto" and number >= _SECONDS_END):
        return _within(_EPOCH + timedelta(milliseconds=number))
    return _within(_EPOCH + timedelta(seconds=number)) if number < _SECONDS_END else None


def _written(text: str, zone: tzinfo) -> datetime | None:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        return _within(datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _iso(text: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return _within((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _within(moment: datetime) -> datetime | None:
    return moment if _EARLIEST <= moment < _LATEST else None
