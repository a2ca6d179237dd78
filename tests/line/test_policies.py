"""Answers that configuration decides: unknown dossiers that wait, lenient transitions, a queue that is full."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.line.program import Answer, until
from tests.line.running import Line, opened
from tests.line.words import RESOLUTION, SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("line-policies")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A line that parks events of unknown dossiers and is lenient about transitions."""
    settings = {"intake__unknown_dossier": "park", "intake__transitions": "lenient"}
    with opened(tmp_path_factory.mktemp("other"), program_environment, **settings) as line:
        yield line


@pytest.fixture
def narrow(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A line whose writer takes one at a time: whatever else it writes just then refuses the next."""
    settings = {"intake__unknown_dossier": "park", "storage__queue_limit": "1"}
    with opened(tmp_path_factory.mktemp("narrow"), program_environment, **settings) as line:
        yield line


def test_an_event_of_an_unknown_dossier_waits_for_its_registration(other: Line) -> None:
    """202 parked_gap under `unknown_dossier = "park"`; the registration applies it and names it."""
    code = other.new_code()
    told = event(SECTOR, code, 1, "received")
    answer = other.push(told)
    assert (answer.status, answer.tree["status"]) == (202, "parked_gap")
    assert other.get(f"/v1/events/{told['event_id']}", SECTOR).tree["status"] == "parked_gap"
    assert other.get(f"/v1/dossiers/{code}").status == 404
    registered = other.put(dossier(code))
    assert (registered.status, registered.tree["applied"]) == (201, [told["event_id"]])
    other.portal_has(code, ["2"])


def test_a_lenient_gateway_applies_an_impossible_step_and_says_so(other: Line) -> None:
    """`transitions = "lenient"`: accepted with a warning instead of parked."""
    code = other.new_dossier()
    assert other.push(event(SECTOR, code, 1, "awaiting_payment")).status == 202
    answer = other.push(event(SECTOR, code, 2, "draft"))
    assert (answer.status, answer.tree["status"]) == (202, "accepted")
    assert [warning["code"] for warning in answer.tree["warnings"]] == ["buoc_chuyen_trai_bang"]


def _accepted(line: Line, one: dict[str, object]) -> bool:
    return line.push(one).status == 202


def test_a_full_queue_answers_503_with_retry_after_and_the_same_bytes_are_accepted_later(narrow: Line) -> None:
    """Back-pressure is never a 202 that is not on disk: refused is not stored, accepted is."""
    told = [event(SECTOR, narrow.new_code(), 1, "received") for _ in range(120)]
    with ThreadPoolExecutor(24) as pool:
        answers: list[Answer] = list(pool.map(narrow.push, told))
    assert {answer.status for answer in answers} == {202, 503}
    for one, answer in zip(told, answers, strict=True):
        known = narrow.get(f"/v1/events/{one['event_id']}?system={SECTOR}", RESOLUTION)
        if answer.status == 503:
            assert answer.tree["code"] == "busy" and int(answer.headers["retry-after"]) >= 1
            assert known.status == 404
            # What the others wrote meanwhile may fill the queue once more: as the answer says, the same again, later.
            until(partial(_accepted, narrow, one), "the same bytes are accepted")
        else:
            assert known.status == 200
