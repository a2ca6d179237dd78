"""Settlement, case by case: what one row of a statement beside our books is, and what is proposed about it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec
import pytest

from mappings.dates import VIETNAM
from mappings.settlement import Day, business_days, match, match_in_parts, near_midnight, overdue, part_of
from mappings.settlement_sums import Count, add, tally, transfer_reference, transfers
from mappings.settlement_words import (
    Action,
    Detail,
    Kind,
    OurAttempt,
    OurInflow,
    OurPayment,
    OurRefund,
    Outcome,
    Pairing,
    Row,
    Share,
    Standing,
)

TODAY = date(2026, 9, 21)
DAY = Day("vnpay", TODAY)
NOON = datetime(2026, 9, 21, 12, tzinfo=VIETNAM)
ID = "0123456789abc"
CHARGE = Share(kind="charge", code="PTD01", amount=450_000, dvqhns="1054321", chapter="025", sub_item="2716")
FEE = Share(kind="fee", code="LPC01", amount=50_000, dvqhns="1054321", chapter="025", sub_item="2767")


MONEY = OurInflow(txn_id="1400", amount=500_000, day=TODAY, paid_at=NOON)


def ours(number: int = 1, *, provider: str = "vnpay", late: bool = False, **change: object) -> OurAttempt:
    """An attempt that our books have as paid at noon."""
    money = msgspec.structs.replace(MONEY, **change)
    return OurAttempt(ref=f"{ID}a{number}", provider=provider, amount=500_000, inflows=(money,), late=late)


def unpaid(number: int = 1) -> OurAttempt:
    """An attempt that nobody told us was paid."""
    return OurAttempt(ref=f"{ID}a{number}", provider="vnpay", amount=500_000)


def payment(*attempts: OurAttempt, refunds: tuple[OurRefund, ...] = (), **change: object) -> OurPayment:
    """The payment of those attempts, with its two fees."""
    whole = OurPayment(
        payment_id=ID,
        dossier_code="000.00.00.G11-260921-000123",
        attempts=attempts,
        refunds=refunds,
        shares=(CHARGE, FEE),
        account="0011001234567",
    )
    return msgspec.structs.replace(whole, **change)


def row(number: int = 1, **change: object) -> Row:
    """The row of attempt `number` in the statement."""
    found = Row(
        seq=number,
        kind=Kind.PAY,
        ref=f"{ID}a{number}",
        txn_id="1400",
        amount=500_000,
        standing=Standing.PAID,
        paid_at=NOON,
    )
    return msgspec.structs.replace(found, **change)


def only(payments: list[OurPayment], rows: list[Row]) -> Pairing:
    """The single pairing of those."""
    (found,) = match(payments, rows, DAY)
    return found


def test_what_agrees_in_reference_transaction_amount_and_state_is_matched_and_closed() -> None:
    """The usual case costs nobody a look."""
    found = only([payment(ours())], [row()])
    assert (found.outcome, found.action, found.theirs, found.ours) == (
        Outcome.MATCHED,
        Action.CLOSE,
        500_000,
        500_000,
    )


def test_the_transaction_may_be_the_one_of_the_bank() -> None:
    """Some statements name the bank's transaction where the notice named the intermediary's, or the other way round."""
    assert only([payment(ours(txn_id="FT1"))], [row(bank_txn_id="FT1")]).outcome is Outcome.MATCHED


def test_what_the_intermediary_was_paid_and_we_never_heard_of_is_asked_about() -> None:
    """The notice was lost and no query came through."""
    found = only([payment(unpaid())], [row()])
    assert (found.outcome, found.action, found.theirs, found.ours) == (
        Outcome.PAID_AT_PROVIDER_ONLY,
        Action.QUERY,
        500_000,
        0,
    )


def test_money_under_a_reference_that_is_not_ours_is_for_people() -> None:
    """No payment can be asked about it."""
    found = only([], [row(ref="somebody-elses-77")])
    assert (found.outcome, found.detail, found.action) == (
        Outcome.PAID_AT_PROVIDER_ONLY,
        Detail.UNKNOWN_REFERENCE,
        Action.MANUAL,
    )


def test_an_attempt_that_the_payment_never_made_is_no_attempt_of_it() -> None:
    """The id of the payment alone proves nothing: the whole reference must be stored (guard G3)."""
    found = match([payment(ours())], [row(), row(7, seq=2, txn_id="1401")], DAY)
    assert [(p.ref, p.outcome, p.detail) for p in found] == [
        (f"{ID}a1", Outcome.MATCHED, Detail.NONE),
        (f"{ID}a7", Outcome.PAID_AT_PROVIDER_ONLY, Detail.UNKNOWN_REFERENCE),
    ]


def test_what_only_our_books_have_waits_for_the_next_statements() -> None:
    """Absent for less than two business days: nobody is woken."""
    found = only([payment(ours())], [])
    assert (found.outcome, found.action, found.ours, found.theirs) == (
        Outcome.PAID_HERE_ONLY,
        Action.WAIT,
        500_000,
        0,
    )


@pytest.mark.parametrize("paid", [True, False])
def test_another_amount_is_never_accepted(paid: bool) -> None:
    """Neither where we have it as paid nor where we do not."""
    found = only([payment(ours() if paid else unpaid())], [row(amount=50_000)])
    assert (found.outcome, found.action, found.theirs) == (Outcome.AMOUNT_DIFF, Action.MANUAL, 50_000)


def test_a_second_transaction_of_one_attempt_goes_back() -> None:
    """The payer paid one link twice; the transaction that our books have stays."""
    first, second = match([payment(ours())], [row(seq=2, txn_id="0001"), row(seq=1)], DAY)
    assert (first.txn_id, first.outcome) == ("1400", Outcome.MATCHED)
    assert (second.txn_id, second.outcome, second.action) == ("0001", Outcome.DUPLICATE, Action.REFUND)


def test_a_second_payment_that_our_books_know_is_named_once_more_with_its_refund_under_way() -> None:
    """Both transactions were told by notices; the report still says why there is twice the money."""
    twice = msgspec.structs.replace(MONEY, txn_id="1500", stands=False)
    attempt = msgspec.structs.replace(ours(), inflows=(MONEY, twice))
    found = match([payment(attempt)], [row(), row(seq=2, txn_id="1500")], DAY)
    assert [(p.outcome, p.detail, p.theirs, p.ours) for p in found] == [
        (Outcome.MATCHED, Detail.NONE, 500_000, 500_000),
        (Outcome.DUPLICATE, Detail.KNOWN, 500_000, 500_000),
    ]


def test_a_wrong_amount_that_both_sides_have_is_still_a_difference() -> None:
    """Abuse case A32: an under-payment is evidence for people, not the fee."""
    found = only([payment(ours(amount=400_000, counts=False, stands=False))], [row(amount=400_000)])
    assert (found.outcome, found.detail, found.theirs, found.ours) == (
        Outcome.AMOUNT_DIFF,
        Detail.WRONG_ON_BOTH_SIDES,
        400_000,
        400_000,
    )


def test_a_second_attempt_that_was_paid_too_goes_back() -> None:
    """Two intermediaries, or two links, one fee."""
    first, second = match([payment(ours(), unpaid(2))], [row(), row(2, txn_id="1500")], DAY)
    assert (first.outcome, second.outcome, second.action) == (Outcome.MATCHED, Outcome.DUPLICATE, Action.REFUND)


def test_a_fee_that_was_paid_at_the_counter_is_not_owed_again() -> None:
    """The receipt of the counter closed it; what came in online is too much."""
    assert only([payment(unpaid(), at_counter=True)], [row()]).outcome is Outcome.DUPLICATE


def test_of_two_attempts_that_nobody_told_us_of_the_earlier_one_counts() -> None:
    """One fee, two payments, both lost: one is the fee, one goes back."""
    later = NOON + timedelta(minutes=1)
    first, second = match(
        [payment(unpaid(), unpaid(2))], [row(paid_at=later), row(2, txn_id="1500", paid_at=NOON)], DAY
    )
    assert (first.ref, first.outcome) == (f"{ID}a1", Outcome.DUPLICATE)
    assert (second.ref, second.outcome) == (f"{ID}a2", Outcome.PAID_AT_PROVIDER_ONLY)


def test_a_transaction_that_is_neither_of_ours_is_not_refunded_unseen() -> None:
    """A layout that maps the wrong column must not open a thousand refunds."""
    found = only([payment(ours())], [row(txn_id="9999")])
    assert (found.outcome, found.detail, found.action) == (
        Outcome.STATUS_DIFF,
        Detail.OTHER_TRANSACTION,
        Action.MANUAL,
    )


def test_what_is_paid_here_and_failed_there_is_asked_about() -> None:
    """Paid is sticky; but a person must know."""
    found = only([payment(ours())], [row(standing=Standing.FAILED)])
    assert (found.outcome, found.detail, found.theirs, found.ours) == (
        Outcome.STATUS_DIFF,
        Detail.NOT_PAID_THERE,
        0,
        500_000,
    )


def test_a_failure_beside_the_success_of_the_same_link_is_no_difference() -> None:
    """The payer tried twice; one row of each."""
    found = match([payment(ours())], [row(seq=2, standing=Standing.FAILED, txn_id=""), row()], DAY)
    assert [(p.outcome, p.ours, p.theirs) for p in found] == [
        (Outcome.MATCHED, 500_000, 500_000),
        (Outcome.MATCHED, 0, 0),
    ]


def test_what_failed_on_both_sides_is_no_difference() -> None:
    """Some statements list failures."""
    found = only([payment(unpaid())], [row(standing=Standing.FAILED)])
    assert (found.outcome, found.theirs, found.ours) == (Outcome.MATCHED, 0, 0)


def test_a_late_success_is_named_even_where_the_money_agrees() -> None:
    """The dossier may have been stopped meanwhile."""
    found = only([payment(ours(late=True))], [row()])
    assert (found.outcome, found.action) == (Outcome.LATE_SUCCESS, Action.REVIEW_LATE)


def test_money_that_went_to_another_account_is_an_alarm_not_a_match() -> None:
    """Abuse case A22: a hop changed the beneficiary."""
    assert only([payment(ours())], [row(beneficiary_account="0011001234567")]).outcome is Outcome.MATCHED
    assert only([payment(ours())], [row(beneficiary_account="666")]).outcome is Outcome.BENEFICIARY_DIFF


@pytest.mark.parametrize(
    ("paid_at", "detail"),
    [
        (datetime(2026, 9, 20, 23, 59, 58, tzinfo=VIETNAM), Detail.NONE),
        (datetime(2026, 9, 20, 12, tzinfo=VIETNAM), Detail.FAR_FROM_MIDNIGHT),
    ],
)
def test_a_payment_of_the_neighbouring_day_is_counted_on_each_side_once(paid_at: datetime, detail: Detail) -> None:
    """Their day counts their money, our day ours; only far from midnight must people look."""
    found = only([payment(ours(paid_at=paid_at, day=date(2026, 9, 20)))], [row()])
    assert (found.outcome, found.detail, found.theirs, found.ours) == (Outcome.DATE_SHIFT, detail, 500_000, 0)
    settled = ours(paid_at=paid_at, day=date(2026, 9, 20), settled_on=TODAY)
    (before,) = match([payment(settled)], [], Day("vnpay", date(2026, 9, 20)))
    assert (before.outcome, before.theirs, before.ours) == (Outcome.DATE_SHIFT, 0, 500_000)


def test_a_payment_near_midnight_that_no_statement_has_yet_says_so() -> None:
    """It is likely to stand in the next day's."""
    late = datetime(2026, 9, 21, 23, 55, tzinfo=VIETNAM)
    assert only([payment(ours(paid_at=late))], []).detail is Detail.NEAR_MIDNIGHT


