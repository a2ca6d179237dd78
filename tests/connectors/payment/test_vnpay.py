"""VNPAY's dialect: the page we send payers to, the notices we believe, the questions and refunds we sign."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.kit.errors import CannotMap, CredentialsRefused
from connectors.payment.model import Made, Verdict
from connectors.payment.profiles.vnpay import PROFILE
from connectors.payment.profiles.vnpay.mapping import VnpayOptions
from connectors.payment.speaking import Ack, Call, Key
from tests.connectors.payment.accounts import NOW, REF, answer, asked, by_get, dialogue, key, order, refund
from tests.connectors.payment.vectors import VECTORS

SECRET = key("main").value
BY_ID = {vector.id: vector for vector in VECTORS}
NOTICE = {
    "vnp_Amount": "50000000",
    "vnp_BankCode": "NCB",
    "vnp_OrderInfo": "Thanh+toan",
    "vnp_PayDate": "20260921143155",
    "vnp_ResponseCode": "00",
    "vnp_TmnCode": "TESTTMN1",
    "vnp_TransactionNo": "14500001",
    "vnp_TransactionStatus": "00",
    "vnp_TxnRef": REF,
}


def signed(fields: dict[str, str], secret: str = SECRET) -> str:
    """A query text as VNPAY would send it: raw values, the signature last."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name])
    return f"{text}&vnp_SecureHash={hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()}"


def piped(names: str, fields: dict[str, Any]) -> dict[str, Any]:
    """An answer signed over its values in a fixed order."""
    text = "|".join(str(fields.get(f"vnp_{name}", "")) for name in names.split())
    return {**fields, "vnp_SecureHash": hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()}


ANSWER = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType "
    "TransactionStatus OrderInfo"
)


def said(**changes: str) -> dict[str, str]:
    """The fields of an answer to querydr that says paid."""
    fields = {
        "ResponseId": "r1", "Command": "querydr", "ResponseCode": "00", "Message": "Truy vấn thành công",
        "TmnCode": "TESTTMN1", "TxnRef": REF, "Amount": "50000000", "BankCode": "NCB", "PayDate": "20260921143155",
        "TransactionNo": "14500001", "TransactionType": "01", "TransactionStatus": "00", "OrderInfo": "Thanh toan",
    } | changes  # fmt: skip
    return {f"vnp_{name}": value for name, value in fields.items()}


def query_answer(**changes: str) -> dict[str, Any]:
    """A signed answer to querydr."""
    return piped(f"{ANSWER} PromotionCode PromotionAmount", said(**changes))


def refund_answer(**changes: str) -> dict[str, Any]:
    """A signed answer to refund."""
    return piped(ANSWER, said(**{"Command": "refund", "Amount": "20000000", "TransactionType": "03"} | changes))


def test_the_payment_page_is_signed_over_what_its_address_says() -> None:
    """The address verifies as text, holds every mandatory parameter, and the words for the payer are without marks."""
    made = dialogue(PROFILE).create(order())
    assert isinstance(made, Made)
    query = urlsplit(made.pay_url).query
    text, _, signature = query.rpartition("&vnp_SecureHash=")
    assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest() == signature
    assert text == "&".join(sorted(text.split("&")))
    fields = dict(parse_qsl(query, strict_parsing=True))
    assert fields["vnp_Amount"] == "50000000"
    assert fields["vnp_OrderInfo"] == "Phi tham dinh ho so G11-260921-000123"
    assert (fields["vnp_CreateDate"], fields["vnp_ExpireDate"]) == ("20260921143005", "20260921144505")
    assert (fields["vnp_TxnRef"], fields["vnp_IpAddr"], made.time_text) == (REF, "10.0.0.15", "20260921143005")
    assert "vnp_BankCode" not in fields and "vnp_SecureHashType" not in fields


