"""docs/failure-catalogue.md names for every row the files whose tests carry its number, and no test carries another."""

from __future__ import annotations

import re
from pathlib import Path

WANTED = [
    "F1",
    "F2",
    "F2b",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "F9",
    "F10",
    "F10b",
    "F11",
    "F12",
    "F13",
    "F14",
    "F15",
    "F16",
    "F17",
    "F18",
    "F19",
    "F20",
    "F21",
    "F22",
]


def _row(number: str, letter: str) -> str:
    return f"F{int(number)}{letter}"


def test_the_table_and_the_tests_agree(project: Path) -> None:
    """Each row has tests where the table says, each numbered test has its row, and every row that is wanted stands there."""
    text = (project / "docs/failure-catalogue.md").read_text(encoding="utf-8")
    block = text.split("<!-- rows -->")[1].split("<!-- /rows -->")[0]
    told = {
        cells[1].strip(): set(re.findall(r"`(tests/[^`]+)`", cells[3]))
        for line in block.splitlines()
        if re.match(r"^\| F\d", line) and (cells := line.split("|"))
    }
    found: dict[str, set[str]] = {}
    for path in sorted((project / "tests").rglob("test_*.py")):
        for number, letter in re.findall(
            r"^(?:async )?def test_f(\d\d)([a-z]?)_", path.read_text(encoding="utf-8"), re.M
        ):
            found.setdefault(_row(number, letter), set()).add(str(path.relative_to(project)))
    assert told == found
    assert list(told) == WANTED
