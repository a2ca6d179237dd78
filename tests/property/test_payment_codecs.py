"""Laws of what is signed with seven intermediaries: our signatures verify, and nothing altered is believed.

The other side is a witness: it signs and verifies with hashlib alone (tests/connectors/payment/intermediaries.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.contract import Notice
from connectors.payment.canonical import DOTNET_PLAIN, JAVA_PLAIN, JAVASCRIPT_PLAIN, PHP_PLAIN, PYTHON_PLAIN
from connectors.payment.model import Made, Order
from connectors.payment.profiles.vietqr.emvco import NotVietQr, Transfer, read_transfer, write_transfer
from connectors.payment.speaking import Ack, Call, Dialect
from connectors.payment.wording import plain_text
from tests.connectors.payment.accounts import NOW, by_get, dialogue, key, order
from tests.connectors.payment.intermediaries import (
    ACCESS,
    BY_NAME,
    MAIN,
    WITNESSES,
    Witness,
    believed,
    plain_sha256,
    sha256,
    sha512,
)

EACH = [pytest.param(witness, id=witness.name) for witness in WITNESSES]
_VIETNAMESE = "ăâđêôơưạảãàáặẳẵằắậẩẫầấẹẻẽèéệểễềếịỉĩìíọỏõòóộổỗồốợởỡờớụủũùúựửữừứỵỷỹỳýĂÂĐÊÔƠƯ\u0301\u0323\u031b"
_ENCODERS_DIFFER = "!*~'()"
WORDS = st.text(alphabet=st.sampled_from(f"abcXYZ 019+%&=|#?/.:-_{_ENCODERS_DIFFER}{_VIETNAMESE}–😀"), max_size=40)
"""Words with everything on which encoders and separators differ."""
QUICK = settings(max_examples=40, deadline=None)


def verified(witness: Witness, made: Call | Made) -> bool:
    """Whether what we made bears the signature that its intermediary computes for itself."""
    if isinstance(made, Made):
        return _page_verified(made) if made.pay_url else read_transfer(made.qr_text).amount is not None
    body = json.loads(made.body)
    return _VERIFIERS[witness.name](body)


def _page_verified(made: Made) -> bool:
    text, _, signature = urlsplit(made.pay_url).query.rpartition("&vnp_SecureHash=")
    fields = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    again = "&".join(f"{name}={quote_plus(fields[name])}" for name in sorted(fields) if fields[name])
    return sha512(again, MAIN) == signature


def _piped(body: dict[str, Any], names: str) -> str:
    return "|".join(str(body[name]) for name in names.split())


_INIT = (
    "LoaiBanTin PhienBan MaDoiTac MaThamChieu SoTien LoaiHinhThanhToan MaKenhThanhToan MaThietBi NgonNgu MaTienTe MaNganHang "
    "ThongTinGiaoDich ThoiGianGD Ip"
)
_VERIFIERS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "pp": lambda body: body["MaXacThuc"] == plain_sha256(_piped(body, _INIT) + f"|{MAIN}"),
    "keypay": lambda body: (
        body["check_sum"]
        == sha256(_piped(body, "addition_fee client_id command trans_amount transaction_id version"), MAIN)
    ),
    "paygov": lambda body: (
        body["checksum"]
        == plain_sha256(
            MAIN + ACCESS + "".join(str(body[name]) for name in ("partnerCode", "orderId", "requestCode", "amount"))
        )
    ),
    "momo": lambda body: (
        body["signature"]
        == sha256(
            "&".join(
                f"{name}={({**body, 'accessKey': ACCESS})[name]}"
                for name in (
                    *("accessKey", "amount", "extraData", "ipnUrl", "orderId", "orderInfo", "partnerCode"),
                    *("redirectUrl", "requestId", "requestType"),
                )
            ),
            MAIN,
        )
    ),
    "zalopay": lambda body: (
        body["mac"] == sha256(_piped(body, "app_id app_trans_id app_user amount app_time embed_data item"), MAIN)
    ),
}


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Attempts of any lawful amount, with any words, at any moment."""
    amount = draw(st.integers(1_000, 50_000_000))
    line = order().fee_lines[0]
    return order(
        amount=amount,
        text=f"Phí {draw(WORDS)}",
        created_at=NOW + timedelta(seconds=draw(st.integers(0, 86_400))),
        expires_at=NOW + timedelta(days=2),
        fee_lines=(type(line)(kind=line.kind, code=line.code, name="Phí", amount=amount),),
        payer=type(order().payer)(name="Người Nộp", number="001090000000", address="Hà Nội"),
    )


