"""Intermediaries as they speak: notices of a paid order, signed here a second time without the code that is judged."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from connectors.kit.contract import Notice
from connectors.payment.profiles import keypay, momo, paygov, pp, vnpay, zalopay
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.speaking import Account, Dialect, Dialogue, Key
from tests.connectors.payment.accounts import ENDPOINTS, NOW, REF, by_get, by_post
from tests.planted import secret

Fields = dict[str, Any]
_PP = "LoaiBanTin MaLoi MaDoiTac MaThamChieu SoTien MaTienTe MaGiaoDich MaNganHang ThoiGianGD ThongTinGiaoDich"
_MOMO = (
    "amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime resultCode transId"
)


@dataclass(frozen=True, slots=True)
class Witness:
    """One intermediary's own way to tell that the attempt `REF` is paid.

    `fields` are the notice before it is signed, `refs` those of them that hold the reference; `signed` gives its signature
    under a secret; `role` is the key that verifies it. `amount`, `merchant`, `outcome` name the fields that say so, the last
    with the value of a failure; "" where there is none.
    """

    dialect: Dialect
    fields: Mapping[str, Any]
    signed: Callable[[Fields, str], str]
    signature: str
    role: str = "main"
    merchant_code: str = "TESTTMN1"
    refs: tuple[str, ...] = ()
    amount: str = ""
    merchant: str = ""
    outcome: tuple[str, Any] = ("", "")
    txn: str = ""
    options: msgspec.Struct | None = None
    data: bool = False
    by_get: bool = False

    @property
    def name(self) -> str:
        """The dialect's."""
        return self.dialect.name

    def dialogue(self, keys: Mapping[str, Sequence[Key]] | None = None, now: Any = NOW) -> Dialogue:
        """Our side, with one key for each role, or with these."""
        held = {role: (Key(id=f"{role}-1", value=secret(role)),) for role in self.dialect.roles} | dict(keys or {})
        return self.dialect.open(
            Account(
                name=self.name,
                merchant=self.merchant_code,
                keys=lambda role: held.get(role, ()),
                endpoints=ENDPOINTS,
                options=self.options or self.dialect.options_type(),
                now=lambda: now,
            )
        )

    def about(self, ref: str) -> Fields:
        """The fields that make it a notice about another attempt."""
        return {name: str(self.fields[name]).replace(REF, ref) for name in self.refs}

    def told(self, value: str | None = None, /, **changes: Any) -> Fields:
        """The fields and their signature, under the role's secret or another one."""
        said = dict(self.fields) | changes
        return {**said, self.signature: self.signed(said, value if value is not None else secret(self.role))}

    def sent(self, fields: Fields) -> Notice:
        """The notice on the wire, as it is written."""
        if self.by_get:
            return by_get("&".join(f"{name}={value}" for name, value in fields.items()))
        if self.data:
            inner = {name: value for name, value in fields.items() if name != self.signature}
            return by_post({"data": dense(inner), self.signature: fields[self.signature], "type": 1})
        return by_post(dense(fields).encode())


