"""Which events go to which upstreams: declared in the configuration, linted at start, pure.

A resolution event goes to the outside systems; a sector event goes to the resolution system first
(architecture 1). Which operations an event means at an upstream, and in which order, its manifest says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventOperation:
    """An operation that an event triggers. `when_late`: also for a predecessor that arrived after its gap was skipped.

    `cumulative`: a newer delivery of it says all that an older one says.
    """

    name: str
    when_late: bool = False
    cumulative: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One upstream with the operations of an event, in lane order."""

    upstream: str
    operations: tuple[EventOperation, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes by the caller's role.

    `results`: the operation by which each outside system takes judged results; None: results are not judged here.
    """

    by_role: Mapping[str, tuple[Route, ...]]
    results: Mapping[str, str] | None = None

    def first(self, role: str) -> tuple[Route, ...]:
        """Where an event of a caller with this role goes when it is accepted."""
        return self.by_role.get(role, ())

    def follow_ups(self) -> tuple[Route, ...]:
        """Where a sector event goes once the resolution system acknowledged it, under `outside: on_ack`."""
        return self.by_role.get("resolution", ())


def delivery_id(source: str, event_id: str, upstream: str, operation: str) -> str:
    """The id of a delivery: stable over attempts, unique although two systems may use one event id.

    It travels as `webhook-id`, which must not hold a full stop (Standard Webhooks: the signed text is `id.timestamp.body`).
    """
    return ":".join((source, event_id, upstream, operation)).replace(".", "-")
