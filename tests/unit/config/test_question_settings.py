"""The settings of lawful questions and proofs: what cannot be meant is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import check
from gateway.errors import ConfigError

UPSTREAMS = {"dan_cu": {"connector": "vneid"}}


def _faults(questions: dict[str, Any], proofs: dict[str, Any]) -> str:
    tree = {"identity": {"questions": questions, "proofs": proofs}, "upstreams": UPSTREAMS}
    with pytest.raises(ConfigError) as refused:
        check(tree)
    return "\n".join(refused.value.faults)


@pytest.mark.parametrize(
    ("questions", "place"),
    [
        ({"upstream": "khac"}, "identity.questions.upstream"),
        ({"upstream": "dan_cu", "timeout_s": 0}, "identity.questions.timeout_s"),
        ({"upstream": "dan_cu", "per_officer_per_hour": 0}, "identity.questions.per_officer_per_hour"),
        ({"upstream": "dan_cu", "per_system_per_hour": 0}, "identity.questions.per_system_per_hour"),
        ({"upstream": "dan_cu", "cache_s": 901}, "identity.questions.cache_s"),
        ({"upstream": "dan_cu", "open_states": []}, "identity.questions.open_states"),
        ({"upstream": "dan_cu", "callers": {"X": {"operations": []}}}, "identity.questions.callers.X"),
        ({"upstream": "dan_cu", "callers": {"X": {"operations": ["all"]}}}, "operations"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(questions: dict[str, Any], place: str) -> None:
    """No figure without meaning, no upstream that is none; a cached answer lives 15 minutes at most (identity facts 5)."""
    assert place in _faults(questions, {})


@pytest.mark.parametrize(
    ("proofs", "place"),
    [
        ({"keep_days": 0}, "keep_days"),
        ({"keep_days": 1e12}, "keep_days"),
        ({"named_within_days": float("nan")}, "named_within_days"),
        ({"named_within_days": 40, "keep_days": 39}, "keep_days"),
    ],
)
def test_a_proof_is_kept_as_long_as_it_may_be_named(proofs: dict[str, Any], place: str) -> None:
    """Erased before it may be named, a proof would be refused that was promised to hold."""
    assert f"identity.proofs.{place}" in _faults({"upstream": "dan_cu"}, proofs)


@pytest.mark.parametrize("titles", [{"dancu": ""}, {"vneid": " "}, {"dancu": "CSDL dân cư (qua VNeID)"}])
def test_a_check_is_never_told_to_the_portal_as_an_account_of_vneid(titles: dict[str, str]) -> None:
    """`TaiKhoanDuocXacThucVoiVNeID` follows the word in the title: a register confirms data, and nobody's account."""
    assert "identity.proofs.verified_by." in _faults({"upstream": "dan_cu"}, {"verified_by": titles})


def test_nobody_asks_who_is_not_listed_and_little_is_asked_by_default() -> None:
    """Only yes/no and the record of one citizen, about the parties of the dossier (identity facts 2.3)."""
    questions = {"upstream": "dan_cu", "callers": {"RES": {}}}
    identity = check({"identity": {"questions": questions}, "upstreams": UPSTREAMS}).identity
    assert identity is not None and identity.questions is not None
    asker = identity.questions.callers["RES"]
    assert (asker.operations, asker.subjects) == (("verify", "look_up"), "parties")
    assert identity.questions.cache_s == 0
