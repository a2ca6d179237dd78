"""Hồ sơ đã đăng ký: the versioned snapshots of the resolution system, sealed with the data key of their dossier.

Record kind `dossier`, id = dossier code, state = the canonical dossier as JSON.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from functools import lru_cache

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.canonical import Dossier
from mappings.codec import decode, encode, encode_sorted

KIND = "dossier"
SECTOR_KIND = "sector_dossier"

# A name space of our own, so that a dossier has one uid on every node without asking anybody (RFC 9562, 5.5).
_UID_SPACE = uuid.UUID("6d2d0b0e-64b7-5c0e-9d52-3c7f1f5b8a11")


def key(code: str) -> RecordKey:
    """Where the snapshot of a dossier stands."""
    return RecordKey(KIND, code)


def sector_key(source: str, sector_dossier_id: str) -> RecordKey:
    """Where the dossier code behind a sector system's own number stands (record kind `sector_dossier`)."""
    return RecordKey(SECTOR_KIND, f"{source}/{sector_dossier_id}")


def sector_write(source: str, sector_dossier_id: str, code: str) -> RecordWrite:
    """The record that remembers which dossier a sector system means by its own number."""
    return RecordWrite(sector_key(source, sector_dossier_id), 1, code.encode())


def raw(records: Mapping[RecordKey, Record], code: str) -> bytes | None:
    """The snapshot as stored JSON, None when the dossier was never registered."""
    record = records.get(key(code))
    return record.state if record is not None else None


def parse(record: Record) -> Dossier:
    """The snapshot in a stored record."""
    return decode(record.state, Dossier)


def write(dossier: Dossier) -> RecordWrite:
    """The record that puts a snapshot in place."""
    code = dossier.dossier_code
    return RecordWrite(key(code), dossier.version, encode(dossier), sealed_for=code)


# A field that is younger than stored digests counts only where it says something; inside a text its quotes were escaped.
_UNSAID = b',"proof":null'


def digest(dossier: Dossier) -> str:
    """SHA-256 (hex) of the canonical JSON with sorted keys: change detection (dossier-model 2.1)."""
    return hashlib.sha256(encode_sorted(dossier).replace(_UNSAID, b"")).hexdigest()


@lru_cache(maxsize=8192)
def uid(code: str) -> str:
    """The immutable identity of a dossier, derived from its code."""
    return str(uuid.uuid5(_UID_SPACE, code))
