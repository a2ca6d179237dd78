"""Pages of the tracking feed (postal facts 2.4): read strictly as a whole, record by record with patience.

The cursor is the id of the newest record that was read. A record that cannot be read is counted and passed; a page that no
cursor could go on from (it does not move, it runs backwards with more behind it) is refused, since what it leaves out is lost.
Ids of one second are given by several machines in any order, so the newest records wait until `settle` has passed. An id of days
to come moves no cursor: behind it nothing would ever be read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from connectors.postal.model import Scan
from connectors.postal.outcomes import shown
from connectors.postal.profiles._ngsp.moments import ZONES, moment_of, moment_of_id
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.speaking import Fed, Sighting
from mappings.dates import VIETNAM
from mappings.text import nfc, shorten

START = "0" * 24
"""The cursor before the first record [code]."""

MOST = 1_000
"""The largest page that the adapter gives [code]."""

_BEHIND_ALL = "0" * 16

NO_CODE = "none"
"""The raw code of a scan without a status."""

_OID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_CODE = re.compile(r"[!-~]{1,64}", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_ENVELOPE = frozenset({"_size", "_total_pages", "_returned", "_embedded", "_id", "_links"})
_LONGEST, _KEPT = 500, 490
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of the feed: its members, and its bytes as they came."""

    members: Mapping[str, Any]
    raw: msgspec.Raw


_Records = Sequence[tuple[str, _Record]]


class NotAPage(ValueError):
    """What came is no page that could be gone on from. `code`: feed_unreadable, feed_stuck, feed_order."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose feed is read, and how: `source` begins the ids of events, `meaning` says what a code means at a moment."""

    source: str
    customer: str
    options: NgspOptions
    meaning: Callable[[str, datetime], str]

    @property
    def start(self) -> str:
        """The cursor of a feed that was never read: before its first record, or before the first of `feed_since`.

        An id begins with its second [assumed], so a day of Viet Nam is a place in the feed.
        """
        since = self.options.feed_since
        if since is None:
            return START
        midnight = datetime(since.year, since.month, since.day, tzinfo=VIETNAM)
        return f"{int(midnight.timestamp()):08x}{_BEHIND_ALL}"

    def read(self, body: bytes, cursor: str, now: datetime) -> Fed:
        """The page after `cursor`. Raises `NotAPage`."""
        docs, pages = _envelope(body)
        records, unreadable = _records(docs)
        after = cursor or self.start
        new: _Records = sorted((one for one in records if one[0] > after), key=lambda one: one[0])
        _checked(records, len(new), unreadable, after, pages)
        new, strange = _until_tomorrow(new, after, now)
        unreadable += strange
        ready = self._settled(new, now)
        sightings: list[Sighting] = []
        foreign = 0
        for oid, record in ready:
            if not self._ours(record.members):
                foreign += 1
                continue
            sighting = self._sighting(oid, record, now)
            if sighting is None:
                unreadable += 1
            else:
                sightings.append(sighting)
        return Fed(
            sightings=tuple(sightings),
            cursor=ready[-1][0] if ready else cursor,
            more=bool(ready) and len(ready) == len(new),
            unreadable=unreadable,
            foreign=foreign,
        )

    def _settled(self, new: _Records, now: datetime) -> _Records:
        """The records up to the first that is too young. An id whose second is not about now is none of a clock: it waits not."""
        settle = timedelta(seconds=self.options.settle_s)
        for place, (oid, _) in enumerate(new):
            made = moment_of_id(oid)
            if made is not None and -settle < now - made < settle:
                return new[:place]
        return new

    def _ours(self, record: Mapping[str, Any]) -> bool:
        """Whether it is of our customer code; one without a code is."""
        named = _text(record, "CustomerCode")
        return not named or named.casefold() == self.customer.strip().casefold()

    def _sighting(self, oid: str, told: _Record, now: datetime) -> Sighting | None:
        """The scan in a record; None where it names no parcel, or no moment of this century."""
        record = told.members
        order_number, item_code = _code(record, "OrderNumber"), _code(record, "ItemCode")
        kind, zone = self.options.event_time_format, ZONES[self.options.tz]
        occurred_at = moment_of(record.get("EventTime"), kind, zone) or moment_of_id(oid)
        if occurred_at is None or not (order_number or item_code):
            return None
        raw_code = _status(record.get("StatusCode"))
        scan = Scan(
            event_id=f"{self.source}:{oid}",
            occurred_at=occurred_at,
            received_at=now,
            raw_code=raw_code,
            means=self.meaning(raw_code, occurred_at),
            source="feed",
            rank=oid,
            pos_code=_code(record, "POSID"),
            item_code=item_code.upper(),
            text=_sentence(record, "StatusMessage"),
            note=_sentence(record, "Notes"),
            evidence=hashlib.sha256(told.raw).hexdigest(),
        )
        return Sighting(order_number, scan)


