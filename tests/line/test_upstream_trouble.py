"""The portal away, busy, forgetful or deaf: what was accepted arrives, in order and once in effect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.line.program import ask, until
from tests.line.running import Line
from tests.line.words import SECTOR, event, own

pytestmark = pytest.mark.xdist_group("line-trouble")

SYNC, ROWS = "DongBoHoSoMC", "CapNhatTienDoHoSoMC"


@pytest.fixture(autouse=True)
def _well(fragile: Line) -> Iterator[None]:
    """Both simulators are well before and after each test."""
    yield
    fragile.faults("national_dvc")
    fragile.faults("resolution")


def test_events_are_accepted_while_the_portal_is_down_and_arrive_when_it_is_back(fragile: Line) -> None:
    """Intake does not know of the outage; after it everything is there once, in order, without anybody's help."""
    codes = [fragile.new_dossier() for _ in range(5)]
    away_s = 15.0
    fragile.order("national_dvc", "POST", "outage", {"seconds": away_s})
    for code in codes:
        fragile.own_events(*(own(code, state, n) for n, state in enumerate(("received", "processing"), 1)))
    until(
        lambda: all(len(fragile.sent(c, outcome="acknowledged")) == 2 for c in codes),
        "all is accepted before it ends",
        away_s,
    )
    for code in codes:
        assert fragile.portal_has(code, ["2", "4"])["counts"]["creates"] == 1


def test_events_are_accepted_while_the_resolution_system_is_down(fragile: Line) -> None:
    """The sector gets its 202; the push is delivered after the outage."""
    code = fragile.new_dossier()
    fragile.order("resolution", "POST", "outage", {"seconds": 1.0})
    assert fragile.push(event(SECTOR, code, 1, "received")).tree["status"] == "accepted"
    fragile.portal_has(code, ["2"])
    assert [push["sequence"] for push in fragile.pushes(code)] == [1]


def test_a_dossier_that_the_portal_lost_is_found_by_reconciling_and_agrees_after_a_replay(fragile: Line) -> None:
    """What was acknowledged and is gone becomes a repair that a person sees to; nothing is sent by itself."""
    named = (
        "an",
        "--new-key",
        "--person",
        "CB-001",
        "--role",
        "admin",
        "--role",
        "operator",
        "--reason",
        "Lập người vận hành",
    )
    assert fragile.program.run("operators", "add", "--config", fragile.config, *named).code == 0
    kept, lost = fragile.new_dossier(), fragile.new_dossier()
    for code in (kept, lost):
        fragile.own_events(own(code, "received"))
        fragile.portal_has(code, ["2"])
        fragile.settled(code)
    fragile.order("national_dvc", "DELETE", f"state?code={lost}")
    words = (
        "reconcile",
        "--upstream",
        "national_dvc",
        "--since",
        "2026-01-01",
        "--reason",
        "Cổng vừa khôi phục",
        "--json",
    )
    found = fragile.command(*words)
    (told,) = found.tree["upstreams"]
    assert found.code == 1
    assert [(one["dossier"], one["sight"]) for one in told["repairs"]] == [(lost, "missing")]
    assert told["last"]["missing"] == 1 and told["last"]["agrees"] >= 1
    assert fragile.portal(lost) is None, "nothing is sent unless a person says so"
    state = told["repairs"][0]["deliveries"]["state"]
    place = ("--upstream", "national_dvc", "--dossier", lost, "--reason", "Cổng mất hồ sơ sau khi khôi phục")
    assert fragile.command("replay", *place, "--delivery", state, "--json").code == 0
    until(lambda: fragile.portal(lost), "the dossier is at the portal again")
    fragile.settled(lost)
    again = fragile.command(*words)
    assert (again.code, again.tree["upstreams"][0]["repairs"]) == (0, [])
    assert "repair.agreed" in [row["kind"] for row in fragile.feed() if row["dossier_code"] == lost]


def test_retry_after_is_honoured(fragile: Line) -> None:
    """429 with `Retry-After: 1`: the same call does not come again before a second has passed."""
    code = fragile.new_dossier()
    fragile.faults("national_dvc", {"match": SYNC, "fault": "busy_429", "times": 1, "seconds": 1})
    fragile.own_events(own(code, "received"))
    fragile.portal_has(code, ["2"])
    calls = [c for c in fragile.calls("national_dvc", code) if c["operation"] == SYNC]
    assert [c["status"] for c in calls] == [429, 200]
    assert calls[1]["instant"] - calls[0]["ended"] >= 1.0
    delivery = fragile.settled(code)["deliveries"][0]
    assert [a["http_status"] for a in delivery["attempts"]] == [429, 200]


def _again(line: Line) -> float:
    """Calls to the portal that went out once more because their session had ended."""
    told = ask("GET", f"{line.url()}/metrics").body.decode()
    lines = [row for row in told.splitlines() if row.startswith('gateway_calls_again_total{upstream="national_dvc"}')]
    return float(lines[0].split()[-1]) if lines else 0.0


def test_an_expired_session_is_renewed_within_the_attempt(fragile: Line) -> None:
    """The refusal proves that nothing was done: log in again, send again, one attempt; the repeat is counted."""
    code = fragile.new_dossier()
    first = fragile.new_dossier()
    fragile.own_events(own(first, "received"))  # somebody has logged in
    fragile.portal_has(first, ["2"])
    fragile.settled(first)
    fragile.faults("national_dvc", {"match": SYNC, "fault": "expired_session", "times": 1})
    mark = fragile.order("national_dvc", "GET", "health")["calls"]
    before = _again(fragile)
    fragile.own_events(own(code, "received"))
    fragile.portal_has(code, ["2"])
    calls = [c for c in fragile.calls("national_dvc") if c["number"] > mark]
    operations = [c["operation"] for c in calls]
    assert operations[operations.index(SYNC) :][:3] == [SYNC, "login", SYNC]
    assert [c["summary"].get("session") for c in calls if c["operation"] == SYNC] == ["ended", None]
    assert _again(fragile) == before + 1
    delivery = fragile.settled(code)["deliveries"][0]
    assert [a["outcome"] for a in delivery["attempts"]] == ["delivered"]


