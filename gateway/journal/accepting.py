"""Accept: the situation is read, `decide` decides, its rows are written, a leaf is chained (delivery-engine 4.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gateway.clock import from_micros
from gateway.journal import lanes, once, reading, superseding
from gateway.journal.books import DATA_KEY, Books, JournalFault, micros
from gateway.journal.bound import BOUND
from gateway.journal.model import (
    PARKED,
    Accepted,
    Decide,
    Decision,
    InboundStatus,
    InboundWrite,
    Intake,
    KnownInbound,
    NewDelivery,
    ParkedInbound,
    Record,
    RecordKey,
    RecordWrite,
    Signed,
    Situation,
)
from gateway.journal.sealing import Stored
from gateway.journal.writer import Read


def accept(books: Books, intake: Intake, decide: Decide) -> Accepted:
    """One intake inside the writer's transaction; whatever `decide` raises leaves nothing behind."""
    if intake.signed is not None and (told := taken_before(books, intake.signed)) is not None:
        return Accepted(told, 200, stored=False)
    situation = read_situation(books, intake)
    decision = decide(situation, intake)
    if not decision.store:
        return Accepted(decision.answer, decision.status, stored=False)
    books.dossier = intake.dossier
    prove(books, intake.signed, decision.answer)
    position = _write(books, intake, decision)
    first = intake.digest, hashlib.sha256(decision.answer).digest()
    if intake.key and situation.known_receipt is None:
        _keep_receipt(books, intake, decision.answer, first)
    else:
        books.chain_leaf(*first)
    return Accepted(decision.answer, decision.status, stored=True, position=position, upstreams=decision.upstreams())


def taken_before(books: Books, signed: Signed | None) -> bytes | None:
    """The answer of a decision that was taken already, None for a new one; raises `JournalFault` for a used id.

    Raises `Conflict` for a new one whose records have moved on since they were looked at (another node closed the proposal).
    """
    if signed is None:
        return None
    record = reading.record(books, once.key(signed.decision_id))
    if record is not None:
        return once.answer_again(record, signed)
    for write in signed.records:
        known = reading.record(books, write.key)
        once.check_follows(write, known.version if known is not None else 0)
    return None


def prove(books: Books, signed: Signed | None, answer: bytes) -> None:
    """Write the proof of a decision, and its answer, with what it decided."""
    if signed is None:
        return
    for row in signed.audit:
        books.audit(row)
    for record in (*signed.records, *((once.write(signed, answer),) if signed.last else ())):
        _write_record(books, record)


def foreseen(intake: Intake) -> tuple[Read, ...]:
    """What `accept` will read of an intake, as far as the intake tells: where a round trip counts it is found beforehand."""
    place = intake.source, intake.dossier
    reads: list[Read] = [("record.get", tuple(key)) for key in intake.reads]
    reads += [("record.get", (DATA_KEY, intake.dossier)), ("accept.last_sequence", place)]
    if intake.key:
        reads += [("accept.receipt", (intake.source, intake.key)), ("accept.inbound", (intake.source, intake.key))]
    if intake.sequence is None:
        reads.append(("accept.parked_all", (intake.dossier,)))
    else:
        reads.append(("accept.parked", (intake.dossier, intake.source)))
        reads.append(("accept.same_sequence", (intake.dossier, intake.source, intake.sequence, intake.key)))
    if intake.signed is not None:
        reads.append(("record.get", tuple(once.key(intake.signed.decision_id))))
        reads += [("record.get", tuple(write.key)) for write in intake.signed.records]
    return tuple(reads)


def read_situation(books: Books, intake: Intake) -> Situation:
    """What `decide` may know, read inside the transaction."""
    receipt, digest = _known(books, intake)
    records: dict[RecordKey, Record] = {}
    for key in intake.reads:
        record = reading.record(books, key)
        if record is not None:
            records[key] = record
    last = books.one("accept.last_sequence", intake.source, intake.dossier)
    every = intake.sequence is None
    parked = books.rows(
        "accept.parked_all" if every else "accept.parked", intake.dossier, *([] if every else [intake.source])
    )
    return Situation(
        now=from_micros(books.now),
        known_receipt=receipt,
        known_digest=digest,
        same_sequence=_same_sequence(books, intake),
        last_sequence=None if last is None else int(last[0]),
        parked=tuple(
            ParkedInbound(event_id, sequence, InboundStatus(status), books.payload(carried_ref), source)
            for source, event_id, sequence, status, carried_ref in parked
        ),
        records=records,
    )


def _known(books: Books, intake: Intake) -> tuple[bytes | None, bytes | None]:
    row = books.one("accept.receipt", intake.source, intake.key) if intake.key else None
    if row is None:
        return None, None
    digest, dossier, body, file = row
    return books.opened(dossier, reading.receipt_label(intake.source, intake.key), Stored(body, file)), digest


