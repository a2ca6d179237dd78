"""Abuse of signatures: doubled names, downgrades, mangled signatures, other spellings of the same words (A15 to A18)."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from connectors.payment.model import Verdict
from connectors.payment.profiles import momo, vnpay, zalopay
from connectors.payment.speaking import Ack
from tests.connectors.payment.accounts import by_get, by_post, dialogue
from tests.connectors.payment.intermediaries import BY_NAME, MAIN, SECOND, WITNESSES, Witness, sha256, sha512, written
from tests.connectors.payment.vectors import VECTORS, of

REFUSED = frozenset({Ack.BAD_SIGNATURE, Ack.MALFORMED})
EACH = [pytest.param(witness, id=witness.name) for witness in WITNESSES]


@pytest.mark.parametrize("witness", EACH)
def test_each_witness_is_heard(witness: Witness) -> None:
    """Without this none of the refusals below would mean anything."""
    heard = witness.hear(witness.notice())
    assert heard.ack is Ack.TAKEN and heard.statement is not None
    # KeyPay's outcome stands outside of its signature, so it is asked about (abuse case A4).
    verdict = Verdict.UNKNOWN if witness.name == "keypay" else Verdict.PAID
    assert (heard.statement.verdict, heard.statement.amount) == (verdict, 500_000)


@pytest.mark.parametrize("doubled", ["vnp_Amount=100", "vnp%5FAmount=100", "vnp_Amount=50000000", "vnp_SecureHash=00"])
@pytest.mark.parametrize("first", [True, False])
def test_a15_a_parameter_that_stands_twice_is_refused_before_hashing(doubled: str, first: bool) -> None:
    """Whichever of the two a library would take, and however the name is spelt: RspCode 97."""
    genuine = BY_NAME["vnpay"].notice().query
    query = f"{doubled}&{genuine}" if first else f"{genuine}&{doubled}"
    heard = BY_NAME["vnpay"].hear(by_get(query))
    assert heard.ack is Ack.BAD_SIGNATURE and heard.statement is None
    assert json.loads(BY_NAME["vnpay"].ours.acknowledge(heard.ack, heard).body)["RspCode"] == "97"


def test_a15_a_doubled_parameter_is_refused_even_where_both_are_signed() -> None:
    """Two readings of one text are none."""
    text = "&".join(sorted([*BY_NAME["vnpay"].notice().query.split("&")[:-1], "vnp_Amount=100"]))
    assert BY_NAME["vnpay"].hear(by_get(f"{text}&vnp_SecureHash={sha512(text, MAIN)}")).ack is Ack.BAD_SIGNATURE


@pytest.mark.parametrize("witness", [one for one in EACH if one.id != "vnpay"])
def test_a15_a_json_name_that_stands_twice_is_refused(witness: Witness) -> None:
    """Also where the last one wins and the signature of the first would hold."""
    body = witness.notice().body
    name = next(iter(json.loads(body)))
    doubled = b'{"' + name.encode() + b'": "1", ' + body[1:]
    sent = witness.notice()
    heard = witness.hear(type(sent)(sent.method, sent.path, "", sent.headers, doubled, sent.peer))
    assert heard.ack in REFUSED and heard.statement is None


def test_a15_signed_data_with_a_doubled_name_is_refused() -> None:
    """ZaloPay signs a text: the text itself must have one reading."""
    data = BY_NAME["zalopay"].fields
    text = '{"amount": "1", ' + written(data).decode()[1:]
    assert BY_NAME["zalopay"].hear(by_post({"data": text, "mac": sha256(text, SECOND), "type": 1})).ack is Ack.MALFORMED


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in of("VNPAY_LEGACY")])
def test_a16_a_signature_of_version_2_0_is_refused(vector: object) -> None:
    """v:vnpay-legacy2-*: MD5 with the secret before the text, right in its time."""
    found = next(one for one in VECTORS if one is vector)
    ours = dialogue(vnpay.PROFILE, merchant=found.texts().get("vnp_TmnCode", ""), keys={"main": found.keys()})
    for encode in (quote_plus, lambda text: text):
        query = "&".join(f"{name}={encode(value)}" for name, value in found.texts().items())
        for kind in ("", "&vnp_SecureHashType=MD5"):
            assert ours.hear(by_get(f"{query}{kind}&vnp_SecureHash={found.signature}")).ack in REFUSED


@pytest.mark.parametrize(
    "digest",
    [
        lambda text: hashlib.md5((MAIN + text).encode(), usedforsecurity=False).hexdigest(),
        lambda text: hashlib.sha256((MAIN + text).encode()).hexdigest(),
        lambda text: hashlib.sha512((MAIN + text).encode()).hexdigest(),
        lambda text: sha256(text, MAIN),
    ],
    ids=["md5", "sha256", "sha512", "hmac-sha256"],
)
@pytest.mark.parametrize("named", ["", "MD5", "SHA256", "HmacSHA256"])
def test_a16_a_weaker_algorithm_is_refused_whether_it_is_named_or_not(digest: Callable[[str], str], named: str) -> None:
    """Only HMAC-SHA512 counts, although the sender knows our secret."""
    text = BY_NAME["vnpay"].notice().query.rpartition("&")[0]
    kind = f"&vnp_SecureHashType={named}" if named else ""
    assert BY_NAME["vnpay"].hear(by_get(f"{text}{kind}&vnp_SecureHash={digest(text)}")).ack is Ack.BAD_SIGNATURE


@pytest.mark.parametrize("named", ["MD5", "SHA256", "none", "HmacSHA5120"])
def test_a16_a_right_signature_under_a_wrong_name_is_refused(named: str) -> None:
    """Who announces a legacy algorithm is not spoken with; the right name changes nothing."""
    genuine = BY_NAME["vnpay"].notice().query
    assert BY_NAME["vnpay"].hear(by_get(f"{genuine}&vnp_SecureHashType={named}")).ack is Ack.BAD_SIGNATURE
    assert BY_NAME["vnpay"].hear(by_get(f"{genuine}&vnp_SecureHashType=HmacSHA512")).ack is Ack.TAKEN


def test_a16_our_own_page_names_no_algorithm() -> None:
    """2.1.0 wants none sent (payment facts 3.5)."""
    assert "vnp_SecureHashType" not in vnpay.messages.PayPage.__struct_encode_fields__


MANGLED: dict[str, Callable[[str], str | None]] = {
    "missing": lambda _signature: None,
    "empty": lambda _signature: "",
    "truncated": lambda signature: signature[:-1],
    "one digit more": lambda signature: signature + "0",
    "half": lambda signature: signature[: len(signature) // 2],
    "not hex": lambda signature: "z" * len(signature),
    "zeros": lambda signature: "0" * len(signature),
    "another digit": lambda signature: ("0" if signature[0] != "0" else "1") + signature[1:],
    "blank around": lambda signature: f" {signature} ",
    "hex prefix": lambda signature: f"0x{signature}",
    "wide digits": lambda signature: "".join(chr(ord(sign) + 0xFEE0) for sign in signature),
    "a list": lambda signature: f"{signature},{signature}",
    "no unicode": lambda signature: signature[:-1] + "é",
}


@pytest.mark.parametrize("mangled", sorted(MANGLED))
@pytest.mark.parametrize("witness", EACH)
def test_a17_a_mangled_signature_is_refused(witness: Witness, mangled: str) -> None:
    """Nothing is trimmed, completed or folded."""
    signature = MANGLED[mangled](witness.sign(witness.fields))
    heard = witness.hear(witness.send(witness.fields, signature))
    assert heard.ack in REFUSED and heard.statement is None


@pytest.mark.parametrize("witness", EACH)
def test_a17_the_case_of_a_hex_signature_does_not_count(witness: Witness) -> None:
    """Payment facts 4.1: normalise case, then compare."""
    assert witness.hear(witness.send(witness.fields, witness.sign(witness.fields).upper())).ack is Ack.TAKEN


@pytest.mark.parametrize("witness", EACH)
def test_a17_the_signature_of_other_fields_is_refused(witness: Witness) -> None:
    """A signature that is right elsewhere."""
    other = {**witness.fields, witness.changeable[0]: "1"}
    assert witness.hear(witness.send(witness.fields, witness.sign(other))).ack in REFUSED


@pytest.mark.parametrize(
    ("encode", "words"),
    [
        (quote_plus, "Lệ phí cấp thẻ"),
        (quote, "Lệ phí cấp thẻ"),
        (lambda text: re.sub("%..", lambda escape: escape[0].lower(), quote_plus(text)), "Lệ phí cấp thẻ"),
        (quote_plus, unicodedata.normalize("NFD", "Lệ phí cấp thẻ")),
    ],
    ids=["plus", "percent-20", "lower-case escapes", "nfd"],
)
def test_a18_whatever_encoder_the_sender_has_its_own_text_is_verified(encode: Callable[[str], str], words: str) -> None:
    """`+` or `%20`, `%C3` or `%c3`, NFC or NFD: hashed as it came (decision D5)."""
    fields = {**BY_NAME["vnpay"].fields, "vnp_OrderInfo": words}
    text = "&".join(f"{name}={encode(fields[name])}" for name in sorted(fields))
    assert BY_NAME["vnpay"].hear(by_get(f"{text}&vnp_SecureHash={sha512(text, MAIN)}")).ack is Ack.TAKEN


@pytest.mark.parametrize(
    "respelt",
    [
        lambda text: text.replace("+", "%20"),
        lambda text: text.replace("%C3", "%c3"),
        lambda text: text.replace(quote_plus("í"), quote_plus(unicodedata.normalize("NFD", "í"))),
        lambda text: text.replace(quote_plus("í"), "í"),
    ],
    ids=["percent-20", "lower-case escapes", "nfd", "unescaped"],
)
def test_a18_a_text_that_was_spelt_anew_on_its_way_is_refused(respelt: Callable[[str], str]) -> None:
    """The same words to a reader, another text to a signature."""
    fields = {**BY_NAME["vnpay"].fields, "vnp_OrderInfo": "Lệ phí cấp thẻ"}
    query = BY_NAME["vnpay"].notice(fields).query
    assert BY_NAME["vnpay"].hear(by_get(query)).ack is Ack.TAKEN
    assert respelt(query) != query
    assert BY_NAME["vnpay"].hear(by_get(respelt(query))).ack in REFUSED


@pytest.mark.parametrize("witness", [one for one in EACH if one.id in ("pp", "paygov", "momo", "zalopay", "vietqr")])
def test_a18_words_in_another_normal_form_are_other_words(witness: Witness) -> None:
    """A signature over NFC does not hold for NFD, and each holds for itself."""
    composed = {**witness.fields, witness.free: "Lệ phí cấp thẻ"}
    decomposed = {**composed, witness.free: unicodedata.normalize("NFD", "Lệ phí cấp thẻ")}
    assert witness.hear(witness.notice(composed)).ack is Ack.TAKEN
    assert witness.hear(witness.notice(decomposed)).ack is Ack.TAKEN
    assert witness.hear(witness.send(decomposed, witness.sign(composed))).ack in REFUSED


def test_a18_the_vector_in_nfd_is_refused_under_the_signature_of_nfc() -> None:
    """v:pp-init-diacritics-nfc and -nfd: the same words, two signatures; we send NFC only."""
    composed, decomposed = (next(v for v in VECTORS if v.id == f"pp-init-diacritics-{form}") for form in ("nfc", "nfd"))
    assert composed.signature != decomposed.signature
    assert unicodedata.normalize("NFC", decomposed.canonical) == composed.canonical


def test_what_is_signed_cannot_be_cut_in_another_place() -> None:
    """MoMo joins raw values: `&orderId=` inside of one could move a border; such a notice is refused though it verifies."""
    fields = {**BY_NAME["momo"].fields, "message": "x&orderId=y"}
    assert BY_NAME["momo"].hear(BY_NAME["momo"].notice(fields)).ack in REFUSED
    assert momo.PROFILE.methods == zalopay.PROFILE.methods == ("POST",)
