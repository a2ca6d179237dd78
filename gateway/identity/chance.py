"""Secrets of sign-ons: 256 bits of chance each, kept as digests, compared in constant time; digests of names under a key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

Chance = Callable[[], str]
"""Gives 256 bits of chance in base64url without padding: 43 characters."""

_BYTES = 32
CHANCE_LETTERS = 43
"""How long such a secret is."""


def chance() -> str:
    """256 bits from the machine's source of chance."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """What is kept of a secret: its SHA-256 (hex). With 256 bits of chance in it nobody finds it again."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(offered: str, kept_digest: str) -> bool:
    """Whether `offered` is the secret behind a digest; an empty digest is nobody's. In constant time."""
    return bool(kept_digest) and hmac.compare_digest(digest(offered), kept_digest)


@dataclass(frozen=True, slots=True)
class Names:
    """Digests under a key for names that could be guessed (a `sub` may be a personal number)."""

    key: bytes = field(repr=False)

    def of(self, *parts: str) -> str:
        """The digest (hex) of a name in parts; no two lists of parts give one text."""
        told = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self.key, told.encode(), hashlib.sha256).hexdigest()
