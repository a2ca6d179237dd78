"""VietQR: the text of a transfer code, and lines of a bank matched by reference and amount, exactly."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.kit.contract import Notice
from connectors.kit.errors import CannotMap
from connectors.payment.model import Beneficiary, Made, Verdict
from connectors.payment.profiles.vietqr import PROFILE
from connectors.payment.profiles.vietqr.emvco import (
    NotVietQr,
    Transfer,
    pays_into,
    read_tags,
    read_transfer,
    write_transfer,
)
from connectors.payment.profiles.vietqr.mapping import VietQrOptions, reference_in
from connectors.payment.speaking import Account, Ack, Call, Dialogue, Key
from tests.connectors.payment.accounts import NOW, REF, answer, asked, by_post, dialogue, key, order
from tests.connectors.payment.vectors import VECTORS

CODES = {
    vector.id: vector.canonical + vector.presented
    for vector in VECTORS
    if vector.provider == "VIETQR" and vector.operation == "qr"
}
INVALID = {vector.id for vector in VECTORS if vector.expect == "invalid"}
BANK, NUMBER = "970436", "0011001234567"
SECRET = key("main").value


def ours(feed: bool = True, accounts: tuple[str, ...] = ()) -> Dialogue:
    """Our account at a bank, with a feed or without."""
    return PROFILE.open(
        Account(
            name="vietqr",
            merchant=f"{BANK}:{NUMBER}",
            keys=lambda role: (key(role),),
            endpoints={"feed": "https://bank.example/feed"} if feed else {},
            options=VietQrOptions(accounts=accounts),
            now=lambda: NOW,
        )
    )


def line(**changes: Any) -> dict[str, Any]:
    """A movement on our account: the fee came in."""
    return {
        "txn_id": "FT26264000001", "bank_bin": BANK, "account": NUMBER, "direction": "C", "amount": 500000,
        "currency": "VND", "text": f"MBVCB.1.TT {REF.upper()}.CT tu", "booked_at": "20260921143155",
    } | changes  # fmt: skip


def notice(body: bytes, secret: str = SECRET) -> Notice:
    """A line pushed by the bank, signed over its bytes."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return with_headers(by_post(body), {"x-signature": signature})


def with_headers(given: Notice, headers: dict[str, str]) -> Notice:
    """The notice with other headers."""
    return Notice(given.method, given.path, given.query, headers, given.body, given.peer)


@pytest.mark.parametrize("name", sorted(set(CODES) - INVALID))
def test_every_published_code_is_read(name: str) -> None:
    """Those of NAPAS, of banks in either case, of VNPAY's own scheme, and one whose lengths count characters."""
    tags = read_tags(CODES[name])
    assert tags["00"] == "01" and tags["63"].upper() == CODES[name][-4:].upper()
    assert read_tags(CODES[name][:-4] + CODES[name][-4:].lower()).keys() == tags.keys()


@pytest.mark.parametrize("name", sorted(set(CODES) & INVALID))
def test_a_code_with_a_wrong_crc_is_refused(name: str) -> None:
    """v:vietqr-lib-invalid."""
    with pytest.raises(NotVietQr, match="wrong_crc"):
        read_tags(CODES[name])


@pytest.mark.parametrize(
    ("name", "transfer"),
    [
        ("vietqr-napas-static-card", Transfer("970403", "9704031101234567", service="QRIBFTTC")),
        (
            "vietqr-napas-dynamic-account",
            Transfer("970403", "0011012345678", 180000, "NPS6869", "thanh toan don hang"),
        ),
        ("vietqr-lib-tcb", Transfer("970407", "19030413601018")),
        ("vietqr-lib-acb", Transfer("970416", "257678859", 1000, "", "Chuyen tien")),
        (
            "vietqr-constructed-fee",
            Transfer("970436", "0011001234567", 500000, "G11260921000123", "Nop phi ho so 000123"),
        ),
    ],
)
def test_a_code_is_read_and_written_letter_for_letter(name: str, transfer: Transfer) -> None:
    """What we write for the same transfer is what NAPAS and the banks print."""
    assert read_transfer(CODES[name]) == transfer
    written = write_transfer(transfer)
    if transfer.amount is None or CODES[name][6:12] == "010212":
        assert written == CODES[name]


def test_a_sample_whose_lengths_do_not_add_up_pays_into_no_account() -> None:
    """Section 6.3.1 of NAPAS prints a payload with a wrong inner length: its CRC holds, its account cannot be told."""
    assert read_tags(CODES["vietqr-napas-static-account"])["53"] == "704"
    with pytest.raises(NotVietQr, match="not_tlv"):
        read_transfer(CODES["vietqr-napas-static-account"])


def test_a_code_of_another_scheme_is_no_transfer() -> None:
    """VNPAY's merchant code is read as tags and pays into no account."""
    with pytest.raises(NotVietQr):
        read_transfer(CODES["vnpayqr-lib-1"])
    assert not pays_into(CODES["vnpayqr-lib-1"], BANK, NUMBER)


