"""Reading the journal: each function sees one consistent moment, and opens what was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.clock import from_micros, to_micros
from gateway.errors import NoLongerKept
from gateway.journal.books import DIGEST_BYTES, Pages, Row
from gateway.journal.model import (
    AttemptRow,
    Counts,
    DeliveryRow,
    DeliveryState,
    FeedRow,
    InboundRow,
    InboundStatus,
    KnownInbound,
    LaneRow,
    Leaf,
    Record,
    RecordKey,
    UpstreamRow,
)
from gateway.journal.retired import Gone, Retired, gone
from gateway.journal.sealing import Stored
from gateway.journal.swept import Floors

_TRIED = frozenset({DeliveryState.DELIVERED, DeliveryState.REFUSED})


def record_label(key: RecordKey) -> str:
    """The place that a sealed record is bound to."""
    return f"record/{key.kind}/{key.id}"


def receipt_label(source: str, key: str) -> str:
    """The place that a sealed answer is bound to."""
    return f"receipt/{source}/{key}"


def when(micros: int | None) -> datetime | None:
    """A stored time; None stays None."""
    return None if micros is None else from_micros(micros)


def record(pages: Pages, key: RecordKey) -> Record | None:
    """One record, opened."""
    row = pages.one("record.get", key.kind, key.id)
    if row is None:
        return None
    return _opened(pages, key, row)


def records(pages: Pages, kind: str) -> tuple[Record, ...]:
    """Every record of a kind, opened, by id."""
    return tuple(_opened(pages, RecordKey(kind, id_), rest) for id_, *rest in pages.rows("record.kind", kind))


def records_between(pages: Pages, kind: str, bounds: tuple[str, str], limit: int) -> tuple[Record, ...]:
    """At most `limit` records of a kind with ids strictly between two bounds, by id."""
    rows = pages.rows("record.between", kind, *bounds, limit)
    return tuple(_opened(pages, RecordKey(kind, id_), rest) for id_, *rest in rows)


def _opened(pages: Pages, key: RecordKey, columns: Sequence[Any]) -> Record:
    version, state, file, sealed_for = columns[:4]
    if sealed_for:
        state = pages.opened(sealed_for, record_label(key), Stored(state, file))
    return Record(key, version, state)


def event(pages: Pages, source: str, event_id: str) -> InboundRow | None:
    """An inbound event with its answer."""
    row = pages.one("read.event", source, event_id)
    return None if row is None else _inbound(pages, row)


def original(pages: Pages, source: str, event_id: str) -> bytes | None:
    """What was kept of the request that brought an event."""
    row = pages.one("read.original", source, event_id)
    return None if row is None else pages.payload(_number(row))


def events_of(pages: Pages, dossier: str) -> tuple[InboundRow, ...]:
    """All inbound events of a dossier, by position."""
    return tuple(_inbound(pages, row) for row in pages.rows("read.events_of", dossier))


def parked(pages: Pages, limit: int) -> tuple[InboundRow, ...]:
    """Events that wait, the longest waiting first."""
    return tuple(_inbound(pages, row) for row in pages.rows("read.parked", limit))


def _inbound(pages: Pages, row: Row) -> InboundRow:
    source, event_id, dossier, sequence, digest, status, position, received_at, body, file = row
    answer = b""
    if body is not None or file is not None:
        answer = pages.opened(dossier, receipt_label(source, event_id), Stored(body, file))
    known = KnownInbound(source, event_id, dossier, sequence, digest, InboundStatus(status), position)
    return InboundRow(known, from_micros(received_at), answer)


def deliveries_of(pages: Pages, dossier: str, event_id: str) -> tuple[DeliveryRow, ...]:
    """All deliveries of a dossier (or of one event of it), with their attempts; what is no longer kept is said of each."""
    attempts: dict[tuple[int, int], list[AttemptRow]] = {}
    for lane, seq, n, started, ended, *rest in pages.rows("read.attempts", dossier):
        outcome, http, code, detail, request, response = rest
        attempts.setdefault((lane, seq), []).append(
            AttemptRow(
                n, from_micros(started), from_micros(ended), outcome, http, code, detail, request.hex(), response.hex()
            )
        )
    found = [_delivery(pages, row, attempts) for row in pages.rows("read.deliveries", dossier, event_id)]
    if not any(map(_incomplete, found)):
        return tuple(found)
    parts = pages.retired_parts("attempt")
    return tuple(_cut(row, parts) if _incomplete(row) else row for row in found)


def _incomplete(row: DeliveryRow) -> bool:
    """Whether earlier attempts stood before those that stand: they are numbered from 1, and what ended by sending has some."""
    return row.attempts[0].n > 1 if row.attempts else row.state in _TRIED


def _cut(row: DeliveryRow, parts: Sequence[Retired]) -> DeliveryRow:
    """Say of a delivery that attempts of it went with the months in `parts`; old months of attempts go in their order."""
    until = to_micros(row.attempts[0].ended) if row.attempts else None
    went = [part for part in parts if part.high > to_micros(row.accepted_at) and (until is None or part.low <= until)]
    return replace(row, gone=(*row.gone, gone("attempts", went[-1]))) if went else row


def _receipt(pages: Pages, ref: int) -> tuple[bytes, tuple[Gone, ...]]:
    try:
        return pages.payload(ref), ()
    except NoLongerKept:
        part = pages.retired(ref)
        return b"", () if part is None else (gone("receipt", part),)


def _delivery(pages: Pages, row: Row, attempts: dict[tuple[int, int], list[AttemptRow]]) -> DeliveryRow:
    lane, seq, delivery_id, upstream, kind, dossier, key, source, state, accepted_at, receipt_ref, by = row
    receipt, went = _receipt(pages, receipt_ref)
    return DeliveryRow(
        delivery_id=delivery_id,
        upstream=upstream,
        operation=kind,
        dossier=dossier,
        event_id=key,
        source=source,
        sequence=seq,
        state=DeliveryState(state),
        accepted_at=from_micros(accepted_at),
        receipt=receipt,
        attempts=tuple(attempts.get((lane, seq), ())),
        superseded_by=by,
        gone=went,
    )


@dataclass(frozen=True, slots=True)
class LaneFilter:
    """Which lanes to show; empty strings mean all."""

    upstream: str = ""
    dossier: str = ""
    blocked_only: bool = False
    limit: int = 200


def lanes(pages: Pages, wanted: LaneFilter) -> tuple[LaneRow, ...]:
    """Lanes with something to do: blocked ones first, then by oldest message. Bounded by the limit, not by the backlog."""
    if wanted.dossier:
        rows = [row for row in pages.rows("read.lanes_of", wanted.dossier) if _fits(row, wanted)]
    else:
        upstreams = [wanted.upstream] if wanted.upstream else [name for (name,) in pages.rows("read.upstreams")]
        statements = ("read.blocked",) if wanted.blocked_only else ("read.blocked", "read.open")
        rows = [row for name in upstreams for sql in statements for row in pages.rows(sql, name, wanted.limit)]
    rows.sort(key=lambda row: (not row[6], row[8] is None, row[8] or 0))
    return tuple(_lane(row) for row in rows[: wanted.limit])


def _fits(row: Row, wanted: LaneFilter) -> bool:
    return (not wanted.upstream or row[0] == wanted.upstream) and (not wanted.blocked_only or bool(row[6]))


def _lane(row: Row) -> LaneRow:
    upstream, dossier, state, kind, attempts, due, block_reason, legal_due, head_at, depth = row
    return LaneRow(
        upstream=upstream,
        dossier=dossier,
        depth=depth,
        state=None if state is None or head_at is None else DeliveryState(state),
        operation=kind if kind is not None and head_at is not None else "",
        attempts=attempts,
        due=when(due),
        block_reason=block_reason,
        legal_due=when(legal_due),
        oldest_accepted_at=when(head_at),
    )


def feed(pages: Pages, after: int, limit: int, feed_only: bool) -> tuple[FeedRow, ...]:
    """Audit rows (or those of the feed) behind a position, in commit order."""
    rows = pages.rows("read.feed" if feed_only else "read.audit", after, limit)
    return tuple(FeedRow(position, from_micros(at), *rest) for position, at, *rest in rows)


def counts(pages: Pages) -> Counts:
    """The journal at a glance, from the tally and the partial indexes."""
    upstreams = [name for (name,) in pages.rows("read.upstreams")]
    messages = {(upstream, DeliveryState(state)): n for upstream, state, n in pages.rows("read.tally")}
    blocked = {name: _number(pages.one("read.blocked_count", name)) for name in upstreams}
    oldest = {name: row[0] for name in upstreams if (row := pages.one("read.oldest", name)) and row[0] is not None}
    return Counts(
        messages=messages,
        blocked_lanes={name: n for name, n in blocked.items() if n},
        oldest_waiting={name: from_micros(at) for name, at in oldest.items()},
        parked=_number(pages.one("read.parked_count")),
        oldest_gap=when((pages.one("read.oldest_gap") or (None,))[0]),
    )


def _number(row: Row | None) -> int:
    return int(row[0]) if row is not None else 0


def next_due(pages: Pages, upstream: str, floors: Floors) -> datetime | None:
    """When the next lane may be claimed: the earliest due time or lease end that is not below what was looked through."""
    row = pages.one("read.next_due", upstream, floors.due, floors.lease)
    times = [at for at in (row or ()) if at is not None]
    return from_micros(min(times)) if times else None


def upstream(pages: Pages, code: str) -> UpstreamRow:
    """What is remembered of an upstream; a fresh row if nothing is."""
    return upstream_row(code, pages.one("read.upstream", code))


def upstream_row(code: str, row: Row | None) -> UpstreamRow:
    """An upstream as its row says; a fresh one without a row."""
    if row is None:
        return UpstreamRow(code)
    state, open_until, paused, generation = row
    return UpstreamRow(code, state, when(open_until), paused, generation)


def leaves(pages: Pages, writer: str, after: int, limit: int) -> Sequence[Leaf]:
    """Leaves of one chain behind `after`; with an empty writer, the last leaf of every chain."""
    rows = pages.rows("read.leaves", writer, after, limit) if writer else pages.rows("read.heads", limit)
    return tuple(Leaf(name, n, digest, digests(covers), about) for name, n, digest, covers, about in rows)


def digests(covers: bytes) -> tuple[bytes, ...]:
    """The digests that stand in the column `covers`, one behind the other."""
    return tuple(covers[at : at + DIGEST_BYTES] for at in range(0, len(covers), DIGEST_BYTES))
