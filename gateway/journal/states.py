"""The closed lists of states that a delivery and an inbound event can be in, and of what a person may order."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """The only names of a delivery's state, in the API, the CLI and SQL (architecture 3)."""

    READY = "READY"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    WAITING = "WAITING"
    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    HELD = "HELD"
    SUPERSEDED = "SUPERSEDED"


TERMINAL = frozenset({DeliveryState.DELIVERED, DeliveryState.REFUSED, DeliveryState.SUPERSEDED})


class InboundStatus(StrEnum):
    """What became of an inbound event (dossier-model 4.2). `applied_late`: arrived after its gap was skipped."""

    ACCEPTED = "accepted"
    STALE = "stale"
    APPLIED_LATE = "applied_late"
    PARKED_GAP = "parked_gap"
    PARKED_CONFLICT = "parked_conflict"
    SKIPPED = "skipped"


PARKED = frozenset({InboundStatus.PARKED_GAP, InboundStatus.PARKED_CONFLICT})


class OrderKind(StrEnum):
    """What a person may decide about a lane."""

    HOLD = "hold"
    RELEASE = "release"
    SKIP = "skip"
    REPLAY = "replay"