REFUND = OurRefund(ref=f"{ID}r1", attempt_ref=f"{ID}a1", amount=500_000, done=True, txn_id="R1")
BACK = msgspec.structs.replace(row(), seq=2, kind=Kind.REFUND, standing=Standing.REFUNDED, txn_id="R1")


@pytest.mark.parametrize(
    ("refunds", "back", "outcome", "action"),
    [
        ((REFUND,), BACK, Outcome.MATCHED, Action.CLOSE),
        ((REFUND,), msgspec.structs.replace(BACK, ref=f"{ID}r1"), Outcome.MATCHED, Action.CLOSE),
        (
            (msgspec.structs.replace(REFUND, done=False),),
            BACK,
            Outcome.STATUS_DIFF,
            Action.QUERY_REFUND,
        ),
        (
            (REFUND,),
            msgspec.structs.replace(BACK, standing=Standing.REFUNDING),
            Outcome.STATUS_DIFF,
            Action.QUERY_REFUND,
        ),
        ((), BACK, Outcome.STATUS_DIFF, Action.QUERY_REFUND),
        ((REFUND,), msgspec.structs.replace(BACK, amount=1), Outcome.AMOUNT_DIFF, Action.MANUAL),
        ((), msgspec.structs.replace(BACK, ref="elsewhere"), Outcome.REFUND_UNLINKED, Action.MANUAL),
        ((), msgspec.structs.replace(BACK, ref=f"{ID}r9"), Outcome.REFUND_UNLINKED, Action.MANUAL),
    ],
)
def test_money_that_went_back_is_compared_with_our_refunds(
    refunds: tuple[OurRefund, ...], back: Row, outcome: Outcome, action: Action
) -> None:
    """By our reference of the refund, else by that of the attempt."""
    found = [p for p in match([payment(ours(), refunds=refunds)], [row(), back], DAY) if p.kind is Kind.REFUND]
    assert [(p.outcome, p.action) for p in found] == [(outcome, action)]


