"""Beats, seats and upstreams of the memory journal: several journals on one store are several nodes, as in the shared store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.journal.books import row_digest
from gateway.journal.memory_rows import Entry, MemoryStore, Seat
from gateway.journal.model import Ordered, UpstreamOrder, UpstreamRow
from gateway.journal.nodes import Beat, Beaten, NodeRow, SeatWish
from mappings.codec import decode, encode


@dataclass(frozen=True, slots=True)
class Beater:
    """Who beats: the node, its start, and when it opened the store."""

    node: str
    start: str
    since: datetime


def beat(store: MemoryStore, who: Beater, beat_: Beat, now: datetime) -> Beaten:
    """See `Journal.beat`; `now` is the store's clock."""
    known, begun = store.nodes.get(who.node), who.start in store.beaten
    ours = known is not None and known[0] == who.start if begun else store.newest[who.node] == who.start
    if ours and known is not None and not begun:
        _adopt(store, known[0], who)
    if ours:
        store.nodes[who.node] = ("" if beat_.last else who.start, who.since, now, beat_)
        store.beaten.add(who.start)
    held = _seated(store, who.start, () if beat_.last else beat_.wishes, now) if ours else {}
    return Beaten(rows(store, now), held, tuple(store.upstreams[code] for code in sorted(store.upstreams)), not ours)


def _adopt(store: MemoryStore, before: str, who: Beater) -> None:
    """Take over what an earlier start of this node held, all but the seats under calls of its own."""
    calls = Counter(lane.upstream for lane in store.lanes.values() if lane.owner == before and lane.lease_until)
    calls.update(name.split(":")[2] for (name, _), seat in store.seats.items() if _polls(name) and seat.owner == before)
    for (name, _), seat in sorted(store.seats.items()):
        if seat.owner == before:
            calls[name] -= 1
            if calls[name] < 0:
                seat.owner = who.start


def _polls(name: str) -> bool:
    return name.startswith("alone:poll:")


def _seated(store: MemoryStore, start: str, wishes: tuple[SeatWish, ...], now: datetime) -> dict[str, int]:
    held: Counter[str] = Counter()
    wanted = {wish.name: wish for wish in wishes}
    for (name, n), seat in sorted(store.seats.items()):
        if seat.owner == start:
            wish = wanted.get(name)
            if wish is not None and n <= wish.seats and held[name] < wish.wanted:
                seat.until = now + wish.lease
                held[name] += 1
            else:
                del store.seats[name, n]
    for wish in wishes:
        for n in range(1, wish.seats + 1):
            seat_ = store.seats.get((wish.name, n))
            if held[wish.name] < wish.wanted and (seat_ is None or seat_.until <= now):
                store.seats[wish.name, n] = Seat(start, now + wish.lease)
                held[wish.name] += 1
    return {name: number for name, number in held.items() if number}


def rows(store: MemoryStore, now: datetime) -> tuple[NodeRow, ...]:
    """Every node that ever beat, by name, with what it holds."""
    made = []
    for name, (start, since, beaten, told) in sorted(store.nodes.items()):
        held = Counter(seat_name for (seat_name, _), seat in store.seats.items() if seat.owner == start)
        silent_s = max(0.0, (now - beaten).total_seconds())
        row = NodeRow(name, start, since, silent_s, told.without_redis, dict(told.demands), dict(held))
        made.append(replace(row, generation=told.generation, version=told.version))
    return tuple(made)


def switch(entry: Entry, wanted: UpstreamOrder) -> Ordered:
    """Pause or resume upstreams as a person decided, or keep a node's news: rows, trail and proof, bound by one leaf."""
    if (told := entry.taken_before(wanted.signed)) is not None:
        return decode(told, Ordered)
    kept = entry.store.upstreams
    stand = [kept.get(row.upstream, UpstreamRow(row.upstream)) for row in wanted.rows]
    if wanted.seen is not None and wanted.seen != tuple(row.generation for row in stand):
        return Ordered(False, "Trạng thái của hệ thống nhận vừa được nơi khác thay đổi")
    outcome = Ordered(True, wanted.message_vi)
    entry.prove(wanted.signed, encode(outcome))
    for row, before in zip(wanted.rows, stand, strict=True):
        person = wanted.seen is None and row.upstream in kept
        after = replace(before, paused=row.paused) if person else row
        kept[row.upstream] = replace(after, generation=before.generation + 1)
    for write in wanted.audit:
        entry.audit(write)
    entry.leaf(*(row_digest("upstream", row.upstream, row.breaker_state, row.paused) for row in wanted.rows))
    return outcome


def remember(store: MemoryStore, row: UpstreamRow, seen: int | None) -> UpstreamRow:
    """Keep an upstream's breaker and pause, where what stands is what was seen; returns what stands."""
    stands = store.upstreams.get(row.upstream, UpstreamRow(row.upstream))
    if seen is not None and stands.generation != seen:
        return stands
    kept = store.upstreams[row.upstream] = replace(row, generation=stands.generation + 1)
    return kept
