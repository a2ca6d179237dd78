"""The settings of the post: every fact that nobody could confirm, typed, with the default of postal facts 11.

Keys of one dialect stand in its `options`, of the dialect's own type; README.md explains each. Secrets are references.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from connectors.kit.addresses import address_is_fit
from connectors.kit.secrets import SecretRef
from connectors.postal.cod_settings import CodSettings
from connectors.postal.model import Contact, Meaning, Place, ShipmentState
from connectors.postal.paper_settings import PaperSettings
from mappings.places import ListVersion as GsoList
from mappings.places import Standing, understand

DEFAULT = "default"
"""The name of the agency that stands for every unit without one of its own."""

ListVersion = Literal["GSO-2025-07", "GSO-2024"]
"""The lists that codes of addresses are of (postal facts 8.3)."""

MEANINGS = frozenset({*ShipmentState, *Meaning})
"""What a status code may mean."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}", re.ASCII)
_PROFILE = re.compile(r"[a-z][a-z0-9_]{0,19}", re.ASCII)
_PROVINCE = re.compile(r"[0-9]{2}", re.ASCII)
_IN_A_NAME = re.compile(r"[0-9A-Za-z._:-]{1,80}", re.ASCII)
_LONGEST_WAIT_S = 20.0


class AgencyPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an agency is. `carrier`: the carriers' own codes by name (`province`, `district`, `ward`), where they differ."""

    province: str
    text: str
    list_version: ListVersion = "GSO-2025-07"
    commune: str = ""
    district: str = ""
    old_text: str = ""
    carrier: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuses what no carrier finds."""
        if not _PROVINCE.fullmatch(self.province) or not self.text.strip():
            raise ValueError("place: cần province (2 chữ số) và text (địa chỉ đầy đủ bằng chữ)")
        if understand(self.province, list_version=GsoList(self.list_version)).standing is not Standing.VALID:
            raise ValueError("place: mã province không có trong danh mục list_version")


class AgencySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The agency's side of every parcel: it sends results and receives dossiers (postal facts 7)."""

    name: str
    phone: str
    place: AgencyPlace
    email: str = ""

    def __post_init__(self) -> None:
        """Refuses an agency that nobody can call."""
        if not self.name.strip() or not self.phone.strip():
            raise ValueError("name và phone không được để trống")

    @property
    def contact(self) -> Contact:
        """The agency in the words of the post."""
        found = self.place
        return Contact(
            name=self.name,
            phone=self.phone,
            email=self.email,
            place=Place(
                list_version=found.list_version,
                province=found.province,
                text=found.text,
                commune=found.commune,
                district=found.district,
                old_text=found.old_text,
                carrier=found.carrier,
            ),
        )


class OrderNumberSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a carrier takes as our order number (postal facts 11 [assumed])."""

    max_len: int = 50
    pattern: str = "[A-Za-z0-9._-]+"

    def __post_init__(self) -> None:
        """Refuses a pattern that is none."""
        if not 8 <= self.max_len <= 100:
            raise ValueError("order_number.max_len: từ 8 đến 100")
        try:
            re.compile(self.pattern)
        except re.error:
            raise ValueError("order_number.pattern: không phải biểu thức chính quy") from None

    def fits(self, order_number: str) -> bool:
        """Whether the carrier takes that number."""
        return len(order_number) <= self.max_len and re.fullmatch(self.pattern, order_number) is not None


class CancelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """In which states a carrier still takes an order back (postal facts 11)."""

    allowed_states: tuple[ShipmentState, ...] = (
        ShipmentState.CREATED,
        ShipmentState.ACCEPTED,
        ShipmentState.COLLECTING,
    )


class CarrierSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One carrier. `name` stays for ever: the ids of shipments follow from it. `profile` is its dialect, a folder of `profiles/`.

    `customer` is the code that the carrier gave us; `secrets` are references by the dialect's own roles. `statuses` stand above
    the shipped table (raw code -> `ShipmentState` or `Meaning`), `causes` says the carrier's causes in Vietnamese. `sources`
    are the networks that its notices may come from (left empty: any, and `notices_from_anywhere` has to say so).
    `order_number_unique`: whether it is known to refuse a second order with the same number (facts 11: not known, false);
    unset, the dialect says. `places_file`: the carrier's own table of places (CSV, `mappings.carrier_places.CODE_COLUMNS`).
    """

    name: str
    profile: str
    base_url: str
    customer: str
    token_url: str = ""
    secrets: dict[str, SecretRef] = {}
    options: dict[str, Any] = {}
    statuses: dict[str, str] = {}
    causes: dict[str, str] = {}
    public_keys: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    notices_from_anywhere: bool = False
    order_number_unique: bool | None = None
    order_number: OrderNumberSettings = OrderNumberSettings()
    cancel: CancelSettings = CancelSettings()
    service: str = ""
    weight_g: int = 100
    enabled: bool = True
    title_vi: str = ""
    connect_timeout_s: float = 5.0
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""
    proxy: str = ""
    places_file: str = ""

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault and repeats no value."""
        faults = [*self._names(), *self._addresses(), *self._bounds()]
        if faults:
            raise ValueError("; ".join(faults))

    def _names(self) -> Iterable[str]:
        if not _NAME.fullmatch(self.name):
            yield "name: chữ thường không dấu, số, - và _, nhiều nhất 30 ký tự"
        if not _PROFILE.fullmatch(self.profile):
            yield "profile: tên một thư mục của profiles/"
        if not self.customer.strip():
            yield "customer: không được để trống"
        for code, means in self.statuses.items():
            if means not in MEANINGS:
                yield f"statuses.{code}: phải là một trong {', '.join(sorted(MEANINGS))}"

    def _addresses(self) -> Iterable[str]:
        for name, address in (("base_url", self.base_url), ("token_url", self.token_url)):
            if (address or name == "base_url") and not address_is_fit(address, self.allow_plain):
                yield f"{name}: phải là địa chỉ https://, không kèm tài khoản, tham số hay mảnh"
        for source in self.sources:
            try:
                ipaddress.ip_network(source)
            except ValueError:
                yield "sources: mỗi mục là một địa chỉ hoặc dải mạng (CIDR)"
        if self.client_key_file and not self.client_cert_file:
            yield "client_key_file: chỉ dùng cùng client_cert_file"

    def _bounds(self) -> Iterable[str]:
        if self.connect_timeout_s <= 0:
            yield "connect_timeout_s phải lớn hơn 0"
        if not 1 <= self.weight_g <= 30_000:
            yield "weight_g: từ 1 đến 30000 gam"


class TrackingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How parcels are followed (postal facts 2.4, 11). `quiet_after_s`: nobody has seen a parcel for so long."""

    interval_s: float = 300.0
    page_size: int = 500
    quiet_after_s: int = 432_000

    def __post_init__(self) -> None:
        """Refuses pages that the feed does not give, and times that cannot be."""
        if not 0 < self.interval_s <= 86_400:
            raise ValueError("tracking.interval_s: lớn hơn 0, nhiều nhất 86400 giây")
        if not 1 <= self.page_size <= 1_000:
            raise ValueError("tracking.page_size: từ 1 đến 1000")
        if not 3_600 <= self.quiet_after_s <= 2_592_000:
            raise ValueError("tracking.quiet_after_s: từ 3600 đến 2592000 giây")


class NoticeLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many notices about parcels that we do not know one source may send, and how large any notice may be."""

    unknown_per_minute: float = 60.0
    unknown_burst: int = 120
    max_bytes: int = 65_536

    def __post_init__(self) -> None:
        """Refuses limits that let nothing through."""
        if self.unknown_per_minute <= 0 or self.unknown_burst < 1 or not 1_024 <= self.max_bytes <= 1_048_576:
            raise ValueError("notices: unknown_per_minute > 0, unknown_burst >= 1, max_bytes từ 1024 đến 1048576")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of the post. The first carrier that is enabled is the default one.

    `agencies` by the code of the unit, and `default`: who sends results and receives dossiers. `cancel_wait_s`: how long a
    caller waits for the carrier's word on a cancellation. `cod`: see `connectors.postal.cod_settings`, `papers`:
    `connectors.postal.paper_settings`.
    """

    carriers: tuple[CarrierSettings, ...]
    agencies: dict[str, AgencySettings]
    tracking: TrackingSettings = TrackingSettings()
    notices: NoticeLimits = NoticeLimits()
    cod: CodSettings = CodSettings()
    papers: PaperSettings = PaperSettings()
    cancel_wait_s: float = 5.0

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault and repeats no value."""
        faults = [*self._carriers(), *self._rest()]
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def enabled(self) -> tuple[CarrierSettings, ...]:
        """The carriers that are switched on, the default one first."""
        return tuple(one for one in self.carriers if one.enabled)

    def agency(self, unit_code: str) -> Contact:
        """The agency's side of a parcel of that unit."""
        return (self.agencies.get(unit_code) or self.agencies[DEFAULT]).contact

    def _carriers(self) -> Iterable[str]:
        names = [one.name for one in self.carriers]
        yield from (f"carriers: tên «{name}» bị trùng" for name in sorted({n for n in names if names.count(n) > 1}))
        spoken = [one.profile for one in self.enabled]
        # Callbacks and feeds have one address and one cursor for each dialect.
        yield from (
            f"carriers: chỉ một đơn vị đang bật được dùng profile «{name}»"
            for name in sorted({n for n in spoken if spoken.count(n) > 1})
        )
        if not self.enabled:
            yield "carriers: cần ít nhất một đơn vị vận chuyển đang bật (enabled)"

    def _rest(self) -> Iterable[str]:
        if self.cod.statements_dir and not all(_IN_A_NAME.fullmatch(one.customer) for one in self.carriers):
            yield "carriers: khi có cod.statements_dir, customer chỉ gồm chữ, số và . _ : - (đứng trong tên tệp bảng kê)"
        strange = sorted(set(self.cod.carriers) - {one.name for one in self.carriers})
        yield from (f"cod.carriers: không có đơn vị «{name}» trong carriers" for name in strange)
        if DEFAULT not in self.agencies:
            yield f"agencies: phải có mục {DEFAULT}"
        if not 0 <= self.cancel_wait_s <= _LONGEST_WAIT_S:
            yield "cancel_wait_s: từ 0 đến 20 giây"
