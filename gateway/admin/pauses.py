"""Planned pauses: an operator announces, ahead of time, when nothing will be sent; a watch begins and ends each once.

What is in force follows from the clock and the records; the watch applies it to the worker and tells the trail (and through
the feed the resolution system) when a window was announced, began, ended or was cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import msgspec

from gateway.admin.words import Words
from gateway.audit.events import FieldValue, audit
from gateway.clock import LOCAL_ZONE, Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import Conflict, Fault, Invalid, JournalUnavailable, NotFound
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import AuditWrite
from gateway.journal.store import Journal
from gateway.records import windows
from gateway.records.windows import PauseWindow, Phase
from mappings.codec import encode

LOOK_S = 1.0
_SOON_S = 0.01
SHORTEST_NOTICE = 10
ACTOR = "gateway"

_log = logging.getLogger("gateway.admin")


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"starts_at": "from", "ends_at": "until"}):
    """What a window is asked to be; `all` or an upstream in the words."""

    starts_at: datetime
    ends_at: datetime | None = None
    notice: str = ""
    all: bool = False


class Cancelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which window is cancelled."""

    window: str


class Gates(Protocol):
    """What a planned pause closes: the worker."""

    async def close_windows(self, closed: Mapping[str, str]) -> None:
        """Send nothing to these upstreams, and to the others again, as far as windows go."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A window with the version of its record."""

    window: PauseWindow
    version: int


async def kept(journal: Journal) -> Sequence[Kept]:
    """Every window that was ever planned, by its start."""
    found = [Kept(windows.parse(record), record.version) for record in await journal.records(windows.KIND)]
    return sorted(found, key=lambda one: (one.window.starts_at, one.window.window_id))


class WindowWatch:
    """Begins and ends planned pauses. `look` is one look; `run` looks every second."""

    def __init__(self, journal: Journal, gates: Gates, upstreams: Sequence[str], clock: Clock) -> None:
        self._journal, self._gates, self._upstreams, self._clock = journal, gates, upstreams, clock
        self._open: Sequence[PauseWindow] = ()

    async def look(self) -> None:
        """Apply what is in force now, then tell the trail what began and what ended since the last look."""
        now, every = self._clock.now(), await kept(self._journal)
        self._open = tuple(one.window for one in every if one.window.open_at(now))
        await self._gates.close_windows(windows.closed(self._open, self._upstreams, now))
        for one in every:
            step = _step(one.window, now)
            if step is not None:
                after, row = step
                recording = Recording(records=(windows.write(after, one.version + 1),), audit=(row,))
                # Where somebody else was faster nothing is written: it was told once.
                await self._journal.accept(recording_intake("pause_window", ACTOR, recording))

    def upcoming(self) -> list[dict[str, object]]:
        """What is in force or announced, as of the last look, for callers."""
        now = self._clock.now()
        return [windows.shown(window, now) for window in self._open if window.open_at(now)]

    async def run(self) -> None:
        """Look again and again; a store that cannot answer now is asked again."""
        while True:
            try:
                await self.look()
            except JournalUnavailable:
                _log.warning("the journal is unavailable; planned pauses are looked at again later")
            await asyncio.sleep(self._next_look_s())

    def _next_look_s(self) -> float:
        """A window begins and ends at its own moment, on every node that knows of it, and not at the next look of each."""
        now = self._clock.now()
        moments = [
            moment for window in self._open for moment in (window.starts_at, window.ends_at) if moment is not None
        ]
        left = [(moment - now).total_seconds() for moment in moments]
        return min([LOOK_S, *(max(_SOON_S, seconds) for seconds in left if seconds > -_SOON_S)])


def _step(window: PauseWindow, now: datetime) -> tuple[PauseWindow, AuditWrite] | None:
    """The next thing to tell of a window; None when everything was told. One that passed while nothing ran was missed."""
    over = window.ends_at is not None and now >= window.ends_at
    fields: dict[str, FieldValue] = {
        "window": window.window_id,
        "upstreams": window.upstreams,
        "notice": window.notice,
    }
    if over and window.phase in (Phase.PLANNED, Phase.ACTIVE):
        missed = window.phase is Phase.PLANNED or None
        return replace(window, phase=Phase.ENDED), audit("pause.ended", ACTOR, "", "", **fields, missed=missed)
    if window.phase is Phase.PLANNED and window.starts_at <= now:
        return replace(window, phase=Phase.ACTIVE), audit("pause.began", ACTOR, "", "", **fields, until=window.ends_at)
    return None


