"""ZaloPay Order v2: orders and questions by signed JSON, notices of successes only (payment facts 3.7)."""

from __future__ import annotations

from connectors.payment.profiles.zalopay.mapping import ZaloPay, ZaloPayOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="zalopay",
    title_vi="Ví điện tử ZaloPay",
    method=PaymentMethod.EWALLET,
    options_type=ZaloPayOptions,
    open=ZaloPay,
    roles=("main", "second"),
    endpoints=("create", "query", "refund", "query_refund"),
    expiry_enforced=True,
    signs_returns=True,
)
