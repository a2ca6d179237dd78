"""Canonical values as JSON: what a field may hold comes back as it went, and nothing else is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import pytest

from mappings.codec import convert, decode, encode
from mappings.partial_date import PartialDate


@dataclass(frozen=True)
class Held:
    """A birth, and fields that may hold anything (the content of a ledger's task)."""

    birth: PartialDate | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


def test_fields_of_any_kind_and_dates_known_in_part_come_back_as_they_went() -> None:
    """A task of a ledger carries numbers, texts, lists; a hook for dates must not refuse them."""
    held = Held(PartialDate(1990), {"so": 1, "chu": "a", "nhieu": [1, None], "trong": {"b": True}})
    assert decode(encode(held), Held) == held
    assert convert({"birth": "1990-02", "fields": {"so": 1}}, Held) == Held(PartialDate(1990, 2), {"so": 1})


@pytest.mark.parametrize("birth", ["1990-13", "01/01/1990", 1990])
def test_what_is_no_date_is_refused(birth: object) -> None:
    """With the library's own error, which names the place."""
    with pytest.raises(msgspec.ValidationError):
        convert({"birth": birth}, Held)
