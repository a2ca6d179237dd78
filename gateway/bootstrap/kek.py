"""The key-encryption key of the store, read from its file; and keys for other uses, derived from it."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import ConfigError

_BYTES = 32


def read_kek(path: Path) -> bytes:
    """The key: 32 bytes in base64; raises `ConfigError`."""
    try:
        key = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise ConfigError((f"storage.key_file: không đọc được khóa mã hóa tại {path} ({error})",)) from error
    if len(key) != _BYTES:
        raise ConfigError((f"storage.key_file: khóa tại {path} phải dài 32 byte (đang là {len(key)})",))
    return key


def derived(kek: bytes, use: str) -> bytes:
    """A key of 32 bytes for one use, from which neither the other keys nor the KEK follow (RFC 5869)."""
    return HKDF(SHA256(), _BYTES, salt=None, info=f"tthc-gateway {use}".encode()).derive(kek)
