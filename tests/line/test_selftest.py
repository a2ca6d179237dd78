"""The self-test on real stores: it says that the promise holds where it does, and that it does not where something was lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.trials.killing import Installation, Round, faulted, one_round
from gateway.cli.trials.place import Place
from gateway.config import Storage
from gateway.errors import GatewayError
from tests import redis_server
from tests.line.program import HEARING, Program, until
from tests.postgres import Server

pytestmark = pytest.mark.xdist_group("selftest")


async def _at_the_portal(house: Installation) -> None:
    """Wait until something has arrived at the portal."""
    while True:
        held = (await house.boards.get(f"{house.scene.portal}/_simulator/dossiers"))["dossiers"]
        if held:
            return
        await asyncio.sleep(0.01)


async def test_a_store_that_was_emptied_does_not_pass(tmp_path: Path) -> None:
    """The control: the data are gone after a kill, as from a disk that lied; the round ends as a broken one."""

    async def empty(house: Installation, _seen: Round) -> None:
        await _at_the_portal(house)
        (node,) = house.nodes
        house.boards.kill(node.name)
        for file in node.admin.parent.glob("journal.db*"):
            file.unlink()
        await house.start(node)

    seen = await one_round(Place(tmp_path, Storage()), 12, 12, empty)
    assert seen.verdict.faults and not seen.verdict.sound


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket below it."""
    with tempfile.TemporaryDirectory(prefix="st-") as folder:
        yield Path(folder)


@pytest.mark.timeout(300)
def test_several_nodes_on_the_server_of_the_configuration_pass_and_leave_nothing_there(
    short: Path, program_environment: Mapping[str, str], database_server: Server
) -> None:
    """Each round has a database of its own there: nodes are killed, the verdict is told, the operator's is not touched."""
    dsn = database_server.database()
    before = database_server.say("SELECT datname FROM pg_database ORDER BY 1")
    program = Program(short, program_environment)
    assert program.run("init", short / "own").code == 0
    config = short / "own/gateway.toml"
    told = config.read_text(encoding="utf-8")
    with redis_server.served() as redis:
        for name, address in (("dsn", dsn), ("redis", redis.url())):
            (short / "own/keys" / name).write_text(address, encoding="utf-8")
        coordination = '[coordination]\nredis = "file:keys/redis"\n'
        config.write_text(f'{told}\n[storage.postgres]\ndsn = "file:keys/dsn"\n{coordination}', encoding="utf-8")
        words = ("--rounds", "2", "--dossiers", "12", "--json")
        done = program.run("selftest", "--config", config, *words, limit_s=240.0)
        assert done.code == 0, done
        assert redis.say("DBSIZE") == ":0"
    assert (done.tree["rounds"], done.tree["floor_s"]["of"]) == (2, "commit")
    assert {name: done.tree[name] for name in ("lost", "doubled", "out_of_order", "sound")} == {
        "lost": 0,
        "doubled": 0,
        "out_of_order": 0,
        "sound": True,
    }
    assert done.tree["kills"] >= 1 and done.tree["accept_wait_s"]["p99"] is not None
    assert database_server.say("SELECT datname FROM pg_database ORDER BY 1") == before
    assert not list((short / "own").glob(".gw-selftest-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_ended_in_mid_round_leaves_nothing(
    short: Path, program_environment: Mapping[str, str], number: signal.Signals
) -> None:
    """No process, no folder, no verdict: the exit code is that of the signal."""
    process = subprocess.Popen(
        [*HEARING, sys.executable, "-m", "gateway", "selftest", "--folder", str(short), "--cuts", "0"],
        env=dict(program_environment),
        cwd=short,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until(lambda: list(short.glob(".gw-selftest-*/v*/gateway.log")), "a gateway was started")
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, "Đã dừng giữa chừng" in told.decode()) == (128 + number, True), told
    assert not list(short.iterdir())
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if str(short) in _words(one)]


def _words(command: Path) -> str:
    try:
        return command.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _fail(error: Exception) -> None:
    raise error


def test_a_gateway_that_fails_is_a_fault_of_the_round_and_no_other_error_is() -> None:
    """What the harness itself does wrong must not look like a verdict."""
    verdict = Verdict(delivered=1)
    with faulted(verdict):
        _fail(ExceptionGroup("", [GatewayError("đổ"), aiohttp.ClientError("cắt")]))
    assert verdict.faults == ["đổ", "cắt"] and not verdict.sound
    with pytest.raises(ValueError), faulted(verdict):
        raise ValueError
