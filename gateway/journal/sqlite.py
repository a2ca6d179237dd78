"""The embedded store of record: SQLite through apsw, which brings its own library (delivery-engine 4.7).

WAL, synchronous=FULL, one writer connection in one thread, read-only connections for readers, no mmap, local disk only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import apsw

from gateway.clock import Clock, to_micros
from gateway.journal import arriving, backing_up, library, lock, opening, restoring
from gateway.journal.books import Author, Pages, Vault
from gateway.journal.connections import FAILURES, EmbeddedMoments, Engine
from gateway.journal.kept import KeptJournal
from gateway.journal.model import Chain, Decide
from gateway.journal.options import StoreOptions as StoreOptions
from gateway.journal.sealing import KeyRing, Shelf
from gateway.journal.statements import load
from gateway.journal.writer import Writer


def library_version() -> str:
    """The version of the SQLite library in use."""
    return apsw.sqlite_lib_version()


def _prepare(
    engine: Engine, sql: Mapping[str, str], scope: tuple[Vault, Author], *, restored: bool
) -> restoring.Doubted | None:
    """Bring the tables up to date, check the key, begin this start's evidence chain; what a restore brought into doubt."""
    vault, author = scope
    opening.migrate(engine.cursor, author.now())
    pages = Pages(engine.cursor, sql, vault)
    mark = arriving.admit(pages)
    opening.check_key(engine.cursor, pages, sql, vault.keys)
    engine.use(sql, vault, author, opening.counters(pages))
    engine.begin()
    books = engine.books()
    arriving.begin(books, mark, lambda: opening.adopt(engine.books(), engine.another_cursor()))
    arriving.count_on(books, mark)
    arriving.welcome(books, mark)
    doubted = restoring.doubt(books, restoring.Restored("backup", author.now())) if restored else None
    engine.finish()
    engine.commit()
    return doubted


class SqliteJournal(KeptJournal):
    """The `gateway.journal.store.Journal` of one process; made by `open`."""

    _engine: Engine
    _lock_handle: int

    @classmethod
    def open(cls, path: Path, options: StoreOptions, *, decide: Decide, chain: Chain, clock: Clock) -> SqliteJournal:
        """Open (or make) the store in the directory `path` and begin this start's evidence chain.

        Raises `StoreInUse` when another process has it, `WrongKey` when it was made with another KEK, `StoreUnopenable`
        when the disk or the file does not allow it, `ConfigError` for a library that may lose what several connections write.
        """
        library.refuse_broken(library_version())
        undo = ExitStack()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = lock.take(path)
            undo.callback(os.close, handle)
            engine = Engine(path / "journal.db", options)
            undo.callback(engine.close)
            sql = load("queries.sql")
            vault = Vault(KeyRing(options.kek), Shelf(path / "files", options.inline_bytes))
            writer = f"{options.node}/{clock.new_id()}"
            author = Author(options.node, writer, chain, lambda: to_micros(clock.now()), options.vouch)
            arriving.refuse_moved(path)
            restored = backing_up.is_restored(path)
            doubted = _prepare(engine, sql, (vault, author), restored=restored)
            if restored:
                backing_up.noted(path)
        except BaseException as error:
            undo.close()
            if isinstance(error, (*FAILURES, OSError)):
                raise opening.StoreUnopenable(path, error) from error
            raise
        moments = EmbeddedMoments(path / "journal.db", sql, vault)
        journal = cls(Writer(engine, options.reach, options.queue_limit), moments, author, decide)
        journal._engine, journal._lock_handle, journal.doubted, journal.clock = engine, handle, doubted, clock
        return journal

    async def resize(self, max_pages: int) -> None:
        """Bound the database file, in pages of 4096 bytes; takes effect between two operations."""
        await self._writer.submit("resize", lambda _books: self._engine.limit(max_pages))

    def _close(self) -> None:
        super()._close()
        handle, self._lock_handle = self._lock_handle, -1
        if handle >= 0:
            os.close(handle)
