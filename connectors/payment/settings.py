"""The settings of payment: every fact that nobody could confirm, typed, with the default of payment facts 9.

Keys of one dialect stand in its `options`, of the dialect's own type; README.md explains each. Secrets are references.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec
from yarl import URL

from connectors.kit.addresses import address_is_fit, host_of, may_be_sent
from connectors.kit.secrets import SecretRef
from connectors.payment.model import Beneficiary, Budget
from connectors.payment.settlement_settings import SettlementSettings

ProfileName = Literal["pp", "keypay", "paygov", "vnpay", "momo", "zalopay", "vietqr"]
PROFILES: tuple[ProfileName, ...] = ("pp", "keypay", "paygov", "vnpay", "momo", "zalopay", "vietqr")
DEFAULT = "default"
"""The name of the beneficiary for services that have none of their own."""

_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[1-9][0-9]{0,4})?", re.ASCII)
_DVQHNS = re.compile(r"[12378][0-9]{6}", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


class KeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One secret shared with an intermediary. Several of one role overlap while they are exchanged (abuse case A34)."""

    id: str
    secret: SecretRef
    role: str = "main"
    not_before: datetime | None = None
    not_after: datetime | None = None

    def __post_init__(self) -> None:
        """Refuses a key without a name or a reference, and times without a zone or in the wrong order."""
        if not self.id or not self.secret or not self.role:
            raise ValueError("keys: id, secret, role không được để trống")
        moments = [moment for moment in (self.not_before, self.not_after) if moment is not None]
        if any(moment.tzinfo is None for moment in moments):
            raise ValueError("keys: not_before và not_after phải có múi giờ")
        if len(moments) == 2 and moments[0] >= moments[1]:
            raise ValueError("keys: not_after phải sau not_before")


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One intermediary. `endpoints` are its addresses by the dialect's own names; `pay_hosts` where a payer may be sent
    (abuse case A26; left empty: the hosts of the endpoints); `sources` the networks that its notices may come from (left
    empty: any, and `notices_from_anywhere` has to say so). `minimum`, `maximum` in đồng narrow the dialect's bounds.
    """

    profile: ProfileName
    merchant: str
    endpoints: dict[str, str] = {}
    keys: tuple[KeySettings, ...] = ()
    options: dict[str, Any] = {}
    enabled: bool = True
    title_vi: str = ""
    pay_hosts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    notices_from_anywhere: bool = False
    minimum: int = 0
    maximum: int = 0
    expiry_enforced: bool | None = None
    queries_per_s: float = 5.0
    connect_timeout_s: float = 5.0
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""
    proxy: str = ""

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault and repeats no value."""
        faults = [*self._addresses(), *self._bounds()]
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def payer_hosts(self) -> tuple[str, ...]:
        """Where a payer may be sent."""
        return self.pay_hosts or tuple(dict.fromkeys(filter(None, map(host_of, self.endpoints.values()))))

    def _addresses(self) -> Iterable[str]:
        for name, address in self.endpoints.items():
            if not address_is_fit(address, self.allow_plain):
                yield f"endpoints.{name}: phải là địa chỉ https://, không kèm tài khoản, tham số hay mảnh"
        if not all(_HOST.fullmatch(host) for host in self.pay_hosts):
            yield "pay_hosts: cần tên máy chủ chữ thường, kèm cổng khi khác 443"
        for source in self.sources:
            try:
                ipaddress.ip_network(source)
            except ValueError:
                yield "sources: mỗi mục là một địa chỉ hoặc dải mạng (CIDR)"
        named = [(key.role, key.id) for key in self.keys]
        if len(set(named)) != len(named):
            yield "keys: trong cùng một role, mỗi id chỉ dùng một lần"
        if self.client_key_file and not self.client_cert_file:
            yield "client_key_file: chỉ dùng cùng client_cert_file"

    def _bounds(self) -> Iterable[str]:
        if not self.merchant:
            yield "merchant: không được để trống"
        if self.minimum < 0 or self.maximum < 0 or (self.maximum and self.minimum > self.maximum):
            yield "minimum và maximum: số đồng không âm, minimum không lớn hơn maximum"
        if self.queries_per_s <= 0 or self.connect_timeout_s <= 0:
            yield "queries_per_s và connect_timeout_s phải lớn hơn 0"


class Expiry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long a payer has, and how long after that a payment is still looked for before it is called expired."""

    minutes: int = 15
    grace_minutes: int = 15
    longest_minutes: int = 43_200

    def __post_init__(self) -> None:
        """Refuses times that cannot be."""
        if not 1 <= self.minutes <= self.longest_minutes <= 43_200 or not 0 <= self.grace_minutes <= 1_440:
            raise ValueError("minutes từ 1 đến longest_minutes (nhiều nhất 43200), grace_minutes từ 0 đến 1440")


class PortalPull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The national portal asks what is due for a dossier (payment facts 3.1). Off until somebody says who may ask.

    `sources`: networks that it asks from; `token` references a bearer token, where one was agreed. `client_id` stands in
    the answer.
    """

    sources: tuple[str, ...]
    token: SecretRef = SecretRef("")
    client_id: str = ""

    def __post_init__(self) -> None:
        """Refuses a list that lets nobody or no network in."""
        if not self.sources:
            raise ValueError("sources: phải nêu các dải mạng của Cổng DVCQG")
        for source in self.sources:
            try:
                ipaddress.ip_network(source)
            except ValueError:
                raise ValueError("sources: mỗi mục là một địa chỉ hoặc dải mạng (CIDR)") from None


class NoticeLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many notices about payments that we do not know one source may send (abuse case A29), and their size (A28)."""

    unknown_per_minute: float = 60.0
    unknown_burst: int = 120
    max_bytes: int = 65_536

    def __post_init__(self) -> None:
        """Refuses limits that let nothing through."""
        if self.unknown_per_minute <= 0 or self.unknown_burst < 1 or not 1_024 <= self.max_bytes <= 1_048_576:
            raise ValueError("unknown_per_minute > 0, unknown_burst >= 1, max_bytes từ 1024 đến 1048576")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one upstream of payment. The first provider that is enabled is the default one.

    `public_url` is our address on the edge as payers and intermediaries see it. `beneficiaries` by service code, and
    `default`; `budgets` by fee code. `return_hosts`: where a caller may have a payer sent back to (abuse case A26).
    `completed_at`: which time counts (payment facts 7.1). `receipts` is the upstream that issues electronic receipts.
    """

    public_url: str
    providers: tuple[ProviderSettings, ...]
    beneficiaries: dict[str, Beneficiary]
    allow_plain: tuple[str, ...] = ()
    return_hosts: tuple[str, ...] = ()
    budgets: dict[str, Budget] = {}
    budgets_required: bool = False
    expiry: Expiry = Expiry()
    create_wait_s: float = 5.0
    completed_at: Literal["notice_time", "provider_time"] = "notice_time"
    receipts: str = ""
    portal_pull: PortalPull | None = None
    notices: NoticeLimits = NoticeLimits()
    settlement: SettlementSettings = SettlementSettings()

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault and repeats no value."""
        faults = [*self._addresses(), *self._providers(), *self._accounts(), *self._statements()]
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def enabled(self) -> tuple[ProviderSettings, ...]:
        """The intermediaries that are switched on, the default one first."""
        return tuple(one for one in self.providers if one.enabled)

    def beneficiary(self, service_code: str) -> Beneficiary:
        """The account that a service is paid into."""
        return self.beneficiaries.get(service_code) or self.beneficiaries[DEFAULT]

    def _addresses(self) -> Iterable[str]:
        if not address_is_fit(self.public_url, self.allow_plain) or URL(self.public_url).path not in ("", "/"):
            yield "public_url: phải là https://máy-chủ, không kèm đường dẫn"
        if not all(_HOST.fullmatch(host) for host in self.return_hosts):
            yield "return_hosts: cần tên máy chủ chữ thường, kèm cổng khi khác 443"
        if not 0 <= self.create_wait_s <= 20:
            yield "create_wait_s: từ 0 đến 20 giây"

    def _providers(self) -> Iterable[str]:
        names = [one.profile for one in self.providers]
        yield from (f"providers: «{name}» bị trùng" for name in sorted({n for n in names if names.count(n) > 1}))
        if not self.enabled:
            yield "providers: cần ít nhất một đơn vị trung gian đang bật (enabled)"

    def _statements(self) -> Iterable[str]:
        plain: dict[str, tuple[str, ...]] = {one.profile: one.allow_plain for one in self.providers}
        if self.settlement.statements_dir and any("/" in one.merchant for one in self.providers):
            yield "providers: merchant không được có dấu / khi bật đối soát, vì nó nằm trong tên tệp"
        for name, chosen in self.settlement.providers.items():
            if name not in PROFILES:
                yield f"settlement.providers: không có trung gian «{name}»"
            address = chosen.url.replace("{date}", "20260101").replace("{merchant}", "M")
            if chosen.url and not may_be_sent(address, (host_of(address),), plain.get(name, ())):
                yield f"settlement.providers.{name}.url: phải là địa chỉ https://"

    def _accounts(self) -> Iterable[str]:
        if DEFAULT not in self.beneficiaries:
            yield f"beneficiaries: phải có mục {DEFAULT}"
        if any(not one.account or not one.account_name for one in self.beneficiaries.values()):
            yield "beneficiaries: account và account_name không được để trống"
        for code, one in self.beneficiaries.items():
            if one.bin and not (len(one.bin) == 6 and _DIGITS.fullmatch(one.bin)):
                yield f"beneficiaries.{code}.bin: phải là 6 chữ số (mã BIN của ngân hàng)"
        for code, budget in self.budgets.items():
            if budget.dvqhns and not _DVQHNS.fullmatch(budget.dvqhns):
                yield f"budgets.{code}.dvqhns: phải là 7 chữ số, bắt đầu bằng 1, 2, 3, 7 hoặc 8"
            if budget.chapter and not (len(budget.chapter) == 3 and _DIGITS.fullmatch(budget.chapter)):
                yield f"budgets.{code}.chapter: phải là 3 chữ số"
            if budget.sub_item and not (len(budget.sub_item) == 4 and _DIGITS.fullmatch(budget.sub_item)):
                yield f"budgets.{code}.sub_item: phải là 4 chữ số"
            if self.budgets_required and not (budget.dvqhns and budget.chapter and budget.sub_item):
                yield f"budgets.{code}: cần đủ dvqhns, chapter, sub_item"
