"""What answers have in common: amounts and moments as wholes, and nothing that comes from outside ever raises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.payment.answers import NO_AMOUNT, amount_of, epoch_moment, local_moment
from connectors.payment.ledger import day_mark


@pytest.mark.parametrize(
    ("text", "scale", "amount"),
    [
        ("", 1, None),
        ("500000", 1, 500_000),
        ("50000000", 100, 500_000),
        ("50000001", 100, NO_AMOUNT),
        ("5e5", 1, NO_AMOUNT),
        ("-1", 1, NO_AMOUNT),
        ("500000.0", 1, NO_AMOUNT),
    ],
)
def test_an_amount_is_a_whole_number_of_dong_or_equals_none(text: str, scale: int, amount: int | None) -> None:
    """Nothing said is None; anything but a whole number of đồng times the scale equals no amount of ours."""
    assert amount_of(text, scale) == amount


@pytest.mark.parametrize("text", ["00010101000000", "00000101000000", "99999999999999", "2026", "", "2026092114300५"])
def test_a_local_time_that_is_none_is_nothing(text: str) -> None:
    """Also the first hours of the calendar, which have no moment in UTC: a genuine notice with such a time is still heard."""
    assert local_moment(text) is None


@pytest.mark.parametrize("text", ["0", "-1", "253402214400001", "253402300799999", "9" * 18, "1e12", ""])
def test_a_count_of_milliseconds_that_is_none_is_nothing(text: str) -> None:
    """Far beyond the calendar, negative, or no count."""
    assert epoch_moment(text) is None


@pytest.mark.parametrize(
    "moment", [local_moment("99991231235959"), epoch_moment("253402214400000"), local_moment("00010101070000")]
)
def test_whatever_moment_is_read_has_a_day_in_viet_nam(moment: datetime | None) -> None:
    """The ledger marks payments by that day, so the edges of the calendar must not stop it (abuse case A30)."""
    assert moment is not None
    assert day_mark("paid", "momo", moment).startswith("paid/momo/")
    assert local_moment("20260921143005") == datetime(2026, 9, 21, 7, 30, 5, tzinfo=UTC)
