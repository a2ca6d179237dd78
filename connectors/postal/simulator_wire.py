"""Bytes of the simulated carriers: strict reading, refusals in their own words, times of Viet Nam, signatures of notices.

Own reading of postal facts 2 to 4; nothing of it is shared with the client.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

VIET_NAM = timezone(timedelta(hours=7))


class Refusal(Exception):
    """A carrier refuses a request: the HTTP status, its own code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"duplicate member {key[:40]}")
        found[key] = value
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"not a number: {text}")


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8; raises `Refusal` for anything else, duplicate members, NaN and lone surrogates included."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal(400, 400, "Dữ liệu không phải JSON hợp lệ") from error
    if not isinstance(value, dict):
        raise Refusal(400, 400, "Dữ liệu phải là một đối tượng")
    return value


def only(values: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises `Refusal` for a member that this message does not have."""
    strange = sorted(set(values) - set(names))
    if strange:
        raise Refusal(400, 400, f"Không có trường {strange[0][:40]}")


def as_text(values: Mapping[str, Any], name: str, pattern: str = r"(?s).{1,500}") -> str:
    """A text of a message; raises `Refusal` naming the field where it is absent, no text, or does not fit."""
    value = values.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Refusal(400, 400, f"{name} không hợp lệ")
    return value


def optional_text(values: Mapping[str, Any], name: str) -> str:
    """A text that may be missing, null or empty; raises `Refusal` for anything that is no text."""
    return as_text(values, name, r"(?s).{0,2000}") if values.get(name) is not None else ""


def as_number(values: Mapping[str, Any], name: str, least: int = 0, most: int = 10**12) -> int:
    """A number without a fraction; raises `Refusal`."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise Refusal(400, 400, f"{name} không hợp lệ")
    if not least <= value <= most:
        raise Refusal(400, 400, f"{name} ngoài phạm vi")
    return int(value)


def optional_number(values: Mapping[str, Any], name: str, most: int = 10**12) -> int:
    """A number that may be missing or null, which is 0; raises `Refusal`."""
    return as_number(values, name, 0, most) if values.get(name) is not None else 0


def compact(at: datetime) -> int:
    """A moment as the number `yyyyMMddHHmmss` of Viet Nam."""
    return int(at.astimezone(VIET_NAM).strftime("%Y%m%d%H%M%S"))


def plain(at: datetime) -> str:
    """A moment as `yyyy-MM-ddTHH:mm:ss` of Viet Nam, as M1 writes `SendDate`."""
    return at.astimezone(VIET_NAM).strftime("%Y-%m-%dT%H:%M:%S")


def slashed(at: datetime) -> str:
    """A moment as `DD/MM/YYYY HH:mm:ss` of Viet Nam, as M1 writes `LastUpdateTime`."""
    return at.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M:%S")


def signed(key: rsa.RSAPrivateKey, text: str) -> str:
    """RSASSA-PKCS1-v1_5 with SHA-256 over a text in UTF-8, as Base64 (facts 4.4)."""
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def key_value(key: rsa.RSAPrivateKey) -> str:
    """The public half as .NET `RSAKeyValue`."""
    numbers = key.public_key().public_numbers()
    modulus, exponent = (
        base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode("ascii")
        for number in (numbers.n, numbers.e)
    )
    return f"<RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>{exponent}</Exponent></RSAKeyValue>"


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """The public half as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode("ascii")


def read_key(pem: bytes) -> rsa.RSAPrivateKey:
    """A private key from PEM; raises `ValueError` where it is none of RSA."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key that nobody had before."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)
