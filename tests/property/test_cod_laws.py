"""Laws of cash on delivery: order changes nothing, no đồng is lost or made, and the newest file of each day is what counts."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from connectors.postal.cod_books import Statement, our_parcel, paid_by
from connectors.postal.cod_days import sums_of
from connectors.postal.cod_report import read_report
from connectors.postal.identity import shipment_id_of
from connectors.postal.model import CodState
from connectors.postal.shipment import CodSettlement, Shipment
from mappings.dates import VIETNAM
from mappings.settlement import Day, match
from mappings.settlement_words import Kind, OurPayment, Outcome, Pairing, Row, Standing
from tests.connectors.postal.cod_office import CARRIER, CUSTOMER, CodOffice, order_number, paid, statement
from tests.connectors.postal.shipments import Story, parcel

TODAY = date(2026, 11, 18)
STATEMENT = Statement(
    statement_id="vnpost-20261118", sha256="1" * 64, at=datetime(2026, 11, 19, tzinfo=VIETNAM), day=TODAY
)
AMOUNTS = st.sampled_from((0, 50_000, 100_000, 150_000))
BLANK = Story(parcel()).shipment()
IDS = tuple(shipment_id_of(CARRIER, order_number(n)) for n in (1, 2, 3))


@st.composite
def parcels(draw: st.DrawFn, shipment_id: str) -> Shipment:
    """A parcel with money that was collected or not, and with what other statements, or this one before, said."""
    collected = draw(st.none() | AMOUNTS)
    return structs.replace(
        BLANK,
        shipment_id=shipment_id,
        cod_collected=collected,
        cod_collected_at=datetime(2026, 11, 16, 10, tzinfo=VIETNAM) if collected is not None else None,
        cod_settlements=tuple(
            CodSettlement(statement_id=name, amount=draw(AMOUNTS), paid_at=STATEMENT.at)
            for name in draw(st.lists(st.sampled_from(("vnpost-20261117", "vnpost-20261118")), unique=True))
        ),
    )


@st.composite
def rows(draw: st.DrawFn, seq: int) -> Row:
    """A row about one of three parcels, or about one that is not ours."""
    kind = draw(st.sampled_from((Kind.PAY, Kind.PAY, Kind.PAY, Kind.REFUND, Kind.FEE)))
    standing = draw(st.sampled_from((Standing.PAID, Standing.PAID, Standing.PENDING)))
    if kind is Kind.REFUND and standing is Standing.PAID:
        standing = Standing.REFUNDED
    return Row(
        seq=seq, kind=kind, ref=draw(st.sampled_from((*IDS, "#RA999999999VN"))), amount=draw(AMOUNTS), standing=standing
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Shipment], list[Row]]:
    """Some parcels of ours, and some rows."""
    known = [draw(parcels(one)) for one in draw(st.lists(st.sampled_from(IDS), unique=True))]
    return known, [draw(rows(seq)) for seq in range(1, draw(st.integers(0, 6)) + 1)]


def books(shipments: list[Shipment], said: list[Row]) -> list[OurPayment]:
    """Those that rows name, as settling takes them."""
    named = {row.ref for row in said if row.kind is not Kind.FEE}
    paid_for = {row.ref for row in said if row.kind is Kind.PAY}
    return [
        our_parcel(one, STATEMENT, paid_for=one.shipment_id in paid_for)
        for one in shipments
        if one.shipment_id in named
    ]


def matched(shipments: list[Shipment], said: list[Row]) -> tuple[Pairing, ...]:
    """What the statement is beside the parcels."""
    return match(books(shipments, said), said, Day(CARRIER, TODAY))


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_the_order_of_rows_and_parcels_changes_nothing(case: tuple[list[Shipment], list[Row]], chance: Random) -> None:
    """A statement is a set: who sorts it otherwise has the same one."""
    shipments, said = case
    before = matched(shipments, said)

    chance.shuffle(shipments)
    chance.shuffle(said)
    assert matched(shipments, said) == before


@given(cases())
@settings(max_examples=200)
def test_every_dong_of_a_statement_and_of_the_parcels_that_it_pays_for_is_explained_once(
    case: tuple[list[Shipment], list[Row]],
) -> None:
    """The sums of what comes out are those of what went in, on both sides; nothing is missed in a statement of a day."""
    shipments, said = case
    pairings = matched(shipments, said)
    counted = [row for row in said if row.kind is Kind.PAY and row.standing is Standing.PAID]
    theirs = [one for one in pairings if one.kind is Kind.PAY]
    assert sum(one.theirs for one in theirs) == sum(row.amount for row in counted)
    ours = sum(i.amount for one in books(shipments, said) for attempt in one.attempts for i in attempt.inflows)
    assert sum(one.ours for one in theirs) == ours
    assert not any(one.outcome in (Outcome.PAID_HERE_ONLY, Outcome.DATE_SHIFT) for one in pairings)


@given(cases())
@settings(max_examples=200)
def test_what_agrees_is_exactly_what_was_due_and_collected_and_not_paid_before(
    case: tuple[list[Shipment], list[Row]],
) -> None:
    """No pairing with money in it is called equal unless all three sums say so."""
    shipments, said = case
    known = {one.shipment_id: one for one in shipments}
    for one in matched(shipments, said):
        if one.outcome is Outcome.MATCHED and one.theirs:
            shipment = known[one.payment_id]
            others = sum(s.amount for s in shipment.cod_settlements if s.statement_id != STATEMENT.statement_id)
            assert one.theirs == one.ours == shipment.cod_due - others and shipment.cod_collected == shipment.cod_due


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.tuples(st.integers(1, 4), AMOUNTS), min_size=1, max_size=5)),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 3),
)
@settings(max_examples=20, deadline=None)
def test_whatever_files_come_the_newest_of_each_day_is_what_parcels_were_paid(
    files: list[tuple[int, list[tuple[int, int]]]], part_rows: int
) -> None:
    """Corrected again and again, in parts of any size: parcels, days and statements agree to the đồng."""
    asyncio.run(_settled(files, part_rows))


async def _settled(files: list[tuple[int, list[tuple[int, int]]]], part_rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office = CodOffice(Path(folder), {"part_rows": part_rows})
        for number in (1, 2, 3):
            await office.deliver(number)
        newest: dict[str, list[tuple[int, int]]] = {}
        for seq, (back, said) in enumerate(files, start=1):
            day = f"{TODAY - timedelta(days=back):%Y%m%d}"
            told = [paid(n, number, amount) for n, (number, amount) in enumerate(said, start=1)]
            # A note makes each file another one; it is never kept.
            told[0][-1] = f"lần {seq}"
            office.put(f"cod_{CARRIER}_{CUSTOMER}_{day}_{seq}.csv", statement(*told, day=day))
            await office.settle()
            newest[day] = said
        await office.review()
        expected: dict[int, int] = defaultdict(int)
        for said in newest.values():
            for number, amount in said:
                expected[number] += amount
        for number in (1, 2, 3):
            shipment = await office.shipment(number)
            assert sum(one.amount for one in shipment.cod_settlements) == expected[number]
            even = expected[number] >= shipment.cod_due
            assert (shipment.cod is CodState.REMITTED) is even
        for day, said in newest.items():
            head = await office.head(day)
            assert sum(one.theirs for one in head.sums.pay.values()) == sum(amount for _, amount in said)
        collected = await read_report(office.shelf, CARRIER, "20261116", TODAY)
        assert collected is not None
        assert sums_of(collected.collected.parcels)[3] == sum(expected[number] for number in (1, 2, 3))
        await office.journal.close()


@given(st.lists(rows(1), max_size=6))
@settings(max_examples=100)
def test_what_a_parcel_is_paid_is_what_came_less_what_was_taken_back(said: list[Row]) -> None:
    """Promises and service fees are no money of a parcel."""
    came = [row.amount for row in said if row.kind is Kind.PAY and row.standing is Standing.PAID]
    gone = [row.amount for row in said if row.kind is Kind.REFUND and row.standing is Standing.REFUNDED]
    assert paid_by(said) == sum(came) - sum(gone)
