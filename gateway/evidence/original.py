"""The original of an accepted event: the signed parts of its request with its body, so that a third party can check both.

A digest alone proves that we kept what we kept; the caller's signature over the very bytes proves who sent them (RFC 9421;
QĐ 3036 Điều 11.2, non-repudiation). Form: one line of JSON (method, path, query, the header fields that a signature may
cover), a line feed, the body as it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

KEPT_HEADERS = frozenset({"content-type", "content-digest", "signature-input", "signature", "idempotency-key"})


@dataclass(frozen=True, slots=True)
class Witness:
    """The client certificate that came with a request, in base64 of its DER form, and who saw its key used.

    `by` is `tls` when this gateway made the handshake, `proxy` when a listed proxy reported it (RFC 9440). Without a
    signature this is all that vouches for the request: our word, and no proof to a third party.
    """

    by: Literal["tls", "proxy"]
    certificate: str


@dataclass(frozen=True, slots=True)
class Original:
    """A request as it was signed. `path` is the logical path; `headers` are (lower-case name, value) in order of the wire."""

    method: str
    path: str
    query: str | None
    headers: tuple[tuple[str, str], ...]
    witness: Witness | None = None


def signed_parts(
    method: str, path: str, query: str | None, headers: Iterable[tuple[str, str]], witness: Witness | None = None
) -> Original:
    """What is kept of a request's head: what a signature is made of, and the certificate that came with it."""
    kept = tuple((name.lower(), value) for name, value in headers if name.lower() in KEPT_HEADERS)
    return Original(method, path, query, kept, witness)


def pack(original: Original, body: bytes) -> bytes:
    """The bytes that are kept."""
    return msgspec.json.encode(original) + b"\n" + body


def unpack(kept: bytes) -> tuple[Original, bytes]:
    """Head and body of what `pack` made; raises `msgspec.DecodeError` for anything else."""
    head, _, body = kept.partition(b"\n")
    return msgspec.json.decode(head, type=Original), body
