"""Content made to hurt: bounded work and a bounded answer for every body that passes the size limit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.errors import IntakeError, Invalid
from gateway.intake import strict_json
from gateway.intake.problems import problem
from gateway.intake.validate import LONGEST_LIST, Limits, schema, validate_event
from tests.effort import effort

Tree = dict[str, Any]
COSTLY = 800.0
"""In units of `effort`."""


def refusal(tree: Tree, limits: Limits, *, ascii_only: bool = True) -> IntakeError:
    """How a tree is refused."""
    raw = json.dumps(tree, ensure_ascii=ascii_only).encode()
    with pytest.raises(IntakeError) as caught:
        validate_event(raw, "application/json", limits)
    return caught.value


MANY: dict[str, Any] = {
    "unknown_fields": {f"k{n}": 1 for n in range(60_000)},
    "empty_fees": {"fees": [{}] * 250_000},
    "numbers_for_results": {"results": [1] * 400_000},
    "fractions": {"fees": [1.5] * 200_000},
    "unknown_lists": {"x": [[] for _ in range(250_000)]},
    "results_of_nothing": {"results": [{"a": {"b": {}}}] * 50_000},
    "one_long_key": {"k" * 900_000: 1},
}


@pytest.mark.parametrize("defect", MANY)
def test_a_megabyte_of_faults_costs_little_and_answers_little(event: Tree, limits: Limits, defect: str) -> None:
    """One signed body must not stop the gateway for seconds (it took 14), nor draw an answer of its own size."""
    refused: list[IntakeError] = []
    assert effort(lambda: refused.append(refusal(event | MANY[defect], limits))) < COSTLY
    (error,) = refused
    assert 1 <= len(error.faults) <= strict_json.MAX_FAULTS
    assert len(problem(error).body) < 32_768


def test_an_overlong_list_is_named_as_such(event: Tree, limits: Limits) -> None:
    """What is cut off for the validator is still too much for it."""
    found = {(fault.code, fault.pointer) for fault in refusal(event | {"results": [{}] * 5_000}, limits).faults}
    assert ("qua_nhieu", "/results") in found and ("thieu_truong", "/results/0/id") in found


def test_no_schema_allows_a_longer_list_than_the_validator_sees() -> None:
    """Otherwise the end of a lawful list would go unchecked."""

    def bounds(node: Any) -> list[int]:
        if isinstance(node, dict):
            own = [node["maxItems"]] if "maxItems" in node else []
            assert own or node.get("type") != "array"
            return own + [bound for item in node.values() for bound in bounds(item)]
        return [bound for item in node for bound in bounds(item)] if isinstance(node, list) else []

    assert max(bounds(schema("event")) + bounds(schema("dossier"))) == LONGEST_LIST


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "as_it_is"])
@pytest.mark.parametrize("character", ["\x7f", "\x80", "\x85", "\x9f", "\u202a", "\u202e", "\u2066", "\u2069"])
def test_a_hidden_control_character_is_refused_however_written(
    event: Tree, limits: Limits, character: str, ascii_only: bool
) -> None:
    """A name that shows other than it is has no place on an official's screen."""
    tree = event | {"sub_state": f"Phòng{character}Ví Dụ"}
    error = refusal(tree, limits, ascii_only=ascii_only)
    assert [(fault.code, fault.pointer) for fault in error.faults] == [("json_ky_tu_dieu_khien", "/sub_state")]


@pytest.mark.parametrize("text", ["“Ví dụ” – phòng số 1…", "25 °C, điều 3§", "dòng 1\ndòng 2\tcột", "Nguyễn\u200cVăn"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_ordinary_punctuation_is_no_control_character(event: Tree, limits: Limits, text: str, ascii_only: bool) -> None:
    """The look for hidden signs must not refuse quotation marks, dashes or line breaks."""
    raw = json.dumps(event | {"sub_state": text}, ensure_ascii=ascii_only).encode()
    assert validate_event(raw, "application/json", limits).tree["sub_state"] == text


@pytest.mark.parametrize(
    "code",
    [
        "000.00.00.G16-٢٦١١٢٠-0042",
        "000.00.00.G16-261120-００４２",
        "000.00.00.Ｇ16-261120-0042",
        "000.00.00.G16-261120-0042\n",
    ],
)
def test_a_code_in_look_alike_signs_is_no_dossier_code(event: Tree, limits: Limits, code: str) -> None:
    """Digits of another script look like digits and name another dossier."""
    error = refusal(event | {"dossier_code": code}, limits)
    assert isinstance(error, Invalid)
    assert ("ma_ho_so_sai", "/dossier_code") in {(fault.code, fault.pointer) for fault in error.faults}
