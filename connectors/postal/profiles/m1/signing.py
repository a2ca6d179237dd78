"""Who signed a notice of donhang: RSASSA-PKCS1-v1_5 with SHA-256 over the text of Data and SendDate (postal facts 4.4).

Keys are handed over as .NET `<RSAKeyValue>` (XML Signature 1.1, 4.5.2.2) or as PEM (SubjectPublicKeyInfo); several are active
while one replaces another. The value of a signature has one spelling in base64 (RFC 4648 3.5), so that no changed letter passes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signing.algorithms import Scheme, algorithm, verifies

_SCHEME: Final = algorithm(Scheme.RSA_PKCS1, "sha256")
_MOST_BITS: Final = 16_384
_LONGEST_KEY: Final = 16_384
_KEY_VALUE: Final = re.compile(
    r"\s*<RSAKeyValue(?: xmlns=\"http://www\.w3\.org/2000/09/xmldsig#\")?>"
    r"\s*<Modulus>([A-Za-z0-9+/=\s]+)</Modulus>\s*<Exponent>([A-Za-z0-9+/=\s]+)</Exponent>\s*</RSAKeyValue>\s*",
    re.ASCII,
)


class NoKey(ValueError):
    """Khóa công khai không dùng được; the text says why in Vietnamese and repeats nothing of it."""


def public_key(text: str, fewest_bits: int = 2_048) -> rsa.RSAPublicKey:
    """The key that was handed over. Raises `NoKey` for what is none, and for one that is too short to be trusted."""
    key = _of_numbers(text) if "<RSAKeyValue" in text[:200] else _of_pem(text)
    if not fewest_bits <= key.key_size <= _MOST_BITS:
        raise NoKey(f"public_keys: khóa RSA {key.key_size} bit, cần từ {fewest_bits} bit")
    return key


def is_signed(keys: Iterable[rsa.RSAPublicKey], data: str, send_date: str, presented: str) -> bool:
    """Whether one of `keys` signed these very texts."""
    signature = _signature(presented)
    try:
        signed = f"{data}{send_date}".encode()
    except UnicodeEncodeError:
        return False
    digest = _SCHEME.digest.of(signed)
    return bool(signature) and any(verifies(key, _SCHEME, digest, signature) for key in keys)


def _signature(presented: str) -> bytes:
    """The bytes behind base64 in its one spelling; none for anything else."""
    try:
        value = base64.b64decode(presented, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return value if base64.b64encode(value).decode("ascii") == presented else b""


def _of_numbers(text: str) -> rsa.RSAPublicKey:
    found = _KEY_VALUE.fullmatch(text) if len(text) <= _LONGEST_KEY else None
    if found is None:
        raise NoKey("public_keys: RSAKeyValue phải gồm đúng Modulus và Exponent")
    try:
        modulus, exponent = (
            int.from_bytes(base64.b64decode("".join(part.split()), validate=True), "big") for part in found.groups()
        )
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (binascii.Error, ValueError):
        raise NoKey("public_keys: Modulus hoặc Exponent không phải số của một khóa RSA") from None


def _of_pem(text: str) -> rsa.RSAPublicKey:
    try:
        key = load_pem_public_key(text.encode()) if len(text) <= _LONGEST_KEY else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise NoKey("public_keys: cần khóa công khai RSA dạng PEM hoặc RSAKeyValue")
    return key
