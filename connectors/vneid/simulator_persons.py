"""The invented people behind the simulated identity provider and population database: who they are, and their accounts.

Every number is invented, with the serial 000000 (identity facts, head). The provider and the register read the same person,
each in its own words; `repr` says nothing of one. What the register answers per operation and what an account claims stand in
`simulator_register.py` and `simulator_claims.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import msgspec


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An address as the register holds it: 2, 3 and 5 digits; no district since 07/2025 (identity facts 2.6)."""

    province: str = ""
    district: str = ""
    commune: str = ""
    detail: str = ""
    country: str = "VN"

    def __repr__(self) -> str:
        return "Address()"


class Relative(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody's father, mother, spouse, representative or head of household; `relation` is for the last alone."""

    full_name: str = ""
    personal_id: str = ""
    cmnd: str = ""
    nationality: str = "VN"
    relation: str = ""

    def __repr__(self) -> str:
        return "Relative()"


class SignOnAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An electronic identification account. `kind` "1" person, "2" organisation; `level` 1 or 2 (NĐ 69/2024/NĐ-CP).

    `username` is what is typed at the login page; empty: the person's number. `locked`: the provider refuses it.
    """

    username: str = ""
    tech_id: str = ""
    kind: Literal["1", "2"] = "1"
    level: int = 2
    email: str = ""
    phone: str = ""
    organisation: str = ""
    tax_code: str = ""
    enterprise_code: str = ""
    address: str = ""
    locked: bool = False

    def __repr__(self) -> str:
        return f"SignOnAccount(kind={self.kind!r})"


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One invented person. `birth` is yyyy, yyyy-MM or yyyy-MM-dd as far as it is known.

    `account` none: nobody who can sign on. `registered` False: an account whose holder the register does not know.
    `household` is the key that the members of one household share.
    """

    personal_id: str = ""
    cmnd: str = ""
    full_name: str
    birth: str
    sex: str = "1"
    nationality: str = "VN"
    ethnic_group: str = "01"
    religion: str = "00"
    blood_group: str = "00"
    marital_status: str = "1"
    birth_registration: Address | None = None
    home_town: Address | None = None
    permanent_address: Address | None = None
    current_address: Address | None = None
    father: Relative | None = None
    mother: Relative | None = None
    spouse: Relative | None = None
    representative: Relative | None = None
    head_of_household: Relative | None = None
    household: str = ""
    household_book: str = ""
    account: SignOnAccount | None = None
    registered: bool = True

    def __repr__(self) -> str:
        return "Person()"

    @property
    def key(self) -> str:
        """By which the control plane names the person: the personal number, else the CMND."""
        return self.personal_id or self.cmnd

    @property
    def username(self) -> str:
        """What the person types at the login page."""
        return (self.account.username if self.account is not None else "") or self.key

    @property
    def tech_id(self) -> str:
        """The stable technical id of the account; made of the username where none was given, without any number in it."""
        given = self.account.tech_id if self.account is not None else ""
        return given or "tech-" + "".join(_LETTERS[int(digit)] for digit in self.username if digit.isdigit())


_LETTERS = "ghijklmnop"


def compact(name: str) -> str:
    """A name as two clients send it: upper case, no diacritics, Đ to D, nothing but A-Z and 0-9 (identity facts 2.4)."""
    plain = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("đ", "d"))
    return "".join(letter for letter in plain.upper() if letter.isascii() and letter.isalnum())


@dataclass(slots=True, repr=False)
class People:
    """Everybody who exists here, by key, in the order in which they came."""

    persons: dict[str, Person] = field(default_factory=dict)

    def add(self, persons: Iterable[Person]) -> None:
        """Put people in; one with a known key takes the other's place."""
        self.persons.update({person.key: person for person in persons})

    def remove(self, keys: Iterable[str]) -> None:
        """Take people out; unknown keys are none."""
        for key in keys:
            self.persons.pop(key, None)

    def signs_in_as(self, name: str) -> Person | None:
        """Whose account answers to `name`: a username, a key or a TechID."""
        for person in self.persons.values():
            if person.account is not None and name and name in (person.username, person.key, person.tech_id):
                return person
        return None

    def numbered(self, personal_id: str, cmnd: str) -> Person | None:
        """Whom the register holds under a number: the personal one counts where both are given."""
        for person in self.persons.values():
            fits = person.personal_id == personal_id if personal_id else bool(cmnd) and person.cmnd == cmnd
            if person.registered and fits:
                return person
        return None

    def household_of(self, person: Person) -> list[Person]:
        """Everybody of the person's household, the person among them."""
        members = [one for one in self.persons.values() if one.household == person.household and one.registered]
        return members if person.household else [person]