def test_the_page_of_a_published_vector_is_made_letter_for_letter() -> None:
    """The dialect itself, not only its recipe, writes v:vnpay-pay-ascii-space."""
    vector = BY_ID["vnpay-pay-ascii-space"]
    ours = dialogue(PROFILE, keys={"main": vector.keys()})
    changed = order(
        ref=vector.texts()["vnp_TxnRef"],
        text=vector.texts()["vnp_OrderInfo"],
        return_url=vector.texts()["vnp_ReturnUrl"],
    )
    made = ours.create(changed)
    assert isinstance(made, Made)
    assert urlsplit(made.pay_url).query == f"{vector.canonical}&vnp_SecureHash={vector.signature}"


@pytest.mark.parametrize("amount", [0, -1, 10_000_000_000])
def test_an_amount_that_vnpay_cannot_write_is_refused_before_the_page(amount: int) -> None:
    """Twelve digits, the last two for nothing."""
    with pytest.raises(CannotMap):
        dialogue(PROFILE).create(order(amount=amount))


def test_without_a_key_in_force_nothing_is_signed() -> None:
    """A key that has run out is for people; an unsigned page never leaves."""
    old = Key(id="old", value=SECRET, not_after=NOW)
    with pytest.raises(CredentialsRefused):
        dialogue(PROFILE, keys={"main": (old,)}).create(order())


def test_a_success_is_heard_with_everything_that_the_guards_compare() -> None:
    """Amount in đồng, both times, transaction, and the key that verified."""
    heard = dialogue(PROFILE).hear(by_get(signed(NOTICE)))
    assert heard.ack is Ack.TAKEN
    statement = heard.statement
    assert statement is not None and statement.trusted and statement.ours
    assert (statement.ref, statement.amount, statement.verdict) == (REF, 500_000, Verdict.PAID)
    assert (statement.txn_id, statement.bank_code, statement.key_id) == ("14500001", "NCB", "main-1")
    assert statement.paid_at is not None and statement.paid_at.isoformat() == "2026-09-21T07:31:55+00:00"
    assert statement.time_text == "20260921143155"


@pytest.mark.parametrize(
    ("code", "status", "verdict"),
    [
        ("00", "00", Verdict.PAID),
        ("24", "02", Verdict.FAILED),
        ("11", "02", Verdict.EXPIRED),
        ("07", "07", Verdict.HOLD),
        ("07", "00", Verdict.HOLD),
        ("00", "04", Verdict.HOLD),
        ("99", "00", Verdict.UNKNOWN),
        ("24", "00", Verdict.UNKNOWN),
        ("00", "02", Verdict.UNKNOWN),
        ("00", "", Verdict.UNKNOWN),
        ("00", "01", Verdict.PENDING),
        ("42", "02", Verdict.UNKNOWN),
        ("", "", Verdict.UNKNOWN),
    ],
)
def test_only_two_indicators_that_agree_say_paid(code: str, status: str, verdict: Verdict) -> None:
    """Guard G6: response code and transaction status; what contradicts itself is asked about (payment facts 8.3)."""
    changed = {**NOTICE, "vnp_ResponseCode": code, "vnp_TransactionStatus": status}
    statement = dialogue(PROFILE).hear(by_get(signed(changed))).statement
    assert statement is not None and statement.verdict is verdict


@pytest.mark.parametrize("amount", ["50000001", "5e7", "-50000000", "050000000", "٥٠", "50000000.0"])
def test_an_amount_that_is_no_whole_number_of_dong_equals_none_of_ours(amount: str) -> None:
    """Signed or not, it fails guard G5 rather than being rounded."""
    statement = dialogue(PROFILE).hear(by_get(signed({**NOTICE, "vnp_Amount": amount}))).statement
    assert statement is not None and statement.amount == -1


def test_a_notice_of_another_terminal_is_not_ours() -> None:
    """Even where it verifies (a secret that two terminals share), it is refused (guard G2)."""
    heard = dialogue(PROFILE).hear(by_get(signed({**NOTICE, "vnp_TmnCode": "TESTTMN2"})))
    assert heard.ack is Ack.NOT_OURS


