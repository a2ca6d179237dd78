"""VietQR: a transfer code that is made here, and the bank's feed that says whether it was paid (payment facts 3.13)."""

from __future__ import annotations

from connectors.payment.profiles.vietqr.mapping import VietQr, VietQrOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="vietqr",
    title_vi="Chuyển khoản VietQR",
    method=PaymentMethod.BANK,
    options_type=VietQrOptions,
    open=VietQr,
    roles=(),
    endpoints=(),
    more_roles=("main", "feed"),
    more_endpoints=("feed",),
)
