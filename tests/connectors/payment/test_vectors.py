"""Every published and computed signature comes out again: through the canonicaliser from data, and through the codecs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.payment.canonical import (
    DOTNET_PLAIN,
    JAVA_PLAIN,
    JAVASCRIPT_PLAIN,
    PHP_PLAIN,
    Algorithm,
    Output,
    Place,
    Recipe,
)
from connectors.payment.profiles.keypay import signing as keypay
from connectors.payment.profiles.momo import signing as momo
from connectors.payment.profiles.paygov import signing as paygov
from connectors.payment.profiles.pp import signing as pp
from connectors.payment.profiles.vietqr.emvco import NotVietQr, read_tags
from connectors.payment.profiles.vnpay import signing as vnpay
from connectors.payment.profiles.zalopay import signing as zalopay
from tests.connectors.payment.vectors import VECTORS, Vector, of

_MD5_PREFIX = Recipe(Algorithm.MD5, by_name=True, separator="", empty="skip", place=Place.PREFIX, output=Output.UPPER)
_MD5_SUFFIX = Recipe(Algorithm.MD5, separator="", place=Place.SUFFIX)
_PIPED = Recipe(Algorithm.SHA_256, by_name=True, absent="skip", place=Place.SUFFIX)
_VIETTEL = Recipe(Algorithm.HMAC_SHA_1, by_name=True, separator="")
_MOMO = Recipe(Algorithm.HMAC_SHA_256, by_name=True, pairs=True, separator="&")
_ONEPAY = replace(_MOMO, empty="skip", output=Output.UPPER, hex_key=True)
_VNPAY_2 = Recipe(Algorithm.MD5, by_name=True, pairs=True, separator="&", empty="skip", place=Place.PREFIX)
_CLASSIC_REQUEST = (
    "command country_code currency_code current_locale good_code merchant_code merchant_trans_id net_cost return_url "
    "service_code ship_fee tax version"
)
_CLASSIC_RETURN = (
    "bank_code command currency_code good_code merchant_code merchant_secure_key merchant_trans_id net_cost response_code "
    "service_code ship_fee tax trans_id"
)
_MOMO_QUERIED = (
    "partnerCode accessKey requestId orderId errorCode transId amount message localMessage requestType "
    "payType extraData"
)


def _fixed(recipe: Recipe, names: str) -> Recipe:
    return replace(recipe, names=tuple(names.split()), by_name=False)


OTHERS: dict[str, Recipe] = {
    "keypay-classic-request-md5": replace(_MD5_PREFIX, names=tuple(_CLASSIC_REQUEST.split())),
    "keypay-classic-request-sha256": replace(_MD5_PREFIX, algorithm=Algorithm.SHA_256),
    "keypay-classic-return-md5": replace(
        _MD5_PREFIX, names=tuple(_CLASSIC_RETURN.split()), place=Place.EMBEDDED, embedded="merchant_secure_key"
    ),
    "keypay-classic-return-md5-prefix": _MD5_PREFIX,
    "keypay-classic-querybillstatus": _fixed(_MD5_SUFFIX, "merchant_trans_id good_code trans_id merchant_code"),
    "keypay-soap-querrybillstatusv2": _fixed(_MD5_SUFFIX, "merchant_code merchant_trans_id good_code trans_time"),
    "keypay-soap-confirmtransresult": _fixed(
        _MD5_SUFFIX, "merchant_code good_code merchant_trans_id trans_id trans_result"
    ),
    "vnpay-legacy2-md5-pay": _VNPAY_2,
    "vnpay-legacy2-md5-return": _VNPAY_2,
    "vnpay-legacy2-md5-cancel": _VNPAY_2,
    "vnpay-legacy2-md5-encoded-orderinfo": _VNPAY_2,
    "momo-legacy-qr-notify": _MOMO,
    "momo-legacy-query-response": _fixed(_MOMO, _MOMO_QUERIED),
    "viettelpay-confirm-hex-lower": _VIETTEL,
    "viettelpay-confirm-base64": replace(_VIETTEL, output=Output.BASE64),
    "viettelpay-result-ack": _VIETTEL,
    "viettelpay-search": _VIETTEL,
    "viettelpay-search-as-written": _VIETTEL,
    "vtcpay-purchase-published": _PIPED,
    "vtcpay-ipn-published": _fixed(_PIPED, "data"),
    "vtcpay-ipn-diacritics-published": _fixed(_PIPED, "data"),
    "vtcpay-return-diacritics-published": _PIPED,
    "vtcpay-soap-checkpartnertransation": replace(
        _fixed(_PIPED, "website_id order_code receiver_acc"), separator="-", output=Output.UPPER
    ),
    "nganluong-merchant-password": Recipe(Algorithm.MD5, place=Place.PREFIX),
    "payos-create-diacritics-published": _MOMO,
    "payos-create-published": _MOMO,
    "onepay-return-published": _ONEPAY,
    "onepay-domestic-request-space-published": _ONEPAY,
    "onepay-domestic-request-published": _ONEPAY,
    "onepay-international-request-published": _ONEPAY,
    "onepay-international-request2-published": _ONEPAY,
    "onepay-international-return-published": _ONEPAY,
    "onepay-return-diacritics": _ONEPAY,
}
"""The vectors of the intermediaries that we have no dialect of: data is all that they need."""

DIALECTS = ("PP", "KEYPAY_V3", "PAYGOV", "VNPAY", "MOMO", "ZALOPAY", "VIETQR")

CODECS: dict[tuple[str, str], Recipe] = {
    ("PP", "init"): pp.INIT,
    ("PP", "confirm"): pp.CONFIRM,
    ("PP", "query"): pp.QUERY,
    ("PP", "get_bill"): pp.QUERY,
    ("KEYPAY_V3", "create"): keypay.ORDER,
    ("KEYPAY_V3", "callback"): keypay.ORDER,
    ("KEYPAY_V3", "query"): keypay.DETAIL,
    ("KEYPAY_V3", "refund"): keypay.REFUND,
    ("KEYPAY_V3", "refund_query"): keypay.REFUND_DETAIL,
    ("PAYGOV", "create"): paygov.CREATE,
    ("VNPAY", "create"): vnpay.PAGE,
    ("VNPAY", "ipn"): vnpay.PAGE,
    ("VNPAY", "query"): vnpay.QUERY,
    ("VNPAY", "query_response"): vnpay.QUERY_ANSWER,
    ("VNPAY", "refund"): vnpay.REFUND,
    ("VNPAY", "refund_response"): vnpay.REFUND_ANSWER,
    ("MOMO", "create"): momo.CREATE,
    ("MOMO", "ipn"): momo.NOTICE,
    ("MOMO", "query"): momo.QUERY,
    ("MOMO", "refund"): momo.REFUND,
    ("MOMO", "refund_query"): momo.QUERY,
    ("ZALOPAY", "create"): zalopay.CREATE,
    ("ZALOPAY", "query"): zalopay.QUERY,
    ("ZALOPAY", "refund"): zalopay.REFUND,
    ("ZALOPAY", "refund_query"): zalopay.REFUND_QUERY,
    ("ZALOPAY", "return"): zalopay.REDIRECT,
}
"""What our own dialects sign with, by the intermediary and the operation of a vector."""

ENCODERS = {
    "vnpay-pay-special-php-urlencode": PHP_PLAIN,
    "vnpay-pay-special-java-urlencoder": JAVA_PLAIN,
    "vnpay-pay-special-js-encodeuricomponent": JAVASCRIPT_PLAIN,
    "vnpay-pay-special-dotnet-webutility": DOTNET_PLAIN,
}
"""Pages that another language wrote: the same recipe with that language's encoder (payment facts 3.5)."""


