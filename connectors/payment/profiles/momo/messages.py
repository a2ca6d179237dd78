"""Wire types of MoMo's Payment Gateway v2, in its own names (payment facts 3.6). Amounts are whole đồng, times milliseconds.

A `Whole` is a number on the wire; whoever reads what MoMo signed keeps it as the text that it came as, never as a float.
"""

from __future__ import annotations

import msgspec

Whole = int | str


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`/v2/gateway/api/create` [doc]. `extra_data` may be empty but is signed; `order_expire_time` counts minutes."""

    partner_code: str
    partner_name: str
    store_id: str
    request_id: str
    amount: int
    order_id: str
    order_info: str
    redirect_url: str
    ipn_url: str
    request_type: str
    extra_data: str
    lang: str
    auto_capture: bool
    order_expire_time: int
    signature: str


class CreateAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Its answer [doc]: where the payer goes, or a code."""

    partner_code: str = ""
    request_id: str = ""
    order_id: str = ""
    amount: Whole = ""
    response_time: Whole = ""
    message: str = ""
    result_code: Whole = ""
    pay_url: str = ""
    deeplink: str = ""
    qr_code_url: str = ""


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A notice (IPN) and the parameters of the return address [doc]. `accessKey` is signed but does not stand in it."""

    partner_code: str = ""
    order_id: str = ""
    request_id: str = ""
    amount: Whole = ""
    order_info: str = ""
    order_type: str = ""
    trans_id: Whole = ""
    result_code: Whole = ""
    message: str = ""
    pay_type: str = ""
    response_time: Whole = ""
    extra_data: str = ""
    signature: str = ""


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`/v2/gateway/api/query` and `/v2/gateway/api/refund/query` [doc]."""

    partner_code: str
    request_id: str
    order_id: str
    lang: str
    signature: str


class TransactionAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a question and to a refund [doc]. It carries no signature."""

    partner_code: str = ""
    request_id: str = ""
    order_id: str = ""
    amount: Whole = ""
    trans_id: Whole = ""
    pay_type: str = ""
    result_code: Whole = ""
    message: str = ""
    response_time: Whole = ""
    last_updated: Whole = ""


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`/v2/gateway/api/refund` [doc]. `order_id` is new, never that of the purchase; `trans_id` is MoMo's number."""

    partner_code: str
    order_id: str
    request_id: str
    amount: int
    trans_id: int
    lang: str
    description: str
    signature: str
