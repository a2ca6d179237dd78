"""The connector before simulated intermediaries: made once, asked about when nobody answered, refunded by two."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.kit.contract import Decided, DeliverTask, Enquiry, Found, Receipt, Reply, Sender
from connectors.kit.errors import Busy, CannotMap, NoAnswer, NotSent
from connectors.kit.lone import LoneCoordination
from connectors.payment.commanding import CREATE
from connectors.payment.following import PAGE
from connectors.payment.model import State
from tests.connectors.payment.desk import AMOUNT, CALLER, SECRETS, Desk, opened_desk, returned_from_momo, wanted

STRANGER = Sender("KHAC", "resolution", ("*",))


def told(reply: Reply) -> Any:
    """The body of an answer."""
    return json.loads(reply.body)


async def paid(desk: Desk, provider: str = "momo", **changes: object) -> str:
    """A fee that its intermediary was paid, and that says so when it is asked; the id of the payment."""
    view = await desk.asked(provider=provider, **changes)
    if provider == "vnpay":
        await desk.visit(view["pay_url"])
    await desk.order("POST", "pay", {"provider": provider, "ref": view["attempts"][0]["reference"], "action": "pay"})
    desk.ahead += timedelta(seconds=40)
    await desk.poll()
    return str(view["payment_id"])


def decided(name: str, payment_id: str, approved_by: str = "op2", **fields: str) -> Decided:
    """A decision as two operators have signed it."""
    at, decision_id = datetime.now(UTC), f"d-{name}-{fields.get('refund_id', '')}"
    return Decided(name, payment_id, fields, decision_id, "op1", approved_by, "lý do", at)


@pytest.mark.parametrize("provider", ["momo", "vnpay", "pp"])
async def test_what_is_due_is_asked_about_and_known_as_paid(provider: str) -> None:
    """Without a single notice: the schedule of the ledger is followed, and a question is never an effect."""
    async with opened_desk() as desk:
        payment_id = await paid(desk, provider)
        payment = await desk.payment(payment_id)
        assert payment.state is State.PAID and payment.paid_by == "query" and payment.attempts[0].txn_id
        assert len((await desk.order("GET", "books"))["orders"]) == 1


@pytest.mark.parametrize("fault", ["drop_after_commit", "garbage", "http_500"])
async def test_an_unanswered_order_is_asked_about_before_anything_else(fault: str) -> None:
    """The ledger learns that it is in doubt; the enquiry finds the order; it is never made a second time."""
    async with opened_desk() as desk:
        await desk.order("PUT", "faults", {"script": [{"fault": fault, "match": "momo.create", "times": 1}]})
        view = await desk.asked(provider="momo")
        payment = await desk.payment(view["payment_id"])
        assert payment.attempts[0].state is State.UNKNOWN
        assert isinstance(desk.ended[-1], NoAnswer) or desk.ended[-1].partial  # type: ignore[union-attr]
        task = DeliverTask(CREATE, {"payment_id": view["payment_id"], "attempt": 1})
        enquiry = await desk.connector.enquire_task(desk.delivery(view["payment_id"], task, 2))
        happened = fault != "http_500"
        assert enquiry.found is (Found.DONE if happened else Found.NOT_FOUND)
        await _followed(desk, view["payment_id"], task, enquiry)
        assert (await desk.payment(view["payment_id"])).attempts[0].state is State.PENDING
        assert len((await desk.order("GET", "books"))["orders"]) == 1


async def _followed(desk: Desk, payment_id: str, task: DeliverTask, enquiry: Enquiry) -> None:
    """What the line makes of an enquiry."""
    if enquiry.receipt is not None:
        desk.books.take(enquiry.receipt.inputs)
    elif enquiry.found is Found.NOT_FOUND:
        assert isinstance(await desk.deliver(payment_id, task, 2), Receipt)


async def test_an_intermediary_that_cannot_be_reached_is_a_trouble_of_its_own() -> None:
    """Nothing was sent, so the same call may be made again; the upstream's breaker hears nothing of one of several."""
    async with opened_desk() as desk:
        await desk.order("PUT", "faults", {"script": [{"fault": "busy_429", "match": "momo.create", "times": 1}]})
        await desk.asked(provider="momo")
        busy = desk.ended[-1]
        assert isinstance(busy, Busy) and busy.partial
        await desk.order("POST", "outage", {"seconds": 5})
        view = await desk.asked(provider="momo", request_id="thu-2")
        away = desk.ended[-1]
        assert isinstance(away, NotSent) and away.partial and away.inputs == ()
        assert (await desk.payment(view["payment_id"])).attempts[0].state is State.CREATED


