"""VNPAY PAY 2.1.0: a signed payment page, notices by GET, questions and refunds by JSON (payment facts 3.5)."""

from __future__ import annotations

from connectors.payment.profiles.vnpay.mapping import Vnpay, VnpayOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="vnpay",
    title_vi="VNPAY",
    method=PaymentMethod.BANK,
    options_type=VnpayOptions,
    open=Vnpay,
    roles=("main",),
    endpoints=("pay", "api"),
    signs_returns=True,
    methods=("GET",),
    expiry_enforced=True,
)
