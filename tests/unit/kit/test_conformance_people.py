"""The checks of questions and sign-ons find what does not hold: each is shown a case that must fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connectors.kit.case import ConformanceCase
from connectors.kit.conformance import run_check
from connectors.kit.faults import FaultKind
from connectors.kit.ground import Subject, subject

QUESTIONS = "questions_meet_faults_in_their_family"
SIGN_ONS = "sign_ons_meet_faults_in_their_family"


def changed(change: Callable[[ConformanceCase], ConformanceCase]) -> Subject:
    """The identity connector with another case, examined in one operation alone."""
    original = subject("vneid", "header-signed")
    operations = {"verify": original.manifest.operations["verify"]}
    manifest = replace(original.manifest, operations=operations)
    return replace(original, manifest=manifest, case=lambda base_url: change(original.case(base_url)))


async def test_a_good_connector_passes() -> None:
    """No check finds a fault where there is none."""
    assert await run_check(changed(lambda case: case), QUESTIONS) == ()
    assert await run_check(changed(lambda case: case), SIGN_ONS) == ()


async def test_a_fault_in_another_family_is_found() -> None:
    """A 500 that ended as an answer would be named."""
    expected = {FaultKind.HTTP_500: ("receipt",)}
    faults = await run_check(changed(lambda case: replace(case, expected=expected)), QUESTIONS)
    assert faults == ("verify gặp http_500: kết thúc bằng upstream_fault, phải là receipt",)


async def test_a_question_that_does_not_recover_is_found() -> None:
    """Whoever cannot be asked again after a fault is no upstream to build on."""

    def change(case: ConformanceCase) -> ConformanceCase:
        off = replace(case.questions["verify"], unit="")
        return replace(case, questions={"verify": off}, expected=dict.fromkeys(FaultKind, ("cannot_map",)))

    faults = await run_check(changed(change), QUESTIONS)
    assert "verify gặp http_500: hỏi lại sau đó kết thúc bằng cannot_map" in faults


async def test_a_provider_without_a_sample_is_found() -> None:
    """A provider that nobody examined would pass unseen."""
    faults = await run_check(changed(lambda case: replace(case, sign_ons={})), SIGN_ONS)
    assert faults == (
        "cdvcqg: thiếu lần đăng nhập mẫu trong sign_ons",
        "vneid: thiếu lần đăng nhập mẫu trong sign_ons",
    )


async def test_a_call_that_is_repeated_is_found() -> None:
    """A userinfo call that met a 500 is made once more; were it the one that spends the code, that would be a fault."""

    def change(case: ConformanceCase) -> ConformanceCase:
        return replace(
            case,
            sign_ons={name: replace(sample, operations=("userinfo",)) for name, sample in case.sign_ons.items()},
        )

    faults = await run_check(changed(change), SIGN_ONS)
    assert "cdvcqg: userinfo gặp http_500: gọi 2 lần, phải đúng một lần" in faults


async def test_a_sign_on_that_is_refused_is_found() -> None:
    """A callback for another state ends in no account."""

    def change(case: ConformanceCase) -> ConformanceCase:
        sample = case.sign_ons["cdvcqg"]
        strange = replace(
            sample,
            walk=lambda address: sample.walk(address.replace("state=s", "state=x")),
        )
        return replace(case, sign_ons={**case.sign_ons, "cdvcqg": strange})

    faults = await run_check(changed(change), SIGN_ONS)
    assert "cdvcqg: đăng nhập kết thúc bằng refused" in faults
