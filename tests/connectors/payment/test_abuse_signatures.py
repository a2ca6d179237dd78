"""Forged, flipped, moved, foreign and rewritten messages: none of them pays (payment facts 6: A1, A3-A5, A12, A19, A27, A34)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors.payment
import connectors.receipts
from connectors.kit.http_answers import HttpAnswer
from connectors.kit.soap.reading import NotSoap, opened
from connectors.payment.model import Made, Source, State, Verdict
from connectors.payment.profiles.paygov import signing as paygov_signing
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.speaking import Account, Ack, Call, Dialogue, Heard, Key, Refused
from connectors.payment.strict import NotStrict, read_object
from tests.connectors.payment.accounts import NOW, REF, asked, by_get, by_post, dialogue, key, order
from tests.connectors.payment.fees import Story, answered, fee, later, made, told, word
from tests.connectors.payment.vectors import VECTORS
from tests.connectors.payment.witnesses import KEYPAY, MOMO, PAYGOV, PP, VNPAY, WITNESSES, ZALOPAY, Witness, dense

BY_ID = {vector.id: vector for vector in VECTORS}
HOUR = timedelta(hours=1)


def of(*witnesses: Witness) -> pytest.MarkDecorator:
    """A test for each of them, named after it."""
    return pytest.mark.parametrize("witness", [pytest.param(witness, id=witness.name) for witness in witnesses])


def heard_as(witness: Witness, fields: dict[str, Any]) -> Heard:
    """What our side makes of a notice."""
    return witness.dialogue().hear(witness.sent(fields))


@of(*WITNESSES)
def test_a_notice_that_is_left_alone_is_heard(witness: Witness) -> None:
    """The witness and our side agree, so that what the cases below refuse is refused for its defect alone."""
    heard = heard_as(witness, witness.told())
    assert heard.ack is Ack.TAKEN and heard.statement is not None
    assert (heard.statement.ref, heard.statement.amount, heard.statement.ours) == (REF, 500_000, True)
    assert heard.statement.trusted is (witness is not KEYPAY)
    assert (heard.statement.verdict is Verdict.PAID) is (witness is not KEYPAY)


@of(*WITNESSES)
@pytest.mark.parametrize("amount", [50_000, 5_000_000, 499_999, 0])
def test_a01_another_amount_under_the_old_signature_is_refused(witness: Witness, amount: int) -> None:
    """A lower or a higher amount, the signature copied: nothing of the notice is used."""
    heard = heard_as(witness, witness.told() | {witness.amount: str(amount) if witness.by_get else amount})
    assert heard.ack is Ack.BAD_SIGNATURE and heard.statement is None


@pytest.mark.parametrize(
    ("vector", "witness"),
    [("pp-confirm-amount-tampered", PP), ("vnpay-ipn-amount-tampered", VNPAY)],
)
def test_a01_the_tampered_vectors_are_refused_by_the_dialects(vector: str, witness: Witness) -> None:
    """Under the very secret of the vector, so that only the amount can be the reason."""
    row = BY_ID[vector]
    ours = witness.dialogue({"main": row.keys()})
    assert (
        ours.hear(witness.sent({**_raw(witness, row.fields or {}), witness.signature: row.presented})).ack
        is Ack.BAD_SIGNATURE
    )
    good = ours.hear(witness.sent({**_raw(witness, row.fields or {}), witness.signature: row.signature}))
    assert good.ack is Ack.NOT_OURS, "the same fields under their own signature verify; the merchant is the vector's"


def _raw(witness: Witness, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as they travel: url-encoded where the notice is an address."""
    if not witness.by_get:
        return dict(fields)
    return {name: str(value).replace(" ", "+").replace(":", "%3A") for name, value in fields.items()}


@of(PP, PAYGOV, VNPAY, MOMO)
def test_a03_a_failure_replayed_as_success_is_refused(witness: Witness) -> None:
    """The sign of success is signed: turned round, the notice is nobody's."""
    name, failing = witness.outcome
    failed = witness.told(**{name: failing})
    assert heard_as(witness, failed).ack is Ack.TAKEN
    assert heard_as(witness, failed | {name: witness.fields[name]}).ack is Ack.BAD_SIGNATURE


