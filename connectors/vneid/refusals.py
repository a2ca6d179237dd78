"""Reads `sign_on_refusals.csv`: why a sign-on was refused, as a stable code with the words for the person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from connectors.kit.signing_on import SignOnRefused
from mappings.tables import load_table


@cache
def reasons() -> Mapping[str, str]:
    """Every code with its sentence."""
    table = load_table("sign_on_refusals", files("connectors.vneid"), ("code",))
    return {row["code"]: row["message_vi"] for row in table.rows}


def refused(code: str) -> SignOnRefused:
    """The refusal of that code, to be raised."""
    return SignOnRefused(code, reasons()[code])
