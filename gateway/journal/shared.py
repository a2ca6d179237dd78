"""The shared store's transaction: who writes holds what it touches, knows which server answers, and sends in bulk.

What several nodes may do at once, and why nothing is lost between them: decision 0028.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence

from gateway.journal import months, opening, restoring
from gateway.journal.books import Author, Row, Vault
from gateway.journal.lanes import lane_id
from gateway.journal.months import TABLES, month, partitions
from gateway.journal.replication import Standby
from gateway.journal.shared_books import POSITION_BITS, SharedBooks, SharedCounters
from gateway.journal.shared_cursor import Session, SharedCursor
from gateway.journal.writer import Ahead

_LOG = logging.getLogger("gateway.journal")


class SharedEngine:
    """The writer's session and the state of its transaction (`journal.writer.Engine`)."""

    def __init__(self, session: Session, sql: Mapping[str, str], scope: tuple[Vault, Author]) -> None:
        self.failures: tuple[type[BaseException], ...] = ()
        self.faults: tuple[type[BaseException], ...] = ()
        self.clashes: tuple[type[BaseException], ...] = ()
        self._session, self._sql, self._scope = session, sql, scope
        self._cursor, self._standby = SharedCursor(session, sql), Standby(session, sql)
        self._counters = SharedCounters(
            0, 0, 0, b"", number=self._number, block=self._block, day=lambda: self._scope[1].now()
        )
        self._kept = self._counters
        self._open = False
        self._unsure = False
        self._met = True  # False: the connection is a new one, and who answers there was not looked at yet
        self._lost = (
            False  # a commit of this start is gone, and no transaction that looked into it has been committed yet
        )
        self.before: frozenset[str] = frozenset()  # chains of our node that stood when this start opened its own
        self._sure = 0  # leaves of this start up to the last commit that was known to stand
        self._found = self._here = ""  # the server that was asked last, and that of the last commit
        self._careful = False  # the group failed before: this time each operation answers for its own rows
        self._months: set[int] = set()
        self._tried = 0  # when partitions were last tried in a quiet moment, in µs
        self.replicated = False  # with True nothing is taken on unless a commit waits for a standby
        self.doubted: restoring.Doubted | None = None
        self.may_make_tables = True  # otherwise `gateway migrate` makes partitions, as another user
        self.tell_known: Callable[[], None] = lambda: None  # says in our row how far this program knows the steps
        self._upstreams: set[str] = set()  # those that lanes were seen of: a dossier that is held has no others of them

    @property
    def cursor(self) -> SharedCursor:
        """The transaction's cursor."""
        return self._cursor

    def begin(self, ahead: Sequence[Ahead] = ()) -> None:
        """Start a transaction that holds what it is about: dossiers in the order of their numbers, then lanes."""
        self._counters.position = 0
        self._kept = self._counters.copy()
        self._cursor.forget()
        self._session.begin()
        self._open = True
        self._met = not self._session.renewed() and self._met
        if not self._met:
            self._meet()
        about = {name for one in ahead for name in one.about}
        dossiers = [name for name in about if isinstance(name, str)]
        lanes = [number for number in about if isinstance(number, int)]
        if dossiers:
            self._session.fetch(self._sql["shared.dossiers"], (sorted({_name(code) for code in dossiers}),))
        if about:
            self._hold_lanes(dossiers, lanes)
        if self.replicated and not self._counters.position:  # a doubt may have taken a number already
            # Also a group that only repeats a receipt: its commit waits for the standby, so what it repeats is there as well.
            self._counters.position = self._number() << POSITION_BITS
        if self._unsure:
            self._find_head()
        self._cursor.foreseen.look(self._session, (read for one in ahead for read in one.reads))

    def _hold_lanes(self, dossiers: list[str], lanes: list[int]) -> None:
        """Lock the lanes, and have at hand what a settlement reads of them."""
        hand, settled = self._cursor.hand, set(lanes)
        heads: list[Row] = []
        for row in self._session.fetch(self._sql["shared.lanes"], (dossiers, lanes)):
            hand.keep("lane", row)
            self._upstreams.add(row[1])
            if row[0] in settled:
                heads.append((row[0], row[4]))
        for dossier in dossiers:
            for upstream in self._upstreams:
                hand.miss(lane_id(upstream, dossier))
        if heads:
            asked = [list(column) for column in zip(*heads, strict=True)]
            for row in self._session.fetch(self._sql["shared.messages"], asked):
                hand.keep("msg", row[:-1])
                if row[-1] is not None:
                    hand.count(row[0], row[1], row[-1])

    def books(self) -> SharedBooks:
        """The books for one operation."""
        vault, author = self._scope
        books = SharedBooks((self._cursor, self._sql, vault), author, self._counters)
        if self._careful:
            books.settled = self._cursor.flush
        return books

    def changes(self) -> int:
        """Writes and failed statements so far."""
        return self._cursor.changes

    def finish(self) -> None:
        """Send what waits, and bring this node's tally up to date."""
        node = self._scope[1].node
        for (upstream, state), n in sorted(self._counters.moved.items()):
            self._upstreams.add(upstream)
            if n:
                self._cursor.execute(self._sql["tally.add"], (node, upstream, state, n))
        self._counters.moved.clear()
        self._cursor.flush()

    def commit(self) -> None:
        """Make it durable. When the answer is lost, what is stored is found out before the next transaction."""
        try:
            quiet = self._session.commit()
            if self.replicated:
                self._open = False  # over, whatever is thought of it now
                self._standby.confirm(quiet=quiet)
        except BaseException:
            self._unsure = True
            self._scope[0].shelf.keep()
            raise
        self._open = self._careful = self._lost = False
        self._sure = self._counters.leaf_n
        self._met, self._here = True, self._found
        self._scope[0].shelf.keep()
        self._counters.new_keys.clear()

    def rollback(self) -> None:
        """Undo; a connection that cannot even do that is dropped, which undoes it as well."""
        self._scope[0].keys.forget(self._counters.new_keys)
        block = self._counters.payload_ref
        self._counters = self._kept.copy()
        self._counters.payload_ref = max(block, self._counters.payload_ref)
        self._cursor.forget()
        self._careful = True
        self._scope[0].shelf.discard()
        if self._open:
            self._open = False
            try:
                self._session.run("ROLLBACK")
            except BaseException:
                self._session.drop()
                raise

    def tidy(self, *, idle: bool) -> None:
        """See to the partitions of this month and the next in a quiet moment."""
        now = self._scope[1].now()
        if (
            idle
            and self.may_make_tables
            and month(now) + 1 not in self._months
            and abs(now - self._tried) >= months.LATER
        ):
            self._tried = now
            self.make_partitions()

    def make_partitions(self) -> None:
        """A partition of payloads and attempts for this month and the next; one node at a time makes what is missing.

        What cannot be made now, because somebody reads the whole table, is tried again later (`journal.months`).
        """
        this = month(self._scope[1].now())
        wanted = [partition for number in (this, this + 1) for partition in partitions(number)]
        try:
            self._session.begin()
            self._session.fetch(self._sql["shared.alone"], (TABLES,))
            months.make(self._session, self._sql, wanted)
            left = [name for name, _ in wanted if not months.there(self._session, self._sql, name)]
            self._session.run("COMMIT")
        except BaseException:
            self._session.drop()  # nothing stays half done; the next transaction connects anew
            raise
        if left:
            _LOG.warning("partitions could not be made now: %s", ", ".join(left))
        else:
            self._months |= {this, this + 1}

    def close(self) -> None:
        """Let go of the connection."""
        self._session.drop()

    def _meet(self) -> None:
        """Look who answers on a new connection: a standby that was promoted may lack what was committed (4.8).

        Then what stands open may have been sent in the time that is lost, by whatever node, and comes into doubt before
        anything is claimed: the first node that meets another server does that for all, the others wait for it here. Where
        each commit waited for a standby nothing can be lost that anybody acted upon, unless a commit of our own is gone that
        was known to stand. What readers saw of one whose wait was broken off can be lost there too: the numbers leap over it.
        """
        self._session.fetch(self._sql["shared.alone"], (TABLES,))
        # With a key that this server never stored nothing may be sealed: nobody else has it.
        self._scope[0].keys.clear()
        self._months.clear()
        self._counters.payload_ref = 0  # numbers of a block that this server never gave it may give another node
        before = self._sure if self.replicated else self._counters.leaf_n
        here = self.server()  # first of all: a standby that lags behind refuses this, and tells nothing of what is lost
        self._find_head()
        self._lost = self._lost or self._counters.leaf_n < before
        if not self._counters.leaf_n:
            self._open_anew()
        books = self.books()
        books.what = "server"
        row = books.one("cursor.get", restoring.DOUBTED_ON)
        done = here != self._here and row is not None and row[0] == here
        changed = restoring.server_changed(books, here)
        if not done and (self._lost or (changed and not self.replicated)):
            restoring.doubt(books, restoring.Restored("failover", books.now, server=here), self._cursor.flush)
        elif changed:
            books.leap()
        books.end()

    def _open_anew(self) -> None:
        """Begin our chain once more: this server is of a moment before our start, so all of it is gone, the opening too.

        What was lost with it comes into doubt in this same transaction: another start would not know of it. A later start of our
        node that opened here meanwhile stays the newest, and we are refused as ever (`leaf.put`); it holds the lock for tables
        while it opens, as we do.
        """
        rows = self._session.fetch(self._sql["shared.newest"], (self._scope[1].node,))
        if not rows or rows[0][0] in self.before:
            opening.begin_chain(self.books())
            self._cursor.flush()
            self.tell_known()

    def _find_head(self) -> None:
        """Where this start's chain stands: a commit whose answer was lost may have happened."""
        rows = self._session.fetch(self._sql["shared.head"], (self._scope[1].writer,))
        n, head = rows[0] if rows else (0, b"")
        self._counters.leaf_n, self._counters.head = n, head
        self._kept = self._counters.copy()
        self._unsure = False

    def behind(self) -> int:
        """By how much the transactions of this server are numbered too low for the positions that stand; 0 as a rule.

        Asked before anything is written: a transaction that gets its number after the look lies above all it can see.
        """
        last = int(self._session.fetch(self._sql["open.last_position"], ())[0][0])
        return max((last >> POSITION_BITS) + 1 - self._number(), 0)

    def rebase(self, books: SharedBooks, behind: int) -> None:
        """Add to the numbers of this server's transactions: rows of another one have higher positions (a store that moved).

        While it is done no node may be at work; none is, for such a store has just been put here.
        """
        if behind:
            books.what = "rebase"
            books.raise_base(behind)
            books.end()

    def server(self) -> str:
        """Which server this is: its system identifier, and the timeline that it writes (a restore begins a new one)."""
        self._found = str(self._session.fetch(self._sql["shared.server"], ())[0][0])
        return self._found

    def _number(self) -> int:
        number, *standby = self._session.fetch(self._sql["shared.transaction"], ())[0]
        if self.replicated:
            self._standby.expect(tuple(standby))
        return int(number)

    def _block(self) -> int:
        return int(self._session.fetch(self._sql["shared.payloads"], ())[0][0])


def _name(dossier: str) -> int:
    """The number under which a dossier is locked: 64 bits of a hash of its code, signed."""
    return int.from_bytes(
        hashlib.blake2b(dossier.encode(errors="surrogatepass"), digest_size=8).digest(), "big", signed=True
    )
