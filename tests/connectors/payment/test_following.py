"""What is due is found, whatever lies before it, and asked about until it has an end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.kit.contract import Budget
from connectors.kit.errors import NoAnswer
from connectors.kit.http_answers import HttpAnswer
from connectors.payment import following
from connectors.payment.client import Intermediary
from connectors.payment.model import State
from connectors.payment.speaking import Call

from .desk import opened_desk


async def test_an_abandoned_payment_at_vnpay_expires_when_its_time_is_over() -> None:
    """VNPAY calls it incomplete for ever (status 01): the payer hears at once that it expired, no operator hears of it."""
    async with opened_desk() as desk:
        view = await desk.asked(provider="vnpay")
        await desk.visit(view["pay_url"])  # and goes away again
        desk.ahead = timedelta(minutes=30, seconds=5)
        page = await desk.poll()
        payment = await desk.payment(view["payment_id"])
        assert (payment.state, payment.attempts[0].watched) == (State.EXPIRED, True)
        desk.ahead += timedelta(hours=1)
        await desk.poll(cursor=page.cursor)
        payment = await desk.payment(view["payment_id"])
        assert payment.state is State.EXPIRED and payment.attempts[0].asked == 2


async def test_marks_that_lead_nowhere_hide_none_behind_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most marks lead to payments that have gone on: whoever reads a page of those only is not through."""
    monkeypatch.setattr(following, "_READ", 5)
    async with opened_desk() as desk:
        for number in range(7):
            view = await desk.asked(provider="vnpay", request_id=f"xong-{number}")
            await desk.visit(view["pay_url"])
            cancel = {"request_id": f"huy-{number}", "reason": "Rút hồ sơ"}
            await desk.ask("POST", f"/v1/payments/{view['payment_id']}/cancel", cancel)
        desk.ahead += timedelta(seconds=20)
        cursor, pages = "", 0
        while (page := await desk.poll(cursor=cursor)).more or page.inputs:
            cursor, pages = page.cursor, pages + 1
            assert pages < 50
        last = (await desk.asked(provider="vnpay", request_id="con-lai"))["payment_id"]
        desk.ahead += timedelta(minutes=10)
        found: set[str] = set()
        for name in ("due", "sweep"):
            # From the very beginning: every old mark leads nowhere by now.
            connector, at = desk.connector.pollers()[name], ""
            for _ in range(40):
                page = await connector.poll(at)
                found |= {f"{name}/{change.id}" for change in page.inputs if change.id == last}
                if not page.more:
                    break
                at = page.cursor
        assert found == {f"due/{last}", f"sweep/{last}"}


async def test_an_answer_that_never_came_is_in_doubt_from_when_it_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long wait began before the call: a moment counted from there lies behind whoever follows what is due."""
    async with opened_desk() as desk:

        async def lost(self: Intermediary, call: Call, budget: Budget) -> HttpAnswer:
            desk.ahead += timedelta(seconds=60)
            raise NoAnswer("chờ 60 giây")

        monkeypatch.setattr(Intermediary, "call", lost)
        view = await desk.asked(provider="momo")
        due = (await desk.payment(view["payment_id"])).due
        assert due is not None and due > desk.now() - timedelta(seconds=1)
