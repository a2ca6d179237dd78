"""Fees through the real program and the simulated intermediaries: paid once, shown truly, never taken on a forged word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.line.paying import AMOUNT, PAYER, Till, opened_till
from tests.line.program import ask, until

REASON = ("--reason", "Nộp trùng, hoàn theo quy định")


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Till]:
    """The gateway with the simulated intermediaries."""
    with opened_till(tmp_path_factory.mktemp("till"), program_environment) as running:
        yield running


@pytest.mark.parametrize("provider", ["vnpay", "momo"])
def test_a_fee_is_asked_for_paid_and_known_as_paid(till: Till, provider: str) -> None:
    """The caller gets an address at once; after the payer's word and the notice the view says paid, with the transaction."""
    asked = till.asked(provider=provider)
    assert asked["pay_url"].startswith(f"http://127.0.0.1:{till.simulator}/")
    assert asked["state"] == "pending" and asked["attempts"][0]["provider"] == provider
    paid = till.pay(asked)
    view = till.becomes(asked["payment_id"], "paid")
    assert (view["provider"], view["amount"], view["paid_by"]) == (provider, AMOUNT, "notice")
    assert view["provider_txn"] and view["notice_received_at"] and view["completed_at"]
    shown = till.page(paid["location"])
    assert shown.status == 200 and "Đã thanh toán thành công" in shown.body.decode()
    told = until(lambda: till.view(asked["payment_id"])["payer_notified_at"], "the payer was told")
    assert told >= view["notice_received_at"]


def test_the_same_request_is_the_same_payment_and_another_body_is_refused(till: Till) -> None:
    """However often it is asked: one payment, one attempt. Under the same request_id nothing else can be asked."""
    wanted = till.wanted()
    first, again = till.call("POST", "", wanted), till.call("POST", "", wanted)
    assert (first.status, again.status) == (201, 201)
    assert first.tree == again.tree and len(first.tree["attempts"]) == 1
    other = till.call("POST", "", {**wanted, "payer": {**PAYER, "address": "Huế"}})
    assert (other.status, other.tree["code"]) == (409, "payment_request_reused")


def test_a_forged_return_shows_a_check_and_moves_nothing(till: Till) -> None:
    """Whatever a browser claims, the page shows what the store knows, and nothing of what came in."""
    asked = till.asked(provider="vnpay")
    reference = asked["attempts"][0]["reference"]
    forged = f"vnp_TxnRef={reference}&vnp_ResponseCode=00&vnp_TransactionStatus=00&vnp_Amount=1%3Cscript%3E"
    shown = till.page(f"{till.base}/payments/payment/vnpay/return?{forged}")
    text = shown.body.decode()
    assert shown.status == 200 and "Đang kiểm tra giao dịch" in text and "script" not in text
    assert till.view(asked["payment_id"])["state"] == "pending"


def test_a_forged_notice_is_refused_in_the_words_of_its_intermediary(till: Till) -> None:
    """A success signed by a stranger changes nothing."""
    asked = till.asked(provider="momo")
    forged = {"provider": "momo", "ref": asked["attempts"][0]["reference"], "lie": "strangers_key"}
    assert till.order("POST", "notices", forged)
    tried = until(lambda: till.order("GET", "notices")["notices"][-1]["attempts"], "the forgery arrives")
    assert tried[0]["status"] == 400
    assert till.view(asked["payment_id"])["state"] == "pending"


def test_a_payer_who_fails_may_try_again_elsewhere(till: Till) -> None:
    """While the first attempt may succeed there is no second; once it failed another intermediary takes the fee."""
    asked = till.asked(provider="momo")
    early = till.call("POST", f"/{asked['payment_id']}/attempts", {"request_id": "lai-0", "provider": "vnpay"})
    assert (early.status, early.tree["code"]) == (409, "payment_attempt_open")
    till.pay(asked, "fail")
    till.becomes(asked["payment_id"], "failed", 10.0)
    second = till.call("POST", f"/{asked['payment_id']}/attempts", {"request_id": "lai-1", "provider": "vnpay"})
    assert second.status == 201 and len(second.tree["attempts"]) == 2
    till.pay(second.tree)
    assert till.becomes(asked["payment_id"], "paid")["provider"] == "vnpay"


def test_a_cancellation_counts_only_once_the_intermediary_says_not_paid(till: Till) -> None:
    """Nobody is sent anywhere afterwards; who has paid meanwhile is found out by the question, though the notice was lost."""
    told = [
        (
            asked["payment_id"],
            till.call("POST", f"/{asked['payment_id']}/cancel", {"request_id": "huy", "reason": "rút"}),
        )
        for asked in (till.asked(provider="momo"), _paid_unheard(till))
    ]
    assert [answer.status for _, answer in told] == [202, 202]
    assert till.becomes(told[0][0], "cancelled", 20.0)["pay_url"] == ""
    assert till.becomes(told[1][0], "paid")["paid_by"] == "query"