class Pauses:
    """The operator's side of planned pauses. `look` applies what was just decided, where something runs."""

    def __init__(
        self,
        journal: Journal,
        upstreams: Sequence[str],
        clock: Clock,
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self._journal, self._upstreams, self._clock, self._look = journal, upstreams, clock, look

    async def shown(self) -> Mapping[str, object]:
        """Every window with its reason and who planned it, for operators."""
        now = self._clock.now()
        return {
            "windows": [
                {
                    **windows.shown(one.window, now),
                    "reason": one.window.reason,
                    "operator": one.window.operator,
                    "phase": one.window.phase,
                }
                for one in await kept(self._journal)
            ]
        }

    async def plan(self, words: Words) -> Mapping[str, object]:
        """Announce a window; it must lie ahead, and say so in a notice."""
        reason, now = checked_reason(words.reason, words.actor), self._clock.now()
        try:
            plan = msgspec.convert(words.details, Plan)
        except msgspec.ValidationError as error:
            raise Invalid(f"Kế hoạch không hợp lệ: {error}", code="order_incomplete") from error
        faults = self._faults(words, plan, now)
        if faults:
            raise Invalid("Kế hoạch tạm dừng chưa hợp lệ.", code="order_incomplete", faults=faults)
        window = PauseWindow(
            window_id=self._clock.new_id(),
            upstreams=() if plan.all else (words.upstream,),
            starts_at=plan.starts_at,
            ends_at=plan.ends_at,
            notice=plan.notice.strip(),
            reason=reason,
            operator=words.actor,
            planned_at=now,
        )
        row = audit(
            "pause.planned",
            words.actor,
            window=window.window_id,
            upstreams=window.upstreams,
            starts_at=window.starts_at,
            until=window.ends_at,
            notice=window.notice,
            reason=reason,
        )
        begins = plan.starts_at.astimezone(LOCAL_ZONE).strftime("%H:%M %d/%m/%Y")
        told = {"done": True, "message_vi": f"Đã lên kế hoạch tạm dừng từ {begins}.", "window": window.window_id}
        return await self._store(words, Recording(encode(told), (windows.write(window, 1),), (row,)))

    def _faults(self, words: Words, plan: Plan, now: datetime) -> tuple[Fault, ...]:
        faults = []
        if not plan.all and words.upstream not in self._upstreams:
            faults.append(Fault("gia_tri_khong_co", "/upstream", f"Hệ thống nhận có: {', '.join(self._upstreams)}."))
        if plan.starts_at.tzinfo is None or (plan.ends_at is not None and plan.ends_at.tzinfo is None):
            return (*faults, Fault("sai_dinh_dang", "/from", "Thời điểm phải có múi giờ."))
        if plan.ends_at is not None and plan.ends_at <= max(plan.starts_at, now):
            faults.append(Fault("sai_dinh_dang", "/until", "Lúc kết thúc phải sau lúc bắt đầu và sau hiện tại."))
        if len(plan.notice.strip()) < SHORTEST_NOTICE:
            told = f"Hãy ghi thông báo cho các hệ thống gọi bằng ít nhất {SHORTEST_NOTICE} ký tự."
            faults.append(Fault("thieu_truong", "/notice", told))
        return tuple(faults)

    async def cancel(self, words: Words) -> Mapping[str, object]:
        """Cancel a window that is to come, or end one that is in force."""
        reason, now = checked_reason(words.reason, words.actor), self._clock.now()
        try:
            wanted = msgspec.convert(words.details, Cancelled)
        except msgspec.ValidationError as error:
            raise Invalid(f"Lệnh không hợp lệ: {error}", code="order_incomplete") from error
        record = await self._journal.record(windows.record_key(wanted.window))
        if record is None:
            raise NotFound("Không có kế hoạch tạm dừng này.", code="window_unknown")
        window = windows.parse(record)
        if not window.open_at(now):
            raise Conflict("Kế hoạch tạm dừng này đã xong hoặc đã hủy.", code="window_closed")
        row = audit("pause.cancelled", words.actor, window=window.window_id, upstreams=window.upstreams, reason=reason)
        told = {"done": True, "message_vi": "Đã hủy kế hoạch tạm dừng.", "window": window.window_id}
        cancelled = windows.write(replace(window, phase=Phase.CANCELLED), record.version + 1)
        return await self._store(words, Recording(encode(told), (cancelled,), (row,)))

    async def _store(self, words: Words, recording: Recording) -> Mapping[str, object]:
        accepted = await self._journal.accept(recording_intake("pause_window", words.actor, recording, words.signed))
        answer: dict[str, object] = msgspec.json.decode(answered(accepted).answer)
        await self._look()
        return answer


async def nothing_runs() -> None:
    """While no gateway runs there is nothing to apply a window to; the next start does."""