def test_the_published_notices_verify_and_only_the_successful_one_says_paid() -> None:
    """v:vnpay-ipn-published-*: ResponseCode 99 with status 00 is no payment; the altered amount does not verify."""
    verdicts = {}
    for name in ("success", "failed"):
        vector = BY_ID[f"vnpay-ipn-published-{name}"]
        ours = dialogue(PROFILE, merchant="TEST_TMN_CODE", keys={"main": vector.keys()})
        heard = ours.hear(by_get(f"{vector.canonical}&vnp_SecureHash={vector.signature}"))
        assert heard.ack is Ack.TAKEN and heard.statement is not None
        verdicts[name] = heard.statement.verdict
    assert verdicts == {"success": Verdict.PAID, "failed": Verdict.UNKNOWN}
    tampered = BY_ID["vnpay-ipn-amount-tampered"]
    ours = dialogue(PROFILE, merchant="TEST_TMN_CODE", keys={"main": tampered.keys()})
    assert ours.hear(by_get(f"{tampered.canonical}&vnp_SecureHash={tampered.presented}")).ack is Ack.BAD_SIGNATURE


def test_every_acknowledgement_is_the_one_that_vnpay_knows() -> None:
    """Payment facts 3.5 and 4.4: 00 and 02 stop the repeats, the others ask for them; always HTTP 200."""
    ours = dialogue(PROFILE)
    codes = {}
    for ack in Ack:
        reply = ours.acknowledge(ack, None)
        assert reply.status == 200 and reply.content_type == "application/json"
        codes[ack] = json.loads(reply.body)["RspCode"]
    assert codes == {
        Ack.TAKEN: "00", Ack.DUPLICATE: "02", Ack.BAD_SIGNATURE: "97", Ack.NOT_OURS: "97", Ack.MALFORMED: "97",
        Ack.UNKNOWN_REFERENCE: "01", Ack.AMOUNT_DIFFERS: "04", Ack.REFUSED_SOURCE: "03", Ack.UNSTORED: "99",
    }  # fmt: skip


def test_the_return_shows_and_never_claims_for_a_forger() -> None:
    """Signed: it says what VNPAY says; forged: it is not signed, whatever it claims."""
    ours = dialogue(PROFILE)
    assert ours.returned(signed(NOTICE)) == ours.returned(signed(NOTICE))
    good, forged = ours.returned(signed(NOTICE)), ours.returned(signed(NOTICE, "other"))
    assert (good.ref, good.signed, good.claims_paid) == (REF, True, True)
    assert (forged.ref, forged.signed) == (REF, False)
    assert ours.returned("vnp_TxnRef=1&vnp_TxnRef=2").ref == ""


def test_a_question_is_signed_in_the_order_of_the_vector() -> None:
    """v:vnpay-querydr-request: fixed order, raw values, the original time."""
    vector = BY_ID["vnpay-querydr-request"]
    call = dialogue(PROFILE).query(asked())
    assert isinstance(call, Call) and (call.endpoint, call.method) == ("api", "POST")
    body = json.loads(call.body)
    assert list(body)[:-1] == list(vector.texts())
    text = "|".join(body[name] for name in vector.texts())
    assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest() == body["vnp_SecureHash"]
    assert body["vnp_TransactionDate"] == "20260921143005" and body["vnp_RequestId"] == f"{REF}q3"


def test_a_signed_answer_is_trusted_and_read() -> None:
    """Paid, with amount and transaction."""
    statement = dialogue(PROFILE).queried(asked(), answer(query_answer()))
    assert statement.trusted and statement.ours and statement.verdict is Verdict.PAID
    assert (statement.amount, statement.txn_id, statement.code) == (500_000, "14500001", "00/00")


def test_numbers_in_an_answer_are_hashed_as_they_were_written() -> None:
    """A gateway that writes amounts as numbers signs the same text."""
    body = query_answer() | {"vnp_Amount": 50000000}
    assert dialogue(PROFILE).queried(asked(), answer(body)).trusted


