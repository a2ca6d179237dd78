"""Blocked lanes: a claim costs what it claims, however many lanes wait for a person or for their hour (F10).

The backlog is written in bulk with the driver's own statements: what counts here is what the claim meets, not how it came there.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import apsw

from gateway.clock import Clock, to_micros
from gateway.evidence.log import chain
from gateway.journal.lanes import lane_id
from gateway.journal.model import Claim, Intake, Settlement
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.statements import load
from tests.prove.zombie import UPSTREAM, carried, decide

CLAIMED = 64
CLAIMS = 200
DAYS = 120
"""On how many days the blocked dossiers are due by law: those that are ready have none, so a claim looks past all of these."""
_DAY = 86_400_000_000
LEASE = timedelta(seconds=60)
AT_MOST = 4.0
"""How many times the median claim beside nothing the median claim beside the backlog may cost (as bench/claim.py)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Claims of 64 lanes beside a backlog, in milliseconds."""

    blocked: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


async def prove(blocked: int) -> bool:
    """Measure beside so many blocked lanes and beside none; a claim that scanned them must be seen."""
    print(f"\n== blocked lanes: claims of {CLAIMED} lanes beside {blocked:,} blocked ones and beside none")
    with tempfile.TemporaryDirectory(prefix="gateway-backlog-") as name:
        folders = Path(name) / "none", Path(name) / "many"
        none, many = await measure(folders, (0, blocked))
        scans_ms = tuple(scan(folder) for folder in folders)
    for found in (none, many):
        print(
            f"{found.blocked:>9,} blocked: claim p50 {found.p50_ms:.2f} ms, p99 {found.p99_ms:.2f} ms, "
            f"slowest {found.worst_ms:.2f} ms",
            flush=True,
        )
    print("the search without the index of due lanes (negative control): {:.2f} and {:.2f} ms".format(*scans_ms))
    caught = scans_ms[1] > AT_MOST * scans_ms[0]
    if not caught:
        print("A SCAN OF THE BACKLOG IS NOT SLOWER: THE HARNESS IS BROKEN")
    return many.p50_ms <= AT_MOST * none.p50_ms and caught


async def measure(folders: Sequence[Path], blocked: Sequence[int], claims: int = CLAIMS) -> list[Measured]:
    """Claim and put back 64 due lanes in each store, beside its backlog.

    The stores are claimed from in turn, so that other load on the machine meets all of them alike.
    """
    clock = Clock()
    journals = [await _filled(folder, lanes, clock) for folder, lanes in zip(folders, blocked, strict=True)]
    spent: list[list[float]] = [[] for _ in journals]
    try:
        for _ in range(claims):
            for journal, times in zip(journals, spent, strict=True):
                times.append(await _turn(journal, clock))
    finally:
        for journal in journals:
            await journal.close()
    for times in spent:
        times.sort()
    return [
        Measured(lanes, times[len(times) // 2], times[int(len(times) * 0.99)], times[-1])
        for lanes, times in zip(blocked, spent, strict=True)
    ]


async def _filled(folder: Path, blocked: int, clock: Clock) -> SqliteJournal:
    """A store with 64 due lanes and so many blocked ones."""
    options = StoreOptions(node="backlog", kek=b"k" * 32)
    journal = SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=clock)
    for lane in range(CLAIMED):
        raw = carried(f"due-{lane}", 1)
        await journal.accept(Intake("event", "S", f"due-{lane}", f"due-{lane}", bytes(32), raw, None, 1))
    await journal.close()
    block(folder / "journal.db", blocked)
    return SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=clock)


async def _turn(journal: SqliteJournal, clock: Clock) -> float:
    """Claim 64 lanes and put them back; what the claim took, in milliseconds."""
    begun = time.perf_counter()
    claimed = await _claim(journal, clock)
    spent = (time.perf_counter() - begun) * 1_000
    assert len(claimed) == CLAIMED
    now = clock.now()
    await asyncio.gather(*(journal.settle(Settlement(one.lane_id, one.epoch, (), next_due=now)) for one in claimed))
    return spent


async def _claim(journal: SqliteJournal, clock: Clock) -> Sequence[Claim]:
    return await journal.claim(UPSTREAM, limit=CLAIMED, batch={}, lease=LEASE, now=clock.now())


def block(file: Path, lanes: int) -> None:
    """Put so many blocked lanes into a store, a message on each: half of them wait for a person, half for another day."""
    sql = load("queries.sql")
    connection = apsw.Connection(str(file))
    cursor = connection.cursor()
    now = to_micros(Clock().now())
    far = now + _DAY
    names = [(f"blocked-{n}", lane_id(UPSTREAM, f"blocked-{n}")) for n in range(lanes)]
    (payload,) = (row[0] for row in cursor.execute("SELECT min(ref) FROM payload"))
    with connection:
        cursor.executemany(
            sql["lane.new"].partition(" RETURNING ")[0],
            (
                (number, UPSTREAM, dossier, 2, 1, now, far, None, "", 0, 0, "", "", now + n % DAYS * _DAY, "{}")
                for n, (dossier, number) in enumerate(names)
            ),
        )
        cursor.executemany(
            sql["msg.new"].partition(" RETURNING ")[0],
            (
                (
                    number,
                    1,
                    dossier,
                    "S",
                    dossier,
                    UPSTREAM,
                    "status",
                    0,
                    bytes(32),
                    "",
                    "HELD" if n % 2 else "WAITING",
                    "",
                    0,
                    0,
                    0,
                    "",
                    payload,
                    0,
                    now,
                    None,
                )
                for n, (dossier, number) in enumerate(names)
            ),
        )
        cursor.executemany(
            sql["order.block"].partition(" RETURNING ")[0], ((number, "chờ người") for _, number in names[1::2])
        )
    connection.close()


def scan(folder: Path) -> float:
    """What the search of one claim would cost without its index, in milliseconds: the best of five runs."""
    connection = apsw.Connection(str(folder / "journal.db"))
    sql = load("queries.sql")["claim.due"].replace("INDEXED BY lane_due", "NOT INDEXED")
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        connection.execute(sql, (UPSTREAM, to_micros(Clock().now()), CLAIMED, 0)).fetchall()
        spent.append((time.perf_counter() - begun) * 1_000)
    connection.close()
    return min(spent)
