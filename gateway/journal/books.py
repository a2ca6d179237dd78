"""What an operation may touch inside its transaction: named statements, sealing, positions, the evidence chain.

Nothing here knows which database it is; a driver hands in a cursor and its own statements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.clock import to_micros
from gateway.errors import GatewayError
from gateway.journal.bound import Bound, written
from gateway.journal.model import AttemptWrite, AuditWrite, Chain, DeliveryState
from gateway.journal.sealing import KeyRing, SealBroken, Shelf, Stored, bound, seal, unseal
from mappings.codec import decode, encode

Row = tuple[Any, ...]  # a row of SQL has no type of its own; each reader gives its columns theirs
DATA_KEY = "data_key"
DIGEST_BYTES = 32
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

    def opened(self, dossier: str, label: str, stored: Stored) -> bytes:
        """The plain bytes of a sealed value; raises `SealBroken`."""
        key = self._data_key(dossier)
        if key is None:
            raise SealBroken(SealBroken.__doc__)
        return unseal(key, self._vault.shelf.get(stored), bound(label, dossier))

    def payload(self, ref: int) -> bytes:
        """The plain bytes of a payload; empty for reference 0, which means that there is none."""
        if not ref:
            return b""
        row = self.one("payload.get", ref)
        if row is None:
            raise SealBroken(SealBroken.__doc__)
        dossier, sealed, file = row
        return self.opened(dossier, f"payload/{ref}", Stored(sealed, file))

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

    def copy(self) -> Counters:
        """The same, independent of what comes."""
        return Counters(self.position, self.payload_ref, self.leaf_n, self.head, dict(self.moved), list(self.new_keys))


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the node, its evidence chain (`writer` = node/start id), how leaves are made, and the time in µs."""

    node: str
    writer: str
    chain: Chain
    now: Callable[[], int]


class Books(Pages):
    """The books opened for writing, for the length of one operation inside a transaction."""

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
        writes = written(name, sql)
        if writes is None:
            return
        for row in (values,) if writes.values else found.fetchall():
            self.register(writes.table, row)

    def register(self, table: Bound, row: Row) -> None:
        """Have the leaf of this operation cover a row as it stands now; its columns are those of `table`, in order."""
        # Before the row, never behind it: a receipt is registered right before the one leaf that it names.
        if len(self._names) >= MOST_ROWS:
            self.chain_leaf()
        # The digest of `row_digest`, made here without its call: an event writes about twenty rows.
        named = (table.name, *row)
        self._digests.append(hashlib.sha256(encode(named)).digest())
        self._names.append(named[: len(table.key) + 1])

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
        ref = self.counters.payload_ref + 1
        stored = self.sealed(dossier, f"payload/{ref}", plain)
        self.run("payload.put", ref, dossier, stored.sealed, stored.file)
        self.counters.payload_ref = ref
        return ref

    def next_position(self) -> int:
        """The next position of the one sequence that audit rows and inbound events share."""
        self.counters.position += 1
        return self.counters.position

    def audit(self, row: AuditWrite) -> int:
        """Append an audit row and return its position."""
        position = self.next_position()
        self.run(
            "audit.put", position, self.now, row.kind, row.actor, row.dossier, row.event_id, row.fields, int(row.feed)
        )
        return position

    def move(self, upstream: str, before: str, after: DeliveryState | None) -> None:
        """Count a message into its new state and out of its old one (empty: it is new)."""
        moved = self.counters.moved
        if before:
            moved[upstream, before] = moved.get((upstream, before), 0) - 1
        if after is not None:
            moved[upstream, after.value] = moved.get((upstream, after.value), 0) + 1

    def chain_leaf(self, *first: bytes) -> bytes:
        """Append the leaf over `first`, every row written since the last leaf, and what it is about; returns its digest."""
        counters = self.counters
        about = encode((self.what, self.now, self.dossier, self._names))
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
    what = attempt.outcome, attempt.http_status, attempt.upstream_code, attempt.detail_vi
    return lane, seq, n, *when, *what, sha256(attempt.request), sha256(attempt.response)


def sha256(raw: bytes) -> bytes:
    """SHA-256, or nothing of nothing."""
    return hashlib.sha256(raw).digest() if raw else b""


def micros(moment: Any) -> int | None:
    """A time as it is stored; None stays None."""
    return None if moment is None else to_micros(moment)