@pytest.mark.parametrize("name", ["vnp_Amount", "vnp_TransactionStatus", "vnp_TxnRef", "vnp_PromotionAmount"])
def test_an_answer_with_a_changed_field_is_not_trusted(name: str) -> None:
    """Its signature is over the values."""
    body = query_answer() | {name: "1"}
    assert not dialogue(PROFILE).queried(asked(), answer(body)).trusted


def test_a_signed_answer_about_another_reference_is_not_trusted() -> None:
    """Abuse case A25: the echo is compared although the signature holds."""
    statement = dialogue(PROFILE).queried(asked(), answer(query_answer(TxnRef="0123456789abca2")))
    assert not statement.trusted and statement.ref == REF


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"TransactionStatus": "01"}, Verdict.PENDING),
        ({"TransactionStatus": "02"}, Verdict.FAILED),
        ({"TransactionStatus": "04"}, Verdict.HOLD),
        ({"ResponseCode": "91", "TransactionStatus": ""}, Verdict.NOT_FOUND),
        ({"ResponseCode": "94"}, Verdict.REPEAT),
        ({"ResponseCode": "97"}, Verdict.CONFIGURATION),
        ({"ResponseCode": "99"}, Verdict.UNKNOWN),
        ({"TransactionType": "02"}, Verdict.UNKNOWN),
    ],
)
def test_what_an_answer_says_stands_in_the_table(changes: dict[str, str], verdict: Verdict) -> None:
    """Payment facts 3.5: API code and status together."""
    assert dialogue(PROFILE).queried(asked(), answer(query_answer(**changes))).verdict is verdict


def test_an_answer_with_a_pipe_in_a_value_has_two_readings_and_is_not_trusted() -> None:
    """Abuse case A5: the same signature would hold after a value moved into its neighbour."""
    body = query_answer(Message="Success|TESTTMN1")
    moved = body | {"vnp_Message": "Success", "vnp_TmnCode": f"TESTTMN1|{body['vnp_TmnCode']}"}
    ours = dialogue(PROFILE)
    assert not ours.queried(asked(), answer(body)).trusted
    assert not ours.queried(asked(), answer(moved)).trusted


def test_what_vnpay_cannot_find_it_need_not_sign() -> None:
    """Only "not found", only without any signature, only where the contract lets it; a success is never believed so."""
    bare = {"vnp_ResponseCode": "91", "vnp_Message": "Not found"}
    strict = dialogue(PROFILE, options=VnpayOptions(unsigned_not_found=False))
    lax = dialogue(PROFILE)
    found = lax.queried(asked(), answer(bare))
    assert (found.trusted, found.ours, found.verdict) == (True, True, Verdict.NOT_FOUND)
    assert not strict.queried(asked(), answer(bare)).trusted
    assert not lax.queried(asked(), answer(bare | {"vnp_SecureHash": "0" * 128})).trusted
    assert not lax.queried(asked(), answer(bare | {"vnp_TxnRef": "0123456789abca2"})).trusted
    unsigned = {name: value for name, value in query_answer().items() if name != "vnp_SecureHash"}
    assert not lax.queried(asked(), answer(unsigned)).trusted


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(500, Verdict.REPEAT), (404, Verdict.CONFIGURATION), (429, Verdict.REPEAT), (302, Verdict.UNKNOWN)],
)
def test_an_http_status_alone_says_little_of_a_question(status: int, verdict: Verdict) -> None:
    """Payment facts 4.5."""
    statement = dialogue(PROFILE).queried(asked(), answer(b"<html>", status))
    assert statement.verdict is verdict and not statement.trusted


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"vnp_TxnRef":"1","vnp_TxnRef":"2"}', b'{"vnp_Amount":{}}'])
def test_an_unreadable_answer_is_unknown(body: bytes) -> None:
    """Decision D4."""
    statement = dialogue(PROFILE).queried(asked(), answer(body))
    assert statement.verdict is Verdict.UNKNOWN and not statement.trusted