def test_one_refund_answers_for_one_row_only() -> None:
    """The same money does not go back twice unseen."""
    rows = [row(), BACK, msgspec.structs.replace(BACK, seq=3)]
    outcomes = [p.outcome for p in match([payment(ours(), refunds=(REFUND,))], rows, DAY) if p.kind is Kind.REFUND]
    assert outcomes == [Outcome.MATCHED, Outcome.STATUS_DIFF]


def test_an_attempt_at_another_intermediary_is_settled_there() -> None:
    """Its own statement names it."""
    assert match([payment(ours(), ours(2, provider="momo"))], [row()], DAY)[0].ref == f"{ID}a1"
    assert len(match([payment(ours(), ours(2, provider="momo"))], [row()], DAY)) == 1


@pytest.mark.parametrize(
    ("today", "late"), [(date(2026, 9, 25), False), (date(2026, 9, 28), False), (date(2026, 9, 29), True)]
)
def test_a_weekend_is_no_business_day(today: date, late: bool) -> None:
    """Paid on a Friday: its second business day is the Tuesday."""
    friday = date(2026, 9, 25)
    assert overdue(friday, today) is late
    assert business_days(friday, date(2026, 9, 29), frozenset({date(2026, 9, 28)})) == 1


@pytest.mark.parametrize(
    ("moment", "near"),
    [
        (datetime(2026, 9, 21, 0, 10, tzinfo=VIETNAM), True),
        (datetime(2026, 9, 21, 0, 10, 1, tzinfo=VIETNAM), False),
        (datetime(2026, 9, 21, 23, 50, tzinfo=VIETNAM), True),
        (datetime(2026, 9, 21, 23, 49, 59, tzinfo=VIETNAM), False),
        (datetime(1969, 12, 31, 23, 59, tzinfo=VIETNAM), True),
    ],
)
def test_near_midnight_is_ten_minutes_on_both_sides(moment: datetime, near: bool) -> None:
    """Inclusive, in the time of Viet Nam."""
    assert near_midnight(moment) is near


