"""Large content sealed in chunks: it is encrypted and opened as a stream, and nothing can be cut off, moved or mixed.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, CRYPTO 2015) over AES-256-GCM (NIST SP 800-38D). A file is `header || chunk…`; each chunk holds 64 KiB of
content (the last one what is left) and a tag of 16 bytes. The nonce of a chunk is `prefix (7) || number (4) || last (1)`, so
that a chunk opens in its place only and an end that is no end is noticed; the additional data is the header, which names the
content (`label`: its dossier and its digest), so that no chunk of another file fits. The key belongs to one file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.journal.sealing import SealBroken

CHUNK = 65_536
TAG = 16
PREFIX = 7
KEY_BYTES = 32
_MAGIC = b"tthcfil1"
_LENGTH = 2


class Readable(Protocol):
    """Where sealed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """As many bytes, fewer at the end only."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...


def header(label: str, prefix: bytes) -> bytes:
    """What stands before the chunks: the form, the label in the clear, and the part of the nonce that is chance."""
    name = label.encode()
    return _MAGIC + len(name).to_bytes(_LENGTH, "big") + name + prefix


def read_header(handle: Readable) -> tuple[str, bytes]:
    """The label in an opened file, and its header; raises `SealBroken` for anything that is none of ours."""
    begin = handle.read(len(_MAGIC) + _LENGTH)
    if len(begin) != len(_MAGIC) + _LENGTH or not begin.startswith(_MAGIC):
        raise SealBroken(SealBroken.__doc__)
    length = int.from_bytes(begin[len(_MAGIC) :], "big")
    rest = handle.read(length + PREFIX)
    if len(rest) != length + PREFIX:
        raise SealBroken(SealBroken.__doc__)
    try:
        return rest[:length].decode(), begin + rest
    except UnicodeDecodeError as error:
        raise SealBroken(SealBroken.__doc__) from error


class ChunkSealer:
    """Seals content as it comes. Always keeps back what may be the last chunk."""

    def __init__(self, key: bytes, stated: bytes) -> None:
        self._key, self._stated = AESGCM(key), stated
        self._held = bytearray()
        self._number = 0

    def update(self, content: bytes) -> bytes:
        """The chunks that are complete by now, sealed."""
        self._held += content
        sealed = []
        while len(self._held) > CHUNK:
            sealed.append(self._seal(bytes(self._held[:CHUNK]), last=False))
            del self._held[:CHUNK]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The last chunk, sealed; empty content has one chunk too."""
        return self._seal(bytes(self._held), last=True)

    def _seal(self, content: bytes, *, last: bool) -> bytes:
        sealed = self._key.encrypt(_nonce(self._stated, self._number, last=last), content, self._stated)
        self._number += 1
        return sealed


def opened(handle: Readable, key: bytes, label: str) -> Iterator[bytes]:
    """The content of a sealed file, chunk by chunk; each chunk is whole and in its place when it is given out.

    Raises `SealBroken` as soon as something does not fit, at the end too: only who came to the end has the whole.
    """
    named, stated = read_header(handle)
    if named != label:
        raise SealBroken(SealBroken.__doc__)
    cipher, number = AESGCM(key), 0
    piece = handle.read(CHUNK + TAG)
    while True:
        following = handle.read(CHUNK + TAG) if len(piece) == CHUNK + TAG else b""
        try:
            yield cipher.decrypt(_nonce(stated, number, last=not following), piece, stated)
        except (InvalidTag, ValueError) as error:
            raise SealBroken(SealBroken.__doc__) from error
        if not following:
            return
        piece, number = following, number + 1


def _nonce(stated: bytes, number: int, *, last: bool) -> bytes:
    return stated[-PREFIX:] + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
