"""The cabinet of large files: sealed while they arrive, durable before a row names them, swept when no row ever did.

A file is a *part* while it arrives, has *arrived* when it is whole and durable (a row may name it, or its transaction is still to
come), and is *settled* when a row names it. A place is chance, so that no name tells anything, and the same content of two
dossiers has nothing in common where it lies. What lies between two steps after a crash is sorted at the next start: few
files are looked at, however many are kept. Two drivers keep it: a folder, and the tables of the shared store.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from gateway.journal.chunks import KEY_BYTES, PREFIX, ChunkSealer, Readable, header, opened
from gateway.journal.sealing import SealBroken

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 4


class Cabinet(ABC):
    """The files of one store. Methods that are not `run` block: they run beside the event loop.

    `shared`: several nodes use it, so a journal that could not say whether it committed may have done so.
    """

    shared: bool = False

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="cabinet")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that blocks beside the event loop.

        It is done also when nobody waits for it any more: a file must be let go of, and a part removed, by whoever ends early.
        """
        return await asyncio.shield(asyncio.wrap_future(self._pool.submit(work, *args, **kwargs)))

    @abstractmethod
    def draft(self, label: str) -> Draft:
        """A new file for what `label` names; raises OSError or `JournalUnavailable`."""

    @abstractmethod
    def settle(self, place: str) -> None:
        """A row names this file now. What a crash takes back of it is made again at the next start."""

    @abstractmethod
    def discard(self, place: str) -> None:
        """No row names this file, and none will."""

    @abstractmethod
    def has(self, place: str) -> bool:
        """Whether the file is there, whole."""

    @abstractmethod
    def leftovers(self) -> list[tuple[str, str, float]]:
        """What arrived and was not settled: place, label (empty: unreadable), age in seconds."""

    @abstractmethod
    def drop_parts(self) -> int:
        """Remove what never became whole, and what nobody is receiving any more; how many. At the start of a node."""

    @abstractmethod
    def find(self, place: str) -> Readable:
        """The sealed bytes of a file; raises OSError where it is not, `JournalUnavailable` where that cannot be told now."""

    def content(self, place: str, key: bytes, label: str) -> OpenFile:
        """The content of a file, to be read chunk by chunk."""
        return OpenFile(lambda: self.find(place), key, label)

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown(wait=True)


class OpenFile:
    """The content of a file. Its methods block, and wait for each other: they run beside the event loop."""

    def __init__(self, find: Callable[[], Readable], key: bytes, label: str) -> None:
        self._find, self._key, self._label = find, key, label
        self._lock = threading.Lock()
        self._handle: Readable | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._begun = False

    def next_chunk(self) -> bytes:
        """The next chunk, empty after the last; raises `SealBroken`, also when the file is gone.

        Raises `JournalUnavailable` where a shared store does not answer.
        """
        with self._lock:
            if not self._begun:
                self._begun = True
                try:
                    self._handle = self._find()
                except OSError as error:
                    raise SealBroken(SealBroken.__doc__) from error
                self._chunks = opened(self._handle, self._key, self._label)
            return next(self._chunks, b"")

    def close(self) -> None:
        """Let go of the file; nothing more comes of it."""
        with self._lock:
            self._begun, self._chunks = True, iter(())
            if self._handle is not None:
                self._handle.close()


class Draft(ABC):
    """A file that is being sealed. Its methods block, and wait for each other: they run beside the event loop."""

    def __init__(self, label: str) -> None:
        self.place = secrets.token_hex(16)
        self.key = secrets.token_bytes(KEY_BYTES)
        self.size = 0
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._open = True
        stated = header(label, secrets.token_bytes(PREFIX))
        self._sealer = ChunkSealer(self.key, stated)
        self._begin()
        self._put(stated)

    def write(self, content: bytes) -> None:
        """Seal some more; raises OSError or `JournalUnavailable`. After `drop` it does nothing."""
        with self._lock:
            if not self._open:
                return
            self.size += len(content)
            self._hash.update(content)
            self._look()
            self._put(self._sealer.update(content))

    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._hash.digest()

    def finish(self) -> None:
        """Make the whole file durable, and have it arrived; raises OSError or `JournalUnavailable`."""
        with self._lock:
            if self._open:
                self._put(self._sealer.finish())
                self._arrive()
                self._open = False

    def drop(self) -> None:
        """Let nothing of it remain."""
        with self._lock:
            self._open = False
            self._remove()

    @abstractmethod
    def _begin(self) -> None:
        """Make the place for it."""

    @abstractmethod
    def _look(self) -> None:
        """Whether there is room for more, now and then."""

    @abstractmethod
    def _put(self, raw: bytes) -> None:
        """Keep sealed bytes, all of them."""

    @abstractmethod
    def _arrive(self) -> None:
        """All of it was put: make it durable, then name it as whole."""

    @abstractmethod
    def _remove(self) -> None:
        """Whatever there is of it goes."""
