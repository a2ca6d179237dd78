"""MoMo's dialect: signed requests and notices, answers that are believed by their echo."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.kit.errors import CannotMap, CredentialsRefused
from connectors.payment.model import Made, Verdict
from connectors.payment.profiles.momo import PROFILE
from connectors.payment.profiles.momo.mapping import MomoOptions
from connectors.payment.speaking import Ack, Call, Dialogue, Key, Refused
from tests.connectors.payment.accounts import REF, answer, asked, by_post, dialogue, key, order, refund
from tests.connectors.payment.vectors import VECTORS

BY_ID = {vector.id: vector for vector in VECTORS}
SECRET, ACCESS = key("main").value, key("access").value
PARTNER = "MOMOTEST"


def ours(options: MomoOptions | None = None, keys: dict[str, tuple[Key, ...]] | None = None) -> Dialogue:
    """Our account at MoMo."""
    return dialogue(PROFILE, merchant=PARTNER, options=options, keys=keys)


def mac(fields: dict[str, Any], names: str, secret: str = SECRET) -> str:
    """A signature over `names`, written here a second time."""
    text = "&".join(f"{name}={({**fields, 'accessKey': ACCESS})[name]}" for name in sorted(names.split()))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


IPN = (
    "accessKey amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime resultCode "
    "transId"
)


def notice(**changes: Any) -> dict[str, Any]:
    """A signed notice of a success, or of what `changes` make of it."""
    fields = {
        "partnerCode": PARTNER, "orderId": REF, "requestId": REF, "amount": 500000, "orderInfo": "Phí thẩm định hồ sơ",
        "orderType": "momo_wallet", "transId": 4088878653, "resultCode": 0, "message": "Giao dịch thành công.",
        "payType": "qr", "responseTime": 1790000000000, "extraData": "",
    } | changes  # fmt: skip
    return fields | {"signature": mac(fields, IPN)}


def said(**changes: Any) -> dict[str, Any]:
    """An answer to the third question about the attempt."""
    return {
        "partnerCode": PARTNER, "orderId": REF, "requestId": f"{REF}q3", "amount": 500000, "transId": 4088878653,
        "payType": "qr", "resultCode": 0, "message": "Thành công.", "responseTime": 1790000060000,
    } | changes  # fmt: skip


def test_an_order_is_signed_over_its_raw_values() -> None:
    """The text for the payer keeps its marks, the amount is a number, our reference is both ids (a repeat is one)."""
    call = ours().create(order())
    assert isinstance(call, Call) and (call.endpoint, call.method) == ("create", "POST")
    body = json.loads(call.body)
    names = "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType"
    assert body["signature"] == mac(body, names)
    assert body["orderInfo"] == "Phí thẩm định hồ sơ G11-260921-000123"
    assert (body["amount"], body["orderId"], body["requestId"]) == (500000, REF, REF)
    assert (body["extraData"], body["orderExpireTime"], body["autoCapture"]) == ("", 15, True)
    assert "accessKey" not in body and ACCESS not in call.body.decode()


@pytest.mark.parametrize("vector", ["momo-create-space", "momo-create-diacritics"])
def test_an_order_of_a_vector_is_signed_letter_for_letter(vector: str) -> None:
    """The dialect itself makes the signature of v:momo-create-*; only ids are ours to choose."""
    given = BY_ID[vector].fields or {}
    keys = {"main": BY_ID[vector].keys(), "access": (Key(id="a", value=given["accessKey"]),)}
    made = dialogue(PROFILE, merchant=given["partnerCode"], keys=keys).create(
        order(
            ref=given["orderId"],
            text=given["orderInfo"],
            return_url=given["redirectUrl"],
            notify_url=given["ipnUrl"],
        )
    )
    assert isinstance(made, Call)
    body = json.loads(made.body)
    expected = BY_ID[vector].canonical.replace(f"requestId={given['requestId']}", f"requestId={given['orderId']}")
    expected = expected.replace(f"extraData={given['extraData']}", "extraData=")
    secret = BY_ID[vector].secret
    assert body["signature"] == hmac.new(secret.encode(), expected.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("amount", [500, 999, 50_000_001])
def test_a_fee_outside_of_momos_bounds_is_refused_before_the_call(amount: int) -> None:
    """Payment facts 4.3: 1 000 to 50 000 000 đồng."""
    with pytest.raises(CannotMap):
        ours().create(order(amount=amount))


def test_without_an_access_key_nothing_is_sent() -> None:
    """Half of a pair of keys signs nothing."""
    with pytest.raises(CredentialsRefused):
        ours(keys={"main": (key("main"),)}).create(order())


def created(**changes: Any) -> Made | Refused:
    """What an answer to `create` is taken for."""
    body = said(requestId=REF, payUrl="https://test-payment.momo.vn/pay?t=1", deeplink="momo://x", qrCodeUrl="momo://q")
    return ours().created(order(), answer(body | changes))


def test_an_accepted_order_has_an_address_for_the_payer() -> None:
    """Where to go, what to open, what to scan."""
    made = created()
    assert isinstance(made, Made)
    assert (made.pay_url, made.deeplink) == ("https://test-payment.momo.vn/pay?t=1", "momo://x")
    assert made.qr_text == "momo://q"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"orderId": "other"}, Verdict.UNKNOWN),
        ({"amount": 1}, Verdict.UNKNOWN),
        ({"partnerCode": "OTHER"}, Verdict.UNKNOWN),
        ({"payUrl": "", "qrCodeUrl": ""}, Verdict.UNKNOWN),
        ({"resultCode": 41}, Verdict.UNKNOWN),
        ({"resultCode": 10}, Verdict.UNKNOWN),
        ({"resultCode": 99}, Verdict.UNKNOWN),
        ({"resultCode": 11}, Verdict.CONFIGURATION),
        ({"resultCode": 22}, Verdict.CONFIGURATION),
        ({"resultCode": 1004}, Verdict.FAILED),
        ({"resultCode": "0.0"}, Verdict.UNKNOWN),
    ],
)
def test_an_order_that_was_not_accepted_is_told_by_its_code(changes: dict[str, Any], verdict: Verdict) -> None:
    """Unclear is unknown: it is asked about before anything is sent again (decision D4)."""
    refused = created(**changes)
    assert isinstance(refused, Refused) and refused.statement.verdict is verdict


@pytest.mark.parametrize(("status", "verdict"), [(500, Verdict.UNKNOWN), (400, Verdict.CONFIGURATION)])
def test_an_http_status_alone_is_enough_to_refuse_an_order(status: int, verdict: Verdict) -> None:
    """Payment facts 4.5: 5xx of a create is unknown."""
    refused = ours().created(order(), answer(b"", status))
    assert isinstance(refused, Refused) and refused.statement.verdict is verdict


def test_a_notice_is_heard_with_everything_that_the_guards_compare() -> None:
    """Amount, transaction as text, time as an instant."""
    heard = ours().hear(by_post(notice()))
    assert heard.ack is Ack.TAKEN and heard.statement is not None
    statement = heard.statement
    assert (statement.ref, statement.amount, statement.verdict) == (REF, 500_000, Verdict.PAID)
    assert (statement.txn_id, statement.trusted, statement.ours) == ("4088878653", True, True)
    assert statement.paid_at is not None and statement.paid_at.timestamp() == 1_790_000_000


@pytest.mark.parametrize(
    ("vector", "verdict"), [("momo-ipn-success-diacritics", Verdict.PAID), ("momo-ipn-user-denied", Verdict.FAILED)]
)
def test_the_vectors_of_notices_are_heard(vector: str, verdict: Verdict) -> None:
    """v:momo-ipn-*: marks and spaces raw, the access key ours to add."""
    given = dict(BY_ID[vector].fields or {})
    keys = {"main": BY_ID[vector].keys(), "access": (Key(id="a", value=given.pop("accessKey")),)}
    momo = dialogue(PROFILE, merchant="MOMO", keys=keys)
    heard = momo.hear(by_post(given | {"signature": BY_ID[vector].signature}))
    assert heard.statement is not None and heard.statement.verdict is verdict


def test_a_failure_replayed_as_a_success_does_not_verify() -> None:
    """Abuse case A3, v:momo-ipn-result-flip."""
    vector = BY_ID["momo-ipn-result-flip"]
    given = dict(vector.fields or {})
    keys = {"main": vector.keys(), "access": (Key(id="a", value=given.pop("accessKey")),)}
    momo = dialogue(PROFILE, merchant="MOMO", keys=keys)
    assert momo.hear(by_post(given | {"signature": vector.presented})).ack is Ack.BAD_SIGNATURE


def test_a_transaction_number_keeps_every_digit() -> None:
    """Beyond 2^53 a float would change the last one (abuse case A19)."""
    heard = ours().hear(by_post(notice(transId=9007199254740993)))
    assert heard.statement is not None and heard.statement.txn_id == "9007199254740993"


def test_an_authorised_payment_is_paid_only_where_it_is_captured_at_once() -> None:
    """9000 in one step is money; in two steps it is not yet (payment facts 2.4)."""
    two = ours(MomoOptions(capture="two_step"))
    one = ours().hear(by_post(notice(resultCode=9000))).statement
    later = two.hear(by_post(notice(resultCode=9000))).statement
    assert one is not None and later is not None
    assert (one.verdict, later.verdict) == (Verdict.PAID, Verdict.PENDING)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"amount":1,"amount":2}', b'{"amount":{}}', b"\xff", b'{"a":NaN}']
)
def test_a_body_that_is_no_notice_is_refused(body: bytes) -> None:
    """Refused before anything is hashed."""
    assert ours().hear(by_post(body)).ack is Ack.MALFORMED


def test_acknowledgements_are_bare_statuses() -> None:
    """Payment facts 4.4: 204 without a body stops the repeats, 400 for a forgery, 500 asks again."""
    statuses = {ack: ours().acknowledge(ack, None).status for ack in Ack}
    assert all(ours().acknowledge(ack, None).body == b"" for ack in Ack)
    assert statuses == {
        Ack.TAKEN: 204, Ack.DUPLICATE: 204, Ack.UNKNOWN_REFERENCE: 204, Ack.AMOUNT_DIFFERS: 204,
        Ack.BAD_SIGNATURE: 400, Ack.NOT_OURS: 400, Ack.MALFORMED: 400, Ack.REFUSED_SOURCE: 403, Ack.UNSTORED: 500,
    }  # fmt: skip


def test_the_return_is_read_from_its_query_text() -> None:
    """The same parameters as a notice, decoded; a changed result is not signed."""
    good = urlencode(notice())
    assert ours().returned(good).signed and ours().returned(good).claims_paid
    denied = ours().returned(good.replace("resultCode=0", "resultCode=1006"))
    assert (denied.signed, denied.claims_paid, denied.ref) == (False, False, REF)


def test_a_question_has_a_number_of_its_own() -> None:
    """v:momo-query: four names; each question is another `requestId`."""
    call = ours().query(asked())
    assert isinstance(call, Call) and call.endpoint == "query"
    body = json.loads(call.body)
    assert body["requestId"] == f"{REF}q3"
    assert body["signature"] == mac(body, "accessKey orderId partnerCode requestId")


def test_an_answer_is_believed_by_its_echo() -> None:
    """Partner, order, request and amount are those asked about."""
    statement = ours().queried(asked(), answer(said()))
    assert statement.trusted and (statement.verdict, statement.amount) == (Verdict.PAID, 500_000)


@pytest.mark.parametrize(
    "changes",
    [{"orderId": "other"}, {"requestId": f"{REF}q2"}, {"amount": 499999}, {"amount": ""}, {"partnerCode": "OTHER"}],
)
def test_an_answer_without_its_echo_is_not_believed(changes: dict[str, Any]) -> None:
    """Abuse case A25: another reference, an old answer, another amount."""
    statement = ours().queried(asked(), answer(said(**changes)))
    assert not statement.trusted and statement.ref == REF


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(1000, Verdict.PENDING), (7002, Verdict.UNKNOWN), (1005, Verdict.EXPIRED), (1006, Verdict.FAILED),
     (42, Verdict.NOT_FOUND), (10, Verdict.REPEAT), (13, Verdict.CONFIGURATION), (31337, Verdict.UNKNOWN)],
)  # fmt: skip
def test_what_an_answer_says_stands_in_the_table(code: int, verdict: Verdict) -> None:
    """Payment facts 3.6."""
    assert ours().queried(asked(), answer(said(resultCode=code))).verdict is verdict


def test_a_refund_has_a_reference_of_its_own_and_keeps_it() -> None:
    """Abuse case A24: the same ids at a repeat; MoMo's number is a number; the vendor wants 60 s."""
    calls = [ours().refund(refund(txn_id="4088878653")) for _ in range(2)]
    bodies = [json.loads(call.body) for call in calls if call]
    assert bodies[0] == bodies[1] and calls[0] is not None and calls[0].read_s == 60
    body = bodies[0]
    assert (body["orderId"], body["requestId"], body["transId"]) == ("0123456789abcr1", "0123456789abcr1", 4088878653)
    assert body["signature"] == mac(body, "accessKey amount description orderId partnerCode requestId transId")


