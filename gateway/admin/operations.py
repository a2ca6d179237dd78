"""What an operator may ask and decide, whoever carries the words: the admin socket, or the command line when nothing runs.

Every decision needs a reason and is audited in its own transaction (QĐ 3036 Điều 19.3, 19.4: the operating unit watches
the synchronisation with the national portal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from gateway.admin.pauses import kept
from gateway.admin.words import Words
from gateway.clock import Clock
from gateway.config import Upstream
from gateway.dispatch.nodes import LIVE_S
from gateway.dispatch.replay import LanePlace, Switch, checked_reason, lane_order
from gateway.dispatch.retry import ENQUIRY_MARGIN
from gateway.dispatch.seats import is_right, right_of
from gateway.errors import NotFound
from gateway.intake.operator import conflict_intake, gap_intake
from gateway.intake.skipped import SkippedPush, skipped_push_intake
from gateway.journal.model import TERMINAL, DeliveryState, InboundStatus, Intake, Ordered, OrderKind
from gateway.journal.store import Journal
from gateway.records import results, windows


class Switchboard(Protocol):
    """What can pause and resume upstreams: the worker, whether it runs or not."""

    async def switch(self, order: Switch) -> Ordered:
        """Pause or resume upstreams; what waits is unharmed."""
        ...


@dataclass(frozen=True, slots=True)
class LaneQuery:
    """Which lanes an operator wants to see."""

    upstream: str = ""
    dossier: str = ""
    blocked_only: bool = False
    limit: int = 200


class Operations:
    """The operator's side of the gateway."""

    def __init__(
        self, journal: Journal, switchboard: Switchboard, upstreams: Mapping[str, Upstream], clock: Clock
    ) -> None:
        self._journal = journal
        self._switchboard = switchboard
        self._upstreams = upstreams
        self._clock = clock

    async def lanes(self, query: LaneQuery) -> Mapping[str, object]:
        """Lanes with something to do, and the upstreams they lead to."""
        rows = await self._journal.lanes(
            upstream=query.upstream, dossier=query.dossier, blocked_only=query.blocked_only, limit=query.limit
        )
        counts, now = await self._journal.counts(), self._clock.now()
        planned = [one.window for one in await kept(self._journal)]
        closed = windows.closed(planned, self._upstreams, now)
        shelves = await self._journal.records(results.OPEN_KIND)
        held = sum(len(results.parse_shelf(record).held) for record in shelves)
        upstreams = []
        for code in self._upstreams:
            known = await self._journal.upstream(code)
            states = {str(state): n for (name, state), n in counts.messages.items() if name == code}
            upstreams.append(
                {
                    "upstream": code,
                    "breaker": known.breaker_state,
                    "paused": known.paused or closed.get(code, ""),
                    "blocked_lanes": counts.blocked_lanes.get(code, 0),
                    "oldest_waiting": _iso(counts.oldest_waiting.get(code)),
                    "messages": states,
                }
            )
        parked = [
            {
                "source": row.known.source,
                "dossier": row.known.dossier,
                "event_id": row.known.event_id,
                "sequence": row.known.sequence,
                "status": row.known.status,
                "received_at": _iso(row.received_at),
            }
            for row in await self._journal.parked(query.limit)
            if query.dossier in ("", row.known.dossier)
        ]
        return {
            "upstreams": upstreams,
            "parked_events": counts.parked,
            "held_results": held,
            "parked": parked,
            "windows": [_plain(windows.shown(window, now)) for window in planned if window.open_at(now)],
            "lanes": [_plain(asdict(row)) for row in rows],
        }

    async def nodes(self) -> Mapping[str, object]:
        """Every node of a shared store with what it holds, by name; none in the embedded form."""
        return {
            "nodes": [
                {
                    "node": row.node,
                    "state": "stopped" if not row.start else "live" if row.silent_s < LIVE_S else "silent",
                    "since": _iso(row.since),
                    "silent_s": round(row.silent_s, 1),
                    "generation": row.generation,
                    "version": row.version,
                    "without_redis": row.without_redis,
                    "held": {name: number for name, number in row.held.items() if not is_right(name)},
                    "alone": sorted(right_of(name) for name in row.held if is_right(name)),
                }
                for row in await self._journal.nodes()
            ]
        }

    async def order(self, kind: OrderKind, words: Words) -> Mapping[str, object]:
        """Hold, release, skip or replay; raises `NotFound` when there was nothing to decide about."""
        self._check_upstream(words)
        wanted = lane_order(
            kind, LanePlace(words.upstream, words.dossier, words.delivery_id), words.reason, words.actor
        )
        if kind is OrderKind.SKIP:
            await self._before_skip(words)
        rest = timedelta(seconds=self._upstreams[words.upstream].timeout_s) + ENQUIRY_MARGIN
        wanted = replace(wanted, doubt_rest=rest, signed=words.signed)
        ordered = await self._journal.order(wanted, self._clock.now())
        if not ordered.done:
            raise NotFound(ordered.message_vi)
        return asdict(ordered)

    async def _before_skip(self, words: Words) -> None:
        """What was to follow the acknowledgement of a skipped push is decided first: a crash in between loses nothing."""
        rows = await self._journal.deliveries_of(words.dossier)
        unfinished = (row for row in rows if row.upstream == words.upstream and row.state not in TERMINAL)
        head = next(unfinished, None)
        if head is None or head.state is not DeliveryState.HELD or words.delivery_id not in ("", head.delivery_id):
            return
        others = (row for row in rows if row.upstream != head.upstream)
        if any((row.source, row.event_id) == (head.source, head.event_id) for row in others):
            return
        event = await self._journal.event(head.source, head.event_id)
        late = event is not None and event.known.status is InboundStatus.APPLIED_LATE
        subject = SkippedPush(head.event_id, late)
        intake = skipped_push_intake(head.source, words.dossier, self._clock.new_id(), subject)
        # A transaction of its own, with a proof of its own; the skip that follows remembers the answer.
        signed = replace(words.signed, records=(), last=False) if words.signed is not None else None
        await self._journal.accept(replace(intake, signed=signed))

    async def skip_gap(self, words: Words) -> Mapping[str, object]:
        """Pass a sequence gap of (source, dossier), up to but not including `sequence` (0: the first that waits)."""
        checked_reason(words.reason, words.actor)
        return await self._decide(words, gap_intake(words, self._clock.new_id()))

    async def decide_conflict(self, words: Words, *, apply: bool) -> Mapping[str, object]:
        """Apply a parked event in spite of the transition table, or pass it over."""
        checked_reason(words.reason, words.actor)
        return await self._decide(words, conflict_intake(words, self._clock.new_id(), apply=apply))

    async def _decide(self, words: Words, intake: Intake) -> Mapping[str, object]:
        accepted = await self._journal.accept(replace(intake, signed=words.signed))
        answer: dict[str, object] = msgspec.json.decode(accepted.answer)
        if accepted.status >= 400:
            raise NotFound(str(answer.get("message_vi", "")), code=str(answer.get("code", "")), status=accepted.status)
        return {"done": True, "message_vi": "Đã ghi quyết định.", **answer}

    def _check_upstream(self, words: Words) -> None:
        if words.upstream not in self._upstreams:
            raise NotFound(f"Không có hệ thống nhận tên {words.upstream!r}; có: {', '.join(self._upstreams)}")

    async def switch(self, words: Words, *, pause: bool) -> Mapping[str, object]:
        """Send nothing to an upstream (or to `all` of `details`) until it is resumed; or send again."""
        if words.details.get("all") is True and not words.upstream:
            chosen = tuple(sorted(self._upstreams))
        else:
            self._check_upstream(words)
            chosen = (words.upstream,)
        order = Switch(chosen, pause, words.reason, words.actor, words.signed)
        if not pause:
            order = replace(order, beside_vi=await self._still_closed(chosen))
        return asdict(await self._switchboard.switch(order))

    async def _still_closed(self, chosen: tuple[str, ...]) -> str:
        """What a resume does not lift: a planned pause ends at its time, or is cancelled."""
        closed = windows.closed((one.window for one in await kept(self._journal)), chosen, self._clock.now())
        if not closed:
            return ""
        return f" Kế hoạch tạm dừng vẫn còn hiệu lực với {', '.join(closed)}; hủy bằng gateway pause --cancel MÃ."


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {key: _iso(value) if isinstance(value, datetime) else value for key, value in row.items()}
