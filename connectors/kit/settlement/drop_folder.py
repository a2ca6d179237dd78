"""The drop folder for statements: which file comes next, and where it goes once it is dealt with. Blocking: call it in a thread.

A file is never changed and never deleted: it is moved into a folder for people, beside the reasons where it was refused.
Whoever may put files here may put links here: none is followed, so nothing outside is read, written or moved to.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from connectors.kit.settlement.statements import Fault, FileBad, Naming

SETTLED = "da-doi-soat"
REFUSED = "khong-hop-le"
KNOWN = "da-nhan-truoc-do"
"""The folders for people: settled, not valid, received before."""
SIDE = ".sha256"
_UNFINISHED = (".part", ".tmp", ".filepart")
_LONGEST_NAME = 200
"""Bytes; longer names, and such as are no UTF-8, are nobody's statement."""
_LONGEST_SIDE = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be taken: it has not changed for long enough, or its side file agrees."""

    path: Path
    sha256: str
    size: int
    side_file: bool


class DropFolder:
    """One folder. Only plain files are looked at, links are not followed."""

    def __init__(self, folder: Path, quiet_s: float, naming: Naming) -> None:
        self._folder, self._quiet_s, self.naming = folder, quiet_s, naming

    def next(self, now_s: float) -> Found | None:
        """The file to deal with next: in the order of days and numbers, what has no readable name first.

        Raises `OSError` where there is no such folder, or where nothing is left but files that may not be read: one of those
        stops no other.
        """
        unreadable: OSError | None = None
        for path in sorted(self._files(), key=self._order):
            try:
                found = self._ready(path, now_s)
            except OSError as error:
                unreadable = error
                continue
            if found is not None:
                return found
        if unreadable is not None:
            raise unreadable
        return None

    def path(self, name: str) -> Path | None:
        """Where a file lies that was found before; None where it has gone."""
        path = self._folder / name
        return path if path.is_file() and not path.is_symlink() else None

    def put(self, name: str, content: bytes) -> None:
        """Put a file into the folder, whole or not at all, with its side file; durable when this returns.

        Raises `FileExistsError` where another file of that name waits to be settled: that one comes first.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        if os.path.lexists(self._folder / name) and _digest(self._folder / name) != sha256:
            raise FileExistsError(errno.EEXIST, "another file waits under this name")
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _write(folder, f"{name}{SIDE}", f"{sha256}  {name}\n".encode())
            _write(folder, name, content)
        finally:
            os.close(folder)

    def away(self, name: str, folder: str, reasons: str = "") -> None:
        """Move a file, its side file and what is wrong with it to a folder for people. Doing it again is harmless.

        Nothing that lies there is ever overwritten: another file of the same name gets a number. Raises `OSError`, also where
        a link stands in place of the folder.
        """
        (self._folder / folder).mkdir(mode=0o750, exist_ok=True)
        goal = os.open(self._folder / folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if self.path(name) is None:
                return
            taken = _free(goal, name)
            if reasons:
                _write(goal, f"{taken}.ly-do.txt", reasons.encode())
            with suppress(FileNotFoundError):
                os.replace(self._folder / f"{name}{SIDE}", f"{taken}{SIDE}", dst_dir_fd=goal)
            os.replace(self._folder / name, taken, dst_dir_fd=goal)
        finally:
            os.close(goal)

    def _order(self, path: Path) -> tuple[str, int, str]:
        try:
            named = self.naming.read(path.name)
        except FileBad:
            return "", 0, path.name
        return named.business_date.isoformat(), named.seq, path.name

    def _files(self) -> Iterator[Path]:
        for entry in os.scandir(self._folder):
            name = entry.name
            if (
                entry.is_file(follow_symlinks=False)
                and not name.startswith(".")
                and not name.endswith((SIDE, *_UNFINISHED))
                and _is_text(name)
            ):
                yield self._folder / name

    def _ready(self, path: Path, now_s: float) -> Found | None:
        """The file, unless somebody may still be writing it."""
        try:
            status = path.lstat()
            side = _side_of(path)
            quiet = now_s - status.st_mtime >= self._quiet_s
            if side is None and not quiet:
                return None
            sha256 = _digest(path)
        except FileNotFoundError:
            return None
        if side is not None and side != sha256 and not quiet:
            return None
        return Found(path, sha256, status.st_size, side_file=side == sha256 if side is not None else False)


def side_fault(found: Found, *, required: bool) -> Fault | None:
    """What is wrong with the side file of a file: it disagrees, or there is none where one is required."""
    stands = os.path.lexists(found.path.parent / f"{found.path.name}{SIDE}")
    if stands and not found.side_file:
        return Fault("side_file", 0, "SHA-256 trong tệp kèm theo khác với nội dung tệp.")
    if required and not stands:
        return Fault("side_file", 0, "Thiếu tệp .sha256 kèm theo.")
    return None


def opened(path: Path) -> BufferedReader:
    """A plain file, to be read; raises `OSError` for anything else, and waits for nobody at the other end of a pipe."""
    stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "no plain file")
    return stream


def _side_of(path: Path) -> str | None:
    """The digest that the side file says, None where there is none; what is no plain file says nothing that agrees."""
    try:
        with opened(path.parent / f"{path.name}{SIDE}") as stream:
            text = stream.read(_LONGEST_SIDE).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENXIO):
            return ""
        raise
    return (text.split() or [""])[0].lower()


def _digest(path: Path) -> str:
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_text(name: str) -> bool:
    """Whether a name can be told to anybody: UTF-8, and short enough for a suffix of ours. Other files are left alone."""
    try:
        return len(name.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False


def _free(folder: int, name: str) -> str:
    """A name that nothing in the folder has, not even a link to nowhere."""
    taken, number = name, 1
    while True:
        try:
            os.stat(taken, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return taken
        number += 1
        taken = f"{number}-{name}"


def _write(folder: int, name: str, content: bytes) -> None:
    """Write a file into an open folder so that nobody ever sees half of it, nor any other file is written to."""
    unfinished = f".{name}.tmp"
    with suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=folder)
    made = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)
    with os.fdopen(made, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)
