"""Under which names a provider gives what an account is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Place of an account to claim of a provider (identity facts 1.4); an empty name: the provider has no such claim.

    The places are those of the setting `claim_map`; `level` is the level-of-assurance record `loAs`.
    """

    subject_key: str = "TechID"
    kind: str = "LoaiTaiKhoan"
    personal_id: str = "SoDinhDanh"
    cmnd: str = ""
    passport: str = ""
    full_name: str = "HoVaTen"
    birth: str = "NgayThangNamSinh"
    email: str = ""
    phone: str = ""
    tax_code: str = ""
    enterprise_code: str = ""
    organisation_name: str = ""
    address: str = ""
    ial: str = ""
    level: str = "loAs"
    logout_uri: str = ""

    def changed(self, names: Mapping[str, str]) -> ClaimNames:
        """These names with those of the configuration in their places."""
        known = {place.name for place in fields(self)}
        return replace(self, **{place: name for place, name in names.items() if place in known})


@dataclass(frozen=True, slots=True)
class ClaimSet:
    """What a profile gives: the names for a person and for an organisation, and what an account of each should have."""

    person: ClaimNames
    organisation: ClaimNames
    expected_of_person: tuple[str, ...] = field(default=())
    expected_of_organisation: tuple[str, ...] = field(default=())
