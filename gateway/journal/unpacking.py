"""Import: the parts of an export are put into an empty store, each in one transaction with how far it has come.

Each part is held against its digest before one row of it is written; a part that is there already is not put again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gateway.errors import GatewayError
from gateway.journal import carried
from gateway.journal.alive import refuse_nodes
from gateway.journal.arriving import MARK, Mark, read_mark, written_mark
from gateway.journal.books import Row
from gateway.journal.bound import BOUND
from gateway.journal.carried import CABINET, SHELF, BadExport, Carried, Manifest, Part
from gateway.journal.packing import Tables, copied
from gateway.journal.sealing import KeyRing, sync_directory
from gateway.observe.crash import Reach, never

_OVER = frozenset({"meta", "migration"})
"""Tables that a new store has rows of its own in: what comes stands for what is there."""


class NotEmpty(GatewayError):
    """Kho đích đã có dữ liệu; chỉ nhập được vào kho mới."""


class Taken(GatewayError):
    """Kho đích không nhận được một phần của bản xuất."""


class Target(Tables, Protocol):
    """The tables of a new store."""

    refused: tuple[type[Exception], ...]

    def put(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for many rows."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, durable at its end."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """A transaction that no opening of this store goes on beside."""
        ...

    def room_for(self, table: str, rows: Sequence[Row]) -> None:
        """Make the place where these rows will stand."""
        ...

    def settle(self) -> None:
        """What is left to do once all rows are there."""
        ...


@dataclass(frozen=True, slots=True)
class NewHouse:
    """Where a store moves to: the tables; the folder for files that rows name (None: a table takes them); the cabinet."""

    tables: Target
    files: Path | None
    content: Path

    def has_file(self, name: str) -> bool:
        """A file of sealed bytes has come; what is in it was compared with its name on the way."""
        if self.files is not None:
            return (self.files / name[:2] / name).is_file()
        return bool(self.tables.fetch("SELECT 1 FROM shelf WHERE name = ?1", (name,)))


class Unpacking:
    """One import; `check` takes the store and looks, `load` writes, `accept` says that all is well."""

    def __init__(self, folder: Path, house: NewHouse, reach: Reach = never) -> None:
        self._folder, self._house, self._tables, self._reach = folder, house, house.tables, reach
        self.manifest: Manifest = carried.read_manifest(folder)

    def check(self, keys: KeyRing) -> Mark:
        """Take the empty store, so that nobody opens it from here on; then look at every part and file before one is put.

        Returns how far an earlier run came. Raises `WrongKey`, `NodesAtWork`, `NotEmpty`, `BadExport`.
        """
        keys.check(self.manifest.store.kek_proof)
        with self._tables.alone():
            mark, begun = self._standing()
            refuse_nodes(self._tables)
            self._note(mark)
        try:
            self._look(mark)
        except BadExport:
            if not begun:
                self._let_go()
            raise
        return mark

    def _look(self, mark: Mark) -> None:
        for part in self.manifest.parts[mark.done :]:
            lines = self._lines(part)
            if part.table in (SHELF, CABINET):
                self._check_files(part, lines)

    def _let_go(self) -> None:
        """Nothing of this export has come, and nothing will: the store is as empty as it was."""
        with self._tables.transaction():
            self._tables.put("DELETE FROM meta WHERE name = ?1", [(MARK,)])

    def _standing(self) -> tuple[Mark, bool]:
        """How far this export has come; True when an earlier run had taken the store for it. Raises `NotEmpty`."""
        store, parts = self.manifest.store, self.manifest.parts
        fresh = Mark(
            export=self.manifest.digest,
            origin=store.origin,
            made_at=store.made_at,
            parts=len(parts),
            rows=self.manifest.rows,
        )
        row = self._tables.fetch("SELECT value FROM meta WHERE name = ?1", (MARK,))
        if row:
            mark = read_mark(bytes(row[0][0]))
            if mark.export == fresh.export:
                return mark, True
            if mark.done:
                raise NotEmpty("Kho đích đang nhận dở một bản xuất khác; hãy tiếp tục với bản đó, hoặc dùng kho mới.")
        for one in carried.tables(self._tables.shared):
            rest = f" WHERE name <> '{MARK}'" if one.name == "meta" else ""
            if one.name != "migration" and self._tables.fetch(f"SELECT 1 FROM {one.name}{rest} LIMIT 1"):
                raise NotEmpty(f"{NotEmpty.__doc__} (bảng {one.name})")
        if self._house.content.exists() and any(self._house.content.glob("*/*")):
            raise NotEmpty(f"{NotEmpty.__doc__} ({self._house.content})")
        return fresh, False

    def load(self, mark: Mark, said: Callable[[Part], object] = lambda part: None) -> Mark:
        """Put the parts that are missing; returns the mark of all of them. Raises `BadExport`, `Taken`."""
        for part in self.manifest.parts[mark.done :]:
            lines = self._lines(part)
            if part.table == CABINET or (part.table == SHELF and self._house.files is not None):
                self._place_files(part, lines)
                lines = []
            mark = msgspec.structs.replace(mark, done=mark.done + 1)
            with self._tables.transaction():
                if lines:
                    self._put(part, lines)
                self._note(mark)
                self._reach("import.part")
            said(part)
        with self._tables.transaction():
            self._tables.settle()
        return mark

    def lines(self) -> Iterator[tuple[Carried, bytes]]:
        """Every line of every table whose rows the evidence covers; raises `BadExport`."""
        shared = self.manifest.store.origin == "shared"
        for part in self.manifest.parts:
            if part.table in BOUND:
                one = carried.table(part.table, shared)
                for raw in self._lines(part):
                    yield one, raw

    def accept(self, mark: Mark) -> None:
        """All is here and its evidence holds: the store may be opened."""
        with self._tables.transaction():
            self._note(msgspec.structs.replace(mark, whole=True))

    def _note(self, mark: Mark) -> None:
        sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self._tables.put(sql, [(MARK, written_mark(mark))])

    def _put(self, part: Part, lines: list[bytes]) -> None:
        if part.table == SHELF:
            rows = [(name, self._sealed(part, relative, name)) for relative, _, name in map(_listed, lines)]
            self._tables.put("INSERT INTO shelf (name, sealed) VALUES (?1, ?2)", rows)
            return
        one = carried.table(part.table, self._tables.shared)
        try:
            found = [self._row(one, raw) for raw in lines]
            self._tables.room_for(one.name, found)
            self._tables.put(insertion(one, self._tables.shared), found)
        except BadExport as error:
            raise BadExport(f"rows/{part.name}: {error}") from error
        except self._tables.refused as error:
            raise Taken(f"rows/{part.name}: kho đích không nhận ({type(error).__name__}).") from error

    def _row(self, one: Carried, raw: bytes) -> Row:
        columns, more = carried.row(one, raw)
        return (*columns, *(more[name] for name in one.more), *fill(one.name, self._tables.shared))

    def _lines(self, part: Part) -> list[bytes]:
        """The lines of a part, once it is what the manifest says."""
        raw = self._read(f"rows/{part.name}")
        if hashlib.sha256(raw).hexdigest() != part.sha256:
            raise BadExport(f"rows/{part.name}: đã bị thay đổi sau khi xuất.")
        return raw.split(b"\n")[:-1]

    def _read(self, relative: str) -> bytes:
        file = self._folder / relative
        if ".." in Path(relative).parts or Path(relative).is_absolute():
            raise BadExport(f"{relative}: không phải tên tệp của một bản xuất.")
        try:
            return file.read_bytes()
        except OSError as error:
            raise BadExport(f"{relative}: không đọc được ({error.strerror}).") from error

    def _sealed(self, part: Part, relative: str, name: str) -> bytes:
        raw = self._read(relative)
        if hashlib.sha256(raw).hexdigest() != name:
            raise BadExport(f"{relative} (rows/{part.name}): đã bị thay đổi sau khi xuất.")
        return raw

    def _check_files(self, part: Part, lines: list[bytes]) -> None:
        for relative, size, digest in map(_listed, lines):
            if Path(relative).parts[:1] != ({SHELF: "files", CABINET: "content"}[part.table],) or ".." in relative:
                raise BadExport(f"rows/{part.name}: {relative} không phải tên tệp của một bản xuất.")
            try:
                with (self._folder / relative).open("rb") as handle:
                    found = hashlib.file_digest(handle, "sha256").hexdigest(), os.fstat(handle.fileno()).st_size
            except OSError as error:
                raise BadExport(f"{relative}: không đọc được ({error.strerror}).") from error
            if found != (digest, size):
                raise BadExport(f"{relative}: đã bị thay đổi sau khi xuất.")

    def _place_files(self, part: Part, lines: list[bytes]) -> None:
        root = self._house.content if part.table == CABINET else self._house.files
        assert root is not None  # asked by the caller
        folders = set()
        for relative, size, digest in map(_listed, lines):
            target = root.joinpath(*Path(relative).parts[1:])
            if copied(self._folder / relative, target) != (size, digest):
                target.unlink()
                raise BadExport(f"{relative}: đã bị thay đổi sau khi xuất.")
            folders.add(target.parent)
        for folder in sorted(folders):
            sync_directory(folder)
        sync_directory(root)


def _listed(raw: bytes) -> tuple[str, int, str]:
    try:
        found: tuple[str, int, str] = msgspec.json.decode(raw, type=tuple[str, int, str])
    except msgspec.DecodeError as error:
        raise BadExport(BadExport.__doc__) from error
    return found


_FILLED: Mapping[str, Mapping[bool, Mapping[str, Any]]] = {
    "node": {False: {"beat": 0}, True: {}},
    "tally": {False: {}, True: {"node": ""}},
}
"""Columns of a table that do not move but must have a value, by whether the store is a shared one."""


def fill(table: str, shared: bool) -> tuple[Any, ...]:
    """The values of such columns."""
    return tuple(_FILLED.get(table, {}).get(shared, {}).values())


def insertion(one: Carried, shared: bool) -> str:
    """The statement that puts a row."""
    columns = (*one.columns, *one.more, *_FILLED.get(one.name, {}).get(shared, {}))
    marks = ", ".join(f"?{number}" for number in range(1, len(columns) + 1))
    sql = f"INSERT INTO {one.name} ({', '.join(columns)}) VALUES ({marks})"
    if one.name in _OVER:
        rest = [name for name in one.columns if name not in one.key]
        sql += f" ON CONFLICT ({', '.join(one.key)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in rest)}"
    return sql


def standing(tables: Tables) -> Iterator[tuple[str, int]]:
    """How many rows each table has: what two stores are compared by at a glance."""
    for one in carried.tables(tables.shared):
        yield one.name, int(tables.fetch(f"SELECT count(*) FROM {one.name}")[0][0])