async def test_a_missing_secret_ends_the_attempt_and_asks_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Class C: repeating would not help, and no other intermediary waits for it."""
    async with opened_desk() as desk:
        monkeypatch.setitem(SECRETS, "env:MOMO", "")
        view = await desk.asked(provider="momo")
        attempt = view["attempts"][0]
        assert (attempt["state"], attempt["code"]) == ("failed", "credentials_refused")
        assert (await desk.asked(provider="vnpay", request_id="thu-2"))["pay_url"]


async def test_a_page_asks_about_so_many_and_goes_on_with_the_rest() -> None:
    """Everything that is due is asked about once, page after page; afterwards nothing is."""
    async with opened_desk() as desk:
        for number in range(PAGE + 3):
            await desk.asked(provider="vnpay", request_id=f"thu-{number}")
        desk.ahead += timedelta(seconds=40)
        first = await desk.poll()
        assert first.more and len(first.inputs) == PAGE
        second = await desk.poll(cursor=first.cursor)
        assert not second.more and len(second.inputs) == 3
        quiet = await desk.poll(cursor=second.cursor)
        assert quiet.inputs == ()


async def test_a_page_that_was_not_stored_is_asked_again() -> None:
    """The same cursor again means that nothing was kept of the answer: what was due is due."""
    async with opened_desk() as desk:
        view = await desk.asked(provider="vnpay")
        desk.ahead += timedelta(seconds=40)
        lost = await desk.connector.pollers()["due"].poll("")
        assert [change.id for change in lost.inputs] == [view["payment_id"]]
        again = await desk.poll(cursor="")
        assert [change.id for change in again.inputs] == [view["payment_id"]]
        assert (await desk.poll(cursor=again.cursor)).inputs == ()


async def test_a_clock_that_was_turned_back_leaves_nothing_behind() -> None:
    """The cursor is ahead of now; what becomes due is found by the next look, and by the sweep."""
    async with opened_desk() as desk:
        desk.ahead = timedelta(days=2)
        await desk.asked(provider="vnpay", request_id="truoc")
        desk.ahead += timedelta(seconds=40)
        page = await desk.poll()
        desk.ahead = timedelta()
        view = await desk.asked(provider="vnpay", request_id="sau")
        desk.ahead = timedelta(seconds=40)
        swept = await desk.connector.pollers()["sweep"].poll("")
        found = await desk.poll(cursor=page.cursor)
        assert view["payment_id"] in {change.id for change in (*found.inputs, *swept.inputs)}


async def test_a_command_is_taken_once_and_answered_alike() -> None:
    """The same request_id with another body is a conflict; another system does not even learn that the payment exists."""
    async with opened_desk() as desk:
        payment_id = await paid(desk)
        path = f"/v1/payments/{payment_id}/refunds"
        body = {"request_id": "hoan-1", "amount": 200_000, "reason": "nộp thừa"}
        first, again = await desk.ask("POST", path, body), await desk.ask("POST", path, body)
        assert (first.status, first.body) == (202, again.body)
        assert [refund["state"] for refund in told(first)["refunds"]] == ["asked"]
        other = await desk.ask("POST", path, {**body, "amount": 1})
        assert (other.status, told(other)["code"]) == (409, "payment_request_reused")
        above = await desk.ask("POST", path, {**body, "request_id": "hoan-2", "amount": 300_001})
        assert (above.status, told(above)["code"]) == (409, "payment_refund_above_remainder")
        for method, place in (("GET", ""), ("POST", "/cancel")):
            strange = await desk.ask(
                method, f"/v1/payments/{payment_id}{place}", {"request_id": "x", "reason": "y"}, sender=STRANGER
            )
            assert (strange.status, told(strange)["code"]) == (404, "payment_not_found")


async def test_a_refund_goes_out_only_when_two_have_signed() -> None:
    """Asked by the caller, signed by two operators, sent once, done; the view tells how much went back."""
    async with opened_desk({"speed": {"refund_s": 0.0}}) as desk:
        payment_id = await paid(desk)
        asked = await desk.ask(
            "POST", f"/v1/payments/{payment_id}/refunds", {"request_id": "hoan-1", "amount": AMOUNT, "reason": "rút"}
        )
        refund_id = told(asked)["refunds"][0]["refund_id"]
        alone = await desk.connector.decided(decided("refund", payment_id, approved_by="", refund_id=refund_id))
        desk.books.take([replace(alone, key="alone")])
        await desk.carry()
        assert (await desk.payment(payment_id)).refunds[0].state == "asked"
        desk.books.take([await desk.connector.decided(decided("refund", payment_id, refund_id=refund_id))])
        await desk.carry()
        for _ in range(3):
            desk.ahead += timedelta(minutes=10)
            await desk.poll()
        view = told(await desk.ask("GET", f"/v1/payments/{payment_id}"))
        assert (view["state"], view["refunded_amount"]) == ("refunded", AMOUNT)
        with pytest.raises(CannotMap):
            await desk.connector.decided(replace(decided("refund", payment_id, refund_id=refund_id), decision_id="d2"))


async def test_a_refund_that_no_call_can_make_waits_for_a_bank_transfer() -> None:
    """PP takes no refunds: the signed refund becomes one by transfer, and is done when its outgoing reference is signed."""
    async with opened_desk() as desk:
        payment_id = await paid(desk, "pp")
        body = {"request_id": "hoan-1", "amount": AMOUNT, "reason": "rút"}
        refund_id = told(await desk.ask("POST", f"/v1/payments/{payment_id}/refunds", body))["refunds"][0]["refund_id"]
        desk.books.take([await desk.connector.decided(decided("refund", payment_id, refund_id=refund_id))])
        await desk.carry()
        assert (await desk.payment(payment_id)).refunds[0].state == "to_transfer"
        words = {"refund_id": refund_id, "bank_reference": "FT2611"}
        with pytest.raises(CannotMap, match="chưa gửi tài khoản"):
            await desk.connector.decided(decided("refund_transferred", payment_id, **words))
        account = {"request_id": "tk-1", "account_name": "CONG TY THU NGHIEM", "account": "0099000000", "bank": "VCB"}
        place = f"/v1/payments/{payment_id}/refunds/{refund_id}/account"
        given = await desk.ask("POST", place, account)
        assert given.status == 201 and b"0099000000" not in given.body
        strange = await desk.ask("POST", place.replace(refund_id, "khac"), {**account, "request_id": "tk-2"})
        assert (strange.status, told(strange)["code"]) == (409, "payment_refund_not_waiting")
        change = await desk.connector.decided(decided("refund_transferred", payment_id, **words))
        desk.books.take([change])
        assert (await desk.payment(payment_id)).state is State.REFUNDED


async def test_the_payer_is_told_once_and_that_is_written_down() -> None:
    """The page that says "paid" is the proof of the time (QĐ 3036 Điều 10 khoản 2); it leads home to a configured host."""
    async with opened_desk() as desk:
        payment_id = await paid(desk, return_url="https://motcua.example.vn/ho-so?id=1&x=2")
        reference = (await desk.payment(payment_id)).attempts[0].ref
        query = returned_from_momo(reference)
        first = await desk.ask("GET", "/payments/payment/momo/return", sender=None, query=query)
        page = first.body.decode()
        assert "Đã thanh toán thành công" in page and "500.000 đồng" in page
        assert 'href="https://motcua.example.vn/ho-so?id=1&amp;x=2"' in page and "Nguyễn" not in page
        assert len(first.inputs) == 1 and (await desk.payment(payment_id)).payer_notified_at is not None
        again = await desk.ask("GET", "/payments/payment/momo/return", sender=None, query=query)
        assert again.inputs == () and again.body == first.body


async def test_a_page_that_is_reloaded_without_end_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is a row of the trail: who reloads too fast sees the waiting page, which looks again by itself."""
    async with opened_desk() as desk:
        payment_id = await paid(desk)
        query = returned_from_momo((await desk.payment(payment_id)).attempts[0].ref)

        async def nothing_left(*_asked: object) -> tuple[int, float]:
            return 0, 5.0

        monkeypatch.setattr(LoneCoordination, "take", nothing_left)
        shown = (await desk.ask("GET", "/payments/payment/momo/return", sender=None, query=query)).body.decode()
        assert "Đang kiểm tra giao dịch" in shown and 'http-equiv="refresh"' in shown and payment_id not in shown


