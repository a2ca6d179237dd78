"""The claim costs what it claims, not what waits: 64 lanes with 0, 60,000 and 600,000 blocked messages beside them.

Promise: with 600,000 blocked messages a claim of 64 lanes costs at most 1.5 x that with 60,000, and at most 4 x that with
none (medians of 50). The three stores are claimed from in turn, so that other load on the machine meets all of them alike.
Exit code 1 when the promise is broken. `python bench/claim.py [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from gateway.clock import Clock
from gateway.journal.model import (
    AuditWrite,
    Claim,
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    MessageSettlement,
    NewDelivery,
    Settlement,
    Situation,
)
from gateway.journal.sqlite import SqliteJournal, StoreOptions

UPSTREAM = "portal"
CLAIMED = 64
MESSAGES_PER_LANE = 3
ROUNDS = 50
QUICK_ROUNDS = 15
TO_TENTH = 1.5
TO_NONE = 4.0
FAR = timedelta(days=3)
LEASE = timedelta(seconds=60)
RAW = json.dumps({"event": "x" * 900}).encode()
DIGEST = hashlib.sha256(RAW).digest()
START = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass
class Turned:
    """A clock of the bench's own, so that what is due does not depend on the speed of the machine."""

    moment: datetime = START

    def now(self) -> datetime:
        """The time."""
        return self.moment


@dataclass
class Store:
    """One store with so many blocked messages, and the times of its claims in seconds."""

    blocked: int
    journal: SqliteJournal
    clock: Turned
    spent: list[float]


def decide(_situation: Situation, intake: Intake) -> Decision:
    """Store the event with one delivery."""
    return Decision(
        answer=b"{}",
        status=202,
        inbound=(InboundWrite(intake.key, intake.sequence or 0, InboundStatus.ACCEPTED, DIGEST, RAW, RAW),),
        deliveries=(NewDelivery(intake.key, UPSTREAM, "progress", intake.key, intake.source),),
        last_sequence=intake.sequence,
        audit=(AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}"),),
    )


def chain(head: bytes, digests: tuple[bytes, ...]) -> bytes:
    """A chain of the usual cost."""
    return hashlib.sha256(head + b"".join(digests)).digest()


def open_store(folder: Path, blocked: int) -> Store:
    """An empty store."""
    turned = Turned()
    clock = Clock(now=turned.now)
    options = StoreOptions(node="bench", kek=b"k" * 32)
    return Store(blocked, SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=clock), turned, [])


async def fill(store: Store, name: str, lanes: int, messages: int) -> None:
    """Accept so many events for each of so many dossiers, through the front door, 512 at a time."""
    for sequence in range(1, messages + 1):
        for first in range(0, lanes, 512):
            await asyncio.gather(
                *(
                    store.journal.accept(
                        Intake("event", "B", f"{name}-{lane}-{sequence}", f"{name}-{lane}", DIGEST, RAW, None, sequence)
                    )
                    for lane in range(first, min(first + 512, lanes))
                )
            )


async def block(store: Store) -> None:
    """Put every lane out of reach: half of them in backoff for days, half of them held by a person's wish."""
    while claims := await claim(store, 512):
        waits = [settlement(one, index % 2 == 0, store.clock.now() + FAR) for index, one in enumerate(claims)]
        await asyncio.gather(*(store.journal.settle(one) for one in waits))


def settlement(claim: Claim, held: bool, due: datetime) -> Settlement:
    """The head of a claim held, or waiting until `due`."""
    head = claim.deliveries[0].sequence
    if held:
        state = DeliveryState.HELD
        return Settlement(claim.lane_id, claim.epoch, (MessageSettlement(head, state),), block_reason="held")
    return Settlement(claim.lane_id, claim.epoch, (MessageSettlement(head, DeliveryState.WAITING),), next_due=due)


async def claim(store: Store, limit: int) -> tuple[Claim, ...]:
    """Claim lanes that are due."""
    return tuple(
        await store.journal.claim(UPSTREAM, limit=limit, batch={"progress": 1}, lease=LEASE, now=store.clock.now())
    )


async def measure(store: Store) -> None:
    """Time one claim of 64 lanes and put the lanes back."""
    start = time.perf_counter()
    claims = await claim(store, CLAIMED)
    store.spent.append(time.perf_counter() - start)
    if len(claims) != CLAIMED:
        raise SystemExit(f"claimed {len(claims)} lanes instead of {CLAIMED}")
    store.clock.moment += timedelta(milliseconds=1)
    for one in claims:
        await store.journal.settle(Settlement(one.lane_id, one.epoch, (), next_due=store.clock.now()))


async def run(backlogs: tuple[int, ...], rounds: int) -> list[Store]:
    """Fill one store for each backlog, then claim from them in turn."""
    with tempfile.TemporaryDirectory(prefix="bench-claim-") as folder:
        stores = [open_store(Path(folder) / str(blocked), blocked) for blocked in backlogs]
        for store in stores:
            start = time.perf_counter()
            await fill(store, "blocked", store.blocked // MESSAGES_PER_LANE, MESSAGES_PER_LANE)
            await block(store)
            await fill(store, "due", CLAIMED, 2)
            print(
                f"{store.blocked:>9,} blocked messages stored in {time.perf_counter() - start:.0f} s", file=sys.stderr
            )
        gc.collect()
        gc.disable()
        for turn in range(rounds + 5):
            for store in stores:
                await measure(store)
                if turn < 5:
                    store.spent.clear()  # the first rounds fill the caches
        gc.enable()
        for store in stores:
            await store.journal.close()
    return stores


def main() -> int:
    """Run, print figures and verdict; 1 when the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the backlog and fewer rounds, for CI")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    chosen = parser.parse_args()
    backlogs = (0, 6_000, 60_000) if chosen.quick else (0, 60_000, 600_000)
    stores = asyncio.run(run(backlogs, QUICK_ROUNDS if chosen.quick else ROUNDS))
    none, tenth, full = (median(store.spent) for store in stores)
    kept = full <= TO_TENTH * tenth and full <= TO_NONE * none
    figures = {
        "claimed_lanes": CLAIMED,
        "median_ms": {str(store.blocked): round(median(store.spent) * 1_000, 3) for store in stores},
        "max_ms": {str(store.blocked): round(max(store.spent) * 1_000, 3) for store in stores},
        "ratio_to_tenth": round(full / tenth, 2),
        "ratio_to_none": round(full / none, 2),
        "kept": kept,
    }
    if chosen.json:
        print(json.dumps(figures))
        return 0 if kept else 1
    print(f"claim of {CLAIMED} lanes, median (max) of {len(stores[0].spent)} claims each")
    for store in stores:
        print(f"{store.blocked:>9,} blocked: {median(store.spent) * 1e3:6.2f} ms ({max(store.spent) * 1e3:.2f} ms)")
    print(f"{backlogs[2]:,} against {backlogs[1]:,}: {full / tenth:.2f} x (at most {TO_TENTH})")
    print(f"{backlogs[2]:,} against none:   {full / none:.2f} x (at most {TO_NONE})")
    print("verdict:", "kept" if kept else "BROKEN")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
