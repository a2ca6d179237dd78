"""PayGov's dialect: orders with a checksum, and callbacks that count only where their signature is known."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from connectors.kit.errors import CredentialsRefused
from connectors.payment.model import Made, Verdict
from connectors.payment.profiles.paygov import PROFILE
from connectors.payment.profiles.paygov.options import PaygovOptions, Unit
from connectors.payment.speaking import Ack, Call, Dialogue, Refused
from tests.connectors.payment.accounts import REF, answer, asked, by_post, dialogue, key, order, refund

SECRET, ACCESS = key("main").value, key("access").value
CALLBACK = {
    "amount": 500000, "orderId": REF, "orderInfo": "Phi", "requestCode": REF, "transactionNo": "PG1",
    "payDate": "20260921143155", "paygate": "VNPAY", "errorCode": "00", "type": "1", "transactionCode": "PG1",
}  # fmt: skip
SIGNED = ("orderId", "amount", "errorCode")


def paygov(**options: Any) -> Dialogue:
    """The dialect with these options."""
    return dialogue(PROFILE, options=PaygovOptions(**options))


def digest(*values: str) -> str:
    """PayGov's checksum, written without our code."""
    return hashlib.sha256("".join((SECRET, *values)).encode()).hexdigest()


def body(call: object) -> dict[str, Any]:
    """The JSON of a call."""
    assert isinstance(call, Call)
    read: dict[str, Any] = json.loads(call.body)
    return read


def test_an_order_bears_one_reference_twice_and_its_checksum() -> None:
    """The text loses its marks; the amount is a number (payment facts 3.4)."""
    message = body(paygov(unit=Unit(service_code="S1")).create(order()))
    assert message["checksum"] == digest(ACCESS, "TESTTMN1", REF, REF, "500000")
    assert (message["orderId"], message["requestCode"], message["amount"]) == (REF, REF, 500_000)
    assert message["orderInfo"] == "Phi tham dinh ho so G11-260921-000123"
    assert (message["accessKey"], message["serviceCode"]) == (ACCESS, "S1")
    assert SECRET not in json.dumps(message)


def test_a_unit_leaves_out_what_its_hub_does_not_want() -> None:
    """By the code of the collecting unit; every other unit has all of it."""
    rules = paygov(units={"G11": Unit(fields=())})
    assert not {"checksum", "accessKey", "serviceCode"} & body(rules.create(order())).keys()
    assert "checksum" in body(rules.create(order(unit_code="G12")))


def test_the_tokens_of_an_lgsp_travel_in_headers_only() -> None:
    """`Authorization: Bearer` and `lgspaccesstoken`, where there are such keys."""
    keys = {role: (key(role),) for role in ("main", "access", "lgsp", "lgsp_access")}
    call = dialogue(PROFILE, keys=keys).create(order())
    assert isinstance(call, Call)
    assert call.headers["Authorization"] == f"Bearer {key('lgsp').value}"
    assert call.headers["lgspaccesstoken"] == key("lgsp_access").value
    assert key("lgsp").value not in call.body.decode() + repr(call)


def test_without_a_key_nothing_is_signed() -> None:
    """A missing secret is for people, never an unsigned message."""
    with pytest.raises(CredentialsRefused):
        dialogue(PROFILE, keys={"access": (key("access"),)}).create(order())


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"error_code": "FAILED"}, Verdict.FAILED),
        ({"error_code": "FAILED", "data": {"url": "https://x.example"}}, Verdict.FAILED),
        ({"error_code": "SIGNATURE_WRONG"}, Verdict.CONFIGURATION),
        ({"error_code": "SUCCESSFUL"}, Verdict.UNKNOWN),
        ({"data": {"url": ""}}, Verdict.UNKNOWN),
        ({"data": "x"}, Verdict.UNKNOWN),
        ({"error_code": "17"}, Verdict.UNKNOWN),
        (b"", Verdict.UNKNOWN),
    ],
)
def test_an_answer_without_an_order(said: object, verdict: Verdict) -> None:
    """Only the words that PayGov itself uses say more than that nothing is known."""
    refused = paygov().created(order(), answer(said))
    assert isinstance(refused, Refused)
    assert refused.statement.verdict is verdict