def _codec(vector: Vector) -> Recipe:
    recipe = CODECS[vector.provider, vector.operation]
    return replace(recipe, plain=ENCODERS[vector.id]) if vector.id in ENCODERS else recipe


def _of_dialects() -> tuple[Vector, ...]:
    """Those with fields; the others hold only a text, which `test_the_digest_of_the_canonical_string` judges."""
    return tuple(vector for vector in of(*DIALECTS) if vector.fields)


def _named(vectors: tuple[Vector, ...]) -> list[object]:
    return [pytest.param(vector, id=vector.id) for vector in vectors]


def _bare(vector: Vector) -> Recipe:
    """Only the digest: the text is there already, with the secret wherever it is no key."""
    keyed = vector.algorithm.startswith("HMAC")
    return Recipe(
        Algorithm(vector.algorithm),
        place=Place.KEY if keyed else Place.NOWHERE,
        output=Output(vector.output),
        hex_key=vector.hex_secret,
    )


@pytest.mark.parametrize("vector", _named(VECTORS))
def test_the_digest_of_the_canonical_string(vector: Vector) -> None:
    """All 106: the digest comes out again, and what an attacker presents in its place does not verify."""
    recipe = _bare(vector)
    assert recipe.digest(vector.canonical, vector.secret) == vector.signature
    verified = recipe.verified_text(vector.canonical, vector.presented, vector.keys())
    assert (verified == "") == (vector.expect == "invalid")