@pytest.mark.parametrize("witness", EACH)
@QUICK
@given(asked=orders())
def test_what_we_sign_verifies(witness: Witness, asked: Order) -> None:
    """Whatever the words, the amount and the moment: the other side computes the signature that we sent."""
    made = witness.ours.create(asked)
    assert verified(witness, made)


@pytest.mark.parametrize("witness", EACH)
@QUICK
@given(asked=orders())
def test_what_we_sign_shows_no_secret(witness: Witness, asked: Order) -> None:
    """Neither in an address nor in a body nor in a `repr`; PayGov alone wants its access key in the body."""
    made = witness.ours.create(asked)
    sent = f"{made.pay_url}{made.qr_text}" if isinstance(made, Made) else f"{made.body!r}{made.headers}{made.query}"
    secrets = {key(role).value for role in ("main", "second", "access")} - (
        {ACCESS} if witness.name == "paygov" else set()
    )
    assert not any(secret in text for secret in secrets for text in (sent, repr(made)))


@pytest.mark.parametrize("witness", EACH)
@QUICK
@given(words=WORDS)
def test_what_they_sign_verifies(witness: Witness, words: str) -> None:
    """Any words of theirs, in their own spelling, but for separators that would leave two readings."""
    allowed = re.sub(r"[|&]", " ", words)
    heard = witness.hear(witness.notice({**witness.fields, witness.free: allowed}))
    assert heard.ack is Ack.TAKEN
    assert believed(heard) is not None


def altered(sent: Notice, place: int, byte: int) -> Notice:
    """The notice with one byte of what came put to another."""
    raw = bytearray(sent.body or sent.query.encode())
    raw[place % len(raw)] = byte
    if sent.body:
        return Notice(sent.method, sent.path, "", sent.headers, bytes(raw), sent.peer)
    return Notice(sent.method, sent.path, raw.decode("latin-1"), sent.headers, b"", sent.peer)


@pytest.mark.parametrize("witness", EACH)
@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), words=WORDS)
def test_no_altered_byte_is_believed(witness: Witness, place: int, byte: int, words: str) -> None:
    """One byte anywhere: it is refused, or it says exactly what was signed (a letter's case in the signature, a blank)."""
    fields = {**witness.fields, witness.free: re.sub(r"[|&]", " ", words)}
    sent = witness.notice(fields)
    genuine, heard = believed(witness.hear(sent)), believed(witness.hear(altered(sent, place, byte)))
    assert heard is None or heard == genuine


@pytest.mark.parametrize("witness", EACH)
@QUICK
@given(values=st.data())
def test_no_altered_field_is_believed(witness: Witness, values: st.DataObject) -> None:
    """One value more, another or one less, under the signature of what was said first."""
    name = values.draw(st.sampled_from(witness.changeable))
    value = values.draw(st.one_of(st.none(), WORDS, st.sampled_from(["0", "1", "00", "5000000", "99999999"])))
    fields = {other: told for other, told in witness.fields.items() if other != name or value is not None}
    if value is not None:
        fields[name] = value
    heard = believed(witness.hear(witness.send(fields, witness.sign(witness.fields))))
    assert heard is None or heard == believed(witness.hear(witness.notice()))
    unsaid = not witness.fields[name] and not value  # nothing in place of nothing is nothing new
    assert heard is None or fields == witness.fields or unsaid


@pytest.mark.parametrize("witness", EACH)
@QUICK
@given(words=WORDS, place=st.integers(0, 200), sign=st.sampled_from("0123456789abcdef"))
def test_no_altered_signature_is_believed(witness: Witness, words: str, place: int, sign: str) -> None:
    """One digit of it."""
    fields = {**witness.fields, witness.free: re.sub(r"[|&]", " ", words)}
    right = witness.sign(fields)
    wrong = right[: place % len(right)] + sign + right[place % len(right) + 1 :]
    heard = witness.hear(witness.send(fields, wrong))
    assert (heard.ack is Ack.TAKEN) == (wrong == right)


ENCODERS = {
    "php": PHP_PLAIN, "java": JAVA_PLAIN, "dotnet": DOTNET_PLAIN, "javascript": JAVASCRIPT_PLAIN, "python": PYTHON_PLAIN,
}  # fmt: skip


def encoded(text: str, plain: str) -> str:
    """The form encoding of a language that leaves `plain` as it is, byte for byte."""
    keeps = set(f"{plain}abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".encode())
    return "".join("+" if byte == 32 else chr(byte) if byte in keeps else f"%{byte:02X}" for byte in text.encode())