async def test_the_portal_is_told_what_is_due_and_collects_it_once() -> None:
    """The bill adds up; asked again it is the same attempt; what is payable elsewhere, or paid, is not offered."""
    async with opened_desk() as desk:
        at_counter = await desk.asked(channel="counter", portal_pull=True)

        async def pull(code: str = "000.00.00.G16-261122-0001") -> Any:
            headers = {"authorization": f"Bearer {SECRETS['env:PORTAL']}"}
            body = json.dumps({"MaHoSo": code}).encode()
            return told(
                await desk.ask("POST", "/payments/payment/pp/due", body, sender=None, peer="10.9.1.1", headers=headers)
            )

        due = await pull()
        message = due["message"]
        assert due["error_code"] == 1 and message["SoTien"] == str(AMOUNT) and message["client_id"] == "SIMPP"
        assert sum(int(line["SoTien"]) for line in message["PhiLePhi"]) == AMOUNT
        assert message["transaction_id"] == f"{at_counter['payment_id']}a1"
        assert message["MaTraCuuTT"].startswith("000.00.00.G16-261122-0001") and await pull() == due
        assert (await pull("000.00.00.G16-261122-9999")) == {"error_code": -1, "message": []}
        await desk.asked(
            request_id="thu-2", provider="vnpay", dossier_code="000.00.00.G16-261122-0002", portal_pull=True
        )
        assert (await pull("000.00.00.G16-261122-0002")) == {"error_code": 0, "message": []}


async def test_a_fee_below_the_least_of_an_intermediary_is_refused_before_the_call() -> None:
    """A copy fee of 500 đồng at MoMo (payment facts 4.3): refused with its bounds, nothing written."""
    async with opened_desk() as desk:
        lines = [{"kind": "fee", "code": "SAO", "name": "Lệ phí sao", "amount": 500}]
        reply = await desk.ask("POST", "/v1/payments", wanted(amount=500, fee_lines=lines, provider="momo"))
        assert (reply.status, told(reply)["errors"][0]["code"]) == (422, "amount_out_of_bounds")
        assert desk.books.effects == []


async def test_a_system_asks_for_its_own_procedures_only() -> None:
    """A sector system has a list; the resolution system has all."""
    async with opened_desk() as desk:
        sector = Sender("CN", "sector", ("2.000001",))
        refused = await desk.ask("POST", "/v1/payments", wanted(), sender=sector)
        assert (refused.status, told(refused)["code"]) == (403, "payment_forbidden")
        taken = await desk.ask("POST", "/v1/payments", wanted(procedure_code="2.000001"), sender=sector)
        assert taken.status == 201 and CALLER.role == "resolution"
