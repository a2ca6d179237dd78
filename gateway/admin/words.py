"""The words of an operator's decision, as operations get them: who, why, about what, and the proof of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.journal.model import Signed


@dataclass(frozen=True, slots=True)
class Words:
    """A person's decision in words. `actor` is the operator's name; `details` are those of commands that need more.

    `decision_id` is that of the first statement and never changes. `approved_by` is the second operator, empty where none was
    needed or has signed yet. `signed` is the signed statement on its way into the transaction: every operation hands it on
    to the journal, which writes it with what was decided.
    """

    actor: str
    reason: str
    upstream: str = ""
    dossier: str = ""
    delivery_id: str = ""
    source: str = ""
    event_id: str = ""
    sequence: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    decision_id: str = ""
    approved_by: str = ""
    signed: Signed | None = None
