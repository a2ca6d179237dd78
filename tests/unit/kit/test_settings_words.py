"""What operators read about a wrong setting: its place, what is wanted, in Vietnamese, and never the value."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec
import pytest

from connectors.kit.settings import typed


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of a list."""

    name: str
    mode: Literal["red", "blue"] = "red"
    count: int = 0

    def __post_init__(self) -> None:
        """A sentence of its own."""
        if self.count > 9:
            raise ValueError("count: nhiều nhất 9")


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a connector may have."""

    ones: tuple[Inner, ...] = ()
    names: list[str] = []
    on: bool = False
    ratio: float | None = None
    day: date | None = None
    at: datetime | None = None
    words: dict[str, int] = {}


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"ones": [{"name": "a"}, {"mode": "blue"}]}, "ones[1].name: bắt buộc phải có"),
        ({"ones": [{"name": "a", "mode": "s3cret"}]}, "ones[0].mode: phải là một trong: red, blue"),
        ({"ones": [{"name": "a", "count": 10}]}, "ones[0]: count: nhiều nhất 9"),
        ({"ones": [{"name": "a", "colour": "s3cret"}]}, "ones[0].colour: khóa không tồn tại"),
        ({"ones": {"name": "a"}}, "ones: phải là danh sách […]"),
        ({"names": ["a", 7]}, 'names[1]: phải là chữ, trong ngoặc kép "…"'),
        ({"names": "a"}, "names: phải là danh sách […]"),
        ({"on": "yes"}, "on: phải là true hoặc false"),
        ({"ratio": "1.5"}, "ratio: phải là số, không ngoặc kép"),
        ({"day": "02/09/2026"}, "day: phải là ngày dạng 2026-09-02"),
        ({"at": "02/09/2026"}, "at: phải là thời điểm dạng"),
        ({"words": {"a": 1.5}}, "words.a: phải là số nguyên, không ngoặc kép"),
    ],
)
def test_a_wrong_setting_was_told_in_english_or_with_its_value(tree: dict[str, object], told: str) -> None:
    """Each at its own place, however deep in lists."""
    faults = typed(tree, Outer)[1]
    assert len(faults) == 1 and faults[0].startswith(told), faults
    assert (
        "s3cret" not in faults[0]
        and "Expected" not in faults[0]
        and "Invalid" not in faults[0]
        and "$" not in faults[0]
    )
