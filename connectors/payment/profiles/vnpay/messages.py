"""Wire types of VNPAY PAY 2.1.0: the payment page, its notice and return, and the JSON calls (payment facts 3.5).

Every value is text on the wire. A field's name here with `vnp_` and capitals is its name there.
"""

from __future__ import annotations

import msgspec


def wire_name(name: str) -> str:
    """`tmn_code` as VNPAY writes it: `vnp_TmnCode`."""
    return "vnp_" + "".join(part.capitalize() for part in name.split("_"))


SIGNATURE = "vnp_SecureHash"
SIGNATURE_TYPE = "vnp_SecureHashType"


class PayPage(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """The parameters of the payment page [doc, PAY 2.1.0]. `amount` is đồng x100; times are `yyyyMMddHHmmss` at GMT+7."""

    version: str
    command: str
    tmn_code: str
    amount: str
    create_date: str
    expire_date: str
    curr_code: str
    ip_addr: str
    locale: str
    order_info: str
    order_type: str
    return_url: str
    txn_ref: str
    bank_code: str = ""


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """The parameters of a notice (IPN) and of the return address [doc, PAY 2.1.0]; `secure_hash` signs all the others."""

    tmn_code: str = ""
    amount: str = ""
    bank_code: str = ""
    bank_tran_no: str = ""
    card_type: str = ""
    pay_date: str = ""
    order_info: str = ""
    transaction_no: str = ""
    response_code: str = ""
    transaction_status: str = ""
    txn_ref: str = ""
    secure_hash: str = ""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a notice is answered with, under HTTP 200 [doc, PAY 2.1.0: RspCode, Message]."""

    rsp_code: str
    message: str


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """`querydr` [doc, PAY 2.1.0]. `transaction_date` is the original `vnp_CreateDate`."""

    request_id: str
    version: str
    command: str
    tmn_code: str
    txn_ref: str
    transaction_date: str
    create_date: str
    ip_addr: str
    order_info: str


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """`refund` [doc, PAY 2.1.0]. `transaction_type` 02: everything, 03: a part; `transaction_no` `0` where unknown."""

    request_id: str
    version: str
    command: str
    tmn_code: str
    transaction_type: str
    txn_ref: str
    amount: str
    transaction_no: str
    transaction_date: str
    create_by: str
    create_date: str
    ip_addr: str
    order_info: str


class TransactionAnswer(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """The answer to `querydr` and to `refund` (there without promotion) [doc, PAY 2.1.0]."""

    response_id: str = ""
    command: str = ""
    response_code: str = ""
    message: str = ""
    tmn_code: str = ""
    txn_ref: str = ""
    amount: str = ""
    bank_code: str = ""
    pay_date: str = ""
    transaction_no: str = ""
    transaction_type: str = ""
    transaction_status: str = ""
    order_info: str = ""
    promotion_code: str = ""
    promotion_amount: str = ""
    secure_hash: str = ""
