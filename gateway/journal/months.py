"""Partitions of months, made beside whoever reads the whole table: a dump or an examination must not stop every node.

A new partition needs its table for itself, and the server reads the whole default partition meanwhile. While it waits behind a
long reader, and while that is read, everybody else waits behind it; so all of it gets no longer than hardly anybody notices, is
given up, and tried again later. A month is made long before its first row is written. What came from an embedded store has a
partition of its own, so in the default one stands only what no month was made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.clock import from_micros
from gateway.journal.retired import MONTH_BITS
from gateway.journal.shared_cursor import Session

TABLES = 0x74746863
"""The lock under which one node at a time changes the tables."""
RETIRING = TABLES + 1
"""The lock under which a partition is looked through and dropped: whoever names an old payload shares it."""
STAY = "LOCK TABLE attempt, payload IN ACCESS SHARE MODE"
"""First of all: then no partition goes from under a long look."""
LATER = 600_000_000
"""After so many µs a node tries again to make what it could not."""
_WAIT_MS = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How often the table is waited for (200 ms each), and after how many ms in all a partition is given up."""

    tries: int
    most_ms: int


NODE = Patience(1, 500)
"""Of a node, that has four partitions to make in one transaction."""
PATIENT = Patience(5, 3_000)
"""Of `gateway migrate`: one partition to a transaction, well below the time after which a node gives up a lock."""


def month(micros: int) -> int:
    """Months since January 1970."""
    moment = from_micros(micros)
    return (moment.year - 1970) * 12 + moment.month - 1


def first_of(number: int) -> int:
    """When a month begins, in µs since 1970 UTC."""
    return (date(1970 + number // 12, number % 12 + 1, 1) - date(1970, 1, 1)).days * 86_400_000_000


def partitions(number: int) -> Iterator[tuple[str, str]]:
    """The partitions of a month: name and statement."""
    bounds = {
        "payload": (number << MONTH_BITS, number + 1 << MONTH_BITS),
        "attempt": (first_of(number), first_of(number + 1)),
    }
    for table, (low, high) in bounds.items():
        name = f"{table}_{1970 + number // 12}_{number % 12 + 1:02d}"
        yield name, f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ({low}) TO ({high})"


def make(
    session: Session, sql: Mapping[str, str], wanted: Iterable[tuple[str, str]], patience: Patience = NODE
) -> list[str]:
    """Make those tables of `wanted` (name, statement) that are not there, in the transaction at hand; which they were.

    What is not there afterwards was in use all the time, or has rows already, which then stay in the default partition, or
    that one has more rows than are read in time.
    """
    made = []
    for name, statement in wanted:
        if there(session, sql, name):
            continue
        # By itself: it counts for the statements after it.
        session.run(f"SET LOCAL statement_timeout = {patience.most_ms}")
        session.run(_briefly(statement, patience.tries))
        session.run("SET LOCAL statement_timeout TO DEFAULT")
        if there(session, sql, name):
            made.append(name)
    return made


def there(session: Session, sql: Mapping[str, str], table: str) -> bool:
    """Whether a table is there."""
    return bool(session.fetch(sql["shared.there"], (table,))[0][0])


def _briefly(statement: str, tries: int) -> str:
    """A statement that changes nothing where it would have to wait or read for long, or where rows are in its way."""
    return (
        f"DO $$ BEGIN SET LOCAL lock_timeout = {_WAIT_MS}; FOR n IN 1..{tries} LOOP "
        f"BEGIN {statement}; EXIT; EXCEPTION WHEN lock_not_available THEN NULL; END; END LOOP; "
        "EXCEPTION WHEN check_violation OR query_canceled THEN NULL; END $$"
    )
