"""Fault plans: by script, by chance, in JSON, and always the same for the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.faults import Fault, FaultKind, FaultPlan, FaultPlanError, ScriptedFault


def test_a_script_wears_out_entry_by_entry() -> None:
    """Entries match their operation or every one, in order, as often as they say."""
    plan = FaultPlan(
        script=(
            ScriptedFault(fault=FaultKind.SLOW, match="sync", times=2, seconds=3.0),
            ScriptedFault(fault=FaultKind.HTTP_502),
        )
    )
    kinds = [plan.next(operation) for operation in ("sync", "login", "sync", "sync")]
    assert kinds == [Fault(FaultKind.SLOW, 3.0), Fault(FaultKind.HTTP_502), Fault(FaultKind.SLOW, 3.0), None]


def test_an_endless_entry_never_wears_out() -> None:
    """`times` 0 is for ever."""
    plan = FaultPlan(script=(ScriptedFault(fault=FaultKind.BUSY_429, times=0),))
    assert all(plan.next("x") == Fault(FaultKind.BUSY_429, 1.0) for _ in range(50))


def test_an_outage_is_not_played_by_calls() -> None:
    """It closes the door when the plan is put."""
    plan = FaultPlan(script=(ScriptedFault(fault=FaultKind.OUTAGE, seconds=4.0),))
    assert (plan.next("x"), plan.outage_s(), FaultPlan().outage_s()) == (None, 4.0, 0.0)


@given(seed=st.integers(0, 2**32), chance=st.floats(0, 1))
def test_the_same_seed_meets_the_same_faults(seed: int, chance: float) -> None:
    """A failing run can be played again."""
    plans = [FaultPlan(seed=seed, probability={FaultKind.SLOW: chance}) for _ in range(2)]
    assert [plans[0].next("x") for _ in range(30)] == [plans[1].next("x") for _ in range(30)]


def test_chance_comes_close_to_its_probability() -> None:
    """Several faults share one draw without getting in each other's way."""
    plan = FaultPlan(seed=7, probability={FaultKind.SLOW: 0.3, FaultKind.GARBAGE: 0.2})
    kinds = [fault.kind for fault in (plan.next("x") for _ in range(4_000)) if fault is not None]
    assert 0.27 < kinds.count(FaultKind.SLOW) / 4_000 < 0.33
    assert 0.17 < kinds.count(FaultKind.GARBAGE) / 4_000 < 0.23


SCRIPTED = st.builds(
    ScriptedFault,
    fault=st.sampled_from(FaultKind),
    match=st.sampled_from(["*", "sync"]),
    times=st.integers(0, 3),
    seconds=st.none() | st.floats(0, 60),
    status=st.integers(200, 599),
)


@given(
    seed=st.integers(0, 1_000),
    probability=st.dictionaries(st.sampled_from(FaultKind), st.floats(0, 0.07)),
    script=st.lists(SCRIPTED, max_size=4),
)
def test_a_plan_survives_json(seed: int, probability: dict[FaultKind, float], script: list[ScriptedFault]) -> None:
    """What `GET` shows can be `PUT` again, and plays the same."""
    plan = FaultPlan(seed=seed, probability=probability, script=tuple(script))
    again = FaultPlan.from_json(plan.to_json())
    assert again.to_json() == plan.to_json()
    assert [again.next("sync") for _ in range(8)] == [plan.next("sync") for _ in range(8)]


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense",
        b"[]",
        b'{"sed": 1}',
        b'{"probability": {"explode": 1}}',
        b'{"probability": {"slow": 1.5}}',
        b'{"probability": {"slow": 0.7, "garbage": 0.7}}',
        b'{"probability": {"slow": -0.1}}',
        b'{"seconds": {"slow": -1}}',
        b'{"script": [{"match": "x"}]}',
        b'{"script": [{"fault": "slow", "times": -1}]}',
        b'{"script": [{"fault": "slow", "seconds": 1e9}]}',
        b'{"script": [{"fault": "answer", "status": 99}]}',
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(raw: bytes) -> None:
    """Wrong words, chances beyond one, negative times."""
    with pytest.raises(FaultPlanError):
        FaultPlan.from_json(raw)