@pytest.mark.parametrize("vector", ["vnpay-refund-full", "vnpay-refund-partial"])
def test_a_refund_is_written_as_the_vector_is(vector: str) -> None:
    """Type 02 for everything and 03 for a part, amounts x100, `0` for an unknown transaction, the original time."""
    whole = vector == "vnpay-refund-full"
    given = refund(
        whole=whole, amount=500_000 if whole else 200_000, txn_id="14500001" if whole else "", reason="ho so"
    )
    call = dialogue(PROFILE).refund(given)
    assert isinstance(call, Call)
    body, wanted = json.loads(call.body), BY_ID[vector].texts()
    assert list(body)[:-1] == list(wanted)
    for name in ("TransactionType", "Amount", "TransactionNo", "TransactionDate"):
        assert body[f"vnp_{name}"] == wanted[f"vnp_{name}"]
    text = "|".join(body[name] for name in wanted)
    assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest() == body["vnp_SecureHash"]


def test_the_same_refund_asks_with_the_same_request_id() -> None:
    """Abuse case A24: a repeat is recognisable as one."""
    ids = {
        json.loads(call.body)["vnp_RequestId"] for call in map(dialogue(PROFILE).refund, [refund(), refund()]) if call
    }
    assert ids == {"0123456789abcr1"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"TransactionStatus": "05"}, Verdict.REFUNDING),
        ({"TransactionStatus": "06"}, Verdict.REFUNDING),
        ({"TransactionStatus": "00"}, Verdict.REFUND_DONE),
        ({"TransactionStatus": "00", "TransactionType": "01"}, Verdict.UNKNOWN),
        ({"TransactionStatus": "09"}, Verdict.REFUND_REJECTED),
        ({"ResponseCode": "94", "TransactionStatus": "05"}, Verdict.UNKNOWN),
        ({"ResponseCode": "95", "TransactionStatus": ""}, Verdict.REFUND_REJECTED),
        ({"ResponseCode": "97", "TransactionStatus": ""}, Verdict.CONFIGURATION),
        ({"Amount": "20000100", "TransactionStatus": "00"}, Verdict.UNKNOWN),
    ],
)
def test_what_an_answer_says_of_a_refund_stands_in_the_table(changes: dict[str, str], verdict: Verdict) -> None:
    """Payment facts 2.4: 05 and 06 are under way, 09 rejected; an answer about the payment itself says nothing."""
    assert dialogue(PROFILE).refunded(refund(), answer(refund_answer(**changes))).verdict is verdict


def test_an_unsigned_answer_never_ends_a_refund() -> None:
    """What does not verify is asked about again; a refusal of our own set-up alone is believed."""
    for code, verdict in (("00", Verdict.UNKNOWN), ("95", Verdict.UNKNOWN), ("97", Verdict.CONFIGURATION)):
        body = refund_answer(ResponseCode=code) | {"vnp_SecureHash": "0" * 128}
        assert dialogue(PROFILE).refunded(refund(), answer(body)).verdict is verdict


@pytest.mark.parametrize(
    ("rule", "status", "verdict"),
    [
        ("status_00", "00", Verdict.REFUND_DONE),
        ("status_00", "06", Verdict.REFUNDING),
        ("sent_to_bank", "06", Verdict.REFUND_DONE),
        ("reconciliation", "00", Verdict.REFUNDING),
    ],
)
def test_when_a_refund_is_final_is_configuration(rule: str, status: str, verdict: Verdict) -> None:
    """`refund_done_when` of payment facts 9."""
    options = PROFILE.options_type
    assert options is VnpayOptions
    ours = dialogue(PROFILE, options=VnpayOptions(refund_done_when=rule))  # type: ignore[arg-type]  # as configuration gives it
    body = piped(
        f"{ANSWER} PromotionCode PromotionAmount",
        said(Amount="20000000", TransactionType="03", TransactionStatus=status),
    )
    assert ours.refund_queried(refund(), answer(body)).verdict is verdict
