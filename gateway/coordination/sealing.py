"""What is kept where others may look: values sealed under the name they are kept by, and names that tell nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
_NAME = 18


class Seal:
    """Seals with AES-256-GCM and opens; the key is one of 32 bytes for this use alone (`gateway.bootstrap.kek.derived`)."""

    def __init__(self, key: bytes) -> None:
        self._names = _part(key, b"names")
        self._values = AESGCM(_part(key, b"values"))

    def name(self, name: str) -> str:
        """The name as it stands there: names may hold the address or the order of a person."""
        digest = hmac.digest(self._names, name.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_NAME]).decode()

    def seal(self, name: str, value: str) -> bytes:
        """The value, to be opened under the same name only."""
        nonce = os.urandom(_NONCE)
        return nonce + self._values.encrypt(nonce, value.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str | None:
        """The value; None for one that was sealed with another key or name, or changed."""
        try:
            return self._values.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()).decode()
        except (InvalidTag, ValueError):
            return None


def _part(key: bytes, use: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=use).derive(key)
