"""Reads what callers send to the endpoints of the post, and says whose parcels a system may ask about."""

from __future__ import annotations

from typing import TypeVar

from connectors.kit import requests
from connectors.kit.contract import Sender
from connectors.kit.requests import Request
from connectors.postal.refusals import Refused

R = TypeVar("R", bound=Request)


def read_request(body: bytes, kind: type[R], area: str = "shipment") -> tuple[R, str]:
    """The request in `body`, and the SHA-256 of its meaning in hex. Raises `Refused` that names every fault."""
    return requests.read_request(body, kind, Refused, area)


def covered(sender: Sender, procedure: str) -> None:
    """Raises `Refused` where a system asks about a procedure that it does not work on."""
    if sender.role != "resolution" and not {"*", procedure} & set(sender.procedures):
        raise Refused("shipment_forbidden")
