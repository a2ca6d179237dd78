"""PP, the payment platform of the national portal, protocol 1.0.6 (payment facts 3.1)."""

from __future__ import annotations

from connectors.payment.profiles.pp.mapping import Pp
from connectors.payment.profiles.pp.options import PpOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="pp",
    title_vi="Nền tảng thanh toán của Cổng Dịch vụ công quốc gia",
    method=PaymentMethod.PORTAL,
    options_type=PpOptions,
    open=Pp,
    roles=("main",),
    endpoints=("init", "query"),
    more_roles=("lgsp",),
    more_endpoints=("bill",),
)
