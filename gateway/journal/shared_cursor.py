"""The cursor of a shared store: what was foreseen, what is changed at hand, what travels together, what was seen of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from gateway.journal.at_hand import AtHand, carried, shown
from gateway.journal.books import Found, Row
from gateway.journal.dialect import Shape, shape
from gateway.journal.foreseen import FORESEEN, Foreseen, places
from gateway.journal.writer import Read


class Session(Protocol):
    """One connection that blocks the thread it is used in; raises `failures`, `clashes` or `faults` of its engine."""

    def ensure(self) -> bool:
        """Be connected; True when the connection is a new one."""
        ...

    def renewed(self) -> bool:
        """Whether the connection is another one than when this was asked last."""
        ...

    def begin(self) -> None:
        """Start a transaction, on a new connection where the one at hand turns out to be gone."""
        ...

    def commit(self) -> bool:
        """End the transaction; True where the server gave no warning beside its success."""
        ...

    def run(self, sql: str) -> None:
        """Run a statement without values."""
        ...

    def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """The rows that a statement hands back."""
        ...

    def many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """One statement for many rows, in one go."""
        ...

    def drop(self) -> None:
        """Let go of the connection, whatever it is doing."""
        ...


class Rows:
    """Rows that were found."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self._rows = rows
        self._at = 0

    def fetchone(self) -> Row | None:
        """The next row, None after the last."""
        self._at += 1
        return self._rows[self._at - 1] if self._at <= len(self._rows) else None

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return list(self._rows[self._at :])


