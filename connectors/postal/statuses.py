"""Reads the statuses.csv of a dialect: what a carrier's status code says of a parcel; unknown codes are kept, never guessed.

Postal facts 6.2: most codes stand in no document, so a table of the configuration stands above the shipped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files

from connectors.postal.model import Meaning
from mappings.dates import local_date
from mappings.tables import CodeTable, UnknownCode, load_table


@dataclass(frozen=True, slots=True)
class Statuses:
    """The table of one dialect, ready to be asked."""

    table: CodeTable = field(repr=False)

    def meaning(self, code: str, at: datetime, above: Mapping[str, str]) -> str:
        """A value of `ShipmentState` or of `Meaning` for a code as it stood on that day in Viet Nam.

        `above` is the configuration's own table (`statuses` of a carrier); a code that neither knows is `unmapped`.
        """
        said = above.get(code)
        if said is not None:
            return said
        try:
            return self.table.value("means", code, at=local_date(at))
        except UnknownCode:
            return Meaning.UNMAPPED.value

    def name_vi(self, code: str, at: datetime) -> str:
        """What the code is called in Vietnamese, "" for one that the table does not know."""
        try:
            return self.table.value("name_vi", code, at=local_date(at))
        except UnknownCode:
            return ""


@cache
def load_statuses(dialect: str) -> Statuses:
    """The table that ships with a dialect's folder."""
    return Statuses(load_table("statuses", files("connectors.postal.profiles") / dialect, ("code",)))
