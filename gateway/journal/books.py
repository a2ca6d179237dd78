"""What an operation may touch inside its transaction: named statements, sealing, positions, the evidence chain.

Nothing here knows which database it is; a driver hands in a cursor and its own statements.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.clock import to_micros
from gateway.errors import GatewayError
from gateway.journal import retired as old
from gateway.journal.bound import BOUND, Bound, written
from gateway.journal.model import AttemptWrite, AuditWrite, Chain, DeliveryState, Vouch
from gateway.journal.sealing import KeyRing, SealBroken, Shelf, Stored, bound, seal, unseal
from mappings.codec import decode, encode

Row = tuple[Any, ...]  # a row of SQL has no type of its own; each reader gives its columns theirs
DATA_KEY = "data_key"
DIGEST_BYTES = 32
LEAP = 1 << 40  # positions: more than any store of one process gives in its life
DENSE_FROM = "positions_before"  # the cursor with the position up to which numbers may have gaps (a move, a restore)
_MOST_PARTS = 10_000  # months of eight centuries
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MOST_ROWS = 2_048  # of one leaf: an operation that touches more (the clock was set back) makes several


class JournalFault(GatewayError):
    """Sổ giao nhận gặp một yêu cầu trái quy tắc; không có gì được ghi."""


class Found(Protocol):
    """The rows that a statement found."""

    def fetchone(self) -> Row | None:
        """The next row, None after the last."""
        ...

    def fetchall(self) -> list[Row]:
        """All rows."""
        ...


class Cursor(Protocol):
    """The one thing that a driver must be able to do."""

    def execute(self, statements: str, bindings: Sequence[object] = ()) -> Found:
        """Run a statement with positional values."""
        ...


@dataclass(frozen=True, slots=True)
class Vault:
    """How sealed values are kept: the keys, and the files for what is large."""

    keys: KeyRing
    shelf: Shelf


class Pages:
    """The books opened for reading."""

    def __init__(self, cursor: Cursor, sql: Mapping[str, str], vault: Vault) -> None:
        self._cursor = cursor
        self._sql = sql
        self._vault = vault
        self._last_dossier = ""
        self._last_key: AESGCM | None = None

    def one(self, name: str, *values: object) -> Row | None:
        """The first row of a named statement."""
        return self._cursor.execute(self._sql[name], values).fetchone()

    def rows(self, name: str, *values: object) -> list[Row]:
        """All rows of a named statement."""
        return self._cursor.execute(self._sql[name], values).fetchall()

    def each(self, name: str, *values: object) -> Iterator[Row]:
        """The rows of a named statement, read one by one; no other statement may run before the last that is wanted."""
        found = self._cursor.execute(self._sql[name], values)
        while (row := found.fetchone()) is not None:
            yield row

    def soon(self, reads: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """These statements are about to be run with these values: where a round trip counts, their rows are found together."""

    def opened(self, dossier: str, label: str, stored: Stored) -> bytes:
        """The plain bytes of a sealed value; raises `SealBroken`."""
        key = self._data_key(dossier)
        if key is None:
            raise SealBroken(SealBroken.__doc__)
        return unseal(key, self._shelved(stored), bound(label, dossier))

    def _shelved(self, stored: Stored) -> bytes:
        """The sealed bytes; a shared store has in a table what an embedded one kept in files. Raises `SealBroken`."""
        if stored.file is None or "shelf.get" not in self._sql:
            return self._vault.shelf.get(stored)
        row = self.one("shelf.get", stored.file)
        if row is None or hashlib.sha256(row[0]).hexdigest() != stored.file:
            raise SealBroken(SealBroken.__doc__)
        return bytes(row[0])

    def payload(self, ref: int) -> bytes:
        """The plain bytes of a payload; empty for reference 0, which means that there is none.

        Raises `SealBroken`, and `NoLongerKept` where its month was dropped by order.
        """
        if not ref:
            return b""
        row = self.one("payload.get", ref)
        if row is None:
            part = self.retired(ref)
            raise SealBroken(SealBroken.__doc__) if part is None else old.no_longer_kept(part)
        dossier, sealed, file = row
        return self.opened(dossier, f"payload/{ref}", Stored(sealed, file))

    def retired(self, ref: int) -> old.Retired | None:
        """The partition in which a payload stood, where it was dropped by order."""
        row = self.one("record.get", old.RETIRED, old.place_of_payload(ref))
        part = None if row is None else old.read(row[1] or b"")
        return part if part is not None and part.low <= ref < part.high else None

    def retired_parts(self, table: str) -> list[old.Retired]:
        """Every partition of a table that was dropped by order, the lowest first."""
        rows = self.rows("record.between", old.RETIRED, f"{table}/", f"{table}0", _MOST_PARTS)
        return sorted((old.read(row[2] or b"") for row in rows), key=lambda part: part.low)

    def _data_key(self, dossier: str) -> AESGCM | None:
        """The dossier's key; the one used last is at hand, for an operation mostly stays with one dossier."""
        if dossier == self._last_dossier and self._last_key is not None:
            return self._last_key
        key = self._vault.keys.cached(dossier) or self._unwrapped(dossier)
        self._last_dossier, self._last_key = dossier, key
        return key

    def _unwrapped(self, dossier: str) -> AESGCM | None:
        row = self.one("record.get", DATA_KEY, dossier)
        if row is None:
            return None
        wrapped = bytes.fromhex(decode(row[1], dict[str, str])["wrapped"])
        return self._vault.keys.unwrap(dossier, wrapped)