def test_an_answer_with_an_address_is_an_order() -> None:
    """With a word of success or without one."""
    for said in ({}, {"error_code": "SUCCESSFUL"}):
        told = answer({**said, "data": {"url": "https://paygov.example.gov.vn/1"}})
        assert paygov().created(order(), told) == Made(pay_url="https://paygov.example.gov.vn/1")


def test_an_unverifiable_callback_claims_and_proves_nothing() -> None:
    """It is kept as a claim that people or a statement have to confirm (payment facts 3.4)."""
    heard = paygov().hear(by_post(CALLBACK | {"checksum": "0" * 64}))
    assert heard.ack is Ack.TAKEN
    assert heard.statement is not None
    told = heard.statement
    assert (told.trusted, told.verdict, told.ref, told.amount, told.txn_id) == (
        False,
        Verdict.PAID,
        REF,
        500_000,
        "PG1",
    )


def test_a_callback_is_verified_where_its_signature_is_known() -> None:
    """`paygov.callback.canonical[list]` of payment facts 9; then an unsigned one is refused."""
    strict = paygov(callback_fields=("accessKey", *SIGNED), callback_separator="|")
    signature = hashlib.sha256(f"{SECRET}{ACCESS}|{REF}|500000|00".encode()).hexdigest()
    heard = strict.hear(by_post(CALLBACK | {"checksum": signature}))
    assert heard.statement is not None
    assert (heard.ack, heard.statement.trusted, heard.statement.key_id) == (Ack.TAKEN, True, "main-1")
    assert strict.hear(by_post(CALLBACK)).ack is Ack.BAD_SIGNATURE
    for name, value in (("amount", 5), ("errorCode", "01"), ("orderId", "x")):
        assert strict.hear(by_post(CALLBACK | {"checksum": signature, name: value})).ack is Ack.BAD_SIGNATURE


@pytest.mark.parametrize(("code", "verdict"), [("00", Verdict.PAID), ("", Verdict.UNKNOWN), ("99", Verdict.FAILED)])
def test_the_code_of_a_callback_stands_in_the_table(code: str, verdict: Verdict) -> None:
    """Only 00 claims success."""
    heard = paygov().hear(by_post(CALLBACK | {"errorCode": code}))
    assert heard.statement is not None
    assert heard.statement.verdict is verdict


@pytest.mark.parametrize("message", [b"[]", b'{"amount":1,"amount":2}', {"amount": {}}])
def test_a_callback_that_cannot_be_read_is_refused(message: object) -> None:
    """Nothing of it is used."""
    heard = paygov().hear(by_post(message))
    assert (heard.ack, heard.statement) == (Ack.MALFORMED, None)


def test_every_acknowledgement_is_the_one_that_paygov_knows() -> None:
    """SUCCESSFUL, FAILED or SIGNATURE_WRONG (payment facts 4.4)."""
    words = {ack: json.loads(paygov().acknowledge(ack, None).body)["error_code"] for ack in Ack}
    assert {ack for ack, word in words.items() if word == "SUCCESSFUL"} == {Ack.TAKEN, Ack.DUPLICATE}
    assert {ack for ack, word in words.items() if word == "SIGNATURE_WRONG"} == {Ack.BAD_SIGNATURE}
    assert set(words.values()) == {"SUCCESSFUL", "SIGNATURE_WRONG", "FAILED"}


def test_nothing_can_be_asked() -> None:
    """PayGov has no question and no refund that is known: statements and people decide."""
    assert paygov().query(asked()) is None
    assert paygov().refund(refund()) is None
    assert paygov().query_refund(refund()) is None
    assert paygov().queried(asked(), answer({})).trusted is False
    assert paygov().refunded(refund(), answer({})).verdict is Verdict.UNKNOWN
    assert paygov().refund_queried(refund(), answer({})).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("wrong", [{"callback_fields": ("orderId",)}, {"callback_fields": (*SIGNED, "checksum")}])
def test_a_signature_that_binds_too_little_is_refused(wrong: dict[str, Any]) -> None:
    """It must cover the order, the money and the outcome."""
    with pytest.raises(ValueError, match="callback_fields"):
        PaygovOptions(**wrong)


@pytest.mark.parametrize(
    ("query", "ref"), [(f"orderId={REF}&errorCode=00", REF), ("orderId=1&orderId=2", ""), ("", "")]
)
def test_a_return_is_never_signed(query: str, ref: str) -> None:
    """It shows at most which payment the browser means."""
    told = paygov().returned(query)
    assert (told.ref, told.signed) == (ref, False)
