"""The signature vectors of payment: 106 of them, each computed with two implementations, 38 published by their vendors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from connectors.payment.speaking import Key

_FILE = Path(__file__).parents[2] / "vectors" / "payment" / "payment-vectors.json"


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector. `fields` are the message's own, by their names on the wire; `presented` is what stands in the message."""

    id: str
    provider: str
    operation: str
    algorithm: str
    output: str
    secret: str
    hex_secret: bool
    canonical: str
    signature: str
    expect: str
    presented: str
    fields: dict[str, Any] | None

    def texts(self) -> dict[str, str]:
        """The fields as text; a number as JSON writes it."""
        return {name: value if isinstance(value, str) else str(value) for name, value in (self.fields or {}).items()}

    def keys(self) -> tuple[Key, ...]:
        """The secret as the one key in force."""
        return (Key(id="vector", value=self.secret),)


def _vector(row: dict[str, Any]) -> Vector:
    return Vector(
        id=row["id"],
        provider=row["provider"],
        operation=row["operation"],
        algorithm=row["algorithm"],
        output=row["output_encoding"],
        secret=row["secret"] or "",
        hex_secret=row["secret_encoding"] == "hex",
        canonical=row["canonical_string"],
        signature=row["signature"],
        expect=row["expect"],
        presented=row.get("presented_signature", row["signature"]),
        fields=row.get("fields"),
    )


VECTORS: tuple[Vector, ...] = tuple(
    _vector(row) for row in msgspec.json.decode(_FILE.read_bytes(), type=list[dict[str, Any]])
)
"""Every vector, in the order of the file."""


def of(*providers: str) -> tuple[Vector, ...]:
    """The vectors of some intermediaries."""
    return tuple(vector for vector in VECTORS if vector.provider in providers)
