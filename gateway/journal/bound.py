"""Which rows the evidence binds: every table with its key and columns, and the statements that hand back what they wrote.

A statement that writes a bound table gets a RETURNING clause when it is loaded, so that whatever it wrote, all columns of
it, goes into the leaf of its transaction by itself: no writer of a statement can forget it. One that inserts a whole row
from its values needs none, for its values are the row; that is cheaper by half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

_WRITES = re.compile(r"^(?:INSERT INTO|UPDATE) (\w+)")
_INSERTS = re.compile(
    r"^INSERT INTO \w+ \(([\w\s,]+)\)\s+VALUES \(([?$\d\s,]+)\)(?:\s+ON CONFLICT \([\w, ]+\) DO UPDATE SET\s+(.*))?$",
    re.S,
)
_TAKEN = re.compile(r"(\w+) = excluded\.(\w+)")

UNREGISTERED = frozenset({"ready.beat", "node.beat", "accept.receipt_put"})
"""A heartbeat proves nothing; a receipt names its own leaf, so it is registered by hand before that leaf is made."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound table: its key, then its other columns. `fixed`: its rows are written once and never changed.

    `mark` is where, counted from 1, the column stands that a leaf says behind the key of a row (0: none; decision 0033).
    `counts`: it is `rev`, the last one, and a row that was never written over is digested without it, as an embedded store
    does: so its rows may move into a shared one with the leaves that vouch for them.
    """

    name: str
    key: tuple[str, ...]
    rest: tuple[str, ...]
    fixed: bool = False
    mark: int = 0
    counts: bool = False

    @property
    def columns(self) -> str:
        """All bound columns as SQL, the key first."""
        return ", ".join((*self.key, *self.rest))

    def told(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """What of a row is digested."""
        return row if not self.counts or row[-1] else row[:-1]


def _table(name: str, key: str, rest: str = "", *, fixed: bool = False) -> Bound:
    return Bound(name, tuple(key.split()), tuple(rest.split()), fixed)


# `leaf` is bound by its own chain; `tally` is counted again from `msg`; `receipt.leaf` must be the leaf that binds the
# receipt; of `node` all but its start, and `upstream_slot`, say who lives and who may send just now, and nothing that lasts.
BOUND: Mapping[str, Bound] = {
    table.name: table
    for table in (
        _table("meta", "name", "value", fixed=True),
        _table("migration", "number", "name applied_at", fixed=True),
        _table("node", "node", "started"),
        _table("cursor", "name", "value"),
        _table(
            "upstream",
            "code",
            "conc_limit rate_per_s burst breaker_state breaker_open_until paused cfg_generation",
        ),
        _table("payload", "ref", "dossier sealed file", fixed=True),
        _table(
            "inbound",
            "source event_id",
            "dossier sequence raw_ref carried_ref digest status parked position received_at",
        ),
        _table("source_seq", "source dossier", "last"),
        _table("receipt", "source key", "digest dossier body file", fixed=True),
        _table("audit", "position", "at kind actor dossier event_id fields feed", fixed=True),
        _table("record", "kind id", "version state file sealed_for"),
        _table("record_index", "kind name value id"),
        _table(
            "lane",
            "lane_id",
            "upstream dossier next_seq head_seq head_at due lease_until owner epoch attempts block_reason hold_reason "
            "legal_due memory",
        ),
        _table(
            "msg",
            "lane_id seq",
            "delivery_id source key upstream kind copy req_hash supersede_class state prior doubtful attempts unsettled "
            "hold_reason payload_ref receipt_ref accepted_at first_attempt_at",
        ),
        _table(
            "attempt",
            "lane_id seq n",
            "started ended outcome http upstream_code detail_vi req_digest res_digest request_ref response_ref node",
            fixed=True,
        ),
    )
}


def _marked(table: Bound) -> Bound:
    """A bound table of the shared store, where leaves of several chains have no order between them.

    A row that is written more than once counts how often it was written over (`rev`), so that the last leaf of a row is known
    by the row. An attempt says when it ended: in which partition it stands.
    """
    if table.name == "attempt":
        return replace(table, mark=(*table.key, *table.rest).index("ended") + 1)
    if table.fixed or not table.rest:
        return table
    rest = (*table.rest, REVISION)
    return replace(table, rest=rest, mark=len(table.key) + len(rest), counts=True)


REVISION = "rev"
SHARED: Mapping[str, Bound] = {name: _marked(table) for name, table in BOUND.items()}
"""The same tables as several nodes write them."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a statement writes: a bound table, whose row is its `values` with `more` behind them, or what it hands back."""

    table: Bound
    values: bool
    more: tuple[int, ...] = ()


@cache
def written(name: str, sql: str, shared: bool = False) -> Written | None:
    """What a named statement writes of the bound tables; None for every other statement."""
    found = _WRITES.match(sql)
    table = (SHARED if shared else BOUND).get(found[1]) if found else None
    if table is None or name in UNREGISTERED:
        return None
    columns = (*table.key, *table.rest)
    if _whole(columns, table, sql):
        return Written(table, values=True)
    if table.counts and "ON CONFLICT" not in sql and _whole(columns[:-1], table, sql):
        return Written(table, values=True, more=(0,))
    return Written(table, values=False)


def _whole(columns: tuple[str, ...], table: Bound, sql: str) -> bool:
    """The values of an insertion are the row: every column in order, and a row that is there already takes them all."""
    found = _INSERTS.match(sql)
    if found is None:
        return False
    given = tuple(found[1].replace(",", " ").split()) == columns
    values = [value[1:] for value in found[2].replace(",", " ").split()]  # ?1 or $1, as the database counts them
    plain = values == [str(n) for n in range(1, len(columns) + 1)]
    taken = {left for left, right in _TAKEN.findall(found[3] or "") if left == right}
    return given and plain and (not found[3] or taken == set(table.rest))


def returning(statements: Mapping[str, str], *, shared: bool = False) -> Mapping[str, str]:
    """The statements, those that write a bound table with a RETURNING clause where they need one.

    In a shared store they count the writings of the row as well.
    """
    made = {}
    for name, sql in statements.items():
        writes = written(name, sql, shared)
        if writes is not None and writes.table.counts:
            sql = _counting(writes.table, sql)
        made[name] = sql if writes is None or writes.values else f"{sql} RETURNING {writes.table.columns}"
    return made


def _counting(table: Bound, sql: str) -> str:
    """A statement that counts one writing more in each row that it changes."""
    if re.search(rf"\b{REVISION}\b", sql):
        return sql
    begin = f"UPDATE {table.name} SET " if sql.startswith("UPDATE") else "DO UPDATE SET "
    if sql.startswith("INSERT") and "DO UPDATE" not in sql:
        return sql
    if sql.count(begin) != 1:
        raise ValueError(f"a statement of a shared store that no writing can be counted in: {sql}")
    return sql.replace(begin, f"{begin}{REVISION} = {table.name}.{REVISION} + 1, ")
