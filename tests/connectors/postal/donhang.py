"""A witness of donhang for tests: its own keys, its own reading of what it signs, and the published notice of 2021."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .m1_orders import CUSTOMER, NUMBER

_VECTOR = Path(__file__).parents[2] / "vectors" / "postal" / "donhang-notice.json"
GUID = "0f8fad5b-d9cb-469f-a165-708677289501"
SENT = "2026-11-21T10:09:30"
"""Half a minute before `m1_orders.NOW`."""


@dataclass(frozen=True, slots=True)
class Vector:
    """The notice of postal facts 4.4, with the key that signed it."""

    data: str = field(repr=False)
    send_date: str
    sign_data: str
    sha256: str
    modulus: str
    exponent: str
    source: str = ""

    @property
    def key(self) -> str:
        """The key as the carrier hands it over."""
        return key_value(self.modulus, self.exponent)


VECTOR = msgspec.json.decode(_VECTOR.read_bytes(), type=Vector)


def key_value(modulus: str, exponent: str) -> str:
    """A key as .NET writes it."""
    return f"<RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>{exponent}</Exponent></RSAKeyValue>"


@cache
def private_key(bits: int = 2_048, number: int = 0) -> rsa.RSAPrivateKey:
    """A fresh key of this run; `number` tells several apart."""
    del number
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def as_key_value(key: rsa.RSAPrivateKey) -> str:
    """Its public half as .NET writes it."""
    numbers = key.public_key().public_numbers()
    modulus, exponent = (
        base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
        for number in (numbers.n, numbers.e)
    )
    return key_value(modulus, exponent)


def as_pem(key: rsa.RSAPrivateKey) -> str:
    """Its public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(key: rsa.RSAPrivateKey, data: str, send_date: str) -> str:
    """What stands in `SignData`."""
    return base64.b64encode(key.sign((data + send_date).encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def data_of(**changes: object) -> str:
    """`Data` about the usual parcel, which an office has received."""
    usual: dict[str, object] = {
        "Id": GUID,
        "ItemCode": "EL491610889VN",
        "CustomerCode": CUSTOMER,
        "OrderCode": NUMBER,
        "OrderStatusId": 70,
        "CodAmount": 150_000.0,
        "AcceptancePoscode": "100000",
        "ToPOSCode": None,
        "DeliveryTimes": 0,
        "DeliveryTime": None,
        "IsDeliverable": False,
        "IsReturn": False,
        "CreateTime": "0001-01-01T00:00:00",
        "LastUpdateTime": "21/11/2026 09:15:00",
    }
    return json.dumps({**usual, **changes}, ensure_ascii=False)


def push(data: str, key: rsa.RSAPrivateKey | None = None, send_date: str = SENT) -> bytes:
    """A signed notice."""
    signature = signed(key or private_key(), data, send_date)
    return json.dumps({"Data": data, "SendDate": send_date, "SignData": signature}).encode()
