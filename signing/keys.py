"""Who signs: one async protocol for keys in a file, on a token, or far away. Only raw signatures over digests come out."""

from __future__ import annotations

from typing import Protocol

from signing.algorithms import SignatureAlgorithm


class Signer(Protocol):
    """One signing key with its certificate. Raises `KeyUnavailable` when it cannot sign now."""

    @property
    def certificate(self) -> bytes:
        """The signer's certificate, DER."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Certificates above it without the root, DER, nearest first."""

    @property
    def algorithms(self) -> tuple[SignatureAlgorithm, ...]:
        """What this key can do, the preferred one first."""

    async def sign(self, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """The signature of a digest that was computed with `algorithm.digest`; ECDSA values are DER (r, s)."""
