"""The settings of one connection to the portal: typed, checked when they are read, explained in README.md."""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.kit.carriers import Carrier, Direct, Lgsp
from connectors.kit.secrets import SecretRef
from connectors.national_dvc.client import Endpoints, SessionRules
from connectors.national_dvc.profiles._mapi.catalogues import AGENCIES, DECISION, FIELDS, LISTINGS, PROCEDURES
from connectors.national_dvc.profiles._mapi.doubts import STATUSES, Policy
from connectors.national_dvc.profiles._mapi.messages import MAX_ROWS
from connectors.national_dvc.profiles._mapi.outcomes import ExtraOutcome
from connectors.national_dvc.profiles._mapi.rules import Rules


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows in one progress call (facts U7: 10). Dossiers go one by one: no item of a batch is answered for (1.6)."""

    progress: int = MAX_ROWS


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one connection to the portal; README.md explains each. Secrets are references, never values.

    `progress_after_unknown`: per status "1" to "10", `resend` or `hold`; what is not named keeps its default.
    `sole_writer`: this gateway is the only one that ever creates dossiers of `madonvi` at the portal.
    """

    base_url: str
    madonvi: str
    username: SecretRef
    password: SecretRef
    profile: Literal["mapi-2019", "mapi-2023"] = "mapi-2019"
    carrier: Carrier = Direct()
    endpoints: Endpoints = Endpoints()
    session: SessionRules = SessionRules()
    portal: Rules = Rules()
    batch: Batch = Batch()
    outcomes: tuple[ExtraOutcome, ...] = ()
    progress_after_unknown: dict[str, Policy] = {}
    sole_writer: bool = False
    catalogue_ttl_s: int = 21_600
    follow: tuple[str, ...] = (PROCEDURES, AGENCIES, FIELDS)
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    result_url_base: str = ""

    def __post_init__(self) -> None:
        """Refuses what types cannot: unknown statuses, a batch that the portal would not take."""
        unknown = sorted(set(self.progress_after_unknown) - set(STATUSES))
        if unknown:
            raise ValueError(f"progress_after_unknown: trạng thái không tồn tại ({', '.join(unknown)})")
        if not 3 <= self.batch.progress <= MAX_ROWS:
            raise ValueError(f"batch.progress: phải từ 3 đến {MAX_ROWS}")
        if self.profile == "mapi-2023" and self.portal.mandatory_2023 is False:
            raise ValueError("portal.mandatory_2023: không tắt được khi profile = mapi-2023")
        strange = sorted(set(self.follow) - (set(LISTINGS) - {DECISION}))
        if strange:
            raise ValueError(f"follow: danh mục không tồn tại hoặc không theo dõi được ({', '.join(strange)})")
        if self.session.ttl_seconds < 1 or self.catalogue_ttl_s < 1:
            raise ValueError("session.ttl_seconds và catalogue_ttl_s phải lớn hơn 0")

    @property
    def shares(self) -> bool:
        """Whether catalogues can be asked for: their path is known, or the route has one for each service."""
        return bool(self.endpoints.share) or isinstance(self.carrier, Lgsp)

    @property
    def followed(self) -> tuple[str, ...]:
        """The catalogues to follow."""
        return tuple(dict.fromkeys(self.follow)) if self.shares else ()
