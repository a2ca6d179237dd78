"""F8, F9, F10, F12 to F16: order, backlog, exhaustion, and the answer to a repeat.

More of F8, F12 and F15 is in tests/integration/dispatch, where the whole worker is looked at.
"""

from __future__ import annotations

import asyncio
import re
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from connectors.kit.errors import Busy, NoAnswer, NotSent
from gateway.clock import Clock
from gateway.config import Retry
from gateway.dispatch.upstreams import OperationTraits
from gateway.journal.model import DeliveryState, LaneOrder, OrderKind
from gateway.journal.statements import load
from tests.catalogue.writing import LEASE, opened, push
from tests.integration.dispatch.conftest import BatchPostman, House, Postman, quick, receipt
from tests.line.program import until
from tests.line.running import Line
from tests.line.words import SECTOR, event
from tests.prove import backlog
from tests.prove.zombie import UPSTREAM

DOSSIERS = 60


async def delays(house: House, code: str, poisoned: bool) -> list[float]:
    """How long each of many dossiers waited for its delivery while one never gets an answer, or none does so."""
    postman = Postman(house.turned)
    postman.always["BAD"] = NoAnswer()
    house.line(code, postman, quick(concurrency=4), status=OperationTraits(idempotent=True))
    if poisoned:
        await house.push("BAD", code)
    for number in range(DOSSIERS):
        await house.push(f"{code}{number}", code)
    begun, arrived = time.monotonic(), dict[str, float]()

    async def look() -> bool:
        house.turn(11.0)  # what waits is due again, so that the poison comes back at every look
        for call in postman.heard():
            arrived.setdefault(call.dossier, time.monotonic() - begun)
        return len(arrived.keys() - {"BAD"}) == DOSSIERS

    async with house.working():
        await house.until(look)
    assert not poisoned or len(postman.heard(dossier="BAD")) > 1
    return sorted(delay for dossier, delay in arrived.items() if dossier != "BAD")


async def test_f08_one_poisoned_dossier_delays_no_other(house: House) -> None:
    """The slowest of the others waits no longer than without the poison, but for what this machine's noise may be."""
    clean = await delays(house, "C", poisoned=False)
    del house.lines["C"]
    beside = await delays(house, "P", poisoned=True)
    assert beside[int(DOSSIERS * 0.99)] <= 3 * clean[int(DOSSIERS * 0.99)] + 5.0


async def test_f09_messages_of_one_instant_go_out_in_the_order_of_their_sequence(house: House) -> None:
    """The clock stands still for all of them, accepts of many dossiers share commits: each lane is in order all the same."""
    postman = Postman(house.turned)
    house.line("A", postman)
    await asyncio.gather(*(house.push(f"D{number % 10}") for number in range(120)))
    async with house.working():
        for number in range(10):
            await house.reach(f"D{number}", *["DELIVERED"] * 12)
    for number in range(10):
        assert [call.sequence for call in postman.heard(dossier=f"D{number}")] == list(range(1, 13))
        rows = await house.rows(f"D{number}")
        assert [row.event_id for row in rows] == [f"D{number}-{n}" for n in range(1, 13)]
        assert len({row.accepted_at for row in rows}) == 1


def test_f16_no_timestamp_decides_what_is_first_in_first_out() -> None:
    """Whatever reads the messages of a lane, or the events of a source, orders them by their number; times order only lanes."""
    times = re.compile(r"ORDER BY [^()]*\b(\w*_at|at|started|ended|due|lease_until|legal_due)\b")
    of_time = {name for name, sql in load("queries.sql").items() if times.search(sql)}
    # Lanes are claimed by their legal day and by how long they wait, and shown so; a dossier's events are shown by position.
    assert of_time == {"claim.due", "claim.expired", "read.blocked", "read.open"}
    for name in (
        "lane.head",
        "claim.messages",
        "settle.claimed",
        "accept.parked",
        "accept.parked_all",
        "read.deliveries",
    ):
        order = load("queries.sql")[name].rpartition("ORDER BY ")[2]
        assert order.split(" LIMIT")[0].split(", ")[-1].removeprefix("m.") in ("seq", "sequence"), name


async def test_f16_a_clock_that_runs_backwards_changes_no_order(house: House) -> None:
    """Each event is accepted a second before the one in front of it, by the clock: the lane keeps its order."""
    postman = Postman(house.turned)
    house.line("A", postman)
    for _ in range(6):
        await house.push("D1")
        house.turned.moment -= timedelta(seconds=1)
    house.turn(60.0)
    async with house.working():
        await house.reach("D1", *["DELIVERED"] * 6)
    assert [call.sequence for call in postman.heard()] == [1, 2, 3, 4, 5, 6]