def _envelope(body: bytes) -> tuple[Sequence[msgspec.Raw], int]:
    """The records of a page as they came, and `_total_pages` (0 where it says none). Raises `NotAPage`."""
    try:
        page = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if not page.keys() & _ENVELOPE:
            raise NotAPage("feed_unreadable")  # an error dressed as an answer is no quiet feed
        embedded = page.get("_embedded")
        held = msgspec.json.decode(embedded, type=dict[str, msgspec.Raw] | None) if embedded is not None else None
        docs = (held or {}).get("rh:doc")
        rows = msgspec.json.decode(docs, type=list[msgspec.Raw] | None) if docs is not None else None
        pages = msgspec.json.decode(page["_total_pages"], type=int | None) if "_total_pages" in page else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotAPage("feed_unreadable") from None
    return rows or (), pages or 0


def _records(docs: Sequence[msgspec.Raw]) -> tuple[list[tuple[str, _Record]], int]:
    """The records with their ids, in the order of the page and each id once; and how many could not be read."""
    records: dict[str, _Record] = {}
    unreadable = 0
    for raw in docs:
        try:
            record = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            record = None
        oid = _oid(record.get("_id")) if isinstance(record, dict) else ""
        if oid:
            records.setdefault(oid, _Record(record, raw))
        else:
            unreadable += 1
    return list(records.items()), unreadable


def _checked(records: _Records, new: int, unreadable: int, after: str, pages: int) -> None:
    """Whether a cursor can go on from here. Raises `NotAPage`."""
    if not records and unreadable:
        raise NotAPage("feed_unreadable")
    if records and not new and any(oid != after for oid, _ in records):
        raise NotAPage("feed_stuck")
    if pages != 1 and len(records) > 1 and records[0][0] > records[-1][0]:
        raise NotAPage("feed_order")


def _until_tomorrow(new: _Records, after: str, now: datetime) -> tuple[_Records, int]:
    """The records whose ids are of no day to come, and how many are: they stay behind the cursor, and wait for their day.

    Only where ids are of a clock at all [assumed]: the cursor or another record of the page is of the years until now.
    """
    last = f"{int((now + _CLOCKS_DIFFER).timestamp()):08x}{'f' * 16}"
    if not any(oid <= last and moment_of_id(oid) is not None for oid in (after, *(oid for oid, _ in new))):
        return new, 0
    known = [one for one in new if one[0] <= last]
    return known, len(new) - len(known)


def _oid(value: object) -> str:
    """The id of a record, "" for what is none."""
    text = value.get("$oid") if isinstance(value, dict) else value
    lowered = text.lower() if isinstance(text, str) else ""
    return lowered if _OID.fullmatch(lowered) else ""


def _status(value: object) -> str:
    """A status code as text that may be shown."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return NO_CODE
    return shown(str(value).strip()) or NO_CODE


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _code(record: Mapping[str, Any], name: str) -> str:
    """A code of harmless letters, "" for anything else."""
    text = _text(record, name)
    return text if _CODE.fullmatch(text) else ""


def _sentence(record: Mapping[str, Any], name: str) -> str:
    """A sentence of the carrier: one line, of a length that a history can hold."""
    return shorten(" ".join(_CONTROLS.sub(" ", nfc(_text(record, name))).split()), _LONGEST, _KEPT)
