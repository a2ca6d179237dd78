"""What a process does of all that a gateway does: `serve` everything, or the door alone; `gateway worker` the carrying alone.

The carrying: deliveries, pollers, reading back, judging results, telling of gaps. The door: listeners, identity. Both look at
pauses and at the register. Apart from each other they need a store that both reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.config import Loaded
from gateway.dispatch.nodes import LIVE_S
from gateway.dispatch.seats import CARRIES
from gateway.errors import ConfigError
from gateway.journal.model import NodeRow

LOOK_S = 5.0
ABSENT_AFTER_S = 30.0
_AGAIN_S = 900.0
ABSENT = "worker.absent"


@dataclass(frozen=True, slots=True)
class Duties:
    """Whether a process keeps the door, and whether it carries."""

    door: bool = True
    carrying: bool = True


EVERYTHING: Final = Duties()
DOOR: Final = Duties(carrying=False)
CARRYING: Final = Duties(door=False)


def check(loaded: Loaded, duties: Duties) -> None:
    """Raises `ConfigError` where one process must do everything, because nobody else could reach the store."""
    if duties == EVERYTHING or loaded.settings.storage.postgres is not None:
        return
    what = "gateway worker" if duties.carrying else "gateway serve --without-worker"
    raise ConfigError(
        (
            f"{what} chỉ dùng được với kho PostgreSQL ([storage.postgres]); kho SQLite chỉ do một tiến trình giữ, hãy chạy "
            "gateway serve (bộ giao nhận chạy bên trong)",
        )
    )


def carries(row: NodeRow) -> bool:
    """Whether a node carries deliveries: those that do say so with each beat.

    What it could use says nothing of it: where all upstreams are paused a carrier asks for no seat, and a door asks for one
    to answer a question.
    """
    return bool(row.start) and row.silent_s < LIVE_S and CARRIES in row.demands


class CarrierWatch:
    """At a door that does not carry: an alarm while nobody does. `run` looks every few seconds until it is cancelled."""

    def __init__(self, rows: Callable[[], Sequence[NodeRow]], alarm: Callable[[str], None], clock: Clock) -> None:
        self._rows, self._alarm, self._clock = rows, alarm, clock
        self._seen_at = clock.instant()
        self._told_at = -float("inf")

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """One look."""
        now = self._clock.instant()
        if any(carries(row) for row in self._rows()):
            self._seen_at, self._told_at = now, -float("inf")
        elif now - self._seen_at >= ABSENT_AFTER_S and now - self._told_at >= _AGAIN_S:
            self._told_at = now
            self._alarm(
                "Không có nút nào đang giao nhận; hãy chạy gateway worker. Sự kiện mới vẫn được tiếp nhận và lưu."
            )
