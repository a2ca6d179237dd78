"""KeyPay v3 for the national portal, with its pay-later variant (payment facts 3.2)."""

from __future__ import annotations

from connectors.payment.profiles.keypay.mapping import Keypay
from connectors.payment.profiles.keypay.options import KeypayOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="keypay",
    title_vi="KeyPay",
    method=PaymentMethod.BANK,
    options_type=KeypayOptions,
    open=Keypay,
    roles=("main", "second"),
    endpoints=("create", "detail"),
    more_endpoints=("refund", "refund_detail"),
)
