"""MoMo Payment Gateway v2: orders, notices, questions and refunds by signed JSON (payment facts 3.6)."""

from __future__ import annotations

from connectors.payment.profiles.momo.mapping import MAXIMUM, MINIMUM, Momo, MomoOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="momo",
    title_vi="Ví điện tử MoMo",
    method=PaymentMethod.EWALLET,
    options_type=MomoOptions,
    open=Momo,
    roles=("main", "access"),
    endpoints=("create", "query", "refund", "refund_query"),
    signs_returns=True,
    minimum=MINIMUM,
    maximum=MAXIMUM,
    expiry_enforced=True,
)