def test_phi_and_le_phi_go_to_the_treasury_apart_each_with_its_reference() -> None:
    """One payment with both kinds makes two transfers (facts 7.3)."""
    books = {ID: payment(ours())}
    found = match(books.values(), [row()], DAY)
    lines = transfers(found, books)
    assert [(line.share.code, line.share.amount, line.reference) for line in lines] == [
        ("PTD01", 450_000, "1054321;025;2716;000.00.00.G11-260921-000123;1400"),
        ("LPC01", 50_000, "1054321;025;2767;000.00.00.G11-260921-000123;1400"),
    ]
    sums = tally(found, lines)
    assert sums.pay == {"MATCHED": Count(1, 500_000, 500_000)}
    assert [(s.share.kind, s.amount, s.held) for s in sums.shares] == [("charge", 450_000, 0), ("fee", 50_000, 0)]
    assert add(sums, sums).shares[0].amount == 900_000


@pytest.mark.parametrize(
    "share",
    [
        msgspec.structs.replace(CHARGE, dvqhns="5054321"),
        msgspec.structs.replace(CHARGE, dvqhns=""),
        msgspec.structs.replace(CHARGE, chapter="25"),
        msgspec.structs.replace(CHARGE, sub_item="27160"),
    ],
)
def test_a_transfer_without_a_valid_budget_code_is_held_never_guessed(share: Share) -> None:
    """Facts 7.4: the codes must be on the voucher."""
    books = {ID: payment(ours(), shares=(share,))}
    (line,) = transfers(match(books.values(), [row()], DAY), books)
    assert (line.reference, line.held) == ("", "budget")


