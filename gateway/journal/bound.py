"""Which rows the evidence binds: every table with its key and columns, and the statements that hand back what they wrote.

A statement that writes a bound table gets a RETURNING clause when it is loaded, so that whatever it wrote, all columns of
it, goes into the leaf of its transaction by itself: no writer of a statement can forget it. One that inserts a whole row
from its values needs none, for its values are the row; that is cheaper by half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_WRITES = re.compile(r"^(?:INSERT INTO|UPDATE) (\w+)")
_INSERTS = re.compile(
    r"^INSERT INTO \w+ \(([\w\s,]+)\)\s+VALUES \(([?\d\s,]+)\)(?:\s+ON CONFLICT \([\w, ]+\) DO UPDATE SET\s+(.*))?$",
    re.S,
)
_TAKEN = re.compile(r"(\w+) = excluded\.(\w+)")

UNREGISTERED = frozenset({"ready.beat", "accept.receipt_put"})
"""A heartbeat proves nothing; a receipt names its own leaf, so it is registered by hand before that leaf is made."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound table: its key, then its other columns. `fixed`: its rows are written once and never changed."""

    name: str
    key: tuple[str, ...]
    rest: tuple[str, ...]
    fixed: bool = False

    @property
    def columns(self) -> str:
        """All bound columns as SQL, the key first."""
        return ", ".join((*self.key, *self.rest))


def _table(name: str, key: str, rest: str = "", *, fixed: bool = False) -> Bound:
    return Bound(name, tuple(key.split()), tuple(rest.split()), fixed)


# `leaf` is bound by its own chain; `tally` is counted again from `msg`; `receipt.leaf` must be the leaf that binds the
# receipt; `node.beat` says when the process was last asked whether it lives, and nothing else.
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
        _table("upstream_slot", "upstream n", "lease_until owner"),
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


@dataclass(frozen=True, slots=True)
class Written:
    """What a statement writes: a bound table, whose row is its `values`, or what it hands back."""

    table: Bound
    values: bool


@cache
def written(name: str, sql: str) -> Written | None:
    """What a named statement writes of the bound tables; None for every other statement."""
    found = _WRITES.match(sql)
    table = BOUND.get(found[1]) if found else None
    if table is None or name in UNREGISTERED:
        return None
    return Written(table, values=_whole(table, sql))


def _whole(table: Bound, sql: str) -> bool:
    """The values of an insertion are the row: every column in order, and a row that is there already takes them all."""
    found = _INSERTS.match(sql)
    if found is None:
        return False
    columns = (*table.key, *table.rest)
    given = tuple(found[1].replace(",", " ").split()) == columns
    plain = found[2].replace(",", " ").split() == [f"?{n}" for n in range(1, len(columns) + 1)]
    taken = {left for left, right in _TAKEN.findall(found[3] or "") if left == right}
    return given and plain and (not found[3] or taken == set(table.rest))


def returning(statements: Mapping[str, str]) -> Mapping[str, str]:
    """The statements, those that write a bound table with a RETURNING clause where they need one."""
    made = {}
    for name, sql in statements.items():
        writes = written(name, sql)
        made[name] = sql if writes is None or writes.values else f"{sql} RETURNING {writes.table.columns}"
    return made
