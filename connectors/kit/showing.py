"""Views: tables that a connector shows to operators, of what its ledgers hold.

A connector declares them in its manifest ([views.NAME]); operators read them over the admin socket. What is shown stands on
screens and in terminals' logs, so there is never a word of anybody's name, address, account or telephone in it: codes, states,
sums and times only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Look:
    """What an operator wants to see: filters by the names of the manifest, and at most how many rows."""

    filters: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people: title and columns in Vietnamese; `keys` name the columns for programs. Moments are ISO 8601 in UTC.

    `wrong` counts the rows that a person should see to; `more`: there are rows behind the last.
    """

    title_vi: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note_vi: str = ""
    wrong: int = 0
    more: bool = False

    def __post_init__(self) -> None:
        """Raises `ValueError` for a table whose rows do not fit its columns."""
        if len(self.columns) != len(self.keys) or any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.title_vi}: rows, columns and keys differ in length")


View = Callable[[Look], Awaitable[Table]]
"""Makes a table. Raises `CannotMap` with the reason in Vietnamese for filters that mean nothing."""


@runtime_checkable
class Shows(Protocol):
    """A connector with views (capability `Shows`)."""

    def views(self) -> Mapping[str, View]:
        """The views by name; the same each time."""
        ...
