"""What of the NGSP adapter nobody could confirm, as typed configuration with the defaults of postal facts 11."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

EventTimeFormat = Literal["auto", "epoch_s", "epoch_ms", "yyyyMMddHHmmss"]
"""How `EventTime` counts; `auto` tells by its size, since the three do not overlap between 2000 and 2100."""


class NgspOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between installations of the adapter.

    `success_status`: the values of `Status` that mean done (no source lists them); `without_status`: what an answer of 2xx
    without `Status` means. `tz` is the zone of an `EventTime` that is written as a date. `cancel_means`: whether a granted
    cancellation is done, or only asked for. `document_state` is `State` of a registered dossier. `settle_s`: so old a record of
    the feed must be before the cursor passes it, since the ids of one second are given by several machines, in any order.
    `feed_since`: a feed that was never read is read from that day on; without it from its first record, however old.
    """

    success_status: tuple[int, ...] = (0, 1, 200, 201)
    without_status: Literal["doubt", "success"] = "doubt"
    event_time_format: EventTimeFormat = "auto"
    tz: Literal["Asia/Ho_Chi_Minh", "UTC"] = "Asia/Ho_Chi_Minh"
    cancel_means: Literal["cancelled", "requested"] = "cancelled"
    document_state: int = 1
    settle_s: float = 5.0
    feed_since: date | None = None

    def __post_init__(self) -> None:
        """Refuses a set that knows no success, and a delay that would hide the feed."""
        if not self.success_status:
            raise ValueError("success_status: cần ít nhất một giá trị")
        if not 0 <= self.settle_s <= 300:
            raise ValueError("settle_s: từ 0 đến 300 giây")
        if self.feed_since is not None and not 2000 <= self.feed_since.year < 2100:
            raise ValueError("feed_since: ngày trong thế kỷ này")
