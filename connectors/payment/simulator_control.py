"""The control plane of the simulated payments: everything the wires do not show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from connectors.kit.simulation import json_answer, order, whole_number
from connectors.payment.simulator_books import Charge, News
from connectors.payment.simulator_lies import OF_NOTICES, Lie, LieOrders
from connectors.payment.simulator_notices import Delivery, Sent
from connectors.payment.simulator_options import PROVIDERS
from connectors.payment.simulator_payer import Action, How, Impossible, Payer
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Automatic, World


class _Pay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    address: str = ""
    provider: str = ""
    ref: str = ""
    action: Action = Action.PAY
    code: str = ""
    amount: int | None = None
    late_s: float | None = None
    wait: bool = False


class _Automatic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    action: str = ""
    provider: str = ""
    times: int = 0
    after_s: float = 0.0


class _Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    provider: str
    ref: str
    lie: Lie | None = None
    amount: int = 0
    times: int = 1
    wait: bool = False


class _Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: int
    times: int = 1
    wait: bool = False


class _Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    order: Literal["as_made", "reversed", "shuffled"] = "as_made"
    seed: int = 0
    wait: bool = True


class _Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    gateway_url: str = ""
    edge_url: str = ""
    notify: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Control:
    """Orders and views of a world."""

    world: World
    payer: Payer

    def mount(self, app: web.Application) -> None:
        """Add the control plane, and let the automatic payer see every order."""
        self.world.made = self._automatically
        routes = app.router
        routes.add_post("/_simulator/pay", self.pay)
        routes.add_put("/_simulator/automatic", self.automatic)
        routes.add_get("/_simulator/books", self.books)
        routes.add_get("/_simulator/notices", self.notices)
        routes.add_post("/_simulator/notices", self.tell)
        routes.add_post("/_simulator/notices/again", self.again)
        routes.add_put("/_simulator/delivery", self.delivery)
        routes.add_post("/_simulator/release", self.release)
        routes.add_put("/_simulator/addresses", self.addresses)
        routes.add_get("/_simulator/lies", self.lies)
        routes.add_put("/_simulator/lies", self.put_lies)
        routes.add_delete("/_simulator/state", self.forget)

    async def pay(self, request: web.Request) -> web.Response:
        """Do what a payer does."""
        ordered = await order(request, _Pay)
        try:
            charge = self._charge(ordered)
            did = self.payer.act(charge, ordered.action, How(ordered.code, ordered.amount, ordered.late_s))
        except Refusal as refused:
            return json_answer({"fault": str(refused)}, 400)
        except Impossible as error:
            return json_answer({"fault": str(error)}, 409)
        if ordered.wait:
            await self.world.postman.ended(did.notices)
        return json_answer(
            {
                "provider": charge.provider,
                "ref": charge.ref,
                "location": did.location,
                "notices": _numbers(did.notices),
            }
        )

    async def automatic(self, request: web.Request) -> web.Response:
        """Have orders met by an action as soon as they are made."""
        ordered = await order(request, _Automatic)
        if ordered.action and ordered.action not in list(Action):
            raise web.HTTPUnprocessableEntity(text=f"action: chỉ có {', '.join(Action)}")
        _known(ordered.provider or PROVIDERS[0])
        self.world.automatic = (
            Automatic(ordered.provider, ordered.action, ordered.times, ordered.times, ordered.after_s)
            if ordered.action
            else None
        )
        return json_answer({"action": ordered.action, "times": ordered.times})

    async def books(self, _request: web.Request) -> web.Response:
        """Every order with its money."""
        self.world.tick()
        now = self.world.now()
        charges = [_shown(charge, now) for charge in self.world.books]
        sums = {
            name: {
                "paid": sum(charge.paid() for charge in self.world.books if charge.provider == name),
                "refunded": sum(charge.refunded() for charge in self.world.books if charge.provider == name),
            }
            for name in self.world.houses
        }
        return json_answer({"orders": charges, "sums": sums})

    async def notices(self, request: web.Request) -> web.Response:
        """What was sent, and what was answered."""
        after = whole_number(request, "after", 0)
        return json_answer({"notices": [one.shown() for one in self.world.postman.sent if one.number > after]})

    async def tell(self, request: web.Request) -> web.Response:
        """Repeat news of an order, or lie about it."""
        ordered = await order(request, _Notice)
        _known(ordered.provider)
        if ordered.lie is not None and ordered.lie not in OF_NOTICES:
            raise web.HTTPUnprocessableEntity(text="lie: không phải lời nói dối của một thông báo")
        news = self._news(ordered)
        sent = [one for _ in range(ordered.times) for one in self.world.tell(news, ordered.lie)]
        if ordered.wait:
            await self.world.postman.ended(sent)
        return json_answer({"notices": _numbers(sent)})

    async def again(self, request: web.Request) -> web.Response:
        """Send the same bytes again."""
        ordered = await order(request, _Again)
        sent = [one for one in (self.world.postman.again(ordered.number) for _ in range(ordered.times)) if one]
        if not sent:
            raise web.HTTPUnprocessableEntity(text="number: không có thông báo này")
        if ordered.wait:
            await self.world.postman.ended(sent)
        return json_answer({"notices": _numbers(sent)})

    async def delivery(self, request: web.Request) -> web.Response:
        """Let notices travel otherwise."""
        ordered = await order(request, Delivery)
        if not (0 <= ordered.lose <= 1 and 0 <= ordered.repeat <= 1 and 0 <= ordered.copies <= 1000):
            raise web.HTTPUnprocessableEntity(text="lose, repeat: từ 0 đến 1; copies: từ 0 đến 1000")
        self.world.postman.travel(ordered)
        return json_answer(ordered)

    async def release(self, request: web.Request) -> web.Response:
        """Let held notices go."""
        ordered = await order(request, _Release)
        sent = self.world.postman.release(ordered.order, ordered.seed)
        if ordered.wait:
            await self.world.postman.ended(sent)
        return json_answer({"notices": _numbers(sent)})

    async def addresses(self, request: web.Request) -> web.Response:
        """Send notices elsewhere from now on."""
        ordered = await order(request, _Addresses)
        for name in ordered.notify:
            _known(name)
        self.world.gateway_url = ordered.gateway_url or self.world.gateway_url
        self.world.edge_url = ordered.edge_url or self.world.edge_url
        self.world.notify.update(ordered.notify)
        return json_answer(
            {"gateway_url": self.world.gateway_url, "edge_url": self.world.edge_url, "notify": self.world.notify}
        )

    async def lies(self, _request: web.Request) -> web.Response:
        """Which lies stand."""
        return json_answer({"orders": self.world.lies.shown()})

    async def put_lies(self, request: web.Request) -> web.Response:
        """Order lies."""
        self.world.lies.replace(await order(request, LieOrders))
        return json_answer({"orders": self.world.lies.shown()})

    async def forget(self, _request: web.Request) -> web.Response:
        """Forget what happened."""
        self.world.forget()
        return json_answer({"orders": 0})

    def _charge(self, ordered: _Pay) -> Charge:
        """The order that is meant; an address is opened as a browser would. Answers 422 where there is none."""
        books = self.world.books
        found = books.find(ordered.provider, ordered.ref)
        if ordered.address.startswith("0002"):
            found = self.world.houses["vietqr"].opened(ordered.address)
        elif ordered.address:
            try:
                address = urlsplit(ordered.address)
            except ValueError:
                raise web.HTTPUnprocessableEntity(text="address: không phải một địa chỉ") from None
            token = address.path.removeprefix("/pay/")
            found = books.tokens.get(token)
            house = next((one for one in self.world.houses.values() if one.payer_path == address.path), None)
            if found is None and house is not None:
                found = house.opened(address.query)
        if found is None:
            raise web.HTTPUnprocessableEntity(text="address: không có giao dịch này")
        return found

    def _news(self, ordered: _Notice) -> News:
        """The last news of an order, or news of one that exists nowhere."""
        now = self.world.now()
        charge = self.world.books.find(ordered.provider, ordered.ref)
        if charge is not None:
            known = self.world.last_news(charge)
            if known is not None:
                return known
        else:
            charge = Charge(
                provider=ordered.provider,
                ref=ordered.ref,
                amount=ordered.amount or 1_000,
                text="Thanh toan",
                created_at=now,
                expires_at=now + timedelta(minutes=15),
                token="",
                wire=self.world.houses[ordered.provider].blank,
            )
        return News(charge, self.world.books.invented(charge, ordered.amount or charge.amount), "", now)

    def _automatically(self, charge: Charge) -> None:
        """The automatic payer sees a new order."""
        script = self.world.automatic
        if script is None or script.provider not in ("", charge.provider):
            return
        if script.times:
            script.left -= 1
            if script.left <= 0:
                self.world.automatic = None
        if script.after_s > 0:
            asyncio.get_running_loop().call_later(script.after_s, self._acts, charge, Action(script.action))
        else:
            self._acts(charge, Action(script.action))

    def _acts(self, charge: Charge, action: Action) -> None:
        with suppress(Impossible):  # an order that has ended by then
            self.payer.act(charge, action)


def _known(provider: str) -> None:
    if provider not in PROVIDERS:
        raise web.HTTPUnprocessableEntity(text=f"provider: chỉ có {', '.join(PROVIDERS)}")


def _numbers(sent: Sequence[Sent]) -> list[int]:
    return [one.number for one in sent]


def _shown(charge: Charge, now: datetime) -> dict[str, object]:
    """An order as the books show it; names nobody."""
    return {
        "provider": charge.provider,
        "ref": charge.ref,
        "amount": charge.amount,
        "standing": charge.standing.value,
        "code": charge.code,
        "created_at": charge.created_at,
        "expires_at": charge.expires_at,
        "transactions": [asdict(txn) for txn in charge.txns],
        "refunds": [
            {
                "refund_ref": refund.refund_ref,
                "txn_id": refund.txn_id,
                "original_txn_id": refund.original_txn_id,
                "amount": refund.amount,
                "standing": refund.standing(now).value,
                "asked_at": refund.asked_at,
            }
            for refund in charge.refunds
        ],
    }
