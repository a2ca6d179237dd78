"""The signature on the record that opens a chain: who holds the store but not this key cannot write its past anew.

Ed25519 (RFC 8032) over a domain prefix and the record's own JSON, keys sorted, without its `signature`. The record names the
last head of every other chain, and a head stands for its whole chain; so one signature holds all that was before it. What
came after the newest opening is held by nothing but the chain itself (decision 0036).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway.errors import ConfigError
from mappings.codec import encode_sorted

_PREFIX = b"tthc-gateway/chain-opening/v1\n"


class Verdict(Enum):
    """What is to be said of the signature on an opening."""

    UNSIGNED = "unsigned"
    HOLDS = "holds"
    STRANGER = "stranger"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Trust:
    """The public keys (32 bytes) that openings may be signed with; with none, any key that a record brings along counts."""

    keys: frozenset[bytes] = frozenset()


NOBODY = Trust()


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    value: str


class OpeningKey:
    """The private key of the evidence. Says nothing of itself."""

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError) as error:
            raise ConfigError(("evidence.key: không phải khóa riêng PEM không mật khẩu",)) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(("evidence.key: phải là khóa Ed25519 (openssl genpkey -algorithm ed25519)",))
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return "OpeningKey()"

    def vouch(self, statement: bytes) -> Mapping[str, str]:
        """The signature of an opening (`gateway.journal.books.Vouch`)."""
        value = self._key.sign(_PREFIX + statement)
        return {"key": b64encode(self.public).decode(), "value": b64encode(value).decode()}


def public_key(pem: str) -> bytes:
    """The 32 bytes of a public key in PEM; raises `ConfigError`."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise ConfigError(("khóa kiểm tra bằng chứng: không phải khóa công khai PEM",)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(("khóa kiểm tra bằng chứng: phải là khóa Ed25519",))
    return key.public_bytes_raw()


def trusting(pems: Iterable[str], own: OpeningKey | None = None) -> Trust:
    """The keys in these PEM texts, and one's own; raises `ConfigError`."""
    keys = {public_key(pem) for pem in pems}
    return Trust(frozenset(keys | ({own.public} if own is not None else set())))


def judged(state: bytes, trust: Trust) -> Verdict:
    """What the signature in an opening record is worth."""
    try:
        record = msgspec.json.decode(state, type=dict[str, Any])
    except msgspec.DecodeError:
        return Verdict.UNSIGNED  # no opening at all, which is told elsewhere
    given = record.pop("signature", None)
    if given is None:
        return Verdict.UNSIGNED
    try:
        signature = msgspec.convert(given, _Signature)
        public, value = b64decode(signature.key, validate=True), b64decode(signature.value, validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(value, _PREFIX + encode_sorted(record))
    except (msgspec.ValidationError, ValueError, InvalidSignature):
        return Verdict.BROKEN
    return Verdict.HOLDS if not trust.keys or public in trust.keys else Verdict.STRANGER