@dataclass(slots=True)
class Counters:
    """Where the writer's sequences stand; taken back with a transaction that did not commit."""

    position: int
    payload_ref: int
    leaf_n: int
    head: bytes
    moved: dict[tuple[str, str], int] = field(default_factory=dict)
    new_keys: list[str] = field(default_factory=list)

    def next_position(self) -> int:
        """The next position of the one sequence that audit rows and inbound events share."""
        self.position += 1
        return self.position

    def next_payload_ref(self) -> int:
        """The next reference of a payload."""
        self.payload_ref += 1
        return self.payload_ref

    def copy(self) -> Counters:
        """The same, independent of what comes."""
        return Counters(self.position, self.payload_ref, self.leaf_n, self.head, dict(self.moved), list(self.new_keys))


def unsigned(_statement: bytes) -> Mapping[str, str]:
    """Nobody signs."""
    return {}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the node, its evidence chain (`writer` = node/start id), how leaves are made, and the time in µs.

    `vouch` signs the record that opens the chain; empty: it stays unsigned.
    """

    node: str
    writer: str
    chain: Chain
    now: Callable[[], int]
    vouch: Vouch = unsigned


class Books(Pages):
    """The books opened for writing, for the length of one operation inside a transaction."""

    tables: Mapping[str, Bound] = BOUND
    _shared = False

    def __init__(self, pages: tuple[Cursor, Mapping[str, str], Vault], author: Author, counters: Counters) -> None:
        super().__init__(*pages)
        self.author = author
        self.counters = counters
        self.now = author.now()
        self.events: dict[tuple[str, str], tuple[bytes, int]] = {}  # digest and content of the events just written
        self.what = ""
        self.dossier = ""
        self._digests: list[bytes] = []
        self._names: list[tuple[object, ...]] = []

    def run(self, name: str, *values: object) -> None:
        """Run a named statement that changes something; what it wrote goes into the leaf of this operation."""
        sql = self._sql[name]
        found = self._cursor.execute(sql, values)
        writes = written(name, sql, self._shared)
        if writes is None:
            return
        for row in ((*values, *writes.more),) if writes.values else found.fetchall():
            self.register(writes.table, row)

    def register(self, table: Bound, row: Row) -> None:
        """Have the leaf of this operation cover a row as it stands now; its columns are those of `table`, in order."""
        # Before the row, never behind it: a receipt is registered right before the one leaf that it names.
        if len(self._names) >= MOST_ROWS:
            self.chain_leaf()
        # The digest of `row_digest`, made here without its call: an event writes about twenty rows.
        named = (table.name, *row)
        self._digests.append(hashlib.sha256(encode(named if not table.counts or row[-1] else named[:-1])).digest())
        name = named[: len(table.key) + 1]
        self._names.append((*name, named[table.mark]) if table.mark else name)

    def sealed(self, dossier: str, label: str, plain: bytes) -> Stored:
        """Seal a value for its place; the dossier gets its data key with its first one."""
        key = self._data_key(dossier)
        if key is None:
            key, wrapped = self._vault.keys.create(dossier)
            self.counters.new_keys.append(dossier)
            state = encode({"kek": self._vault.keys.kek_id, "wrapped": wrapped.hex()})
            self.run("record.put", DATA_KEY, dossier, 1, state, None, "")
            self._last_key = key
        return self._vault.shelf.put(seal(key, plain, bound(label, dossier)))

    def put_payload(self, dossier: str, plain: bytes) -> int:
        """Keep bytes sealed and return their reference; nothing is kept of nothing, reference 0."""
        if not plain:
            return 0
        ref = self.counters.next_payload_ref()
        stored = self.sealed(dossier, f"payload/{ref}", plain)
        self.run("payload.put", ref, dossier, stored.sealed, stored.file)
        return ref

    def name_again(self, ref: int) -> None:
        """A message is about to carry a payload that was kept earlier; raises `NoLongerKept` where it went meanwhile."""
        if self.one("payload.kept", ref) is None and (part := self.retired(ref)) is not None:
            raise old.no_longer_kept(part)

    def leap(self) -> None:
        """Leave out so many positions that none is given twice: those of the time that a restore has lost are known to readers.

        Up to there numbers have gaps now. Before any position is taken in this transaction.
        """
        self.counters.position += LEAP
        for name in ("position", DENSE_FROM):
            self.run("cursor.put", name, str(self.counters.position))

    def next_position(self) -> int:
        """The next position of the one sequence that audit rows and inbound events share."""
        return self.counters.next_position()

    def lone_position(self) -> int:
        """A position for what has no audit row: the sequence must not fall behind it when the store is opened again."""
        position = self.next_position()
        self.run("accept.position", str(position))
        return position

    def audit(self, row: AuditWrite) -> int:
        """Append an audit row and return its position."""
        position = self.next_position()
        self.run(
            "audit.put", position, self.now, row.kind, row.actor, row.dossier, row.event_id, row.fields, int(row.feed)
        )
        return position

    def move(self, upstream: str, before: str, after: DeliveryState | None, n: int = 1) -> None:
        """Count a message, or `n` of them, into its new state and out of its old one (empty: it is new)."""
        moved = self.counters.moved
        if before:
            moved[upstream, before] = moved.get((upstream, before), 0) - n
        if after is not None:
            moved[upstream, after.value] = moved.get((upstream, after.value), 0) + n

    def chain_leaf(self, *first: bytes) -> bytes:
        """Append the leaf over `first`, every row written since the last leaf, and what it is about; returns its digest."""
        counters = self.counters
        said = self.what, self.now, self.dossier, self._names
        about = encode((*said, 1) if self._shared else said)  # 1: the names bear marks (`bound.SHARED`)
        if any(len(digest) != DIGEST_BYTES for digest in first):
            raise JournalFault("a leaf covers SHA-256 digests only")
        covers = (*first, *self._digests, hashlib.sha256(about).digest())
        self._digests, self._names = [], []
        leaf = self.author.chain(counters.head, covers)
        self.run("leaf.put", self.author.writer, counters.leaf_n + 1, leaf, b"".join(covers), about)
        counters.head, counters.leaf_n = leaf, counters.leaf_n + 1
        return leaf

    def end(self) -> None:
        """The operation is over: rows that no leaf covers yet get theirs (a claim, a breaker's move, a clock set back)."""
        if self._names:
            self.chain_leaf()


def row_digest(table: str, *columns: object) -> bytes:
    """SHA-256 of the JSON array of the table's name and the columns; bytes stand in base64 (RFC 4648, 4)."""
    return hashlib.sha256(encode((table, *columns))).digest()


def attempt_columns(lane: int, seq: int, n: int, attempt: AttemptWrite) -> tuple[object, ...]:
    """What the evidence says of an attempt: where and when it was made, what came of it, the digests of both bodies."""
    when = to_micros(attempt.started), to_micros(attempt.ended)
    what = attempt.outcome, attempt.http_status, storable(attempt.upstream_code), storable(attempt.detail_vi)
    return lane, seq, n, *when, *what, sha256(attempt.request), sha256(attempt.response)


def storable(text: str) -> str:
    """A text that comes from outside as every store can hold it: U+FFFD in place of U+0000 and of halves of surrogates.

    PostgreSQL takes neither, and what came of a call must be kept whatever the upstream said: else it is made again.
    """
    return _UNSTORABLE.sub("\ufffd", text)


def sha256(raw: bytes) -> bytes:
    """SHA-256, or nothing of nothing."""
    return hashlib.sha256(raw).digest() if raw else b""


def micros(moment: Any) -> int | None:
    """A time as it is stored; None stays None."""
    return None if moment is None else to_micros(moment)
