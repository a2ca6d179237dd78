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
        none = await measure(Path(name) / "none", 0)
        many = await measure(Path(name) / "many", blocked)
        scanned_ms = scan(Path(name) / "many")
    for found in (none, many):
        print(
            f"{found.blocked:>9,} blocked: claim p50 {found.p50_ms:.2f} ms, p99 {found.p99_ms:.2f} ms, "
            f"slowest {found.worst_ms:.2f} ms",
            flush=True,
        )
    print(f"one claim without the index of due lanes (negative control): {scanned_ms:.0f} ms")
    caught = scanned_ms > AT_MOST * none.p50_ms
    if not caught:
        print("A SCAN OF THE BACKLOG IS NOT SLOWER: THE HARNESS IS BROKEN")
    return many.p50_ms <= AT_MOST * none.p50_ms and caught


async def measure(folder: Path, blocked: int, claims: int = CLAIMS) -> Measured:
    """Claim and put back 64 due lanes, again and again, beside a backlog."""
    clock = Clock()
    options = StoreOptions(node="backlog", kek=b"k" * 32)
    journal = SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=clock)
    for lane in range(CLAIMED):
        raw = carried(f"due-{lane}", 1)
        await journal.accept(Intake("event", "S", f"due-{lane}", f"due-{lane}", bytes(32), raw, None, 1))
    await journal.close()
    block(folder / "journal.db", blocked)
    journal = SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=clock)
    spent = []
    try:
        for _ in range(claims):
            begun = time.perf_counter()
            claimed = await _claim(journal, clock)
            spent.append((time.perf_counter() - begun) * 1_000)
            assert len(claimed) == CLAIMED
            now = clock.now()
            await asyncio.gather(
                *(journal.settle(Settlement(one.lane_id, one.epoch, (), next_due=now)) for one in claimed)
            )
    finally:
        await journal.close()
    spent.sort()
    return Measured(blocked, spent[len(spent) // 2], spent[int(len(spent) * 0.99)], spent[-1])


async def _claim(journal: SqliteJournal, clock: Clock) -> Sequence[Claim]:
    return await journal.claim(UPSTREAM, limit=CLAIMED, batch={}, lease=LEASE, now=clock.now())


def block(file: Path, lanes: int) -> None:
    """Put so many blocked lanes into a store, a message on each: half of them wait for a person, half for another day."""
    sql = load("queries.sql")
    connection = apsw.Connection(str(file))
    cursor = connection.cursor()
    now = to_micros(Clock().now())
    far = now + 86_400_000_000
    names = [(f"blocked-{n}", lane_id(UPSTREAM, f"blocked-{n}")) for n in range(lanes)]
    (payload,) = (row[0] for row in cursor.execute("SELECT min(ref) FROM payload"))
    with connection:
        cursor.executemany(
            sql["lane.new"].partition(" RETURNING ")[0],
            ((number, UPSTREAM, dossier, 2, far, None) for dossier, number in names),
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
    """What one claim would cost without its index: the same statement, told not to use it, in milliseconds."""
    connection = apsw.Connection(str(folder / "journal.db"))
    sql = load("queries.sql")["claim.due"].replace("INDEXED BY lane_due", "NOT INDEXED")
    begun = time.perf_counter()
    connection.execute(sql, (UPSTREAM, to_micros(Clock().now()), CLAIMED)).fetchall()
    spent = (time.perf_counter() - begun) * 1_000
    connection.close()
    return spent
