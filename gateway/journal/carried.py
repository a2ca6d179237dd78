"""The form in which a store moves house: a folder of rows as lines of JSON, the sealed files beside them, and a manifest.

    manifest.json             format, version, heads of the chains, the parts with rows, bytes and SHA-256; its own digest
    rows/07-payload-00001     one line for each row, in the order of the table's key
    files/XX/NAME             what an embedded store keeps in files, named by its SHA-256
    content/XX/PLACE          the files of the cabinet

A line is the JSON array of the table's name and its bound columns, bytes in base64: exactly the bytes whose SHA-256 the
evidence holds for this row, so anybody can check it with standard tools. Behind a TAB stands, as an object, what does not move
along everywhere: the leaf that a receipt names, and `rev` of a shared store, which its evidence takes as one column more.
Nothing is opened on the way: sealed bytes stay sealed, data keys stay wrapped, and the key that wraps them is not in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.journal.books import Row, row_digest
from gateway.journal.bound import BOUND, REVISION, SHARED
from mappings.codec import encode

FORMAT = "tthc-gateway-store"
VERSION = 1
MANIFEST = "manifest.json"
SHELF, CABINET = "shelf", "cabinet"
PART_BYTES = 8 * 1024 * 1024
PART_ROWS = 20_000

_BYTES: Mapping[str, frozenset[str]] = {
    "meta": frozenset({"value"}),
    "payload": frozenset({"sealed"}),
    "inbound": frozenset({"digest"}),
    "receipt": frozenset({"digest", "body", "leaf"}),
    "audit": frozenset({"fields"}),
    "record": frozenset({"state"}),
    "msg": frozenset({"req_hash"}),
    "attempt": frozenset({"req_digest", "res_digest"}),
    "leaf": frozenset({"digest", "covers", "about"}),
}


def bytes_of(table: str) -> frozenset[str]:
    """The columns of a table that hold bytes; a line has them in base64."""
    return _BYTES.get(table, frozenset())


class BadExport(GatewayError):
    """Bản xuất không dùng được: tệp thiếu hoặc đã bị thay đổi."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A table on its way: its key, the columns that a line holds, and those behind its TAB."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    more: tuple[str, ...] = ()


@cache
def tables(shared: bool) -> tuple[Carried, ...]:
    """Every table that moves, in the order of the parts. Seats and heartbeats stay behind: they say who is alive there.

    A shared store counts how often a row was written over, which its leaves cover where it is not 0 (decision 0036).
    """
    made = []
    for bound in BOUND.values():
        more = (REVISION,) if shared and SHARED[bound.name].counts else ()
        made.append(
            Carried(bound.name, bound.key, (*bound.key, *bound.rest), ("leaf",) if bound.name == "receipt" else more)
        )
    made.append(Carried("leaf", ("writer", "n"), ("writer", "n", "digest", "covers", "about")))
    made.append(Carried("tally", ("upstream", "state"), ("upstream", "state", "n")))
    return tuple(made)


def table(name: str, shared: bool) -> Carried:
    """The table of this name; raises `BadExport` for one that this version does not know."""
    for one in tables(shared):
        if one.name == name:
            return one
    raise BadExport(f"Bảng “{name}” không có trong phiên bản này; hãy dùng cùng phiên bản cổng ở hai nơi.")


class Part(msgspec.Struct, frozen=True):
    """A part as the manifest lists it. `last` is the key of its last row; `bytes` count files that its lines name as well."""

    name: str
    table: str
    rows: int
    bytes: int
    sha256: str
    last: list[Any]


class Head(msgspec.Struct, frozen=True):
    """Where a chain stands."""

    n: int
    digest: str


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a store before its first row is read. `heads` stand for all that was written when they were read."""

    format: str = FORMAT
    version: int = VERSION
    origin: str
    made_at: str
    kek_proof: bytes
    heads: dict[str, Head]
    migrations: list[tuple[int, str]]
    tables: dict[str, list[str]]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All of an export. `digest` is the SHA-256 of the two other fields, as JSON."""

    store: Beginning
    parts: list[Part]
    digest: str

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(part.rows for part in self.parts if part.table not in (SHELF, CABINET))


def sealed(store: Beginning, parts: Sequence[Part]) -> Manifest:
    """The manifest of these parts."""
    return Manifest(store=store, parts=list(parts), digest=_digest(store, parts))


def _digest(store: Beginning, parts: Sequence[Part]) -> str:
    return hashlib.sha256(encode((store, list(parts)))).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the export in `folder`; raises `BadExport` when it is not whole, altered, or newer than this version."""
    file = folder / MANIFEST
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise BadExport(f"{file}: không đọc được ({error.strerror}); bản xuất chưa xong hoặc không ở đây.") from error
    try:
        found = msgspec.json.decode(raw)
        version = found["store"]["version"] if found["store"]["format"] == FORMAT else 0
        if isinstance(version, int) and version > VERSION:
            raise BadExport(f"{file}: định dạng {version} mới hơn phiên bản này ({VERSION}); hãy nâng cấp cổng trước.")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BadExport(f"{file}: không phải bản xuất của cổng, hoặc đã bị thay đổi.") from error
    if manifest.store.format != FORMAT or _digest(manifest.store, manifest.parts) != manifest.digest:
        raise BadExport(f"{file}: đã bị thay đổi sau khi xuất.")
    ours = {one.name: list(one.columns) for one in tables(shared=False)}
    if manifest.store.tables != ours:
        odd = sorted(
            name
            for name in ours.keys() | manifest.store.tables.keys()
            if ours.get(name) != manifest.store.tables.get(name)
        )
        raise BadExport(
            f"{file}: các bảng {', '.join(odd)} khác với phiên bản này; hãy dùng cùng phiên bản cổng ở hai nơi."
        )
    return manifest


def line(carried: Carried, row: Row) -> bytes:
    """A row, its columns first, then those behind the TAB; without a line feed."""
    width = len(carried.columns)
    told = encode((carried.name, *row[:width]))
    more = dict(zip(carried.more, row[width:], strict=True))
    return b"%b\t%b" % (told, encode(more)) if more else told


def row(carried: Carried, raw: bytes) -> tuple[Row, Mapping[str, Any]]:
    """The columns of a line, and what stands behind its TAB by name; raises `BadExport`."""
    told, _, rest = raw.partition(b"\t")
    try:
        values = _decoder(carried).decode(told)
        more = _MORE.decode(rest) if rest else _NONE
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadExport(BadExport.__doc__) from error
    if values[0] != carried.name:
        raise BadExport(BadExport.__doc__)
    return values[1:], {name: getattr(more, name) for name in more.__struct_fields__}


def standing_digest(carried: Carried, raw: bytes) -> bytes:
    """What the evidence must hold for the row of a line: the SHA-256 of its array, with `rev` behind where that is not 0."""
    told = raw.partition(b"\t")[0]
    columns, more = row(carried, raw)
    return row_digest(carried.name, *columns, more[REVISION]) if more[REVISION] else hashlib.sha256(told).digest()


class _More(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that may stand behind a TAB: the leaf that a receipt names; how often a row was written over."""

    leaf: bytes = b""
    rev: int = 0


_MORE, _NONE = msgspec.json.Decoder(_More), _More()


@cache
def _decoder(carried: Carried) -> msgspec.json.Decoder[Any]:
    """What a line decodes to: bytes stand in base64, everything else as JSON says."""
    raw = bytes_of(carried.name)
    columns = (bytes | None if name in raw else int | float | str | None for name in carried.columns)
    return msgspec.json.Decoder(tuple.__class_getitem__((str, *columns)))