def sealed(text: str) -> str:
    """A text with a CRC that holds: the forger can compute it too."""
    crc = 0xFFFF
    for byte in (text + "6304").encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return f"{text}6304{crc:04X}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no_crc"),
        ("6304", "no_crc"),
        (sealed("000201000201"), "doubled_tag"),
        (sealed("00020101"), "not_tlv"),
        (sealed("0002010199"), "not_tlv"),
        (sealed("00x201"), "not_tlv"),
        (sealed("0000"), "not_tlv"),
        ("1" * 600, "too_long"),
        ("\ud8006304FFFF", "not_tlv"),
    ],
)
def test_what_is_no_code_is_refused_by_name(text: str, fault: str) -> None:
    """Also where the CRC holds."""
    with pytest.raises(NotVietQr, match=fault):
        read_tags(text)


@pytest.mark.parametrize("amount", ["0", "000", "1.5", "1,000", "-1", "12345678901234", "٥", "1e3"])
def test_a_code_with_an_amount_that_is_none_is_refused(amount: str) -> None:
    """At most 13 digits, a point with nothing behind it, never zero."""
    good = CODES["vietqr-napas-dynamic-account"]
    broken = good[:-8].replace("5406180000", f"54{len(amount.encode()):02d}{amount}")
    with pytest.raises(NotVietQr, match="wrong_amount"):
        read_transfer(sealed(broken))


def test_an_order_becomes_a_code_with_its_reference_twice() -> None:
    """As bill and in the purpose: banks keep only the purpose."""
    made = ours().create(order())
    assert isinstance(made, Made) and made.pay_url == ""
    transfer = read_transfer(made.qr_text)
    assert transfer == Transfer(BANK, NUMBER, 500_000, REF.upper(), f"TT {REF.upper()}")
    assert made.qr_text.isascii() and reference_in(transfer.purpose) == REF


@pytest.mark.parametrize(
    "beneficiary",
    [
        Beneficiary(account="9999999999", bin=BANK),
        Beneficiary(account=NUMBER, bin="970403"),
        Beneficiary(account="9999999999"),
    ],
)
def test_a_code_never_pays_into_an_account_that_nobody_watches(beneficiary: Beneficiary) -> None:
    """Abuse case A31, from our own side: the account is compared with the configuration before anything is printed."""
    with pytest.raises(CannotMap):
        ours().create(order(beneficiary=beneficiary))


def test_a_second_account_of_ours_may_be_paid_into() -> None:
    """Where the feed tells of it."""
    made = ours(accounts=("970403:123456",)).create(order(beneficiary=Beneficiary(account="123456", bin="970403")))
    assert isinstance(made, Made) and pays_into(made.qr_text, "970403", "123456")


@pytest.mark.parametrize("merchant", ["", "970436", "97043:1", "970436:", "970436:1 2", "abcdef:1"])
def test_a_merchant_that_is_no_account_is_refused_at_start(merchant: str) -> None:
    """`BIN:account`."""
    with pytest.raises(ValueError, match="BIN"):
        dialogue(PROFILE, merchant=merchant)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (REF, REF),
        (f"CT DEN:{REF.upper()} NOP PHI", REF),
        (f"{REF}.{REF}", REF),
        (f"Nộp phí {REF}", REF),
        (f"{REF}1", "0123456789abca11"),
        (f"{REF}x", ""),
        (f"x{REF}", ""),
        (f"{REF[:5]} {REF[5:]}", ""),
        (f"{REF[:5]}\u200b{REF[5:]}", ""),
        (f"{REF} 0123456789abda1", ""),
        (REF.replace("a1", "a0"), ""),
        ("0123456789abcr1", ""),
        (f"0123456789abc\u212a1 {REF[:-2]}A1", REF),
        ("", ""),
    ],
)
def test_a_reference_is_found_whole_or_not_at_all(text: str, found: str) -> None:
    """Abuse case A33: in any case of letters, between other words, and never out of pieces; two different ones are none."""
    assert reference_in(text) == found


def test_a_line_of_the_bank_is_heard() -> None:
    """The guards compare what it says; the account is ours."""
    heard = ours().hear(notice(json.dumps(line()).encode()))
    assert heard.ack is Ack.TAKEN and heard.statement is not None
    statement = heard.statement
    assert (statement.ref, statement.amount, statement.verdict) == (REF, 500_000, Verdict.PAID)
    assert (statement.txn_id, statement.currency, statement.trusted) == ("FT26264000001", "VND", True)


def test_another_account_is_not_ours() -> None:
    """The same words on a transfer to somebody else."""
    assert ours().hear(notice(json.dumps(line(account="1")).encode())).ack is Ack.NOT_OURS


def test_a_line_without_a_reference_of_ours_is_the_banks_daily_business() -> None:
    """It is acknowledged and says nothing."""
    heard = ours().hear(notice(json.dumps(line(text="tien nha")).encode()))
    assert (heard.ack, heard.statement) == (Ack.TAKEN, None)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"direction": "D"}, Verdict.HOLD),
        ({"direction": ""}, Verdict.HOLD),
        ({"txn_id": ""}, Verdict.HOLD),
        ({"txn_id": "FT 26\n"}, Verdict.HOLD),
    ],
)
def test_a_line_that_is_no_plain_credit_is_for_people(changes: dict[str, Any], verdict: Verdict) -> None:
    """Money that goes out, or a transaction that cannot be told from another."""
    statement = ours().hear(notice(json.dumps(line(**changes)).encode())).statement
    assert statement is not None and statement.verdict is verdict


