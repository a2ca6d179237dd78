"""Who somebody is, in our own words: the account behind a sign-on, and a person as a register knows them.

Text is NFC, numbers are text (leading zeros mean something), births are partial dates. Nothing here is shown to the public,
and `repr` of these types says no name, number or address (Luật 91/2025/QH15; identity facts 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.codes import IdentityType
from mappings.partial_date import PartialDate


class AccountKind(StrEnum):
    """Loại tài khoản định danh điện tử (`LoaiTaiKhoan` 1 and 2)."""

    PERSON = "person"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class Assurance:
    """Mức độ của tài khoản và của lần xác thực. A level that was not said is the lowest: 0, or an empty `acr`.

    `ial` is the account level of NĐ 69/2024/NĐ-CP (1 or 2); `acr` what the id_token says; `methods` its `amr`.
    """

    ial: int = 0
    acr: str = ""
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Organisation:
    """Tổ chức đứng tên tài khoản: tax code first, else enterprise code (identity facts 4)."""

    name: str = field(default="", repr=False)
    tax_code: str = field(default="", repr=False)
    enterprise_code: str = field(default="", repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """One clean account, whatever the provider's dialect (identity facts 1.4, 1.7).

    `subject_key` is the TechID: the only key to map accounts by. `id_type` none with an empty number: none was given.
    `missing` names the claims (as the provider spells them) that were expected and not given; `claim_names` all that came.
    `logout_uri` is kept only when its host is allowed.
    """

    provider: str
    subject_key: str = field(repr=False)
    kind: AccountKind
    id_type: IdentityType = IdentityType.NONE
    id_number: str = field(default="", repr=False)
    full_name: str = field(default="", repr=False)
    birth: PartialDate | None = field(default=None, repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    organisation: Organisation | None = None
    assurance: Assurance = Assurance()
    missing: tuple[str, ...] = ()
    claim_names: tuple[str, ...] = ()
    logout_uri: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Declared:
    """What somebody says of a person: the subject of a question. One of the two numbers, by its length (facts 2.4)."""

    full_name: str = field(repr=False)
    personal_id: str = field(default="", repr=False)
    cmnd: str = field(default="", repr=False)
    birth: PartialDate | None = field(default=None, repr=False)


# What a register says of a person, flat: a field's place in dots, to its value, both text. The places are a closed list,
# the rows of `tables/person_fields.csv`; `minimised` (gateway) and the connectors' mappings speak in no other words.
PersonFields = Mapping[str, str]

PERSON_FIELDS: tuple[str, ...] = (
    "personal_id",
    "cmnd",
    "full_name",
    "sex",
    "birth",
    "nationality",
    "ethnic_group",
    "religion",
    "blood_group",
    "marital_status",
    *(
        f"{address}.{part}"
        for address in ("birth_registration", "home_town", "permanent_address", "current_address")
        for part in ("province_code", "district_code", "commune_code", "unit_code", "detail", "country")
    ),
    *(
        f"{relative}.{part}"
        for relative in ("father", "mother", "spouse", "representative", "head_of_household")
        for part in ("full_name", "personal_id", "cmnd", "nationality")
    ),
    "head_of_household.relation",
    "household_book",
)
"""Every place that a person's record may have, in order."""
