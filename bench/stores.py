"""The two stores side by side: events accepted, claimed and settled per second, one after the other in one run.

    python bench/stores.py [ROUNDS | --quick]

Medians of ROUNDS (5, or one quick one) rounds. The server of PostgreSQL runs on the same machine with fsync and
synchronous_commit on; its processes and the client share the cores with whatever else runs, so the ratios count and the
figures do not. Exits with 1 where a ratio is below its floor (`FLOORS`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.evidence.log import chain
from gateway.journal.model import (
    AttemptWrite,
    AuditWrite,
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    MessageSettlement,
    NewDelivery,
    RecordKey,
    RecordWrite,
    Settlement,
    Situation,
)
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from tests.postgres import served

EVENTS = int(os.environ.get("EVENTS", "1500"))
LANES = 300
AT_ONCE = 64
BODY = b'{"x":"' + b"y" * 1_900 + b'"}'
LEASE = timedelta(seconds=30)
KEK = bytes(range(32))
FLOORS = {"accept": 0.15, "claim and settle": 0.25}
"""What the shared store does at least of what the embedded one does. Measured while other work shared the machine: 0.33 to 0.68
and 0.51 to 0.75 (decision 0028); the floors are below half of the least, so that load alone does not break them."""


def decide(situation: Situation, intake: Intake) -> Decision:
    """What the line does to an event in rows: event, record, delivery, audit row, receipt."""
    if situation.known_receipt is not None:
        return Decision(situation.known_receipt, 200, store=False)
    key = RecordKey("dossier", intake.dossier)
    known = situation.records.get(key)
    assert intake.sequence is not None
    return Decision(
        b'{"receipt":"%s"}' % intake.key.encode(),
        202,
        inbound=(InboundWrite(intake.key, intake.sequence, InboundStatus.ACCEPTED, intake.digest, intake.raw, BODY),),
        deliveries=(NewDelivery(intake.key, "portal", "progress", intake.key, intake.source),),
        records=(RecordWrite(key, 1 + (known.version if known else 0), b"{}", intake.dossier),),
        last_sequence=intake.sequence,
        audit=(AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}", feed=True),),
    )


def event(lane: int, sequence: int) -> Intake:
    """An event of a dossier."""
    dossier, key = f"000.00.00.G00-261120-{lane:04d}", f"ev-{lane}-{sequence}"
    digest = hashlib.sha256(key.encode()).digest()
    reads = (RecordKey("dossier", dossier), RecordKey("consent", "SRC"))
    return Intake("event", "SRC", key, dossier, digest, BODY, None, sequence, reads)


@dataclass
class Score:
    """Events per second of each round."""

    accepted: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rates:
    """Events per second of the middle round."""

    accept: float
    deliver: float


async def accept_all(journal: Journal) -> float:
    """Producers that wait for each answer; events per second."""
    rest = iter([event(n % LANES, 1 + n // LANES) for n in range(EVENTS)])

    async def produce() -> None:
        for intake in rest:
            await journal.accept(intake)

    begun = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(AT_ONCE)))
    return EVENTS / (time.perf_counter() - begun)


async def deliver_all(journal: Journal, clock: Clock) -> float:
    """Claims of at most 64 lanes, settled at the same time; messages per second."""
    done, begun = 0, time.perf_counter()
    while done < EVENTS:
        claims = await journal.claim("portal", limit=AT_ONCE, batch={}, lease=LEASE, now=clock.now())
        at = clock.now()
        attempt = AttemptWrite(at, at, "delivered", 200, "0", "", BODY, b"{}")
        settled = await asyncio.gather(
            *(
                journal.settle(
                    Settlement(
                        claim.lane_id,
                        claim.epoch,
                        tuple(
                            MessageSettlement(one.sequence, DeliveryState.DELIVERED, attempt, b"{}")
                            for one in claim.deliveries
                        ),
                    )
                )
                for claim in claims
            )
        )
        done += sum(settled)
    return EVENTS / (time.perf_counter() - begun)


def measure(opened: Callable[[], Journal], clock: Clock, score: Score) -> None:
    """One round on a fresh store."""

    async def round_() -> None:
        journal = opened()
        score.accepted.append(await accept_all(journal))
        score.delivered.append(await deliver_all(journal, clock))
        await journal.close()

    asyncio.run(round_())


def main(rounds: int) -> int:
    """Measure both, round by round; 1 when a floor is broken."""
    clock = Clock()
    scores = {"sqlite": Score(), "postgres": Score()}
    with tempfile.TemporaryDirectory() as folder, served(shared_buffers="256MB", autovacuum="on") as server:
        for n in range(rounds):
            place, dsn = Path(folder) / str(n), server.database()
            measure(
                lambda place=place: SqliteJournal.open(  # type: ignore[misc]  # the place is bound
                    place, StoreOptions("n", KEK), decide=decide, chain=chain, clock=clock
                ),
                clock,
                scores["sqlite"],
            )
            measure(
                lambda dsn=dsn: PostgresJournal.open(  # type: ignore[misc]  # the database is bound
                    DatabaseOptions("n", dsn, KEK), decide=decide, chain=chain, clock=clock
                ),
                clock,
                scores["postgres"],
            )
            server.drop(dsn)
    middle = {name: Rates(statistics.median(s.accepted), statistics.median(s.delivered)) for name, s in scores.items()}
    for name, rates in middle.items():
        print(f"{name:10} accept {rates.accept:7.0f}/s   claim and settle {rates.deliver:7.0f}/s")
    return 0 if _held(middle["postgres"], middle["sqlite"]) else 1


def _held(shared: Rates, embedded: Rates) -> bool:
    """Print the ratios beside their floors; whether both were held."""
    ratios = {"accept": shared.accept / embedded.accept, "claim and settle": shared.deliver / embedded.deliver}
    told = (
        f"{what} {ratio:.2f} (floor {FLOORS[what]}: {'held' if ratio >= FLOORS[what] else 'BROKEN'})"
        for what, ratio in ratios.items()
    )
    print(f"postgres to sqlite: {', '.join(told)}")
    return all(ratio >= FLOORS[what] for what, ratio in ratios.items())


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "5"
    raise SystemExit(main(1 if asked == "--quick" else int(asked)))
