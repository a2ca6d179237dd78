"""M1, donhang.vnpost.vn ("MyVNPOST v1"): orders by JSON under an h-token, parcels told by signed notices (postal facts 4)."""

from __future__ import annotations

from connectors.postal.profiles.m1.mapping import opened
from connectors.postal.profiles.m1.options import DonhangOptions
from connectors.postal.speaking import Dialect

PROFILE = Dialect(
    name="m1",
    title_vi="VNPost donhang (MyVNPOST v1)",
    options_type=DonhangOptions,
    open=opened,
    roles=(),
    more_roles=("token", "username", "password"),
)
