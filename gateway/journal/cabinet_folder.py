"""The cabinet in a folder: of one node, or of several that share a disk which keeps what was fsynced.

content/parts/PLACE       still arriving; whatever lies here when the gateway starts is of a broken upload
content/parts/NODE/PLACE  the same where several nodes share a cabinet: each start clears only what its own node began
content/arrived/PLACE     whole and durable; a row may name it, or its transaction is still to come
content/XX/PLACE          a row names it
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gateway.journal.cabinet import Cabinet, Draft
from gateway.journal.chunks import read_header
from gateway.journal.sealing import SealBroken, sync_directory

_LOOK_EVERY = 4 * 1024 * 1024


class FolderCabinet(Cabinet):
    """The directory of one store. `keep_free` bytes of its disk are never taken: the journal needs room to go on.

    `node` names who opens a cabinet that several nodes share; empty for a cabinet with one owner.
    """

    def __init__(self, root: Path, keep_free: int = 0, node: str = "") -> None:
        super().__init__()
        self.shared = bool(node)
        self._root, self._keep_free = root, keep_free
        self._parts, self._arrived = root / "parts" / node, root / "arrived"

    def draft(self, label: str) -> Draft:
        """See `Cabinet.draft`; raises OSError."""
        for folder in (self._root, self._root / "parts", self._parts, self._arrived):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_directory(folder.parent)
        return _FolderDraft(self, label)

    def part(self, place: str) -> Path:
        """Where a file lies while it arrives."""
        return self._parts / place

    def arrive(self, place: str) -> None:
        """Name a whole file as such, durably; raises OSError."""
        self.part(place).replace(self._arrived / place)
        sync_directory(self._arrived)

    def settle(self, place: str) -> None:
        """See `Cabinet.settle`; raises OSError."""
        target = self._settled(place)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._root)
        try:
            (self._arrived / place).replace(target)
        except FileNotFoundError:
            if not target.is_file():  # otherwise another node, at its start, settled it first
                raise

    def discard(self, place: str) -> None:
        """See `Cabinet.discard`."""
        for path in (self.part(place), self._arrived / place):
            with suppress(OSError):
                path.unlink()

    def has(self, place: str) -> bool:
        """See `Cabinet.has`."""
        return self._settled(place).is_file() or (self._arrived / place).is_file()

    def leftovers(self) -> list[tuple[str, str, float]]:
        """See `Cabinet.leftovers`."""
        found = []
        for path in sorted(self._arrived.glob("*")):
            try:
                with path.open("rb") as handle:
                    label = read_header(handle)[0]
                    age = time.time() - os.fstat(handle.fileno()).st_mtime
            except FileNotFoundError:
                continue  # another node settled it meanwhile
            except SealBroken:
                label, age = "", float("inf")
            found.append((path.name, label, age))
        return found

    def drop_parts(self) -> int:
        """See `Cabinet.drop_parts`: of this node alone, for nothing arrives at its start."""
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

    def find(self, place: str) -> BinaryIO:
        """See `Cabinet.find`; raises OSError."""
        try:
            return self._settled(place).open("rb")
        except FileNotFoundError:
            with suppress(FileNotFoundError):
                return (self._arrived / place).open("rb")
            return self._settled(place).open("rb")  # it was settled between the two looks

    def _settled(self, place: str) -> Path:
        return self._root / place[:2] / place


class _FolderDraft(Draft):
    """A file of the folder that is being sealed."""

    def __init__(self, cabinet: FolderCabinet, label: str) -> None:
        self._cabinet = cabinet
        self._looked = 0
        self._handle: BinaryIO | None = None
        super().__init__(label)

    def _begin(self) -> None:
        self._cabinet.check_room()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._handle = os.fdopen(os.open(self._cabinet.part(self.place), flags, 0o600), "wb", buffering=0)

    def _look(self) -> None:
        if self.size - self._looked >= _LOOK_EVERY:
            self._cabinet.check_room()
            self._looked = self.size

    def _put(self, raw: bytes) -> None:
        """All of it: a raw file may take less than it is given."""
        rest = memoryview(raw)
        while rest and self._handle is not None:
            rest = rest[self._handle.write(rest) :]

    def _arrive(self) -> None:
        if self._handle is not None:
            os.fsync(self._handle.fileno())
            self._handle.close()
            self._handle = None
            self._cabinet.arrive(self.place)

    def _remove(self) -> None:
        if self._handle is not None:
            with suppress(OSError):
                self._handle.close()
            self._handle = None
        self._cabinet.discard(self.place)
