"""The pool of signature workers: what a hostile file costs, that the pool lives on, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.signatures import tasks, worker
from gateway.signatures.pool import Pool, opened
from signing.confinement import Confinement, LimitReached
from signing.errors import Unusable
from signing.model import DocumentKind
from signing.policy import DEFAULT_POLICY
from signing.storing import decode_facts

ROOMY = Confinement(60.0, 1 << 30)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """Two workers, so that one can fall and the other go on."""
    async with opened(2) as found:
        yield found


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    """Eight megabytes of small elements: whole seconds of work for any reader that looks at each."""
    path = tmp_path / "dense.xml"
    path.write_bytes(b"<a>" + b"<b c='d'/>" * 800_000 + b"</a>")
    return path


async def _facts(pool: Pool, path: Path, bounds: Confinement = ROOMY) -> DocumentKind:
    return decode_facts(await pool.do(tasks.ReadDocument(path, DEFAULT_POLICY), bounds)).kind


async def test_a_worker_reads_the_file_at_a_path(pool: Pool, tmp_path: Path) -> None:
    """Paths go in, facts come out; the name of the file says nothing."""
    path = tmp_path / "ket-qua.pdf"
    path.write_bytes(b"<a/>")
    assert await _facts(pool, path) is DocumentKind.XML


async def test_work_over_its_time_ends_and_the_pool_lives_on(pool: Pool, dense: Path, tmp_path: Path) -> None:
    """The wall clock is ours: what does not answer in time is killed, and its place is taken by a fresh process."""
    before = set(pool.processes)
    for _ in range(3):
        with pytest.raises(LimitReached) as stopped:
            await _facts(pool, dense, Confinement(0.01, 1 << 30))
        assert stopped.value.reason == "time"
    small = tmp_path / "small.xml"
    small.write_bytes(b"<a/>")
    assert await _facts(pool, small) is DocumentKind.XML
    assert len(pool.processes) == len(before) - 1 or set(pool.processes) != before


async def test_work_over_its_memory_ends_as_memory_and_the_pool_lives_on(
    pool: Pool, dense: Path, tmp_path: Path
) -> None:
    """The kernel refuses what a task asks beyond its share; a worker that met that is not used again."""
    with pytest.raises(LimitReached) as stopped:
        await _facts(pool, dense, Confinement(60.0, 4 << 20))
    assert stopped.value.reason in ("memory", "crash"), "libraries in C may fall where Python raises"
    small = tmp_path / "small.xml"
    small.write_bytes(b"<a/>")
    assert await _facts(pool, small) is DocumentKind.XML


async def test_a_worker_that_falls_costs_its_own_task_only(pool: Pool, dense: Path) -> None:
    """A crash in a library (a signal from outside stands for it) is told as such; the other worker goes on."""
    await asyncio.gather(*(pool.do(tasks.Rest(), ROOMY) for _ in range(2)))  # both have come to life
    first, second = (asyncio.create_task(_facts(pool, dense)) for _ in range(2))
    await asyncio.sleep(0)
    while len(pool.processes) < 2:
        await asyncio.sleep(0.01)
    os.kill(pool.processes[0], signal.SIGSEGV)
    came = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(type(one).__name__ for one in came) == ["DocumentKind", "LimitReached"]
    assert [one.reason for one in came if isinstance(one, LimitReached)] == ["crash"]


async def test_what_cannot_be_read_is_told_in_the_words_of_signing(pool: Pool, tmp_path: Path) -> None:
    """An error of set-up crosses the border with its code, and the worker stays."""
    before = pool.processes
    with pytest.raises(Unusable) as refused:
        await _facts(pool, tmp_path / "nowhere.xml")
    assert refused.value.code == "khong_doc_duoc_tep"
    assert set(pool.processes) == set(before)


async def test_who_gives_up_waiting_leaves_no_stale_answer(pool: Pool, dense: Path, tmp_path: Path) -> None:
    """A cancelled task takes its worker along: its answer can never be read as that of the next task."""
    task = asyncio.create_task(_facts(pool, dense))
    await asyncio.wait([task], timeout=0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    other = tmp_path / "other.bin"
    other.write_bytes(b"no document")
    assert [await _facts(pool, other) for _ in range(4)] == [DocumentKind.UNKNOWN] * 4


async def test_more_tasks_than_workers_wait_their_turn(pool: Pool, tmp_path: Path) -> None:
    """Whoever waits in line is not running out of time meanwhile."""
    path = tmp_path / "a.xml"
    path.write_bytes(b"<a/>")
    assert await asyncio.gather(*(_facts(pool, path) for _ in range(40))) == [DocumentKind.XML] * 40


async def test_closing_leaves_no_process() -> None:
    """After the block every process is gone, those that never worked included."""
    async with opened(2) as pool:
        processes = pool.processes
        assert len(processes) == 2
    assert not any(_alive(one) for one in processes)


_PROGRAM = """
import asyncio, sys
from pathlib import Path
from gateway.signatures import tasks, worker
from gateway.signatures.pool import opened
from signing.confinement import Confinement
from signing.policy import DEFAULT_POLICY

async def main():
    async with opened(2) as pool:
        work = asyncio.create_task(pool.do(tasks.ReadDocument(Path(sys.argv[1]), DEFAULT_POLICY), Confinement(100.0, 1 << 30)))
        await asyncio.sleep(0.5)
        print(*pool.processes, flush=True)
        await asyncio.sleep(100)

asyncio.run(main())
"""


def test_a_killed_program_leaves_no_worker_behind(dense: Path, project: Path) -> None:
    """SIGKILL asks nobody: the kernel ends the workers with their parent, one in the middle of its work included."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(dense)], stdout=subprocess.PIPE, text=True, cwd=project
    ) as program:
        assert program.stdout is not None
        processes = [int(one) for one in program.stdout.readline().split()]
        assert len(processes) == 2
        program.kill()
    until = time.monotonic() + 60.0
    while time.monotonic() < until and any(_alive(one) for one in processes):
        time.sleep(0.01)
    assert not any(_alive(one) for one in processes), "the work itself would go on for longer"


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


async def test_a_worker_that_does_not_start_is_no_fault_of_a_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The set-up is unusable, which is tried again; a document is never held for it. And the pool comes back."""
    path = tmp_path / "small.xml"
    path.write_bytes(b"<a/>")
    async with opened(1) as pool:
        await _facts(pool, path)
        for executable in ("/bin/false", "/khong/co"):
            os.kill(pool.processes[0], signal.SIGKILL) if pool.processes else None
            with monkeypatch.context() as machine:
                machine.setattr(sys, "executable", executable)
                for _ in range(3):
                    with pytest.raises((Unusable, LimitReached)) as told:
                        await _facts(pool, path)
                assert isinstance(told.value, Unusable)
            assert await _facts(pool, path) is DocumentKind.XML


async def test_workers_know_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases may stand there (`env:NAME`), and a worker reads what strangers wrote."""
    monkeypatch.setenv("TTHC_TEST_PIN", "bi-mat-123")
    async with opened(1) as pool:
        assert b"bi-mat-123" not in Path(f"/proc/{pool.processes[0]}/environ").read_bytes()


def test_a_worker_that_falls_does_not_quote_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """Its last words go into our log."""
    try:
        int("Nguyễn Thị Ví Dụ")
    except ValueError as error:
        worker.fell(ValueError, error, error.__traceback__)
    told = capsys.readouterr().err
    assert "ValueError at test_pool.py:" in told and "Nguy" not in told
