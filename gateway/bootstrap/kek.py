"""The key-encryption key of the store, read from where the configuration says; and keys for other uses, derived from it."""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.config import Loaded, secret
from gateway.errors import ConfigError

_BYTES = 32


def kek_of(loaded: Loaded) -> bytes:
    """The key: 32 bytes in base64, behind `storage.key` or in `storage.key_file`; raises `ConfigError`."""
    storage = loaded.settings.storage
    if storage.key:
        try:
            text = secret(storage.key, loaded.base)
        except ConfigError as error:
            raise ConfigError(tuple(f"storage.key: {fault}" for fault in error.faults)) from None
        return _decoded("storage.key", str(storage.key), text)
    path = loaded.path(storage.key_file)
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((f"storage.key_file: không đọc được khóa mã hóa tại {path} ({_why(error)})",)) from None
    return _decoded("storage.key_file", str(path), text)


def _decoded(where: str, place: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ConfigError((f"{where}: khóa mã hóa tại {place} phải viết bằng base64",)) from None
    if len(key) != _BYTES:
        raise ConfigError((f"{where}: khóa tại {place} phải dài {_BYTES} byte (đang là {len(key)})",))
    return key


def _why(error: OSError | UnicodeDecodeError) -> str:
    """The reason, without a byte of what was read."""
    return error.strerror or "" if isinstance(error, OSError) else "không phải ASCII"


def derived(kek: bytes, use: str) -> bytes:
    """A key of 32 bytes for one use, from which neither the other keys nor the KEK follow (RFC 5869)."""
    return HKDF(SHA256(), _BYTES, salt=None, info=f"tthc-gateway {use}".encode()).derive(kek)
