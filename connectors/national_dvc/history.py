"""Which progress rows still have to be told, and in which calls: the portal forgets nothing and recognises nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.kit.contract import Delivery
from connectors.kit.errors import CannotMap
from connectors.national_dvc.profiles._mapi.messages import DongTienDo
from connectors.national_dvc.profiles._mapi.progress import map_rows
from connectors.national_dvc.profiles._mapi.rules import Rules

ROWS, EVENTS = "rows", "events"

# A lane of thousands of events must not grow its memory without bound; a replay is asked for soon or never.
_KEPT_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Planned:
    """The rows that one delivery still has to tell, and the lane's memory once they are acknowledged."""

    delivery: Delivery
    rows: tuple[DongTienDo, ...]
    memory: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What can be sent, in order; `fault` belongs to the delivery right after the last of `ready`."""

    ready: tuple[Planned, ...]
    fault: CannotMap | None = None

    def calls(self, limit: int) -> Iterator[tuple[Planned, ...]]:
        """The deliveries grouped into calls of at most `limit` rows; one delivery is never torn apart."""
        group: list[Planned] = []
        rows = 0
        for item in self.ready:
            if group and rows + len(item.rows) > limit:
                yield tuple(group)
                group, rows = [], 0
            group.append(item)
            rows += len(item.rows)
        if group:
            yield tuple(group)


def plan(deliveries: Sequence[Delivery], rules: Rules) -> Plan:
    """The rows of contiguous deliveries of one lane, each planned as if those before it were acknowledged."""
    ready: list[Planned] = []
    memory: Mapping[str, str] = deliveries[0].memory if deliveries else {}
    for delivery in deliveries:
        try:
            rows = rows_left(delivery, memory, rules)
        except CannotMap as fault:
            return Plan(tuple(ready), fault)
        memory = _remembered(delivery, rows, memory)
        ready.append(Planned(delivery, rows, memory))
    return Plan(tuple(ready))


def rows_left(delivery: Delivery, memory: Mapping[str, str], rules: Rules) -> tuple[DongTienDo, ...]:
    """The rows of one delivery without what the portal acknowledged; raises `CannotMap`."""
    if _mark(delivery) in _parts(memory, EVENTS):
        return ()
    return map_rows(delivery.carried, rules, frozenset(_parts(memory, ROWS)))


def _remembered(delivery: Delivery, rows: tuple[DongTienDo, ...], memory: Mapping[str, str]) -> dict[str, str]:
    statuses = {*_parts(memory, ROWS), *(row.TrangThai for row in rows)}
    events = [mark for mark in _parts(memory, EVENTS) if mark != _mark(delivery)]
    events.append(_mark(delivery))
    return {ROWS: ",".join(sorted(statuses, key=int)), EVENTS: ",".join(events[-_KEPT_EVENTS:])}


def _mark(delivery: Delivery) -> str:
    """A short name of the event, so that a replay under a new delivery id is recognised."""
    event = delivery.carried.event
    return hashlib.sha256(f"{event.system_code}\n{event.event_id}".encode()).hexdigest()[:12]


def _parts(memory: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(part for part in memory.get(key, "").split(",") if part)