def test_a_refund_without_momos_number_is_not_sent() -> None:
    """There would be nothing to refund at MoMo."""
    with pytest.raises(CannotMap):
        ours().refund(refund(txn_id=""))


@pytest.mark.parametrize(
    ("asks", "changes", "verdict"),
    [
        (False, {}, Verdict.REFUND_DONE),
        (True, {}, Verdict.REFUND_DONE),
        (False, {"resultCode": 7002}, Verdict.UNKNOWN),
        (False, {"resultCode": 1080}, Verdict.REPEAT),
        (False, {"resultCode": 1081}, Verdict.UNKNOWN),
        (True, {"resultCode": 1081}, Verdict.REFUND_REJECTED),
        (True, {"resultCode": 1088}, Verdict.REFUND_REJECTED),
        (True, {"resultCode": 42}, Verdict.NOT_FOUND),
        (True, {"resultCode": 7000}, Verdict.REFUNDING),
        (False, {"orderId": REF}, Verdict.UNKNOWN),
        (False, {"amount": 500000}, Verdict.UNKNOWN),
        (False, {"resultCode": 11, "orderId": ""}, Verdict.CONFIGURATION),
    ],
)
def test_a_refund_is_refused_for_good_only_by_an_answer_to_a_question(
    asks: bool, changes: dict[str, Any], verdict: Verdict
) -> None:
    """1081 may mean that it was refunded already: the refund query decides (payment facts 3.6)."""
    given = refund(txn_id="4088878653")
    request_id = f"{given.refund_ref}q1" if asks else given.refund_ref
    body = answer(said(orderId=given.refund_ref, requestId=request_id, amount=200000) | changes)
    statement = ours().refund_queried(given, body) if asks else ours().refunded(given, body)
    assert statement.verdict is verdict
