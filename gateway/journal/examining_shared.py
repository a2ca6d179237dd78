"""The shared store laid open: one moment of all nodes at once, read through cursors of the server, while they go on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from gateway.journal.books import Row, row_digest
from gateway.journal.bound import SHARED, Bound
from gateway.journal.examining import RETIRED, Standing
from gateway.journal.months import STAY
from gateway.journal.reading import digests
from gateway.journal.session import REFUSALS, BlockingSession, DatabaseOptions, connected
from gateway.journal.shown import Leaf
from gateway.journal.statements import shared_migrations
from mappings.codec import encode

_PATIENCE_S = 6 * 3_600.0
_LEAVES_AT_ONCE = 200
_ROWS_AT_ONCE = 500
_LARGE = 65_536  # bytes; rows with more are fetched one by one
_SEALED = {"payload": "sealed", "receipt": "body", "record": "state"}
_SCRATCH = "tthc_gateway_examination"

_CHAINS = """
WITH RECURSIVE chains (writer) AS (
  SELECT min(writer) FROM leaf
  UNION ALL
  SELECT (SELECT min(l.writer) FROM leaf l WHERE l.writer > c.writer) FROM chains c WHERE c.writer IS NOT NULL
) SELECT writer FROM chains WHERE writer IS NOT NULL ORDER BY writer
"""
_MISCOUNTED = """
SELECT upstream, state FROM (SELECT upstream, state, -n AS n FROM tally
  UNION ALL SELECT upstream, state, count(*) FROM msg GROUP BY upstream, state) counted
GROUP BY upstream, state HAVING sum(n) <> 0 ORDER BY upstream, state
"""
# What stands in one schema: (kind, table, name, definition), of partitions only what is not their table's own.
_STANDS = """
WITH ours AS (
  SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relispartition,
    coalesce((SELECT r.relname FROM pg_class r WHERE r.oid = pg_partition_root(c.oid)), c.relname) AS root
  FROM pg_class c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p')
)
SELECT 'table', root::text, relname::text, concat(relkind, ' ', relpersistence, ' ', relrowsecurity)
FROM ours WHERE NOT relispartition
UNION ALL
SELECT 'column', o.root::text, a.attname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
  pg_get_expr(d.adbin, d.adrelid), l.collname)
FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = o.oid AND d.adnum = a.attnum LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE NOT o.relispartition
UNION ALL
SELECT 'index', o.root::text, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid, 0, true)
FROM ours o JOIN pg_index i ON i.indrelid = o.oid WHERE NOT o.relispartition
UNION ALL
SELECT 'constraint', o.root::text, k.conname::text, pg_get_constraintdef(k.oid, true)
FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid WHERE NOT o.relispartition
UNION ALL
SELECT 'trigger', o.root::text, t.tgname::text, concat(t.tgenabled, ' ', pg_get_triggerdef(t.oid, true))
FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid
WHERE NOT t.tgisinternal AND (t.tgparentid = 0 OR t.tgenabled <> 'O')
UNION ALL
SELECT 'rule', o.root::text, r.rulename::text, pg_get_ruledef(r.oid, true) FROM ours o JOIN pg_rewrite r ON r.ev_class = o.oid
UNION ALL
SELECT 'function', '', p.proname::text, concat(p.prokind, ' ', p.prosecdef, ' ', p.prosrc)
FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
"""


@dataclass(slots=True)
class SharedStore:
    """A shared store at one moment (`gateway.journal.examining.Opened`): a transaction that only reads."""

    session: BlockingSession
    options: DatabaseOptions
    concurrent = True
    _cursors: int = 0

    def writers(self) -> list[str]:
        """The name of every chain."""
        return [row[0] for row in self.session.fetch(_CHAINS, ())]

    def leaves(self, writer: str) -> Iterator[Leaf]:
        """The leaves of a chain, in order."""
        sql = "SELECT n, digest, covers, about FROM leaf WHERE writer = $1 AND n > $2 ORDER BY n LIMIT $3"
        last = -(1 << 62)
        while rows := self.session.fetch(sql, (writer, last, _LEAVES_AT_ONCE)):
            for n, digest, covers, about in rows:
                yield Leaf(writer, n, digest, digests(covers), about)
            last = rows[-1][0]

    def leaf(self, writer: str, n: int) -> Leaf | None:
        """One leaf."""
        rows = self.session.fetch("SELECT digest, covers, about FROM leaf WHERE writer = $1 AND n = $2", (writer, n))
        return Leaf(writer, n, rows[0][0], digests(rows[0][1]), rows[0][2]) if rows else None

    def opening(self, writer: str) -> bytes | None:
        """The record that a chain was opened with."""
        rows = self.session.fetch("SELECT state FROM record WHERE kind = 'chain_opening' AND id = $1", (writer,))
        return rows[0][0] if rows else None

    def retired(self) -> list[bytes]:
        """The states of all records of partitions that were dropped."""
        sql = "SELECT state FROM record WHERE kind = $1 AND state IS NOT NULL"
        return [row[0] for row in self.session.fetch(sql, (RETIRED,))]

    def rows(self) -> Iterator[Standing]:
        """Every row of every bound table."""
        for table in SHARED.values():
            extra = ", leaf" if table.name == "receipt" else ""
            for row in self._each(table, f"SELECT {table.columns}{extra} FROM {table.name}"):
                yield self._standing(table, row[:-1], row[-1]) if extra else self._standing(table, row)

    def _standing(self, table: Bound, row: Row, leaf: bytes | None = None) -> Standing:
        name = encode((table.name, *row[: len(table.key)]))
        if table.name in _SEALED:
            file = row[len(table.key) + table.rest.index("file")]
            if file is not None and not self._shelf_holds(file):
                return Standing(name, b"", leaf)
        return Standing(name, row_digest(table.name, *table.told(row)), leaf)

    def _shelf_holds(self, name: str) -> bool:
        """What an embedded store kept in a file is there and is what its name says."""
        rows = self.session.fetch("SELECT sealed FROM shelf WHERE name = $1", (name,))
        return bool(rows) and hashlib.sha256(rows[0][0]).hexdigest() == name

    def _each(self, table: Bound, sql: str) -> Iterator[Row]:
        """The rows of a table; those that hold much, one by one."""
        if table.name not in _SEALED:
            yield from self._walk(sql, _ROWS_AT_ONCE)
            return
        size = f"coalesce(octet_length({_SEALED[table.name]}), 0)"
        yield from self._walk(f"{sql} WHERE {size} <= {_LARGE}", _ROWS_AT_ONCE)
        yield from self._walk(f"{sql} WHERE {size} > {_LARGE}", 1)

    def _walk(self, sql: str, at_once: int) -> Iterator[Row]:
        self._cursors += 1
        name = f"walk_{self._cursors}"
        self.session.run(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}")
        while rows := self.session.fetch(f"FETCH FORWARD {at_once} FROM {name}", ()):
            yield from rows
        self.session.run(f"CLOSE {name}")

    def miscounted(self) -> list[tuple[str, str]]:
        """(upstream, state) whose tallies together are not the number of messages that stand."""
        return [(upstream, state) for upstream, state in self.session.fetch(_MISCOUNTED, ())]

    def first_hole(self) -> int:
        """0: positions are numbers of transactions, gaps are normal; a row that is gone is missed by its leaf."""
        return 0

    def altered(self) -> list[str] | None:
        """What of our tables is not as the migrations make it; None where this user may not make them once more to compare.

        They are made in a schema of their own, in a transaction that is taken back.
        """
        with closing(BlockingSession(self.options)) as beside:
            try:
                beside.begin()
                (here,) = beside.fetch("SELECT current_schema()", ())[0]
                stands = _described(beside, here)
                beside.run(f"CREATE SCHEMA {_SCRATCH}; SET LOCAL search_path = {_SCRATCH}")
                for step in shared_migrations():
                    beside.run(step.sql)
                made = _described(beside, _SCRATCH)
                beside.run("ROLLBACK")
            except REFUSALS:
                return None
        tables = {name[1] for name in made}
        known = made.keys() | {name for name in stands if name[1] in tables and name[1]}
        return sorted(" ".join(filter(None, name)) for name in known if made.get(name) != stands.get(name))


def _described(session: BlockingSession, schema: str) -> dict[tuple[str, ...], str]:
    return {tuple(name): told for *name, told in session.fetch(_STANDS, (schema,))}


@contextmanager
def opened_shared(options: DatabaseOptions) -> Iterator[SharedStore]:
    """The store that `options` name, read only, as it stands now; raises `DatabaseUnopenable`. Not where an event loop runs."""
    patient = replace(options, answer_s=_PATIENCE_S)
    with connected(patient) as session:
        session.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        session.run(f"SET LOCAL idle_in_transaction_session_timeout = 0; {STAY}")
        session.fetch("SELECT count(*) FROM migration", ())
        yield SharedStore(session, patient)