def test_an_answer_lost_after_the_commit_ends_in_one_effect(fragile: Line) -> None:
    """The portal did it and nobody heard: unknown, asked about after the deadline, one creation and one row."""
    code = fragile.new_dossier()
    fragile.faults("national_dvc", {"match": SYNC, "fault": "drop_after_commit", "times": 1})
    fragile.own_events(own(code, "received"), own(code, "processing", 2))
    held = fragile.portal_has(code, ["2", "4"])
    assert held["counts"]["creates"] == 1 and held["counts"]["returns"] == 0
    assert held["counts"]["repeated_rows"] == 0 and held["counts"]["echoes"] <= 1
    first, again = fragile.settled(code)["deliveries"][0]["attempts"][:2]
    assert first["outcome"] in ("outcome_unknown", "no_answer", "connection_lost")
    assert again["outcome"] in ("delivered", "duplicate", "enquired_done")
    lookups = [c for c in fragile.calls("national_dvc", code) if c["operation"] == "TraCuuHoSo"]
    sent = next(c for c in fragile.calls("national_dvc", code) if c["operation"] == SYNC)
    # Never before the unanswered call's own deadline (timeout_s = 2) has passed.
    assert lookups and lookups[0]["instant"] - sent["instant"] >= 2.0


def test_an_answer_of_garbage_is_an_unknown_outcome_and_no_success(fragile: Line) -> None:
    """HTTP 200 with rubbish proves nothing; the dossier still ends with one creation."""
    code = fragile.new_dossier()
    fragile.faults("national_dvc", {"match": SYNC, "fault": "garbage", "times": 1})
    fragile.own_events(own(code, "received"))
    assert fragile.portal_has(code, ["2"])["counts"]["creates"] == 1
    assert len(fragile.settled(code)["deliveries"][0]["attempts"]) >= 2


def test_a_progress_row_of_a_harmless_status_is_sent_again_and_counted(fragile: Line) -> None:
    """Status 2 by default resends after an unknown outcome: one repeated row at most, and it is told as repeated."""
    code = fragile.new_dossier()
    fragile.faults("national_dvc", {"match": ROWS, "fault": "drop_after_commit", "times": 1})
    fragile.own_events(own(code, "received"))
    until(lambda: len((fragile.portal(code) or {"progress": ()})["progress"]) == 2, "the row was sent again")
    view = fragile.settled(code)
    assert [d["state"] for d in view["deliveries"]] == ["DELIVERED", "DELIVERED"]
    assert fragile.portal(code)["counts"]["repeated_rows"] == 1


def test_a_progress_row_of_status_5_is_held_for_a_person_after_an_unknown_outcome(fragile: Line) -> None:
    """A repeated 5 makes the portal score the dossier late: never sent again by itself, shown with its reason."""
    code = fragile.new_dossier()
    fragile.own_events(own(code, "received"))
    fragile.portal_has(code, ["2"])
    fragile.faults("national_dvc", {"match": ROWS, "fault": "drop_after_commit", "times": 1})
    fragile.own_events(own(code, "awaiting_supplement", 2), own(code, "processing", 3))
    (lane,) = until(
        lambda: [lane for lane in fragile.view(code)["lanes"] if lane["state"] == "HELD"], "the lane is held"
    )
    assert lane["upstream"] == "national_dvc" and lane["operation"] == "progress" and "trễ hạn" in lane["block_reason"]
    assert [row["state"] for row in fragile.portal(code)["progress"]] == ["2", "5"]
    assert [r["kind"] for r in fragile.feed() if r["dossier_code"] == code].count("delivery.held") == 1


def test_a_poisoned_dossier_is_held_and_delays_nobody(fragile: Line) -> None:
    """The portal refuses one dossier for ever; the others arrive meanwhile as if it were not there."""
    poisoned = fragile.new_dossier()
    fragile.order("national_dvc", "POST", "poison", {"add": [poisoned]})
    others = [fragile.new_dossier() for _ in range(8)]
    for code in (poisoned, *others):
        fragile.own_events(own(code, "received"), own(code, "processing", 2))
    for code in others:
        fragile.portal_has(code, ["2", "4"])
    (lane,) = until(
        lambda: [lane for lane in fragile.view(poisoned)["lanes"] if lane["state"] == "HELD"], "the poison is held"
    )
    assert lane["block_reason"] and fragile.portal(poisoned) is None
    states = [d["state"] for d in fragile.view(poisoned)["deliveries"]]
    assert states == ["HELD", "READY", "READY", "READY"], "what stands behind it waits, unharmed"


def test_slow_answers_beyond_the_deadline_do_not_double_anything(fragile: Line) -> None:
    """The portal answers after the gateway has given up: the outcome is asked about, one creation stands."""
    code = fragile.new_dossier()
    fragile.faults("national_dvc", {"match": SYNC, "fault": "slow", "times": 1, "seconds": 2.5})
    fragile.own_events(own(code, "received"))
    held = fragile.portal_has(code, ["2"])
    fragile.settled(code)
    assert fragile.portal(code)["counts"]["creates"] == 1 and held["counts"]["returns"] == 0
