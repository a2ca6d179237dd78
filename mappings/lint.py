"""The linter of the mappings: every table total, unambiguous, dated and sourced; every sector profile readable.

Behind `gateway mappings lint`. A finding is never an opinion: each names a table, a row and what to do.
Without a declaration in `tables.toml` a table is still checked for dates, sources, NFC and repeated rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.resources.abc import Traversable
from itertools import combinations, product

from mappings.codes import DossierStatus
from mappings.dialect_file import is_dialect
from mappings.dialect_lint import NO_PUBLICATION, dialect_findings
from mappings.lifecycle import KNOWN_GUARDS, KNOWN_REQUIREMENTS, judge_transition
from mappings.person_fields import PLACES, catalogue_faults, place_faults
from mappings.person_fields import TABLE as IDENTITY_FIELDS
from mappings.sector import parse_profile
from mappings.signers import TABLE as SIGNERS
from mappings.signers import order_faults
from mappings.tables import (
    ANY,
    DATED_COLUMNS,
    DECLARATIONS,
    SECTORS,
    TABLES,
    CodeTable,
    TableDeclaration,
    TableRow,
    TableUnreadable,
    UnknownCode,
    parse_declarations,
    parse_table,
)
from mappings.text import nfc

_FREE_COLUMNS = re.compile(r"(.*_vi|name|note|meaning)$")


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One defect: stable code, table (or profile), line of the file (0: the whole file), Vietnamese sentence.

    Codes: unreadable, unknown_header, undeclared, no_source, backwards, not_nfc, unknown_value, bad_form, ambiguous,
    not_total, bad_order, bad_profile, no_publication, unknown_guard, dead_end; of a foreign dialect also no_reason, unfed,
    bad_constant, bad_cell, no_list, no_example, bad_example, idle_condition.
    """

    code: str
    table: str
    row: int
    message_vi: str


def lint_all(extra_dirs: Iterable[Traversable] = ()) -> tuple[LintFinding, ...]:
    """All findings over our own tables, the sector profiles and any further folders of tables; empty when all is well."""
    own = (*lint_directory(TABLES), *lint_directory(SECTORS), *lint_profiles(SECTORS))
    further = tuple(finding for directory in extra_dirs for finding in lint_directory(directory))
    if any(finding.code == "unreadable" for finding in own):
        return (*own, *further)  # the lifecycle cannot be judged from tables that cannot be read
    return (*own, *_lint_lifecycle(), *further)


def lint_directory(directory: Traversable) -> tuple[LintFinding, ...]:
    """All findings over the CSV tables of one folder, and over a declaration without its table."""
    try:
        source = directory / DECLARATIONS
        declared = parse_declarations(source.read_bytes()) if source.is_file() else {}
    except TableUnreadable as fault:
        return (LintFinding("unreadable", fault.table, fault.row, fault.message_vi),)
    names = sorted(entry.name[:-4] for entry in directory.iterdir() if entry.name.endswith(".csv"))
    found = [
        LintFinding("unreadable", name, 0, "Bảng có khai báo nhưng thiếu tệp CSV.")
        for name in declared
        if name not in names
    ]
    for name in names:
        found += _lint_file(name, (directory / f"{name}.csv").read_bytes(), declared)
    return tuple(found)


def _lint_file(name: str, raw: bytes, declared: Mapping[str, TableDeclaration]) -> Iterator[LintFinding]:
    try:
        table = parse_table(raw, declared.get(name, TableDeclaration(name)))
        if name not in declared:
            if declared:
                yield LintFinding("undeclared", name, 0, f"Bảng chưa được khai báo trong {DECLARATIONS}.")
            keys = tuple(column for column in table.columns if _may_be_key(column))
            table = parse_table(raw, replace(table.declaration, keys=keys))
    except TableUnreadable as fault:
        yield LintFinding("unreadable", fault.table, fault.row, fault.message_vi)
        return
    yield from lint_table(table)


def _may_be_key(column: str) -> bool:
    """Whether an undeclared column may tell rows apart: dates, sources and free text do not."""
    return column not in DATED_COLUMNS and not _FREE_COLUMNS.fullmatch(column)


def lint_table(table: CodeTable) -> Iterator[LintFinding]:
    """The findings over one readable table."""
    declared = table.declaration
    known = set(declared.columns) | set(DATED_COLUMNS)
    if declared.columns and set(table.columns) != known:
        odd = ", ".join(sorted(set(table.columns) ^ known))
        yield LintFinding("unknown_header", table.name, 1, f"Tiêu đề khác với khai báo: {odd}.")
    for row in table.rows:
        yield from _lint_row(table, row)
    yield from _ambiguous(table)
    if declared.total:
        yield from _gaps(table)
    if table.name == SIGNERS:
        yield from _lint_order(table)
    for name, faults in ((IDENTITY_FIELDS, place_faults), (PLACES, catalogue_faults)):
        if table.name == name:
            yield from (LintFinding("unknown_value", name, row, message) for row, message in faults(table))


