"""F2, F2b, F3, F4, F5, F6: what a power cut, a frozen process, a death with every lease, and a restart must not do.

F1 is in tests/integration/crash: it kills the real program.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli.trials import image
from gateway.clock import Clock, utc_now
from gateway.journal.model import TERMINAL, DeliveryState, LaneOrder, MessageSettlement, OrderKind, Settlement
from gateway.journal.statements import load, migrations
from tests.catalogue.writing import LANES, LEASE, assert_all_given_back, opened, push
from tests.integration.dispatch.conftest import AskingPostman, House
from tests.prove import frozen
from tests.prove.zombie import UPSTREAM

ROOT = Path(__file__).parents[2]


def writing(what: str, folder: Path, synchronous: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A process that works on a store."""
    command = [sys.executable, "-m", "tests.catalogue.writing", what, str(folder), synchronous]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(environment), cwd=ROOT)


def cut_power(folder: Path, synchronous: str, environment: Mapping[str, str]) -> list[str]:
    """Cut the power of a process that accepts; what it had acknowledged. The disk as it was then is copy.img."""
    place = folder / "disk"
    with image.mounted(image.made(folder / "disk.img", 48), place) as disk:
        process = writing("accept", place / "store", synchronous, environment)
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(20 * LANES)]
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        disk.cut(folder / "copy.img")
        process.kill()
        # What had left the process before the cut lies in the pipe: it was acknowledged as well. The last line may be cut.
        said += [line.strip() for line in process.stdout.readlines() if line.endswith("\n")]
        process.stdout.close()
        process.wait()
    return said


async def lost_in_a_power_cut(folder: Path, synchronous: str, environment: Mapping[str, str]) -> tuple[int, int]:
    """How many events a process had acknowledged when its power was cut, and how many of them are gone."""
    said = await asyncio.to_thread(cut_power, folder, synchronous, environment)
    place = folder / "disk"
    with image.mounted(folder / "copy.img", place):
        journal = opened(place / "store")
        try:
            gone = [key for key in said if await journal.event("S", key) is None]
        finally:
            await journal.close()
    return len(said), len(gone)


async def test_f02_what_was_acknowledged_survives_a_power_cut(
    tmp_path: Path, program_environment: dict[str, str]
) -> None:
    """With FULL nothing that was acknowledged is gone; with NORMAL something is, or this test sees nothing."""
    reason = image.possible(tmp_path)
    if reason:
        pytest.skip(f"NOTICE: the power cut was NOT RUN, this machine cannot mount an image ({reason})")
    acknowledged, gone = await lost_in_a_power_cut(tmp_path, "FULL", program_environment)
    assert acknowledged >= 20 * LANES
    assert gone == 0
    for control in range(16):  # where others keep the disk busy, one cut in two finds all of it written back
        (tmp_path / str(control)).mkdir()
        _, gone = await lost_in_a_power_cut(tmp_path / str(control), "NORMAL", program_environment)
        if gone:
            return
    pytest.fail("the negative control lost nothing: the harness is broken")


async def test_f02b_a_process_frozen_past_its_lease_sends_nothing_old(program_environment: dict[str, str]) -> None:
    """Two workers, one frozen for three leases: the upstream sees each dossier in order, and nothing old after newer."""
    load = frozen.Load(1, lanes=64, messages=40)
    seen = await frozen.freeze(load, 7, guarded=True, environment=program_environment)
    assert frozen.sound(seen, load), seen


async def test_f03_a_process_killed_with_every_lease_gives_them_all_back(
    tmp_path: Path, program_environment: dict[str, str]
) -> None:
    """Every lease has an end and every claim an epoch: all lanes are claimed again, and the dead one's word is void."""
    process = writing("hold", tmp_path / "store", "FULL", program_environment)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert out.splitlines()[-1] == f"holding {LANES}"
    journal = opened(tmp_path / "store")
    try:
        await assert_all_given_back(journal)
    finally:
        await journal.close()


async def test_f04_the_claim_itself_takes_back_what_a_dead_sender_left(house: House) -> None:
    """Nobody else looks for expired leases: a claim of one lane finds the expired before the due."""
    asking = AskingPostman(house.turned)
    asking.gates["DEAD"] = asyncio.Event()
    line = house.line("A", asking)
    await house.push("DEAD")
    await house.crash_while(asking)
    await house.push("FRESH")
    house.turn(line.settings.lease() + 1)
    (claim,) = await house.journal.claim("A", limit=1, batch={}, lease=line.lease(), now=house.turned.moment)
    assert (claim.dossier, claim.deliveries[0].doubtful) == ("DEAD", True)


