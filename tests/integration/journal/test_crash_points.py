"""The journal in a process of its own: killed at every named point, or refused by the kernel, it keeps what it promised."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from gateway.journal.model import TERMINAL, DeliveryState
from gateway.journal.sqlite import SqliteJournal

HERE = Path(__file__).parent
POINTS = [
    f"{operation}.{where}:{count}"
    for operation in ("accept", "claim", "settle")
    for where in ("before_commit", "after_commit")
    for count in (1, 4)
]


@pytest.fixture(scope="module")
def crashing() -> ModuleType:
    """The program that crashes, for its decisions and its store."""
    spec = importlib.util.spec_from_file_location("crashing", HERE / "crashing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def work(program: str, environment: dict[str, str], *arguments: str) -> tuple[int, list[list[str]]]:
    """Run a program to its end: its exit status, and what it said, in words."""
    ran = subprocess.run(
        [sys.executable, str(HERE / program), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, [line.split() for line in ran.stdout.splitlines()]


def said(words: Iterable[list[str]], what: str) -> set[str]:
    """Everything that was said to be so."""
    return {line[1] for line in words if line[0] == what}


async def states_of(journal: SqliteJournal, lanes: int) -> dict[str, DeliveryState]:
    """The state of every delivery; each lane's sequences must be contiguous."""
    states: dict[str, DeliveryState] = {}
    for lane in range(lanes):
        rows = await journal.deliveries_of(f"dossier-{lane}")
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        assert [row.event_id for row in rows] == [f"{lane}-{n}" for n in range(1, len(rows) + 1)]
        states.update({row.event_id: row.state for row in rows})
    return states


async def chains_hold(journal: SqliteJournal) -> None:
    """Every chain can be recomputed without a hole."""
    for head in await journal.leaves():
        before = b""
        leaves = await journal.leaves(head.writer, limit=100_000)
        assert [leaf.n for leaf in leaves] == list(range(1, head.n + 1))
        for leaf in leaves:
            before = hashlib.sha256(before + b"".join(leaf.covers)).digest()
            assert leaf.digest == before


async def check_counts(journal: SqliteJournal, states: dict[str, DeliveryState]) -> None:
    """The tally agrees with the rows."""
    counted = {state: n for (_, state), n in (await journal.counts()).messages.items()}
    assert counted == {state: list(states.values()).count(state) for state in set(states.values())}


async def drain(journal: SqliteJournal, crashing: ModuleType) -> list[str]:
    """Deliver everything that is left, after every lease has run out; the event ids in the order of delivery."""
    delivered = []
    late = crashing.CLOCK.now() + timedelta(hours=1)
    while claims := await journal.claim("portal", limit=100, batch={}, lease=timedelta(minutes=5), now=late):
        delivered += [claim.deliveries[0].event_id for claim in claims]
        await asyncio.gather(*(crashing.deliver(journal, claim) for claim in claims))
        late += timedelta(hours=1)
    return delivered


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_a_named_point_loses_nothing_and_leaves_a_consistent_store(
    tmp_path: Path, crashing: ModuleType, program_environment: dict[str, str], point: str
) -> None:
    """What was said to be durable is there; lanes, tally and chains hold; everything can still be delivered, in order."""
    status, words = work("crashing.py", program_environment, str(tmp_path / "store"), point)
    assert status == -signal.SIGKILL
    journal = crashing.open_store(tmp_path / "store", "none")
    try:
        states = await states_of(journal, crashing.LANES)
        assert said(words, "accepted") <= set(states)
        assert all(states[event] is DeliveryState.DELIVERED for event in said(words, "settled"))
        await check_counts(journal, states)
        await chains_hold(journal)
        delivered = await drain(journal, crashing)
        for lane in range(crashing.LANES):
            numbers = [int(event.split("-")[1]) for event in delivered if event.startswith(f"{lane}-")]
            assert numbers == sorted(numbers)
        after = await states_of(journal, crashing.LANES)
        assert all(state in TERMINAL for state in after.values())
        await chains_hold(journal)
    finally:
        await journal.close()


async def test_a_kill_before_the_commit_leaves_nothing_of_the_accept(
    tmp_path: Path, crashing: ModuleType, program_environment: dict[str, str]
) -> None:
    """What was not committed is not there, not even in part; after the commit it is there though nobody was told."""
    for where, kept in (("before_commit", 0), ("after_commit", 1)):
        store = tmp_path / where
        status, words = work("crashing.py", program_environment, str(store), f"accept.{where}")
        assert status == -signal.SIGKILL
        assert said(words, "accepted") == set()
        journal = crashing.open_store(store, "none")
        try:
            found = [await journal.event("SEC", f"{lane}-1") for lane in range(crashing.LANES)]
            assert any(found) == bool(kept)
            assert len(await journal.feed(0, 100)) == sum(row is not None for row in found)
        finally:
            await journal.close()


async def test_a_repeat_after_a_crash_gets_the_answer_that_was_lost(
    tmp_path: Path, crashing: ModuleType, program_environment: dict[str, str]
) -> None:
    """A caller whose 202 was lost repeats its request and is answered with the stored receipt; there is one event."""
    work("crashing.py", program_environment, str(tmp_path / "store"), "accept.after_commit")
    journal = crashing.open_store(tmp_path / "store", "none")
    try:
        known = [lane for lane in range(crashing.LANES) if await journal.event("SEC", f"{lane}-1") is not None]
        assert known
        for lane in known:
            again = await journal.accept(crashing.intake(lane, 1))
            assert (again.stored, again.answer) == (False, b"answer of %d-1" % lane)
    finally:
        await journal.close()


async def test_what_was_in_flight_at_the_crash_is_in_doubt_once_its_lease_has_run_out(
    tmp_path: Path, crashing: ModuleType, program_environment: dict[str, str]
) -> None:
    """A killed sender's messages are SENDING, not READY; they come back as doubtful, and not before their time."""
    work("crashing.py", program_environment, str(tmp_path / "store"), "claim.after_commit")
    journal = crashing.open_store(tmp_path / "store", "none")
    try:
        states = await states_of(journal, crashing.LANES)
        sending = {event for event, state in states.items() if state is DeliveryState.SENDING}
        assert len(sending) == 5
        now = crashing.CLOCK.now()
        early = await journal.claim("portal", limit=100, batch={}, lease=timedelta(seconds=1), now=now)
        assert sending.isdisjoint(claim.deliveries[0].event_id for claim in early)
        late = await journal.claim(
            "portal", limit=100, batch={}, lease=timedelta(seconds=1), now=now + timedelta(minutes=6)
        )
        doubtful = {claim.deliveries[0].event_id for claim in late if claim.deliveries[0].doubtful}
        assert sending <= doubtful
    finally:
        await journal.close()


async def test_a_disk_that_refuses_writes_loses_nothing_and_recovers(
    tmp_path: Path, crashing: ModuleType, program_environment: dict[str, str]
) -> None:
    """The kernel refuses to let the files grow: 503 and nothing stored; with space the same process goes on."""
    status, words = work("crashing.py", program_environment, str(tmp_path / "store"), "starving")
    assert (status, len(words) > 8) == (0, True)
    assert said(words, "refused")
    journal = crashing.open_store(tmp_path / "store", "none")
    try:
        states = await states_of(journal, crashing.LANES)
        assert set(states) == said(words, "accepted")
        await check_counts(journal, states)
        await chains_hold(journal)
    finally:
        await journal.close()
