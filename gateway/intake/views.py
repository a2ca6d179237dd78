"""What callers may read of a dossier and of an event: codes, times and receipts, as JSON trees. Pure.

No payload is opened here and nobody's name is shown: who asks for the applicant asks the resolution system. What an
upstream said in its own words stays inside too, because its words are not ours to vouch for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.errors import NoLongerKept
from gateway.journal.model import TERMINAL, AttemptRow, DeliveryRow, DeliveryState, Gone, InboundRow, LaneRow
from gateway.records import dossiers
from gateway.records.courses import Course
from gateway.records.results import ListedResult

_TOLD_OF_RECEIPT = ("reference", "at", "duplicate", "enquired", "http_status", "upstream_code", "findings")

Json = dict[str, object]


def event_view(row: InboundRow, deliveries: Sequence[DeliveryRow]) -> Json:
    """An event: what its sender was told then, what it is now, and every delivery that came of it."""
    known = row.known
    return {
        "event_id": known.event_id,
        "system_code": known.source,
        "dossier_code": known.dossier,
        "sequence": known.sequence,
        "status": known.status,
        "received_at": row.received_at,
        "digest": f"sha256:{known.digest.hex()}",
        "receipt": msgspec.Raw(row.answer or b"null"),
        "deliveries": [delivery_view(delivery) for delivery in deliveries],
    }


def dossier_view(code: str, course: Course, lanes: Sequence[LaneRow], deliveries: Sequence[DeliveryRow]) -> Json:
    """A dossier: its state in everybody's view, its lanes, each delivery with every attempt, what each upstream has."""
    return {
        "dossier_code": code,
        "dossier_uid": dossiers.uid(code),
        "version": course.version,
        "procedure_code": course.procedure,
        "procedure_national_code": course.national_procedure,
        "state": course.state(),
        "outcome": course.outcome,
        "due_at": course.due_at,
        "systems": [
            {"system_code": source, "state": view.state, "last_sequence": view.sequence}
            for source, view in sorted(course.sources.items())
        ],
        "lanes": [_lane_view(lane) for lane in lanes],
        "acknowledged": _acknowledged(deliveries),
        "deliveries": [delivery_view(delivery) for delivery in deliveries],
    }


def with_events(view: Json, events: Sequence[InboundRow]) -> Json:
    """The view with the inbound events of the dossier, by position."""
    view["events"] = [
        {
            "event_id": row.known.event_id,
            "system_code": row.known.source,
            "sequence": row.known.sequence,
            "status": row.known.status,
            "received_at": row.received_at,
        }
        for row in events
    ]
    return view


def result_view(listed: ListedResult) -> Json:
    """A result of a dossier as those see it whose it is; no name of a document."""
    return {
        "result_code": listed.code,
        "document_id": listed.document.id,
        "sha256": listed.sha256,
        "state": listed.state,
        "sent_to": list(listed.sent_to),
    }


def delivery_view(row: DeliveryRow) -> Json:
    """A delivery with every attempt and, once delivered, its receipt."""
    return {
        "delivery_id": row.delivery_id,
        "upstream": row.upstream,
        "operation": row.operation,
        "event_id": row.event_id,
        "system_code": row.source,
        "sequence": row.sequence,
        "state": row.state,
        "accepted_at": row.accepted_at,
        "receipt": _receipt_view(row.receipt),
        "attempts": [_attempt_view(attempt) for attempt in row.attempts],
        **({"superseded_by": row.superseded_by} if row.superseded_by else {}),
        **({"no_longer_kept": [_gone_view(part) for part in row.gone]} if row.gone else {}),
    }


def _gone_view(part: Gone) -> Json:
    """A part of a delivery that went with its month; the code is that of content which is asked for and no longer kept."""
    return {"what": part.what, "code": NoLongerKept.code, "since": part.since, "message_vi": part.told_vi}


def _receipt_view(receipt: bytes) -> Json | None:
    if not receipt:
        return None
    kept = msgspec.json.decode(receipt)
    return {name: kept[name] for name in _TOLD_OF_RECEIPT if name in kept} if isinstance(kept, dict) else None


def _attempt_view(row: AttemptRow) -> Json:
    return {
        "n": row.n,
        "started": row.started,
        "ended": row.ended,
        "outcome": row.outcome,
        "http_status": row.http_status,
        "upstream_code": row.upstream_code,
        "detail_vi": row.detail_vi,
        "request_digest": row.request_digest,
        "response_digest": row.response_digest,
    }


def _lane_view(row: LaneRow) -> Json:
    return {
        "upstream": row.upstream,
        "waiting": row.depth,
        "state": row.state,
        "operation": row.operation,
        "attempts": row.attempts,
        "due": row.due,
        "block_reason": row.block_reason,
        "legal_due": row.legal_due,
        "oldest_accepted_at": row.oldest_accepted_at,
    }


def _acknowledged(deliveries: Sequence[DeliveryRow]) -> list[Json]:
    """How far each upstream has come: its last acknowledged delivery, and how many are still on their way."""
    last: dict[str, DeliveryRow] = {}
    open_by: dict[str, int] = {}
    for row in deliveries:
        open_by[row.upstream] = open_by.get(row.upstream, 0) + int(row.state not in TERMINAL)
        if row.state is DeliveryState.DELIVERED and row.sequence >= _sequence(last.get(row.upstream)):
            last[row.upstream] = row
    return [_acknowledgement(upstream, last.get(upstream), waiting) for upstream, waiting in sorted(open_by.items())]


def _acknowledgement(upstream: str, row: DeliveryRow | None, waiting: int) -> Json:
    told: Json = {"upstream": upstream, "waiting": waiting, "event_id": None, "operation": None, "at": None}
    if row is not None:
        ended: datetime | None = row.attempts[-1].ended if row.attempts else None
        told |= {"event_id": row.event_id, "operation": row.operation, "at": ended}
    return told


def _sequence(row: DeliveryRow | None) -> int:
    return row.sequence if row is not None else -1
