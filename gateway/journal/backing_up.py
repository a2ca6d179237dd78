"""Backup of an embedded store while it runs: one consistent copy of the database, then every file that its rows may name.

Files are durable before a row names them and are never changed, so those that are copied after the database are enough. The
copy says that it is one: a store that is opened with this note in its folder was restored (`journal.restoring`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import msgspec

from gateway.errors import GatewayError
from gateway.journal.opening import StoreUnopenable
from gateway.journal.packing import copied
from gateway.journal.sealing import sync_directory
from mappings.codec import encode

NOTE = "backup.json"
RESTORED_NOTE = "backup.restored.json"
_DATABASE = "journal.db"


class BadBackup(GatewayError):
    """Bản sao lưu không dùng được."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a store is: the folder of its database, and that of its cabinet."""

    store: Path
    content: Path

    def files(self) -> Iterator[tuple[Path, str]]:
        """Every file that a row may name, with its name in a backup."""
        for root, named in ((self.store / "files", "files"), (self.content, "content")):
            for entry in sorted(root.glob("*")):
                inside = sorted(entry.iterdir()) if entry.is_dir() and entry.name != "parts" else [entry]
                for file in inside:
                    if file.is_file() and not file.name.startswith("."):
                        yield file, f"{named}/{file.relative_to(root)}"

    def place(self, name: str) -> Path:
        """Where a file of a backup belongs."""
        named, _, rest = name.partition("/")
        return (self.content if named == "content" else self.store / named) / rest


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself: when it was made, the database's size and SHA-256, how many files with how many bytes."""

    made_at: str
    database_bytes: int
    database_sha256: str
    files: int
    bytes: int


def back_up(places: Places, target: Path, now_iso: str) -> Note:
    """Copy a store, in use or at rest, to the new folder `target`; raises `StoreUnopenable`, `BadBackup`, OSError.

    What is not finished stays in a folder beside it, and is never taken for a backup.
    """
    draft = target.with_name(f"{target.name}.part")
    if target.exists() or draft.exists():
        raise BadBackup(f"{target if target.exists() else draft}: đã có; hãy chọn tên khác, hoặc xóa bản dở dang này.")
    draft.mkdir(mode=0o700, parents=True)
    _copy_database(places.store / _DATABASE, draft / _DATABASE)
    count = total = 0
    for file, name in places.files():
        with suppress(FileNotFoundError):  # it arrived a moment ago and was put in its place: there it is copied
            total += copied(file, draft / name)[0]
            count += 1
    size, digest = digest_of(draft / _DATABASE)
    note = Note(made_at=now_iso, database_bytes=size, database_sha256=digest, files=count, bytes=total)
    (draft / NOTE).write_bytes(encode(note) + b"\n")
    sync_tree(draft)
    draft.rename(target)
    sync_directory(target.parent)
    return note


def sync_tree(root: Path) -> None:
    """Make every entry of every folder outlive a power cut."""
    for folder in (root, *(path for path in sorted(root.rglob("*")) if path.is_dir())):
        sync_directory(folder)


def _copy_database(source: Path, target: Path) -> None:
    """Page for page, as it stood at one moment, whoever writes meanwhile."""
    try:
        reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise StoreUnopenable(source.parent, error) from error
    reader.set_busy_timeout(5_000)
    reader.wal_autocheckpoint(0)
    writer = apsw.Connection(str(target))
    try:
        with writer.backup("main", reader, "main") as backup:
            backup.step(-1)
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()
    except apsw.FullError as error:  # of the copy: the store itself is only read
        told = f"{target.parent}: không đủ chỗ cho bản sao; hãy xóa bản dở dang này và chọn nơi rộng hơn."
        raise BadBackup(told) from error
    except apsw.Error as error:
        raise StoreUnopenable(source.parent, error) from error
    finally:
        writer.close()
        reader.close()
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(file: Path) -> tuple[int, str]:
    """The size of a file and its SHA-256; raises OSError."""
    with file.open("rb") as handle:
        return os.fstat(handle.fileno()).st_size, hashlib.file_digest(handle, "sha256").hexdigest()


def note_of(folder: Path) -> Note:
    """What the backup in `folder` says of itself, held against its database; raises `BadBackup`."""
    try:
        note = msgspec.json.decode((folder / NOTE).read_bytes(), type=Note)
        found = digest_of(folder / _DATABASE)
    except (OSError, msgspec.DecodeError) as error:
        raise BadBackup(f"{folder}: không phải bản sao lưu hoàn chỉnh ({type(error).__name__}).") from error
    if found != (note.database_bytes, note.database_sha256):
        raise BadBackup(f"{folder / _DATABASE}: đã bị thay đổi sau khi sao lưu.")
    return note


def restore(backup: Path, places: Places) -> Note:
    """Put a backup where a store is to be; there may be none yet. Raises `BadBackup`, OSError.

    The note goes first and the database last: what a crash leaves is no store, and what becomes one says that it is restored.
    """
    note, store = note_of(backup), places.store
    if (store / _DATABASE).exists():
        raise BadBackup(f"{store}: đã có kho dữ liệu ở đây; hãy chuyển nó đi chỗ khác trước (đừng xóa).")
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    copied(backup / NOTE, store / NOTE)
    for file, name in Places(backup, backup / "content").files():
        copied(file, places.place(name))
    sync_tree(store)
    if places.content.is_dir():
        sync_tree(places.content)
    if copied(backup / _DATABASE, store / _DATABASE) != (note.database_bytes, note.database_sha256):
        (store / _DATABASE).unlink()
        raise BadBackup(f"{backup / _DATABASE}: đã bị thay đổi sau khi sao lưu.")
    sync_directory(store)
    return note


def is_restored(store: Path) -> bool:
    """The store in this folder is a backup that was put there."""
    return (store / NOTE).exists()


def noted(store: Path) -> None:
    """What a restore asks for was done, durably."""
    (store / NOTE).replace(store / RESTORED_NOTE)
    sync_directory(store)
