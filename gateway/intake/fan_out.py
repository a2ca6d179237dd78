"""The deliveries that an event means, in lane order: whether it goes out at once, after an ack, or by a person's order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gateway.journal.model import NewDelivery
from gateway.routes import Route, delivery_id


def fan_out(
    routes: Iterable[Route], source: str, event_id: str, *, late: bool, legal_due: datetime | None
) -> tuple[NewDelivery, ...]:
    """One delivery for each route and operation; a `late` event goes only where its history is wanted."""
    return tuple(
        NewDelivery(
            delivery_id=delivery_id(source, event_id, route.upstream, operation.name),
            upstream=route.upstream,
            operation=operation.name,
            event_id=event_id,
            source=source,
            legal_due=legal_due,
        )
        for route in routes
        for operation in route.operations
        if operation.when_late or not late
    )
