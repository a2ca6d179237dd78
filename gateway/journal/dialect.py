"""The statements of queries.sql as PostgreSQL understands them: translated by rule, so that each is written once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.journal.bound import returning
from gateway.journal.statements import raw

_VALUE = re.compile(r"\?(\d+)")
_HINT = re.compile(r"\s+INDEXED BY \w+")
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)")


_WRITES = re.compile(r"^(?:INSERT INTO|UPDATE)\s+(\w+)")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement touches. `late`: it only inserts and hands nothing back, so it may wait until its table is read.

    `written` is the table whose rows it changes (empty: none), which is the one that RETURNING hands back rows of.
    """

    tables: frozenset[str]
    writes: bool
    late: bool
    written: str = ""


def translated(sql: str) -> str:
    """Values are numbered with a dollar, and the planner chooses the index."""
    return _HINT.sub("", _VALUE.sub(r"$\1", sql))


def statements() -> Mapping[str, str]:
    """All statements of the shared store by name: those of its own file go before those that are translated."""
    every = {**raw("queries.sql"), **raw("postgres.sql")}
    return returning({name: translated(sql) for name, sql in every.items()}, shared=True)


def shape(sql: str) -> Shape:
    """What a translated statement touches."""
    inserts = sql.startswith("INSERT INTO")
    late = inserts and "RETURNING" not in sql
    written = _WRITES.match(sql)
    return Shape(frozenset(_TABLE.findall(sql)), written is not None, late, written[1] if written else "")
