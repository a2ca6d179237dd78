"""Settle: what came of a claim is written, the lane moves on or waits, a leaf is chained; all of it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import to_micros
from gateway.journal import lanes, superseding
from gateway.journal.accepting import as_message
from gateway.journal.books import Books, JournalFault, attempt_columns, row_digest, storable
from gateway.journal.model import AttemptWrite, DeliveryState, MessageSettlement, NewDelivery, Settlement
from mappings.codec import decode, encode

_SETTLED = frozenset(DeliveryState) - {DeliveryState.SENDING}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the claim as it stands: SENDING, with the state that the claim found."""

    seq: int
    prior: DeliveryState
    doubtful: bool
    delivery_id: str


def settle(books: Books, settlement: Settlement) -> bool:
    """Record what came of a claim; False, and nothing changed, when its epoch has moved on or it was settled already."""
    lane = lanes.find(books, settlement.lane_id)
    if lane is None or lane.epoch != settlement.epoch or lane.lease_until is None:
        return False
    books.dossier = lane.dossier
    sent = _sent(books, lane)
    named = {message.sequence: message for message in settlement.messages}
    _check(sent, named)
    for message in sent:
        _settle_message(books, lane, message, named.get(message.seq), settlement)
    head_before = sent[0].seq if sent else lane.head_seq
    head = lanes.head_of(books, lane)
    lanes.rest_at(books, lane, _rest(lane, settlement, head, books.now, head_before), head)
    _follow_up(books, lane.dossier, settlement.follow_ups)
    for row in settlement.audit:
        books.audit(row)
    books.chain_leaf(row_digest("settle", lane.lane_id, lane.upstream, lane.dossier, lane.epoch))
    return True


def _sent(books: Books, lane: lanes.Lane) -> list[Sent]:
    """The messages of the claim: a run of SENDING from the head on, so that nothing behind it is read, however deep."""
    sent: list[Sent] = []
    for seq, prior, doubtful, delivery_id, state in books.each("settle.claimed", lane.lane_id, lane.head_seq):
        if state != DeliveryState.SENDING:
            break
        sent.append(Sent(seq, DeliveryState(prior), bool(doubtful), delivery_id))
    return sent


def _check(sent: list[Sent], named: dict[int, MessageSettlement]) -> None:
    """Raises `JournalFault`, before anything is written, for a message outside the claim or a state that settles nothing."""
    known = {message.seq for message in sent}
    for sequence, message in named.items():
        if sequence not in known:
            raise JournalFault(f"message {sequence} is not part of this claim")
        if message.state not in _SETTLED:
            raise JournalFault(f"{message.state} settles nothing")


def _settle_message(
    books: Books, lane: lanes.Lane, sent: Sent, named: MessageSettlement | None, settlement: Settlement
) -> None:
    state = sent.prior if named is None else named.state
    receipt_ref = 0
    receipt = b"" if named is None else named.receipt
    if named is not None:
        receipt_ref = books.put_payload(lane.dossier, receipt)
        if named.attempt is not None:
            _write_attempt(books, lane, sent.seq, named.attempt)
    held_because = ""
    if state is DeliveryState.HELD:
        held_because = storable(settlement.block_reason) or lanes.HELD_VI
    books.run(
        "settle.msg",
        lane.lane_id,
        sent.seq,
        state.value,
        int(_still_doubtful(sent, state, named)),
        held_because,
        receipt_ref,
        int(settlement.give_back),
    )
    books.move(lane.upstream, DeliveryState.SENDING.value, state)


def _still_doubtful(sent: Sent, state: DeliveryState, named: MessageSettlement | None) -> bool:
    """UNKNOWN is in doubt; a message held while in doubt stays so, and is enquired about when it is released.

    Where no enquiry can tell, the doubt is handed to the person who decides.
    """
    if named is not None and named.person_decides:
        return False
    return state is DeliveryState.UNKNOWN or (sent.doubtful and state is DeliveryState.HELD)


def _write_attempt(books: Books, lane: lanes.Lane, seq: int, attempt: AttemptWrite) -> None:
    last = books.one("settle.last_attempt", lane.lane_id, seq)
    columns = attempt_columns(lane.lane_id, seq, 1 + (0 if last is None else int(last[0])), attempt)
    request_ref = books.put_payload(lane.dossier, attempt.request)
    response_ref = books.put_payload(lane.dossier, attempt.response)
    books.run("settle.attempt", *columns, request_ref, response_ref, books.author.node)


def _rest(lane: lanes.Lane, settlement: Settlement, head: lanes.Head | None, now: int, head_before: int) -> lanes.Rest:
    """A head that still waits is due as settled; a new head is due at once, unless it was part of the claim and waits too."""
    due = now
    if head is not None and settlement.next_due is not None:
        named = {message.sequence for message in settlement.messages}
        if head.state is not DeliveryState.READY or head.seq == head_before or head.seq in named:
            due = to_micros(settlement.next_due)
    memory = lane.memory
    if settlement.memory:
        memory = encode({**decode(lane.memory.encode(), dict[str, str]), **settlement.memory}).decode()
    return lanes.Rest(due, memory, int(settlement.give_back))


def _follow_up(books: Books, dossier: str, deliveries: tuple[NewDelivery, ...]) -> None:
    """Accept what follows an acknowledgement, each once: a doubled one would block the settlement."""
    fresh = [
        delivery
        for delivery in dict.fromkeys(deliveries)
        if books.one("msg.known", delivery.source, delivery.event_id, delivery.upstream, delivery.operation) is None
    ]
    superseding.append(books, dossier, [as_message(books, dossier, delivery) for delivery in fresh])