@pytest.mark.parametrize(("vector", "witness"), [("pp-confirm-status-flip", PP), ("momo-ipn-result-flip", MOMO)])
def test_a03_the_flipped_vectors_are_refused_by_the_dialects(vector: str, witness: Witness) -> None:
    """Vectors of payment facts 6."""
    row = BY_ID[vector]
    keys = {"main": row.keys(), "access": (Key(id="access", value="F8BBA842ECF85"),)}
    ours = witness.dialogue(keys)
    assert ours.hear(witness.sent({**(row.fields or {}), witness.signature: row.presented})).ack is Ack.BAD_SIGNATURE
    good = ours.hear(witness.sent({**(row.fields or {}), witness.signature: row.signature}))
    assert good.ack is Ack.NOT_OURS


@pytest.mark.parametrize("status", [0, "0", 1, "", None, "paid"])
def test_a04_a_callback_whose_status_is_unsigned_pays_nothing(status: object) -> None:
    """Whatever its status says, a genuine callback of KeyPay only makes its attempt due; the detail query pays."""
    heard = heard_as(KEYPAY, KEYPAY.told() | {"status": status})
    assert heard.ack is Ack.TAKEN and heard.statement is not None
    assert (heard.statement.trusted, heard.statement.verdict) == (False, Verdict.UNKNOWN)
    said = word(heard.statement.verdict, provider="keypay", trusted=heard.statement.trusted)
    story = Story(fee(provider="keypay"), made(), told(60, said))
    assert story.payment().state is State.PENDING and story.proposals("payment_received") == []
    due = story.payment().due
    assert due is not None and due <= later(65)
    story.then(answered(66, Verdict.PAID, provider="keypay"))
    assert story.payment().state is State.PAID


def test_a04_a_claim_that_nobody_vouches_for_is_flagged_and_pays_nothing() -> None:
    """PayGov without a known signature: pending with a flag, until a statement or two operators say so."""
    unverified = dialogue(PAYGOV.dialect).hear(PAYGOV.sent(PAYGOV.told()))
    assert unverified.statement is not None and not unverified.statement.trusted
    said = word(provider="paygov", trusted=False, txn_id="PG0001")
    story = Story(fee(provider="paygov"), made(), told(60, said))
    assert story.payment().state is State.PENDING and "unverified_notice" in story.payment().flags
    story.then(told(90, word(provider="paygov", source=Source.STATEMENT, txn_id="PG0001")))
    assert story.payment().state is State.PAID


def test_a05_a_digit_that_moved_between_values_is_found_by_comparing_fields() -> None:
    """The two vectors have one checksum and two meanings; the order's request code tells them apart."""
    one, other = BY_ID["paygov-concat-ambiguity-a"], BY_ID["paygov-concat-ambiguity-b"]
    assert one.signature == other.signature and one.texts() != other.texts()
    for row in (one, other):
        assert paygov_signing.CREATE.verified(row.texts(), row.signature, row.keys()) == "vector"
    signed = ("orderId", "requestCode", "amount", "errorCode")
    ours = PAYGOV.dialect.open(_account(signed))
    checksum = paygov_signing.callback_of(signed, "").sign(_texts(PAYGOV.fields), key("main").value)
    moved = dict(PAYGOV.fields) | {"requestCode": REF[:-1], "amount": int(REF[-1] + "500000")}
    genuine = ours.hear(PAYGOV.sent({**PAYGOV.fields, "checksum": checksum}))
    forged = ours.hear(PAYGOV.sent({**moved, "checksum": checksum}))
    assert genuine.ack is Ack.TAKEN
    assert paygov_signing.callback_of(signed, "").verified(_texts(moved), checksum, (key("main"),)), (
        "the checksum holds"
    )
    assert forged.ack is Ack.UNKNOWN_REFERENCE


def _account(names: tuple[str, ...]) -> Account:
    """An account at PayGov whose contract names what a callback signs."""
    return Account(
        name="paygov",
        merchant="TESTTMN1",
        keys=lambda role: (key(role),),
        endpoints={},
        options=PaygovOptions(callback_fields=names),
        now=lambda: NOW,
    )


