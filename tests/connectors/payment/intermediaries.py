"""Seven intermediaries as they would sign: notices made without a line of our code, each heard by our dialect of it.

A `Witness` makes the notice that its intermediary would send for some fields. `changeable` names the fields that its signature
covers and that our reading uses; `free` those that hold words.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

import msgspec

from connectors.kit.contract import Notice
from connectors.payment.profiles import keypay, momo, paygov, pp, vietqr, vnpay, zalopay
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.speaking import Dialect, Dialogue, Heard
from tests.connectors.payment.accounts import REF, by_get, by_post, dialogue, key

MAIN, SECOND, ACCESS = key("main").value, key("second").value, key("access").value
Fields = Mapping[str, str]


def sha512(text: str, secret: str) -> str:
    """HMAC-SHA512 in hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def sha256(text: str, secret: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def plain_sha256(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def written(members: Mapping[str, object]) -> bytes:
    """JSON with the marks as they are."""
    return json.dumps(members, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Witness:
    """One intermediary. `sign(fields)` is the signature that belongs to them, `send(fields, signature)` the notice."""

    dialect: Dialect
    ours: Dialogue
    fields: Fields
    changeable: tuple[str, ...]
    free: str
    sign: Callable[[Fields], str]
    send: Callable[[Fields, str | None], Notice]

    @property
    def name(self) -> str:
        """The name of the dialect."""
        return self.dialect.name

    def notice(self, fields: Fields | None = None) -> Notice:
        """A genuine notice."""
        told = self.fields if fields is None else fields
        return self.send(told, self.sign(told))

    def hear(self, notice: Notice) -> Heard:
        """What we make of a notice."""
        return self.ours.hear(notice)


def _vnpay_text(fields: Fields) -> str:
    pairs = sorted((quote_plus(name), quote_plus(value)) for name, value in fields.items() if value)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _vnpay() -> Witness:
    fields = {
        "vnp_Amount": "50000000", "vnp_BankCode": "NCB", "vnp_OrderInfo": "Nop phi", "vnp_PayDate": "20260921143155",
        "vnp_ResponseCode": "00", "vnp_TmnCode": "TESTTMN1", "vnp_TransactionNo": "14500001",
        "vnp_TransactionStatus": "00", "vnp_TxnRef": REF,
    }  # fmt: skip

    def send(told: Fields, signature: str | None) -> Notice:
        tail = "" if signature is None else f"&vnp_SecureHash={quote_plus(signature)}"
        return by_get(_vnpay_text(told) + tail)

    return Witness(
        vnpay.PROFILE,
        dialogue(vnpay.PROFILE),
        fields,
        tuple(fields),
        "vnp_OrderInfo",
        lambda told: sha512(_vnpay_text(told), MAIN),
        send,
    )


def _by_json(name: str) -> Callable[[Fields, str | None], Notice]:
    def send(told: Fields, signature: str | None) -> Notice:
        return by_post(written(told if signature is None else {**told, name: signature}))

    return send


def _momo() -> Witness:
    fields = {
        "partnerCode": "TESTTMN1", "orderId": REF, "requestId": REF, "amount": "500000", "orderInfo": "Nộp phí",
        "orderType": "momo_wallet", "transId": "4088878653", "resultCode": "0", "message": "Thành công.",
        "payType": "qr", "responseTime": "1790000000000", "extraData": "",
    }  # fmt: skip

    def sign(told: Fields) -> str:
        pairs = sorted([*told.items(), ("accessKey", ACCESS)])
        return sha256("&".join(f"{name}={value}" for name, value in pairs), MAIN)

    return Witness(
        momo.PROFILE, dialogue(momo.PROFILE), fields, tuple(fields), "orderInfo", sign, _by_json("signature")
    )


def _zalopay() -> Witness:
    fields = {
        "app_id": "2553", "app_trans_id": f"260921_{REF}", "amount": "500000", "item": "[]",
        "zp_trans_id": "260921000000123", "server_time": "1790000060000",
    }  # fmt: skip

    def send(told: Fields, signature: str | None) -> Notice:
        body: dict[str, object] = {"data": written(told).decode(), "type": 1}
        return by_post(written(body if signature is None else {**body, "mac": signature}))

    return Witness(
        zalopay.PROFILE,
        dialogue(zalopay.PROFILE, merchant="2553"),
        fields,
        tuple(fields),
        "item",
        lambda told: sha256(written(told).decode(), SECOND),
        send,
    )


def _vietqr() -> Witness:
    fields = {
        "txn_id": "FT26264000001", "bank_bin": "970436", "account": "0011001234567", "direction": "C",
        "amount": "500000", "currency": "VND", "text": REF.upper(), "booked_at": "20260921143155", "note": "",
    }  # fmt: skip

    def send(told: Fields, signature: str | None) -> Notice:
        sent = by_post(written(told))
        headers = dict(sent.headers) if signature is None else {**sent.headers, "x-signature": signature}
        return Notice(sent.method, sent.path, sent.query, headers, sent.body, sent.peer)

    return Witness(
        vietqr.PROFILE,
        dialogue(vietqr.PROFILE, merchant="970436:0011001234567", keys={"main": (key("main"),)}),
        fields,
        tuple(fields),
        "note",
        lambda told: sha256(written(told).decode(), MAIN),
        send,
    )


def _pp() -> Witness:
    fields = {
        "LoaiBanTin": "CONFIRM", "MaLoi": "00", "MaDoiTac": "TESTTMN1", "MaThamChieu": REF, "SoTien": "500000",
        "MaTienTe": "VND", "MaGiaoDich": "PP0001", "MaNganHang": "VCB", "ThoiGianGD": "20260921143155",
        "ThongTinGiaoDich": "Phí thẩm định",
    }  # fmt: skip
    return Witness(
        pp.PROFILE,
        dialogue(pp.PROFILE),
        fields,
        tuple(fields),
        "ThongTinGiaoDich",
        lambda told: plain_sha256("|".join([*(told.get(name, "") for name in fields), MAIN])),
        _by_json("MaXacThuc"),
    )


def _keypay() -> Witness:
    fields = {
        "client_id": "TESTTMN1", "transaction_id": REF, "trans_amount": "500000", "command": "PAY",
        "addition_fee": "0", "version": "3.0", "status": "0", "transaction_code": "KP0001", "description": "Nộp phí",
    }  # fmt: skip
    six = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
    return Witness(
        keypay.PROFILE,
        dialogue(keypay.PROFILE),
        fields,
        six,
        "description",
        lambda told: sha256("|".join(told.get(name, "") for name in six), SECOND),
        _by_json("check_sum"),
    )


def _paygov() -> Witness:
    fields = {
        "amount": "500000", "orderId": REF, "orderInfo": "Nop phi", "requestCode": REF, "transactionNo": "PG1",
        "payDate": "20260921143155", "errorCode": "00", "transactionCode": "PG1",
    }  # fmt: skip
    signed = tuple(fields)
    options = PaygovOptions(callback_fields=signed, callback_separator="|")
    return Witness(
        paygov.PROFILE,
        dialogue(paygov.PROFILE, options=options),
        fields,
        signed,
        "orderInfo",
        lambda told: plain_sha256(MAIN + "|".join(told.get(name, "") for name in signed)),
        _by_json("checksum"),
    )


WITNESSES: tuple[Witness, ...] = (_pp(), _keypay(), _paygov(), _vnpay(), _momo(), _zalopay(), _vietqr())
BY_NAME = {witness.name: witness for witness in WITNESSES}


def believed(heard: Heard) -> object:
    """What may come of a notice: nothing where it is refused; else the statement, but for what no signature covers.

    PP's dossier code and KeyPay's outcome stand outside of their signatures; KeyPay's statement is never trusted.
    """
    statement = heard.statement
    if heard.ack.value != "taken" or statement is None:
        return None
    if not statement.trusted:
        return statement.ref
    return msgspec.structs.replace(statement, dossier_code="")
