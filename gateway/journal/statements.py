"""Named SQL: each driver's statements stand in one file, `-- name: operation.step`, and are loaded by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from gateway.journal.bound import returning

FIRST_STEP = 1_000
"""The first step of the shared store; below are those of the embedded one, whose rows come along when a store moves house."""

_NAME = re.compile(r"^-- name: (\S+)\n", re.MULTILINE)
_MIGRATION = re.compile(r"^(\d{4})_(?:pre|post)_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; `number` orders it, 0 is the first form of the tables."""

    number: int
    name: str
    sql: str

    @property
    def post(self) -> bool:
        """Whether it waits until no program runs that does not know it."""
        return "_post_" in self.name

    @property
    def sha256(self) -> str:
        """The digest of its text: a shared store keeps that of the text that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def named(text: str) -> Mapping[str, str]:
    """The statements of a file by their name."""
    parts = _NAME.split(text)[1:]
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def load(file: str) -> Mapping[str, str]:
    """The statements of a file beside this module; those that write what the evidence binds hand back what they wrote."""
    return returning(raw(file))


def raw(file: str) -> Mapping[str, str]:
    """The statements of a file beside this module, as they stand there."""
    return named(files(__package__).joinpath(file).read_text(encoding="utf-8"))


def migrations() -> tuple[Migration, ...]:
    """The first form of the tables and every later step, in order.

    `pre` steps fit the code before and after them; `post` steps wait until no older node runs. One process owns an
    embedded store, so it applies both at start.
    """
    folder = files(__package__)
    first = Migration(0, "schema.sql", folder.joinpath("schema.sql").read_text(encoding="utf-8"))
    return (first, *numbered(folder.joinpath("migrations")))


def shared_migrations() -> tuple[Migration, ...]:
    """The same of the shared store; when each step may be applied is in `gateway.journal.upgrading`."""
    return numbered(files(__package__).joinpath("migrations", "postgres"), FIRST_STEP)


def numbered(folder: Traversable, first: int = 0) -> tuple[Migration, ...]:
    """The steps of a folder, in the order of their numbers, which are counted from `first` on."""
    steps = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        match = _MIGRATION.match(entry.name)
        if match:
            steps.append(Migration(first + int(match[1]), entry.name, entry.read_text(encoding="utf-8")))
    return tuple(steps)
