"""Where public test material lies on this machine: named in corpora.toml, found through TTHC_CORPORA, never committed.

`corpus("esig__dss", "dss-xades/...")` gives a folder or skips the test; the last lines of a run then say `N corpora not run`
and name them. `present` asks without skipping, for parameters that are made while tests are collected.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

NOT_RUN = "corpus not present: "
"""How the reason of such a skip begins; `tests/conftest.py` counts by it."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One repository at one commit: the folders that are read, and how many files a complete copy holds."""

    name: str
    repository: str
    commit: str
    paths: tuple[str, ...]
    files: int
    licence: str
    what: str


@cache
def declared() -> dict[str, Corpus]:
    """Every corpus of corpora.toml by its name, `<owner>__<repository>`."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {
        name: Corpus(
            name,
            row["repository"],
            row["commit"],
            tuple(row["paths"]),
            row["files"],
            row["licence"],
            row["what"],
        )
        for name, row in tables.items()
    }


def present(name: str, under: str = "") -> Path | None:
    """The folder (or file) `under` of this corpus, or None where it was not fetched; an undeclared name is our mistake."""
    declared()[name]
    root = os.environ.get("TTHC_CORPORA", "")
    place = Path(root, name, under)
    return place if root and place.exists() else None


def corpus(name: str, under: str = "") -> Path:
    """The same, but the test is skipped where it is absent; the end of the run counts and names what was not run."""
    place = present(name, under)
    if place is None:
        pytest.skip(f"{NOT_RUN}{name}")
    return place


def not_run(reasons: Iterable[str]) -> str:
    """The last line of a run: how many corpora were not there, by the reasons of the skipped tests; empty when all were."""
    absent = sorted({reason.partition(NOT_RUN)[2].strip() for reason in reasons if NOT_RUN in reason})
    return f"{len(absent)} corpora not run (scripts/corpora fetches them): {', '.join(absent)}" if absent else ""
