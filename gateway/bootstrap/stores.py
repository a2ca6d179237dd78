"""The store of record as the configuration wants it, embedded or shared."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.bootstrap.kek import kek_of
from gateway.bootstrap.lines import read_routes
from gateway.bootstrap.questions import proof_rules
from gateway.clock import Clock
from gateway.config import Loaded, secret
from gateway.config.model import Postgres
from gateway.errors import ConfigError
from gateway.evidence.log import chain
from gateway.evidence.openings import OpeningKey, Trust, trusting
from gateway.intake.decide import Decider
from gateway.intake.ledgers import LedgerBook
from gateway.intake.receipts import LOCAL
from gateway.intake.register import Register
from gateway.journal import lock
from gateway.journal.books import unsigned
from gateway.journal.kept import KeptJournal
from gateway.journal.model import Decide, Vouch
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.observe import crash


def open_journal(
    loaded: Loaded, register: Register, clock: Clock, reach: crash.Reach, book: LedgerBook | None = None
) -> KeptJournal:
    """The store of record, with the decision and the evidence chain that it works with."""
    return open_store(loaded, clock, reach, decider(loaded, register, book))


def decider(loaded: Loaded, register: Register, book: LedgerBook | None = None) -> Decider:
    """The decision about what comes in, as the configuration wants it."""
    settings = loaded.settings
    decide = Decider(read_routes(loaded), register, settings.intake, settings.files, book)
    postgres = settings.storage.postgres
    return decide.judging(proof_rules(settings.identity)).promising(postgres.durability if postgres else LOCAL)


def open_store(loaded: Loaded, clock: Clock, reach: crash.Reach, decide: Decide) -> KeptJournal:
    """The store of record that works with `decide`; blocks. Raises what its driver's `open` raises."""
    settings = loaded.settings
    kek = kek_of(loaded)
    if settings.storage.postgres is not None:
        make_folder(loaded)
        shared = database_options(loaded, settings.storage.postgres, kek, reach)
        return PostgresJournal.open(shared, decide=decide, chain=chain, clock=clock)
    options = embedded_options(loaded, kek, reach)
    return SqliteJournal.open(loaded.data_dir(), options, decide=decide, chain=chain, clock=clock)


def embedded_options(loaded: Loaded, kek: bytes, reach: crash.Reach = crash.never) -> StoreOptions:
    """How the embedded store is kept."""
    settings = loaded.settings
    return StoreOptions(
        node=settings.node,
        kek=kek,
        inline_bytes=settings.storage.inline_bytes,
        queue_limit=settings.storage.queue_limit,
        synchronous=settings.storage.synchronous,
        reach=reach,
        vouch=_vouch(loaded),
    )


@contextmanager
def alone_in_folder(loaded: Loaded) -> Iterator[None]:
    """While a shared store is open under the name of this node, no other process opens it out of the same folder.

    It would depose the one before for good: a second start, and as well a command that finds no admin socket because the
    gateway is just coming up or still settles what it sent. An embedded store is locked by its driver. Raises `StoreInUse`,
    and `ConfigError` where the folder cannot be made or locked.
    """
    if loaded.settings.storage.postgres is None:
        yield
        return
    make_folder(loaded)
    folder = loaded.data_dir()
    try:
        handle = lock.take(folder)
    except OSError as error:
        raise ConfigError((f"storage.data_dir: không khóa được thư mục {folder} ({error.strerror})",)) from error
    try:
        yield
    finally:
        os.close(handle)


def make_folder(loaded: Loaded) -> None:
    """The folder of a node, which the embedded store makes by itself; raises `ConfigError` where it cannot be made."""
    folder = loaded.data_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError((f"storage.data_dir: không tạo được thư mục {folder} ({error.strerror})",)) from error


def database_options(
    loaded: Loaded, postgres: Postgres, kek: bytes, reach: crash.Reach = crash.never
) -> DatabaseOptions:
    """How the shared store is kept; raises `ConfigError` where its secret is not there."""
    settings = loaded.settings
    return DatabaseOptions(
        node=settings.node,
        dsn=secret(postgres.dsn, loaded.base),
        kek=kek,
        queue_limit=settings.storage.queue_limit,
        synchronous_commit=postgres.synchronous_commit,
        connect_s=postgres.connect_s,
        answer_s=postgres.answer_s,
        lock_s=postgres.lock_s,
        migrate=postgres.migrate == "open",
        replicated=postgres.durability == "sync-standby",
        server_time=True,
        reach=reach,
        vouch=_vouch(loaded),
    )


def examined_database(loaded: Loaded, postgres: Postgres) -> DatabaseOptions:
    """How the shared store is read for an examination: nothing is opened in it, so no key of it is needed."""
    return database_options(loaded, postgres, b"")


def opening_key(loaded: Loaded) -> OpeningKey | None:
    """The key of the evidence; None where none is configured. Raises `ConfigError`, also where others may read its file."""
    reference = loaded.settings.evidence.key
    if not reference:
        return None
    scheme, _, rest = reference.partition(":")
    pem = secret(reference, loaded.base)
    if scheme == "file" and stat.S_IMODE((loaded.base / rest).stat().st_mode) & 0o077:
        raise ConfigError((f"evidence.key: tệp {rest} phải có quyền 0600",))
    return OpeningKey(pem)


def trusted_openings(loaded: Loaded, more: Sequence[Path] = ()) -> Trust:
    """Whose signatures count on the openings of chains: one's own key, the configured ones and `more`."""
    files_ = [*map(loaded.path, loaded.settings.evidence.trusted), *more]
    try:
        pems = [file.read_text(encoding="utf-8") for file in files_]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((f"evidence.trusted: không đọc được khóa công khai ({error})",)) from error
    return trusting(pems, opening_key(loaded))


def _vouch(loaded: Loaded) -> Vouch:
    key = opening_key(loaded)
    return unsigned if key is None else key.vouch
