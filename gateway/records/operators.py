"""Sổ người vận hành: who may decide, under which name, with which keys, in which roles, since when and until when.

Record kind `operator`, id = the operator's name, state = `Operator` as JSON; nobody is ever deleted, and every change stays
in `history`. What each decision asks for stands in one table, `NEEDS`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

KIND = "operator"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_KEY_ID_LETTERS = 32


class Role(StrEnum):
    """What an operator is for. `viewer` decides nothing and reads no trail; a name for a person who only looks."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"


_LINE = frozenset({Role.OPERATOR, Role.SUPERVISOR})
_OVERRULE = frozenset({Role.SUPERVISOR})
_REGISTER = frozenset({Role.ADMIN})
_TRAIL = frozenset({Role.AUDITOR, Role.SUPERVISOR, Role.ADMIN})

NEEDS: Final[Mapping[str, frozenset[Role]]] = {
    "hold": _LINE,
    "release": _LINE,
    "replay": _LINE,
    "pause": _LINE,
    "resume": _LINE,
    "pause-plan": _LINE,
    "pause-cancel": _LINE,
    "skip": _OVERRULE,
    "skip-gap": _OVERRULE,
    "apply-event": _OVERRULE,
    "pass-event": _OVERRULE,
    "result-judge": _LINE,
    "result-refuse": _OVERRULE,
    "result-override": _OVERRULE,
    "repair-close": _LINE,
    "reconcile": _LINE | _TRAIL,
    "consent-add": _REGISTER,
    "consent-revoke": _REGISTER,
    "operator-add": _REGISTER,
    "operator-revoke": _REGISTER,
    "reload": _REGISTER,
    "decide": _LINE | _REGISTER,
    "approve": _LINE | _REGISTER,
    "refuse": _LINE | _REGISTER,
    "audit-search": _TRAIL,
    "audit-export": _TRAIL,
}
"""Any one of these roles may say the command; of `decide` each connector's manifest says which ones, decision by decision.

Who approves must besides hold a role that the proposed command asks for."""

READS: Final = frozenset({"audit-search", "audit-export", "reconcile"})
"""Commands that decide nothing: they read, and that they do is in the trail before anything is shown."""

DECISIONS: Final = frozenset(NEEDS) - READS - {"approve", "refuse"}
"""What may be marked as needing a second operator's key."""


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """A public key (PEM, SubjectPublicKeyInfo): `ed25519` or `ecdsa-p256` (FIPS 186-5), told apart by its PEM.

    `revoked_at` is None while it is good; what was signed before stays proven.
    """

    key_id: str
    public_key: str
    added_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an operator's entry: when, by whom, what, and why."""

    at: datetime
    actor: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Operator:
    """One person of the operating unit. `person` is the staff number: one person under two names stays one person."""

    name: str
    display: str
    person: str
    roles: tuple[Role, ...]
    keys: tuple[OperatorKey, ...]
    valid_from: datetime
    valid_to: datetime | None = None
    revoked_at: datetime | None = None
    history: tuple[Change, ...] = ()

    def key(self, key_id: str) -> OperatorKey | None:
        """The key of that id, revoked or not."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def may(self, command: str) -> bool:
        """Whether one of the roles allows the command."""
        return not NEEDS.get(command, frozenset()).isdisjoint(self.roles)

    def in_force(self, now: datetime) -> bool:
        """Whether the entry stands at `now`: begun, not run out, not revoked."""
        begun = self.valid_from <= now and (self.valid_to is None or now < self.valid_to)
        return begun and (self.revoked_at is None or now < self.revoked_at)


def same_person(one: str, other: str) -> bool:
    """Whether two staff numbers are one person's, however each was typed: capitals, blanks and widths of signs do not count."""
    return _plainly(one) == _plainly(other)


def _plainly(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


class UnusableKey(ValueError):
    """Khóa không dùng được; hãy dùng khóa công khai Ed25519 hoặc ECDSA P-256 ở dạng PEM."""


def read_key(pem: str) -> Ed25519PublicKey | EllipticCurvePublicKey:
    """The public key in a PEM; raises `UnusableKey` for any other kind of key and for what is none."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise UnusableKey(UnusableKey.__doc__) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise UnusableKey(UnusableKey.__doc__)


def plain_pem(pem: str) -> str:
    """The PEM of the same key as everybody writes it, without anything around it; raises `UnusableKey`."""
    return read_key(pem).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(pem: str) -> str:
    """The short form of a key's fingerprint: 32 hex letters (128 bits) of the SHA-256 of its SubjectPublicKeyInfo."""
    raw = read_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(raw).hexdigest()[:_KEY_ID_LETTERS]


def holds(pem: str, statement: bytes, signature: bytes) -> bool:
    """Whether the signature over these very bytes was made with this key: Ed25519, or ECDSA with SHA-256 (DER)."""
    key = read_key(pem)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, statement)
        else:
            key.verify(signature, statement, ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def record_key(name: str) -> RecordKey:
    """Where an operator's entry stands."""
    return RecordKey(KIND, name)


def parse(record: Record) -> Operator:
    """The operator in a stored record."""
    return decode(record.state, Operator)


def write(operator: Operator, version: int) -> RecordWrite:
    """The record that puts an entry in place."""
    return RecordWrite(record_key(operator.name), version, encode(operator))


def owner(register: Iterable[Operator], wanted: str) -> Operator | None:
    """Who has, or ever had, the key of that id."""
    return next((operator for operator in register if operator.key(wanted) is not None), None)


def admin_left(register: Iterable[Operator], now: datetime) -> bool:
    """Whether anybody could still add an operator at `now`."""
    return any(
        Role.ADMIN in operator.roles and operator.in_force(now) and any(key.revoked_at is None for key in operator.keys)
        for operator in register
    )
