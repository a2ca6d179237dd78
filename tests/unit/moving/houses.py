"""Stores that move: the lively one, and the ways from one kind of store to the other without a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.evidence.check import Report, check, check_shared
from gateway.evidence.log import chain
from gateway.evidence.moved import OnItsWay, check_moved
from gateway.journal import embedded_tables
from gateway.journal.examining import Opened
from gateway.journal.examining_embedded import EmbeddedStore
from gateway.journal.examining_shared import SharedStore
from gateway.journal.kept import KeptJournal
from gateway.journal.model import DeliveryState
from gateway.journal.packing import House, Packed, pack
from gateway.journal.postgres import PostgresJournal
from gateway.journal.sealing import KeyRing
from gateway.journal.session import CLASHES, DatabaseOptions
from gateway.journal.shared_tables import SharedTables, session
from gateway.journal.unpacking import NewHouse, Unpacking
from gateway.observe.crash import Reach, never
from tests.unit.evidence.lively import KEK, PORTAL, PUSHED, Lively, decide

DOSSIERS = tuple(f"HS-{number}" for number in (*range(1, 10), 20))
KINDS = ("course", "consent", "data_key", "note")


@dataclass
class Place:
    """Where a store is: embedded in a folder, or in a database with its own folder for the cabinet."""

    folder: Path
    lively: Lively
    dsn: str = ""
    node: str = "gateway-1"

    @property
    def options(self) -> DatabaseOptions:
        """How the database is reached."""
        return DatabaseOptions(self.node, self.dsn, KEK)

    def open(self) -> KeptJournal:
        """Open it, as a start of the gateway would."""
        if not self.dsn:
            return Lively(self.folder, self.lively.turned).open()
        return PostgresJournal.open(
            self.options, decide=decide, chain=chain, clock=Clock(now=self.lively.turned.now, chance=lambda: 0.5)
        )

    def check(self) -> Report:
        """Hold it against its evidence."""
        return check_shared(self.options) if self.dsn else check(self.folder)

    def leave(self, folder: Path, reach: Reach = never) -> Packed:
        """Export it."""
        content = self.folder / "content"
        if self.dsn:
            with session(self.options) as opened:
                tables = SharedTables(opened)
                with tables.one_moment():
                    return pack(House(tables, None, content, "2026-11-22T00:00:00+00:00"), folder, _quiet, reach)
        with embedded_tables.read(self.folder) as embedded:
            house = House(embedded, self.folder / "files", content, "2026-11-22T00:00:00+00:00")
            return pack(house, folder, _quiet, reach)

    @contextmanager
    def made(self) -> Iterator[tuple[NewHouse, Opened]]:
        """The new store."""
        content = self.folder / "content"
        if self.dsn:
            with session(self.options, 5) as opened:
                yield NewHouse(SharedTables(opened, CLASHES), None, content), SharedStore(opened, self.options)
        else:
            with embedded_tables.new(self.folder, 5) as embedded:
                yield (
                    NewHouse(embedded, self.folder / "files", content),
                    EmbeddedStore(embedded.connection, self.folder),
                )

    def arrive(self, folder: Path, *, reach: Reach = never, kek: bytes = KEK) -> Report:
        """Import it and examine it; where the evidence holds it may be opened."""
        with self.made() as (house, opened):
            unpacking = Unpacking(folder, house, reach)
            mark = unpacking.load(unpacking.check(KeyRing(kek)))
            concurrent = unpacking.manifest.store.origin == "shared"
            report = check_moved(OnItsWay(opened, unpacking.lines, concurrent, house.has_file))
            if report.holds:
                unpacking.accept(mark)
        return report


def _quiet(_part: object) -> None:
    return None


async def everything(journal: KeptJournal) -> dict[str, Any]:
    """What every read of a journal tells of the lively store; what a start itself adds is left out."""
    seen: dict[str, Any] = {}
    for dossier in DOSSIERS:
        seen[f"events {dossier}"] = tuple(await journal.events_of(dossier))
        seen[f"deliveries {dossier}"] = tuple(await journal.deliveries_of(dossier))
        seen[f"lanes {dossier}"] = tuple(sorted(await journal.lanes(dossier=dossier), key=str))
        for row in seen[f"events {dossier}"]:
            name = row.known.source, row.known.event_id
            seen[f"original {name}"] = await journal.original(*name)
            seen[f"event {name}"] = await journal.event(*name)
    rows = [row for row in await journal.feed(0, 10_000, feed_only=False) if not row.kind.startswith("store.")]
    seen["audit"] = tuple(rows)
    for after in {0, *(row.position for row in rows)}:
        told = [row for row in await journal.feed(after, 10_000) if not row.kind.startswith("store.")]
        seen[f"feed {after}"] = tuple(told)
    for kind in KINDS:
        seen[f"records {kind}"] = tuple(await journal.records(kind))
    counts = await journal.counts()
    seen["messages"] = {state: n for state, n in counts.messages.items() if n}
    seen["counts"] = counts.blocked_lanes, dict(counts.oldest_waiting), counts.parked, counts.oldest_gap
    seen["parked"] = tuple(await journal.parked())
    for upstream in (PORTAL, PUSHED):
        seen[f"lanes {upstream}"] = tuple(sorted(await journal.lanes(upstream=upstream), key=str))
        seen[f"blocked {upstream}"] = tuple(sorted(await journal.lanes(upstream=upstream, blocked_only=True), key=str))
        seen[f"due {upstream}"] = await journal.next_due(upstream)
        seen[f"upstream {upstream}"] = await journal.upstream(upstream)
    return seen


@dataclass
class Worker:
    """Delivers everything that can be delivered, and notes in which order it was sent."""

    place: Place
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)

    async def deliver(self, journal: KeptJournal, rounds: int = 30) -> None:
        """Claim and settle until nothing is due any more, an hour later in each round."""
        lively = self.place.lively
        for _ in range(rounds):
            lively.turned.moment += timedelta(hours=1)
            for upstream in (PORTAL, PUSHED):
                for claim in await journal.claim(
                    upstream, limit=50, batch={"progress": 3}, lease=timedelta(seconds=30), now=lively.turned.now()
                ):
                    for one in claim.deliveries:
                        self.sent.append((one.delivery_id, upstream, one.sequence))
                        if one.doubtful:
                            self.doubted.append(one.delivery_id)
                    await lively.settle(journal, claim, DeliveryState.DELIVERED)
