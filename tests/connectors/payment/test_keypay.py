"""KeyPay's dialect: orders and questions that we sign with key 1, callbacks that prove nothing but their reference."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.kit.errors import CannotMap
from connectors.payment.model import Made, Verdict
from connectors.payment.profiles.keypay import PROFILE
from connectors.payment.profiles.keypay.options import Commands, KeypayOptions
from connectors.payment.speaking import Account, Ack, Call, Dialogue, Refused
from tests.connectors.payment.accounts import NOW, REF, answer, asked, by_post, dialogue, key, order, refund

OURS, THEIRS = key("main").value, key("second").value
SIX = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
PAID = {
    "client_id": "TESTTMN1", "transaction_id": REF, "trans_amount": "500000", "command": "PAY", "addition_fee": "0",
    "version": "3.0", "status": "0", "transaction_code": "KP0001", "currency_code": "VND",
}  # fmt: skip


def keypay(**options: Any) -> Dialogue:
    """The dialect with these options."""
    return dialogue(PROFILE, options=KeypayOptions(**options))


def digest(secret: str, *values: str) -> str:
    """KeyPay's signature, written without our code: values by the order of their names."""
    return hmac.new(secret.encode(), "|".join(values).encode(), hashlib.sha256).hexdigest()


def called_back(secret: str = THEIRS, **changes: Any) -> dict[str, Any]:
    """A callback as KeyPay signs it."""
    fields = PAID | changes
    return {**fields, "check_sum": digest(secret, *(str(fields[name]) for name in SIX))}


def body(call: object) -> dict[str, Any]:
    """The JSON of a call."""
    assert isinstance(call, Call)
    read: dict[str, Any] = json.loads(call.body)
    return read


def test_an_order_is_signed_with_our_key_over_six_fields() -> None:
    """In the order of their names; the bill stands outside (payment facts 3.2)."""
    message = body(keypay().create(order(channel="app")))
    assert message["check_sum"] == digest(OURS, *(message[name] for name in SIX))
    assert (message["transaction_id"], message["trans_amount"], message["environment"]) == (REF, "500000", "2")
    assert message["bill_info"]["MaHoSo"] == "000.00.00.G11-260921-000123"
    assert "bill_id" not in message
    assert body(keypay().create(order()))["environment"] == "1"


def test_a_pay_later_order_has_a_bill_id() -> None:
    """The same six fields are signed, and its answer stands under `data`."""
    later = keypay(mode="pay_later")
    said = {
        "error": "0",
        "data": {"transaction_code": "KP1", "url_pay": "https://keypay.example.vn/1", "qrcode_pay": "data:"},
    }
    assert body(later.create(order()))["bill_id"] == REF
    assert later.created(order(), answer(said)) == Made(pay_url="https://keypay.example.vn/1", provider_ref="KP1")


def test_a_reference_that_is_too_long_is_refused_before_the_call() -> None:
    """`transaction_id` has 20 letters (payment facts 2.2)."""
    with pytest.raises(CannotMap, match="20 ký tự"):
        keypay().create(order(ref="0" * 21))


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"error": "5", "msg": "x"}, Verdict.FAILED),
        ({"error": 5}, Verdict.FAILED),
        ({"error": "17"}, Verdict.CONFIGURATION),
        ({"error": "0"}, Verdict.UNKNOWN),
        ({"payment_url": "https://keypay.example.vn/1"}, Verdict.UNKNOWN),
        ({"error": "0", "data": "x"}, Verdict.UNKNOWN),
        (b"oops", Verdict.UNKNOWN),
    ],
)
def test_an_answer_without_an_order(said: object, verdict: Verdict) -> None:
    """A named error is a refusal; whatever cannot be read is asked about."""
    refused = keypay(code_map={"17": "C"}).created(order(), answer(said))
    assert isinstance(refused, Refused)
    assert refused.statement.verdict is verdict


def test_an_answer_with_an_address_is_an_order() -> None:
    """`error` as text or as a number."""
    for error in ("0", 0):
        said = answer({"error": error, "payment_url": "https://keypay.example.vn/1"})
        assert keypay().created(order(), said) == Made(pay_url="https://keypay.example.vn/1")