def _texts(fields: Any) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("witness", "moved"),
    [
        (PP, {"MaGiaoDich": "PP0001|VCB", "MaNganHang": "20260921143155", "ThoiGianGD": "Phí thẩm định"}),
        (KEYPAY, {"addition_fee": "0|TESTTMN1", "client_id": "PAY"}),
    ],
)
def test_a05_no_value_holds_the_sign_that_separates_values(witness: Witness, moved: dict[str, Any]) -> None:
    """With a pipe inside a value one signed text would have two readings."""
    assert heard_as(witness, witness.told(**moved)).ack is Ack.MALFORMED


@of(PP, KEYPAY, VNPAY, MOMO, ZALOPAY)
def test_a12_a_genuine_notice_of_another_merchant_is_not_ours(witness: Witness) -> None:
    """The same reference under somebody else's code, well signed by a shared key: G2 fails, nothing changes."""
    foreign = 9999 if witness.merchant_code.isdigit() else "OTHERTMN"
    heard = heard_as(witness, witness.told(**{witness.merchant: foreign}))
    assert heard.ack is Ack.NOT_OURS
    story = Story(fee(), made())
    before = story.payment()
    story.then(told(60, word(ours=False)))
    assert story.payment().state is before.state and story.payment().attempts == before.attempts


@of(PP, KEYPAY, PAYGOV, MOMO)
def test_a19_the_same_fields_written_in_another_way_are_the_same(witness: Witness) -> None:
    """Where values are signed one by one, order, blanks and escapes of the JSON do not count."""
    fields = witness.told()
    shuffled = dict(sorted(fields.items(), reverse=True))
    for text in (dense(shuffled), json.dumps(shuffled, indent=2), json.dumps(shuffled, ensure_ascii=True)):
        assert witness.dialogue().hear(by_post(text.encode())).statement == heard_as(witness, fields).statement


@pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda text: json.dumps(json.loads(text)), id="blanks"),
        pytest.param(lambda text: dense(dict(sorted(json.loads(text).items()))), id="order"),
        pytest.param(lambda text: json.dumps(json.loads(text), separators=(",", ":")), id="escapes"),
        pytest.param(lambda text: text + " ", id="blank at the end"),
    ],
)
def test_a19_a_text_that_was_signed_whole_must_come_whole(rewrite: Callable[[str], str]) -> None:
    """ZaloPay signs the text of `data`: the same object, written again, is refused."""
    fields = ZALOPAY.told()
    body = json.loads(ZALOPAY.sent(fields).body)
    assert ZALOPAY.dialogue().hear(by_post(body)).ack is Ack.TAKEN
    assert ZALOPAY.dialogue().hear(by_post(body | {"data": rewrite(body["data"])})).ack is Ack.BAD_SIGNATURE


@of(*(witness for witness in WITNESSES if not witness.by_get))
def test_a19_a_name_that_stands_twice_is_refused(witness: Witness) -> None:
    """Whichever of the two a reader would take: first, last, or written with an escape."""
    text = witness.sent(witness.told()).body.decode()
    name = "data" if witness.data else witness.amount
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    for doubled in (f'{{"{name}":1,{text[1:]}', f'{text[:-1]},"{name}":1}}', f'{text[:-1]},"{escaped}":1}}'):
        assert witness.dialogue().hear(by_post(doubled.encode())).ack is Ack.MALFORMED


@of(KEYPAY, PAYGOV, MOMO, ZALOPAY)
@pytest.mark.parametrize("number", [9007199254740993, 123456789012345678901234567890])
def test_a19_a_big_integer_keeps_every_digit(witness: Witness, number: int) -> None:
    """No float ever holds a transaction's number: 2^53 + 1 stays what it is."""
    heard = heard_as(witness, witness.told(**{witness.txn: number}))
    assert heard.statement is not None
    assert heard.statement.txn_id == str(number)


@of(*(witness for witness in WITNESSES if not witness.by_get and not witness.data))
@pytest.mark.parametrize("written", ["5E5", "500000.0", "5.0e5", "0500000", "-500000"])
def test_a19_an_amount_that_is_written_otherwise_is_never_ours(witness: Witness, written: str) -> None:
    """Well signed over its text, it still equals no whole number of đồng; what JSON does not know is refused."""
    fields = witness.told(**{witness.amount: written})
    body = dense(fields).replace(f'"{written}"', written)
    heard = witness.dialogue().hear(by_post(body.encode()))
    assert heard.ack is Ack.MALFORMED or (heard.statement is not None and heard.statement.amount == -1)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><x>&b;</x></soap:Body></soap:Envelope>'
)
OUTSIDE = (
    b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><x>&a;</x></soap:Body></soap:Envelope>'
)


