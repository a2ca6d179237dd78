"""The suite itself: a good connector of another distribution passes, and each planted defect is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.kit import conformance, inspect
from connectors.kit.case import ConformanceCase
from connectors.kit.conformance import CHECKS, run_check
from connectors.kit.ground import Subject, subject

pytestmark = pytest.mark.usefixtures("toy")


def changed(change: Callable[[ConformanceCase], ConformanceCase]) -> Subject:
    """The toy with another case."""
    original = subject("toy_upstream")
    return replace(original, case=lambda base_url: change(original.case(base_url)))


def mischievous(mischief: str, **settings: object) -> Subject:
    """The toy with a defect."""
    return changed(lambda case: replace(case, settings={**case.settings, "mischief": mischief, **settings}))


@pytest.mark.parametrize("check", CHECKS)
async def test_a_good_connector_passes(check: str) -> None:
    """No check finds a fault where there is none."""
    assert await run_check(subject("toy_upstream"), check) == ()


async def test_a_connector_that_holds_what_cannot_be_enquired_passes() -> None:
    """Where configuration allows no repeat, an unknown outcome is held with its one effect."""
    assert await run_check(mischievous("", repeat_notes=False), "a_drop_after_commit_ends_in_one_effect") == ()


@pytest.mark.parametrize(
    ("mischief", "check", "said"),
    [
        ("log_secret", "operations_succeed", "planted[0]"),
        ("keep_secret", "a_cold_start_survives_faults", "Exchange"),
        ("ignore_deadline", "deadlines_hold", "thời hạn"),
        ("forget", "repeats_have_one_effect", "2 hiệu lực"),
        ("repeat_blindly", "a_drop_after_commit_ends_in_one_effect", "2 hiệu lực"),
        ("stray_task", "cancellation_leaks_nothing", "tác vụ"),
        ("probe_writes", "probing_has_no_effect", "thay đổi"),
        ("short_batch", "batches_answer_each_delivery", "1 kết quả"),
        ("plain", "unsafe_transport_is_refused", "http://"),
    ],
)
async def test_a_defect_is_found(mischief: str, check: str, said: str) -> None:
    """Each defect is named by the check that is there for it."""
    settings = {"repeat_notes": False} if mischief == "repeat_blindly" else {}
    assert any(said in fault for fault in await run_check(mischievous(mischief, **settings), check))


async def test_an_outcome_row_without_an_answer_is_found() -> None:
    """A row that nothing reaches is dead, or untested."""
    faults = await run_check(changed(lambda case: replace(case, outcomes=case.outcomes[1:])), "outcomes_are_reachable")
    assert any("dòng 2" in fault for fault in faults)


async def test_an_answer_that_ends_in_another_family_is_found() -> None:
    """The table says what must come of an answer; the connector must agree."""

    def change(case: ConformanceCase) -> ConformanceCase:
        return replace(case, outcomes=(*case.outcomes[:3], replace(case.outcomes[3], body='{"code":0}')))

    faults = await run_check(changed(change), "outcomes_are_reachable")
    assert any("kết thúc bằng receipt, phải là rejected" in fault for fault in faults)


async def test_an_example_that_comes_back_different_is_found() -> None:
    """A message type that drops a field would go unnoticed otherwise."""
    faults = await run_check(changed(lambda case: replace(case, round_trip=lambda _: {})), "examples_round_trip")
    assert any("item.json" in fault for fault in faults)


def test_the_command_reports_and_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m connectors.kit.conformance NAME` names every check and ends with 0 when all hold."""
    assert conformance.main(["toy_upstream"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("đạt ").strip() for line in lines[:-1]] == list(CHECKS)
    assert lines[-1] == "ĐẠT"


def test_the_command_knows_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """No name is wrong usage, an unknown name is a fault."""
    assert conformance.main([]) == 64
    assert conformance.main(["nobody"]) == 1
    assert "nobody" in capsys.readouterr().out


def test_the_inspector_finds_nothing_in_a_good_folder() -> None:
    """A connector of another distribution is inspected like ours."""
    assert inspect.inspect_all("toy_upstream") == ()
