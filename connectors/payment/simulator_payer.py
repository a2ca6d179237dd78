"""What a payer does with an order: by hand on the payer's page, or by the script of a test.

Actions: `pay`, `pay_twice` (money leaves twice), `pay_late` (it arrives after the order's end), `fail` (with a `code` of the
intermediary, else too little money), `cancel`, `abandon` (the page is left, nothing happens), `process` (the bank does not
answer), `hold` (money was taken and is suspected), and then `clear` (it was good) or `reverse` (it went back).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from aiohttp import web

from connectors.payment import simulator_pages as pages
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, News, Standing
from connectors.payment.simulator_notices import Sent
from connectors.payment.simulator_world import Codes, World


class Action(StrEnum):
    """What a payer can do."""

    PAY = "pay"
    PAY_TWICE = "pay_twice"
    PAY_LATE = "pay_late"
    FAIL = "fail"
    CANCEL = "cancel"
    ABANDON = "abandon"
    PROCESS = "process"
    HOLD = "hold"
    CLEAR = "clear"
    REVERSE = "reverse"


class Impossible(Exception):
    """This cannot be done with the order as it stands; the text says why, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Did:
    """What came of it: where the browser goes ("": nowhere), and the notices that it caused."""

    location: str = ""
    notices: tuple[Sent, ...] = ()


@dataclass(frozen=True, slots=True)
class How:
    """Details of an action: the intermediary's own `code` of a failure, another `amount` than asked, when it is `late_s`."""

    code: str = ""
    amount: int | None = None
    late_s: float | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """Acts on orders of a world."""

    world: World

    def act(self, charge: Charge, action: Action, how: How = How()) -> Did:
        """Do it, and have the merchant told; raises `Impossible`."""
        self.world.tick()
        if action is Action.ABANDON:
            return Did()
        if action is Action.PAY_LATE:
            return self._late(charge, how)
        if action in (Action.CLEAR, Action.REVERSE):
            return self._judged(charge, action)
        paid_again = action is Action.PAY_TWICE and charge.standing is Standing.PAID
        if not charge.live and not paid_again:
            raise Impossible("Giao dịch đã kết thúc hoặc đã hết hạn thanh toán.")
        books, house = self.world.books, self.world.houses[charge.provider]
        match action:
            case Action.PAY | Action.PAY_TWICE:
                times = 2 if action is Action.PAY_TWICE and not paid_again else 1
                txns = [books.pay(charge, how.amount) for _ in range(times)]
                return self._told(*(News(charge, txn, "", self.world.now()) for txn in txns))
            case Action.HOLD:
                txn = books.hold(charge, house.codes[Codes.SUSPECTED])
                return self._told(News(charge, txn, charge.code, self.world.now()))
            case Action.PROCESS:
                books.process(charge)
                return Did()
            case _:
                reason = Codes.CANCELLED if action is Action.CANCEL else Codes.FUNDS
                books.fail(charge, how.code or house.codes[reason])
                return self._told(News(charge, None, charge.code, self.world.now()))

    def _late(self, charge: Charge, how: How) -> Did:
        """Money on its way at the end of the order: it arrives afterwards, or now where the end is past."""
        if charge.standing is Standing.PAID:
            raise Impossible("Giao dịch đã được thanh toán.")
        late = timedelta(seconds=self.world.options.speed.late_s if how.late_s is None else how.late_s)
        at = charge.expires_at + late
        if at > self.world.now():
            self.world.books.pay_late(charge, at)
            self.world.stir()
            return Did()
        txn = self.world.books.pay(charge, how.amount)
        return self._told(News(charge, txn, "", self.world.now()))

    def _judged(self, charge: Charge, action: Action) -> Did:
        """The intermediary has looked at suspected money."""
        if charge.standing is not Standing.HELD:
            raise Impossible("Giao dịch không ở trạng thái chờ kiểm tra.")
        books, codes = self.world.books, self.world.houses[charge.provider].codes
        if action is Action.CLEAR:
            return self._told(News(charge, books.clear(charge), "", self.world.now()))
        books.reverse(charge, codes[Codes.CANCELLED])
        return self._told(News(charge, None, charge.code, self.world.now()))

    def _told(self, *news: News) -> Did:
        """Tell the merchant; the browser goes back with the first of the news."""
        notices = [sent for one in news for sent in self.world.announce(one)]
        house = self.world.houses[news[0].charge.provider]
        return Did(house.back(news[0]), tuple(notices))


@dataclass(frozen=True, slots=True)
class PayerPages:
    """The payer's page of every house under `/pay/{token}`: read with GET, decided with a form."""

    world: World
    payer: Payer

    def mount(self, app: web.Application) -> None:
        """Add the pages."""
        app.router.add_get("/pay/{token}", self.page)
        app.router.add_post("/pay/{token}", self.decide)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The order and what can be done with it."""

        def work(_body: bytes) -> web.Response:
            charge = self.world.books.tokens.get(request.match_info["token"])
            return self._gone() if charge is None else self._shown(charge, "")

        return await self.world.play(request, "payer.page", work)

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """The form was sent: back to the merchant, or a page that says what happened."""

        def work(body: bytes) -> web.Response:
            charge = self.world.books.tokens.get(request.match_info["token"])
            if charge is None:
                return self._gone()
            try:
                did = self.payer.act(charge, Action(wire.form_fields(body).get("action", "")))
            except Impossible as error:
                return self._shown(charge, str(error), 409)
            except ValueError:
                return self._shown(charge, "Hãy chọn một thao tác.", 400)
            if did.location:
                return pages.onward(did.location)
            return pages.answer(pages.left(self.world.houses[charge.provider].title))

        return await self.world.play(request, "payer.decide", work)

    def _shown(self, charge: Charge, fault: str, status: int = 200) -> web.Response:
        title = self.world.houses[charge.provider].title
        return pages.answer(pages.order(title, charge, fault), status)

    def _gone(self) -> web.Response:
        return pages.answer(pages.refused("Thanh toán", "404", "Không có giao dịch này."), 404)
