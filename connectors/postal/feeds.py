"""The ledger of a carrier's feed: which rounds of it were read to their end, so that silence means something. Pure.

Postal facts 9: an order in doubt may be held for people after three polls of the feed. A poll counts only if it began after the
order was in doubt, and was read until nothing more came.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.kit.contract import Effect, RaiseAlarm
from connectors.postal.identity import FEEDS

ROUNDS_KEPT = 16


class PageRead(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="page"):
    """A page of the feed was read and is stored with what it said. `asked_at` is the moment before its question left.

    `more`: a further page may be there now, so the round goes on. `strays`: parcels that are not ours and never were spoken of.
    """

    at: datetime
    asked_at: datetime
    records: int
    unreadable: int = 0
    more: bool = False
    strays: int = 0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round that was read to its end."""

    began_at: datetime
    ended_at: datetime
    records: int


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the feed of one carrier. `begun_at`, `begun_records`, `begun_strays` are of the round under way."""

    rounds: tuple[Round, ...] = ()
    completed: int = 0
    records: int = 0
    unreadable: int = 0
    last_page_at: datetime | None = None
    begun_at: datetime | None = None
    begun_records: int = 0
    begun_strays: int = 0


class FeedRounds:
    """The ledger `feeds`; its id is the carrier's name in the settings."""

    kind = FEEDS
    state_type = Feed
    change_type = PageRead

    def apply(self, state: Feed | None, change: PageRead) -> tuple[Feed, Sequence[Effect]]:
        """The feed after a page."""
        feed = state or Feed()
        begun, records = feed.begun_at or change.asked_at, feed.begun_records + change.records
        strays = feed.begun_strays + change.strays
        rounds = feed.rounds
        if not change.more:
            rounds = (*rounds, Round(began_at=begun, ended_at=change.at, records=records))[-ROUNDS_KEPT:]
        after = Feed(
            rounds=rounds,
            completed=feed.completed + (not change.more),
            records=feed.records + change.records,
            unreadable=feed.unreadable + change.unreadable,
            last_page_at=change.at,
            begun_at=begun if change.more else None,
            begun_records=records if change.more else 0,
            begun_strays=strays if change.more else 0,
        )
        return after, _alarms(change, strays)


def rounds_since(feed: Feed | None, moment: datetime) -> int:
    """How many rounds were read to their end that began after a moment, as far as they are kept."""
    return sum(one.began_at > moment for one in feed.rounds) if feed is not None else 0


def _alarms(change: PageRead, strays: int) -> Sequence[Effect]:
    """What people are told: of strays once a round, since a feed that is read for the first time may be full of them."""
    alarms: list[Effect] = []
    if change.unreadable:
        told = f"{change.unreadable} bản ghi trong luồng hành trình không đọc được; các bản ghi khác vẫn được nhận."
        alarms.append(RaiseAlarm("postal.feed_unreadable", told))
    if strays and not change.more:
        told = f"Luồng hành trình nêu {strays} đơn mới không phải của cổng; đã cách ly để kiểm tra."
        alarms.append(RaiseAlarm("postal.stray", told))
    return alarms
