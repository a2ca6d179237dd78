"""A process that works on a store until it dies: `python -m tests.catalogue.writing accept|hold STORE FULL|NORMAL`.

STORE is a folder, or the address of a database.

`accept` takes events for ever and says each one that it acknowledged. `hold` claims every lane, says how many, and kills itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Literal, cast

from gateway.clock import Clock
from gateway.evidence.log import chain
from gateway.journal.model import DeliveryState, Intake, MessageSettlement, Settlement
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from tests.prove.zombie import UPSTREAM, carried, decide

LANES = 24
LEASE = timedelta(seconds=30)
_DELIVERED = MessageSettlement(1, DeliveryState.DELIVERED)


def opened(folder: Path, synchronous: str = "FULL", clock: Clock | None = None) -> SqliteJournal:
    """The store of this process."""
    setting = cast("Literal['FULL', 'NORMAL']", synchronous)
    options = StoreOptions(node="writing", kek=b"k" * 32, synchronous=setting)
    return SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=clock or Clock())


def shared(dsn: str, node: str = "writing") -> PostgresJournal:
    """The store of this process where it is a database."""
    return PostgresJournal.open(DatabaseOptions(node, dsn, b"k" * 32), decide=decide, chain=chain, clock=Clock())


async def push(journal: Journal, lane: int, sequence: int) -> str:
    """Accept one event; its key."""
    code = f"D{lane:02d}"
    raw = carried(code, sequence)
    key = f"{code}-{sequence}"
    await journal.accept(Intake("event", "S", key, code, hashlib.sha256(raw).digest(), raw, None, sequence))
    return key


async def assert_all_given_back(journal: Journal) -> None:
    """What a dead holder of every lane leaves: nothing to claim before its leases end, all of it then, and its word is void."""
    now = Clock().now()
    assert await journal.claim(UPSTREAM, limit=100, batch={}, lease=LEASE, now=now) == ()
    claims = await journal.claim(UPSTREAM, limit=100, batch={}, lease=LEASE, now=now + LEASE)
    assert len(claims) == LANES
    assert all(claim.deliveries[0].doubtful and claim.epoch == 2 for claim in claims)
    dead, living = (Settlement(claims[0].lane_id, epoch, (_DELIVERED,)) for epoch in (1, 2))
    assert not await journal.settle(dead), "the epoch has moved on"
    assert await journal.settle(living)


async def main(what: str, store: str, synchronous: str) -> None:
    """Work until the end."""
    journal: Journal = shared(store) if "://" in store else opened(Path(store), synchronous)
    for sequence in count(1):
        for key in await asyncio.gather(*(push(journal, lane, sequence) for lane in range(LANES))):
            sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
        if what == "hold":
            claims = await journal.claim(UPSTREAM, limit=1_000, batch={}, lease=LEASE, now=Clock().now())
            sys.stdout.write(f"holding {len(claims)}\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3]))
