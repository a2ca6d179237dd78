"""Which sub-indication is reported when several checks fail, and what each means to people."""

from __future__ import annotations

from itertools import pairwise

import pytest

from signing.catalogue import finding_rows, sub_indication_rows
from signing.conclusion import PRECEDENCE, decided
from signing.model import Indication, SubIndication


def test_every_sub_indication_has_one_place_and_a_sentence_for_people() -> None:
    """A sub-indication that is missing would raise in the middle of a judgement."""
    assert sorted(PRECEDENCE) == sorted(SubIndication)
    assert set(sub_indication_rows()) == set(SubIndication)
    for row in sub_indication_rows().values():
        assert row.message_vi.endswith("."), row
        assert row.key_vi.isascii(), row


def test_what_is_definitely_wrong_comes_before_what_is_undecided() -> None:
    """Main statuses stay together in the order, TOTAL-FAILED first."""
    statuses = [sub_indication_rows()[one].indication for one in PRECEDENCE]
    assert sum(a is not b for a, b in pairwise(statuses)) == 1
    assert statuses[0] is Indication.TOTAL_FAILED


def test_trying_again_is_advice_only_where_nothing_else_is_wrong() -> None:
    """A signature by the wrong person is not asked about again and again."""
    assert PRECEDENCE[-1] is SubIndication.TRY_LATER
    assert decided([SubIndication.TRY_LATER, SubIndication.SIG_CONSTRAINTS_FAILURE]) == (
        Indication.INDETERMINATE,
        SubIndication.SIG_CONSTRAINTS_FAILURE,
    )


@pytest.mark.parametrize("one", list(SubIndication))
def test_no_failure_ever_passes(one: SubIndication) -> None:
    """Whatever failed, alone or beside a hash failure."""
    assert decided([one])[0] is not Indication.TOTAL_PASSED
    assert decided([one, SubIndication.HASH_FAILURE])[0] is Indication.TOTAL_FAILED
    assert decided([]) == (Indication.TOTAL_PASSED, None)


def test_every_finding_has_words_for_both_outcomes() -> None:
    """What people read is Vietnamese, and says something else when it failed."""
    for row in finding_rows().values():
        assert row.ok_vi.endswith("."), row.code
        assert row.failed_vi.endswith("."), row.code
        assert row.ok_vi != row.failed_vi, row.code
        assert 0 <= row.step <= 12, row.code
