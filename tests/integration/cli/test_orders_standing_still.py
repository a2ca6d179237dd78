"""The same orders while no gateway runs: the command takes the store's lock, decides in the store, and lets go."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.line.program import until
from tests.line.words import SECTOR, event, own

pytestmark = pytest.mark.xdist_group("cli-standing-still")

NATIONAL = ("--upstream", "national_dvc")


@dataclass(frozen=True)
class Left:
    """What a gateway left in its store when it was stopped."""

    poisoned: str
    quiet: str
    gap: str
    odd: str
    odd_event: str
    delivered: str


@pytest.fixture(scope="module")
def left(office: Any) -> Iterator[Left]:
    """A stopped gateway with a held lane, a gap, a conflict, and a dossier that is at rest."""
    line = office.line
    poisoned, quiet, gap, odd = (line.new_dossier() for _ in range(4))
    line.order("national_dvc", "POST", "poison", {"add": [poisoned]})
    line.own_events(own(poisoned, "received"))
    line.own_events(own(quiet, "received"))
    line.push(event(SECTOR, gap, 2, "received"))
    for number, state in enumerate(("received", "returned"), 1):
        line.push(event(SECTOR, odd, number, state))
    strange = event(SECTOR, odd, 3, "received")
    line.portal_has(odd, ["2", "10"])
    assert line.push(strange).tree["status"] == "parked_conflict"
    line.portal_has(quiet, ["2"])
    delivered = line.settled(quiet)["deliveries"][0]["delivery_id"]
    until(lambda: any(lane["state"] == "HELD" for lane in line.view(poisoned)["lanes"]), "the poison is held")
    assert line.program.stop("gateway") == 0
    yield Left(poisoned, quiet, gap, odd, strange["event_id"], delivered)


def test_lanes_are_shown_from_the_store(office: Any, left: Left) -> None:
    """The same figures and the same exit code as from a running gateway; nothing of the look stays behind."""
    done = office.command("lanes", "--json")
    assert done.code == 1
    assert left.poisoned in [lane["dossier"] for lane in done.tree["lanes"]] and done.tree["parked_events"] == 2
    assert sorted(path.name for path in (office.folder / "data").glob("*.sock")) == []


def test_decisions_are_taken_in_the_store_and_hold_at_the_next_start(office: Any, left: Left) -> None:
    """Hold, replay, pause, skip a delivery, skip a gap, apply a conflict: all without a gateway, then it starts."""
    office.decide("replay", *NATIONAL, "--dossier", left.quiet, "--delivery", left.delivered)
    office.decide("hold", *NATIONAL, "--dossier", left.quiet)
    office.decide("pause", "resolution")
    office.decide("skip", "--source", SECTOR, "--dossier", left.gap)
    office.decide("release", "--source", SECTOR, "--dossier", left.odd, "--event", left.odd_event)
    office.line.order("national_dvc", "POST", "poison", {"remove": [left.poisoned]})
    office.decide("release", *NATIONAL, "--dossier", left.poisoned)
    for kind in ("delivery.replayed", "lane.held"):
        assert office.audit(kind, left.quiet), kind
    assert office.audit("gap.skipped", left.gap) and office.audit("event.released", left.odd)
    shown = office.command("lanes", "--json")
    assert {row["upstream"]: bool(row["paused"]) for row in shown.tree["upstreams"]} == {
        "national_dvc": False,
        "resolution": True,
    }

    office.line.start("gateway")
    office.line.portal_has(left.poisoned, ["2"])
    assert office.line.pushes(left.gap) == [], "paused in the store is paused at the start"
    assert office.line.view(left.quiet)["lanes"][0]["state"] == "HELD"
    office.decide("resume", "resolution")
    office.line.portal_has(left.gap, ["2"])
    office.decide("release", *NATIONAL, "--dossier", left.quiet)
    until(lambda: office.line.portal(left.quiet)["counts"]["echoes"] == 1, "the replay arrived")
    assert office.line.program.stop("gateway") == 0


def test_two_commands_at_once_do_not_spoil_the_store(office: Any, left: Left) -> None:
    """One has the lock; the other one waits its turn or is told so. The store is sound afterwards."""
    with ThreadPoolExecutor(3) as pool:
        codes = [done.code for done in pool.map(lambda _: office.command("lanes", "--json"), range(3))]
    assert set(codes) <= {0, 1, 69, 75} and set(codes) & {0, 1}
    assert office.command("lanes", "--json").code in (0, 1)
