"""README.md tells operators everything that a dialect can be told: addresses, keys, options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import connectors.payment
from connectors.payment.client import dialect_of
from connectors.payment.settings import PROFILES

_README = (Path(connectors.payment.__path__[0]) / "README.md").read_text(encoding="utf-8")
_SECTION = _README[_README.index("### Từng đơn vị trung gian") : _README.index("## Việc của người vận hành")]


def _rows(name: str) -> str:
    """The rows of one dialect in both tables, with those that go on beneath them."""
    found, mine = [], False
    for line in _SECTION.splitlines():
        if re.match(r"\| `[a-z]+` \|", line):
            mine = line.startswith(f"| `{name}` |")
        elif not line.startswith("| | "):
            mine = False
        if mine:
            found.append(line)
    return "\n".join(found)


@pytest.mark.parametrize("name", PROFILES)
def test_every_address_key_and_option_of_a_dialect_is_told(name: str) -> None:
    """By its own name, in the rows of that dialect; a new option without a row fails here."""
    dialect = dialect_of(name)
    told = set(re.findall(r"`([a-z_]+)`", _rows(name)))
    assert told >= set(dialect.endpoints) | set(dialect.roles) | set(dialect.options_type.__struct_fields__)