@pytest.mark.parametrize("document", [BOMB, OUTSIDE], ids=["bomb", "outside"])
def test_a27_a_document_type_is_refused_before_anything_is_expanded(document: bytes) -> None:
    """The one reader of XML in the house, which the receipts' SOAP goes through, knows no DTD and no entities."""
    with pytest.raises(NotSoap):
        opened(document)


@of(*WITNESSES)
@pytest.mark.parametrize("document", [BOMB, OUTSIDE], ids=["bomb", "outside"])
def test_a27_no_intermediary_is_heard_in_xml(witness: Witness, document: bytes) -> None:
    """As a notice it is malformed or unsigned, as an answer it says nothing."""
    ours = witness.dialogue()
    notice = by_get(document.decode()) if witness.by_get else by_post(document)
    assert ours.hear(notice).ack in (Ack.MALFORMED, Ack.BAD_SIGNATURE)
    answer = HttpAnswer(200, {"Content-Type": "text/xml"}, document, 1.0)
    refused = ours.created(order(), answer)
    assert isinstance(refused, Refused) and refused.statement.verdict is Verdict.UNKNOWN
    statement = ours.queried(asked(), answer)
    assert (statement.verdict, statement.trusted) == (Verdict.UNKNOWN, False)
    with pytest.raises(NotStrict):
        read_object(document)


def test_a27_payment_and_receipts_have_no_other_reader_of_xml() -> None:
    """Neither connector imports an XML library of its own; only writing (escaping) is done without the kit."""
    for package in (connectors.payment, connectors.receipts):
        for file in Path(package.__path__[0]).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            for reader in ("ElementTree", "minidom", "xml.sax.make_parser", "expat", "lxml", "xmltodict"):
                assert f"import {reader}" not in text and f".{reader}" not in text, f"{file.name}: {reader}"


@of(*WITNESSES)
def test_a34_both_keys_verify_in_the_overlap_and_the_one_that_did_is_named(witness: Witness) -> None:
    """Old and new hold at once; before its time and after it a key verifies nothing."""
    old = Key(id="old", value="the-old-secret", not_after=NOW + HOUR)
    new = Key(id="new", value="the-new-secret", not_before=NOW - HOUR)
    both = {witness.role: (old, new)}

    def by(secret: str, now: Any) -> tuple[Ack, str]:
        heard = witness.dialogue(both, now).hear(witness.sent(witness.told(secret)))
        return heard.ack, heard.statement.key_id if heard.statement else ""

    assert by(old.value, NOW) == (Ack.TAKEN, "old")
    assert by(new.value, NOW) == (Ack.TAKEN, "new")
    assert by(old.value, NOW + HOUR) == (Ack.BAD_SIGNATURE, "")
    assert by(new.value, NOW + 2 * HOUR) == (Ack.TAKEN, "new")
    assert by(new.value, NOW - 2 * HOUR) == (Ack.BAD_SIGNATURE, "")


@of(*WITNESSES)
def test_a34_the_newest_key_in_force_signs(witness: Witness) -> None:
    """In whatever order the keys are listed; the coming one waits for its time."""
    old, new = Key(id="old", value="the-old-secret"), Key(id="new", value="the-new-secret", not_before=NOW - HOUR)
    coming = Key(id="coming", value="the-coming-secret", not_before=NOW + HOUR)

    def put(*keys: Key) -> bytes | str:
        made = witness.dialogue({"main": keys}).create(order())
        assert isinstance(made, (Call, Made))
        return made.body if isinstance(made, Call) else made.pay_url

    assert put(old, new, coming) == put(coming, new, old) == put(new)
    assert put(old) != put(new)


@of(*WITNESSES)
def test_a34_no_secret_is_shown(witness: Witness) -> None:
    """Neither what we send nor what is printed of it holds a signing secret (decision D10)."""
    ours: Dialogue = witness.dialogue({"main": (Key(id="k", value="the-signing-secret"),)})
    made = ours.create(order())
    shown = repr(made) + repr(Key(id="k", value="the-signing-secret"))
    sent = made.body.decode() if isinstance(made, Call) else made.pay_url
    assert "the-signing-secret" not in shown + sent
