"""A toy register of persons in memory, with the capability Lookup: it knows an invented few, and counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.kit.contract import Answer, Question
from mappings.names import wire_name
from mappings.partial_date import PartialDate

NUMBER = "001090000000"
NAME = "Nguyễn Văn Thử"
BIRTH = "1990-02-28"

PERSON: Mapping[str, str] = {
    "personal_id": NUMBER,
    "cmnd": "",
    "full_name": "NGUYỄN VĂN THỬ",
    "sex": "1",
    "birth": BIRTH,
    "ethnic_group": "01",
    "religion": "00",
    "permanent_address.province_code": "01",
    "father.full_name": "NGUYỄN VĂN CHA",
    "father.personal_id": "001060000000",
}


@dataclass
class People:
    """Finds a person whose number, name and birth fit together, as far as the birth is said (identity facts 2.6)."""

    persons: list[Mapping[str, str]] = field(default_factory=lambda: [PERSON])
    asked: list[Question] = field(default_factory=list)
    error: Exception | None = None
    silent: asyncio.Event | None = None

    async def ask(self, question: Question) -> Answer:
        """Everything that is known of whoever fits, also what nobody asked for."""
        self.asked.append(question)
        if self.silent is not None:
            await self.silent.wait()
        if self.error is not None:
            raise self.error
        found = [person for person in self.persons if _fits(person, question.fields)]
        return Answer(bool(found), found[0] if found else {}, rows=tuple(found), as_of="2026-11-20T08:00:00+07:00")

    async def close(self) -> None:
        """Nothing is held."""


def _fits(person: Mapping[str, str], told: Mapping[str, str]) -> bool:
    numbers = [(told.get(name), person[name]) for name in ("personal_id", "cmnd") if told.get(name)]
    return (
        all(said == known for said, known in numbers)
        and wire_name(told["full_name"]) == wire_name(person["full_name"])
        and PartialDate.parse(told["birth"]).agrees(PartialDate.parse(person["birth"]))
    )
