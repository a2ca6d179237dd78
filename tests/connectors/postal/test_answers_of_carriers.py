"""What carriers write is read member by member: exactly where it is a number, harmlessly where it is a text, else not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.postal.answers import (
    Json,
    code_of,
    count_of,
    flag_of,
    moment_in,
    object_of,
    text_of,
    tree_of,
    whole_of,
    words_of,
)
from mappings.dates import VIETNAM


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b'{"a":1.50}', {"a": Decimal("1.50")}),
        (b"[1]", None),
        (b"", None),
        (b"{", None),
        (b'{"a":NaN}', None),
        (b"\xff", None),
        ("\ud800", None),
        (b'{"a":' * 5_000, None),
        (b'{"a":"' + b"x" * 100 + b'"}', None),
    ],
)
def test_an_object_is_read_or_it_is_not(raw: bytes | str, read: object) -> None:
    """No error, no float; nothing above the size that was said."""
    assert object_of(raw, 90) == read


def test_what_is_too_long_is_not_read_at_all() -> None:
    """The bound is of what came, and the last byte within it counts."""
    assert tree_of(b"[1,2]", 5) == [1, 2]
    assert tree_of(b"[1,2]", 4) is None


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        (150_000, 150_000),
        (Decimal("150000.0"), 150_000),
        ("150000", 150_000),
        ("150000.00", 150_000),
        (0, 0),
        (Decimal("150000.5"), None),
        (Decimal("1E+5"), None),
        ("1,5", None),
        ("-1", None),
        (-1, None),
        (True, None),
        (False, None),
        (None, None),
        ("", None),
        ("٣", None),
        (10**18, None),
        ([150_000], None),
    ],
)
def test_an_amount_is_whole_or_it_is_none(value: Json, whole: int | None) -> None:
    """A yes is not one đồng; half of one, less than none and signs of other scripts are no amounts."""
    assert whole_of({"a": value}, "a") == whole


@pytest.mark.parametrize(
    ("value", "text"),
    [(" x ", "x"), (7, "7"), (Decimal("7.50"), "7.50"), (True, "true"), (None, ""), ({}, ""), ([], "")],
)
def test_a_scalar_reads_as_its_text(value: Json, text: str) -> None:
    """What is no scalar, and what is not there, reads as nothing."""
    assert text_of({"a": value}, "a") == text
    assert text_of({}, "a") == ""


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("EL491610889VN", "EL491610889VN"),
        ("", ""),
        ("đã phát", "unreadable"),
        ("x" * 61, "unreadable"),
        ("a\nb", "unreadable"),
    ],
)
def test_a_code_is_harmless_or_unreadable(value: str, code: str) -> None:
    """It stands in the trail, in alarms and on screens: a sentence, or what nobody can print, does not."""
    assert code_of({"a": value}, "a") == code


def test_words_are_composed_on_one_line_and_bounded() -> None:
    """Line breaks, tabs and signs that nobody sees are blanks; letters are put together; the end is cut with a sign."""
    loose = "Ngu\u031bo\u031b\u0300i nhận\r\n\tđi\u0000vắng\u202e "
    assert words_of({"a": loose}, "a") == "Người nhận đi vắng"
    cut = words_of({"a": "dài " * 200}, "a")
    assert len(cut) <= 300 and cut.endswith("...")


@pytest.mark.parametrize(("value", "count"), [(3, 3), ("3", 3), (-1, 0), (10_001, 0), (True, 0), ("x", 0), (None, 0)])
def test_a_count_is_small_or_nothing(value: Json, count: int) -> None:
    """What could not be counted at a door is no count."""
    assert count_of({"a": value}, "a") == count


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("True", True), (1, True), (False, False), ("0", False), (None, None), ("yes", None), ([], None)],
)
def test_a_flag_is_yes_no_or_unsaid(value: Json, flag: bool | None) -> None:
    """Silence is neither."""
    assert flag_of({"a": value}, "a") is flag


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T09:15:00", datetime(2026, 11, 21, 2, 15, tzinfo=UTC)),
        ("2026-11-21 09:15:00.123", datetime(2026, 11, 21, 2, 15, tzinfo=UTC)),
        ("2026-11-21T09:15:00Z", datetime(2026, 11, 21, 9, 15, tzinfo=UTC)),
        ("2026-11-21T09:15:00+09:00", datetime(2026, 11, 21, 0, 15, tzinfo=UTC)),
        ("21/11/2026 09:15:00", datetime(2026, 11, 21, 2, 15, tzinfo=UTC)),
        ("21/11/2026 09:15", datetime(2026, 11, 21, 2, 15, tzinfo=UTC)),
        ("21/11/2026", datetime(2026, 11, 20, 17, 0, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("9999-12-31T23:59:59", None),
        ("1970-01-01T00:00:00", None),
        ("2026-02-30T00:00:00", None),
        ("2026-11-21T09:15:00+99:00", None),
        ("21-11-2026", None),
        ("", None),
    ],
)
def test_a_moment_is_read_in_each_of_its_forms(text: str, moment: datetime | None) -> None:
    """The null date, days that are none and other centuries are no moments (postal facts 4.4)."""
    assert moment_in(text, VIETNAM) == moment