def dense(fields: Fields) -> str:
    """JSON as most write it: in order, without blanks, letters as they are."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _hmac(algorithm: str, text: str, value: str) -> str:
    return hmac.new(value.encode(), text.encode(), algorithm).hexdigest()


def _pp(fields: Fields, value: str) -> str:
    return hashlib.sha256("|".join([*(str(fields[name]) for name in _PP.split()), value]).encode()).hexdigest()


def _keypay(fields: Fields, value: str) -> str:
    names = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
    return _hmac("sha256", "|".join(str(fields[name]) for name in names), value)


def _paygov(fields: Fields, value: str) -> str:
    return hashlib.sha256(f"{value}{fields['orderId']}{fields['amount']}{fields['errorCode']}".encode()).hexdigest()


def _vnpay(fields: Fields, value: str) -> str:
    return _hmac("sha512", "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name]), value)


def _momo(fields: Fields, value: str) -> str:
    told = {**fields, "accessKey": secret("access")}
    return _hmac("sha256", "&".join(f"{name}={told[name]}" for name in sorted(("accessKey", *_MOMO.split()))), value)


def _zalopay(fields: Fields, value: str) -> str:
    return _hmac("sha256", dense(fields), value)


PP = Witness(
    pp.PROFILE,
    MappingProxyType(
        {
            "LoaiBanTin": "CONFIRM", "MaLoi": "00", "MaDoiTac": "TESTTMN1", "MaThamChieu": REF, "SoTien": 500000,
            "MaTienTe": "VND", "MaGiaoDich": "PP0001", "MaNganHang": "VCB", "ThoiGianGD": "20260921143155",
            "ThongTinGiaoDich": "Phí thẩm định",
        }
    ),
    _pp, "MaXacThuc", refs=("MaThamChieu",),
    amount="SoTien", merchant="MaDoiTac", outcome=("MaLoi", "99"), txn="MaGiaoDich",
)  # fmt: skip
KEYPAY = Witness(
    keypay.PROFILE,
    MappingProxyType(
        {
            "client_id": "TESTTMN1", "transaction_id": REF, "trans_amount": 500000, "command": "PAY", "addition_fee": "0",
            "version": "3.0", "status": 0, "transaction_code": "KP0001", "description": "Phí thẩm định",
        }
    ),
    _keypay, "check_sum", refs=("transaction_id",),
    role="second", amount="trans_amount", merchant="client_id", txn="transaction_code",
)  # fmt: skip
PAYGOV = Witness(
    paygov.PROFILE,
    MappingProxyType(
        {
            "amount": 500000, "orderId": REF, "orderInfo": "Phí thẩm định", "requestCode": REF, "transactionNo": "PG0001",
            "payDate": "20260921143155", "paygate": "VNPAY", "errorCode": "00", "type": "1", "transactionCode": "PG0001",
        }
    ),
    _paygov, "checksum", refs=("orderId", "requestCode",),
    amount="amount", outcome=("errorCode", "99"), txn="transactionNo",
    options=PaygovOptions(callback_fields=("orderId", "amount", "errorCode")),
)  # fmt: skip
VNPAY = Witness(
    vnpay.PROFILE,
    MappingProxyType(
        {
            "vnp_Amount": "50000000", "vnp_BankCode": "NCB", "vnp_OrderInfo": "Ph%C3%AD+th%E1%BA%A9m",
            "vnp_PayDate": "20260921143155", "vnp_ResponseCode": "00", "vnp_TmnCode": "TESTTMN1",
            "vnp_TransactionNo": "14500001", "vnp_TransactionStatus": "00", "vnp_TxnRef": REF,
        }
    ),
    _vnpay, "vnp_SecureHash", refs=("vnp_TxnRef",),
    amount="vnp_Amount", merchant="vnp_TmnCode", outcome=("vnp_ResponseCode", "24"),
    txn="vnp_TransactionNo", by_get=True,
)  # fmt: skip
MOMO = Witness(
    momo.PROFILE,
    MappingProxyType(
        {
            "partnerCode": "TESTTMN1", "orderId": REF, "requestId": REF, "amount": 500000, "orderInfo": "Phí thẩm định",
            "orderType": "momo_wallet", "transId": 4088878653, "resultCode": 0, "message": "Giao dịch thành công.",
            "payType": "qr", "responseTime": 1790000000000, "extraData": "",
        }
    ),
    _momo, "signature", refs=("orderId", "requestId",),
    amount="amount", merchant="partnerCode", outcome=("resultCode", 1006), txn="transId",
)  # fmt: skip
ZALOPAY = Witness(
    zalopay.PROFILE,
    MappingProxyType(
        {
            "app_id": 2553, "app_trans_id": f"260921_{REF}", "app_time": 1790000000000, "app_user": "nguoi-nop",
            "amount": 500000, "embed_data": "{}", "item": '[{"itemname":"Phí thẩm định"}]',
            "zp_trans_id": 260921000000123, "server_time": 1790000060000, "channel": 38, "merchant_user_id": "u1",
            "user_fee_amount": 0, "discount_amount": 0,
        }
    ),
    _zalopay, "mac", refs=("app_trans_id",),
    role="second", merchant_code="2553", amount="amount", merchant="app_id", txn="zp_trans_id", data=True,
)  # fmt: skip

WITNESSES: tuple[Witness, ...] = (PP, KEYPAY, PAYGOV, VNPAY, MOMO, ZALOPAY)
"""Every intermediary that signs its notices; behind VietQR there is a bank's statement."""
