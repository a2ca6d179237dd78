"""The one door to joserfc: what a signed token says once its signature holds, and the proofs that we sign ourselves.

Accepted are compact JWS (RFC 7515) with an algorithm of a given list and a key of the provider's published set; keys that a
token brings along (`jwk`, `jku`, `x5u`, `x5c`) are never looked at. Whatever is wrong ends in `JoseRefused` with a stable code.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

# Far above what providers send (some put a certificate chain into the header), far below what could hurt.
_HEADER_BYTES = 8_192
_TOKEN_BYTES = 65_536
_MOST_KEYS = 64
# Fewer are not safe any more (NIST SP 800-131A rev. 2); more are used by no OpenSSL, and cost long to read.
_FEWEST_RSA_BITS, _MOST_RSA_BITS = 2_048, 16_384
_ASYMMETRIC = frozenset({"RSA", "EC", "OKP"})
# What joserfc and cryptography raise for a key that is not one, beyond their own family.
_BAD_KEY = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError)
_DIGESTS = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class JoseRefused(Exception):
    """Mã bảo đảm không dùng được: `code` is one of token_malformed, algorithm_refused, key_unknown, signature_invalid."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature holds: its header and its claims."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)


class _Registry(jws.JWSRegistry):
    max_header_length = _HEADER_BYTES
    max_payload_length = _TOKEN_BYTES