def _paid_unheard(till: Till) -> Any:
    """A fee that was paid, and no notice ever came."""
    till.order("PUT", "delivery", {"lose": 1.0})
    asked = till.asked(provider="vnpay")
    till.pay(asked, wait=False)
    till.order("PUT", "delivery", {})
    return asked


def test_paid_at_the_counter_closes_the_fee_to_payment_online(till: Till) -> None:
    """Officer, number and time are kept; another attempt is refused."""
    asked = till.asked(channel="counter")
    assert asked["state"] == "created" and asked["attempts"] == []
    receipt = {
        "request_id": "quay-1",
        "method": "cash",
        "officer": "CB-017",
        "receipt_no": "0000123",
        "received_at": "2026-11-20T09:30:00+07:00",
        "amount": AMOUNT,
    }
    told = till.call("POST", f"/{asked['payment_id']}/counter-receipts", receipt)
    assert (told.status, told.tree["state"], told.tree["counter_receipt_no"]) == (201, "paid", "0000123")
    late = till.call("POST", f"/{asked['payment_id']}/attempts", {"request_id": "lai-2"})
    assert (late.status, late.tree["code"]) == (409, "payment_already_paid")


def test_the_portal_pulls_what_is_due_only_where_it_may(till: Till) -> None:
    """Nothing is known of a strange dossier, and a fee that is payable elsewhere is not offered twice."""
    address = f"{till.base}/payments/payment/pp/due"
    unknown = ask("POST", address, b'{"MaHoSo":"000.00.00.G16-261122-9999"}')
    assert unknown.tree["error_code"] == -1


def test_who_pays_twice_is_paid_back_once_two_operators_have_signed(till: Till) -> None:
    """The ledger itself asks for the refund; one person alone, or twice, moves no money; the intermediary is asked once."""
    operators(till)
    asked = till.asked(provider="momo")
    till.pay(asked, "pay_twice")
    view = until(lambda: _with_refund(till, asked["payment_id"]), "the second payment has a refund")
    assert view["state"] == "paid" and "duplicate_payment" in view["flags"]
    (refund,) = view["refunds"]
    assert (refund["state"], refund["amount"], refund["cause"]) == ("asked", AMOUNT, "duplicate_payment")
    words = ("decide", "payment", "refund", asked["payment_id"], "--set", f"refund_id={refund['refund_id']}", *REASON)
    proposed = till.line.command(*words, "--as", "binh", "--json")
    assert proposed.code == 1 and till.view(asked["payment_id"])["refunds"][0]["state"] == "asked"
    approve = ("decisions", "approve", proposed.tree["proposal"], *REASON, "--json")
    assert till.line.command(*approve, "--as", "binh").tree["code"] == "same_person"
    assert till.line.command(*approve, "--as", "chi").code == 0
    order = until(lambda: _sent_back(till, asked["attempts"][0]["reference"]), "the refund is asked for")
    assert [one["amount"] for one in order["refunds"]] == [AMOUNT] and len(order["transactions"]) == 2
    assert till.view(asked["payment_id"])["refunds"][0]["state"] in ("sending", "unknown", "done")


def _sent_back(till: Till, reference: str) -> Any:
    order = next(one for one in till.order("GET", "books")["orders"] if one["ref"] == reference)
    return order if order["refunds"] else None


def operators(till: Till) -> None:
    """The first operator of the installation, and two who may decide about refunds."""
    add = ("operators", "add", "--config", till.line.config)
    first = till.line.program.run(*add, "an", "--new-key", "--person", "CB-001", "--role", "admin", *REASON)
    assert first.code == 0, first
    for name, person in (("binh", "CB-002"), ("chi", "CB-003")):
        words = (name, "--new-key", "--person", person, "--role", "supervisor", "--as", "an", *REASON)
        done = till.line.program.run(*add, *words)
        assert done.code in (0, 1), done


def _with_refund(till: Till, payment_id: str) -> Any:
    view = till.view(payment_id)
    return view if view["refunds"] else None


def test_no_answer_and_no_log_names_the_payer(till: Till) -> None:
    """The view holds nothing of the person, nor does anything that the program printed."""
    asked = till.asked()
    assert "001090000000" not in str(asked) and "Nguyễn Văn Nộp" not in str(asked)
    log = till.line.program.log("gateway")
    for planted in ("001090000000", "Nguyễn Văn Nộp", "simulator-vnpay", "simulator-momo", "vnp_SecureHash="):
        assert planted not in log
    assert urlsplit(asked["pay_url"]).hostname == "127.0.0.1"
