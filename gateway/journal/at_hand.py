"""The lanes and messages that a transaction of the shared store holds: changed here, and sent together at its end.

A lane is at hand only while this transaction has it locked, and a message only with its lane, so nobody else changes them.
What is not at hand is asked of the database as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter

from gateway.journal.books import Row
from gateway.journal.effects import LANE, MESSAGE, ON_LANES, ON_MESSAGES, Columns, Effect, ended
from gateway.journal.model import DeliveryState


def _named(columns: str) -> tuple[str, ...]:
    return tuple(columns.split())


def _picker(columns: str) -> Callable[[Columns], Row]:
    return itemgetter(*columns.split())


_TABLES: Mapping[str, tuple[tuple[str, ...], int]] = {"lane": (LANE, 1), "msg": (MESSAGE, 2)}
_SHOWN = _picker("lane_id upstream dossier next_seq head_seq due lease_until epoch block_reason hold_reason memory")
_HEAD = _picker("seq state kind accepted_at hold_reason delivery_id doubtful")
_CLAIMED = _picker("seq prior doubtful delivery_id state")
_CARRIED = _picker(
    "seq delivery_id source key kind state doubtful attempts unsettled accepted_at first_attempt_at payload_ref"
)
_FIXED = frozenset(
    _named("lane_id upstream dossier seq delivery_id source key kind copy req_hash payload_ref accepted_at")
)
_TEXT = frozenset(_named("owner block_reason hold_reason memory supersede_class state prior"))


def shown(row: Row) -> Row:
    """What the operations see of a lane's row (`journal.lanes.Lane`)."""
    return _SHOWN(dict(zip(LANE, row, strict=True)))


def carried(row: Row) -> Row:
    """What a claim sees of a message's row that was found with its payload."""
    return *_CARRIED(dict(zip(MESSAGE, row, strict=False))), *row[len(MESSAGE) :]


class AtHand:
    """The rows of one transaction. An absent lane is known as None: its dossier is held, so nobody makes it meanwhile."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[object, ...], Columns | None]] = {"lane": {}, "msg": {}}
        self._changed: dict[str, dict[tuple[object, ...], None]] = {"lane": {}, "msg": {}}
        self._attempts: dict[tuple[object, ...], int] = {}

    def clear(self) -> None:
        """Another transaction begins."""
        for table in _TABLES:
            self._rows[table].clear()
            self._changed[table].clear()
        self._attempts.clear()

    def keep(self, table: str, row: Row) -> None:
        """Have a row at hand, as it stands in the database or as it is about to be inserted."""
        columns, key = _TABLES[table]
        self._rows[table][tuple(row[:key])] = dict(zip(columns, row, strict=False))

    def refresh(self, table: str, rows: Iterable[Row]) -> None:
        """The database changed rows itself, and says what they are now."""
        _, key = _TABLES[table]
        for row in rows:
            if tuple(row[:key]) in self._rows[table]:
                self.keep(table, row)

    def miss(self, lane: int) -> None:
        """This lane does not exist."""
        self._rows["lane"].setdefault((lane,), None)

    def count(self, lane: int, seq: int, attempts: int) -> None:
        """So many attempts of a message are written."""
        self._attempts[lane, seq] = attempts

    def change(self, name: str, values: Sequence[object]) -> Row | None:
        """The row as a statement leaves it; None when the statement is not known here, or its row not at hand."""
        effect, table = _effect(name)
        if effect is None:
            return None
        _, key = _TABLES[table]
        at = tuple(values[:key])
        row = self._rows[table].get(at)
        if row is None:
            return None
        row.update(effect(row, values))
        row["rev"] += 1
        self._changed[table][at] = None
        return tuple(row.values())

    def found(self, name: str, values: Sequence[object]) -> list[Row] | None:
        """The rows that a statement would find, where everything that it looks at is at hand."""
        if name == "lane.get":
            return self._lane(values)
        if name == "lane.head":
            return self._head(values)
        if name == "settle.claimed":
            return self._sending(values)
        if name == "settle.last_attempt" and tuple(values) in self._attempts:
            return [(self._attempts[tuple(values)],)]
        return None

    def _lane(self, values: Sequence[object]) -> list[Row] | None:
        at = tuple(values)
        if at not in self._rows["lane"]:
            return None
        row = self._rows["lane"][at]
        return [] if row is None else [_SHOWN(row)]

    def _from(self, lane: object, seq: object) -> Iterator[Columns | None]:
        """The messages of a lane from one on; None where one is not at hand. Their numbers have no holes."""
        row = self._rows["lane"].get((lane,))
        if row is None:
            yield None
            return
        assert isinstance(seq, int)
        for number in range(seq, row["next_seq"]):
            yield self._rows["msg"].get((lane, number))

    def _head(self, values: Sequence[object]) -> list[Row] | None:
        for message in self._from(*values):
            if message is None:
                return None
            if not ended(message["state"]):
                return [_HEAD(message)]
        return []

    def _sending(self, values: Sequence[object]) -> list[Row] | None:
        """Up to the first that is not under way: nobody reads on (`journal.settling`)."""
        run: list[Row] = []
        for message in self._from(*values):
            if message is None:
                return None
            run.append(_CLAIMED(message))
            if message["state"] != DeliveryState.SENDING:
                break
        return run

    def changed(self, table: str) -> tuple[str, list[list[object]]] | None:
        """The statement that brings the changed rows of a table into the database, and its values; they count as sent."""
        keys = self._changed[table]
        if not keys:
            return None
        rows = [row for at in keys if (row := self._rows[table][at]) is not None]
        keys.clear()
        return _statement(table), [[row[name] for row in rows] for name in sent_columns(table)]


def _effect(name: str) -> tuple[Effect | None, str]:
    if name in ON_LANES:
        return ON_LANES[name], "lane"
    return ON_MESSAGES.get(name), "msg"


def sent_columns(table: str) -> tuple[str, ...]:
    """The key of a table, and the columns that may change."""
    columns, key = _TABLES[table]
    return *columns[:key], *(name for name in columns[key:] if name not in _FIXED)


@cache
def _statement(table: str) -> str:
    """One statement that sets what may change of many rows of a table."""
    names, (_, key) = sent_columns(table), _TABLES[table]
    arrays = ", ".join(f"${n}::{'text' if name in _TEXT else 'bigint'}[]" for n, name in enumerate(names, 1))
    taken = ", ".join(f"{name} = k.{name}" for name in names[key:])
    where = " AND ".join(f"t.{name} = k.{name}" for name in names[:key])
    return f"UPDATE {table} t SET {taken} FROM unnest({arrays}) AS k ({', '.join(names)}) WHERE {where}"
