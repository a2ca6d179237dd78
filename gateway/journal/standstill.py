"""What a node that stands still, or is cut off, must not keep: a server that waits inside a statement waits without limit.

`idle_in_transaction_session_timeout` counts only between statements. During a COPY, and within a pipeline of many executions
behind one Sync (`executemany`), the server is inside one: a node that is frozen there would hold the locks of its dossiers, and
the feed of all nodes, for as long as it likes. So many rows travel as arrays in a single message (decision 0028).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_BYTES = 4 * 1024 * 1024
"""Of the texts and bytes in one statement (a row of its own may be larger): a slow line must get it across within `lock_s`."""
_MOST_ROWS = 10_000
_PROBES = 3

_INTO = r"^INSERT INTO (?P<table>\w+) \((?P<columns>[\w\s,]+)\)\s+"
_VALUES = re.compile(_INTO + r"VALUES \((?P<values>[$\d\s,]+)\)(?P<rest>.*)$", re.S)
_SELECT = re.compile(_INTO + r"SELECT (?P<values>\$\d+::\w+(?:, \$\d+::\w+)*)\s+(?P<rest>WHERE .*)$", re.S)
_OVER = re.compile(r"ON CONFLICT \(([\w\s,]+)\) DO UPDATE")
_VALUE = re.compile(r"\$(\d+)(?:::\w+)?")

TYPES = """SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped"""
"""The columns of a table with their types."""


def settings(lock_s: float) -> dict[str, str]:
    """What the server is told of a connection: after `lock_s` of waiting or idling a transaction ends, and so does, about as
    soon, a connection from whose machine nothing comes back any more. Without effect on a Unix-domain socket."""
    wait, probe_s = f"{round(lock_s * 1_000)}ms", max(1, round(lock_s / _PROBES))
    return {
        "lock_timeout": wait,
        "idle_in_transaction_session_timeout": wait,
        "tcp_user_timeout": wait,
        "tcp_keepalives_idle": str(probe_s),
        "tcp_keepalives_interval": str(probe_s),
        "tcp_keepalives_count": str(_PROBES),
    }


@dataclass(frozen=True, slots=True)
class Gathered:
    """An insertion of many rows as one statement, whose values are arrays. `key`: the places of what a row is written over by,
    of which one statement may hold each only once."""

    sql: str
    key: tuple[int, ...]

    def parts(self, rows: Sequence[Sequence[object]]) -> Iterator[list[list[object]]]:
        """The rows as columns, statement by statement; rows of one key follow each other in the order they came."""
        for turn in self._turns(rows):
            part: list[Sequence[object]] = []
            size = 0
            for row in turn:
                wide = sum(len(value) for value in row if isinstance(value, (str, bytes)))
                if part and (size + wide > MOST_BYTES or len(part) == _MOST_ROWS):
                    yield [list(column) for column in zip(*part, strict=True)]
                    part, size = [], 0
                part.append(row)
                size += wide
            yield [list(column) for column in zip(*part, strict=True)]

    def _turns(self, rows: Sequence[Sequence[object]]) -> list[list[Sequence[object]]]:
        """All rows at once; where rows are written over, the first of each key, then the second of each, and so on."""
        if not self.key:
            return [list(rows)]
        turns: list[list[Sequence[object]]] = []
        seen: dict[tuple[object, ...], int] = {}
        for row in rows:
            name = tuple([row[n] for n in self.key])
            turn = seen[name] = seen.get(name, -1) + 1
            if turn == len(turns):
                turns.append([])
            turns[turn].append(row)
        return turns


def table_of(sql: str) -> str:
    """Into which table a statement inserts one row of values, and nothing else; empty for every other statement."""
    found = _VALUES.match(sql) or _SELECT.match(sql)
    return found["table"] if found else ""


def gathered(sql: str, types: Mapping[str, str]) -> Gathered | None:
    """Such an insertion for many rows, by the types of the table's columns; None where a value is an array itself."""
    found = _VALUES.match(sql) or _SELECT.match(sql)
    if found is None:
        return None
    place = {
        column: int(value)
        for column, value in zip(_words(found["columns"]), _VALUE.findall(found["values"]), strict=True)
    }
    told = {n: types[column] for column, n in place.items()}
    if any(name.endswith("[]") for name in told.values()):
        return None
    names = ", ".join(f"v{n}" for n in sorted(told))
    arrays = ", ".join(f"${n}::{told[n]}[]" for n in sorted(told))
    over = _OVER.search(found["rest"])
    key = tuple(place[column] - 1 for column in _words(over[1])) if over is not None else ()
    values, rest = (_VALUE.sub(r"k.v\1", found[part]) for part in ("values", "rest"))
    into = f"INSERT INTO {found['table']} ({found['columns']})"
    return Gathered(f"{into} SELECT {values} FROM unnest({arrays}) AS k ({names}) {rest}", key)


def _words(listed: str) -> list[str]:
    return [word.strip() for word in listed.split(",")]