@dataclass(frozen=True, slots=True)
class KeySet:
    """The public signature keys of a provider (RFC 7517), by `kid`; a key without one is known by the empty text."""

    keys: tuple[tuple[str, jwk.Key], ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def candidates(self, kid: str, algorithm: str) -> tuple[jwk.Key, ...]:
        """The keys that may have made a signature: those of that `kid`; without one the only key that fits.

        Several keys and no `kid` leave the choice to the sender; OIDC Core 10.1 forbids that, so there is none.
        """
        chosen = [key for known, key in self.keys if (known == kid if kid else True) and _fits(key, algorithm)]
        return tuple(chosen) if kid or len(chosen) == 1 else ()


def read_keys(tree: object) -> KeySet:
    """The usable keys of a JWK set; raises `JoseRefused` when it is no set. Keys that nobody here understands are skipped.

    A symmetric key or a private one has no place in a published set and is skipped as well, and so is a key for encryption.
    """
    listed = tree.get("keys") if isinstance(tree, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise JoseRefused("keys_malformed")
    read = (_read_key(one) for one in listed if isinstance(one, dict))
    return KeySet(tuple(found for found in read if found is not None))


def opened(token: str, keys: KeySet, algorithms: Iterable[str]) -> Token:
    """What `token` says, once one of `keys` has proved it; raises `JoseRefused`.

    The order is that of identity facts 1.9: form, algorithm, key, signature. Nothing of an unproven token is believed but
    the name of its key.
    """
    allowed = tuple(algorithms)
    shown = header_of(token)
    algorithm, kid = shown.get("alg"), shown.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise JoseRefused("algorithm_refused")
    if not isinstance(kid, str) or "crit" in shown or "b64" in shown:
        # We know no extension that a sender could insist on (RFC 7515 4.1.11; RFC 7797 7 forbids b64 in a JWT).
        raise JoseRefused("token_malformed")
    candidates = keys.candidates(kid, algorithm)
    if not candidates:
        raise JoseRefused("key_unknown")
    for key in candidates:
        payload = _proved(token, key, allowed)
        if payload is not None:
            return Token(shown, _claims(payload))
    raise JoseRefused("signature_invalid")


def header_of(token: str) -> Mapping[str, Any]:
    """The header of a token, unproven; raises `JoseRefused` for what is no compact JWS of three parts."""
    parts = token.split(".")
    if len(token) > _TOKEN_BYTES or len(parts) != 3 or not token.isascii():
        raise JoseRefused("token_malformed")
    try:
        found = jws.extract_compact(token.encode(), registry=_Registry(strict_check_header=False)).headers()
    except (JoseError, ValueError, RecursionError):
        raise JoseRefused("token_malformed") from None
    if not isinstance(found, dict):
        raise JoseRefused("token_malformed")
    return found


def half_hash(value: str, algorithm: str) -> str:
    """`at_hash` of an access token: the left half of its digest, base64url (OIDC Core 3.1.3.6); Ed25519 goes with SHA-512."""
    digest = _DIGESTS.get(algorithm[-3:], hashlib.sha512)(value.encode()).digest()
    return base64url(digest[: len(digest) // 2])


def base64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of ours that makes assertions and proofs."""

    key: jwk.Key = field(repr=False)
    algorithm: str

    def public(self) -> Mapping[str, Any]:
        """Its public part as a JWK."""
        return {name: value for name, value in self.key.as_dict(private=False).items() if name in _PUBLIC_MEMBERS}

    def signed(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        """`claims` as a signed JWT under that header."""
        return jwt.encode({**header, "alg": self.algorithm}, dict(claims), self.key, algorithms=[self.algorithm])


_PUBLIC_MEMBERS = frozenset({"kty", "crv", "x", "y", "n", "e"})


def read_signing_key(text: str, algorithm: str) -> SigningKey:
    """A private key from a JWK (JSON) or PEM; raises `JoseRefused` ("key_unusable") and repeats nothing of it."""
    kind = "RSA" if algorithm[:2] in ("RS", "PS") else "EC" if algorithm.startswith("ES") else "OKP"
    try:
        source: Any = msgspec.json.decode(text) if text.lstrip().startswith("{") else text
        key = jwk.JWKRegistry.import_key(source, None if isinstance(source, dict) else kind)
    except (*_BAD_KEY, msgspec.DecodeError):
        raise JoseRefused("key_unusable") from None
    if not key.is_private or not _fits(key, algorithm):
        raise JoseRefused("key_unusable")
    return SigningKey(key, algorithm)


def fresh_proof_key() -> SigningKey:
    """A key for one sign-on's DPoP proofs (RFC 9449): P-256, kept in memory for as long as the sign-on is finished."""
    return SigningKey(jwk.ECKey.generate_key("P-256"), "ES256")


def _read_key(member: dict[str, Any]) -> tuple[str, jwk.Key] | None:
    kid, kind = member.get("kid", ""), member.get("kty")
    if not isinstance(kid, str) or not isinstance(kind, str) or kind not in _ASYMMETRIC:
        return None
    if member.get("use", "sig") != "sig" or "d" in member:
        return None
    if kind == "RSA" and not _FEWEST_RSA_BITS <= _bits(member.get("n")) <= _MOST_RSA_BITS:
        return None
    try:
        return kid, jwk.JWKRegistry.import_key(member)
    except _BAD_KEY:
        return None


def _bits(modulus: object) -> int:
    """How long an RSA key is: the bits of the number, since zeros before it make its letters more and the key no longer."""
    try:
        raw = base64.urlsafe_b64decode(f"{modulus}==") if isinstance(modulus, str) else b""
    except ValueError:
        return 0
    return int.from_bytes(raw).bit_length()


def _fits(key: jwk.Key, algorithm: str) -> bool:
    """Whether the key is of the kind, curve and use that the algorithm wants."""
    try:
        jws.JWSRegistry.algorithms[algorithm].check_key(key)
    except (JoseError, KeyError):
        return False
    return True


def _proved(token: str, key: jwk.Key, algorithms: tuple[str, ...]) -> bytes | None:
    registry = _Registry(algorithms=algorithms, strict_check_header=False)
    try:
        return jws.deserialize_compact(token, key, registry=registry).payload
    except (*_BAD_KEY, RecursionError):
        return None


def _claims(payload: bytes) -> Mapping[str, Any]:
    try:
        tree: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise JoseRefused("token_malformed") from None
    if not isinstance(tree, dict):
        raise JoseRefused("token_malformed")
    return tree