def _same_sequence(books: Books, intake: Intake) -> KnownInbound | None:
    if intake.sequence is None:
        return None
    row = books.one("accept.same_sequence", intake.dossier, intake.source, intake.sequence, intake.key)
    if row is None:
        return None
    event_id, digest, status, position = row
    return KnownInbound(
        intake.source, event_id, intake.dossier, intake.sequence, digest, InboundStatus(status), position
    )


def _write(books: Books, intake: Intake, decision: Decision) -> int:
    """Every row of a decision; returns the position of the intake's own event, or of its first audit row, or 0."""
    positions: dict[str, int] = {}
    first = 0
    for row in decision.audit:
        position = books.audit(row)
        positions.setdefault(row.event_id, position)
        first = first or position
    for write in decision.inbound:
        _write_inbound(books, intake, write, positions)
    for record in decision.records:
        _write_record(books, record)
    own_sequence = {} if decision.last_sequence is None else {intake.source: decision.last_sequence}
    for source, last in sorted({**decision.other_sequences, **own_sequence}.items()):
        books.run("accept.sequence", source, intake.dossier, last)
    append_all(books, intake.dossier, decision.deliveries)
    own = any(write.event_id == intake.key and write.source in ("", intake.source) for write in decision.inbound)
    return positions.get(intake.key, first) if own else first


def _write_inbound(books: Books, intake: Intake, write: InboundWrite, positions: dict[str, int]) -> None:
    source = write.source or intake.source
    known = books.one("accept.inbound", source, write.event_id)
    if known is not None:
        carried_ref = known[1] if write.carried is None else books.put_payload(intake.dossier, write.carried)
        parked = int(write.status in PARKED)
        books.run("accept.inbound_move", source, write.event_id, write.status.value, parked, carried_ref)
        books.events[source, write.event_id] = (known[0], carried_ref)
    else:
        _insert_inbound(books, intake, write, positions)


def _insert_inbound(books: Books, intake: Intake, write: InboundWrite, positions: dict[str, int]) -> None:
    position = positions.get(write.event_id)
    if position is None:
        position = positions[write.event_id] = books.lone_position()
    source = write.source or intake.source
    raw_ref = books.put_payload(intake.dossier, intake.raw if write.raw is None else write.raw)
    carried_ref = books.put_payload(intake.dossier, write.carried or b"")
    digest = write.digest or intake.digest
    books.events[source, write.event_id] = (digest, carried_ref)
    books.run(
        "accept.inbound_put",
        source,
        write.event_id,
        intake.dossier,
        write.sequence,
        raw_ref,
        carried_ref,
        digest,
        write.status.value,
        int(write.status in PARKED),
        position,
        books.now,
    )


def _write_record(books: Books, write: RecordWrite) -> None:
    stored = Stored(write.state, None)
    if write.sealed_for:
        stored = books.sealed(write.sealed_for, reading.record_label(write.key), write.state)
    books.run("record.put", write.key.kind, write.key.id, write.version, stored.sealed, stored.file, write.sealed_for)


def append_all(books: Books, dossier: str, deliveries: Iterable[NewDelivery]) -> None:
    """Append deliveries to their lanes, dossier by dossier; those that name none are about `dossier`."""
    by_dossier: dict[str, list[NewDelivery]] = {}
    for delivery in deliveries:
        by_dossier.setdefault(delivery.dossier or dossier, []).append(delivery)
    for chosen in sorted(by_dossier):
        superseding.append(books, chosen, [as_message(books, chosen, delivery) for delivery in by_dossier[chosen]])


def as_message(books: Books, dossier: str, delivery: NewDelivery) -> lanes.Fresh:
    """A delivery as a message of its lane, with its own content or the payload of its event, which is shared.

    Raises `JournalFault` if there is neither, `NoLongerKept` where the payload went with its month.
    """
    event = delivery.source, delivery.event_id
    if delivery.content:
        digest, carried_ref = hashlib.sha256(delivery.content).digest(), books.put_payload(dossier, delivery.content)
    else:
        written = books.events.get(event)
        digest, carried_ref = written or books.one("accept.inbound", *event) or (b"", 0)
        if carried_ref and written is None:
            books.name_again(carried_ref)
    if not carried_ref:
        raise JournalFault(f"delivery {delivery.delivery_id} belongs to an event that carries nothing")
    return lanes.Fresh(
        delivery_id=delivery.delivery_id,
        upstream=delivery.upstream,
        kind=delivery.operation,
        source=delivery.source,
        key=delivery.event_id,
        payload_ref=carried_ref,
        req_hash=digest,
        legal_due=micros(delivery.legal_due),
        supersedes=delivery.supersedes,
        replaceable=delivery.replaceable,
    )


def _keep_receipt(books: Books, intake: Intake, answer: bytes, first: tuple[bytes, bytes]) -> None:
    """Keep the answer with the leaf of its transaction, which covers all of the receipt but that leaf."""
    stored = books.sealed(intake.dossier, reading.receipt_label(intake.source, intake.key), answer)
    row = intake.source, intake.key, intake.digest, intake.dossier, stored.sealed, stored.file
    books.register(BOUND["receipt"], row)
    books.run("accept.receipt_put", *row, books.chain_leaf(*first))
