"""Bưu chính công ích: what the gateway may ask of the post, each answered by the module that knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.kit.contract import (
    Budget,
    Change,
    Decided,
    Endpoint,
    Enquiry,
    Health,
    Kit,
    Ledger,
    Notice,
    Poller,
    Reading,
    Receipt,
    TaskDelivery,
    View,
)
from connectors.kit.settlement.ledgers import PartLedger, SettlementLedger
from connectors.postal.address_check import AddressEndpoints
from connectors.postal.board import Board
from connectors.postal.client import Carriers
from connectors.postal.cod_days import COD, CodDays
from connectors.postal.cod_endpoints import CodEndpoints
from connectors.postal.cod_settling import CodSettling
from connectors.postal.decisions import Decisions
from connectors.postal.endpoints import Counter, ShipmentEndpoints
from connectors.postal.feeds import FeedRounds
from connectors.postal.following import FeedFollowing, SilenceFollowing
from connectors.postal.handover import Handovers
from connectors.postal.ledger import Shipments
from connectors.postal.notices import Notices, voices_of
from connectors.postal.paper_endpoints import PaperDesk, PaperEndpoints
from connectors.postal.settings import Settings as Settings
from connectors.postal.strays import Strays
from connectors.postal.tasks import Tasks

_PROBE_S = 5.0


class PostalConnector:
    """TaskDeliverer, TaskEnquirer, Listener, Poller, Ledger, Endpoint, Decides, Shows and Probe."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        """Raises `SettingsError` that names every wrong key of the carriers."""
        self._kit = kit
        self._carriers = Carriers(settings.enabled, kit)
        self._tasks = Tasks(self._carriers, settings.tracking, kit)
        self._decisions = Decisions(kit)
        self._notices = Notices(kit, voices_of(self._carriers), settings.notices)
        self._board = Board([one.name for one in settings.enabled], kit)
        self._pollers: Mapping[str, Poller] = {
            "feed_h2": FeedFollowing("h2", self._carriers, settings.tracking, kit),
            "feed_h3": FeedFollowing("h3", self._carriers, settings.tracking, kit),
            "due": SilenceFollowing(self._carriers, kit),
            "cod": CodSettling(settings, kit),
        }
        self._ledgers: tuple[Ledger[Any, Any], ...] = (
            Shipments(),
            FeedRounds(),
            Strays(),
            SettlementLedger(COD),
            PartLedger(COD),
            CodDays(),
            Handovers(),
        )
        self._papers = PaperEndpoints(PaperDesk(settings.papers, self._carriers, kit))
        self._endpoints = (
            *ShipmentEndpoints(Counter(settings, self._carriers, kit)).endpoints(),
            *CodEndpoints(settings, kit).endpoints(),
            *AddressEndpoints(self._carriers).endpoints(),
            *self._papers.endpoints(),
        )

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """Register a dossier, order a parcel, or take an order back."""
        return await self._tasks.deliver(delivery)

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """What became of either."""
        return await self._tasks.enquire(delivery)

    async def read(self, notice: Notice) -> Reading:
        """The reading of a carrier's notice."""
        return await self._notices.read(notice)

    def ledgers(self) -> Sequence[Ledger[Any, Any]]:
        """The parcels and their money, rounds of feeds, what was said about parcels not ours, and the handover lists."""
        return self._ledgers

    def pollers(self) -> Mapping[str, Poller]:
        """The feeds, parcels that nobody has seen for days, and statements about cash on delivery."""
        return self._pollers

    def endpoints(self) -> Sequence[Endpoint]:
        """Those of callers, for parcels and for what is printed of them."""
        return self._endpoints

    def signs(self) -> Sequence[tuple[str, str]]:
        """The key of handover lists, where one is configured."""
        return self._papers.signs()

    def views(self) -> Mapping[str, View]:
        """The board of parcels."""
        return self._board.views()

    async def decided(self, decision: Decided) -> Change:
        """The change that a decision of operators makes."""
        return await self._decisions.decided(decision)

    async def check(self) -> Health:
        """Whether the carriers answer at all; one of them is enough to go on."""
        began = self._kit.instant()
        seen = [
            (one.title_vi, await one.reach(Budget(self._kit.instant() + _PROBE_S, _PROBE_S)))
            for one in self._carriers.all()
        ]
        latency_ms = (self._kit.instant() - began) * 1000
        dead = [title for title, reached in seen if not reached]
        if len(dead) == len(seen):
            return Health(False, f"Không kết nối được: {', '.join(dead)}.", latency_ms)
        told = f"Không kết nối được: {', '.join(dead)}; các đơn vị khác sẵn sàng." if dead else "Sẵn sàng."
        return Health(True, told, latency_ms)

    async def close(self) -> None:
        """Release sockets."""
        await self._carriers.close()


def create(settings: Settings, kit: Kit) -> PostalConnector:
    """The connector for one upstream."""
    return PostalConnector(settings, kit)
