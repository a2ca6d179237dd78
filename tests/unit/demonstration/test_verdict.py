"""The verdict can fail: hand-made losses, swaps and doubles are each judged for what they are (controls of the harness)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.cli.demonstration.cast import SECTORS, Role
from gateway.cli.demonstration.verdict import PORTAL_CODE, Seen, Verdict, judge, portal_view
from gateway.cli.installation import RESOLUTION_SYSTEM

STATES = ("received", "processing", "awaiting_supplement", "processing", "resolved", "returned")
CODES = ("2", "4", "5", "4", "9", "10")
NUMBERS = (1, 2, 3, 4, 5, 6)
WHOLE = Seen(CODES, CODES, NUMBERS)


def role(system: str = SECTORS[0]) -> Role:
    """A dossier with a course that goes through one state twice."""
    events = tuple({"sequence": number, "state": state} for number, state in enumerate(STATES, start=1))
    return Role({"dossier_code": "000.00.00.G16-261120-0001"}, system, events)


def judged(seen: Seen, system: str = SECTORS[0]) -> Verdict:
    """The verdict over one dossier."""
    verdict = Verdict()
    judge(role(system), seen, verdict)
    return verdict


def figures(verdict: Verdict) -> tuple[int, int, int]:
    """Lost, out of order, doubled."""
    return verdict.lost, verdict.out_of_order, verdict.doubled


def test_everything_once_and_in_order_is_sound() -> None:
    """The whole course at the portal, twice, and every push at the resolution system."""
    verdict = judged(WHOLE)
    assert verdict.sound
    assert (verdict.expected, verdict.delivered) == (18, 18)
    assert figures(verdict) == (0, 0, 0)


def test_events_of_the_resolution_system_are_not_expected_back_there() -> None:
    """What the resolution system reported itself is pushed to the portal alone."""
    verdict = judged(replace(WHOLE, pushes=()), RESOLUTION_SYSTEM)
    assert verdict.sound
    assert verdict.expected == 12


def test_nothing_at_all_is_not_sound() -> None:
    """A play in which nothing was delivered proves nothing, though nothing is wrong with it."""
    assert not Verdict().sound


@pytest.mark.parametrize("field", ["portal_states", "portal_rows", "pushes"])
@pytest.mark.parametrize("left", [0, 1, 5])
def test_a_missing_tail_is_lost(field: str, left: int) -> None:
    """The last ones did not arrive, and no lane is held: lost, wherever it is."""
    verdict = judged(replace(WHOLE, **{field: getattr(WHOLE, field)[:left]}))
    assert figures(verdict) == (6 - left, 0, 0)
    assert len(verdict.faults) == 1
    assert not verdict.sound


@pytest.mark.parametrize("at", range(6))
def test_a_hole_is_lost_and_out_of_order(at: int) -> None:
    """One in the middle did not arrive, though later ones did: the order is broken as well, unless it was the last."""
    holed = (*CODES[:at], *CODES[at + 1 :])
    verdict = judged(replace(WHOLE, portal_rows=holed))
    assert figures(verdict) == (1, int(at < 5), 0)
    assert not verdict.sound


@pytest.mark.parametrize("field", ["portal_states", "portal_rows", "pushes"])
def test_swapped_neighbours_are_out_of_order(field: str) -> None:
    """All arrived, two of them the wrong way round."""
    first, second, *rest = getattr(WHOLE, field)
    verdict = judged(replace(WHOLE, **{field: (second, first, *rest)}))
    assert figures(verdict) == (0, 1, 0)
    assert verdict.delivered == verdict.expected
    assert not verdict.sound


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("field", ["portal_states", "portal_rows", "pushes"])
def test_a_doubled_effect_is_counted(field: str, at: int) -> None:
    """The same once more, right behind itself or at the end: an effect that nobody asked for."""
    whole = getattr(WHOLE, field)
    for doubled in ((*whole[: at + 1], *whole[at:]), (*whole, whole[at])):
        verdict = judged(replace(WHOLE, **{field: doubled}))
        assert figures(verdict) == (0, 0, 1)
        assert not verdict.sound


def test_a_state_that_nobody_pushed_is_an_effect_too_many() -> None:
    """A foreign state is not excused by the others being right."""
    verdict = judged(replace(WHOLE, portal_states=(*CODES[:5], "8", "10")))
    assert figures(verdict) == (0, 0, 1)
    assert not verdict.sound


def test_a_tail_behind_a_held_lane_is_told_and_not_lost() -> None:
    """What a person was told about waits: it is counted apart, and the verdict stands."""
    verdict = judged(Seen(CODES[:2], CODES[:2], NUMBERS, held=("national_dvc",)))
    assert figures(verdict) == (0, 0, 0)
    assert verdict.behind_held == 8
    assert verdict.delivered + verdict.behind_held == verdict.expected
    assert verdict.sound


def test_a_held_portal_lane_excuses_no_loss_at_the_resolution_system() -> None:
    """The lane to the portal is held; what did not reach the resolution system is lost all the same."""
    verdict = judged(Seen(CODES[:2], CODES[:2], NUMBERS[:4], held=("national_dvc",)))
    assert figures(verdict) == (2, 0, 0)
    assert not verdict.sound


def test_a_held_push_excuses_what_would_have_come_back() -> None:
    """What is held on its way to the resolution system is not pushed back, so the portal cannot have it."""
    verdict = judged(Seen(CODES[:3], CODES[:3], NUMBERS[:3], held=("resolution",)))
    assert figures(verdict) == (0, 0, 0)
    assert verdict.behind_held == 9
    assert verdict.sound


@pytest.mark.parametrize(
    "broken",
    [(CODES[1], CODES[0]), (*CODES[:2], CODES[1]), (CODES[0], CODES[2])],
    ids=["swapped", "doubled", "with a hole"],
)
def test_a_held_lane_excuses_nothing_but_its_tail(broken: Sequence[str]) -> None:
    """Disorder and doubles before the held message are faults all the same."""
    verdict = judged(replace(WHOLE, portal_states=broken, held=("national_dvc",)))
    assert verdict.faults
    assert not verdict.sound


def test_faults_of_several_dossiers_add_up() -> None:
    """One sound dossier does not outweigh a broken one."""
    verdict = Verdict()
    judge(role(), WHOLE, verdict)
    judge(role(), replace(WHOLE, pushes=NUMBERS[:4]), verdict)
    judge(role(), replace(WHOLE, portal_rows=(*CODES, "10")), verdict)
    assert figures(verdict) == (2, 0, 1)
    assert not verdict.sound


def test_the_portal_view_counts_echoes_and_repeats_apart() -> None:
    """A version that changed nothing and a row that stands twice are no effects: shown in figures of their own."""
    held: dict[str, Any] = {
        "versions": [
            {"state": "2", "effect": "new"},
            {"state": "2", "effect": "echo"},
            {"state": "4", "effect": "new"},
            {"state": "4", "effect": "result"},
        ],
        "progress": [{"state": "2", "repeat_of": -1}, {"state": "4", "repeat_of": -1}, {"state": "4", "repeat_of": 1}],
    }
    assert portal_view(held) == (["2", "4"], ["2", "4"], 1, 1)


def test_every_state_of_a_course_has_its_portal_code() -> None:
    """The ten states of the portal, each once: a missing one would hide its losses."""
    assert sorted(PORTAL_CODE.values(), key=int) == [str(number) for number in range(1, 11)]
