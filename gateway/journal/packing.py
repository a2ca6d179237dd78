"""Export: a store's rows are written in parts, each durable before the next begins, so that a killed export goes on.

What was read may not change between two runs: the heads of all chains are compared, for no row is written without a leaf.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gateway.journal import carried
from gateway.journal.books import Row
from gateway.journal.carried import (
    CABINET,
    MANIFEST,
    PART_BYTES,
    PART_ROWS,
    SHELF,
    BadExport,
    Beginning,
    Carried,
    Head,
    Part,
)
from gateway.journal.sealing import sync_directory
from gateway.observe.crash import Reach, never
from mappings.codec import encode

_PROGRESS = "progress.jsonl"
_PAGE = 1_000
_HEAVY = {
    "payload": 50,
    "receipt": 200,
    "record": 200,
    "leaf": 200,
    "audit": 500,
}  # rows that may be large: fewer at a time


class Tables(Protocol):
    """The tables of a store as they stand at one moment; `?1` stands for a value on every driver."""

    shared: bool

    def fetch(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows that a statement finds."""
        ...


@dataclass(frozen=True, slots=True)
class House:
    """What moves: the tables; the folder of files that rows name (None: a table has them); the folder of the cabinet."""

    tables: Tables
    files: Path | None
    content: Path
    now_iso: str


@dataclass(slots=True)
class Packed:
    """What came of an export. `resumed`: parts that an earlier run had written already; `restarted`: the store had moved on."""

    manifest: carried.Manifest
    resumed: int = 0
    restarted: bool = False


@dataclass(slots=True)
class _Piece:
    """A part under way."""

    carried: str
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    last: list[Any] = field(default_factory=list)

    def add(self, raw: bytes, key: Sequence[Any], weight: int = 0) -> None:
        """One line more; `weight` are bytes of the file that it names."""
        self.lines.append(raw)
        self.size += len(raw) + 1 + weight
        self.last = list(key)

    @property
    def full(self) -> bool:
        """Time for the next one."""
        return self.size >= PART_BYTES or len(self.lines) >= PART_ROWS


def beginning(house: House) -> Beginning:
    """What is known of a store before its rows are read."""
    tables = house.tables
    proof = tables.fetch("SELECT value FROM meta WHERE name = 'kek_proof'")
    if not proof:
        raise BadExport("Kho này chưa từng được mở; không có gì để chuyển.")
    heads = tables.fetch(
        "SELECT l.writer, l.n, l.digest FROM leaf l JOIN (SELECT writer, max(n) AS n FROM leaf GROUP BY writer) h "
        "ON h.writer = l.writer AND h.n = l.n ORDER BY l.writer"
    )
    steps = tables.fetch("SELECT number, name FROM migration ORDER BY number")
    return Beginning(
        origin="shared" if tables.shared else "embedded",
        made_at=house.now_iso,
        kek_proof=bytes(proof[0][0]),
        heads={writer: Head(n, digest.hex()) for writer, n, digest in heads},
        migrations=[(int(number), str(name)) for number, name in steps],
        tables={one.name: list(one.columns) for one in carried.tables(shared=False)},
    )


def pack(house: House, folder: Path, said: Callable[[Part], object] = print, reach: Reach = never) -> Packed:
    """Write the export of a store into `folder`, which is new, or holds what an earlier run left of the same one.

    Raises `BadExport` when the folder holds anything else, `OSError` for the disk.
    """
    begun = beginning(house)
    if (folder / MANIFEST).exists():
        return _whole(folder, begun)
    packer = _Packer(house, folder, reach, said)
    done, restarted = packer.prepare(begun)
    store = packer.begun
    parts = list(done)
    for part in packer.parts(parts):
        parts.append(part)
    manifest = carried.sealed(store, parts)
    _write(folder / MANIFEST, encode(manifest) + b"\n")
    (folder / _PROGRESS).unlink(missing_ok=True)
    return Packed(manifest, len(done), restarted)


def _whole(folder: Path, begun: Beginning) -> Packed:
    """The export that is there already, when it is of this very moment."""
    manifest = carried.read_manifest(folder)
    if (manifest.store.heads, manifest.store.origin) != (begun.heads, begun.origin):
        raise BadExport(f"{folder}: đã có một bản xuất hoàn chỉnh của thời điểm khác; hãy chọn thư mục khác.")
    return Packed(manifest, len(manifest.parts))


