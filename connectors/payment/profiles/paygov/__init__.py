"""PayGov through an LGSP (payment facts 3.4)."""

from __future__ import annotations

from connectors.payment.profiles.paygov.mapping import Paygov
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.speaking import Dialect
from mappings.codes import PaymentMethod

PROFILE = Dialect(
    name="paygov",
    title_vi="PayGov",
    method=PaymentMethod.BANK,
    options_type=PaygovOptions,
    open=Paygov,
    roles=("main", "access"),
    endpoints=("create",),
    more_roles=("lgsp", "lgsp_access"),
)
