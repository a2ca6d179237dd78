"""The verdict over results can fail: one too many, one ahead of its state, one that should be held are each told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.cli.demonstration.cast import SECTORS, Role
from gateway.cli.demonstration.papers import change
from gateway.cli.demonstration.proof import CHANGED, PASSED, SeenResult, judge_changed, judge_passed, result_of
from gateway.cli.demonstration.verdict import Verdict

CODE = "000.00.00.G16-261120-0001"
NAME = result_of(CODE)
ROLE = Role(
    {"dossier_code": CODE}, SECTORS[0], ({"sequence": 1, "state": "resolved"}, {"sequence": 2, "state": "returned"})
)
HELD = SeenResult("held", "TOTAL-FAILED", CHANGED, {"results": {}, "state": "10"})


def portal(
    names: tuple[str, ...] = (NAME,), state: str = "9", brought: int = 1, listed: tuple[str, ...] = (NAME,)
) -> Any:
    """A dossier as the portal tells it."""
    return {
        "results": {name: {"state": state} for name in names},
        "versions": [{"effect": "result"}] * brought,
        "fields": {"DanhSachGiayToKetQua": [{"GiayToId": name} for name in listed]},
        "state": "10",
    }


def passed(shown: Any, *, state: str = "passed", conclusion: str = PASSED, blocked: bool = False) -> Verdict:
    """The verdict over one result that nobody changed."""
    verdict = Verdict()
    judge_passed(CODE, SeenResult(state, conclusion, "", shown, blocked), verdict)
    return verdict


def test_a_result_shown_once_beside_its_state_is_delivered() -> None:
    """No fault, one passed, one delivered."""
    verdict = passed(portal())
    assert (verdict.results_passed, verdict.results_delivered, verdict.faults) == (1, 1, [])


@pytest.mark.parametrize(
    "shown",
    [
        None,
        portal(names=()),
        portal(names=(NAME, f"{CODE}-KQ(2)")),
        portal(state="4"),
        portal(brought=2),
        portal(listed=(NAME, NAME)),
        portal(listed=()),
    ],
    ids=["no dossier", "missing", "a second one", "ahead of its state", "brought twice", "listed twice", "gone again"],
)
def test_a_result_that_does_not_stand_as_it_must_is_a_fault(shown: Any) -> None:
    """Each of them breaks the verdict."""
    assert passed(shown).faults


def test_a_held_lane_excuses_a_missing_result_and_nothing_else() -> None:
    """It waits behind what a person was told about; it is not counted as delivered."""
    assert (
        passed(portal(names=()), blocked=True).faults,
        passed(portal(names=()), blocked=True).results_delivered,
    ) == ([], 0)
    assert passed(portal(state="4"), blocked=True).faults


def test_a_result_that_did_not_pass_is_a_fault() -> None:
    """Waiting, or held, though nobody changed it."""
    assert passed(portal(), state="waiting", conclusion="INDETERMINATE").faults
    assert passed(portal(), state="held", conclusion="TOTAL-FAILED").faults


def changed(seen: SeenResult, held: tuple[tuple[str, str], ...] = ((NAME, "lý do"),)) -> list[str]:
    """The faults found about the changed result."""
    verdict = Verdict()
    judge_changed(ROLE, seen, held, verdict)
    return verdict.faults


def test_the_changed_result_is_held_alone_while_its_dossier_goes_on() -> None:
    """And every other picture is a fault: passed, held for another reason, shown, not alone, its dossier standing still."""
    assert changed(HELD) == []
    assert changed(replace(HELD, state="passed", reason=""))
    assert changed(replace(HELD, reason="TRY_LATER"))
    assert changed(replace(HELD, portal=portal()))
    assert changed(replace(HELD, portal={"results": {}, "state": "9"}))
    assert changed(HELD, ())
    assert changed(HELD, ((NAME, ""), (f"{CODE}9-KQ(1)", "")))


def test_a_changed_paper_differs_and_one_that_cannot_be_changed_is_told() -> None:
    """Nobody changes nothing by mistake."""
    assert change(b"%PDF Giay phep 1") != b"%PDF Giay phep 1"
    with pytest.raises(ValueError, match="no word"):
        change(b"<KetQua/>")
