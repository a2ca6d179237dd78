"""Schemathesis at the real door: no 5xx, no answer that the description does not name, most requests authenticated.

TTHC_EXAMPLES sets how many requests are drawn for each operation; `make prove` draws more than `make test`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.line.exploring import explore
from tests.line.running import Line
from tests.line.signing_on import QUESTIONS, opened_portal

EXAMPLES = int(os.environ.get("TTHC_EXAMPLES", "12"))
SEED = 20_261_122


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A running line in which people can sign on and registers can be asked, so that every route is there."""
    with opened_portal(tmp_path_factory.mktemp("explored"), program_environment, QUESTIONS) as portal:
        portal.line.start("national_dvc", "resolution")
        yield portal.line


@pytest.fixture
def description(explored: Line) -> Any:
    """The description as the running gateway serves it."""
    return explored.get("/openapi.json").tree


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * EXAMPLES)
def test_no_drawn_request_meets_a_5xx_or_an_undocumented_answer(
    explored: Line, description: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Positive and negative data, each signed as sent; at least 80 % of what must be signed passes authentication."""
    found = explore(explored, description, EXAMPLES, SEED)
    with capsys.disabled():
        sys.stdout.write(f"\n{found}\n")
    assert found.failures == [], "\n\n".join(found.failures)
    assert found.share >= 80, found
    answered = {label for label, _ in found.answers}
    assert answered == {f"{method.upper()} {path}" for path, item in description["paths"].items() for method in item}
    accepted = [found.answers["POST /v1/events", 202], found.answers["PUT /v1/dossiers/{code}", 201]]
    assert min(accepted) >= 1, "nothing was accepted, so hardly anything was tried"
    assert not [key for key in found.answers if key[1] >= 500]


@pytest.mark.timeout(600)
def test_a_description_that_says_less_than_the_gateway_does_is_found_out(explored: Line, description: Any) -> None:
    """The negative control: an answer is taken out, a field of another is given another type, and both are reported."""
    del description["paths"]["/v1/events"]["post"]["responses"]["422"]
    description["components"]["schemas"]["Feed"]["properties"]["more"] = {"type": "integer"}
    for path in set(description["paths"]) - {"/v1/events", "/v1/feed"}:
        del description["paths"][path]
    told = "\n".join(explore(explored, description, 2, SEED).failures)
    assert "POST /v1/events: status_code_conformance" in told
    assert "GET /v1/feed: response_schema_conformance" in told
