"""Moving house: the store of this configuration is written out into a folder, or a folder is taken in as its new store.

An import ends with the first opening of the new store: it names the heads of all chains that came along, and tells in the
trail, bound by a leaf, where the store came from. Until then nothing else opens it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.bootstrap import cabinets
from gateway.bootstrap.kek import kek_of
from gateway.bootstrap.stores import alone_in_folder, database_options, open_store, trusted_openings
from gateway.clock import Clock, to_micros
from gateway.config import Loaded
from gateway.evidence.check import Report
from gateway.evidence.moved import OnItsWay, check_moved
from gateway.journal import arriving, embedded_tables
from gateway.journal.alive import refuse_nodes
from gateway.journal.carried import Part
from gateway.journal.examining import Opened
from gateway.journal.examining_embedded import EmbeddedStore
from gateway.journal.examining_shared import SharedStore
from gateway.journal.model import Decision, Intake, Situation
from gateway.journal.packing import House, Packed, Tables, pack
from gateway.journal.restoring import Doubted, Restored
from gateway.journal.sealing import KeyRing
from gateway.journal.session import CLASHES, DatabaseOptions
from gateway.journal.shared_tables import SharedTables, session, shut
from gateway.journal.unpacking import NewHouse, Target, Unpacking
from gateway.observe import crash

_PATIENCE_S = 3_600.0
Said = Callable[[Part], object]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: what its evidence said, how many rows, whether the store may be opened now."""

    report: Report
    rows: int
    export: str


def export_store(loaded: Loaded, folder: Path, said: Said, clock: Clock, *, stay: bool = False) -> Packed:
    """Write the store of this configuration into `folder`; no node is at work on it. Goes on where an earlier run ended.

    Unless it is to `stay` nobody opens it afterwards: two of the same would send every message twice. A database takes no
    writing transaction by default from before the first row is read; an embedded store gets a note in its folder, under its
    lock. An export that fails leaves its source as it was.
    """
    now_iso = clock.now().astimezone(UTC).isoformat()
    with _laid_open(loaded, stay=stay) as tables:
        files = None if tables.shared else loaded.data_dir() / "files"
        packed = pack(House(tables, files, cabinets.folder(loaded), now_iso), folder, said)
        if not (stay or tables.shared):
            arriving.moved_away(loaded.data_dir(), packed.manifest.digest)
        return packed


@contextmanager
def _laid_open(loaded: Loaded, *, stay: bool) -> Iterator[Tables]:
    options = _shared(loaded)
    if options is None:
        with embedded_tables.read(loaded.data_dir()) as embedded:
            yield embedded
        return
    with session(options) as opened:
        tables = SharedTables(opened)
        refuse_nodes(tables)
        with nullcontext() if stay else shut(opened), tables.one_moment():
            yield tables


def import_store(loaded: Loaded, folder: Path, said: Said, clock: Clock, reach: crash.Reach = crash.never) -> Imported:
    """Take the export in `folder` in as the store of this configuration, which is empty, or holds what an earlier run took in.

    Its evidence is examined before the store may be opened; where it does not hold, the store stays shut.
    """
    with _made(loaded, clock) as (house, opened):
        unpacking = Unpacking(folder, house, reach)
        mark = unpacking.check(KeyRing(kek_of(loaded)))
        if not mark.whole:
            mark = unpacking.load(mark, said)
        lines, origin = unpacking.lines, unpacking.manifest.store.origin
        report = check_moved(OnItsWay(opened, lines, origin == "shared", house.has_file), trusted_openings(loaded, ()))
        if report.holds:
            unpacking.accept(mark)
    if report.holds:
        with alone_in_folder(loaded):
            journal = open_store(loaded, clock, reach, _nobody)
            asyncio.run(journal.close())
    return Imported(report, unpacking.manifest.rows, unpacking.manifest.digest)


@contextmanager
def _made(loaded: Loaded, clock: Clock) -> Iterator[tuple[NewHouse, Opened]]:
    options, content, now = _shared(loaded), cabinets.folder(loaded), to_micros(clock.now())
    if options is None:
        folder = loaded.data_dir()
        with embedded_tables.new(folder, now) as embedded:
            yield NewHouse(embedded, folder / "files", content), EmbeddedStore(embedded.connection, folder)
        return
    with session(options, now) as opened:
        target: Target = SharedTables(opened, CLASHES)
        yield NewHouse(target, None, content), SharedStore(opened, options)


def mark_restored(loaded: Loaded, until: datetime | None, who: tuple[str, str], clock: Clock) -> Doubted:
    """Bring what is open, and was accepted up to `until` (None: all of it), into doubt; `who` says so, and why.

    No node is at work meanwhile: what it sends just now could not be doubted.
    """
    options, (actor, reason) = _shared(loaded), who
    with alone_in_folder(loaded):  # a node that is coming up has not beaten yet
        if options is not None:
            with session(options) as opened:
                refuse_nodes(SharedTables(opened))
        moment = to_micros(clock.now() if until is None else until)
        return asyncio.run(_restored(loaded, Restored("operator", moment, reason, actor), clock))


async def _restored(loaded: Loaded, told: Restored, clock: Clock) -> Doubted:
    journal = await asyncio.to_thread(open_store, loaded, clock, crash.never, _nobody)
    try:
        return await journal.restored(told)
    finally:
        await journal.close()


def _shared(loaded: Loaded) -> DatabaseOptions | None:
    postgres = loaded.settings.storage.postgres
    if postgres is None:
        return None
    return replace(database_options(loaded, postgres, kek_of(loaded)), answer_s=_PATIENCE_S, lock_s=_PATIENCE_S)


def _nobody(situation: Situation, intake: Intake) -> Decision:
    raise AssertionError(f"nothing is accepted while a store moves ({intake.kind})")