class _Packer:
    """One run of an export."""

    def __init__(self, house: House, folder: Path, reach: Reach, said: Callable[[Part], object]) -> None:
        self._house, self._folder, self._reach, self._said = house, folder, reach, said
        self.begun: Beginning

    def prepare(self, begun: Beginning) -> tuple[list[Part], bool]:
        """The parts that an earlier run has finished; True when they are of a store that has moved on, and were removed."""
        folder, progress = self._folder, self._folder / _PROGRESS
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not progress.exists():
            if any(folder.iterdir()):
                raise BadExport(f"{folder}: thư mục không rỗng; hãy chọn thư mục mới.")
            return self._anew(begun), False
        known, parts = _progress(progress)
        if known is None or known.heads != begun.heads or known.origin != begun.origin:
            for name in ("rows", "files", "content"):
                shutil.rmtree(folder / name, ignore_errors=True)
            progress.unlink()
            return self._anew(begun), True
        self.begun = known
        # Whole lines only: the next is appended behind them.
        _write(progress, b"".join(encode(one) + b"\n" for one in (known, *parts)))
        return parts, False

    def _anew(self, begun: Beginning) -> list[Part]:
        for name in ("rows", "files", "content"):
            (self._folder / name).mkdir(mode=0o700)
        _write(self._folder / _PROGRESS, encode(begun) + b"\n")
        self.begun = begun
        return []

    def parts(self, done: Sequence[Part]) -> Iterator[Part]:
        """The parts that are missing, in order, each noted when it is durable."""
        for order, (name, lines) in enumerate(self._sources()):
            of_table = [part for part in done if part.table == name]
            last = of_table[-1].last if of_table else None
            number = len(of_table)
            for piece in _pieces(name, lines(last)):
                number += 1
                yield self._finish(f"{order:02d}-{name}-{number:05d}", piece)

    def _sources(self) -> list[tuple[str, Callable[[list[Any] | None], Iterator[tuple[bytes, Sequence[Any], int]]]]]:
        made: list[tuple[str, Any]] = [
            (one.name, lambda last, one=one: self._rows(one, last)) for one in carried.tables(self._house.tables.shared)
        ]
        made.append((SHELF, self._shelf))
        made.append((CABINET, self._cabinet))
        return made

    def _finish(self, name: str, piece: _Piece) -> Part:
        raw = b"".join(one + b"\n" for one in piece.lines)
        if piece.carried in (SHELF, CABINET):
            for folder in {self._folder / _listed(one)[0] for one in piece.lines}:
                sync_directory(folder.parent)
        _write(self._folder / "rows" / name, raw)
        part = Part(name, piece.carried, len(piece.lines), piece.size, hashlib.sha256(raw).hexdigest(), piece.last)
        self._reach("export.part")
        with (self._folder / _PROGRESS).open("ab") as handle:
            handle.write(encode(part) + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        self._said(part)
        return part

    def _rows(self, one: Carried, last: list[Any] | None) -> Iterator[tuple[bytes, Sequence[Any], int]]:
        width = len(one.key)
        for row in rows(self._house.tables, one, last):
            yield carried.line(one, row), row[:width], 0

    def _shelf(self, last: list[Any] | None) -> Iterator[tuple[bytes, Sequence[Any], int]]:
        """The files that rows name; of an embedded store copied, of a shared one written out of their table."""
        after = str(last[0]) if last else ""
        for name, raw in self._shelved(after):
            if hashlib.sha256(raw).hexdigest() != name:
                raise BadExport(
                    f"Tệp niêm phong {name} không còn là nội dung mà tên nó ghi; hãy chạy gateway evidence check."
                )
            relative = f"files/{name[:2]}/{name}"
            _write(self._folder / relative, raw)
            yield encode((relative, len(raw), name)), [name], len(raw)

    def _shelved(self, after: str) -> Iterator[tuple[str, bytes]]:
        if self._house.files is None:
            while found := self._house.tables.fetch(
                "SELECT name, sealed FROM shelf WHERE name > ?1 ORDER BY name LIMIT 20", (after,)
            ):
                for name, raw in found:
                    yield str(name), bytes(raw)
                after = str(found[-1][0])
            return
        for folder in sorted(self._house.files.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(folder.glob("[0-9a-f]*")):
                if file.name > after:
                    yield file.name, file.read_bytes()

    def _cabinet(self, last: list[Any] | None) -> Iterator[tuple[bytes, Sequence[Any], int]]:
        """The files of the cabinet, of its folder or of a shared store's tables; what has not arrived whole stays behind."""
        after, root = str(last[0]) if last else "", self._house.content
        lying: Iterator[_Found] = ((f"content/{file.relative_to(root)}", file) for file in _lying(root))
        stored = _stored(self._house.tables) if self._house.tables.shared else []
        for relative, source in merge(lying, stored, key=lambda found: found[0]):
            if relative > after:
                target = self._folder / relative
                size, digest = copied(source, target) if isinstance(source, Path) else self._laid_out(source, target)
                yield encode((relative, size, digest)), [relative], size

    def _laid_out(self, file: tuple[str, int], target: Path) -> tuple[int, str]:
        """Write a file of the tables as one of a folder, piece by piece; its size and digest."""
        (place, pieces), hashed = file, hashlib.sha256()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("wb") as handle:
            for number in range(pieces):
                sql = "SELECT sealed FROM content_piece WHERE place = ?1 AND n = ?2"
                found = self._house.tables.fetch(sql, (place, number))
                if not found:
                    raise BadExport(f"Tệp {place} trong kho đã mất một phần; không thể xuất trọn vẹn.")
                handle.write(found[0][0])
                hashed.update(found[0][0])
            handle.flush()
            os.fsync(handle.fileno())
            return handle.tell(), hashed.hexdigest()


_Found = tuple[str, Path | tuple[str, int]]


def _stored(tables: Tables) -> list[_Found]:
    """The whole files of a shared store: where each would lie in a folder, its place, of how many pieces it is."""
    found = tables.fetch("SELECT place, pieces, settled FROM content WHERE pieces >= 0")
    return sorted((f"content/{place[:2] if settled else 'arrived'}/{place}", (place, n)) for place, n, settled in found)


def _lying(content: Path) -> Iterator[Path]:
    """The files of a cabinet in the order of their names, its mark as well."""
    for entry in sorted(content.glob("*")):
        inside = sorted(entry.iterdir()) if entry.is_dir() and entry.name != "parts" else [entry]
        yield from (file for file in inside if file.is_file() and not file.name.startswith("."))


def rows(tables: Tables, one: Carried, last: Sequence[Any] | None = None) -> Iterator[Row]:
    """The rows of a table behind the key `last`, in the order of the key, a page at a time."""
    if one.name == "tally":
        total = "sum(n)::bigint" if tables.shared else "sum(n)"
        yield from (
            tables.fetch(
                f"SELECT upstream, state, {total} FROM tally GROUP BY upstream, state HAVING sum(n) <> 0 ORDER BY 1, 2"
            )
            if last is None
            else ()
        )
        return
    columns, key = ", ".join((*one.columns, *one.more)), ", ".join(one.key)
    marks = ", ".join(f"?{number}" for number in range(1, len(one.key) + 1))
    page = _HEAVY.get(one.name, _PAGE)
    end = f"ORDER BY {key} LIMIT {page}"
    while True:
        behind = "" if last is None else f"WHERE ({key}) > ({marks}) "
        found = tables.fetch(f"SELECT {columns} FROM {one.name} {behind}{end}", () if last is None else tuple(last))
        yield from found
        if len(found) < page:
            return
        last = found[-1][: len(one.key)]


def _pieces(name: str, lines: Iterator[tuple[bytes, Sequence[Any], int]]) -> Iterator[_Piece]:
    piece = _Piece(name)
    for raw, key, weight in lines:
        piece.add(raw, key, weight)
        if piece.full:
            yield piece
            piece = _Piece(name)
    if piece.lines:
        yield piece


def _listed(raw: bytes) -> tuple[str, int, str]:
    found: tuple[str, int, str] = msgspec.json.decode(raw, type=tuple[str, int, str])
    return found


def _progress(file: Path) -> tuple[Beginning | None, list[Part]]:
    """What an earlier run noted; the last line may be half of one."""
    lines = file.read_bytes().split(b"\n")[:-1]
    try:
        known = msgspec.json.decode(lines[0], type=Beginning) if lines else None
        return known, [msgspec.json.decode(one, type=Part) for one in lines[1:]]
    except msgspec.DecodeError:
        return None, []


def copied(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file, durably; returns its size and the SHA-256 of what was read. Raises OSError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size, draft = hashlib.sha256(), 0, target.with_name(f".{target.name}.part")
    with source.open("rb") as reader, draft.open("wb") as writer:
        while block := reader.read(1 << 20):
            digest.update(block)
            size += len(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    draft.replace(target)
    return size, digest.hexdigest()


def _write(file: Path, raw: bytes) -> None:
    """A file is whole and durable, or not there."""
    draft = file.with_name(f".{file.name}.part")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with draft.open("wb") as handle:
        handle.write(raw)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
    sync_directory(file.parent)