async def test_f10_a_claim_beside_200000_blocked_lanes_costs_what_it_claims(tmp_path: Path) -> None:
    """The median claim of 64 lanes is as dear as beside none, within four times; a scan of the backlog is dearer than that."""
    folders = tmp_path / "none", tmp_path / "many"
    none, many = await backlog.measure(folders, (0, 200_000), claims=60)
    assert many.p50_ms <= backlog.AT_MOST * none.p50_ms, (none, many)
    # The negative control: the same question to the same store, without the index.
    none_ms, many_ms = (backlog.scan(folder) for folder in folders)
    assert many_ms > 5 * none_ms, "a scan of the backlog is not seen"


async def test_f12_an_attempt_is_counted_when_it_is_claimed(tmp_path: Path) -> None:
    """Who dies with it has used it up: the next claim says so, though nothing was ever settled."""
    journal = opened(tmp_path / "store")
    await push(journal, 1, 1)
    now = Clock().now()
    for attempts in (1, 2, 3):
        (claim,) = await journal.claim(UPSTREAM, limit=1, batch={}, lease=LEASE, now=now)
        (delivery,) = claim.deliveries
        assert (delivery.attempts, delivery.unsettled) == (attempts, attempts - 1)
        await journal.close()
        journal = opened(tmp_path / "store")
        now += LEASE
    await journal.close()


async def test_f13_an_exhausted_message_is_held_shown_told_and_can_be_sent_again(house: House) -> None:
    """After its fourteen days it is not gone: a person sees it with its reason, is alarmed, and releases it."""
    postman = Postman(house.turned)
    postman.everywhere = NotSent()
    house.line("A", postman, quick(retry=Retry(base_s=3600.0, cap_s=86_400.0, window_s=14 * 86_400.0)))
    await house.push("D1")
    async with house.working():
        for _ in range(400):
            if await house.states("D1") == ["HELD"]:
                break
            house.turn(43_200.0)
            await house.settled_down("A")
            await asyncio.sleep(0.01)
        await house.reach("D1", "HELD")
        (lane,) = await house.journal.lanes(blocked_only=True)
        assert (lane.dossier, lane.depth) == ("D1", 1) and lane.block_reason
        await house.until_so(lambda: ("delivery.held", "A") in house.told.alarms)  # told once it is durable
        assert "delivery.held" in await house.kinds()
        assert (await house.journal.counts()).messages == {("A", DeliveryState.HELD): 1}
        postman.everywhere = None
        release = LaneOrder(OrderKind.RELEASE, "A", "D1", "hệ thống nhận đã hoạt động lại", "officer-1")
        assert (await house.journal.order(release, house.turned.moment)).done
        house.turn(1.0)
        await house.reach("D1", "DELIVERED")


def test_f14_a_repeat_gets_the_same_receipt_and_the_real_outcome(line: Line) -> None:
    """The portal refused the delivery and it is held: the repeat gets the first receipt, and the view tells the truth."""
    code = line.new_dossier()
    line.order("national_dvc", "POST", "poison", {"add": [code]})
    told = event(SECTOR, code, 1, "received")
    first = line.push(told)
    assert first.status == 202
    until(lambda: any(lane["state"] == "HELD" for lane in line.view(code)["lanes"]), "the refused delivery is held")
    again = line.push(told)
    assert (again.status, again.tree["status"], again.tree["original"]) == (200, "duplicate", first.tree)
    states = {(delivery["upstream"], delivery["state"]) for delivery in line.view(code)["deliveries"]}
    assert {("national_dvc", "HELD"), ("resolution", "DELIVERED")} <= states
    other = msgspec.json.decode(msgspec.json.encode(told))
    other["step"]["content"] = "Nội dung khác dưới cùng một mã"
    assert line.push(other).status == 409
    line.order("national_dvc", "POST", "poison", {"remove": [code]})


async def test_f15_a_partial_failure_of_a_batch_keeps_the_order(house: House) -> None:
    """Of four in one call the third fails: the lane stands there, and nothing confirmed goes out again."""
    batching = BatchPostman(house.turned)
    ok = receipt(house.turned.moment)
    batching.answers = [[ok, ok, Busy(), NotSent()]]
    house.line("A", batching, status=OperationTraits(batch=10, idempotent=True))
    for _ in range(4):
        await house.push("D1")
    async with house.working():
        await house.reach("D1", "DELIVERED", "DELIVERED", "WAITING", "READY")
        house.turn(6.0)
        await house.reach("D1", *["DELIVERED"] * 4)
    assert batching.batches == [[1, 2, 3, 4], [3, 4]]