_LANES = frozenset({"lane.get", "claim.due", "claim.expired", "claim.pressing"})
_HELD = ("lane", "msg")
_NOTHING = Rows()
READ_BEFORE: Mapping[str, str] = {"record.put": "record.get", "accept.sequence": "accept.last_sequence"}
"""Insertions that wait for the end of a group, and the reads that know how often those rows were written over."""
HELD_BEFORE: Mapping[str, str] = {"record.put": "record.held"}
"""The same read where it holds the row as well; numbers of sources are held with their dossier."""
_COUNTED = frozenset(READ_BEFORE.values())
_ANYBODY = object()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a statement: its name, what it touches, which of its values tell whose rows (None: anybody's)."""

    name: str
    shape: Shape
    places: tuple[int, ...] | None
    foreseen: bool

    def whose(self, values: Sequence[object]) -> tuple[object, ...] | None:
        """Whose rows it reads or writes with these values."""
        return None if self.places is None else tuple([values[n] for n in self.places])


@cache
def _plan(name: str, sql: str) -> _Plan:
    known = shape(sql)
    return _Plan(name, known, places(name), not FORESEEN.isdisjoint(known.tables))


class SharedCursor:
    """Runs statements. Insertions wait until somebody reads their table, or until `flush`.

    A record is written only while it still stands as it was seen in this transaction (`as_it_was_seen` in SQL); `revision`
    says how that is known.
    """

    def __init__(self, session: Session, sql: Mapping[str, str]) -> None:
        self._session, self._sql = session, sql
        self._plans = {text: _plan(name, text) for name, text in sql.items()}
        self._waiting: dict[str, list[Sequence[object]]] = {}
        self._whose: dict[str, set[object]] = {}  # whose rows wait, by table; `_ANYBODY` where a statement does not say
        self._seen: dict[tuple[object, ...], Row | None] = {}
        self.foreseen = Foreseen(sql)
        self.hand = AtHand()
        self.changes = 0

    def execute(self, statements: str, bindings: Sequence[object] = ()) -> Found:
        """Run a statement with positional values."""
        plan = self._plans[statements]
        if plan.shape.writes:
            return self._write(statements, bindings, plan)
        rows = self.hand.found(plan.name, bindings)
        if rows is None:
            rows = self.foreseen.rows(plan.name, bindings)
        if rows is None:
            rows = self._ask(statements, bindings, plan)
        if plan.name in _COUNTED:
            self._seen[plan.name, *bindings] = rows[0] if rows else None
        return Rows(rows)

    def _write(self, sql: str, values: Sequence[object], plan: _Plan) -> Rows:
        """A row at hand is changed there, an insertion waits, and everything else is done at once."""
        self.changes += 1
        whose = plan.whose(values)
        if plan.foreseen:
            self.foreseen.written(plan.shape.tables, whose)
        changed = self.hand.change(plan.name, values)
        if changed is not None:
            self._note(plan.shape.tables, whose)
            return Rows((changed,))
        if not plan.shape.late:
            return Rows(self._ask(sql, values, plan))
        self._inserted(plan.name, values)
        if plan.name in READ_BEFORE:
            self._keep(READ_BEFORE[plan.name], tuple(values[:2]), tuple(values[2:]))
        self._waiting.setdefault(sql, []).append(values)
        self._note(plan.shape.tables, whose)
        return _NOTHING

    def _ask(self, sql: str, values: Sequence[object], plan: _Plan) -> list[Row]:
        if self._meets(plan.shape.tables, plan.whose(values)):
            self.flush(plan.shape.tables)
        return self._held(plan, self._fetch(sql, values))

    def soon(self, reads: Sequence[Read]) -> None:
        """Find what the claims of a group are about to read, with their messages at hand from then on."""
        if not reads:
            return
        self.flush(frozenset({"msg", "payload"}))
        try:
            self.foreseen.look(self._session, reads)
        except BaseException:
            self.changes += 1
            raise
        for name, values in reads:
            found = self.foreseen.at_hand((name, values))
            found[:] = self._claimed(found)

    def _held(self, plan: _Plan, rows: list[Row]) -> list[Row]:
        """What the database handed back of lanes and messages that this transaction holds is at hand from now on."""
        if plan.name in _LANES:
            for row in rows:
                self.hand.keep("lane", row)
            return [shown(row) for row in rows]
        if plan.name == "claim.messages":
            return self._claimed(rows)
        if rows and plan.shape.written in _HELD:
            self.hand.refresh(plan.shape.written, rows)
        return rows

    def _claimed(self, rows: Sequence[Row]) -> list[Row]:
        for row in rows:
            self.hand.keep("msg", row)
        return [carried(row) for row in rows]

    def _inserted(self, name: str, values: Sequence[object]) -> None:
        if name == "lane.new":
            self.hand.keep("lane", (*values, 0))  # never written over
        elif name == "msg.new":
            self.hand.keep("msg", (*values, 0))
        elif name == "settle.attempt":
            self.hand.count(*values[:3])  # type: ignore[arg-type]  # lane, message and number of the attempt

    def flush(self, tables: frozenset[str] | None = None) -> None:
        """Send what waits for these tables, or everything."""
        going = [sql for sql in self._waiting if tables is None or not tables.isdisjoint(self._plans[sql].shape.tables)]
        try:
            for sql in going:
                self._session.many(sql, self._waiting.pop(sql))
            for table in _HELD:
                if (tables is None or table in tables) and (changed := self.hand.changed(table)) is not None:
                    self._session.fetch(*changed)
        except BaseException:
            self.changes += 1
            raise
        for table in self._whose.keys() if tables is None else tables:
            self._whose[table] = set()

    def _note(self, tables: frozenset[str], whose: tuple[object, ...] | None) -> None:
        for table in tables:
            self._whose.setdefault(table, set()).update((_ANYBODY,) if whose is None else whose)

    def _meets(self, tables: frozenset[str], whose: tuple[object, ...] | None) -> bool:
        """Whether a statement may touch rows that wait."""
        waiting = [names for table in tables if (names := self._whose.get(table))]
        return any(whose is None or _ANYBODY in names or not names.isdisjoint(whose) for names in waiting)

    def forget(self) -> None:
        """Nothing of the last transaction counts any more."""
        self._waiting, self._whose, self._seen = {}, {}, {}
        self.foreseen.clear()
        self.hand.clear()

    def _fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        try:
            return self._session.fetch(sql, values)
        except BaseException:
            self.changes += 1  # an error ends the transaction here, whatever the operation makes of it
            raise

    def revision(self, put: str, *key: object) -> int:
        """How often the row that `put` puts was written over, as it was seen in this transaction or stands now; -1: none."""
        read = READ_BEFORE[put]
        if (read, *key) not in self._seen:
            # Written without a look at it before: it is held from here on, so that no other node makes this one run again.
            rows = self.execute(self._sql[HELD_BEFORE.get(put, read)], key).fetchall()
            self._seen[read, *key] = rows[0] if rows else None
        row = self._seen[read, *key]
        return -1 if row is None else int(row[-1])

    def _keep(self, read: str, key: tuple[object, ...], row: Row) -> None:
        """A row is put: over what was seen of it, which the statement itself sees to; from here on it stands so."""
        self._seen[read, *key] = row
        self.foreseen.keep(read, key, [row])
