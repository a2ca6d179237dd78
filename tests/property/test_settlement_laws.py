"""Laws of settlement: order changes nothing, no đồng is lost or made, and parts are as good as the whole."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.dates import VIETNAM
from mappings.settlement import Day, match, match_in_parts, part_of, payment_of
from mappings.settlement_sums import add, tally, transfers
from mappings.settlement_words import Kind, OurAttempt, OurInflow, OurPayment, OurRefund, Pairing, Row, Share, Standing

TODAY = date(2026, 9, 21)
DAY = Day("vnpay", TODAY)
IDS = ("0000000000001", "0000000000002", "0000000000003")
MIDNIGHT = datetime(2026, 9, 21, tzinfo=VIETNAM)
CAME_IN = (Standing.PAID, Standing.REFUNDED, Standing.REVERSED)

amounts = st.sampled_from((1000, 2000, 500_000))
txns = st.sampled_from(("", "t1", "t2", "t3"))
moments = st.sampled_from((-1, 1, 60, 720, 1439, 1441)).map(lambda minutes: MIDNIGHT + timedelta(minutes=minutes))


@st.composite
def inflows(draw: st.DrawFn) -> OurInflow:
    """Money on this day or a neighbouring one."""
    moment = draw(moments)
    return OurInflow(
        txn_id=draw(txns),
        amount=draw(amounts),
        day=moment.date(),
        paid_at=moment,
        stands=draw(st.booleans()),
        counts=draw(st.booleans()),
        settled_on=draw(st.sampled_from((None, TODAY, date(2026, 9, 22)))),
    )


@st.composite
def attempts(draw: st.DrawFn, payment_id: str, number: int) -> OurAttempt:
    """An attempt, with money or without."""
    return OurAttempt(
        ref=f"{payment_id}a{number}",
        provider=draw(st.sampled_from(("vnpay", "vnpay", "momo"))),
        amount=draw(amounts),
        inflows=tuple(draw(st.lists(inflows(), max_size=2))),
        late=draw(st.booleans()),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[OurPayment, ...]:
    """Some payments of ours."""
    found = []
    for payment_id in draw(st.lists(st.sampled_from(IDS), unique=True)):
        count = draw(st.integers(1, 2))
        refunds = tuple(
            OurRefund(
                ref=f"{payment_id}r{number}",
                attempt_ref=f"{payment_id}a1",
                amount=draw(amounts),
                done=draw(st.booleans()),
                txn_id=draw(txns),
            )
            for number in range(1, draw(st.integers(0, 2)) + 1)
        )
        found.append(
            OurPayment(
                payment_id=payment_id,
                dossier_code="H",
                attempts=tuple(draw(attempts(payment_id, n)) for n in range(1, count + 1)),
                refunds=refunds,
                shares=(Share(kind="charge", code="P", amount=draw(amounts)),),
                account=draw(st.sampled_from(("", "1"))),
                at_counter=draw(st.booleans()),
            )
        )
    return tuple(found)


references = st.one_of(
    st.tuples(st.sampled_from(IDS), st.sampled_from(("a1", "a2", "a9", "r1", "r2", " a1", ""))).map("".join),
    st.sampled_from(("", "foreign", "x")),
)
unnumbered = st.builds(
    Row,
    seq=st.just(0),
    kind=st.sampled_from(Kind),
    ref=references,
    amount=amounts,
    standing=st.sampled_from(Standing),
    txn_id=txns,
    paid_at=st.one_of(st.none(), moments),
    beneficiary_account=st.sampled_from(("", "1", "2")),
)
statements = st.lists(unnumbered, max_size=12).map(
    lambda rows: [msgspec.structs.replace(row, seq=seq) for seq, row in enumerate(rows, start=1)]
)


@settings(max_examples=100)
@given(books(), statements, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_payments_changes_nothing(
    ours: tuple[OurPayment, ...], rows: list[Row], chance: object
) -> None:
    """A statement that is sorted otherwise is the same statement."""
    shuffled, other = list(rows), list(ours)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types the strategy, not what it draws
    chance.shuffle(other)  # type: ignore[attr-defined]  # as above
    assert match(other, shuffled, DAY) == match(ours, rows, DAY)


@settings(max_examples=150)
@given(books(), statements)
def test_no_dong_is_lost_or_made(ours: tuple[OurPayment, ...], rows: list[Row]) -> None:
    """What each side counts is what it brought: every row once, every payment of the day once, to the last đồng."""
    found = match(ours, rows, DAY)
    assert Counter(p.seq for p in found if p.seq) == Counter(row.seq for row in rows if row.kind is not Kind.FEE)
    pay = [p for p in found if p.kind is Kind.PAY]
    assert sum(p.theirs for p in pay) == sum(r.amount for r in rows if r.kind is Kind.PAY and r.standing in CAME_IN)
    assert sum(p.theirs for p in found if p.kind is not Kind.PAY) == sum(
        row.amount for row in rows if row.kind in (Kind.REFUND, Kind.REVERSAL)
    )
    assert sum(p.ours for p in pay) == sum(
        inflow.amount
        for payment in ours
        for attempt in payment.attempts
        for inflow in attempt.inflows
        if attempt.provider == "vnpay" and inflow.day == TODAY
    )


@settings(max_examples=100)
@given(books(), statements, st.integers(1, 5))
def test_parts_give_what_the_whole_gives(ours: tuple[OurPayment, ...], rows: list[Row], parts: int) -> None:
    """However a statement is cut, by payments, the pairings and their sums are the same."""

    def payments(part: int) -> list[OurPayment]:
        return [payment for payment in ours if part_of(payment.payment_id, parts) == part]

    def statement(part: int) -> list[Row]:
        return [row for row in rows if part_of(payment_of(row.ref), parts) == part]

    whole = match(ours, rows, DAY)
    cut = list(match_in_parts(payments, statement, parts, DAY))
    assert sorted(cut, key=repr) == sorted(whole, key=repr)
    known = {payment.payment_id: payment for payment in ours}
    one, other = cut[: len(cut) // 2], cut[len(cut) // 2 :]

    def summed(pairings: list[Pairing]) -> object:
        return tally(pairings, transfers(pairings, known))

    added = add(tally(one, transfers(one, known)), tally(other, transfers(other, known)))
    assert added == summed(list(whole))
