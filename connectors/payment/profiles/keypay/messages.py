"""Wire types of KeyPay v3 for the national portal, with its pay-later variant (payment facts 3.2), as the wire names them.

From code of one public client. Money is đồng without scale, as text. `check_sum` is never part of what it signs.
"""

from __future__ import annotations

import msgspec

from connectors.payment.profiles._bill.messages import ThongTinBienLai as Bill


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type of the wire; its `repr` says no value, since bills name persons."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Create(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """create [code]; with `bill_id` it is the pay-later create. `environment` 1 web, 2 app."""

    client_id: str
    transaction_id: str
    trans_amount: str
    command: str
    version: str
    description: str
    locale: str
    country_code: str
    currency_code: str
    environment: str
    bill_info: Bill
    return_url: str
    addition_fee: str
    check_sum: str
    bill_id: str = ""


class CreateAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to create [code]: `error` 0 is good."""

    error: str
    msg: str = ""
    payment_url: str = ""


class PayLater(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """What a pay-later create gives [code]: `qrcode_pay` is a picture as a data URI, `expired_in` in seconds [assumed]."""

    transaction_code: str
    url_pay: str
    qrcode_pay: str = ""
    expired_in: str = ""
    created_at: str = ""


class PayLaterAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a pay-later create [code]."""

    error: str
    msg: str = ""
    data: PayLater | None = None


class Detail(_Wire, frozen=True, kw_only=True):
    """detail [code]: the question about a transaction; `command` is the word of create."""

    client_id: str
    transaction_id: str
    command: str
    check_sum: str


class Transaction(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A transaction as callback and detail tell it [code]: `status` 0 paid, 1 not yet; the signature covers six other fields."""

    client_id: str
    transaction_id: str
    trans_amount: str
    command: str
    addition_fee: str
    version: str
    status: str
    transaction_code: str = ""
    payment_fee: str = ""
    description: str = ""
    locale: str = ""
    country_code: str = ""
    currency_code: str = ""
    environment: str = ""
    check_sum: str = ""


class DetailAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to detail: `error` 0 and the transaction under `data` [assumed: the client shows no whole answer]."""

    error: str
    msg: str = ""
    data: Transaction | None = None


class Acknowledgement(_Wire, frozen=True, kw_only=True):
    """What a callback is answered with [code]: `return_code` 0 or -1, a number; the pay-later variant wants text."""

    return_code: int | str
    return_msg: str


class Refund(_Wire, frozen=True, kw_only=True):
    """refund [code]: no reference of its own, so it is never sent twice."""

    amount: str
    client_id: str
    command: str
    reason: str
    transaction_id: str
    check_sum: str


class RefundTold(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A refund as refund and refund detail tell it: `amount_refund`, `qrcode_refund`, `update_at` [code].

    `status` 0 done, 1 under way, 2 refused [assumed]; `transaction_refund_code` is what it is asked about with.
    """

    client_id: str = ""
    transaction_id: str = ""
    transaction_refund_code: str = ""
    amount_refund: str = ""
    status: str = ""
    qrcode_refund: str = ""
    update_at: str = ""
    check_sum: str = ""


class RefundAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to refund and to refund detail: `error` 0 and the refund under `data` [assumed], signed with key 2 [code]."""

    error: str
    msg: str = ""
    data: RefundTold | None = None


class RefundDetail(_Wire, frozen=True, kw_only=True):
    """refund detail [code]: the question about a refund."""

    client_id: str
    command: str
    transaction_refund_code: str
    check_sum: str
