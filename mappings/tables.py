"""Dated code tables: CSV files that an office can read in a spreadsheet, looked up at a date, versioned by content.

Every row says from when to when it holds, where it comes from and how sure that is. A folder of tables may carry a
`tables.toml` that declares, for each table, its owner, keys, columns and the closed lists behind them; without a
declaration the first column is the key. Our own tables stand in `mappings/tables/`; a connector profile ships its
`outcomes.csv` in its own folder and names that folder.

A key cell `*` stands for "any other": an exact row wins over it, and more exact keys win over fewer, from the left.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import product

import mappings.codes

TABLES: Traversable = files("mappings") / "tables"
SECTORS: Traversable = files("mappings") / "sectors"
ANY = "*"
DATED_COLUMNS = ("valid_from", "valid_to", "source", "confidence")
DECLARATIONS = "tables.toml"
_SHOWN = 40


class Confidence(StrEnum):
    """Độ tin cậy of a row: doc = an official text says it, code = seen in a real client, assumed = our own reading."""

    DOC = "doc"
    CODE = "code"
    ASSUMED = "assumed"


class UnknownCode(LookupError):
    """Không có dòng nào của bảng mã ứng với giá trị này tại ngày này.

    Carries `table`, `key` and `at` (the date asked for). The text is in Vietnamese and shows at most the beginning of
    each key part, since a key may come from outside.
    """

    def __init__(self, table: str, key: tuple[str, ...], at: date) -> None:
        self.table = table
        self.key = key
        self.at = at
        shown = ", ".join(f"“{part[:_SHOWN]}”" for part in key)
        self.message_vi = f"Bảng {table}: không có mã {shown} có hiệu lực ngày {at:%d/%m/%Y}."
        super().__init__(self.message_vi)


class TableUnreadable(ValueError):
    """Bảng mã không đọc được: the file itself is at fault. `table`, `row` (0 is the file) and a Vietnamese text."""

    def __init__(self, table: str, row: int, message_vi: str) -> None:
        self.table = table
        self.row = row
        self.message_vi = message_vi
        super().__init__(f"Bảng {table}, dòng {row}: {message_vi}" if row else f"Bảng {table}: {message_vi}")


@dataclass(frozen=True, slots=True)
class TableVersion:
    """Phiên bản bảng: the name and the SHA-256 (hex) of the file's bytes; `short` is what evidence and answers show."""

    name: str
    digest: str

    @property
    def short(self) -> str:
        """`name@` and the first twelve hex digits of the digest."""
        return f"{self.name}@{self.digest[:12]}"

    def __str__(self) -> str:
        return self.short


@dataclass(frozen=True, slots=True)
class TableRow:
    """One dated row. `number` is its line in the file (the header is 1); both days of its validity are included."""

    number: int
    values: Mapping[str, str]
    valid_from: date
    valid_to: date
    source: str
    confidence: Confidence

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def holds(self, at: date) -> bool:
        """Whether the row is valid on that day."""
        return self.valid_from <= at <= self.valid_to


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """What `tables.toml` says of one table.

    `keys` are its key columns, `columns` its whole header without the dated columns (empty: not declared).
    `domains` are the closed lists of a column, `patterns` regular expressions. `total` demands a row for every
    combination of the key columns' domains, on every day from `total_from`; `without` lists keys left out on purpose.
    """

    name: str
    keys: tuple[str, ...] = ()
    title_vi: str = ""
    owner_vi: str = ""
    columns: tuple[str, ...] = ()
    domains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    total: bool = False
    total_from: date | None = None
    without: frozenset[tuple[str, ...]] = frozenset()


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Bảng mã: parsed once, immutable. Build it with `load_table` or `parse_table`."""

    version: TableVersion
    declaration: TableDeclaration
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    _index: Mapping[tuple[str, ...], tuple[TableRow, ...]] = field(repr=False)
    _has_any: bool = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the table, without extension."""
        return self.version.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns, in the order in which `find` takes them."""
        return self.declaration.keys

    def find(self, *key: str, at: date) -> TableRow:
        """The row for the key on that day, or `UnknownCode`. Exact rows win over `*` rows."""
        for row in self._index.get(key, ()):
            if row.valid_from <= at <= row.valid_to:
                return row
        if self._has_any:
            for candidate in _relaxed(key):
                for row in self._index.get(candidate, ()):
                    if row.valid_from <= at <= row.valid_to:
                        return row
        raise UnknownCode(self.name, key, at)

    def value(self, column: str, *key: str, at: date) -> str:
        """One cell of the row for the key on that day; raises `UnknownCode`."""
        return self.find(*key, at=at).values[column]

    def at(self, day: date) -> tuple[TableRow, ...]:
        """All rows valid on that day, in file order."""
        return tuple(row for row in self.rows if row.holds(day))

    def key_of(self, row: TableRow) -> tuple[str, ...]:
        """The key cells of a row."""
        return tuple(row.values[column] for column in self.declaration.keys)


def _relaxed(key: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The key with parts replaced by `*`, the most exact first; the key itself is left out."""
    choices = sorted(product((False, True), repeat=len(key)), key=lambda stars: (sum(stars), stars))
    for stars in choices[1:]:
        yield tuple(ANY if star else part for part, star in zip(key, stars, strict=True))


_PARSED: dict[tuple[str, str, tuple[str, ...]], CodeTable] = {}
_DECLARED: dict[str, Mapping[str, TableDeclaration]] = {}


