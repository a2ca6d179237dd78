"""ZaloPay's dialect: dated references, callbacks verified over their text as it came, successes only."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.kit.errors import CannotMap
from connectors.payment.model import Made, Verdict
from connectors.payment.profiles.zalopay import PROFILE
from connectors.payment.profiles.zalopay.mapping import ZaloPayOptions, dated, undated
from connectors.payment.speaking import Ack, Call, Dialogue, Refused
from tests.connectors.payment.accounts import NOW, REF, answer, asked, by_post, dialogue, key, order, refund
from tests.connectors.payment.vectors import VECTORS

BY_ID = {vector.id: vector for vector in VECTORS}
KEY1, KEY2 = key("main").value, key("second").value


def ours(options: ZaloPayOptions | None = None, now: datetime = NOW) -> Dialogue:
    """Our application at ZaloPay."""
    return dialogue(PROFILE, merchant="2553", options=options, now=now)


def mac(text: str, secret: str = KEY1) -> str:
    """A mac, written here a second time."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def callback(secret: str = KEY2, **changes: Any) -> dict[str, Any]:
    """A callback about the attempt."""
    data = {
        "app_id": 2553, "app_trans_id": f"260921_{REF}", "app_time": 1790000000000, "app_user": "nguoi-nop",
        "amount": 500000, "embed_data": "{}", "item": "[]", "zp_trans_id": 260921000000123,
        "server_time": 1790000060000, "channel": 38, "merchant_user_id": "u1", "user_fee_amount": 0,
        "discount_amount": 0,
    } | changes  # fmt: skip
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return {"data": text, "mac": mac(text, secret), "type": 1}


def said(**changes: Any) -> dict[str, Any]:
    """An answer to a question: paid."""
    return {
        "return_code": 1, "return_message": "Thành công", "sub_return_code": 1, "sub_return_message": "Thành công",
        "is_processing": False, "amount": 500000, "zp_trans_id": 260921000000123, "server_time": 1790000060000,
    } | changes  # fmt: skip


def test_an_order_is_dated_and_signed_in_a_fixed_order() -> None:
    """Key 1 over seven values; the lines of the fee are shown to the payer, no person is named."""
    call = ours().create(order())
    assert isinstance(call, Call) and call.endpoint == "create"
    body = json.loads(call.body)
    names = ("app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item")
    assert body["mac"] == mac("|".join(str(body[name]) for name in names))
    assert body["app_trans_id"] == f"260921_{REF}"
    assert json.loads(body["embed_data"]) == {"redirecturl": order().return_url}
    assert json.loads(body["item"])[0]["itemname"] == "Phí thẩm định"
    assert body["expire_duration_seconds"] == 900
    assert "Nguyễn" not in call.body.decode()


def test_the_date_of_a_reference_is_that_of_viet_nam() -> None:
    """00:03 on the 22nd there is 17:03 UTC of the 21st (payment facts 3.7, midnight trap)."""
    assert dated(datetime(2026, 9, 21, 17, 3, tzinfo=UTC), "x") == "260922_x"
    assert dated(datetime(2026, 9, 21, 16, 59, 59, tzinfo=UTC), "x") == "260921_x"


def test_a_question_after_midnight_keeps_the_date_of_the_order() -> None:
    """Otherwise it would ask about another order."""
    call = ours(now=datetime(2026, 9, 22, 3, tzinfo=UTC)).query(asked())
    assert isinstance(call, Call)
    body = json.loads(call.body)
    assert body["app_trans_id"] == f"260921_{REF}"
    assert body["mac"] == mac(f"2553|260921_{REF}|{KEY1}")


@pytest.mark.parametrize("text", [REF, f"26092_{REF}", f"abcdef_{REF}", ""])
def test_what_is_not_dated_is_no_reference_of_ours(text: str) -> None:
    """It comes back as it is: nobody's."""
    assert undated(text) == text
    assert undated(f"260921_{REF}") == REF


def test_an_amount_of_nothing_is_refused_before_the_call() -> None:
    """The bounds of the contract stand in the configuration; zero is in none."""
    with pytest.raises(CannotMap):
        ours().create(order(amount=0))


def created(**changes: Any) -> Made | Refused:
    """What an answer to `create` is taken for."""
    body = {"return_code": 1, "sub_return_code": 1, "order_url": "https://pay.example/o", "zp_trans_token": "t"}
    return ours().created(order(), answer(body | changes))


def test_an_accepted_order_has_an_address_for_the_payer() -> None:
    """And ZaloPay's own token of it."""
    made = created()
    assert isinstance(made, Made) and (made.pay_url, made.provider_ref) == ("https://pay.example/o", "t")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"order_url": ""}, Verdict.UNKNOWN),
        ({"return_code": 2, "sub_return_code": -68}, Verdict.UNKNOWN),
        ({"return_code": 2, "sub_return_code": -402}, Verdict.CONFIGURATION),
        ({"return_code": 2, "sub_return_code": -500}, Verdict.UNKNOWN),
        ({"return_code": 2, "sub_return_code": -429}, Verdict.UNKNOWN),
        ({"return_code": 2, "sub_return_code": -301}, Verdict.REPEAT),
        ({"return_code": 2, "sub_return_code": -999}, Verdict.FAILED),
        ({"return_code": 7}, Verdict.UNKNOWN),
    ],
)
def test_an_order_that_was_not_accepted_is_told_by_its_codes(changes: dict[str, Any], verdict: Verdict) -> None:
    """A reference that exists already, or a failure within ZaloPay, is asked about (decision D4)."""
    refused = created(**changes)
    assert isinstance(refused, Refused) and refused.statement.verdict is verdict