@pytest.mark.parametrize("vector", _named(tuple(v for v in VECTORS if v.provider not in DIALECTS)))
def test_other_intermediaries_need_only_data(vector: Vector) -> None:
    """The canonical string is made from the message's fields by a recipe, and verifies."""
    recipe, fields = OTHERS[vector.id], vector.texts()
    if vector.provider == "ONEPAY":  # of what travels, only these are signed (payment facts 3.10)
        fields = {name: value for name, value in fields.items() if name.startswith(("vpc_", "user_"))}
    assert recipe.text(fields, vector.secret) == vector.canonical
    assert recipe.sign(fields, vector.secret) == vector.signature
    assert recipe.verified(fields, vector.presented, vector.keys()) == "vector"


@pytest.mark.parametrize("vector", _named(_of_dialects()))
def test_our_dialects_sign_as_their_intermediaries_do(vector: Vector) -> None:
    """The message's fields become the canonical string, letter for letter; what an attacker presents does not verify."""
    recipe, fields = _codec(vector), vector.texts()
    assert recipe.text(fields, vector.secret) == vector.canonical
    assert recipe.sign(fields, vector.secret) == vector.signature
    verified = recipe.verified(fields, vector.presented, vector.keys())
    assert (verified == "") == (vector.expect == "invalid")


@pytest.mark.parametrize("vector", _named(tuple(v for v in of("ZALOPAY") if v.operation == "callback")))
def test_a_callback_of_zalopay_is_verified_over_its_text(vector: Vector) -> None:
    """Verbatim: the same data, written again by another library, does not verify (abuse case A19)."""
    verified = zalopay.CALLBACK.verified_text(vector.canonical, vector.presented, vector.keys())
    assert (verified == "") == (vector.expect == "invalid")


@pytest.mark.parametrize("vector", _named(tuple(v for v in of("VIETQR") if v.operation == "qr")))
def test_a_code_is_read_only_with_its_checksum(vector: Vector) -> None:
    """The reader of our own dialect takes every published code, in either case, and refuses the wrong one."""
    if vector.expect == "invalid":
        with pytest.raises(NotVietQr):
            read_tags(vector.canonical + vector.presented)
    else:
        assert read_tags(vector.canonical + vector.signature.lower())["00"] == "01"


def test_every_vector_is_judged() -> None:
    """73 belong to dialects, 33 to the canonicaliser alone, and no recipe is left over."""
    assert len(VECTORS) == 106
    assert len(of(*DIALECTS)) == 73
    assert CODECS.keys() == {(vector.provider, vector.operation) for vector in _of_dialects()}
    assert OTHERS.keys() == {vector.id for vector in VECTORS if vector.provider not in DIALECTS}


@pytest.mark.parametrize("vector", _named(of("VNPAY_LEGACY", "ONEPAY", "VTCPAY")))
def test_another_order_is_another_signature(vector: Vector) -> None:
    """The order of the table is meant: fields as they happen to come do not verify, unless they came in order."""
    recipe, fields = OTHERS[vector.id], vector.texts()
    backwards = dict(sorted(fields.items(), reverse=True))
    unsorted = replace(recipe, by_name=False, names=())
    if len(fields) > 1:
        assert unsorted.verified(backwards, vector.signature, vector.keys()) == ""


def test_java_and_python_sign_the_same_words_differently() -> None:
    """Why what comes in is verified over its raw text (payment facts 3.5)."""
    java = Recipe(Algorithm.HMAC_SHA_512, pairs=True, form=True, plain=JAVA_PLAIN)
    assert java.sign({"a": "*"}, "s") != replace(java, plain="-_.~").sign({"a": "*"}, "s")
