"""What an operator may ask and decide, whoever carries the words: the admin socket, or the command line when nothing runs.

Every decision needs a reason and is audited in its own transaction (QĐ 3036 Điều 19.3, 19.4: the operating unit watches
the synchronisation with the national portal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from gateway.clock import Clock
from gateway.config import Upstream
from gateway.dispatch.replay import LanePlace, checked_reason, lane_order
from gateway.dispatch.retry import ENQUIRY_MARGIN
from gateway.errors import NotFound
from gateway.intake.operator import conflict_intake, gap_intake
from gateway.intake.skipped import SkippedPush, skipped_push_intake
from gateway.journal.model import TERMINAL, AuditWrite, DeliveryState, InboundStatus, Intake, OrderKind
from gateway.journal.store import Journal


class Switchboard(Protocol):
    """What can pause and resume an upstream: the worker when it runs."""

    async def pause(self, upstream: str, reason: str, actor: str) -> None:
        """Send nothing to `upstream` until it is resumed; what waits is unharmed."""
        ...

    async def resume(self, upstream: str, reason: str, actor: str) -> None:
        """Send to `upstream` again."""
        ...


@dataclass(frozen=True, slots=True)
class LaneQuery:
    """Which lanes an operator wants to see."""

    upstream: str = ""
    dossier: str = ""
    blocked_only: bool = False
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Words:
    """A person's decision in words: who, why, and about what.

    `details` are those of commands that need more than a place. `proof` are the audit rows that say by which keys the
    decision was signed: every operation writes them in the transaction of what was decided.
    """

    actor: str
    reason: str
    upstream: str = ""
    dossier: str = ""
    delivery_id: str = ""
    source: str = ""
    event_id: str = ""
    sequence: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    proof: tuple[AuditWrite, ...] = ()


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
        counts = await self._journal.counts()
        upstreams = []
        for code in self._upstreams:
            known = await self._journal.upstream(code)
            states = {str(state): n for (name, state), n in counts.messages.items() if name == code}
            upstreams.append(
                {
                    "upstream": code,
                    "breaker": known.breaker_state,
                    "paused": known.paused,
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
            "parked": parked,
            "lanes": [_plain(asdict(row)) for row in rows],
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
        ordered = await self._journal.order(replace(wanted, doubt_rest=rest), self._clock.now())
        if not ordered.done:
            raise NotFound(ordered.message_vi)
        return {"done": True, "message_vi": ordered.message_vi, "delivery_id": ordered.delivery_id}

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
        await self._journal.accept(skipped_push_intake(head.source, words.dossier, self._clock.new_id(), subject))

    async def skip_gap(self, words: Words) -> Mapping[str, object]:
        """Pass a sequence gap of (source, dossier), up to but not including `sequence` (0: the first that waits)."""
        checked_reason(words.reason, words.actor)
        return await self._decide(gap_intake(words, self._clock.new_id()))

    async def decide_conflict(self, words: Words, *, apply: bool) -> Mapping[str, object]:
        """Apply a parked event in spite of the transition table, or pass it over."""
        checked_reason(words.reason, words.actor)
        return await self._decide(conflict_intake(words, self._clock.new_id(), apply=apply))

    async def _decide(self, intake: Intake) -> Mapping[str, object]:
        accepted = await self._journal.accept(intake)
        answer: dict[str, object] = msgspec.json.decode(accepted.answer)
        if accepted.status >= 400:
            raise NotFound(str(answer.get("message_vi", "")), code=str(answer.get("code", "")), status=accepted.status)
        return {"done": True, "message_vi": "Đã ghi quyết định.", **answer}

    def _check_upstream(self, words: Words) -> None:
        if words.upstream not in self._upstreams:
            raise NotFound(f"Không có hệ thống nhận tên {words.upstream!r}; có: {', '.join(self._upstreams)}")

    async def pause(self, words: Words) -> Mapping[str, object]:
        """Send nothing to an upstream until it is resumed."""
        self._check_upstream(words)
        await self._switchboard.pause(words.upstream, words.reason, words.actor)
        return {"done": True, "message_vi": f"Đã tạm dừng {words.upstream}; sự kiện mới vẫn được tiếp nhận."}

    async def resume(self, words: Words) -> Mapping[str, object]:
        """Send to an upstream again."""
        self._check_upstream(words)
        await self._switchboard.resume(words.upstream, words.reason, words.actor)
        return {"done": True, "message_vi": f"Đã cho {words.upstream} chạy tiếp."}


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {key: _iso(value) if isinstance(value, datetime) else value for key, value in row.items()}