def test_f04_no_statement_but_those_of_the_claim_looks_for_expired_leases() -> None:
    """A rescue that is a job of its own can be stuck behind what it rescues; here there is no such job to run."""
    statements = {name: sql for name, sql in load("queries.sql").items() if not name.startswith("read.")}
    looking = {name for name, sql in statements.items() if "lease_until <=" in sql or "lease_until >" in sql}
    assert looking == {"claim.expired", "claim.cut"}


LIVE = sorted(set(DeliveryState) - TERMINAL)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.sampled_from(LIVE),
    due=st.sampled_from([None, 1]),
    lease=st.sampled_from([None, 1]),
    blocked=st.sampled_from(["", "chờ người"]),
    doubtful=st.booleans(),
)
async def test_f05_from_any_state_some_transition_is_enabled(
    tmp_path: Path, state: DeliveryState, due: int | None, lease: int | None, blocked: str, doubtful: bool
) -> None:
    """Whatever stands in a lane and its head: the tables refuse it, or time or a person's release sets it going again."""
    folder = tmp_path / "store"
    shutil.rmtree(folder, ignore_errors=True)
    journal = opened(folder)
    await push(journal, 1, 1)
    await journal.close()
    connection = apsw.Connection(str(folder / "journal.db"))
    try:
        connection.execute("UPDATE msg SET state = ?, doubtful = ?", (state.value, int(doubtful)))
        connection.execute("UPDATE lane SET due = ?, lease_until = ?, block_reason = ?", (due, lease, blocked))
    except apsw.ConstraintError:
        return  # such a lane cannot be stored
    finally:
        connection.close()
    journal = opened(folder)
    try:
        now = utc_now() + timedelta(days=1)
        if not await journal.claim(UPSTREAM, limit=1, batch={}, lease=LEASE, now=now):
            released = await journal.order(LaneOrder(OrderKind.RELEASE, UPSTREAM, "D01", "mở lại", "officer-1"), now)
            assert released.done
            assert await journal.claim(UPSTREAM, limit=1, batch={}, lease=LEASE, now=now)
    finally:
        await journal.close()


def test_f05_a_lane_that_waits_for_nothing_cannot_be_stored(tmp_path: Path) -> None:
    """Messages wait, and there is neither an hour, nor a lease, nor a person: the tables refuse it."""

    async def prepare() -> None:
        journal = opened(tmp_path / "store")
        await push(journal, 1, 1)
        await journal.close()

    asyncio.run(prepare())
    connection = apsw.Connection(str(tmp_path / "store/journal.db"))
    with pytest.raises(apsw.ConstraintError):
        connection.execute("UPDATE lane SET due = NULL")
    connection.close()


@pytest.mark.parametrize("terminal", sorted(TERMINAL))
async def test_f06_a_terminal_state_is_final_for_restarts_and_for_sql(tmp_path: Path, terminal: DeliveryState) -> None:
    """After a restart a late settlement changes nothing; the tables refuse any other state, whoever asks."""
    journal = opened(tmp_path / "store")
    await push(journal, 1, 1)
    (claim,) = await journal.claim(UPSTREAM, limit=1, batch={}, lease=LEASE, now=Clock().now())
    assert await journal.settle(Settlement(claim.lane_id, claim.epoch, (MessageSettlement(1, terminal),)))
    await journal.close()
    journal = opened(tmp_path / "store")
    for other in (DeliveryState.DELIVERED, DeliveryState.READY, DeliveryState.HELD):
        assert not await journal.settle(Settlement(claim.lane_id, claim.epoch, (MessageSettlement(1, other),)))
    assert [row.state for row in await journal.deliveries_of("D01")] == [terminal]
    await journal.close()
    connection = apsw.Connection(str(tmp_path / "store/journal.db"))
    for other in set(DeliveryState) - {terminal}:
        with pytest.raises(apsw.ConstraintError):
            connection.execute("UPDATE msg SET state = ?", (other.value,))
    connection.close()


def test_f06_the_list_of_terminal_states_is_the_same_in_code_and_in_the_tables() -> None:
    """A state that the code takes for final and the tables do not would be a way back."""
    trigger = next(step.sql for step in migrations() if "msg_terminal_is_final" in step.sql)
    named = {state for state in DeliveryState if f"OLD.state = '{state.value}'" in trigger}
    assert named == set(TERMINAL)
