"""The ledger of what a carrier says about parcels that are not ours: counted, the newest kept as codes, told once. Pure.

Postal facts 9: a notice for an unknown order is quarantined, never refused. One customer code may serve several systems, so a
feed may speak of orders that none of ours placed. Nothing about persons is kept: no text, no note, no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.kit.contract import Effect, RaiseAlarm
from connectors.postal.identity import STRAYS

SEEN_KEPT = 8


class StraySeen(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="stray"):
    """A scan of an order number that no shipment of ours has; `order_number` may be the carrier's own code."""

    at: datetime
    carrier: str
    order_number: str
    event_id: str
    raw_code: str
    occurred_at: datetime
    source: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One scan, as codes."""

    event_id: str
    raw_code: str
    occurred_at: datetime
    source: str


class Stray(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that is not ours: how often it was spoken of, and the newest of that."""

    carrier: str
    order_number: str
    first_at: datetime
    count: int = 0
    seen: tuple[Seen, ...] = ()


class Strays:
    """The ledger `strays`; its id is what the shipment's would be, had it been ours."""

    kind = STRAYS
    state_type = Stray
    change_type = StraySeen

    def apply(self, state: Stray | None, change: StraySeen) -> tuple[Stray, Sequence[Effect]]:
        """The stray after one more scan. The first is an alarm, but for a feed, which is told of once a round (`feeds.py`)."""
        stray = state or Stray(carrier=change.carrier, order_number=change.order_number, first_at=change.at)
        seen = Seen(
            event_id=change.event_id,
            raw_code=change.raw_code,
            occurred_at=change.occurred_at,
            source=change.source,
        )
        after = msgspec.structs.replace(stray, count=stray.count + 1, seen=(*stray.seen, seen)[-SEEN_KEPT:])
        if state is not None or change.source == "feed":
            return after, ()
        told = f"{change.carrier}: có hành trình của một đơn không phải của cổng; đã cách ly để kiểm tra."
        return after, (RaiseAlarm("postal.stray", told),)
