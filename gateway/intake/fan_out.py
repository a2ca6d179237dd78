"""The deliveries that an event means, in lane order: whether it goes out at once, after an ack, or by a person's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.journal.model import NewDelivery
from gateway.routes import Route, delivery_id
from mappings.canonical import StatusEvent
from mappings.codes import DossierStatus


@dataclass(frozen=True, slots=True)
class Going:
    """An event on its way out. A `late` one goes only where its history is wanted; `passing` as `passing` says."""

    source: str
    event_id: str
    late: bool
    legal_due: datetime | None
    passing: bool = False


def passing(event: StatusEvent) -> bool:
    """Whether a later record of the dossier says all that the record of this event would have said (decision 0032).

    Only a step of processing that brings nothing of its own: no due date, fee or result. What begins, stops or ends a case,
    or demands something, is always told: dates are witnessed by these (national-portal facts 5.3).
    """
    return event.state is DossierStatus.PROCESSING and not (event.new_due_at or event.fees or event.results)


def fan_out(routes: Iterable[Route], going: Going) -> tuple[NewDelivery, ...]:
    """One delivery for each route and operation."""
    return tuple(
        NewDelivery(
            delivery_id=delivery_id(going.source, going.event_id, route.upstream, operation.name),
            upstream=route.upstream,
            operation=operation.name,
            event_id=going.event_id,
            source=going.source,
            legal_due=going.legal_due,
            supersedes=operation.cumulative,
            replaceable=operation.cumulative and going.passing,
        )
        for route in routes
        for operation in route.operations
        if operation.when_late or not going.late
    )
