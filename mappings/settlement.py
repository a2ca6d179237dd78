"""Settlement (đối soát), pure: an intermediary's statement of one day beside our books, and what every đồng between them is.

A hash join on our reference, payment by payment (payment facts 5). `match` sees any iterables and keeps both in memory;
`match_in_parts` sees one part after the other, so its memory is that of the largest part, however long the statement is.
The order of rows and of payments changes nothing, and nothing is lost: the sums of what comes out are those of what went in.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from mappings.dates import VIETNAM, local_date
from mappings.settlement_words import (
    DIFFERENCES,
    Detail,
    Kind,
    OurAttempt,
    OurInflow,
    OurPayment,
    OurRefund,
    Outcome,
    Pairing,
    Row,
    Standing,
)

NEAR_MIDNIGHT = timedelta(minutes=10)
"""How far from midnight two clocks may put one payment on two days (payment facts 5, DATE_SHIFT)."""

PAYMENT_LETTERS = 13
"""A reference of ours begins with the id of its payment: so many letters."""

HERE_ONLY_DAYS = 2
"""After so many business days a payment that no statement names is a person's business (payment facts 5, PAID_HERE_ONLY)."""

_CAME_IN = frozenset({Standing.PAID, Standing.REFUNDED, Standing.REVERSED})
_EPOCH = datetime.fromtimestamp(0, VIETNAM)


class Day(msgspec.Struct, frozen=True):
    """One statement: whose, of which day in Viet Nam, and how far from midnight a payment may fall onto the next day."""

    provider: str
    business_date: date
    shift: timedelta = NEAR_MIDNIGHT


def payment_of(ref: str) -> str:
    """The payment that a reference of ours belongs to; of a foreign one, the reference itself."""
    return ref[:PAYMENT_LETTERS]


def part_of(payment_id: str, parts: int) -> int:
    """Which of `parts` a payment falls into: the same in every run and on every machine."""
    return zlib.crc32(payment_id.encode("utf-8", "surrogatepass")) % parts


def match(payments: Iterable[OurPayment], rows: Iterable[Row], day: Day) -> tuple[Pairing, ...]:
    """Every row and every payment of ours on that day, paired or alone, in the order of references.

    `payments` are those that were paid through this intermediary on that day, and those that rows name. Linear in both.
    """
    theirs: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.kind is not Kind.FEE:
            theirs[payment_of(row.ref)].append(row)
    found: list[Pairing] = []
    for payment in payments:
        found.extend(_Matched(payment, theirs.pop(payment.payment_id, ()), day).pairings())
    for strangers in theirs.values():
        found.extend(_stranger(row) for row in strangers)
    return tuple(sorted(found, key=_place))


def match_in_parts(
    payments: Callable[[int], Iterable[OurPayment]], rows: Callable[[int], Iterable[Row]], parts: int, day: Day
) -> Iterator[Pairing]:
    """The same pairings as `match` gives, one part after the other; both arguments give what falls into a part."""
    for part in range(parts):
        yield from match(payments(part), rows(part), day)


def business_days(after: date, until: date, holidays: frozenset[date] = frozenset()) -> int:
    """How many business days (Monday to Friday, no holiday) lie in (`after`, `until`]."""
    days = (after + timedelta(days=n) for n in range(1, (until - after).days + 1))
    return sum(day.isoweekday() <= 5 and day not in holidays for day in days)


def overdue(business_date: date, today: date, holidays: frozenset[date] = frozenset()) -> bool:
    """Whether a payment of that day must have stood in a statement by now."""
    return business_days(business_date, today, holidays) >= HERE_ONLY_DAYS


def near_midnight(moment: datetime, shift: timedelta = NEAR_MIDNIGHT) -> bool:
    """Whether a moment lies so close to midnight in Viet Nam that another clock may have put it on the other day."""
    local = moment.astimezone(VIETNAM)
    since = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
    return since <= shift or since >= timedelta(days=1) - shift


