"""Encryption at rest: AES-256-GCM with one data key per dossier, each wrapped by the key-encryption key (KEK).

A sealed value is `nonce (12 bytes) || ciphertext || tag (16 bytes)` (NIST SP 800-38D); the additional data binds it to its
place (`label`) and its dossier, so that no row can be moved to another place unnoticed. Destroying a dossier's wrapped key
destroys its payloads; digests and evidence survive (architecture 1).
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import ConfigError, GatewayError

_NONCE = 12
_TAG = 16
_KEY_BYTES = 32
_CHECK = b"tthc-gateway journal"
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})


class WrongKey(ConfigError):
    """Khóa mã hóa khóa không mở được kho này."""

    def __init__(self) -> None:
        told = "khóa này không mở được kho dữ liệu hiện có; hãy dùng lại đúng khóa đã tạo ra kho"
        super().__init__((f"storage.key hoặc storage.key_file: {told}",))


class SealBroken(GatewayError):
    """Dữ liệu đã niêm phong không mở được: tệp hoặc dòng dữ liệu đã bị thay đổi hoặc mất."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where sealed bytes are: in the row, or in the file of this name."""

    sealed: bytes | None
    file: str | None


def seal(key: AESGCM, plain: bytes, bound: bytes) -> bytes:
    """`plain` under a fresh random nonce, bound to `bound`."""
    nonce = os.urandom(_NONCE)
    return nonce + key.encrypt(nonce, plain, bound)


def unseal(key: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    """The plain bytes; raises `SealBroken` when anything was changed or the key is another."""
    if len(sealed) < _NONCE + _TAG:
        raise SealBroken(SealBroken.__doc__)
    try:
        return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except InvalidTag as error:
        raise SealBroken(SealBroken.__doc__) from error


class KeyRing:
    """The KEK and the data keys opened last, safe for the writer's and the readers' threads."""

    def __init__(self, kek: bytes, capacity: int = 8_192) -> None:
        if len(kek) != _KEY_BYTES:
            told = f"khóa phải dài {_KEY_BYTES} byte, hiện là {len(kek)} byte"
            raise ConfigError((f"storage.key hoặc storage.key_file: {told}",))
        self._kek = AESGCM(kek)
        self._capacity = capacity
        self._opened: OrderedDict[str, AESGCM] = OrderedDict()
        self._lock = threading.Lock()
        self.kek_id = hmac.new(kek, b"kek id", hashlib.sha256).hexdigest()[:16]

    def cached(self, dossier: str) -> AESGCM | None:
        """The opened data key of a dossier, if it was used lately."""
        with self._lock:
            key = self._opened.get(dossier)
            if key is not None:
                self._opened.move_to_end(dossier)
            return key

    def create(self, dossier: str) -> tuple[AESGCM, bytes]:
        """A new data key, and its wrapped form to be stored."""
        raw = AESGCM.generate_key(bit_length=256)
        return self._keep(dossier, AESGCM(raw)), seal(self._kek, raw, _key_bound(dossier))

    def unwrap(self, dossier: str, wrapped: bytes) -> AESGCM:
        """The data key in its stored form; raises `SealBroken`."""
        return self._keep(dossier, AESGCM(unseal(self._kek, wrapped, _key_bound(dossier))))

    def forget(self, dossiers: Iterable[str]) -> None:
        """Drop opened keys, because the transaction that created them did not commit."""
        with self._lock:
            for dossier in dossiers:
                self._opened.pop(dossier, None)

    def clear(self) -> None:
        """Drop every opened key: another server may answer, that never stored some of them."""
        with self._lock:
            self._opened.clear()

    def proof(self) -> bytes:
        """What a store keeps to recognise its KEK."""
        return seal(self._kek, _CHECK, b"kek check")

    def check(self, proof: bytes) -> None:
        """Raises `WrongKey` when `proof` was made with another KEK."""
        try:
            unseal(self._kek, proof, b"kek check")
        except SealBroken as error:
            raise WrongKey from error

    def _keep(self, dossier: str, key: AESGCM) -> AESGCM:
        with self._lock:
            self._opened[dossier] = key
            if len(self._opened) > self._capacity:
                self._opened.popitem(last=False)
        return key


class Shelf:
    """Content-addressed files for sealed bytes above `inline_bytes`: named by the SHA-256 of what they hold.

    What is sealed has a nonce of its own, so no two puts share a file, and the files of a transaction are its own.
    """

    def __init__(self, root: Path, inline_bytes: int) -> None:
        self._root = root
        self._inline_bytes = inline_bytes
        self._fresh: list[Path] = []

    def put(self, sealed: bytes) -> Stored:
        """Keep sealed bytes; a file is durable, its directory entry too, before this returns. Raises OSError."""
        if len(sealed) <= self._inline_bytes:
            return Stored(sealed, None)
        name = hashlib.sha256(sealed).hexdigest()
        folder = self._root / name[:2]
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_directory(self._root)
        target, draft = folder / name, folder / f".{name}.part"
        try:
            with draft.open("wb") as handle:
                handle.write(sealed)
                handle.flush()
                os.fsync(handle.fileno())
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self._fresh.append(target)
        sync_directory(folder)
        return Stored(None, name)

    def keep(self) -> None:
        """The transaction of the files put since the last call was committed, or may have been."""
        self._fresh.clear()

    def discard(self) -> None:
        """The transaction of the files put since the last `keep` did not commit: nothing will ever name them."""
        for file in self._fresh:
            with suppress(OSError):
                file.unlink()
        self._fresh.clear()

    def get(self, stored: Stored) -> bytes:
        """The sealed bytes; raises `SealBroken` when a file is gone, unreadable, or not what its name says.

        Raises OSError where only this process lacks something just now.
        """
        if stored.file is None:
            return stored.sealed or b""
        try:
            sealed = (self._root / stored.file[:2] / stored.file).read_bytes()
        except OSError as error:
            if error.errno in _PASSING:
                raise
            raise SealBroken(SealBroken.__doc__) from error
        if hashlib.sha256(sealed).hexdigest() != stored.file:
            raise SealBroken(SealBroken.__doc__)
        return sealed


def bound(label: str, dossier: str) -> bytes:
    """The additional data of a sealed value: its place and its dossier."""
    return f"{label}\0{dossier}".encode()


def _key_bound(dossier: str) -> bytes:
    return bound("data_key", dossier)


def sync_directory(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder outlive a power cut; raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
