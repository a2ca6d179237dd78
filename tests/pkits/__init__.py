"""NIST PKITS 1.0.1, every case: a public-domain work of the United States Government, committed in two small files.

`cases.json` holds each case with its inputs and expected result, `material.tar.xz` the certificates and lists (DER) that they
name. Both are made by `tests/pkits/generate.py`.
"""

from __future__ import annotations

import json
import lzma
import tarfile
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """One case: certificates from the anchor to the target, lists, inputs of RFC 5280 6.1.1, and what must come out.

    `user_constrained`: the user-constrained policy set that must result, None where the suite names none.
    """

    number: str
    name: str
    certificates: tuple[str, ...]
    crls: tuple[str, ...]
    valid: bool
    policies: frozenset[str]
    explicit_policy: bool
    inhibit_mapping: bool
    inhibit_any: bool
    user_constrained: tuple[str, ...] | None


@cache
def cases() -> tuple[Case, ...]:
    """Every case, subparts included, in the suite's order."""
    rows = json.loads((HERE / "cases.json").read_text("utf-8"))
    return tuple(
        Case(
            **{
                **row,
                "certificates": tuple(row["certificates"]),
                "crls": tuple(row["crls"]),
                "policies": frozenset(row["policies"]),
                "user_constrained": None if row["user_constrained"] is None else tuple(row["user_constrained"]),
            }
        )
        for row in rows
    )


@cache
def _material() -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=BytesIO(lzma.decompress((HERE / "material.tar.xz").read_bytes()))) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            found[entry.name] = content.read()
    return found


def certificate(name: str) -> bytes:
    """A certificate of the suite, DER."""
    return _material()[f"certs/{name}.crt"]


def crl(name: str) -> bytes:
    """A list of the suite, DER."""
    return _material()[f"crls/{name}.crl"]
