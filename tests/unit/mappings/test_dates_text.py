"""Portal times and the cutting of texts, at their edges."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from mappings.dates import VIETNAM, from_portal_time, local_date, to_portal_time
from mappings.text import is_blank, length, nfc, shorten


def test_a_moment_is_written_in_vietnamese_time() -> None:
    """Eight hours UTC are fifteen hours in Ha Noi, whatever the zone it came in."""
    assert to_portal_time(datetime(2024, 10, 14, 2, 30, tzinfo=UTC)) == "20241014093000"
    assert to_portal_time(datetime(2024, 10, 13, 19, 30, tzinfo=timezone(timedelta(hours=-7)))) == "20241014093000"


def test_a_fraction_of_a_second_is_never_rounded_up() -> None:
    """A row must not lie in the future of its event."""
    assert to_portal_time(datetime(2024, 12, 31, 16, 59, 59, 999_999, tzinfo=UTC)) == "20241231235959"


def test_no_time_is_an_empty_string_both_ways() -> None:
    """The portal's way of saying none."""
    assert to_portal_time(None) == ""
    assert from_portal_time("") is None


def test_a_naive_time_is_refused() -> None:
    """Local time of which machine? The question must not arise."""
    with pytest.raises(ValueError, match="múi giờ"):
        to_portal_time(datetime(2024, 10, 14))  # noqa: DTZ001 - a naive time is the very defect under test


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2024101409300",
            "202410140930000",
            "2024-10-14",
            "20241314093000",
            "20240230093000",
            "２０２４1014093000",
            " ",
        ),
        "00010101000000",
    ],
)
def test_what_is_no_portal_time_is_refused(text: str) -> None:
    """Too short, too long, impossible, foreign digits, before the first moment of the calendar in UTC."""
    with pytest.raises(ValueError, match=r".+"):
        from_portal_time(text)


def test_a_portal_time_is_read_as_vietnamese_time() -> None:
    """The inverse, in UTC."""
    assert from_portal_time("20241014093000") == datetime(2024, 10, 14, 2, 30, tzinfo=UTC)


def test_the_day_of_an_event_is_the_day_in_viet_nam() -> None:
    """At 17:00 UTC it is tomorrow in Ha Noi; dated tables go by that day."""
    assert local_date(datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC)) == date(2025, 6, 30)
    assert local_date(datetime(2025, 6, 30, 17, 0, tzinfo=UTC)) == date(2025, 7, 1)
    assert VIETNAM.utcoffset(None) == timedelta(hours=7)


def test_a_text_that_fits_is_left_alone() -> None:
    """Up to the limit nothing is cut."""
    assert shorten("a" * 1000, 1000, 995) == "a" * 1000


def test_a_long_text_is_cut_as_the_known_clients_do() -> None:
    """1000 keeps 995 and dots; 50 keeps 46 and dots."""
    assert shorten("a" * 1001, 1000, 995) == "a" * 995 + "..."
    assert shorten("b" * 51, 50, 46) == "b" * 46 + "..."


def test_a_letter_is_never_cut_from_its_marks() -> None:
    """A decomposed ễ at the cut goes as a whole."""
    decomposed = unicodedata.normalize("NFD", "ễ")
    assert len(decomposed) == 3
    assert shorten("a" * 9 + decomposed + "b" * 20, 14, 10) == "a" * 9 + "..."
    assert shorten("a" * 9 + decomposed + "b" * 20, 15, 12) == "a" * 9 + decomposed + "..."


def test_a_joined_sign_is_never_split() -> None:
    """Signs outside the basic plane count two units; a joined family goes as a whole."""
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert length(family) == 8
    assert shorten("a" * 5 + family + "b" * 20, 14, 10) == "a" * 5 + "..."
    assert shorten("\U0001f600" * 10, 10, 7) == "\U0001f600" * 3 + "..."


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    """The caller's mistake is told at once, not when a text is long."""
    with pytest.raises(ValueError, match="giới hạn"):
        shorten("a", 5, 4)


def test_composed_text_is_returned_as_it_is() -> None:
    """No copy for what is in order already."""
    text = "Giấy phép"
    assert nfc(text) is text


@pytest.mark.parametrize(
    "text", ["", " ", "\n\t", "\u00a0", "\u200b\u200b", "\u3164", "\u2800", "\ufeff", " \u115f\u200d"]
)
def test_signs_without_a_shape_are_a_blank_text(text: str) -> None:
    """A name of invisible signs is no name."""
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "Ă", "“x”", "\u200bA", " .", "e\u0301", "🏛"])
def test_one_visible_sign_is_enough(text: str) -> None:
    """Punctuation and letters after white space count."""
    assert not is_blank(text)
