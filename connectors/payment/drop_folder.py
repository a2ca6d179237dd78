"""The drop folder for statements: which file comes next, and where it goes once it is dealt with. Blocking: call it in a thread.

A file is never changed and never deleted: it is moved into a folder for people, beside the reasons where it was refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.payment.statements import Fault, FileBad, read_name

SETTLED = "da-doi-soat"
REFUSED = "khong-hop-le"
KNOWN = "da-nhan-truoc-do"
"""The folders for people: settled, not valid, received before."""
SIDE = ".sha256"
_UNFINISHED = (".part", ".tmp", ".filepart")
_LONGEST_NAME = 200
"""Bytes; longer names, and such as are no UTF-8, are nobody's statement."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be taken: it has not changed for long enough, or its side file agrees."""

    path: Path
    sha256: str
    size: int
    side_file: bool


class DropFolder:
    """One folder. Only plain files are looked at, links are not followed."""

    def __init__(self, folder: Path, quiet_s: float) -> None:
        self._folder, self._quiet_s = folder, quiet_s

    def next(self, now_s: float) -> Found | None:
        """The file to deal with next: in the order of days and numbers, what has no readable name first.

        Raises `OSError` where there is no such folder, or where nothing is left but files that may not be read: one of those
        stops no other.
        """
        unreadable: OSError | None = None
        for path in sorted(self._files(), key=_order):
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
        """Put a file into the folder, whole or not at all, with its side file; durable when this returns."""
        _write(self._folder / f"{name}{SIDE}", f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
        _write(self._folder / name, content)

    def away(self, name: str, folder: str, reasons: str = "") -> None:
        """Move a file, its side file and what is wrong with it to a folder for people. Doing it again is harmless.

        Nothing that lies there is ever overwritten: another file of the same name gets a number.
        """
        goal = self._folder / folder
        goal.mkdir(mode=0o750, exist_ok=True)
        if not (self._folder / name).is_file():
            return
        taken, number = goal / name, 1
        while taken.exists():
            number += 1
            taken = goal / f"{number}-{name}"
        if reasons:
            _write(goal / f"{taken.name}.ly-do.txt", reasons.encode())
        with suppress(FileNotFoundError):
            (self._folder / f"{name}{SIDE}").replace(goal / f"{taken.name}{SIDE}")
        (self._folder / name).replace(taken)

    def _files(self) -> Iterator[Path]:
        for entry in os.scandir(self._folder):
            name = entry.name
            if (
                entry.is_file(follow_symlinks=False)
                and not name.startswith(".")
                and not name.endswith((SIDE, *_UNFINISHED))
            ):
                yield self._folder / name

    def _ready(self, path: Path, now_s: float) -> Found | None:
        """The file, unless somebody may still be writing it."""
        try:
            status = path.stat()
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
    stands = (found.path.parent / f"{found.path.name}{SIDE}").is_file()
    if stands and not found.side_file:
        return Fault("side_file", 0, "SHA-256 trong tệp kèm theo khác với nội dung tệp.")
    if required and not stands:
        return Fault("side_file", 0, "Thiếu tệp .sha256 kèm theo.")
    return None


def _side_of(path: Path) -> str | None:
    """The digest that the side file says, None where there is none."""
    try:
        text = (path.parent / f"{path.name}{SIDE}").read_bytes()[:200].decode("ascii", "replace")
    except FileNotFoundError:
        return None
    return (text.split() or [""])[0].lower()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _order(path: Path) -> tuple[str, int, str]:
    try:
        named = read_name(path.name)
    except FileBad:
        return "", 0, path.name
    return named.business_date.isoformat(), named.seq, path.name


def _is_text(name: str) -> bool:
    """Whether a name can be told to anybody: UTF-8, and short enough for a suffix of ours. Other files are left alone."""
    try:
        return len(name.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
