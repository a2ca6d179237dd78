"""What differs between contracts with donhang.vnpost.vn, with the defaults of postal facts 4 and 11."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, timezone
from typing import Literal

import msgspec

from mappings.dates import VIETNAM

PathName = Literal["order", "cancel", "find", "price", "token"]


class DonhangOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts.

    `auth` static: the secret `token` is the h-token; login: it is fetched with `username` and `password` and kept `token_life_s`.
    `account` partner: the paths of partners, and the customer code stands in orders. `paths` replace the usual ones.
    `cancel_by`: the carrier's id in the body or in the query; `cancel_answer`: what a bare yes to a cancellation means.
    `finds_order_codes` False: a list that lacks our number says nothing. `service`, `use_bao_phat` as in postal facts 4.2;
    `pickup` 1 the postman comes, 2 we bring it (results only). `unknown_district`, `unknown_ward` stand where there is no code.
    `replay_window_s`: a notice sent longer ago (or ahead) is taken only where it says something new. `zone`: of the carrier's
    times. `fewest_key_bits` of a key that verifies notices.
    """

    auth: Literal["static", "login"] = "static"
    account: Literal["customer", "partner"] = "customer"
    paths: dict[PathName, str] = {}
    token_life_s: int = 3_600
    cancel_by: Literal["body", "query"] = "body"
    cancel_answer: Literal["cancelled", "requested"] = "cancelled"
    finds_order_codes: bool = True
    service: str = "EMS"
    pickup: Literal[1, 2] = 1
    pickup_poscode: str = ""
    use_bao_phat: bool = True
    sms_before: bool = False
    sms_after: bool = False
    unknown_district: str = "0"
    unknown_ward: str = "0"
    replay_window_s: int = 86_400
    zone: Literal["Asia/Ho_Chi_Minh", "UTC"] = "Asia/Ho_Chi_Minh"
    fewest_key_bits: int = 2_048

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault."""
        faults = tuple(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def times(self) -> timezone:
        """The zone that the carrier's times are read in."""
        return UTC if self.zone == "UTC" else VIETNAM

    def path(self, name: PathName) -> str:
        """Where a call goes, below the base address."""
        chosen = self.paths.get(name, "")
        if chosen:
            return chosen
        if name == "cancel" and self.cancel_by == "query":
            return "Order/CancelOrder"
        return _PARTNER_PATHS.get(name, _PATHS[name]) if self.account == "partner" else _PATHS[name]

    def _faults(self) -> Iterable[str]:
        if any(not path or path.startswith("/") or "?" in path or ".." in path for path in self.paths.values()):
            yield "paths: mỗi đường dẫn tương đối với base_url, không có ? và .."
        if not 60 <= self.token_life_s <= 2_592_000:
            yield "token_life_s: từ 60 đến 2592000 giây"
        if not 60 <= self.replay_window_s <= 2_592_000:
            yield "replay_window_s: từ 60 đến 2592000 giây"
        if not 1_024 <= self.fewest_key_bits <= 16_384:
            yield "fewest_key_bits: từ 1024 đến 16384"
        if not self.service or not self.unknown_district or not self.unknown_ward:
            yield "service, unknown_district, unknown_ward: không được để trống"


_PATHS: dict[PathName, str] = {
    "order": "CustomerConnect/CreateOrder",
    "cancel": "CustomerConnect/CancelOrder",
    "find": "Order/GetListOrderByManagerWithCustomCode",
    "price": "CustomerConnect/TinhCuocTatCaDichVu",
    "token": "MobileAuthentication/GetAccessToken",
}
_PARTNER_PATHS: dict[PathName, str] = {"order": "doitac/createorder", "price": "DoiTac/TinhCuocTatCaDichVu"}
