"""Sổ của đầu nối: ledgers as records, each change that ever came to one, and the cursors of pollers.

Record kinds: `ledger:UPSTREAM:KIND` (id: the ledger's own), `ledger_change:UPSTREAM:KIND` (id: ledger and key; sealed),
`ledger_mark:UPSTREAM:KIND` (id: mark and ledger), `ledger_claim:UPSTREAM` (id: the name that one ledger alone holds),
`cursor` (id: upstream and poller). What belongs to no dossier is sealed under the name of its upstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from connectors.kit.contract import Change, LedgerEntry, Mark
from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

CURSOR = "cursor"


@dataclass(frozen=True, slots=True)
class KeptLedger:
    """A ledger as it is stored: the dossier that it belongs to ("" for none), and its state as JSON."""

    dossier: str
    state: msgspec.Raw


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A task that a change set off: its delivery, and the SHA-256 (hex) of what is carried."""

    delivery_id: str
    upstream: str
    operation: str
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A change as it is stored: the version of the ledger that it made, and the original that brought it.

    `digest` is the SHA-256 (hex) of its content, by which a key that is used again for something else is found out.
    `refused` says why it changed nothing ("" when it did).
    """

    version: int
    at: datetime
    digest: str
    change: Change
    original: bytes = b""
    tasks: tuple[KeptTask, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """Who holds a name for ever: the ledger's kind and id."""

    ledger: str
    id: str


@dataclass(frozen=True, slots=True)
class KeptCursor:
    """How far a poller has come, and when its last page was stored."""

    cursor: str
    at: datetime


def owner(upstream: str) -> str:
    """The name under which an upstream acts: in lanes, in the trail, and as the seal of what belongs to no dossier."""
    return f"upstream:{upstream}"


def ledger_key(upstream: str, change: Change) -> RecordKey:
    """Where the ledger that a change is about stands."""
    return entry_key(upstream, change.ledger, change.id)


def entry_key(upstream: str, ledger: str, ledger_id: str) -> RecordKey:
    """Where one ledger of an upstream stands."""
    return RecordKey(f"ledger:{upstream}:{ledger}", ledger_id)


def change_key(upstream: str, change: Change, suffix: str = "") -> RecordKey:
    """Where a change stands. The length of the ledger's id keeps two different pairs of id and key apart."""
    return RecordKey(f"ledger_change:{upstream}:{change.ledger}", f"{len(change.id)}:{change.id}/{change.key}{suffix}")


def mark_kind(upstream: str, ledger: str) -> str:
    """The kind of the records that are the marks of a kind of ledger; their ids are the places of a `Mark`."""
    return f"ledger_mark:{upstream}:{ledger}"


def mark_key(upstream: str, ledger: str, mark: str, ledger_id: str) -> RecordKey:
    """Where a mark of a ledger stands: in the order of the marks, then of the ledgers."""
    return RecordKey(mark_kind(upstream, ledger), f"{mark}/{ledger_id}")


def write_mark(key: RecordKey, ledger_id: str) -> RecordWrite:
    """The record that is a mark. It holds codes only, so it is not sealed."""
    return RecordWrite(key, 1, encode(ledger_id))


def read_mark(record: Record) -> Mark:
    """The mark in a stored record."""
    return Mark(record.key.id, decode(record.state, str))


def claim_key(upstream: str, claim: str) -> RecordKey:
    """Where a name that only one ledger of an upstream may hold stands."""
    return RecordKey(f"ledger_claim:{upstream}", claim)


def write_claim(key: RecordKey, kept: KeptClaim) -> RecordWrite:
    """The record that is a claim. It holds codes only, so it is not sealed."""
    return RecordWrite(key, 1, encode(kept))


def read_claim(record: Record) -> KeptClaim:
    """The claim in a stored record."""
    return decode(record.state, KeptClaim)


def cursor_key(upstream: str, poller: str) -> RecordKey:
    """Where the cursor of a poller stands."""
    return RecordKey(CURSOR, f"{upstream}/{poller}")


def entry(record: Record) -> LedgerEntry:
    """The ledger in a stored record."""
    kept = decode(record.state, KeptLedger)
    return LedgerEntry(record.version, kept.dossier, bytes(kept.state))


def write_entry(key: RecordKey, now: LedgerEntry, *, sealed_for: str) -> RecordWrite:
    """The record that puts a ledger in place."""
    return RecordWrite(key, now.version, encode(KeptLedger(now.dossier_code, msgspec.Raw(now.state))), sealed_for)


def read_change(record: Record) -> KeptChange:
    """The change in a stored record."""
    return decode(record.state, KeptChange)


def write_change(key: RecordKey, kept: KeptChange, *, sealed_for: str) -> RecordWrite:
    """The record that remembers a change."""
    return RecordWrite(key, kept.version, encode(kept), sealed_for)


def read_cursor(record: Record | None) -> KeptCursor | None:
    """The cursor in a stored record, None where nothing was stored yet."""
    return None if record is None else decode(record.state, KeptCursor)


def write_cursor(key: RecordKey, version: int, kept: KeptCursor) -> RecordWrite:
    """The record that moves a cursor. A cursor is the source's own word for a place; it is not sealed."""
    return RecordWrite(key, version, encode(kept))