_FATHER = Relative(full_name="Nguyễn Văn Mẫu", personal_id="001060000000")
_HEAD = Relative(full_name="Nguyễn Văn Thử", personal_id="001090000000", relation="01")

EVERYBODY: tuple[Person, ...] = (
    Person(
        personal_id="001090000000",
        full_name="Nguyễn Văn Thử",
        birth="1990-02-28",
        marital_status="2",
        birth_registration=Address(province="01", commune="00001"),
        home_town=Address(province="01", commune="00001"),
        permanent_address=Address(province="01", commune="00001", detail="SỐ 1 ĐƯỜNG MẪU"),
        current_address=Address(province="01", commune="00004", detail="SỐ 2 ĐƯỜNG MẪU"),
        father=_FATHER,
        mother=Relative(full_name="Trần Thị Mẫu", personal_id="001162000000"),
        spouse=Relative(full_name="Trần Thị Thử", personal_id="001192000000"),
        head_of_household=_HEAD,
        household="HO-01",
        account=SignOnAccount(tech_id="tech-thu", email="thu@example.invalid", phone="0900000000"),
    ),
    Person(
        personal_id="001192000000",
        full_name="Trần Thị Thử",
        birth="1992-11-30",
        sex="2",
        marital_status="2",
        permanent_address=Address(province="01", commune="00001", detail="SỐ 1 ĐƯỜNG MẪU"),
        spouse=Relative(full_name="Nguyễn Văn Thử", personal_id="001090000000"),
        head_of_household=_HEAD,
        household="HO-01",
        account=SignOnAccount(tech_id="tech-thi-thu", level=1),
    ),
    Person(
        personal_id="001215000000",
        full_name="Nguyễn Văn Bé",
        birth="2015-06-01",
        permanent_address=Address(province="01", commune="00001", detail="SỐ 1 ĐƯỜNG MẪU"),
        father=Relative(full_name="Nguyễn Văn Thử", personal_id="001090000000"),
        mother=Relative(full_name="Trần Thị Thử", personal_id="001192000000"),
        representative=Relative(full_name="Nguyễn Văn Thử", personal_id="001090000000"),
        head_of_household=_HEAD,
        household="HO-01",
    ),
    Person(
        personal_id="038140000000",
        cmnd="001000000",
        full_name="Đỗ Thị Đượm",
        birth="1940",
        sex="2",
        marital_status="3",
        permanent_address=Address(province="38", district="380", commune="14000", detail="THÔN MẪU"),
        household_book="000000",
        account=SignOnAccount(tech_id="tech-duom"),
    ),
    Person(
        personal_id="075051000000",
        full_name="Phạm Hữu Ẩn",
        birth="1951-07",
        permanent_address=Address(province="75", commune="26000", detail="ẤP MẪU"),
    ),
    Person(
        personal_id="079185000000",
        full_name="Lê Thị Đại Diện",
        birth="1985-05-19",
        sex="2",
        permanent_address=Address(province="79", commune="26500", detail="SỐ 3 ĐƯỜNG MẪU"),
        account=SignOnAccount(
            username="congty-mau",
            tech_id="tech-cong-ty-mau",
            kind="2",
            organisation="Công ty TNHH Biểu diễn Mẫu",
            tax_code="0100000028",
            address="Số 3 đường Mẫu",
            email="lienhe@example.invalid",
        ),
    ),
    Person(
        personal_id="048095000000",
        full_name="Võ Văn Khóa",
        birth="1995-09-09",
        account=SignOnAccount(tech_id="tech-khoa", locked=True),
    ),
)
"""Who exists when nothing else is said: a family, a birth year alone, a month alone, an organisation, a locked account."""
