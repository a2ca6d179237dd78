"""How the simulated carriers behave: our account at each, their codes, where notices go, how a parcel moves.

What the facts leave unknown is an option with its default here. Secrets are invented and belong to simulations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from connectors.postal.simulator_parcels import Happening, Script

HOUSES = ("h2", "h3", "m1")
"""Every carrier that is simulated, by its name in addresses and orders."""

FEED_CODES: dict[Happening, int] = {
    Happening.ACCEPTED: 1,
    Happening.COLLECTING: 2,
    Happening.COLLECTED: 3,
    Happening.DELIVERED: 4,
    Happening.IN_TRANSIT: 5,
    Happening.AT_OFFICE: 6,
    Happening.OUT_FOR_DELIVERY: 7,
    Happening.FAILED_ATTEMPT: 8,
    Happening.RETURNING: 9,
    Happening.RETURNED: 10,
    Happening.CANCELLED: 11,
    Happening.EXCEPTION: 12,
    Happening.COLLECT_FAILED: 13,
    Happening.COD_COLLECTED: 14,
    Happening.COD_REMITTED: 15,
    Happening.STRANGE: 99,
}
"""Codes of the feed (`StatusCode`). Only 4, delivered, is known [code]; the others are invented, as no source has them."""

PUSH_CODES: dict[Happening, int] = {
    Happening.CREATED: 20,
    Happening.COLLECTED: 70,
    Happening.FAILED_ATTEMPT: 91,
    Happening.DELIVERED: 100,
    Happening.RETURNING: 161,
    Happening.RETURNED: 170,
    Happening.CANCEL_REQUESTED: 61,
    Happening.CANCELLED: 60,
    Happening.COD_COLLECTED: 110,
    Happening.COD_REMITTED: 120,
    Happening.STRANGE: 77,
}
"""Codes of M1 (`OrderStatusId`, facts 6.2). What has none is not told: M1 is silent between the office and the door."""


def _checked(number_pattern: str, token_ttl_s: float, codes: Mapping[Happening, int]) -> None:
    """Raises `ValueError` for what no carrier could do."""
    try:
        re.compile(number_pattern)
    except re.error:
        raise ValueError("number_pattern: không phải biểu thức chính quy") from None
    if not 0 < token_ttl_s <= 10**9 or any(not 0 <= code < 10**6 for code in codes.values()):
        raise ValueError("token_ttl_s lớn hơn 0; codes từ 0 đến 999999")


class NgspOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The NGSP adapter (facts 2), behind an LGSP too (facts 3.3).

    `credentials`: how the token is asked for: `basic` (dialect a), `bearer` a static key with the form (b), `basic_key` with an
    empty body (c); the key of b and c is `consumer_secret`. `services` names the verbs of the LGSP; `service_code` must stand
    in the header `service-code` of each business call where it is set.
    `statuses` are the values of `Status` in answers, by what they say; `codes` those of `StatusCode` in the feed, over
    `FEED_CODES` (0: not told). `empty`: how a page without anything new is written.
    """

    customer: str = "SIMBUUDIEN"
    consumer_key: str = "simulator-consumer"
    consumer_secret: str = "simulator-consumer-secret"
    credentials: Literal["basic", "bearer", "basic_key"] = "basic"
    token_ttl_s: float = 3_600.0
    numbers_unique: bool = False
    number_pattern: str = "[A-Za-z0-9._-]{1,50}"
    event_time: Literal["epoch_ms", "epoch_s", "yyyyMMddHHmmss"] = "epoch_ms"
    empty: Literal["missing", "empty"] = "missing"
    codes: dict[Happening, int] = {}
    statuses: dict[str, int] = {}
    services: dict[str, str] = {}
    service_code: str = ""

    def __post_init__(self) -> None:
        """Refuses what could not be played."""
        _checked(self.number_pattern, self.token_ttl_s, self.codes)

    def __repr__(self) -> str:
        return f"NgspOptions(customer={self.customer!r})"


class DonhangOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """donhang.vnpost.vn (facts 4).

    `token` is the h-token of a contract that fetches none. `notify_url` is the address registered for notices, empty: that of
    `gateway_url`. `again_s` are the pauses before a notice is tried again whose answer was not 200.
    """

    customer: str = "SIMDOITAC"
    token: str = "simulator-h-token"
    user: str = "simulator"
    password: str = "simulator-password"
    token_ttl_s: float = 86_400.0
    numbers_unique: bool = False
    number_pattern: str = "[A-Za-z0-9._-]{1,50}"
    notify_url: str = ""
    again_s: tuple[float, ...] = (60.0, 300.0, 900.0, 3_600.0)
    codes: dict[Happening, int] = {}

    def __post_init__(self) -> None:
        """Refuses what could not be played."""
        _checked(self.number_pattern, self.token_ttl_s, self.codes)
        if any(not 0 <= pause <= 10**6 for pause in self.again_s):
            raise ValueError("again_s: từ 0 đến 1000000 giây")

    def __repr__(self) -> str:
        return f"DonhangOptions(customer={self.customer!r})"


class PostalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is simulated, and how. Notices go to `{gateway_url}/v1/callbacks/{upstream}/m1`.

    `scale`: seconds of the simulated clock in one of ours (1: as in life, 0: only as it is turned); it begins `behind_s` seconds
    behind ours, so that turning it leads to no event that lies in our future. `script` is what parcels meet for which nobody
    ordered anything else. `pace` scales the pauses between tries of a notice. `ca_file`: certificates to trust for notices over
    TLS. `notice_key_file`: the PEM of the RSA key that signs notices; empty: one is made. `statements_dir`: where ordered
    statement files are written. `faults` is a plan to begin with.
    """

    gateway_url: str = "http://127.0.0.1:8080"
    upstream: str = "postal"
    ca_file: str = ""
    notice_key_file: str = ""
    statements_dir: str = ""
    scale: float = 1.0
    behind_s: float = 0.0
    pace: float = 0.01
    script: Script = Script()
    h2: NgspOptions = NgspOptions()
    h3: NgspOptions = NgspOptions(customer="SIMTRUC")
    m1: DonhangOptions = DonhangOptions()
    faults: dict[str, Any] = {}

    def __post_init__(self) -> None:
        """Refuses a clock that runs backwards."""
        if not (0 <= self.scale <= 10**6 and 0 <= self.behind_s <= 10**9 and 0 <= self.pace <= 10**3):
            raise ValueError("scale từ 0 đến 1000000; behind_s từ 0 đến 1000000000; pace từ 0 đến 1000")

    def customer(self, house: str) -> str:
        """Our customer code there; `house` is one of `HOUSES`."""
        own: NgspOptions | DonhangOptions = getattr(self, house)
        return own.customer
