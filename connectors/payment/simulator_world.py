"""Everybody and everything of the simulated payments: books, lies, notices and the payers that follow a script.

A house is one intermediary: its servers, its notices, and how it sends a browser back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulation import Call, Simulation
from connectors.payment.simulator_books import Books, Charge, News
from connectors.payment.simulator_lies import OF_NOTICES, Lie, LieOrders, Lies, Names, Pairs, before_signing
from connectors.payment.simulator_notices import Postman, Sent, Voice
from connectors.payment.simulator_options import PaymentOptions


class Codes(StrEnum):
    """The reasons of a failure that a payer can cause; every house has a code of its own for each."""

    CANCELLED = "cancelled"
    FUNDS = "funds"
    EXPIRED = "expired"
    SUSPECTED = "suspected"


class House(Voice, Protocol):
    """One intermediary. `payer_path` is its own address for payers ("": `/pay/{token}` only); `blank` is the `wire` of an order
    that nobody made, for forged notices.
    """

    title: str
    codes: Mapping[Codes, str]
    payer_path: str
    blank: Mapping[str, str]

    def mount(self, app: web.Application) -> None:
        """Add its servers."""
        ...

    def back(self, news: News) -> str:
        """Where the payer's browser goes with these news, "" for nowhere."""
        ...

    def opened(self, raw_query: str) -> Charge:
        """The order behind an address at `payer_path`; raises `Refusal`."""
        ...


@dataclass(slots=True)
class Automatic:
    """The next `left` orders of `provider` ("": of any) meet `action`, `after_s` seconds after they were made; 0: all of them."""

    provider: str
    action: str
    times: int
    left: int
    after_s: float = 0.0


class World:
    """What all houses share. `now` gives the time in UTC, `new_token` opaque values of 256 bits."""

    def __init__(self, options: PaymentOptions, now: Callable[[], datetime], new_token: Callable[[], str]) -> None:
        self.options = options
        self.now = now
        self.new_token = new_token
        self.books = Books(now, new_token)
        self.lies = Lies()
        self.simulation = Simulation()
        self.houses: dict[str, House] = {}
        self.gateway_url = options.gateway_url
        self.edge_url = options.edge_url
        self.notify: dict[str, str] = {}
        self.postman = Postman(self.houses, now, options.speed.pace)
        self.automatic: Automatic | None = None
        self.made: Callable[[Charge], None] = lambda _charge: None
        self._address = options.base_url
        self._last: dict[tuple[str, str], News] = {}
        self._wake = asyncio.Event()

    def scaled(self, seconds: float) -> timedelta:
        """A span of the real world as it lasts here."""
        return timedelta(seconds=seconds * self.options.speed.pace)

    def pay_url(self, charge: Charge) -> str:
        """The payer's page of an order, at this simulator's own address as payers know it."""
        return f"{self._address}/pay/{charge.token}"

    def notify_url(self, charge: Charge) -> str:
        """Where notices of an order go: what the order says, else what was registered."""
        provider = charge.provider
        registered = self.notify.get(provider) or self.options.of(provider).notify_url
        default = f"{self.gateway_url}/v1/callbacks/{self.options.upstream}/{provider}"
        return charge.notify_url or registered or default

    def return_url(self, provider: str) -> str:
        """Where payers are sent back to by a house whose orders name no address."""
        edge = self.edge_url or self.gateway_url
        return self.options.of(provider).return_url or f"{edge}/payments/{self.options.upstream}/{provider}/return"

    def announce(self, news: News) -> list[Sent]:
        """Tell what happened, and remember it as the last news of its order."""
        self._last[(news.charge.provider, news.charge.ref)] = news
        return self.tell(news)

    def tell(self, news: News, lie: Lie | None = None) -> list[Sent]:
        """Send a notice; without a lie of the caller's, one that was ordered may be told instead."""
        told = lie or self.lies.one_of(OF_NOTICES, news.charge.provider)
        return self.postman.send(self._twisted(news, told), self.notify_url(news.charge), told)

    def last_news(self, charge: Charge) -> News | None:
        """What was last told of an order."""
        return self._last.get((charge.provider, charge.ref))

    def signed_lie(self, lie: Lie | None, pairs: Pairs, names: Names, charge: Charge) -> Pairs:
        """The fields of a notice with a lie that is signed like the truth."""
        strange = ""
        if lie is Lie.REUSED_TXN:
            others = (one for one in self.books if one.provider == charge.provider and one is not charge)
            strange = next((txn.txn_id for one in others for txn in one.txns), "")
        return before_signing(lie, pairs, names, strange)

    def open(self, charge: Charge) -> Charge:
        """Take an order, and let time and the automatic payer look at it; raises `Duplicate`."""
        self.books.open(charge)
        self._wake.set()
        self.made(charge)
        return charge

    def tick(self) -> list[Sent]:
        """Do what is due and tell of it."""
        news = self.books.due(lambda provider: self.houses[provider].codes[Codes.EXPIRED])
        return [sent for one in news for sent in self.announce(one)]

    def forget(self) -> None:
        """Lose every order, notice and lie; numbers go on."""
        self.postman.forget()
        self.books.forget()
        self.lies.replace(LieOrders())
        self.automatic = None
        self._last.clear()
        self.simulation.log.calls.clear()

    def stir(self) -> None:
        """Something may be due earlier than before."""
        self._wake.set()

    async def run_clock(self) -> None:
        """Tick whenever something is due, until cancelled."""
        while True:
            self.tick()
            self._wake.clear()
            due = self.books.next_due()
            wait_s = None if due is None else max(0.01, (due - self.now()).total_seconds())
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def play(
        self, request: web.Request, name: str, work: Callable[[bytes], web.Response], ref: str = ""
    ) -> web.StreamResponse:
        """Answer a call by `work` over its body, under the fault plan; time has been looked at before."""
        body = await request.read()
        self._address = self.options.base_url or f"{request.scheme}://{request.host}"

        async def doing(_fault: Fault | None) -> web.Response:
            self.tick()
            return work(body)

        return await self.simulation.play(Call(request, name, {"ref": ref} if ref else {}), doing)

    def refund_takes(self, provider: str) -> tuple[timedelta, bool]:
        """How long the next refund is under way, and whether it is rejected."""
        if self.lies.tells(Lie.REFUND_STUCK, provider):
            return timedelta(days=3650), False
        return self.scaled(self.options.speed.refund_s), self.lies.tells(Lie.REFUND_REJECTED, provider)

    def _twisted(self, news: News, lie: Lie | None) -> News:
        """News with a wrong time or a contrary outcome, where that is the lie."""
        charge, txn = news.charge, news.txn
        if lie is Lie.CONTRARY:
            return News(charge, None, self.houses[charge.provider].codes[Codes.FUNDS], news.at)
        if lie in (Lie.FUTURE_TIME, Lie.PAST_TIME) and txn is not None:
            days = timedelta(days=400 if lie is Lie.FUTURE_TIME else -400)
            moved = replace(txn, paid_at=txn.paid_at + days)
            return News(charge, moved, news.code, moved.paid_at)
        return news