class _Matched:
    """One payment beside the rows that name it."""

    def __init__(self, payment: OurPayment, rows: Sequence[Row], day: Day) -> None:
        self._payment, self._day = payment, day
        self._attempts = {attempt.ref: attempt for attempt in payment.attempts if attempt.provider == day.provider}
        self._paid: dict[str, list[Row]] = defaultdict(list)
        self._unpaid: dict[str, list[Row]] = defaultdict(list)
        self._back: list[Row] = []
        for row in sorted(rows, key=_order):
            if row.kind is Kind.PAY:
                (self._paid if row.standing in _CAME_IN else self._unpaid)[row.ref].append(row)
            else:
                self._back.append(row)

    def pairings(self) -> Iterator[Pairing]:
        """Everything about this payment."""
        news: list[Row] = []
        for ref, attempt in self._attempts.items():
            pairs, rows, inflows = _paired(self._paid.pop(ref, ()), attempt.inflows)
            for row, inflow in pairs:
                yield self._both(attempt, row, inflow)
            news += rows
            if ref in self._unpaid:
                yield from self._not_paid(self._unpaid.pop(ref), inflows)
            else:
                yield from (self._alone(attempt, inflow) for inflow in inflows if self._on_day(inflow))
        for strangers in self._paid.values():
            yield from (_stranger(row, self._payment) for row in strangers)
        yield from self._unheard_of(sorted(news, key=_order))
        for failed in self._unpaid.values():
            yield from self._not_paid(failed, ())
        yield from self._gone_back()

    def _unheard_of(self, rows: Sequence[Row]) -> Iterator[Pairing]:
        """Money for attempts of ours that our books have not: the first is the fee, where nothing has paid it yet."""
        counted = any(inflow.counts for attempt in self._payment.attempts for inflow in attempt.inflows)
        taken = counted or self._payment.at_counter
        for row in rows:
            attempt = self._attempts[row.ref]
            if taken:
                known = bool(attempt.inflows)
                yield self._pair(
                    Outcome.DUPLICATE, row, 0, Detail.SECOND_TRANSACTION if known else Detail.OTHER_ATTEMPT_PAID
                )
            elif row.amount != attempt.amount:
                yield self._pair(Outcome.AMOUNT_DIFF, row, 0, Detail.NOT_PAID_HERE)
            else:
                taken = True
                yield self._pair(Outcome.PAID_AT_PROVIDER_ONLY, row, 0)

    def _both(self, attempt: OurAttempt, row: Row, inflow: OurInflow) -> Pairing:
        """Money that both sides have."""
        ours = inflow.amount if self._on_day(inflow) else 0
        if row.amount != inflow.amount:
            return self._pair(Outcome.AMOUNT_DIFF, row, ours)
        if inflow.txn_id and inflow.txn_id not in (row.txn_id, row.bank_txn_id):
            return self._pair(Outcome.STATUS_DIFF, row, ours, Detail.OTHER_TRANSACTION)
        if not inflow.counts:
            return self._pair(Outcome.AMOUNT_DIFF, row, ours, Detail.WRONG_ON_BOTH_SIDES)
        if row.standing is not Standing.PAID and not self._has_refund(attempt):
            return self._pair(Outcome.STATUS_DIFF, row, ours, Detail.NOT_REFUNDED_HERE)
        account = row.beneficiary_account
        if account and self._payment.account and account != self._payment.account:
            return self._pair(Outcome.BENEFICIARY_DIFF, row, ours)
        if not self._on_day(inflow):
            near = near_midnight(inflow.paid_at, self._day.shift)
            return self._pair(Outcome.DATE_SHIFT, row, 0, Detail.NONE if near else Detail.FAR_FROM_MIDNIGHT)
        if not inflow.stands:
            return self._pair(Outcome.DUPLICATE, row, ours, Detail.KNOWN)
        return self._pair(Outcome.LATE_SUCCESS if attempt.late else Outcome.MATCHED, row, ours)

    def _alone(self, attempt: OurAttempt, inflow: OurInflow) -> Pairing:
        """Money of ours of this day that no row names."""
        near = near_midnight(inflow.paid_at, self._day.shift)
        shifted = inflow.settled_on is not None and inflow.settled_on != self._day.business_date
        return Pairing(
            outcome=Outcome.DATE_SHIFT if shifted else Outcome.PAID_HERE_ONLY,
            kind=Kind.PAY,
            ref=attempt.ref,
            payment_id=self._payment.payment_id,
            dossier_code=self._payment.dossier_code,
            txn_id=inflow.txn_id,
            ours=inflow.amount,
            detail=Detail.NONE if shifted or not near else Detail.NEAR_MIDNIGHT,
            paid_at=inflow.paid_at,
        )

    def _not_paid(self, rows: Sequence[Row], inflows: Sequence[OurInflow]) -> Iterator[Pairing]:
        """Rows that say "not paid": a difference only where our books have money that no other row names, told once."""
        first, *rest = rows
        ours = sum(inflow.amount for inflow in inflows if self._on_day(inflow))
        outcome = Outcome.STATUS_DIFF if inflows else Outcome.MATCHED
        yield self._pair(outcome, first, ours, Detail.NOT_PAID_THERE, theirs=0)
        yield from (self._pair(Outcome.MATCHED, row, 0, Detail.NOT_PAID_THERE, theirs=0) for row in rest)

    def _gone_back(self) -> Iterator[Pairing]:
        """Refunds and reversals."""
        left = list(self._payment.refunds)
        for row in self._back:
            refund = _refund_of(row, left)
            if refund is not None:
                left.remove(refund)
                yield self._refunded(refund, row)
            elif row.ref in self._attempts:
                yield self._pair(Outcome.STATUS_DIFF, row, 0, Detail.NOT_REFUNDED_HERE)
            else:
                yield _stranger(row, self._payment)

    def _refunded(self, refund: OurRefund, row: Row) -> Pairing:
        """A refund of ours and the row of it."""
        if row.amount != refund.amount:
            return self._pair(Outcome.AMOUNT_DIFF, row, refund.amount if refund.done else 0)
        if refund.done is (row.standing in (Standing.REFUNDED, Standing.REVERSED)):
            return self._pair(Outcome.MATCHED, row, row.amount)
        return self._pair(Outcome.STATUS_DIFF, row, refund.amount if refund.done else 0, Detail.REFUND_STATE)

    def _on_day(self, inflow: OurInflow) -> bool:
        """Whether our books count it on this very day."""
        return inflow.day == self._day.business_date

    def _has_refund(self, attempt: OurAttempt) -> bool:
        return any(refund.attempt_ref == attempt.ref for refund in self._payment.refunds)

    def _pair(
        self, outcome: Outcome, row: Row, ours: int, detail: Detail = Detail.NONE, theirs: int | None = None
    ) -> Pairing:
        return Pairing(
            outcome=outcome,
            kind=row.kind,
            ref=row.ref,
            payment_id=self._payment.payment_id,
            dossier_code=self._payment.dossier_code,
            txn_id=row.txn_id,
            bank_txn_id=row.bank_txn_id,
            theirs=row.amount if theirs is None else theirs,
            ours=ours,
            detail=detail,
            seq=row.seq,
            paid_at=row.paid_at,
            bank_code=row.bank_code,
        )


