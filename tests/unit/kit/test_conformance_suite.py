"""The suite itself: a good connector of another distribution passes, and each planted defect is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.kit import conformance, inspect
from connectors.kit.case import ConformanceCase, Example
from connectors.kit.conformance import CHECKS, run_check
from connectors.kit.ground import Ears, LoneCoordination, Subject, subject

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
        ("swallow", "operations_succeed", "0 hiệu lực"),
        ("swallow", "unsafe_transport_is_refused", "chứng thư tự ký"),
        ("swallow", "outcomes_are_reachable", "không được hỏi tới"),
        ("repeat_blindly", "a_cold_start_survives_faults", "2 hiệu lực"),
        ("cannot_tell", "a_drop_after_commit_ends_in_one_effect", "enquirable"),
        ("enquiry_fails", "a_drop_after_commit_ends_in_one_effect", "enquirable"),
        ("moody", "a_drop_after_commit_ends_in_one_effect", "lặp lại"),
        ("batch_raises", "batches_answer_each_delivery", "no_answer"),
        ("no_patience", "faults_land_in_their_family", "Retry-After"),
        ("not_found", "operations_succeed", "không tìm thấy"),
        ("refuse_later", "a_drop_after_commit_ends_in_one_effect", "enquirable"),
        ("mute", "a_drop_after_commit_ends_in_one_effect", "enquirable"),
        ("say_secret", "operations_succeed", "bí mật env:TOY xuất hiện"),
        ("ask_fails", "operations_succeed", "look_up: no_answer"),
        ("hang", "cancellation_leaks_nothing", "không gọi tới"),
        ("stray_connection", "cancellation_leaks_nothing", "còn kết nối mở"),
        ("trusting", "unsafe_transport_is_refused", "đã gửi qua kết nối"),
        ("probe_sleeps", "probing_has_no_effect", "không sẵn sàng"),
        ("probe_lies", "probing_has_no_effect", "báo sẵn sàng"),
    ],
)
async def test_a_defect_is_found(mischief: str, check: str, said: str) -> None:
    """Each defect is named by the check that is there for it."""
    settings = {"repeat_notes": False} if mischief == "repeat_blindly" else {}
    assert any(said in fault for fault in await run_check(mischievous(mischief, **settings), check))


async def test_a_capability_without_its_method_is_found() -> None:
    """A manifest that promises what the connector cannot do."""
    original = subject("toy_upstream")
    promising = replace(original, manifest=replace(original.manifest, capabilities=("Deliverer", "Poller")))
    assert await run_check(promising, "capabilities_are_there") != ()


async def test_a_connector_without_answers_is_asked_nothing() -> None:
    """What a manifest promises is another check's affair."""
    assert not any("look_up" in fault for fault in await run_check(mischievous("mute"), "operations_succeed"))


async def test_a_lone_node_waits_for_nobody() -> None:
    """The coordination of the suite allows every send, and a wait ends with its time."""
    alone = LoneCoordination()
    assert await alone.take("toy_upstream", 7, 1.0, 1) == (7, 0.0)
    alone.wake("toy_upstream")
    assert not await alone.wait("toy_upstream", 0.001)


async def test_a_question_is_asked_for_every_call() -> None:
    """A "call" operation without a lawful question cannot be examined."""
    faults = await run_check(changed(lambda case: replace(case, questions={})), "operations_succeed")
    assert any("look_up" in fault for fault in faults)


async def test_an_outcome_can_be_met_by_enquiry_and_by_probe() -> None:
    """Rows of calls that only an enquiry or a probe makes are reachable too."""

    def change(case: ConformanceCase) -> ConformanceCase:
        first = case.outcomes[0]
        asked = (
            replace(first, match="get", asked="enquire", expect=("not_found",)),
            replace(first, match="get", asked="check"),
            replace(case.outcomes[3], match="get", asked="enquire"),
            replace(case.outcomes[3], match="get", asked="check"),
        )
        return replace(case, outcomes=(*case.outcomes, *asked))

    assert await run_check(changed(change), "outcomes_are_reachable") == ()


async def test_triggers_that_cannot_be_judged_are_found() -> None:
    """A trigger that names no single row, and one whose family depends on the operation and says nothing."""

    def change(case: ConformanceCase) -> ConformanceCase:
        nobody = replace(case.outcomes[0], row={"code": "99"})
        return replace(case, outcomes=(nobody, replace(case.outcomes[2], expect=())))

    faults = await run_check(changed(change), "outcomes_are_reachable")
    assert any("khớp 0 dòng" in fault for fault in faults)
    assert any("cần expect" in fault for fault in faults)


async def test_an_example_that_cannot_be_read_is_found() -> None:
    """An example that its own types refuse."""

    def change(case: ConformanceCase) -> ConformanceCase:
        def refuse(_example: Example) -> object:
            raise ValueError("bad")

        return replace(case, round_trip=refuse)

    assert any("không đọc được" in fault for fault in await run_check(changed(change), "examples_round_trip"))


async def test_a_predecessor_that_fails_is_said() -> None:
    """A note whose item is refused: the cause is named, not only the consequence."""
    faults = await run_check(changed(lambda case: replace(case, secrets={"env:TOY": "wrong"})), "operations_succeed")
    assert any("put_item (trước add_note): không giao được" in fault for fault in faults)


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


def test_the_command_fails_with_what_does_not_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of a check is named, and the exit code is 1."""

    async def faulty(_subject: Subject, _ears: Ears) -> list[str]:
        return ["điều này không đúng"]

    monkeypatch.setattr(conformance, "CHECKS", {"faulty": faulty})
    assert conformance.main(["toy_upstream"]) == 1
    said = capsys.readouterr().out
    assert "điều này không đúng" in said
    assert said.splitlines()[-1] == "KHÔNG ĐẠT"


def test_the_command_knows_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """No name is wrong usage, an unknown name is a fault."""
    assert conformance.main([]) == 64
    assert conformance.main(["nobody"]) == 1
    assert "nobody" in capsys.readouterr().out


def test_the_inspector_finds_nothing_in_a_good_folder() -> None:
    """A connector of another distribution is inspected like ours."""
    assert inspect.inspect_all("toy_upstream") == ()