def test_a_line_that_is_not_signed_by_the_bank_is_refused() -> None:
    """Another secret, another byte, no signature, no text."""
    body = json.dumps(line()).encode()
    assert ours().hear(notice(body, "other")).ack is Ack.BAD_SIGNATURE
    forged = with_headers(by_post(body + b" "), dict(notice(body).headers))
    assert ours().hear(forged).ack is Ack.BAD_SIGNATURE
    assert ours().hear(by_post(body)).ack is Ack.BAD_SIGNATURE
    assert ours().hear(by_post(b"\xff")).ack is Ack.MALFORMED
    assert ours().hear(notice(b'{"amount":1,"amount":2}')).ack is Ack.MALFORMED


def test_without_a_key_no_line_is_believed() -> None:
    """Where the bank only sends statements, nobody may push lines: an empty secret is no secret."""
    for keys in ({}, {"main": (Key(id="empty", value=""),)}):
        bare = dialogue(PROFILE, merchant=f"{BANK}:{NUMBER}", keys=keys)
        assert bare.hear(notice(json.dumps(line()).encode(), "")).ack is Ack.BAD_SIGNATURE


def test_the_feed_is_asked_only_where_there_is_one() -> None:
    """With its token in a header, never in the address."""
    call = ours().query(asked())
    assert isinstance(call, Call) and (call.endpoint, call.method) == ("feed", "GET")
    assert call.query == {"reference": REF.upper(), "from": "20260921"}
    assert call.headers == {"Authorization": f"Bearer {key('feed').value}"} and key("feed").value not in repr(call)
    assert ours(feed=False).query(asked()) is None


@pytest.mark.parametrize(
    ("lines", "verdict", "txn"),
    [
        ([], Verdict.NOT_FOUND, ""),
        ([line()], Verdict.PAID, "FT26264000001"),
        ([line(amount="500000")], Verdict.PAID, "FT26264000001"),
        ([line(amount=499_999)], Verdict.HOLD, "FT26264000001"),
        ([line(amount=500_001)], Verdict.HOLD, "FT26264000001"),
        ([line(amount=1, txn_id="A"), line(txn_id="B")], Verdict.PAID, "B"),
        ([line(txn_id="B", booked_at="20260921150000"), line(txn_id="A")], Verdict.PAID, "A"),
        ([line(amount=250_000, txn_id="A"), line(amount=250_000, txn_id="B")], Verdict.HOLD, "A"),
        ([line(), line(direction="D", txn_id="B")], Verdict.HOLD, "FT26264000001"),
        ([line(text=f"{REF} 0123456789abda1")], Verdict.NOT_FOUND, ""),
        ([line(text="0123456789abda1")], Verdict.NOT_FOUND, ""),
        ([line(account="1")], Verdict.NOT_FOUND, ""),
        ([line(direction="D")], Verdict.NOT_FOUND, ""),
    ],
)
def test_only_one_exact_credit_is_a_payment(lines: list[dict[str, Any]], verdict: Verdict, txn: str) -> None:
    """Abuse case A32: less, more and in parts is for people; an exact line counts whatever else came."""
    statement = ours().queried(asked(), answer({"lines": lines}))
    assert (statement.verdict, statement.txn_id, statement.trusted) == (verdict, txn, True)


def test_a_feed_that_did_not_tell_all_says_nothing_of_what_it_left_out() -> None:
    """Unknown, never "not yet paid"; what it did tell counts."""
    cut = ours().queried(asked(), answer({"lines": [], "more": True}))
    told = ours().queried(asked(), answer({"lines": [line()], "more": True}))
    assert (cut.verdict, told.verdict) == (Verdict.UNKNOWN, Verdict.PAID)


@pytest.mark.parametrize("body", [b"{}", b'{"lines":{}}', b'{"lines":[1]}', b"<html>", b'{"lines":[{"amount":{}}]}'])
def test_a_feed_that_cannot_be_read_says_nothing(body: bytes) -> None:
    """Never "not paid": nobody knows."""
    statement = ours().queried(asked(), answer(body))
    assert statement.verdict is Verdict.UNKNOWN and not statement.trusted


def test_acknowledgements_stop_the_bank_unless_it_should_come_again() -> None:
    """[assumed] 200 for whatever is settled, 503 where nothing could be stored."""
    statuses = {ack: ours().acknowledge(ack, None).status for ack in Ack}
    assert statuses == {
        Ack.TAKEN: 200, Ack.DUPLICATE: 200, Ack.UNKNOWN_REFERENCE: 200, Ack.AMOUNT_DIFFERS: 200,
        Ack.BAD_SIGNATURE: 401, Ack.NOT_OURS: 403, Ack.REFUSED_SOURCE: 403, Ack.MALFORMED: 400, Ack.UNSTORED: 503,
    }  # fmt: skip
