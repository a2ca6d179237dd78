"""What went with an old month by order: its record, by which every reader says "no longer kept" instead of "broken".

A record of kind `RETIRED` is written in the transaction that drops a partition (decision 0036), so either both are there or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from gateway.clock import LOCAL_ZONE, from_micros, to_micros
from gateway.errors import NoLongerKept

RETIRED = "retired_partition"
MONTH_BITS = 40  # a reference of a payload is its month since 1970 and a number of so many bits (decision 0028)
_NEVER = to_micros(datetime(9999, 1, 1, tzinfo=UTC))  # no month that is told, in whatever zone, is later
_NEVER_REF = (9999 - 1970) * 12 << MONTH_BITS


class Retired(msgspec.Struct, frozen=True):
    """The state of a record of kind `RETIRED`: a partition that was dropped, with all rows from `low` to below `high`.

    Of `payload` the numbers are references, of `attempt` times of end in µs (decision 0028). Who drops a partition writes the
    record in the same transaction, so that a leaf covers it; its id is `table/low`. `at` is when (µs), `rows` how many rows
    stood there, `actor` who ordered it and `reason` why.
    """

    table: str
    low: int
    high: int
    at: int = 0
    rows: int = 0
    actor: str = ""
    reason: str = ""

    @property
    def month(self) -> str:
        """The month as people of the store name it, `2024-01`."""
        if self.table == "payload":
            return named(self.low >> MONTH_BITS)
        moment = from_micros(self.low)
        return f"{moment.year}-{moment.month:02d}"

    def told_vi(self, *, by: bool = True) -> str:
        """That it is no longer kept, since when, and (with `by`, for operators) by whose order."""
        told = f"Không còn lưu: phần dữ liệu tháng {self.month[5:]}/{self.month[:4]} đã được bỏ khỏi kho"
        if self.at:
            told += f" ngày {from_micros(self.at).astimezone(LOCAL_ZONE):%d/%m/%Y}"
        return f"{told} theo lệnh của {self.actor}." if by and self.actor else f"{told} theo thời hạn lưu giữ."


_NOTHING = Retired("", 0, 0)


@dataclass(frozen=True, slots=True)
class Gone:
    """A part of a delivery (`receipt` or `attempts`) that is no longer kept: since when, and what is said about it."""

    what: str
    since: datetime
    told_vi: str


def named(month: int) -> str:
    """A month since January 1970 as it is written, `2024-01`."""
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def place(table: str, low: int) -> str:
    """The id of the record of a partition."""
    return f"{table}/{low}"


def place_of_payload(ref: int) -> str:
    """The id of the record that would say that the month of this payload is no longer kept."""
    return place("payload", ref >> MONTH_BITS << MONTH_BITS)


def read(state: bytes) -> Retired:
    """A partition that was dropped; whoever wrote something else there, or numbers that are no time, retired nothing."""
    try:
        part = msgspec.json.decode(state, type=Retired)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NOTHING
    return part if _timed(part) else _NOTHING


def _timed(part: Retired) -> bool:
    """Whether a record that somebody may have written by hand says times where it has to."""
    last = _NEVER_REF if part.table == "payload" else _NEVER
    return 0 <= part.low <= part.high <= last and 0 <= part.at <= _NEVER


def gone(what: str, part: Retired) -> Gone:
    """A part of a delivery that went with a partition, as those may read it who are no operators."""
    return Gone(what, from_micros(part.at), part.told_vi(by=False))


def no_longer_kept(part: Retired) -> NoLongerKept:
    """What is raised where content itself was asked for."""
    return NoLongerKept(part.told_vi())