def test_a_question_is_signed_over_three_fields() -> None:
    """With the command word of its contract."""
    message = body(keypay(commands=Commands(detail="DETAIL")).query(asked()))
    assert message == {
        "client_id": "TESTTMN1", "transaction_id": REF, "command": "DETAIL",
        "check_sum": digest(OURS, "TESTTMN1", "DETAIL", REF),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "verdict", "trusted"),
    [
        ({"error": "0", "data": PAID}, Verdict.PAID, True),
        ({"error": "0", **PAID}, Verdict.PAID, True),
        (PAID, Verdict.PAID, True),
        ({"error": "0", "data": PAID | {"status": "1"}}, Verdict.PENDING, True),
        ({"error": "0", "data": PAID | {"status": "7"}}, Verdict.UNKNOWN, True),
        ({"error": "9", "data": PAID}, Verdict.UNKNOWN, True),
        ({"error": "4"}, Verdict.NOT_FOUND, True),
        ({"error": "0", "data": PAID | {"transaction_id": "another"}}, Verdict.UNKNOWN, False),
        ({"error": "0", "data": {"status": "0", "transaction_id": REF}}, Verdict.UNKNOWN, False),
        ({"error": "0", "data": {"status": "0"}}, Verdict.UNKNOWN, False),
    ],
)
def test_only_an_answer_that_echoes_the_question_counts(said: object, verdict: Verdict, trusted: bool) -> None:
    """A detail answer is not known to be signed, so reference and client have to come back (decision D6)."""
    statement = keypay(code_map={"4": "not_found"}).queried(asked(), answer(said))
    assert (statement.verdict, statement.trusted, statement.ref) == (verdict, trusted, REF)


def test_a_status_that_nobody_described_is_unknown_until_it_is_configured() -> None:
    """Payment facts name 0 and 1 only; a contract may name more, and never for an answer that is an error."""
    failed = {"error": "0", "data": PAID | {"status": "2"}}
    known = keypay(status_map={"2": "F"})
    assert keypay().queried(asked(), answer(failed)).verdict is Verdict.UNKNOWN
    assert known.queried(asked(), answer(failed)).verdict is Verdict.FAILED
    assert known.queried(asked(), answer(failed | {"error": "9"})).verdict is Verdict.UNKNOWN


def test_a_signed_answer_is_demanded_where_it_is_configured() -> None:
    """Then key 2 signs it, and the echo does not do any more."""
    strict = keypay(detail_answer_fields=("status", "trans_amount", "transaction_id"))
    signature = digest(THEIRS, "0", "500000", REF)
    assert strict.queried(asked(), answer({"error": "0", "data": PAID | {"check_sum": signature}})).key_id == "second-1"
    assert not strict.queried(asked(), answer({"error": "0", "data": PAID})).trusted
    flipped = PAID | {"status": "1", "check_sum": signature}
    assert not strict.queried(asked(), answer({"error": "0", "data": flipped})).trusted


def test_a_verified_callback_is_trusted_for_nothing_but_asking() -> None:
    """`status` is outside its signature (payment facts 3.2)."""
    heard = keypay().hear(by_post(called_back(trans_amount=500000)))
    assert heard.ack is Ack.TAKEN
    assert heard.statement is not None
    assert (heard.statement.trusted, heard.statement.verdict) == (False, Verdict.UNKNOWN)
    assert (heard.statement.ref, heard.statement.key_id, heard.statement.amount) == (REF, "second-1", 500_000)


@pytest.mark.parametrize(
    ("message", "ack"),
    [
        (PAID, Ack.BAD_SIGNATURE),
        (called_back(secret=OURS), Ack.BAD_SIGNATURE),
        (called_back() | {"trans_amount": "1"}, Ack.BAD_SIGNATURE),
        (called_back(client_id="OTHER"), Ack.NOT_OURS),
        (called_back(command="PAY|500000"), Ack.MALFORMED),
        (b"", Ack.MALFORMED),
    ],
)
def test_a_callback_that_is_not_genuine_is_refused(message: object, ack: Ack) -> None:
    """Unsigned, signed with our own key, changed, of another client, with two readings."""
    assert keypay().hear(by_post(message)).ack is ack


def test_every_acknowledgement_is_the_one_that_keypay_knows() -> None:
    """0 or -1, a number; text for the pay-later variant (payment facts 3.2 and 4.4)."""
    for ack in Ack:
        code = 0 if ack in (Ack.TAKEN, Ack.DUPLICATE) else -1
        assert json.loads(keypay().acknowledge(ack, None).body)["return_code"] == code
        assert json.loads(keypay(mode="pay_later").acknowledge(ack, None).body)["return_code"] == str(code)


