"""Notices for the conformance suite: what a carrier that signs with a key of its own says, and what somebody else makes of it.

A witness: it signs by postal facts 4.4 with its own hands and shares no code with the dialect.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.kit.contract import Notice

CUSTOMER = "HOPQUY02"
"""Our customer code at the carrier that pushes."""


def pushed(number: int, order_number: str, began: datetime, receiver: str) -> Notice:
    """The notice that a parcel was delivered, signed, of the minute when the case began."""
    at = (began + timedelta(hours=7)).strftime("%Y-%m-%dT%H:%M:%S")
    told = {
        "Id": f"5f2d1f60-0000-4000-8000-{number:012d}",
        "ItemCode": "EL491610889VN",
        "CustomerCode": CUSTOMER,
        "OrderCode": order_number,
        "OrderStatusId": 100,
        "ReceiverFullname": receiver,
        "DeliveryTime": at,
        "LastUpdateTime": at,
    }
    data = msgspec.json.encode(told).decode()
    signed = _key().sign(f"{data}{at}".encode(), padding.PKCS1v15(), hashes.SHA256())
    push = {"Data": data, "SendDate": at, "SignData": base64.b64encode(signed).decode()}
    headers = {"content-type": "application/json"}
    return Notice("POST", "/v1/callbacks/postal/m1", "", headers, msgspec.json.encode(push), "127.0.0.1", profile="m1")


@cache
def _key() -> rsa.RSAPrivateKey:
    """What the carrier of the case signs with: one for each process."""
    return rsa.generate_private_key(65_537, 2_048)


def public_key() -> str:
    """Its public half, as an operator configures it."""
    spelled = _key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return spelled.decode()


def forgeries(genuine: Notice) -> Sequence[Notice]:
    """Another status, another moment, another signature, none, somebody else's key, network, dialect, and no JSON."""
    body = genuine.body
    push: dict[str, str] = msgspec.json.decode(body)
    other = rsa.generate_private_key(65_537, 2_048)
    strange = other.sign(f"{push['Data']}{push['SendDate']}".encode(), padding.PKCS1v15(), hashes.SHA256())

    def changed(**members: str) -> Notice:
        return replace(genuine, body=msgspec.json.encode({**push, **members}))

    return (
        changed(Data=push["Data"].replace('"OrderStatusId":100', '"OrderStatusId":170')),
        changed(SendDate=push["SendDate"].replace("T", "t")),
        changed(SignData="A" + push["SignData"][1:] if push["SignData"][0] != "A" else "B" + push["SignData"][1:]),
        changed(SignData=""),
        changed(SignData=base64.b64encode(strange).decode()),
        replace(genuine, body=body[:-1]),
        replace(genuine, peer="203.0.113.9"),
        replace(genuine, profile="h2"),
        replace(genuine, method="GET"),
    )
