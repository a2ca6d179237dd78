"""Reading the configuration anew, as an operator orders it or the system does by a signal: what came of it is in the trail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial

from gateway.admin.words import Words
from gateway.audit.events import audit
from gateway.errors import UpstreamUnavailable
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import AuditWrite
from gateway.journal.store import Journal
from mappings.codec import encode

COMMAND = "reload"
GATEWAY = "gateway"
_MOST_KEYS = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of reading the configuration anew: `generation` is in force now; with `faults` it is the one from before."""

    previous: str
    generation: str
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def message_vi(self) -> str:
        """What is told to whoever ordered it."""
        if self.faults:
            return (
                f"Không nạp lại: cấu hình mới có {len(self.faults)} lỗi; cổng vẫn chạy với cấu hình {self.generation}."
            )
        if self.generation == self.previous:
            # The digest tells of what nodes share alone.
            return (
                f"Đã nạp lại: các khóa mà các nút dùng chung không đổi ({self.generation}); khóa riêng của nút và các tệp "
                "đi kèm được đọc lại."
            )
        return f"Đã nạp lại: cấu hình {self.previous} được thay bằng {self.generation}."


Teller = Callable[[Outcome], Awaitable[object]]
"""Writes an outcome into the trail, before it takes effect."""

Reload = Callable[[Teller], Awaitable[Outcome]]
"""Reads the configuration anew and exchanges what it describes, at once or not at all."""


@dataclass(frozen=True, slots=True)
class ReloadDesk:
    """Reloads on order."""

    journal: Journal
    reload: Reload

    async def carry(self, words: Words) -> Mapping[str, object]:
        """An operator's order; a configuration that is refused is an answer (`done` false) and names every fault."""
        outcome = await self.reload(partial(self._written, words))
        return _told(outcome)

    async def by_signal(self, name: str) -> Outcome:
        """The order of the system, such as SIGHUP; raises `JournalUnavailable` when it cannot be written down."""
        return await self.reload(partial(self._noted, name))

    async def _written(self, words: Words, outcome: Outcome) -> None:
        recording = Recording(encode(_told(outcome)), (), (_row(outcome, words.actor, words.reason),))
        answered(await self.journal.accept(recording_intake("configuration", words.actor, recording, words.signed)))

    async def _noted(self, name: str, outcome: Outcome) -> None:
        recording = Recording(encode(_told(outcome)), (), (_row(outcome, GATEWAY, name),))
        answered(await self.journal.accept(recording_intake("configuration", GATEWAY, recording)))


def _told(outcome: Outcome) -> dict[str, object]:
    return {"done": not outcome.faults, "message_vi": outcome.message_vi(), **asdict(outcome)}


def _row(outcome: Outcome, actor: str, reason: str) -> AuditWrite:
    if not outcome.faults:
        return audit("config.reloaded", actor, generation=outcome.generation, previous=outcome.previous, reason=reason)
    # Places only: what is said of a fault may quote what somebody wrote.
    keys = tuple(dict.fromkeys(fault.partition(":")[0] for fault in outcome.faults))[:_MOST_KEYS]
    return audit(
        "config.refused", actor, generation=outcome.generation, faults=len(outcome.faults), keys=keys, reason=reason
    )


async def not_running(_words: Words) -> Mapping[str, object]:
    """While no gateway runs there is nothing to reload: the next start reads the file."""
    raise UpstreamUnavailable(
        "Chỉ nạp lại được khi cổng đang chạy; lần khởi động tới sẽ đọc cấu hình mới.", code="not_running"
    )
