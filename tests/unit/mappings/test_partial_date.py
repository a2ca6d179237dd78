"""Dates of birth as far as they are known: nothing is filled in, and nothing that no calendar has."""

from __future__ import annotations

import copy
import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.partial_date import PartialDate

_FULL = st.dates(date(1800, 1, 1), date(2199, 12, 31)).map(PartialDate.of)


def _known(full: PartialDate, parts: int) -> PartialDate:
    """The first parts of a full date."""
    return PartialDate(full.year, full.month if parts > 1 else None, full.day if parts > 2 else None)


_PARTIAL = st.builds(_known, _FULL, st.integers(1, 3))


@given(_PARTIAL)
def test_a_date_is_its_text_with_and_without_dashes(birth: PartialDate) -> None:
    """Both are on the wires (identity facts 3.3)."""
    assert PartialDate.parse(str(birth)) == birth
    assert PartialDate.parse(str(birth).replace("-", "")) == birth


@given(_FULL, _FULL, st.integers(1, 3), st.integers(1, 3))
def test_two_dates_agree_exactly_where_both_are_known(
    one: PartialDate, other: PartialDate, mine: int, theirs: int
) -> None:
    """At the coarser precision of the two, whichever side it is on."""
    a, b = _known(one, mine), _known(other, theirs)
    known = min(mine, theirs)
    expected = (one.year, one.month, one.day)[:known] == (other.year, other.month, other.day)[:known]
    assert a.agrees(b) is b.agrees(a) is expected
    assert a.agrees(one)


@pytest.mark.parametrize(
    "text", ["", "90", "1990-2", "1990-13", "1990-02-30", "1990-00", "31/01/1990", "1799", "2200", "１９９０"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    """And never mended."""
    with pytest.raises(ValueError, match=r"ngày sinh|năm|month|day"):
        PartialDate.parse(text)


def test_a_day_without_its_month_is_no_date() -> None:
    """It could be compared with nothing."""
    with pytest.raises(ValueError, match="không có tháng"):
        PartialDate(1990, None, 3)


def test_a_date_does_not_change_and_its_repr_says_the_year_alone() -> None:
    """Equal dates are one key; a log that shows one by accident shows no day."""
    birth = PartialDate(1990, 2, 28)
    with pytest.raises(AttributeError):
        birth.year = 1991  # type: ignore[misc]
    with pytest.raises(AttributeError):
        birth._parts = (1991, None, None)
    assert {birth: 1}[PartialDate(1990, 2, 28)] and birth != PartialDate(1990, 2) and birth != "1990-02-28"
    assert pickle.loads(pickle.dumps(birth)) == copy.deepcopy(birth) == birth
    assert "28" not in repr(birth)
