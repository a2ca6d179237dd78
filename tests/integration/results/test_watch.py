"""The watch over results under trouble: slow files, records that cannot be opened, a store that stumbles, evidence had once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gateway.bootstrap import gauges
from gateway.errors import JournalUnavailable
from gateway.intake.result_watch import House, ResultWatch
from gateway.journal.model import Claim, DeliveryState, MessageSettlement, Settlement
from gateway.journal.sealing import SealBroken
from gateway.observe.metrics import Metrics
from gateway.records import results
from gateway.records.results import ResultState


async def _until(hall: Any, code: str, state: ResultState) -> None:
    async with asyncio.timeout(60):
        while (await hall.kept(code)).state is not state:
            await asyncio.sleep(0.02)


async def test_slow_files_of_one_system_keep_nobody_else_waiting(hall: Any, words: Any) -> None:
    """Eight files that never end, from one system: the result of another system is judged, and what passed follows its state."""
    hall.judge.waits = {b"slow %d" % n: asyncio.Event() for n in range(8)}
    hall.judge.verdicts |= dict.fromkeys(hall.judge.waits, hall.judge.verdicts[words.good])
    passed = await _passed_but_not_outside(hall, words)
    for n, content in enumerate(hall.judge.waits):
        await hall.resolved(content, f"000.00.00.G16-261123-1{n:03}")
    running = asyncio.create_task(hall.watch.run())
    try:
        await asyncio.sleep(0.1)
        other = await hall.resolved(words.later, words.other, "SEC-A")
        await hall.push("RES", 2, "resolved", caused_by=words.cause("SEC-A", "SEC-A-0001-2"))
        hall.turned.turn(seconds=5)
        await _until(hall, other, ResultState.PASSED)
        async with asyncio.timeout(60):
            while "results" not in await hall.lane():
                hall.turned.turn(seconds=5)
                await asyncio.sleep(0.02)
        assert passed not in await hall.open_codes()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _passed_but_not_outside(hall: Any, words: Any) -> str:
    """A result that a sector named: it passed, and its state is not outside yet."""
    await hall.register()
    await hall.upload(words.good)
    await hall.push("RES", 1, "processing")
    await hall.push("SEC-A", 1, "processing")
    await hall.push("SEC-A", 2, "resolved", results=(words.document(words.good),))
    await hall.watch.look()
    code = results.result_code(words.code, 1)
    assert (await hall.kept(code)).state is ResultState.PASSED
    return code


@pytest.mark.parametrize(
    "fault", [SealBroken("x"), JournalUnavailable("x"), KeyError("x")], ids=lambda one: type(one).__name__
)
async def test_a_record_that_cannot_be_read_leaves_the_others_alone(
    hall: Any, words: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """The key of a dossier may be destroyed while its result waits: the watch goes on for everybody else."""
    lost = await hall.resolved(words.good)
    other = await hall.resolved(words.later, words.other)
    whole = hall.journal.record

    async def record(key: Any) -> Any:
        if key == results.key(lost):
            raise fault
        return await whole(key)

    monkeypatch.setattr(hall.journal, "record", record)
    await hall.watch.look()
    assert (await hall.kept(other)).state is ResultState.PASSED


async def test_a_store_that_stumbles_makes_no_file_suspect(
    hall: Any, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judgement that could not be written down for want of room was no fault of its file, however often."""
    code = await hall.resolved(words.good)
    whole = hall.journal.accept

    async def full(intake: Any) -> Any:
        if intake.kind == "result_judged":
            raise JournalUnavailable("x")
        return await whole(intake)

    with monkeypatch.context() as disk:
        disk.setattr(hall.journal, "accept", full)
        for _ in range(6):
            await hall.watch.look()
            hall.turned.turn(minutes=10)
    await hall.watch.look()
    kept = await hall.kept(code)
    assert (kept.state, kept.unsettled) == (ResultState.PASSED, 0)


async def test_evidence_of_an_earlier_try_goes_into_the_next_question(building: Any, words: Any) -> None:
    """An answer may be had once and not again: by the next life of the process too, each piece as what it is."""
    async with building.open() as hall:
        code = await hall.resolved(words.early)
        await hall.watch.look()
        assert (await hall.kept(code)).kinds == (0, 2, 0)
    async with building.open() as hall:
        hall.turned.turn(minutes=1)
        await hall.watch.look()
        known = hall.judge.asked[-1].evidence
        assert (known.certificates, known.crls, known.ocsps) == ((), (b"a list", b"another list"), ())
        assert len(known.existences) == 1


async def test_a_result_does_not_go_ahead_of_its_state_with_another_one(hall: Any, words: Any) -> None:
    """One that passed while its own state is still inside does not travel with the result of a later event."""
    await _passed_but_not_outside(hall, words)
    await hall.upload(words.later, source="RES")
    await hall.push("RES", 2, "resolved", results=(words.document(words.later, "GP-2"),))
    await hall.watch.look()
    first, second = await hall.listed()
    assert (first.sent_to, second.sent_to, second.state) == ((), ("national",), ResultState.PASSED)
    task = msgspec.json.decode(await _last_payload(hall))
    assert [one["result_code"] for one in task["fields"]["results"]] == [second.code]


async def test_what_a_content_names_and_nobody_could_read_is_held(hall: Any, words: Any) -> None:
    """A valid signature does not prove that the content belongs here: a check that broke off is no check that passed."""
    hall.judge.named[words.good] = None
    code = await hall.resolved(words.good)
    await hall.watch.look()
    kept = await hall.kept(code)
    assert (kept.state, kept.reason) == (ResultState.HELD, "names_unreadable")


async def test_held_results_are_figures_for_the_monitoring(hall: Any, words: Any) -> None:
    """An alarm is raised once and may be lost with the process; the figure stands until a person has decided."""
    metrics, clock = Metrics(), hall.turned.clock()
    code = await hall.resolved(words.changed)
    assert b"gateway_open_results 1.0" in await gauges.render(metrics, hall.journal, clock)
    await hall.watch.look()
    hall.turned.turn(seconds=90)
    text = await gauges.render(metrics, hall.journal, clock)
    assert b'gateway_held_results{reason="HASH_FAILURE"} 1.0' in text
    assert b"gateway_oldest_held_result_seconds 90.0" in text and b"gateway_open_results 0.0" in text
    await hall.order(code, "refuse")
    text = await gauges.render(metrics, hall.journal, clock)
    assert b"gateway_held_results{" not in text and b"gateway_oldest_held_result_seconds 0.0" in text


async def _last_payload(hall: Any) -> bytes:
    payload = b""
    while got := await hall.journal.claim(
        "national", limit=1, batch={}, lease=timedelta(minutes=1), now=hall.turned.moment
    ):
        payload = got[0].deliveries[0].payload
        await hall.journal.settle(_delivered(got[0]))
    return payload


def _delivered(claim: Claim) -> Settlement:
    message = MessageSettlement(claim.deliveries[0].sequence, DeliveryState.DELIVERED, receipt=b"{}")
    return Settlement(claim.lane_id, claim.epoch, (message,))


async def test_a_node_without_the_right_to_judge_leaves_every_result_alone(hall: Any, words: Any) -> None:
    """Two watches over one store would count each other's judgements as files that kill processes; one of them rests."""
    await hall.register()
    code = await hall.resolved(words.good)
    here = hall.watch
    resting = ResultWatch(here._store, here._verifier, here._rules, House(alone=lambda: False))
    assert await resting.look() == 0
    assert (await hall.kept(code)).unsettled == 0
    assert await here.look() == 1 and (await hall.kept(code)).state is ResultState.PASSED
