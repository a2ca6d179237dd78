"""Wire types of ZaloPay's Order v2, in its own names (payment facts 3.7). Amounts are whole đồng, times milliseconds.

A `Whole` is a number on the wire; whoever reads what ZaloPay signed keeps it as the text that it came as, never as a float.
"""

from __future__ import annotations

import msgspec

Whole = int | str


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`/v2/create` [doc]. `embed_data` and `item` are JSON texts; `app_trans_id` begins with the date in Viet Nam."""

    app_id: int
    app_user: str
    app_trans_id: str
    app_time: int
    expire_duration_seconds: int
    amount: int
    description: str
    callback_url: str
    item: str
    embed_data: str
    bank_code: str
    mac: str


class CreateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer [doc]: `return_code` 1 with `order_url`, else a `sub_return_code`."""

    return_code: Whole = ""
    return_message: str = ""
    sub_return_code: Whole = ""
    sub_return_message: str = ""
    order_url: str = ""
    zp_trans_token: str = ""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted to us [doc]: `mac` is over the text of `data`, verbatim; `type` 1 is an order, 2 an agreement."""

    data: str
    mac: str
    type: Whole = 1


class CallbackOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The object in `Callback.data` [doc]."""

    app_id: Whole = ""
    app_trans_id: str = ""
    app_time: Whole = ""
    app_user: str = ""
    amount: Whole = ""
    embed_data: str = ""
    item: str = ""
    zp_trans_id: Whole = ""
    server_time: Whole = ""
    channel: Whole = ""
    merchant_user_id: str = ""
    user_fee_amount: Whole = ""
    discount_amount: Whole = ""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a callback is answered with, under HTTP 200 [doc]: 1 taken, 2 stop, 0 again, -1 the mac differs."""

    return_code: int
    return_message: str


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the return address [doc]."""

    appid: str = ""
    apptransid: str = ""
    pmcid: str = ""
    bankcode: str = ""
    amount: str = ""
    discountamount: str = ""
    status: str = ""
    checksum: str = ""


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`/v2/query` [doc]."""

    app_id: int
    app_trans_id: str
    mac: str


class QueryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer [doc]: `return_code` 1 paid, 2 failed, 3 under way."""

    return_code: Whole = ""
    return_message: str = ""
    sub_return_code: Whole = ""
    sub_return_message: str = ""
    is_processing: bool | str = ""
    amount: Whole = ""
    zp_trans_id: Whole = ""
    server_time: Whole = ""


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`/v2/refund` [doc]. `m_refund_id` is `yyMMdd_appid_` and ours; a variant knows `refund_fee` [assumed]."""

    m_refund_id: str
    app_id: int
    zp_trans_id: str
    amount: int
    timestamp: int
    description: str
    mac: str
    refund_fee: int | None = None


class RefundQueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`/v2/query_refund` [doc]."""

    app_id: int
    m_refund_id: str
    timestamp: int
    mac: str


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a refund and to a question about one [doc]: 1 done, 2 failed, 3 under way."""

    return_code: Whole = ""
    return_message: str = ""
    sub_return_code: Whole = ""
    sub_return_message: str = ""
    m_refund_id: str = ""
    refund_id: Whole = ""
    amount: Whole = ""
