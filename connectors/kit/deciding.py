"""Decisions about a ledger that only operators may take: what their signed words become.

A connector declares them in its manifest ([decisions.NAME]); the desk verifies who signs, demands a second operator's key where
the declaration says so, and only then asks the connector for the change, which commits with statement and signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from connectors.kit.ledgers import Change


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was signed. `fields` are its words beside the ledger's id, as the operator gave them.

    `decided_by` proposed it; `approved_by` is the second operator, empty where none was needed or has signed yet.
    `decision_id` never changes, so it is fit to be the key of the change.
    """

    decision: str
    ledger_id: str
    fields: Mapping[str, str]
    decision_id: str
    decided_by: str
    approved_by: str
    reason: str
    at: datetime = field(compare=False)


@runtime_checkable
class Decides(Protocol):
    """A connector with decisions (capability `Decides`)."""

    async def decided(self, decision: Decided) -> Change:
        """The change that a decision makes; the same decision gives the same change.

        It is asked when a decision is proposed (`approved_by` empty), so that nobody signs what cannot be, and again when it
        is carried out. Raises `CannotMap` with the reason in Vietnamese for a decision that cannot be taken.
        """
        ...