def test_a_callback_is_heard_with_everything_that_the_guards_compare() -> None:
    """Our reference without its date, the amount, the transaction as text."""
    heard = ours().hear(by_post(callback()))
    assert heard.ack is Ack.TAKEN and heard.statement is not None
    statement = heard.statement
    assert (statement.ref, statement.amount, statement.verdict) == (REF, 500_000, Verdict.PAID)
    assert (statement.txn_id, statement.key_id, statement.ours) == ("260921000000123", "second-1", True)


@pytest.mark.parametrize("vector", ["zalopay-callback-published", "zalopay-callback-diacritics"])
def test_the_callbacks_of_the_vectors_are_heard(vector: str) -> None:
    """The published one and one with marks, over the text as it stands there."""
    zalo = dialogue(PROFILE, merchant="2553", keys={"second": BY_ID[vector].keys()})
    body = {"data": BY_ID[vector].canonical, "mac": BY_ID[vector].signature, "type": 1}
    heard = zalo.hear(by_post(body))
    assert heard.ack is Ack.TAKEN and heard.statement is not None and heard.statement.verdict is Verdict.PAID


def test_a_callback_that_was_written_again_does_not_verify() -> None:
    """v:zalopay-callback-reserialised: the same value, other spaces (abuse case A19)."""
    vector = BY_ID["zalopay-callback-reserialised"]
    zalo = dialogue(PROFILE, merchant="2553", keys={"second": vector.keys()})
    body = {"data": vector.canonical, "mac": vector.presented, "type": 1}
    assert zalo.hear(by_post(body)).ack is Ack.BAD_SIGNATURE


def test_key_one_does_not_sign_callbacks() -> None:
    """What we sign with must not make a notice."""
    assert ours().hear(by_post(callback(secret=KEY1))).ack is Ack.BAD_SIGNATURE


def test_a_callback_of_another_application_is_not_ours() -> None:
    """Guard G2."""
    assert ours().hear(by_post(callback(app_id=2554))).ack is Ack.NOT_OURS


def test_an_agreement_is_acknowledged_and_is_no_payment() -> None:
    """A callback without a transaction moves nothing."""
    heard = ours().hear(by_post(callback(zp_trans_id="")))
    assert (heard.ack, heard.statement) == (Ack.TAKEN, None)


def test_a_kind_of_callback_that_is_changed_on_its_way_pays_nothing() -> None:
    """`type` is outside of the mac: another one makes the callback a reason to ask, never more."""
    heard = ours().hear(by_post(callback() | {"type": 2}))
    assert heard.statement is not None and heard.statement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("data", ["", "[]", "{", '{"amount":1,"amount":2}', '{"amount":1e5'])
def test_signed_data_that_cannot_be_read_is_refused(data: str) -> None:
    """Also what ZaloPay signed is read strictly."""
    assert ours().hear(by_post({"data": data, "mac": mac(data, KEY2), "type": 1})).ack is Ack.MALFORMED


@pytest.mark.parametrize("amount", [5e5, "500000.0", -500000, "0500000"])
def test_an_amount_that_is_no_whole_number_equals_none_of_ours(amount: object) -> None:
    """No rounding (guard G5)."""
    heard = ours().hear(by_post(callback(amount=amount)))
    assert heard.statement is not None and heard.statement.amount == -1


def test_acknowledgements_say_whether_to_come_again() -> None:
    """Payment facts 4.4."""
    codes = {ack: json.loads(ours().acknowledge(ack, None).body)["return_code"] for ack in Ack}
    assert codes == {
        Ack.TAKEN: 1, Ack.DUPLICATE: 2, Ack.UNKNOWN_REFERENCE: 2, Ack.AMOUNT_DIFFERS: 2, Ack.NOT_OURS: 2,
        Ack.BAD_SIGNATURE: -1, Ack.MALFORMED: -1, Ack.REFUSED_SOURCE: -1, Ack.UNSTORED: 0,
    }  # fmt: skip


def test_the_return_is_shown_by_its_checksum() -> None:
    """v:zalopay-redirect; a changed status is not signed."""
    vector = BY_ID["zalopay-redirect"]
    zalo = dialogue(PROFILE, merchant="2553", keys={"second": vector.keys()})
    good = zalo.returned(urlencode(vector.texts() | {"checksum": vector.signature}))
    assert (good.ref, good.signed, good.claims_paid) == ("G11000123a1", True, True)
    forged = zalo.returned(urlencode(vector.texts() | {"amount": "1", "checksum": vector.signature}))
    assert not forged.signed


