"""Kế hoạch tạm dừng: planned pauses of upstreams, with start, end and a notice that callers read.

Record kind `pause_window`, id = a fresh id, state = `PauseWindow` as JSON. What is in force follows from the times alone, so a
restart in the middle of a window changes nothing; `phase` says what the trail was told already, so that it is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

KIND = "pause_window"


class Phase(StrEnum):
    """How far a window has come."""

    PLANNED = "planned"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PauseWindow:
    """Nothing is sent to `upstreams` from `starts_at` until `ends_at`; without an end, until a person cancels it.

    `upstreams` empty means all, those of a later configuration too. `notice` is for callers, `reason` for auditors.
    """

    window_id: str
    upstreams: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    notice: str
    reason: str
    operator: str
    planned_at: datetime
    phase: Phase = Phase.PLANNED

    def open_at(self, now: datetime) -> bool:
        """Whether it is still to come, or in force."""
        over = self.ends_at is not None and now >= self.ends_at
        return self.phase in (Phase.PLANNED, Phase.ACTIVE) and not over

    def in_force(self, now: datetime) -> bool:
        """Whether nothing may be sent to its upstreams now."""
        return self.open_at(now) and self.starts_at <= now

    def concerns(self, upstream: str) -> bool:
        """Whether it is about this upstream."""
        return not self.upstreams or upstream in self.upstreams


def record_key(window_id: str) -> RecordKey:
    """Where a window stands."""
    return RecordKey(KIND, window_id)


def parse(record: Record) -> PauseWindow:
    """The window in a stored record."""
    return decode(record.state, PauseWindow)


def write(window: PauseWindow, version: int) -> RecordWrite:
    """The record that puts it in place."""
    return RecordWrite(record_key(window.window_id), version, encode(window))


def closed(windows: Iterable[PauseWindow], upstreams: Iterable[str], now: datetime) -> Mapping[str, str]:
    """The upstreams that are closed now, each with what is told of it."""
    in_force = [window for window in windows if window.in_force(now)]
    return {
        upstream: "; ".join(window.notice for window in in_force if window.concerns(upstream))
        for upstream in upstreams
        if any(window.concerns(upstream) for window in in_force)
    }


def shown(window: PauseWindow, now: datetime) -> dict[str, object]:
    """A window as callers may see it: no reason, and nobody's name. Empty `upstreams`: all."""
    return {
        "window": window.window_id,
        "upstreams": list(window.upstreams),
        "from": window.starts_at,
        "until": window.ends_at,
        "notice": window.notice,
        "in_force": window.in_force(now),
    }
