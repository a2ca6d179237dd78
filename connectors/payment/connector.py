"""Trung gian thanh toán: what the gateway may ask of payment, each answered by the module that knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.kit.contract import (
    Audience,
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
)
from connectors.kit.networks import networks_of
from connectors.kit.settlement.ledgers import PartLedger, SettlementLedger
from connectors.payment import due, return_page
from connectors.payment.asking import Asking
from connectors.payment.client import Intermediaries
from connectors.payment.decisions import Decisions
from connectors.payment.endpoints import Counter, PaymentEndpoints
from connectors.payment.following import Following, Sweeping
from connectors.payment.ledger import Payments
from connectors.payment.notices import Notices, Voice
from connectors.payment.orders import Addresses
from connectors.payment.settings import Settings as Settings
from connectors.payment.settlement_endpoints import SettlementEndpoints
from connectors.payment.settlement_kinds import KINDS
from connectors.payment.settling import Settling
from connectors.payment.statement_fetching import StatementFetching
from connectors.payment.tasks import Tasks

_PROBE_S = 5.0


class PaymentConnector:
    """TaskDeliverer, TaskEnquirer, Listener, Poller, Ledger, Endpoint, Decides and Probe."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        """Raises `SettingsError` that names every wrong key of the intermediaries."""
        self._kit = kit
        self._intermediaries = Intermediaries(settings.enabled, kit)
        addresses = Addresses(settings.public_url, kit.upstream)
        self._tasks = Tasks(self._intermediaries, addresses, kit)
        self._fetching = StatementFetching(settings, kit)
        asking = Asking(self._intermediaries, kit)
        self._pollers: Mapping[str, Poller] = {
            "due": Following(asking, kit),
            "sweep": Sweeping(asking, kit),
            "statements": Settling(settings, kit),
            "statement_apis": self._fetching,
        }
        self._ledgers: tuple[Ledger[Any, Any], ...] = (
            Payments(settings.receipts),
            SettlementLedger(KINDS),
            PartLedger(KINDS),
        )
        self._decisions = Decisions(kit)
        self._notices = Notices(kit, _voices(self._intermediaries), settings.notices)
        shown = return_page.ReturnPage(settings, self._intermediaries, kit)
        bills = due.DueBills(settings, self._intermediaries, addresses, kit)
        self._endpoints = (
            *PaymentEndpoints(Counter(settings, self._intermediaries, kit)).endpoints(),
            *SettlementEndpoints(settings, kit).endpoints(),
            Endpoint("GET", return_page.PATH, Audience.EDGE, shown.show),
            Endpoint("POST", due.PATH, Audience.EDGE, bills.answer),
        )

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """Put an attempt before its intermediary, or ask it for a refund."""
        return await self._tasks.deliver(delivery)

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """What became of either."""
        return await self._tasks.enquire(delivery)

    async def read(self, notice: Notice) -> Reading:
        """What an intermediary tells us."""
        return await self._notices.read(notice)

    def ledgers(self) -> Sequence[Ledger[Any, Any]]:
        """The payments, and their settlement."""
        return self._ledgers

    def pollers(self) -> Mapping[str, Poller]:
        """What is due, the daily sweep, and statements."""
        return self._pollers

    def endpoints(self) -> Sequence[Endpoint]:
        """Those of callers and of settlement, the page that payers come back to, and what the portal pulls."""
        return self._endpoints

    async def decided(self, decision: Decided) -> Change:
        """The change that a decision of operators makes."""
        return await self._decisions.decided(decision)

    async def check(self) -> Health:
        """Whether the intermediaries answer at all; one of them is enough to go on."""
        began = self._kit.instant()
        seen = [
            (one.title_vi, await one.reach(Budget(self._kit.instant() + _PROBE_S, _PROBE_S)))
            for one in self._intermediaries.all()
        ]
        latency_ms = (self._kit.instant() - began) * 1000
        called = [(title, reached) for title, reached in seen if reached is not None]
        dead = [title for title, reached in called if not reached]
        if called and len(dead) == len(called):
            return Health(False, f"Không kết nối được: {', '.join(dead)}.", latency_ms)
        told = f"Không kết nối được: {', '.join(dead)}; các đơn vị khác sẵn sàng." if dead else "Sẵn sàng."
        return Health(True, told, latency_ms)

    async def close(self) -> None:
        """Release sockets."""
        await self._intermediaries.close()
        await self._fetching.close()


def _voices(intermediaries: Intermediaries) -> dict[str, Voice]:
    """The intermediaries that send notices, each with the networks that it may call from."""
    return {
        one.name: Voice(one.name, one.dialogue, one.dialect.methods, networks_of(one.settings.sources))
        for one in intermediaries.all()
        if one.dialect.notices
    }


def create(settings: Settings, kit: Kit) -> PaymentConnector:
    """The connector for one upstream."""
    return PaymentConnector(settings, kit)
