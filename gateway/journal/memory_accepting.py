"""Accept in the memory journal: what a decision makes of an intake, all of it or nothing, without SQL."""

from __future__ import annotations

import hashlib

from gateway.journal import memory_lanes
from gateway.journal.books import DIGEST_BYTES, JournalFault
from gateway.journal.memory_rows import Entry, Inbound, Receipt
from gateway.journal.model import (
    PARKED,
    Accepted,
    Decide,
    Decision,
    InboundWrite,
    Intake,
    ParkedInbound,
    Situation,
)


def accept(entry: Entry, intake: Intake, decide: Decide) -> Accepted:
    """One intake; whatever `decide` raises, and whatever a decision gets wrong, leaves nothing behind."""
    if (told := entry.taken_before(intake.signed)) is not None:
        return Accepted(told, 200, stored=False)
    situation = _situation(entry, intake)
    decision = decide(situation, intake)
    if not decision.store:
        return Accepted(decision.answer, decision.status, stored=False)
    if len(intake.digest) != DIGEST_BYTES:
        raise JournalFault("a leaf covers SHA-256 digests only")
    carrying = {(w.source or intake.source, w.event_id): w.carried for w in decision.inbound if w.carried is not None}
    memory_lanes.check_new(entry.store, decision.deliveries, carrying)
    entry.prove(intake.signed, decision.answer)
    position = _carry_out(entry, intake, decision)
    entry.leaf(intake.digest, hashlib.sha256(decision.answer).digest())
    if intake.key and situation.known_receipt is None:
        entry.store.receipts[intake.source, intake.key] = Receipt(intake.digest, decision.answer)
    return Accepted(decision.answer, decision.status, stored=True, position=position, upstreams=decision.upstreams())


def _situation(entry: Entry, intake: Intake) -> Situation:
    store = entry.store
    receipt = store.receipts.get((intake.source, intake.key)) if intake.key else None
    of_dossier = sorted(
        (row for row in store.inbound.values() if row.dossier == intake.dossier),
        key=lambda row: (row.source, row.sequence, row.event_id),
    )
    own = [row for row in of_dossier if row.source == intake.source]
    ordered = intake.sequence is not None
    twin = next((row for row in own if row.sequence == intake.sequence and row.event_id != intake.key), None)
    return Situation(
        now=entry.now,
        known_receipt=None if receipt is None else receipt.answer,
        known_digest=None if receipt is None else receipt.digest,
        same_sequence=twin.known if ordered and twin is not None else None,
        last_sequence=store.sequences.get((intake.source, intake.dossier)),
        parked=tuple(
            ParkedInbound(row.event_id, row.sequence, row.status, row.carried, row.source)
            for row in (own if ordered else of_dossier)
            if row.status in PARKED
        ),
        records={key: store.records[key] for key in intake.reads if key in store.records},
    )


def _carry_out(entry: Entry, intake: Intake, decision: Decision) -> int:
    """Every row of a decision; returns the position of the intake's own event, or of its first audit row, or 0."""
    positions: dict[str, int] = {}
    for row in decision.audit:
        position = entry.audit(row)
        positions.setdefault(row.event_id, position)
    first = min(positions.values(), default=0)
    for write in decision.inbound:
        _write_inbound(entry, intake, write, positions)
    for record in decision.records:
        entry.record(record)
    own = {} if decision.last_sequence is None else {intake.source: decision.last_sequence}
    for source, last in sorted({**decision.other_sequences, **own}.items()):
        entry.store.sequences[source, intake.dossier] = last
    memory_lanes.append(entry, intake.dossier, decision.deliveries)
    is_own = any(write.event_id == intake.key and write.source in ("", intake.source) for write in decision.inbound)
    return positions.get(intake.key, first) if is_own else first


def _write_inbound(entry: Entry, intake: Intake, write: InboundWrite, positions: dict[str, int]) -> None:
    source = write.source or intake.source
    row = entry.store.inbound.get((source, write.event_id))
    if row is None:
        position = positions.get(write.event_id) or positions.setdefault(write.event_id, entry.next_position())
        entry.store.inbound[source, write.event_id] = Inbound(
            source=source,
            event_id=write.event_id,
            dossier=intake.dossier,
            sequence=write.sequence,
            digest=write.digest or intake.digest,
            status=write.status,
            carried=write.carried or b"",
            raw=intake.raw if write.raw is None else write.raw,
            position=position,
            received_at=entry.now,
        )
    else:
        row.status = write.status
        row.carried = row.carried if write.carried is None else write.carried
