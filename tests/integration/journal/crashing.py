"""A process that works on a store until a crash point kills it: `python crashing.py STORE POINT[:n]`.

It writes a line for everything that it was told (`accepted ID`, `refused ID`, `settled ID`), so that the test knows what
must be there afterwards. With `starving` in place of a point its files may not grow beyond a bound, which the kernel
keeps: it accepts until it is refused, then lifts the bound and goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import sys
from datetime import timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import JournalUnavailable
from gateway.journal.model import (
    AttemptWrite,
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
from gateway.observe import crash

LANES = 8
ROUNDS = 12
ROOM = 300_000
CLOCK = Clock()


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def decide(situation: Situation, intake: Intake) -> Decision:
    """Accept each event once, with one delivery; a repeated one gets its first answer."""
    if situation.known_receipt is not None:
        return Decision(situation.known_receipt, 200, store=False)
    assert intake.sequence is not None
    return Decision(
        answer=b"answer of " + intake.key.encode(),
        status=202,
        inbound=(InboundWrite(intake.key, intake.sequence, InboundStatus.ACCEPTED, carried=intake.raw),),
        deliveries=(NewDelivery(intake.key, "portal", "progress", intake.key, intake.source),),
        last_sequence=intake.sequence,
        audit=(AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}", feed=True),),
    )


def chain(head: bytes, digests: tuple[bytes, ...]) -> bytes:
    """A chain that the test can recompute."""
    return hashlib.sha256(head + b"".join(digests)).digest()


def open_store(folder: Path, point: str) -> SqliteJournal:
    """The store, with one crash point armed."""
    reach = crash.never if point == "none" else crash.killer(point)
    options = StoreOptions(node="crashing", kek=b"k" * 32, reach=reach)
    return SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=CLOCK)


def intake(lane: int, sequence: int) -> Intake:
    """The event of a lane with this sequence."""
    raw = b'{"lane":%d,"sequence":%d}' % (lane, sequence)
    digest = hashlib.sha256(raw).digest()
    return Intake("event", "SEC", f"{lane}-{sequence}", f"dossier-{lane}", digest, raw, None, sequence)


async def push(journal: SqliteJournal, lane: int, sequence: int) -> None:
    """Accept one event and say so once it is durable."""
    accepted = await journal.accept(intake(lane, sequence))
    assert accepted.answer == b"answer of %d-%d" % (lane, sequence)
    say(f"accepted {lane}-{sequence}")


async def deliver(journal: SqliteJournal, claim: Claim) -> None:
    """Settle a claim as delivered and say so once it is durable."""
    now = CLOCK.now()
    (delivery,) = claim.deliveries
    attempt = AttemptWrite(now, now, "delivered", 200, "0", "", b"sent", b"answered")
    message = MessageSettlement(delivery.sequence, DeliveryState.DELIVERED, attempt, b"receipt")
    assert await journal.settle(Settlement(claim.lane_id, claim.epoch, (message,)))
    say(f"settled {delivery.event_id}")


async def main(folder: Path, point: str) -> None:
    """Rounds of accepting one event for each lane, claiming and settling some."""
    journal = open_store(folder, point)
    for sequence in range(1, ROUNDS + 1):
        await asyncio.gather(*(push(journal, lane, sequence) for lane in range(LANES)))
        claims = await journal.claim("portal", limit=5, batch={}, lease=timedelta(minutes=5), now=CLOCK.now())
        await asyncio.gather(*(deliver(journal, claim) for claim in claims[:4]))
    await journal.close()


async def push_all(journal: SqliteJournal, sequence: int) -> bool:
    """One round over all lanes; True when all were accepted."""
    waiting = [asyncio.create_task(push(journal, lane, sequence)) for lane in range(LANES)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    for lane, answer in enumerate(answers):
        if isinstance(answer, JournalUnavailable):
            say(f"refused {lane}-{sequence}")
        elif isinstance(answer, BaseException):
            raise answer
    return not any(answers)


async def starve(folder: Path) -> None:
    """Accept until the kernel refuses to let the files grow, then with all the room there is."""
    journal = open_store(folder, "none")
    most = max(entry.stat().st_size for entry in os.scandir(folder)) + ROOM
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    sequence = 1
    while await push_all(journal, sequence):
        sequence += 1
    while not await journal.ready():
        continue  # the last little room is used up by commits of one row
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert await journal.ready() == ""
    for again in range(sequence, sequence + 3):
        assert await push_all(journal, again)
    await journal.close()


if __name__ == "__main__":
    asyncio.run(starve(Path(sys.argv[1])) if sys.argv[2] == "starving" else main(Path(sys.argv[1]), sys.argv[2]))
