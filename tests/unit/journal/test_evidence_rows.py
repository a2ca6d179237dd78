"""What a store writes for the evidence: a chain that can be recomputed, digests that name the rows, history that stays."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import to_micros
from gateway.journal.books import row_digest
from gateway.journal.model import DeliveryState, OrderKind, RecordKey

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk


async def test_the_chain_can_be_recomputed_from_its_leaves(desk: Desk) -> None:
    """Each leaf follows from the head before it and the digests it covers; numbers have no hole."""
    await desk.accept(desk.event(1))
    await desk.settle(await desk.claim_one(), DeliveryState.HELD)
    await desk.order(OrderKind.SKIP)
    (head,) = await desk.journal.leaves()
    leaves = await desk.journal.leaves(head.writer)
    assert [leaf.n for leaf in leaves] == [1, 2, 3, 4]
    before = b""
    for leaf in leaves:
        before = hashlib.sha256(before + b"".join(leaf.covers)).digest()
        assert leaf.digest == before
    assert await desk.journal.leaves(head.writer, after=2, limit=1) == (leaves[2],)


async def test_the_first_leaf_covers_the_opening_record(desk: Desk) -> None:
    """Who has the opening record can tell which chain it opens."""
    (head,) = await desk.journal.leaves()
    opening = await desk.journal.record(RecordKey("chain_opening", head.writer))
    assert opening is not None
    assert head.covers == (hashlib.sha256(opening.state).digest(),)


async def test_an_accept_covers_the_request_the_answer_and_every_row(desk: Desk) -> None:
    """Digest of the raw bytes, digest of the answer, and one digest for each audit row, event, sequence and message."""
    event = desk.event(1, operations=((desk.portal, "a"), (desk.portal, "b")))
    answered = await desk.accept(event)
    (head,) = await desk.journal.leaves()
    assert head.covers[:2] == (event.intake().digest, hashlib.sha256(answered.answer).digest())
    assert len(head.covers) == 2 + 1 + 1 + 1 + 2
    now = to_micros(desk.turned.now())
    audit = row_digest(
        "audit", answered.position, now, "event.accepted", desk.source, desk.dossier, event.event_id, b"{}"
    )
    assert audit in head.covers


async def test_a_settlement_covers_what_was_sent_and_answered(desk: Desk) -> None:
    """The digests of request, response and receipt stand in the row that the leaf covers."""
    await desk.accept(desk.event(1))
    claim = await desk.claim_one()
    await desk.settle(claim, DeliveryState.DELIVERED)
    request, response, receipt = (hashlib.sha256(part).digest() for part in (b"request", b"response", b"receipt"))
    now = to_micros(desk.turned.now())
    attempt = row_digest("attempt", claim.lane_id, 1, 1, now, now, "delivered", 200, "0", "", request, response)
    row = row_digest("msg", claim.lane_id, 1, "ev-0042-1/portal/progress", "DELIVERED", receipt)
    (head,) = await desk.journal.leaves()
    assert {attempt, row} <= set(head.covers)


@given(st.lists(st.one_of(st.integers(-(2**62), 2**62), st.text(), st.binary(), st.none()), max_size=4))
def test_rows_that_differ_have_different_digests(columns: list[object]) -> None:
    """The digest names table and columns without ambiguity."""
    assert row_digest("a", *columns) != row_digest("b", *columns)
    assert row_digest("a", *columns) != row_digest("a", *columns, None)
    assert row_digest("a", *columns) == row_digest("a", *columns)
    assert row_digest("a", "x", "y") != row_digest("a", "xy")
