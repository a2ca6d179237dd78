"""The negative controls of the recorder that holds every answer of the other tests against the description."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.intake.published.sources import example
from tests.conforming import documented

HEADERS = {"X-Correlation-Id": "abc-12345", "Content-Type": "application/json"}
RECEIPT: dict[str, Any] = example("receipt-accepted")


def _faults(
    status: int = 202, headers: dict[str, str] = HEADERS, path: str = "/v1/events", **changes: Any
) -> list[str]:
    body = {name: value for name, value in (RECEIPT | changes).items() if value is not None}
    return documented().faults("POST", path, status, headers, json.dumps(body).encode())


def test_a_documented_answer_passes() -> None:
    """The positive control."""
    assert _faults() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 201},
        {"status": 500},
        {"headers": {"Content-Type": "application/json"}},
        {"headers": HEADERS | {"Content-Type": "text/plain"}},
        {"path": "/v1/somewhere"},
        {"receipt_id": None},
        {"receipt_id": "not a uuid"},
        {"nobody_described_me": 1},
        {"warnings": [{"code": "x", "message_vi": "Lạ.", "more": 1}]},
    ],
)
def test_any_other_answer_is_named(changes: dict[str, Any]) -> None:
    """An undocumented status, a missing header, another media type, an unknown path, a missing, wrong or unknown field."""
    assert _faults(**changes) != []
