"""Counts every private key that this process parses. Imported before anything that imports the parsers by name."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

LOADS = [0]
"""How many so far."""


def _counted(load: Callable[..., object]) -> Callable[..., object]:
    def counted(*arguments: object, **named: object) -> object:
        LOADS[0] += 1
        return load(*arguments, **named)

    return counted


for _module, _names in (
    (serialization, ("load_pem_private_key", "load_der_private_key")),
    (pkcs12, ("load_key_and_certificates", "load_pkcs12")),
):
    for _name in _names:
        setattr(_module, _name, _counted(getattr(_module, _name)))
