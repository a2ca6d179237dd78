"""Where a trial stands: a folder on the disk under test, and for the shared form a database of its own on the same server."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.demonstration.nodes import Shared
from gateway.config import Loaded, Storage, secret
from gateway.config.model import Coordination, Postgres
from gateway.coordination.contact import RedisOptions
from gateway.coordination.errands import emptied
from gateway.journal.errands import scratch_database

_PREFIX_ROOM = 40


@dataclass(frozen=True, slots=True)
class Place:
    """What one round has: a folder on the disk under test, settings of the store; `shared` None: the embedded form."""

    folder: Path
    storage: Storage
    shared: Shared | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What is under test: the disk of a folder; with a configuration of several nodes its servers."""

    folder: Path
    loaded: Loaded | None = None

    @property
    def storage(self) -> Storage:
        """How the store is kept."""
        return self.loaded.settings.storage if self.loaded is not None else Storage()

    @property
    def dsn(self) -> str:
        """How the server of the shared form is reached, with its password; empty in the embedded form."""
        postgres = self.storage.postgres
        return secret(postgres.dsn, self.loaded.base) if self.loaded is not None and postgres is not None else ""

    @property
    def form_vi(self) -> str:
        """How the store is kept, for people."""
        if self.loaded is None or self.storage.postgres is None:
            return f"SQLite tại {self.folder}"
        redis = "và Redis " if self.loaded.settings.coordination.redis else "(không có Redis) "
        return f"PostgreSQL {redis}của {self.loaded.file}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Ground for one round; in the shared form an empty database and a prefix in Redis that nobody else has, gone at the end.

        No installation has the key to the database of another, so each round needs its own. Raises `ConfigError` for a secret
        that is not there, `DatabaseUnopenable` for a server that lets nobody in. Not for a thread that runs an event loop.
        """
        postgres = self.storage.postgres
        if self.loaded is None or postgres is None:
            yield Place(self.folder, self.storage)
            return
        redis = self._redis(self.loaded)
        with scratch_database(self.dsn, f"tthc_selftest_{secrets.token_hex(4)}") as own:
            further = _of_postgres(postgres)
            try:
                if redis is None:
                    yield Place(self.folder, self.storage, Shared(own, storage=further))
                else:
                    told = _of_redis(redis)
                    yield Place(self.folder, self.storage, Shared(own, redis.url, further, told))
            finally:
                if redis is not None:
                    asyncio.run(emptied(redis))

    @staticmethod
    def _redis(loaded: Loaded) -> RedisOptions | None:
        """The Redis of the configuration, under a longer prefix: whoever may use the one may use the other."""
        wanted: Coordination = loaded.settings.coordination
        if not wanted.redis:
            return None
        return RedisOptions(
            url=secret(wanted.redis, loaded.base),
            key=b"",
            prefix=f"{wanted.prefix[:_PREFIX_ROOM]}:selftest-{secrets.token_hex(4)}",
            connect_s=wanted.connect_s,
            answer_s=wanted.answer_s,
            ca_file=str(loaded.path(wanted.ca_file)) if wanted.ca_file else "",
        )


@contextmanager
def ground_of(loaded: Loaded | None, folder: Path | None) -> Iterator[Ground]:
    """A scratch folder beside the store of a configuration (or in `folder`), gone at the end; the store itself is not touched.

    Raises `OSError` for a folder that cannot be written.
    """
    beside = folder or (loaded.data_dir().parent if loaded is not None else Path.cwd())
    scratch = Path(tempfile.mkdtemp(prefix=".gw-selftest-", dir=beside))
    try:
        yield Ground(scratch, loaded)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _of_postgres(wanted: Postgres) -> str:
    """The store as the operator keeps it, as lines of `[storage.postgres]`."""
    told: dict[str, str | float] = {
        "durability": wanted.durability,
        "connect_s": wanted.connect_s,
        "answer_s": wanted.answer_s,
        "lock_s": wanted.lock_s,
        "synchronous_commit": wanted.synchronous_commit,
    }
    return _lines(told)


def _of_redis(wanted: RedisOptions) -> str:
    """The same of `[coordination]`."""
    told: dict[str, str | float] = {
        "prefix": wanted.prefix,
        "connect_s": wanted.connect_s,
        "answer_s": wanted.answer_s,
        "ca_file": wanted.ca_file,
    }
    return _lines(told)


def _lines(values: dict[str, str | float]) -> str:
    # What JSON writes of a string or a number is TOML as well.
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())
