"""Problem documents, and the table of codes that callers program against."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

import gateway.errors
import gateway.identity
import gateway.intake
import mappings
import signing
from gateway.errors import Fault, IntakeError, Invalid, JournalUnavailable, NotFound, Unauthenticated
from gateway.intake import receipts
from gateway.intake.problems import FAULTS, PROBLEMS, WARNINGS, problem

INTAKE = Path(gateway.intake.__file__).parent
IDENTITY = Path(gateway.identity.__file__).parent
MAPPINGS = Path(mappings.__file__).parent
SIGNING = Path(signing.__file__).parent
REQUIREMENTS = resources.files("mappings").joinpath("tables", "requirements.csv")


def test_problem_document_carries_code_and_all_faults() -> None:
    """RFC 9457 members, our code, what to do, and each fault with pointer and sentence."""
    error = Invalid(faults=(Fault("sai_kieu", "/sequence", "Phải là một số nguyên."),))
    status, headers, body = problem(error, "/v1/events")
    assert (status, headers["Content-Type"]) == (422, "application/problem+json")
    document = json.loads(body)
    assert document["type"] == "urn:tthc-gateway:problem:invalid"
    assert (document["status"], document["code"], document["instance"]) == (422, "invalid", "/v1/events")
    assert document["title"] == PROBLEMS["invalid"].title_vi and document["action"]
    assert document["errors"] == [{"code": "sai_kieu", "pointer": "/sequence", "message_vi": "Phải là một số nguyên."}]


def test_busy_says_when_to_come_back() -> None:
    """503 and 429 carry Retry-After, the one that was computed or a default."""
    assert problem(JournalUnavailable()).headers["Retry-After"] == "5"
    assert problem(JournalUnavailable(retry_after_s=40)).headers["Retry-After"] == "40"
    assert problem(IntakeError("x", code="too_many_requests", status=429)).headers["Retry-After"]
    assert "Retry-After" not in problem(NotFound()).headers


def test_unsigned_request_is_told_how_to_sign() -> None:
    """A 401 names the covered set that is asked for (RFC 9421 5.1)."""
    assert '"content-digest"' in problem(Unauthenticated()).headers["Accept-Signature"]


def test_a_code_outside_the_table_still_makes_a_document() -> None:
    """An unknown code is a gap in the table, not a crash on the way out."""
    document = json.loads(problem(IntakeError("Lạ.", code="la_lam", status=418)).body)
    assert (document["code"], document["title"], document["status"]) == ("la_lam", "Lạ.", 418)


def _calls(kind: str) -> Iterator[ast.Call]:
    for file in sorted([*INTAKE.glob("*.py"), *IDENTITY.glob("*.py")]):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and kind in ("", node.func.id):
                yield node


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_code_raised_in_intake_is_published() -> None:
    """A caller can look up whatever code it meets."""
    classes = [
        kind for kind in vars(gateway.errors).values() if isinstance(kind, type) and issubclass(kind, IntakeError)
    ]
    names = {kind.__name__ for kind in classes}
    raised = {kind.code for kind in classes}
    for call in _calls(""):
        if isinstance(call.func, ast.Name) and call.func.id in names:
            raised |= {_constant(keyword.value) for keyword in call.keywords if keyword.arg == "code"}
    assert len(raised) > 20
    assert raised - {""} <= set(PROBLEMS)


def test_every_fault_of_intake_and_mappings_is_published() -> None:
    """A caller can look up the code of every single fault."""
    raised = {_constant(call.args[0]) for call in _calls("Fault") if call.args}
    for file in sorted([*MAPPINGS.glob("*.py"), *SIGNING.glob("*.py")]):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("wrong", "SectorFault", "XmlRefused")
            ):
                raised.add(_constant(node.args[0]))
    rows = csv.DictReader(REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    raised |= {row["fault_code"] for row in rows if row["effect"] == "refuse"}
    assert len(raised) > 25
    assert raised - {""} <= set(FAULTS)


def test_every_warning_is_published() -> None:
    """A caller can look up the codes in `warnings` of a receipt as well."""
    told = {_constant(call.args[0]) for call in _calls("Remark") if call.args}
    told |= {remark.code for remark in vars(receipts).values() if isinstance(remark, receipts.Remark)}
    told |= {receipts.DOUBTFUL_STEP, receipts.FORCED_STEP}
    rows = csv.DictReader(REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    told |= {row["fault_code"] for row in rows if row["effect"] == "warn"}
    assert told - {""} == set(WARNINGS)


def test_no_published_fault_is_out_of_use() -> None:
    """A code that nothing raises misleads whoever programs against the table."""
    sources = [*INTAKE.glob("*.py"), *IDENTITY.glob("*.py"), *MAPPINGS.glob("*.py"), *SIGNING.glob("*.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in sources) + REQUIREMENTS.read_text(encoding="utf-8")
    assert [code for code in (*FAULTS, *WARNINGS) if code not in text] == []


def test_sentences_for_people_are_vietnamese_with_diacritics() -> None:
    """Titles and advice are for officials and developers in Viet Nam."""
    for entry in (*PROBLEMS.values(), *FAULTS.values(), *WARNINGS.values()):
        assert not entry.title_vi.isascii() and not entry.action_vi.isascii(), entry
        assert entry.action_vi.endswith("."), entry


@pytest.mark.parametrize("kind", [IntakeError, *IntakeError.__subclasses__()])
def test_status_of_each_error_is_the_published_one(kind: type[IntakeError]) -> None:
    """The table and the classes agree."""
    assert PROBLEMS[kind.code].status == kind.status


def test_codes_are_complete_and_unique() -> None:
    """Every row has a title and says what to do; no code stands twice in its kind."""
    text = (INTAKE / "schemas" / "problem_codes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({(row["kind"], row["code"]) for row in rows}) == len(rows) == len(PROBLEMS) + len(FAULTS) + len(WARNINGS)
    assert all(row["title_vi"] and row["action_vi"] for row in rows)
