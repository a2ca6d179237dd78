"""What an operation of the shared store may touch inside its transaction: counters that no two nodes share, counted rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.errors import JournalUnavailable
from gateway.journal.books import Books, Counters
from gateway.journal.bound import SHARED
from gateway.journal.months import RETIRING, month
from gateway.journal.retired import MONTH_BITS
from gateway.journal.shared_cursor import READ_BEFORE, SharedCursor
from gateway.journal.writer import Read

POSITION_BITS = 16
POSITION_BASE = "position_base"  # the cursor with what is added to this server's transaction numbers
LEAP = 1 << 28  # transactions: at a hundred in a second those of a month, at a thousand those of three days
_BLOCK = 1_024  # payload references that one call takes from the sequence


@dataclass(slots=True)
class SharedCounters(Counters):
    """Counters that no other node can hold the same numbers of. `number` asks for that of the transaction, `block` for a block
    of payload references; `day` is the time in µs that decides in which month they are kept."""

    number: Callable[[], int] = field(kw_only=True)
    block: Callable[[], int] = field(kw_only=True)
    day: Callable[[], int] = field(kw_only=True)

    def next_position(self) -> int:
        """The transaction's number and a counter within it; raises `JournalUnavailable` when that is used up."""
        if not self.position:
            self.position = self.number() << POSITION_BITS
        self.position += 1
        if not self.position & (1 << POSITION_BITS) - 1:
            raise JournalUnavailable(retry_after_s=1)
        return self.position

    def next_payload_ref(self) -> int:
        """The month and a number of the block at hand."""
        self.payload_ref += 1
        if (self.payload_ref - 1) % _BLOCK == 0:
            self.payload_ref = self.block()
        return month(self.day()) << MONTH_BITS | self.payload_ref

    def copy(self) -> SharedCounters:
        """The same, independent of what comes."""
        kept = self.position, self.payload_ref, self.leaf_n, self.head, dict(self.moved), list(self.new_keys)
        return SharedCounters(*kept, number=self.number, block=self.block, day=self.day)


class SharedBooks(Books):
    """The books of an operation in a shared store. With `settled` what it wrote is sent before it is over, not with the group."""

    tables = SHARED
    settled: Callable[[], None] | None = None
    _shared = True
    _cursor: SharedCursor

    def run(self, name: str, *values: object) -> None:
        """See `Books.run`; a record says how often it was written over, a source's number too; a node, which chain is its own.

        Whether that is the newest of the node still is asked for readiness.
        """
        if name in READ_BEFORE:
            values = (*values, self._cursor.revision(name, *values[:2]) + 1)
        elif name == "open.node":
            super().run("open.chain", self.author.node, self.author.writer)
        elif name == "ready.beat":
            values = (self.author.node, self.author.writer)
        super().run(name, *values)

    def lone_position(self) -> int:
        """A position; it needs no place of its own, because the next transaction has a higher number."""
        return self.next_position()

    def name_again(self, ref: int) -> None:
        """See `Books.name_again`; one of this month or the last is never dropped, so nothing is asked about it.

        Until the end of this transaction nobody drops the partition of an older one.
        """
        if ref >> MONTH_BITS >= month(self.author.now()) - 1:
            return
        self._cursor.execute(self._sql["shared.naming"], (RETIRING,))
        super().name_again(ref)

    def leap(self) -> None:
        """See `Books.leap`: the base of this server's numbers is raised.

        Whoever has taken a number under the old base ends first, and the next is taken under the new one: every transaction
        that takes a number reads this table, and holds it to its end.
        """
        self._cursor.execute(self._sql["shared.halt"])
        self.raise_base(LEAP)
        self.counters.position = 0

    def raise_base(self, by: int) -> None:
        """Add to the numbers of this server's transactions; sent at once, because the next number is asked with it."""
        row = self.one("cursor.get", POSITION_BASE)
        self.run("cursor.put", POSITION_BASE, str(by + (0 if row is None else int(row[0]))))
        self._cursor.flush()

    def soon(self, reads: Sequence[Read]) -> None:
        """See `Pages.soon`: one statement finds all of it."""
        self._cursor.soon(reads)

    def end(self) -> None:
        """See `Books.end`."""
        super().end()
        if self.settled is not None:
            self.settled()