def _paired(
    rows: Sequence[Row], inflows: Sequence[OurInflow]
) -> tuple[list[tuple[Row, OurInflow]], list[Row], list[OurInflow]]:
    """Rows and money of one attempt: first what names the same transaction, then in order; and what is left of each."""
    pairs: list[tuple[Row, OurInflow]] = []
    left = sorted(inflows, key=lambda inflow: (not inflow.stands, inflow.paid_at, inflow.txn_id, inflow.amount))
    others: list[Row] = []
    for row in rows:
        known = next((i for i in left if i.txn_id and i.txn_id in (row.txn_id, row.bank_txn_id)), None)
        if known is None:
            others.append(row)
        else:
            left.remove(known)
            pairs.append((row, known))
    pairs += zip(others, left, strict=False)
    return pairs, others[len(left) :], left[len(others) :]


def _refund_of(row: Row, refunds: Sequence[OurRefund]) -> OurRefund | None:
    """The refund that a row is about: by our reference of it, else one of the same attempt, the likeliest first."""
    for refund in refunds:
        if row.ref == refund.ref:
            return refund
    same = [refund for refund in refunds if refund.attempt_ref == row.ref]
    likely = sorted(same, key=lambda r: (not r.txn_id or r.txn_id != row.txn_id, r.amount != row.amount, r.ref))
    return likely[0] if likely else None


def _stranger(row: Row, payment: OurPayment | None = None) -> Pairing:
    """A row whose reference our books do not know."""
    paid = row.standing in _CAME_IN
    pay_outcome = Outcome.PAID_AT_PROVIDER_ONLY if paid else Outcome.MATCHED
    return Pairing(
        outcome=pay_outcome if row.kind is Kind.PAY else Outcome.REFUND_UNLINKED,
        kind=row.kind,
        ref=row.ref,
        payment_id=payment.payment_id if payment is not None else "",
        dossier_code=payment.dossier_code if payment is not None else "",
        txn_id=row.txn_id,
        bank_txn_id=row.bank_txn_id,
        theirs=row.amount if paid or row.kind is not Kind.PAY else 0,
        detail=Detail.UNKNOWN_REFERENCE,
        seq=row.seq,
        paid_at=row.paid_at,
        bank_code=row.bank_code,
    )


def _order(row: Row) -> tuple[datetime, str, int, str, str, int]:
    """The order of rows that speak of one payment: by time, then by what tells them apart; never by where they stand."""
    return row.paid_at or _EPOCH, row.txn_id, row.amount, row.ref, row.bank_txn_id, row.seq


def _place(pairing: Pairing) -> tuple[str, str, str, int, str, str]:
    """The order of a report."""
    return pairing.payment_id or pairing.ref, pairing.ref, pairing.kind, pairing.seq, pairing.txn_id, pairing.outcome


def is_difference(pairing: Pairing) -> bool:
    """Whether a person must see it, or something must be done."""
    return pairing.outcome in DIFFERENCES


def day_of(moment: datetime) -> date:
    """The business day that a moment falls on (payment facts 5: by the paid time, in Viet Nam)."""
    return local_date(moment)
