"""What somebody declared against what a register says: place by place, each finding in the words of officers.

A declaration is never overruled here: differences are named and proposed, the handling agency decides (QĐ 5144/2022/QĐ-UBND
Gò Dầu, Điều 10.1a). What a register does not say is no difference, and a partial date is compared as far as both are known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mappings.canonical import Party
from mappings.codes import IdentityType, PartyKind
from mappings.identity import PERSON_FIELDS, PersonFields
from mappings.names import NameMatch, clean_name, compare_names
from mappings.partial_date import PartialDate
from mappings.person_fields import place_titles
from mappings.personal_numbers import bare

_POINTERS = {"full_name": "/name", "personal_id": "/id/number", "cmnd": "/id/number", "birth": "/date_of_birth"}
_NAMES = frozenset({"full_name", "detail"})
_NUMBERS = frozenset({"personal_id", "cmnd"})


class Agreement(StrEnum):
    """How a declared value stands to the register's.

    `same`; `coarse`: they agree as far as the register goes (a year only, a name without marks); `spelling`: a name with
    other marks; `different`; `unconfirmed`: the register says nothing there.
    """

    SAME = "same"
    COARSE = "coarse"
    SPELLING = "spelling"
    DIFFERENT = "different"
    UNCONFIRMED = "unconfirmed"


_MESSAGES = {
    Agreement.SAME: "{title}: khớp.",
    Agreement.COARSE: "{title}: khớp ở phần mà cả hai bên đều ghi.",
    Agreement.SPELLING: "{title}: khác dấu hoặc chính tả so với cơ sở dữ liệu.",
    Agreement.DIFFERENT: "{title}: khác với cơ sở dữ liệu.",
    Agreement.UNCONFIRMED: "{title}: cơ sở dữ liệu không ghi, chưa đối chiếu được.",
}
_BY_NAME = {
    NameMatch.SAME: Agreement.SAME,
    NameMatch.UNMARKED: Agreement.COARSE,
    NameMatch.SPELLING: Agreement.SPELLING,
    NameMatch.DIFFERENT: Agreement.DIFFERENT,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One place, compared. `place`, `agreement` and `message_vi` carry no personal data and may stand in the audit trail.

    `pointer` is the place within a party of the dossier (empty: the dossier has none); the caller puts the party before it.
    """

    place: str
    agreement: Agreement
    declared: str = field(repr=False)
    registered: str = field(repr=False)

    @property
    def differs(self) -> bool:
        """Whether somebody should look at it."""
        return self.agreement in {Agreement.SPELLING, Agreement.DIFFERENT}

    @property
    def pointer(self) -> str:
        """The JSON pointer within a party."""
        return _POINTERS.get(self.place, "")

    @property
    def title_vi(self) -> str:
        """The place in the words of officers."""
        return place_titles()[self.place]

    @property
    def message_vi(self) -> str:
        """The finding without either value."""
        return _MESSAGES[self.agreement].format(title=self.title_vi)

    @property
    def shown_vi(self) -> str:
        """The finding with both values: for the officer who handles the dossier, never for a log or the audit trail."""
        if not self.differs:
            return self.message_vi
        declared, registered = _for_people(self.place, self.declared), _for_people(self.place, self.registered)
        return f"{self.title_vi}: người nộp khai “{declared}”, cơ sở dữ liệu ghi “{registered}”."


def compare(declared: PersonFields, registered: PersonFields) -> tuple[Compared, ...]:
    """Each declared place (with a value) against the register, in the order of `PERSON_FIELDS`."""
    return tuple(
        Compared(place, _agreement(place, declared[place], registered.get(place, "")), declared[place], registered.get(place, ""))
        for place in PERSON_FIELDS
        if declared.get(place)
    )  # fmt: skip


def differences(declared: PersonFields, registered: PersonFields) -> tuple[Compared, ...]:
    """Only what somebody should look at."""
    return tuple(found for found in compare(declared, registered) if found.differs)


def declared_by(party: Party) -> dict[str, str]:
    """What a party of a dossier declares of itself in the places of a register; an organisation declares nothing there.

    Its address is where letters go, not where it is registered, so it is not compared.
    """
    if party.kind is not PartyKind.CITIZEN:
        return {}
    number = bare(party.id.number)
    told = {
        "personal_id": number if party.id.type is IdentityType.CCCD or _is_long_cmnd(party, number) else "",
        "cmnd": number if party.id.type is IdentityType.CMND and not _is_long_cmnd(party, number) else "",
        "full_name": clean_name(party.name),
        "birth": "" if party.date_of_birth is None else str(party.date_of_birth),
    }
    return {place: value for place, value in told.items() if value}


def _is_long_cmnd(party: Party, number: str) -> bool:
    """A CMND of 12 digits carries the later personal number (identity facts 3.2)."""
    return party.id.type is IdentityType.CMND and len(number) == 12


def _agreement(place: str, declared: str, registered: str) -> Agreement:
    if not registered:
        return Agreement.UNCONFIRMED
    last = place.rpartition(".")[2]
    if last in _NAMES:
        return _BY_NAME[compare_names(declared, registered)]
    if place == "birth":
        return _births(declared, registered)
    if last in _NUMBERS:
        declared, registered = bare(declared), bare(registered)
    return Agreement.SAME if declared == registered else Agreement.DIFFERENT


def _births(declared: str, registered: str) -> Agreement:
    try:
        mine, theirs = PartialDate.parse(declared), PartialDate.parse(registered)
    except ValueError:
        return Agreement.SAME if declared == registered else Agreement.DIFFERENT
    if not mine.agrees(theirs):
        return Agreement.DIFFERENT
    return Agreement.SAME if mine == theirs else Agreement.COARSE


def _for_people(place: str, value: str) -> str:
    """A date in the order that people read it (31/01/1990, 01/1990, 1990); everything else as it is."""
    if place != "birth":
        return value
    try:
        return "/".join(reversed(str(PartialDate.parse(value)).split("-")))
    except ValueError:
        return value
