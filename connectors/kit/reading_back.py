"""Reading back: what an upstream shows of a dossier, held against what was acknowledged there. It has no effect upstream.

A connector says in its manifest ([read_back]) what its upstream lets us see and what it does not; most let us see little, and
a reconciliation that does not say so would be believed too much. Nothing that is read back changes a delivery: a difference is
told to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from connectors.kit.budgets import Budget


class Sight(StrEnum):
    """What was seen of a dossier.

    `agrees`: nothing that can be seen contradicts what was acknowledged. `missing`: it is not there. `differs`: it is there with
    another content. `cannot_tell`: the upstream answered, and its answer says neither.
    """

    AGREES = "agrees"
    MISSING = "missing"
    DIFFERS = "differs"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The last delivery of one operation that the upstream acknowledged for a dossier."""

    delivery_id: str
    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Believed:
    """What we believe that an upstream holds of a dossier: by operation, what it acknowledged last.

    `quiet`: nothing of this dossier is on its way there, so that its content cannot be about to change.
    """

    upstream: str
    dossier_code: str
    acknowledged: Mapping[str, Acknowledged] = field(default_factory=dict)
    quiet: bool = True


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was seen. `operations` are those whose acknowledgement is contradicted; `told_vi` says how, without personal data."""

    sight: Sight
    operations: tuple[str, ...] = ()
    told_vi: str = ""


@runtime_checkable
class ReadsBack(Protocol):
    """A connector whose upstream can be read back (capability `ReadsBack`). Raises only `DeliveryError`.

    A network error is never "missing".
    """

    async def read_back(self, believed: Believed, budget: Budget) -> ReadBack | None:
        """What the upstream shows; None where nothing that was acknowledged could be seen there."""
        ...
