"""The decision over the real store: what the journal in memory promises, the embedded one keeps."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.admin.operations import Operations
from gateway.admin.words import Words as Told
from gateway.config import Intake as IntakePolicy
from gateway.config import Upstream
from gateway.dispatch.replay import Switch
from gateway.evidence.log import chain
from gateway.intake.decide import Decider
from gateway.intake.snapshot import SnapshotSubject, snapshot_intake
from gateway.journal.model import Accepted, DeliveryState, MessageSettlement, Ordered, OrderKind, Settlement
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.records import courses, dossiers
from mappings.canonical import Carried, Cause
from mappings.codec import decode, encode


async def _open(path: Path, words: Any, clock: Any, **policy: Any) -> SqliteJournal:
    decide = Decider(words.routes, words.callers, IntakePolicy(**policy))
    options = StoreOptions(node="n", kek=bytes(32))
    journal = SqliteJournal.open(path, options, decide=decide, chain=chain, clock=clock)
    for entry in words.entries():
        assert (await journal.accept(entry)).status == 200
    return journal


def _snapshot(words: Any) -> Any:
    told = words.dossier()
    raw = encode(told)
    return snapshot_intake("RES", raw, hashlib.sha256(raw).digest(), SnapshotSubject(told, dossiers.digest(told)))


def _told(accepted: Accepted) -> Any:
    return msgspec.json.decode(accepted.answer)


async def test_events_of_every_source_that_waited_for_a_dossier_go_when_it_is_registered(
    tmp_path: Path, words: Any, turned: Any
) -> None:
    """Parked over a restart; then one transaction registers the dossier and moves the events of both sectors."""
    journal = await _open(tmp_path, words, turned.clock(), unknown_dossier="park")
    for source, sequence, state in (("SEC-B", 1, "received"), ("SEC-A", 2, "processing"), ("SEC-A", 1, "received")):
        accepted = await journal.accept(words.said(source, words.event(source, sequence, state)))
        assert _told(accepted)["status"] == "parked_gap"
    await journal.close()

    journal = await _open(tmp_path, words, turned.clock(), unknown_dossier="park")
    registered = await journal.accept(_snapshot(words))
    expected = [words.event_id("SEC-A", 1), words.event_id("SEC-A", 2), words.event_id("SEC-B", 1)]
    assert registered.status == 201 and _told(registered)["applied"] == expected
    deliveries = await journal.deliveries_of(words.code)
    assert [(row.event_id, row.state) for row in deliveries] == [(name, DeliveryState.READY) for name in expected]
    assert {row.known.status for row in await journal.events_of(words.code)} == {"accepted"}
    await journal.accept(words.uploaded())
    following = await journal.accept(words.said("SEC-A", words.event("SEC-A", 3, "resolved")))
    assert _told(following)["status"] == "accepted"
    await journal.close()


async def test_what_a_lane_carries_is_the_event_with_its_dossier(tmp_path: Path, words: Any, turned: Any) -> None:
    """Claimed payloads decode to the canonical pair, also for an event that was parked first."""
    journal = await _open(tmp_path, words, turned.clock())
    await journal.accept(_snapshot(words))
    second, first = words.event("SEC-A", 2, "resolved"), words.event("SEC-A", 1, "received")
    await journal.accept(words.uploaded())
    for told in (second, first):
        await journal.accept(words.said("SEC-A", told))
    (claim,) = await journal.claim("resolution", limit=4, batch={"push": 10}, lease=words.lease, now=turned.now)
    carried = [decode(row.payload, Carried) for row in claim.deliveries]
    assert [row.event for row in carried] == [first, second]
    assert [row.dossier for row in carried] == [words.dossier()] * 2
    await journal.close()


async def test_a_late_predecessor_and_a_decided_conflict_survive_a_restart(
    tmp_path: Path, words: Any, turned: Any, spoken: Any
) -> None:
    """The course is a record: skipped ranges, views and order are there after the process died."""
    journal = await _open(tmp_path, words, turned.clock())
    await journal.accept(_snapshot(words))
    await journal.accept(words.said("SEC-A", words.event("SEC-A", 1, "returned")))
    await journal.accept(words.said("SEC-A", words.event("SEC-A", 4, "received")))
    passed = await journal.accept(spoken.gap("SEC-A"))
    assert _told(passed)["held"] == [words.event_id("SEC-A", 4)]
    await journal.close()

    journal = await _open(tmp_path, words, turned.clock())
    late = await journal.accept(words.said("SEC-A", words.event("SEC-A", 3, "processing")))
    assert _told(late)["status"] == "stale"
    decided = await journal.accept(spoken.conflict("SEC-A", words.event_id("SEC-A", 4), apply=True))
    assert decided.status == 200
    statuses = {row.known.sequence: row.known.status.value for row in await journal.events_of(words.code)}
    assert statuses == {1: "accepted", 3: "applied_late", 4: "accepted"}
    record = await journal.record(courses.key(words.code))
    assert record is not None and courses.parse(record).view("SEC-A").sequence == 4
    await journal.close()


@pytest.mark.parametrize("echo_first", [True, False])
async def test_an_event_whose_push_a_person_skips_is_not_lost_outside(
    tmp_path: Path, words: Any, turned: Any, echo_first: bool
) -> None:
    """Under on_ack: the push is held, the operator skips it, the echo came before or comes after. It goes outside once."""
    journal = await _open(tmp_path, words, turned.clock())
    await journal.accept(_snapshot(words))
    first = words.event("SEC-ACK", 1, "received")
    echo = words.event("RES", 1, "received", caused_by=Cause("SEC-ACK", first.event_id))
    await journal.accept(words.said("SEC-ACK", first))
    (claim,) = await journal.claim("resolution", limit=1, batch={}, lease=words.lease, now=turned.now)
    held = MessageSettlement(claim.deliveries[0].sequence, DeliveryState.HELD)
    await journal.settle(Settlement(claim.lane_id, claim.epoch, (held,), block_reason="không rõ đã nhận chưa"))
    if echo_first:
        await journal.accept(words.said("RES", echo))
    upstreams = {"resolution": Upstream(connector="resolution"), "national": Upstream(connector="national_dvc")}
    operations = Operations(journal, _Idle(), upstreams, turned.clock())
    told = Told("van-hanh", "hệ thống giải quyết đã có sự kiện này", upstream="resolution", dossier=words.code)
    assert (await operations.order(OrderKind.SKIP, told))["done"] is True
    if not echo_first:
        await journal.accept(words.said("RES", echo))
    rows = await journal.deliveries_of(words.code)
    goes = first if echo_first else echo
    outside = [(row.event_id, row.operation, row.state) for row in rows if row.upstream == "national"]
    assert outside == [(goes.event_id, name, DeliveryState.READY) for name in ("sync", "progress")]
    assert [row.state for row in rows if row.upstream == "resolution"] == [DeliveryState.REFUSED]
    await journal.close()


class _Idle:
    """Nothing runs that could be paused."""

    async def switch(self, order: Switch) -> Ordered:
        """Nothing to pause or resume."""
        return Ordered(False, "")