def _lint_row(table: CodeTable, row: TableRow) -> Iterator[LintFinding]:
    if not row.source.strip():
        yield LintFinding("no_source", table.name, row.number, "Dòng không ghi nguồn (source).")
    if row.valid_to < row.valid_from:
        yield LintFinding("backwards", table.name, row.number, "Ngày hết hiệu lực trước ngày bắt đầu.")
    declared = table.declaration
    for column, cell in row.values.items():
        if nfc(cell) != cell:
            yield LintFinding("not_nfc", table.name, row.number, f"Cột {column} không ở dạng Unicode NFC.")
        if column in declared.domains and cell not in declared.domains[column]:
            yield LintFinding("unknown_value", table.name, row.number, f"Cột {column}: “{cell}” ngoài danh mục.")
        if column in declared.patterns and not re.search(declared.patterns[column], cell):
            yield LintFinding("bad_form", table.name, row.number, f"Cột {column}: “{cell}” không đúng dạng quy định.")


def _lint_order(table: CodeTable) -> Iterator[LintFinding]:
    """What the signer table must have besides: an order of signing without holes."""
    try:
        yield from (LintFinding("bad_order", table.name, row, message) for row, message in order_faults(table))
    except TableUnreadable as fault:
        yield LintFinding("unreadable", fault.table, fault.row, fault.message_vi)


def _ambiguous(table: CodeTable) -> Iterator[LintFinding]:
    by_key: dict[tuple[str, ...], list[TableRow]] = {}
    for row in table.rows:
        by_key.setdefault(table.key_of(row), []).append(row)
    for rows in by_key.values():
        for first, second in combinations(rows, 2):
            if first.valid_from <= second.valid_to and second.valid_from <= first.valid_to:
                message = f"Trùng khóa với dòng {first.number} trong cùng khoảng hiệu lực."
                yield LintFinding("ambiguous", table.name, second.number, message)


def _gaps(table: CodeTable) -> Iterator[LintFinding]:
    """Keys of the declared closed lists without a row on some day from `total_from` on."""
    start = table.declaration.total_from or min((row.valid_from for row in table.rows), default=date.min)
    days = {start, *(row.valid_from for row in table.rows)}
    days |= {row.valid_to + timedelta(days=1) for row in table.rows if row.valid_to < date.max}
    lists = [[value for value in table.declaration.domains.get(column, ()) if value != ANY] for column in table.keys]
    for key in product(*lists):
        if any(key[: len(left_out)] == left_out for left_out in table.declaration.without):
            continue
        for day in sorted(day for day in days if day >= start):
            try:
                table.find(*key, at=day)
            except UnknownCode as missing:
                yield LintFinding("not_total", table.name, 0, missing.message_vi)
                break


def lint_profiles(directory: Traversable) -> tuple[LintFinding, ...]:
    """All findings over the sector profiles (`*.toml`) of one folder."""
    return tuple(
        finding
        for entry in sorted(directory.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml") and entry.name != DECLARATIONS
        for finding in _lint_profile(entry.name[:-5], entry.read_bytes(), directory)
    )


def _lint_profile(name: str, raw: bytes, directory: Traversable) -> Iterator[LintFinding]:
    if is_dialect(raw):
        yield from (LintFinding(code, name, 0, message) for code, message in dialect_findings(name, raw, directory))
        return
    try:
        profile = parse_profile(name, raw, directory)
    except TableUnreadable as fault:
        yield LintFinding("bad_profile", name, fault.row, fault.message_vi)
        return
    if not profile.publication.complete:
        yield LintFinding("no_publication", name, 0, NO_PUBLICATION)
    if nfc(raw.decode()) != raw.decode():
        yield LintFinding("not_nfc", name, 0, "Tệp không ở dạng Unicode NFC.")


def _lint_lifecycle() -> Iterator[LintFinding]:
    """What no single table can show: guards and requirements that the code knows, and no state without a way in."""
    transitions = parse_table((TABLES / "transitions.csv").read_bytes(), TableDeclaration("transitions"))
    for row in transitions.rows:
        if set(row["guard"].split()) - KNOWN_GUARDS:
            yield LintFinding("unknown_guard", "transitions", row.number, f"Điều kiện lạ: “{row['guard']}”.")
    requirements = parse_table((TABLES / "requirements.csv").read_bytes(), TableDeclaration("requirements"))
    for row in requirements.rows:
        if row["requirement"] not in KNOWN_REQUIREMENTS:
            yield LintFinding("unknown_guard", "requirements", row.number, f"Điều kiện lạ: “{row['requirement']}”.")
    day = max(row.valid_from for row in transitions.rows)
    for state in DossierStatus:
        starts: tuple[DossierStatus | None, ...] = (None, *DossierStatus)
        if not any(judge_transition(start, state, day).possible for start in starts if start is not state):
            yield LintFinding("dead_end", "transitions", 0, f"Không có đường nào dẫn tới trạng thái “{state}”.")