def test_a_refund_is_signed_and_its_reason_holds_no_pipe() -> None:
    """Names sorted: amount, client_id, command, reason, transaction_id."""
    message = body(keypay().refund(refund(reason="Nộp | trùng  phí")))
    assert message["reason"] == "Nộp trùng phí"
    assert message["check_sum"] == digest(OURS, "200000", "TESTTMN1", "REFUND", "Nộp trùng phí", REF)
    assert keypay(refunds=False).refund(refund()) is None


def test_without_their_addresses_refunds_are_made_by_transfer() -> None:
    """A contract without refunds has no addresses for them."""
    account = Account(
        name="keypay",
        merchant="TESTTMN1",
        keys=lambda role: (key(role),),
        endpoints={"create": "https://x.example", "detail": "https://x.example"},
        options=KeypayOptions(),
        now=lambda: NOW,
    )
    without = PROFILE.open(account)
    assert without.refund(refund()) is None
    assert without.query_refund(refund(refund_txn_id="RF1")) is None


def test_a_refund_is_asked_about_by_keypays_own_code() -> None:
    """Until that code is known nobody but a person can find out."""
    assert keypay().query_refund(refund()) is None
    message = body(keypay().query_refund(refund(refund_txn_id="RF1")))
    assert message["check_sum"] == digest(OURS, "TESTTMN1", "REFUND_DETAIL", "RF1")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"error": "0", "data": {"transaction_refund_code": "RF1"}}, Verdict.REFUNDING),
        ({"error": "0", "data": {"transaction_refund_code": "RF1", "status": "0"}}, Verdict.REFUNDING),
        ({"error": "3"}, Verdict.REFUND_REJECTED),
        ({"msg": "?"}, Verdict.UNKNOWN),
        ({"error": "0", "data": {"amount_refund": "1"}}, Verdict.UNKNOWN),
        (b"x", Verdict.UNKNOWN),
    ],
)
def test_a_refund_that_was_taken_is_not_done_yet(said: object, verdict: Verdict) -> None:
    """Only refund detail says done (payment facts 2.4)."""
    told = keypay().refunded(refund(), answer(said))
    assert told.verdict is verdict
    assert told.refund_ref == "0123456789abcr1"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"transaction_refund_code": "RF1", "status": "0", "amount_refund": "200000"}, Verdict.REFUND_DONE),
        ({"transaction_refund_code": "RF1", "status": "1"}, Verdict.REFUNDING),
        ({"transaction_refund_code": "RF1", "status": "2"}, Verdict.REFUND_REJECTED),
        ({"transaction_refund_code": "RF2", "status": "0"}, Verdict.UNKNOWN),
        ({"transaction_refund_code": "RF1", "status": "0", "amount_refund": "200001"}, Verdict.UNKNOWN),
    ],
)
def test_what_became_of_a_refund(said: dict[str, str], verdict: Verdict) -> None:
    """Of this very refund, and of its amount."""
    asked_about = refund(refund_txn_id="RF1")
    assert keypay().refund_queried(asked_about, answer({"error": "0", "data": said})).verdict is verdict


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_map": {"0": "F"}},
        {"code_map": {"4": "P"}},
        {"code_map": {"4": "RD"}},
        {"status_map": {"1": "F"}},
        {"status_map": {"2": "P"}},
        {"detail_answer_fields": ("status",)},
        {"refund_answer_fields": ("check_sum",)},
        {"fee_kinds": {"charge": ""}},
        {"addition_fee": "-1"},
    ],
)
def test_options_that_open_a_door_are_refused(wrong: dict[str, Any]) -> None:
    """No code but 0 means paid, and a configured signature covers what counts."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KeypayOptions(**wrong)


@pytest.mark.parametrize(
    ("query", "ref"), [(f"transaction_id={REF}&status=0", REF), ("transaction_id=%zz", ""), ("", "")]
)
def test_a_return_is_never_signed(query: str, ref: str) -> None:
    """It shows at most which payment the browser means."""
    told = keypay().returned(query)
    assert (told.ref, told.signed) == (ref, False)
