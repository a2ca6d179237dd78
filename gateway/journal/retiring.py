"""Old months of a shared store let go by order: what holds a partition is named, and one that nothing holds goes with its record.

Only `attempt` and `payload` have months. A partition goes in one transaction with the record that says so, an audit row and the
leaf that binds both, so it is never half gone: a run that is killed is run again. Whoever would name an old payload once more
(a replay) shares a lock with us, so what was looked through stays as it was until the commit. The table is needed alone for
the drop itself; whoever waits for that makes all nodes wait, so it is waited for `_BRIEFLY`, given up and tried again later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.errors import JournalUnavailable
from gateway.journal import reading
from gateway.journal.dialect import statements
from gateway.journal.model import AuditWrite, RecordKey
from gateway.journal.months import RETIRING, TABLES, first_of, there
from gateway.journal.postgres import PostgresEngine
from gateway.journal.retired import MONTH_BITS, RETIRED, Retired, place, read
from gateway.journal.session import BUSY
from gateway.journal.shared_cursor import Session
from gateway.observe.crash import Reach, never
from mappings.codec import encode, encode_sorted

AUDIT = "partition.retired"
_BRIEFLY = "200ms"
_TRIES = 10
_PAUSE_S = 1.0
_SHOWN = 3
_BOUNDS = re.compile(r"FROM \('?(\d+)'?\) TO \('?(\d+)'?\)")

_PARTITIONS = """
SELECT i.inhrelid::regclass::text, p.relname::text, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE i.inhparent IN (to_regclass('attempt'), to_regclass('payload'))
"""
_OPEN = """
  SELECT m.lane_id, m.seq, m.delivery_id, m.source, m.key, m.payload_ref, m.receipt_ref, l.upstream, l.dossier
  FROM lane l JOIN msg m ON m.lane_id = l.lane_id AND m.seq >= l.head_seq
  WHERE l.head_at IS NOT NULL AND m.state NOT IN ('DELIVERED', 'REFUSED', 'SUPERSEDED')
"""
_OF_LANES = """
  SELECT m.lane_id, m.seq, m.delivery_id, m.source, m.key, m.payload_ref, m.receipt_ref, l.upstream, l.dossier
  FROM msg m JOIN lane l ON l.lane_id = m.lane_id WHERE m.lane_id = ANY ($3::bigint[])
"""
_BY = {
    "payload": """
SELECT n.delivery_id, n.upstream, n.dossier, count(*) OVER () FROM needed n
LEFT JOIN inbound i ON i.source = n.source AND i.event_id = n.key
WHERE (n.payload_ref >= $1 AND n.payload_ref < $2) OR (n.receipt_ref >= $1 AND n.receipt_ref < $2)
  OR (i.raw_ref >= $1 AND i.raw_ref < $2) OR (i.carried_ref >= $1 AND i.carried_ref < $2)
""",
    "attempt": """
SELECT n.delivery_id, n.upstream, n.dossier, count(*) OVER () FROM needed n
WHERE EXISTS (SELECT 1 FROM attempt a WHERE a.lane_id = n.lane_id AND a.seq = n.seq AND a.ended >= $1 AND a.ended < $2)
""",
}
_PARKED = """
SELECT event_id, source, dossier, count(*) OVER () FROM inbound
WHERE parked = 1 AND ((raw_ref >= $1 AND raw_ref < $2) OR (carried_ref >= $1 AND carried_ref < $2))
"""
_FIRST = f" ORDER BY 2, 3, 1 LIMIT {_SHOWN}"
_ASIDE = "SELECT EXISTS (SELECT 1 FROM attempt_other WHERE ended < $1)"
_MOVED = """
SELECT coalesce(max(at), 0) FROM audit
WHERE kind = 'store.moved' AND convert_from(fields, 'UTF8')::jsonb ->> 'origin' IS DISTINCT FROM 'shared'
"""


@dataclass(frozen=True, slots=True)
class Partition:
    """A month of a table, with the numbers it holds, from `low` to below `high`."""

    name: str
    table: str
    low: int
    high: int

    @property
    def month(self) -> str:
        """The month as it is written, `2024-01`."""
        return Retired(self.table, self.low, self.high).month


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a partition stays: `code` of what needs it, how many there are, the first few of them."""

    partition: Partition
    code: str
    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """A partition that went, or would go, and how many rows stood in it."""

    partition: Partition
    rows: int


@dataclass(frozen=True, slots=True)
class Order:
    """Who orders it and why.

    `lanes` finds those whose messages a person still sees to (open repairs); it is asked at each look, also within the
    transaction of a drop.
    """

    actor: str
    reason: str
    lanes: Callable[[], Sequence[int]] = tuple


def wholly_before(session: Session, month: int) -> list[Partition]:
    """The partitions that lie wholly before a month since January 1970, attempts first, each table in its order.

    Without a lower bound are the default partition, and that of payloads from an embedded store: what stands there has no month.
    """
    limits = {"payload": month << MONTH_BITS, "attempt": first_of(month)}
    found = []
    for name, table, told in session.fetch(_PARTITIONS, ()):
        bounds = _BOUNDS.search(told)
        if bounds is not None and int(bounds[2]) <= limits[table]:
            found.append(Partition(name, table, int(bounds[1]), int(bounds[2])))
    return sorted(found, key=lambda part: (part.table, part.low))


