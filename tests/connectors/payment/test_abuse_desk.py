"""Abuse of the desk: forged returns, secrets that might be told, lines that do not add up, strangers' addresses and accounts."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import NotGenuine, Notice, Reply
from connectors.kit.errors import Exchange
from connectors.payment.model import Made, Order, State
from connectors.payment.profiles.vietqr.emvco import Transfer, write_transfer
from connectors.payment.speaking import Dialogue
from tests.connectors.payment.desk import AMOUNT, PAYER, SECRETS, Desk, opened_desk, returned_from_momo, wanted


def told(reply: Reply) -> Any:
    """The body of an answer."""
    return json.loads(reply.body)


async def back(desk: Desk, provider: str, query: str) -> Reply:
    """What a payer's browser is shown when it comes back with a query."""
    return await desk.ask("GET", f"/payments/payment/{provider}/return", sender=None, query=query)


@pytest.mark.parametrize("provider", ["vnpay", "momo"])
async def test_a14_a_forged_return_is_shown_as_being_checked_and_changes_nothing(provider: str) -> None:
    """ "Success" in the address of a browser is nobody's word: the page shows the store, and repeats nothing."""
    async with opened_desk() as desk:
        view = await desk.asked(provider=provider)
        reference = view["attempts"][0]["reference"]
        query = {
            "vnpay": f"vnp_TxnRef={reference}&vnp_ResponseCode=00&vnp_TransactionStatus=00&vnp_OrderInfo=%3Cb%3Ebad%3C/b%3E",
            "momo": f"orderId={reference}&resultCode=0&message=%3Cb%3Ebad%3C/b%3E&amount=1",
        }[provider]
        before = await desk.payment(view["payment_id"])
        shown = await back(desk, provider, query)
        page = shown.body.decode()
        assert shown.status == 200 and shown.inputs == () and "Đang kiểm tra giao dịch" in page and "bad" not in page
        assert await desk.payment(view["payment_id"]) == before
        assert "script-src" not in shown.headers["Content-Security-Policy"] and "<script" not in page


async def test_a14_a_return_with_a_reference_of_nobody_shows_no_payment() -> None:
    """Nor one of another intermediary's attempt: who guesses learns nothing."""
    async with opened_desk() as desk:
        view = await desk.asked(provider="momo")
        reference = view["attempts"][0]["reference"]
        for query in ("", f"vnp_TxnRef={reference}", "vnp_TxnRef=0000000000000a1", "vnp_TxnRef=%00%ff", "x" * 5000):
            page = (await back(desk, "vnpay", query)).body.decode()
            assert "Đang kiểm tra giao dịch" in page and view["payment_id"] not in page
        assert (await back(desk, "nobody", "")).status == 200


async def test_a14_who_only_knows_a_reference_learns_nothing_and_tells_no_payer() -> None:
    """Paid or not, with a success claimed, a changed word or a stranger's signature: no dossier, no state, no proof."""
    async with opened_desk() as desk:
        asked = {name: await desk.asked(request_id=f"biet-{name}", provider=name) for name in ("momo", "vnpay")}
        for name, view in asked.items():
            if name == "vnpay":
                await desk.visit(view["attempts"][0]["pay_url"])
            wish = {"provider": name, "ref": view["attempts"][0]["reference"], "action": "pay"}
            await desk.order("POST", "pay", wish)
        desk.ahead = timedelta(minutes=20)
        await desk.poll()
        ref = {name: view["attempts"][0]["reference"] for name, view in asked.items()}
        momo = returned_from_momo(ref["momo"])
        guesses = {
            "momo": (f"orderId={ref['momo']}&resultCode=0", momo.replace("500000", "500001"), f"{momo[:-1]}x"),
            "vnpay": (f"vnp_TxnRef={ref['vnpay']}", f"vnp_TxnRef={ref['vnpay']}&vnp_SecureHash={'0' * 128}"),
        }
        blank = (await back(desk, "vnpay", "")).body
        for name, queries in guesses.items():
            payment_id = asked[name]["payment_id"]
            assert (await desk.payment(payment_id)).state is State.PAID
            for query in queries:
                shown = await back(desk, name, query)
                assert shown.body == blank and shown.inputs == ()
            assert (await desk.payment(payment_id)).payer_notified_at is None
        assert "Đã thanh toán thành công" in (await back(desk, "momo", momo)).body.decode()