def load_table(name: str, directory: Traversable = TABLES, keys: tuple[str, ...] = ()) -> CodeTable:
    """The table `name`.csv of a folder of package data, parsed once for the life of the process.

    `keys` overrides the declared key columns. Raises `TableUnreadable` for a missing or malformed file.
    """
    place = (str(directory), name, keys)
    table = _PARSED.get(place)
    if table is None:
        source = directory / f"{name}.csv"
        if not source.is_file():
            raise TableUnreadable(name, 0, "không tìm thấy tệp CSV")
        declaration = declarations(directory).get(name, TableDeclaration(name))
        table = _PARSED[place] = parse_table(source.read_bytes(), declaration, keys)
    return table


def declarations(directory: Traversable = TABLES) -> Mapping[str, TableDeclaration]:
    """What the folder's `tables.toml` declares, by table name; empty when there is none. Raises `TableUnreadable`."""
    place = str(directory)
    if place not in _DECLARED:
        source = directory / DECLARATIONS
        _DECLARED[place] = parse_declarations(source.read_bytes()) if source.is_file() else {}
    return _DECLARED[place]


def parse_declarations(raw: bytes) -> Mapping[str, TableDeclaration]:
    """The declarations in the bytes of a `tables.toml`. Raises `TableUnreadable`."""
    try:
        document = tomllib.loads(raw.decode("utf-8"))
        return {name: _declaration(name, entry) for name, entry in document.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise TableUnreadable(DECLARATIONS, 0, f"khai báo không đọc được ({type(fault).__name__})") from fault


def _declaration(name: str, entry: Mapping[str, object]) -> TableDeclaration:
    unknown = set(entry) - {
        "keys", "title_vi", "owner_vi", "columns", "domains", "patterns", "total", "total_from", "without",
    }  # fmt: skip
    if unknown:
        raise KeyError(f"{name}: {sorted(unknown)}")
    total_from = entry.get("total_from")
    return TableDeclaration(
        name,
        keys=_texts(entry.get("keys", [])),
        title_vi=str(entry.get("title_vi", "")),
        owner_vi=str(entry.get("owner_vi", "")),
        columns=_texts(entry.get("columns", [])),
        domains={column: _domain(spec) for column, spec in _mapping(entry.get("domains", {})).items()},
        patterns={column: str(pattern) for column, pattern in _mapping(entry.get("patterns", {})).items()},
        total=entry.get("total") is True,
        total_from=total_from if isinstance(total_from, date) else None,
        without=frozenset(_texts(key) for key in _list(entry.get("without", []))),
    )


def _domain(spec: object) -> tuple[str, ...]:
    """A closed list: written out, the name of one of `mappings.codes`, or such a name with more words in a list."""
    if isinstance(spec, str):
        return tuple(member.value for member in getattr(mappings.codes, spec))
    return tuple(
        value
        for item in _texts(spec)
        for value in (_domain(item) if isinstance(getattr(mappings.codes, item, None), type) else (item,))
    )


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("a list is wanted")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in _list(value))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("a table is wanted")
    return value


def parse_table(raw: bytes, declaration: TableDeclaration, keys: tuple[str, ...] = ()) -> CodeTable:
    """A table from the bytes of its file. Raises `TableUnreadable`; what is readable but wrong is for the linter."""
    name = declaration.name
    version = TableVersion(name, hashlib.sha256(raw).hexdigest())
    try:
        # A spreadsheet may save with a byte-order mark; it is no part of the first column's name.
        lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise TableUnreadable(name, 0, "không phải tệp CSV mã hóa UTF-8") from fault
    header = tuple(lines[0]) if lines else ()
    _check_header(name, header)
    wanted = keys or declaration.keys or header[:1]
    if not set(wanted) <= set(header):
        raise TableUnreadable(name, 1, "thiếu cột khóa " + ", ".join(sorted(set(wanted) - set(header))))
    rows = tuple(_row(name, header, number, cells) for number, cells in enumerate(lines[1:], 2) if cells)
    index: dict[tuple[str, ...], tuple[TableRow, ...]] = {}
    for row in rows:
        key = tuple(row.values[column] for column in wanted)
        index[key] = (*index.get(key, ()), row)
    declared = replace(declaration, keys=wanted)
    return CodeTable(version, declared, header, rows, index, any(ANY in key for key in index))


def _check_header(name: str, header: tuple[str, ...]) -> None:
    if len(set(header)) != len(header) or not all(header):
        raise TableUnreadable(name, 1, "dòng tiêu đề có cột trùng hoặc cột không tên")
    missing = [column for column in DATED_COLUMNS if column not in header]
    if missing:
        raise TableUnreadable(name, 1, "thiếu cột " + ", ".join(missing))


def _row(name: str, header: tuple[str, ...], number: int, cells: list[str]) -> TableRow:
    if len(cells) != len(header):
        raise TableUnreadable(name, number, f"có {len(cells)} ô, tiêu đề có {len(header)} cột")
    values = dict(zip(header, cells, strict=True))
    try:
        valid_from = date.fromisoformat(values["valid_from"])
        valid_to = date.fromisoformat(values["valid_to"]) if values["valid_to"] else date.max
        confidence = Confidence(values["confidence"])
    except ValueError as fault:
        raise TableUnreadable(name, number, "ngày hiệu lực hoặc độ tin cậy không hợp lệ") from fault
    return TableRow(number, values, valid_from, valid_to, values["source"], confidence)