class Retiring:
    """One run over the partitions before a month."""

    def __init__(self, session: Session, order: Order) -> None:
        self._session, self._order = session, order
        self._moved = int(session.fetch(_MOVED, ())[0][0])
        self._left: set[str] = set()  # tables of which an earlier month stays
        self._said: Retired | None = None  # by the last record we wrote, of which we may not know whether it stands

    def held(self, part: Partition) -> Hold | None:
        """What needs this partition; None where nothing does."""
        hold = self._older(part) or self._needed(part)
        if hold is not None:
            self._left.add(part.table)
        return hold

    def _older(self, part: Partition) -> Hold | None:
        """What forbids attempts of a month to go, whatever refers to them.

        Attempts of a message go from the first on, so that what is left never looks like all of it. Leaves of an embedded
        store do not say when an attempt ended (decision 0036), so nobody could tell those that went from those that were taken.
        """
        if part.table != "attempt":
            return None
        if part.low < self._moved:
            return Hold(part, "moved_house")
        aside = bool(self._session.fetch(_ASIDE, (part.high,))[0][0])  # what has no month of its own stays
        return Hold(part, "earlier_month") if aside or part.table in self._left else None

    def _needed(self, part: Partition) -> Hold | None:
        bounds: tuple[object, ...] = (part.low, part.high)
        asked: list[tuple[str, str, tuple[object, ...]]] = [
            ("open_messages", f"WITH needed AS ({_OPEN}) {_BY[part.table]}", bounds),
            ("open_repairs", f"WITH needed AS ({_OF_LANES}) {_BY[part.table]}", (*bounds, list(self._order.lanes()))),
        ]
        if part.table == "payload":
            asked.append(("parked_events", _PARKED, bounds))
        for code, sql, values in asked:
            if rows := self._session.fetch(sql + _FIRST, values):
                return Hold(part, code, int(rows[0][3]), tuple(f"{row[0]} ({row[1]}, {row[2]})" for row in rows))
        return None

    def rows(self, part: Partition) -> int:
        """How many rows stand in a partition."""
        return int(self._session.fetch(f"SELECT count(*) FROM {part.name}", ())[0][0])

    def let_go(
        self, engine: PostgresEngine, part: Partition, pause: Callable[[float], object], reach: Reach = never
    ) -> Gone | Hold | None:
        """Drop a partition, unless something needs it (again) or the table is in use all the time; None: it was gone.

        `engine` writes over the session of this run. Where the answer to a commit was lost the next turn finds out what it
        came to. Raises what keeps failing for another reason than that somebody has the table.
        """
        rows, left = self.rows(part), self._shelved(part)
        failed: BaseException | None = None
        passing: tuple[type[BaseException], ...] = (JournalUnavailable, *engine.failures, *engine.clashes)
        for turn in range(_TRIES):
            if turn:
                pause(_PAUSE_S)
            try:
                return self._drop(engine, part, (rows, left), reach)
            except passing as error:
                failed = error
                with suppress(*engine.failures):
                    engine.rollback()
        if failed is not None and not isinstance(failed, BUSY):
            raise failed
        self._left.add(part.table)
        return Hold(part, "busy")

    def _shelved(self, part: Partition) -> list[str]:
        """What rows of a store that came from an embedded one have beside the table (`shelf`): it goes with them."""
        if part.table != "payload":
            return []
        return [name for (name,) in self._session.fetch(f"SELECT file FROM {part.name} WHERE file IS NOT NULL", ())]

    def _drop(
        self, engine: PostgresEngine, part: Partition, stood: tuple[int, Sequence[str]], reach: Reach
    ) -> Gone | Hold | None:
        session, sql = self._session, statements()
        engine.begin()
        session.fetch("SELECT set_config('lock_timeout', $1, true)", (_BRIEFLY,))
        session.fetch(sql["shared.alone"], (TABLES,))
        session.fetch("SELECT pg_advisory_xact_lock($1)", (RETIRING,))
        hold = self.held(part) if (here := there(session, sql, part.name)) else self._ours(engine, part)
        if hold is not None or not here:
            engine.rollback()
            return hold
        rows, left = stood
        self._say(engine, part, rows)
        if left:
            session.fetch("DELETE FROM shelf WHERE name = ANY ($1::text[])", (list(left),))
        session.run(f"DROP TABLE {part.name}")
        reach("retire.before_commit")
        engine.commit()
        reach("retire.after_commit")
        return Gone(part, rows)

    def _ours(self, engine: PostgresEngine, part: Partition) -> Gone | None:
        """A partition that is not there any more, if it went by the record that this run wrote."""
        known = reading.record(engine.books(), RecordKey(RETIRED, place(part.table, part.low)))
        said = None if known is None else read(known.state)
        return None if said is None or said != self._said else Gone(part, said.rows)

    def _say(self, engine: PostgresEngine, part: Partition, rows: int) -> None:
        """The record, and its row of the trail, bound by a leaf."""
        books, order = engine.books(), self._order
        books.what = "retire"
        key = RecordKey(RETIRED, place(part.table, part.low))
        known = reading.record(books, key)
        state = Retired(part.table, part.low, part.high, books.now, rows, order.actor, order.reason)
        version = 1 if known is None else known.version + 1
        books.run("record.put", key.kind, key.id, version, encode(state), None, "")
        self._said = state
        told = {"table": part.table, "month": part.month, "rows": rows, "reason": order.reason}
        books.audit(AuditWrite(AUDIT, order.actor, "", "", encode_sorted(told)))
        books.end()
        engine.finish()


def all_of(retiring: Retiring, parts: Iterable[Partition]) -> tuple[list[Gone], list[Hold]]:
    """What would go and what stays, as it stands now; nothing is changed."""
    gone, kept = [], []
    for part in parts:
        hold = retiring.held(part)
        if hold is None:
            gone.append(Gone(part, retiring.rows(part)))
        else:
            kept.append(hold)
    return gone, kept