async def test_a20_neither_secrets_nor_the_payer_are_told_in_logs_errors_evidence_or_addresses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever happens to a call: made, refused, garbled, dropped. Nor does anything print them."""
    caplog.set_level(logging.DEBUG)
    async with opened_desk() as desk:
        said: list[str] = []
        for number, fault in enumerate(("", "garbage", "http_500", "drop_after_commit")):
            script = [{"fault": fault, "match": "*", "times": 1}] if fault else []
            await desk.order("PUT", "faults", {"script": script})
            for provider in ("momo", "pp", "vnpay"):
                reply = await desk.ask(
                    "POST", "/v1/payments", wanted(request_id=f"{provider}-{number}", provider=provider)
                )
                said += [reply.body.decode(), str(reply.headers)]
        for ended in desk.ended:
            exchange: Exchange = ended.exchange  # type: ignore[union-attr]  # no enquiries here
            said += [repr(ended), str(ended), exchange.request.decode(), exchange.response.decode("utf-8", "replace")]
        said += [repr(desk.connector), caplog.text]
        everything = "\n".join(said)
        assert "SoTien" in everything, "the evidence is there"
        for planted in (*SECRETS.values(), PAYER["number"], PAYER["name"], json.dumps(PAYER["name"])[1:-1]):
            assert planted not in everything


@pytest.mark.parametrize(
    ("lines", "amount"),
    [
        ([{"amount": 450_000}, {"amount": 50_001}], AMOUNT),
        ([{"amount": 550_000}, {"amount": -50_000}], AMOUNT),
        ([{"amount": 500_000}, {"amount": 0}], AMOUNT),
        ([], AMOUNT),
        ([{"amount": 0}], 0),
        ([{"amount": 1}] * 51, 51),
    ],
)
async def test_a21_lines_that_do_not_add_up_are_refused_before_any_call(
    lines: list[dict[str, int]], amount: int
) -> None:
    """A sum that differs, a negative or empty line, no line at all, too many: nothing is written, nobody is called."""
    async with opened_desk() as desk:
        fees = [{"kind": "charge", "code": "P1", "name": "Phí", **line} for line in lines]
        reply = await desk.ask("POST", "/v1/payments", wanted(fee_lines=fees, amount=amount, provider="momo"))
        assert (reply.status, told(reply)["code"]) == (422, "payment_invalid") and told(reply)["errors"]
        assert desk.books.effects == [] and desk.simulation.log.calls == []


@pytest.mark.parametrize("amount", ["5E5", "500000.0", '"500000"', "true", "99999999999999999999"])
async def test_a21_money_is_a_whole_number_as_it_was_written(amount: str) -> None:
    """No float, no exponent, no text passes for an amount."""
    async with opened_desk() as desk:
        body = json.dumps(wanted()).replace(f'"amount": {AMOUNT}', f'"amount": {amount}')
        reply = await desk.ask("POST", "/v1/payments", body.encode())
        assert reply.status == 422 and desk.books.effects == []


async def test_a26_a_payer_is_not_sent_to_a_strangers_page() -> None:
    """The address that an intermediary's answer names must be at one of its hosts; else the attempt fails with an alarm."""
    async with opened_desk() as desk:
        await desk.order("PUT", "lies", {"orders": [{"lie": "stranger_url", "times": 1}]})
        view = await desk.asked(provider="pp")
        attempt = view["attempts"][0]
        assert (attempt["state"], attempt["code"], view["pay_url"]) == ("failed", "pay_url_not_allowed", "")
        assert any(type(effect).__name__ == "RaiseAlarm" for _, effect in desk.books.effects)


@pytest.mark.parametrize(
    "address",
    [
        "https://attacker.example/",
        "http://motcua.example.vn/",
        "https://motcua.example.vn@attacker.example/",
        "//x",
        "javascript:1",
    ],
)
async def test_a26_nobody_is_sent_back_to_a_host_that_is_not_configured(address: str) -> None:
    """A caller's return address is a stranger's word as well; our own addresses are never theirs to choose."""
    async with opened_desk() as desk:
        reply = await desk.ask("POST", "/v1/payments", wanted(return_url=address))
        assert (reply.status, told(reply)["errors"][0]["code"]) == (422, "return_url")
        other = await desk.ask("POST", "/v1/payments", wanted(notify_url="http://169.254.169.254/"))
        assert other.status == 422 and desk.books.effects == []