def test_a_transfer_reference_fits_and_cannot_be_read_in_two_ways() -> None:
    """210 characters of ASCII; a separator inside a part is refused."""
    assert transfer_reference(CHARGE, "H" * 180, "1400")
    assert not transfer_reference(CHARGE, "H" * 200, "1400")
    assert not transfer_reference(CHARGE, "hồ sơ", "1400")
    assert not transfer_reference(CHARGE, "H", "14;00")


def test_money_that_goes_back_is_not_transferred_to_the_treasury() -> None:
    """Nor is what was paid twice, or what only one side has."""
    books = {ID: payment(ours(), unpaid(2), refunds=(REFUND,))}
    lines = transfers(match(books.values(), [row(), row(2, txn_id="1500")], DAY), books)
    assert {line.held for line in lines} == {"refund"} and len(lines) == 2


def _generated(number: int) -> tuple[OurPayment, Row]:
    ref = f"{number:013d}a1"
    money = OurInflow(txn_id=str(number), amount=1000, paid_at=NOON, day=TODAY)
    attempt = OurAttempt(ref=ref, provider="vnpay", amount=1000, inflows=(money,))
    found = Row(
        seq=number, kind=Kind.PAY, ref=ref, txn_id=str(number), amount=1000, standing=Standing.PAID, paid_at=NOON
    )
    return OurPayment(payment_id=ref[:13], dossier_code="H", attempts=(attempt,)), found


def _peak(rows: int, parts: int) -> int:
    """The most memory, in bytes, that matching `rows` rows in so many parts holds at once."""
    share: list[list[int]] = [[] for _ in range(parts)]
    for number in range(rows):
        share[part_of(f"{number:013d}", parts)].append(number)

    def payments(part: int) -> Iterator[OurPayment]:
        return (_generated(number)[0] for number in share[part])

    def statement(part: int) -> Iterator[Row]:
        return (_generated(number)[1] for number in share[part])

    tracemalloc.start()
    try:
        assert sum(p.outcome is Outcome.MATCHED for p in match_in_parts(payments, statement, parts, DAY)) == rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_statement_ten_times_as_long_takes_no_more_memory() -> None:
    """Memory is that of a part: ten times the rows in ten times the parts stay within twice the memory."""
    assert _peak(20_000, 40) < 2 * _peak(2_000, 4)