@settings(max_examples=60, deadline=None)
@given(words=WORDS)
@pytest.mark.parametrize("language", sorted(ENCODERS))
def test_a_notice_of_any_encoder_verifies_and_says_the_same(language: str, words: str) -> None:
    """On `! * ~ ' ( )` and Vietnamese the five differ; each verifies over its own text, and all mean the same words."""
    fields = {**BY_NAME["vnpay"].fields, "vnp_OrderInfo": words}
    pairs = sorted((name, encoded(value, ENCODERS[language])) for name, value in fields.items() if value)
    text = "&".join(f"{name}={value}" for name, value in pairs)
    heard = BY_NAME["vnpay"].hear(by_get(f"{text}&vnp_SecureHash={sha512(text, MAIN)}"))
    assert heard.ack is Ack.TAKEN
    assert believed(heard) == believed(BY_NAME["vnpay"].hear(BY_NAME["vnpay"].notice()))


@settings(max_examples=60, deadline=None)
@given(words=WORDS)
def test_our_own_words_are_encoded_alike_by_all(words: str) -> None:
    """What we write to payment pages holds no sign on which encoders differ, so that every one of them verifies it."""
    plain = plain_text(words, 255)
    assert len({encoded(plain, kept) for kept in ENCODERS.values()}) == 1
    assert re.fullmatch(r"[A-Za-z0-9 .:-]*", plain) and plain == plain.strip()
    assert plain_text(plain, 255) == plain


ASCII = st.text(alphabet=st.sampled_from("abcXYZ 0189.:-"), max_size=25)
TRANSFERS = st.builds(
    Transfer,
    bank_bin=st.from_regex(r"[0-9]{6}", fullmatch=True),
    account=st.text(alphabet=st.sampled_from("0123456789ABCxyz"), min_size=1, max_size=19),
    amount=st.none() | st.integers(1, 10**13 - 1),
    bill=ASCII,
    purpose=ASCII,
)


@settings(max_examples=80, deadline=None)
@given(transfer=TRANSFERS)
def test_a_code_reads_back_as_it_was_written(transfer: Transfer) -> None:
    """Every lawful transfer; the text is ASCII, and its CRC may be printed in either case."""
    text = write_transfer(transfer)
    assert text.isascii()
    assert read_transfer(text) == transfer == read_transfer(text[:-4] + text[-4:].lower())


@settings(max_examples=150, deadline=None)
@given(transfer=TRANSFERS, place=st.integers(0, 500), sign=st.characters(max_codepoint=0x2FF))
def test_a_code_with_one_other_sign_pays_nobody_else(transfer: Transfer, place: int, sign: str) -> None:
    """The CRC finds every single change; only the case of its own digits may differ."""
    text = write_transfer(transfer)
    other = text[: place % len(text)] + sign + text[place % len(text) + 1 :]
    try:
        assert read_transfer(other) == transfer
        assert other[:-4] == text[:-4]
    except NotVietQr:
        assert other != text


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=80) | st.from_regex(r"000201[0-9]{0,60}6304[0-9A-F]{4}", fullmatch=True))
def test_nothing_that_is_scanned_breaks_the_reader(text: str) -> None:
    """A transfer, or one named fault."""
    try:
        read_transfer(text)
    except NotVietQr as fault:
        assert re.fullmatch(r"[a-z_]+", fault.fault)


@pytest.mark.parametrize("dialect", [pytest.param(witness.dialect, id=witness.name) for witness in WITNESSES])
@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=120), query=st.text(max_size=80))
def test_nothing_that_is_posted_breaks_a_dialect(dialect: Dialect, body: bytes, query: str) -> None:
    """Any bytes, any text: heard, refused, acknowledged; nothing is raised and nothing is believed."""
    witness = BY_NAME[dialect.name]
    heard = witness.hear(Notice("POST", "/", query, {}, body, "203.0.113.5"))
    assert heard.statement is None or not heard.statement.trusted
    assert witness.ours.acknowledge(heard.ack, heard).status in range(200, 600)
    assert not witness.ours.returned(query).signed
    assert dialogue(dialect, merchant=_merchant(dialect), keys={}).hear(witness.notice()).statement is None or (
        dialect.name == "paygov"
    )


def _merchant(dialect: Dialect) -> str:
    return {"zalopay": "2553", "vietqr": "970436:0011001234567"}.get(dialect.name, "TESTTMN1")
