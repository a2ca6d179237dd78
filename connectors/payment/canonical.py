"""What is signed at an intermediary, as data: the text that is made of a message's fields, and the digest of it that is sent.

A `Recipe` holds the columns of payment facts 4.1: order, encoding, empty values, place of the secret, algorithm, output. One
recipe signs and verifies, so what we sign verifies. Values are hashed as they are given: nothing is trimmed or normalised.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import quote

from connectors.payment.keyring import verified_by
from connectors.payment.speaking import Key

PYTHON_PLAIN: Final = "-_.~"
PHP_PLAIN: Final = "-_."
JAVA_PLAIN: Final = "-_.*"
DOTNET_PLAIN: Final = "-_.!*()"
JAVASCRIPT_PLAIN: Final = "-_.!~*'()"
"""What the form encoders of five languages leave as it is besides letters and digits (payment facts 3.5)."""


class Algorithm(StrEnum):
    """The digests that intermediaries use. Only the keyed ones are MACs; the others have the secret in their text."""

    MD5 = "MD5"
    SHA_256 = "SHA-256"
    HMAC_SHA_1 = "HMAC-SHA-1"
    HMAC_SHA_256 = "HMAC-SHA-256"
    HMAC_SHA_512 = "HMAC-SHA-512"
    CRC_16 = "CRC-16/CCITT-FALSE"


class Place(StrEnum):
    """Where the secret enters. `SUFFIX` and `KEY_AND_SUFFIX` put the separator before it, `PREFIX` puts nothing after it."""

    NOWHERE = "none"
    KEY = "key"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    EMBEDDED = "embedded"
    KEY_AND_SUFFIX = "key_and_suffix"


class Output(StrEnum):
    """How the digest is written."""

    LOWER = "hex-lower"
    UPPER = "hex-upper"
    BASE64 = "base64"


_KEYED: Final[Mapping[Algorithm, str]] = {
    Algorithm.HMAC_SHA_1: "sha1",
    Algorithm.HMAC_SHA_256: "sha256",
    Algorithm.HMAC_SHA_512: "sha512",
}
_AS_KEY: Final = frozenset({Place.KEY, Place.KEY_AND_SUFFIX})


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one message of one intermediary is signed.

    `names` are the signed fields in order, () for every field that is given; `by_name` sorts them by their bytes. `pairs`
    writes `name=value`. `form` url-encodes names and values (UTF-8, space as `+`, upper-case hex, `plain` left as it is);
    what came url-encoded is verified without it, over its raw text. `absent` and `empty` say what becomes of a missing field
    and of an empty value. `embedded` names the field whose place an embedded secret takes. `hex_key`: the secret is hex.

    Raises `ValueError` for a recipe that contradicts itself.
    """

    algorithm: Algorithm
    names: tuple[str, ...] = ()
    by_name: bool = False
    pairs: bool = False
    separator: str = "|"
    form: bool = False
    plain: str = PYTHON_PLAIN
    absent: Literal["empty", "skip"] = "empty"
    empty: Literal["keep", "skip"] = "keep"
    place: Place = Place.KEY
    embedded: str = ""
    output: Output = Output.LOWER
    hex_key: bool = False

    def __post_init__(self) -> None:
        """A keyed digest takes its secret as a key, any other does not; an embedded secret has a name."""
        if (self.algorithm in _KEYED) != (self.place in _AS_KEY) or (self.place is Place.EMBEDDED) != bool(
            self.embedded
        ):
            raise ValueError(f"{self.algorithm} with the secret as {self.place}")

    def text(self, fields: Mapping[str, str], secret: str = "") -> str:
        """The exact text that is hashed; it contains the secret wherever the secret is no key, so it is never shown."""
        values = dict(fields)
        if self.place is Place.EMBEDDED:
            values[self.embedded] = secret
        joined = self.separator.join(self._written(name, values.get(name, "")) for name in self._signed(values))
        if self.place is Place.PREFIX:
            return secret + joined
        return joined + self.separator + secret if self.place in (Place.SUFFIX, Place.KEY_AND_SUFFIX) else joined

    def sign(self, fields: Mapping[str, str], secret: str = "") -> str:
        """The signature of `fields`. Raises `UnicodeEncodeError` for text that is no Unicode (a lone surrogate)."""
        return self.digest(self.text(fields, secret), secret)

    def digest(self, text: str, secret: str = "") -> str:
        """The signature of a text that is there already; it contains the secret wherever the secret is no key."""
        raw = self._raw(text.encode(), bytes.fromhex(secret) if self.hex_key else secret.encode())
        if self.output is Output.BASE64:
            return base64.b64encode(raw).decode()
        return raw.hex() if self.output is Output.LOWER else raw.hex().upper()

    def verified(self, fields: Mapping[str, str], presented: str, keys: Sequence[Key]) -> str:
        """The id of the key by which `presented` is the signature of `fields`, "" for none; every key is tried."""
        return self._verified(lambda key: self.sign(fields, key.value), presented, keys)

    def verified_text(self, text: str, presented: str, keys: Sequence[Key]) -> str:
        """The same for a text that came whole, such as the `data` of ZaloPay; only where the secret is a key."""
        return self._verified(lambda key: self.digest(text, key.value), presented, keys)

    def _verified(self, digest: Callable[[Key], str], presented: str, keys: Sequence[Key]) -> str:
        """Hex is compared without case (payment facts 4.1), Base64 as it is. What has no bytes has no signature."""
        try:
            return verified_by(keys, digest, presented, any_case=self.output is not Output.BASE64)
        except ValueError:  # a lone surrogate, or a hex secret that is none
            return ""

    def _signed(self, values: Mapping[str, str]) -> Sequence[str]:
        names = [name for name in (self.names or values) if self._counts(name, values)]
        return sorted(names) if self.by_name else names

    def _counts(self, name: str, values: Mapping[str, str]) -> bool:
        if name not in values:
            return self.absent == "empty" and self.empty == "keep"
        return self.empty == "keep" or values[name] != ""

    def _written(self, name: str, value: str) -> str:
        if self.form:
            name, value = form_encoded(name, self.plain), form_encoded(value, self.plain)
        return f"{name}={value}" if self.pairs else value

    def _raw(self, text: bytes, secret: bytes) -> bytes:
        if self.algorithm in _KEYED:
            return hmac.digest(secret, text, _KEYED[self.algorithm])
        if self.algorithm is Algorithm.CRC_16:
            return binascii.crc_hqx(text, 0xFFFF).to_bytes(2, "big")
        if self.algorithm is Algorithm.MD5:
            return hashlib.md5(text, usedforsecurity=False).digest()
        return hashlib.sha256(text).digest()


def form_encoded(text: str, plain: str = PYTHON_PLAIN) -> str:
    """`text` as application/x-www-form-urlencoded; `plain` stays as it is, besides ASCII letters and digits."""
    written = quote(text, safe=plain + " ").replace(" ", "+")
    for always in PYTHON_PLAIN:  # urllib never encodes these, whatever it is told; other languages do
        if always not in plain:
            written = written.replace(always, f"%{ord(always):02X}")
    return written


def same_text(left: str, right: str) -> bool:
    """Whether two texts are the same, in constant time for texts of one length; text that is no Unicode is never the same."""
    try:
        return hmac.compare_digest(left.encode(), right.encode())
    except UnicodeEncodeError:
        return False
