"""The cabinet of large files: sealed while they arrive, durable before a row names them, swept when no row ever did.

    content/parts/PLACE       still arriving; whatever lies here when the gateway starts is of a broken upload
    content/arrived/PLACE     whole and durable; a row may name it, or its transaction is still to come
    content/XX/PLACE          a row names it

A place is chance, so that no name tells anything, and the same content of two dossiers has nothing in common on disk. What
lies between two steps after a crash is sorted at the next start: few files are looked at, however many are kept.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from gateway.journal.chunks import KEY_BYTES, PREFIX, ChunkSealer, header, opened, read_header
from gateway.journal.sealing import SealBroken, sync_directory

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 4
_LOOK_EVERY = 4 * 1024 * 1024


class Cabinet:
    """The directory of one store. `keep_free` bytes of its disk are never taken: the journal needs room to go on."""

    def __init__(self, root: Path, keep_free: int = 0) -> None:
        self._root, self._keep_free = root, keep_free
        self._parts, self._arrived = root / "parts", root / "arrived"
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="cabinet")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with a disk beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def draft(self, label: str) -> Draft:
        """A new file for what `label` names; raises OSError."""
        for folder in (self._root, self._parts, self._arrived):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_directory(folder.parent)
        return Draft(self, label)

    def part(self, place: str) -> Path:
        """Where a file lies while it arrives."""
        return self._parts / place

    def arrive(self, place: str) -> None:
        """Name a whole file as such, durably; raises OSError."""
        self.part(place).replace(self._arrived / place)
        sync_directory(self._arrived)

    def settle(self, place: str) -> None:
        """A row names this file now. A rename that a crash takes back is made again at the next start."""
        target = self._settled(place)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._root)
        (self._arrived / place).replace(target)

    def discard(self, place: str) -> None:
        """No row names this file, and none will."""
        for path in (self.part(place), self._arrived / place):
            with suppress(OSError):
                path.unlink()

    def has(self, place: str) -> bool:
        """Whether the file is there."""
        return self._settled(place).is_file() or (self._arrived / place).is_file()

    def content(self, place: str, key: bytes, label: str) -> OpenFile:
        """The content of a file, to be read chunk by chunk."""
        return OpenFile(lambda: self._open(place), key, label)

    def leftovers(self) -> list[tuple[str, str, float]]:
        """What arrived and was not settled: place, label (empty: unreadable), age in seconds."""
        found = []
        for path in sorted(self._arrived.glob("*")):
            try:
                with path.open("rb") as handle:
                    label = read_header(handle)[0]
                    age = time.time() - os.fstat(handle.fileno()).st_mtime
            except SealBroken:
                label, age = "", float("inf")
            found.append((path.name, label, age))
        return found

    def drop_parts(self) -> int:
        """Remove what never became whole; how many. Only while nothing arrives: at the start of the one owner."""
        parts = list(self._parts.glob("*"))
        for path in parts:
            path.unlink(missing_ok=True)
        return len(parts)

    def check_room(self) -> None:
        """Raises OSError (ENOSPC) when less would be left on the disk than must stay free."""
        if self._keep_free:
            disk = os.statvfs(self._root)
            if disk.f_bavail * disk.f_frsize < self._keep_free:
                raise OSError(errno.ENOSPC, "keep_free_bytes")

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown(wait=True)

    def _open(self, place: str) -> BinaryIO:
        try:
            return self._settled(place).open("rb")
        except FileNotFoundError:
            with suppress(FileNotFoundError):
                return (self._arrived / place).open("rb")
            return self._settled(place).open("rb")  # it was settled between the two looks

    def _settled(self, place: str) -> Path:
        return self._root / place[:2] / place


class OpenFile:
    """The content of a file. Its methods block, and wait for each other: they run beside the event loop."""

    def __init__(self, find: Callable[[], BinaryIO], key: bytes, label: str) -> None:
        self._find, self._key, self._label = find, key, label
        self._lock = threading.Lock()
        self._handle: BinaryIO | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._begun = False

    def next_chunk(self) -> bytes:
        """The next chunk, empty after the last; raises `SealBroken`, also when the file is gone."""
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


class Draft:
    """A file that is being sealed. Its methods block, and wait for each other: they run beside the event loop."""

    def __init__(self, cabinet: Cabinet, label: str) -> None:
        self.place = secrets.token_hex(16)
        self.key = secrets.token_bytes(KEY_BYTES)
        self.size = 0
        self._cabinet = cabinet
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._looked = 0
        cabinet.check_room()
        stated = header(label, secrets.token_bytes(PREFIX))
        self._sealer = ChunkSealer(self.key, stated)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._handle: BinaryIO | None = os.fdopen(os.open(cabinet.part(self.place), flags, 0o600), "wb", buffering=0)
        self._put(stated)

    def write(self, content: bytes) -> None:
        """Seal some more; raises OSError. After `drop` it does nothing."""
        with self._lock:
            if self._handle is None:
                return
            self.size += len(content)
            self._hash.update(content)
            if self.size - self._looked >= _LOOK_EVERY:
                self._cabinet.check_room()
                self._looked = self.size
            self._put(self._sealer.update(content))

    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._hash.digest()

    def finish(self) -> None:
        """Make the whole file durable, its directory entry too; raises OSError."""
        with self._lock:
            if self._handle is None:
                return
            self._put(self._sealer.finish())
            os.fsync(self._handle.fileno())
            self._handle.close()
            self._handle = None
            self._cabinet.arrive(self.place)

    def drop(self) -> None:
        """Let nothing of it remain."""
        with self._lock:
            if self._handle is not None:
                with suppress(OSError):
                    self._handle.close()
                self._handle = None
            self._cabinet.discard(self.place)

    def _put(self, raw: bytes) -> None:
        """All of it: a raw file may take less than it is given."""
        rest = memoryview(raw)
        while rest and self._handle is not None:
            rest = rest[self._handle.write(rest) :]