def test_a_pipe_moves_no_border_between_values() -> None:
    """Abuse case A5: a return with one in a value is not signed, and ours are left out of what we sign."""
    fields = {"appid": "2553", "apptransid": "x|38", "pmcid": "", "bankcode": "", "amount": "1"}
    fields |= {"discountamount": "0", "status": "1"}
    names = ("appid", "apptransid", "pmcid", "bankcode", "amount", "discountamount", "status")
    checksum = mac("|".join(fields[name] for name in names), KEY2)
    assert not ours().returned(urlencode(fields | {"checksum": checksum})).signed
    call = ours().refund(refund(txn_id="26", reason="Hoàn phí|1790000000000"))
    assert call is not None and json.loads(call.body)["description"] == "Hoàn phí 1790000000000"


def test_an_answer_is_believed_with_the_amount_that_was_asked_about() -> None:
    """It names no reference, so the amount is its echo (abuse case A25)."""
    good, other = ours().queried(asked(), answer(said())), ours().queried(asked(), answer(said(amount=1)))
    assert good.trusted and (good.verdict, good.amount, good.txn_id) == (Verdict.PAID, 500_000, "260921000000123")
    assert not other.trusted and not ours().queried(asked(), answer(said(amount=None))).trusted


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"return_code": 2, "sub_return_code": 2, "amount": 0}, Verdict.FAILED),
        ({"return_code": 2, "sub_return_code": -322}, Verdict.EXPIRED),
        ({"return_code": 3, "is_processing": True}, Verdict.PENDING),
        ({"return_code": 3, "is_processing": False}, Verdict.PENDING),
        ({"return_code": 2, "is_processing": True}, Verdict.UNKNOWN),
        ({"return_code": 1, "is_processing": True}, Verdict.UNKNOWN),
        ({"return_code": 2, "sub_return_code": -429}, Verdict.REPEAT),
        ({"return_code": 1, "sub_return_code": -500}, Verdict.UNKNOWN),
        ({"return_code": 42}, Verdict.UNKNOWN),
    ],
)
def test_what_an_answer_says_stands_in_the_table(changes: dict[str, Any], verdict: Verdict) -> None:
    """Every indicator counts: a success that is still under way is asked about (guard G6)."""
    assert ours().queried(asked(), answer(said(**changes))).verdict is verdict


def test_a_refund_keeps_its_id_over_midnight() -> None:
    """Abuse case A24: dated by when it was asked for, not by when it is sent."""
    given = refund(txn_id="260921000000123")
    calls = [ours(now=now).refund(given) for now in (NOW, datetime(2026, 9, 23, tzinfo=UTC))]
    bodies = [json.loads(call.body) for call in calls if call]
    assert {body["m_refund_id"] for body in bodies} == {"260921_2553_0123456789abcr1"}
    names = ("app_id", "zp_trans_id", "amount", "description", "timestamp")
    assert bodies[0]["mac"] == mac("|".join(str(bodies[0][name]) for name in names))
    assert "refund_fee" not in bodies[0] and len(bodies[0]["m_refund_id"]) <= 40


def test_the_fee_of_a_refund_is_signed_where_the_contract_wants_it() -> None:
    """`refund_mac_with_fee` of payment facts 9."""
    call = ours(ZaloPayOptions(refund_mac_with_fee=True)).refund(refund(txn_id="26"))
    assert call is not None
    body = json.loads(call.body)
    names = ("app_id", "zp_trans_id", "amount", "refund_fee", "description", "timestamp")
    assert body["refund_fee"] == 0 and body["mac"] == mac("|".join(str(body[name]) for name in names))


def test_a_refund_without_zalopays_number_is_not_sent() -> None:
    """There would be nothing to refund there."""
    with pytest.raises(CannotMap):
        ours().refund(refund(txn_id=""))


@pytest.mark.parametrize(
    ("asks", "changes", "verdict"),
    [
        (False, {"return_code": 1}, Verdict.REFUND_DONE),
        (False, {"return_code": 3}, Verdict.REFUNDING),
        (False, {"return_code": 2}, Verdict.REFUND_REJECTED),
        (False, {"return_code": 2, "sub_return_code": -101}, Verdict.REFUND_DONE),
        (False, {"return_code": 2, "sub_return_code": -500}, Verdict.UNKNOWN),
        (False, {"return_code": 2, "sub_return_code": -429}, Verdict.UNKNOWN),
        (True, {"return_code": 2, "sub_return_code": -429}, Verdict.REPEAT),
        (True, {"return_code": 2}, Verdict.REFUND_REJECTED),
        (True, {"return_code": 1, "m_refund_id": "260921_2553_other"}, Verdict.UNKNOWN),
        (True, {"return_code": 1, "amount": 1}, Verdict.UNKNOWN),
    ],
)
def test_what_an_answer_says_of_a_refund_stands_in_the_table(
    asks: bool, changes: dict[str, Any], verdict: Verdict
) -> None:
    """Payment facts 3.7: 1 done, 2 failed, 3 under way, -101 refunded before."""
    given = refund(txn_id="260921000000123")
    statement = (ours().refund_queried if asks else ours().refunded)(given, answer({"sub_return_code": 1} | changes))
    assert statement.verdict is verdict