@pytest.mark.parametrize(
    ("link", "fit"),
    [
        ("momo://app?action=pay", True),
        ("00020101021238570010A000000727", True),
        ("data:image/png;base64,AAAA", True),
        ("data:text/html,<script>", False),
        ("javascript:alert(1)", False),
        (" JavaScript:alert(1)", False),
        ("https://attacker.example/", False),
        ("java\nscript:alert(1)", False),
        ("\x01javascript:alert(1)", False),
        ("ht\ttps://attacker.example/", False),
        ("//attacker.example/x", False),
        ("\\\\attacker.example/x", False),
        ("/\\attacker.example/x", False),
        ("data:image/svg+xml,<svg onload=alert(1)>", False),
        ("intent://x#Intent;S.browser_fallback_url=https%3A%2F%2Fattacker.example;end", False),
        ("view-source:https://attacker.example/", False),
    ],
)
async def test_a26_a_link_for_a_phone_runs_nothing_and_leads_to_no_stranger(link: str, fit: bool) -> None:
    """Deep links and codes come from the same answers as addresses."""
    async with opened_desk() as desk:
        found = desk.connector._intermediaries.named("momo")
        assert found is not None and found.app_may_open(link) is fit


async def test_a31_a_code_that_pays_into_another_account_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Well formed, with a right CRC, for the right amount: the account is compared with the configuration all the same."""
    async with opened_desk() as desk:
        view = await desk.asked(request_id="qr-1", provider="vietqr")
        assert view["attempts"][0]["qr_text"]
        _lie(desk, monkeypatch, lambda order: Transfer("970436", "9999999999999", order["amount"], order["ref"], "TT"))
        view = await desk.asked(request_id="qr-2", provider="vietqr")
        attempt = view["attempts"][0]
        assert (attempt["state"], attempt["code"]) == (State.FAILED, "qr_of_another_account")
        assert "qr_text" not in attempt


def _lie(desk: Desk, monkeypatch: pytest.MonkeyPatch, transfer: Any) -> None:
    """Let the dialect of VietQR write another code, as somebody between it and the printer might."""
    found = desk.connector._intermediaries.named("vietqr")
    assert found is not None

    def create(order: Order) -> Made:
        fields: Mapping[str, Any] = msgspec.to_builtins(order)
        return Made(qr_text=write_transfer(transfer(fields)))

    lying: Dialogue = type("Lying", (type(found.dialogue),), {"create": staticmethod(create)})(found.dialogue._account)  # type: ignore[attr-defined]
    monkeypatch.setattr(found, "dialogue", lying)


async def test_a20_the_portal_pull_tells_nothing_to_whoever_may_not_ask() -> None:
    """Neither a strange network nor a wrong token gets a bill, which names the payer."""
    async with opened_desk() as desk:
        await desk.asked(channel="counter", portal_pull=True)
        endpoint = next(one for one in desk.connector.endpoints() if one.path.endswith("/pp/due"))
        body = b'{"MaHoSo":"000.00.00.G16-261122-0001"}'
        for peer, token in (("10.8.0.1", SECRETS["env:PORTAL"]), ("10.9.0.1", "x"), ("10.9.0.1", ""), ("", "x")):
            headers = {"authorization": f"Bearer {token}"}
            with pytest.raises(NotGenuine) as refused:
                await endpoint.handler(Notice("POST", "/payments/payment/pp/due", "", headers, body, peer))
            assert refused.value.reply is not None and refused.value.reply.status == 403
            assert PAYER["number"].encode() not in refused.value.reply.body


async def test_the_portal_may_ask_over_a_listener_of_both_families_as_over_one() -> None:
    """An address of IPv4 that a socket of IPv6 tells of is the same address; a stranger's stays one."""
    async with opened_desk() as desk:
        endpoint = next(one for one in desk.connector.endpoints() if one.path.endswith("/pp/due"))
        body, headers = b'{"MaHoSo":"H-1"}', {"authorization": f"Bearer {SECRETS['env:PORTAL']}"}
        reply = await endpoint.handler(Notice("POST", "/payments/payment/pp/due", "", headers, body, "::ffff:10.9.0.1"))
        assert (reply.status, told(reply)["error_code"]) == (200, -1)
        with pytest.raises(NotGenuine):
            await endpoint.handler(Notice("POST", "/payments/payment/pp/due", "", headers, body, "::ffff:10.8.0.1"))
