"""Who must sign a result: the signer table of the procedures, dated and sourced, with the ministry's own rows before ours.

A procedure's own rows stand in place of the rows `*`, never beside them. Authority comes from this table and never from the
title in a certificate (signing facts R09, R20; NĐ 68/2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from mappings.tables import ANY, TABLES, CodeTable, TableRow, TableUnreadable, declarations, load_table, parse_table

TABLE = "signers"


@dataclass(frozen=True, slots=True)
class RequiredSigner:
    """One signature that a result must carry. `order` counts from 1: person first, agency second (NĐ 30/2020, Phụ lục I).

    `domain` is "public-duty" or "public". `formats`: accepted dialects, empty: any. `identifiers` ("MST:0100109106") and
    `certificates` (SHA-256 fingerprints, hex): one of them must match; both empty: any certificate of the domain.
    `source` is the legal source; `assumed` says that no text was found which says so.
    """

    order: int
    role: str
    domain: str
    formats: tuple[str, ...]
    identifiers: tuple[str, ...]
    certificates: tuple[str, ...]
    source: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class SignerTables:
    """The tables in order of precedence: the ministry's own, where there is one, then ours."""

    tables: tuple[CodeTable, ...]

    def required(self, procedures: Iterable[str], at: date) -> tuple[RequiredSigner, ...]:
        """The signers of a result of this procedure (its codes, the ministry's first) on that day, in order.

        Empty only where no table has a row, not even for `*`: then nothing may pass.
        """
        wanted = (*(code for code in procedures if code), ANY)
        for code in wanted:
            for table in self.tables:
                rows = [row for row in table.at(at) if row["procedure"] == code]
                if rows:
                    return tuple(sorted((_signer(row) for row in rows), key=lambda signer: signer.order))
        return ()

    @property
    def version(self) -> str:
        """The short versions of all tables, for evidence."""
        return " ".join(table.version.short for table in self.tables)


def load_signers(own: bytes | None = None) -> SignerTables:
    """Our table behind the ministry's `own` file (same columns); raises `TableUnreadable` for one that is not fit for use."""
    ours = load_table(TABLE)
    if own is None:
        return SignerTables((ours,))
    table = parse_table(own, declarations(TABLES)[TABLE])
    return SignerTables((table, ours))


def order_faults(table: CodeTable) -> Iterator[tuple[int, str]]:
    """Lines of the table where a procedure's order has a hole or begins elsewhere than at 1, on some day."""
    days = sorted({row.valid_from for row in table.rows})
    for procedure in dict.fromkeys(row["procedure"] for row in table.rows):
        for day in days:
            rows = sorted((row for row in table.at(day) if row["procedure"] == procedure), key=_order)
            wrong = next((row for place, row in enumerate(rows, 1) if _order(row) != place), None)
            if wrong is not None:
                yield wrong.number, f"Thứ tự ký của thủ tục {procedure} không liền từ 1 vào ngày {day:%d/%m/%Y}."
                break


def _order(row: TableRow) -> int:
    try:
        return int(row["order"])
    except ValueError as fault:
        raise TableUnreadable(TABLE, row.number, "cột order phải là số nguyên") from fault


def _signer(row: TableRow) -> RequiredSigner:
    return RequiredSigner(
        order=_order(row),
        role=row["role"],
        domain=row["domain"],
        formats=tuple(row["formats"].split("|")) if row["formats"] else (),
        identifiers=tuple(row["identifiers"].split()),
        certificates=tuple(row["certificates"].lower().split()),
        source=row.source,
        assumed=row.confidence == "assumed",
    )
