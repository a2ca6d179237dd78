"""The books of the simulated intermediaries: what was asked, what payers paid, what went back, without sockets.

Money is a whole number of đồng, moments are aware and in UTC. Nothing here happens by itself: `due` is told the time and does
what has become due (an order expires, a late payment arrives, a payment under way ends).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

_PREFIXES = {"pp": "PP", "keypay": "KP", "paygov": "PG", "vietqr": "VQ"}
"""What the numbers of transactions begin with; those of the others are numbers on the wire."""


class Standing(StrEnum):
    """Where an order stands at its intermediary."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    HELD = "held"


class RefundStanding(StrEnum):
    """Where a refund stands: taken, sent to the payer's bank, done, or rejected."""

    PROCESSING = "processing"
    SENT = "sent"
    DONE = "done"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Txn:
    """Money that came in. `txn_id` is the intermediary's own number."""

    txn_id: str
    amount: int
    paid_at: datetime
    bank_txn_id: str
    bank_code: str = "NCB"
    channel: str = "web"


@dataclass(slots=True)
class Refund:
    """Money that goes back, under the merchant's `refund_ref`; `request_id` is that of the request that was taken."""

    refund_ref: str
    request_id: str
    txn_id: str
    original_txn_id: str
    amount: int
    whole: bool
    by: str
    asked_at: datetime
    sent_at: datetime
    done_at: datetime
    rejected: bool = False

    def standing(self, now: datetime) -> RefundStanding:
        """Where it stands at `now`."""
        if self.rejected:
            return RefundStanding.REJECTED
        if now >= self.done_at:
            return RefundStanding.DONE
        return RefundStanding.SENT if now >= self.sent_at else RefundStanding.PROCESSING


@dataclass(slots=True)
class Charge:
    """One order of a merchant. `wire` is what its messages echo; `code` the intermediary's own code of a failure."""

    provider: str
    ref: str
    amount: int
    text: str
    created_at: datetime
    expires_at: datetime
    token: str
    return_url: str = ""
    notify_url: str = ""
    wire: Mapping[str, str] = field(default_factory=dict)
    standing: Standing = Standing.OPEN
    code: str = ""
    changed_at: datetime | None = None
    late_at: datetime | None = None
    txns: list[Txn] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether a payer can still do something with it."""
        return self.standing in (Standing.OPEN, Standing.PROCESSING)

    def refunded(self, txn_id: str = "") -> int:
        """Đồng that went or go back, of one transaction or of all."""
        return sum(one.amount for one in self.refunds if not one.rejected and txn_id in ("", one.original_txn_id))

    def paid(self) -> int:
        """Đồng that came in."""
        return sum(one.amount for one in self.txns)


class Duplicate(Exception):
    """Another order stands under this reference."""


@dataclass(frozen=True, slots=True)
class News:
    """What an intermediary tells a merchant about one order: `txn` None where nothing was paid."""

    charge: Charge
    txn: Txn | None
    code: str
    at: datetime


class Books:
    """Every order of every intermediary, by (provider, reference). `now` gives the time in UTC, `new_token` opaque values."""

    def __init__(self, now: Callable[[], datetime], new_token: Callable[[], str]) -> None:
        self.now = now
        self.new_token = new_token
        self.charges: dict[tuple[str, str], Charge] = {}
        self.tokens: dict[str, Charge] = {}
        self.by_txn: dict[tuple[str, str], Charge] = {}
        self.by_refund: dict[tuple[str, str], tuple[Charge, Refund]] = {}
        self._moments: list[tuple[datetime, int, Charge]] = []
        # Numbers of transactions never come twice, not even after a restart of the simulator.
        self._number = int(now().timestamp()) * 100

    def __iter__(self) -> Iterator[Charge]:
        return iter(self.charges.values())

    def number(self) -> int:
        """The next number of a transaction."""
        self._number += 1
        return self._number

    def open(self, charge: Charge) -> Charge:
        """Take an order; raises `Duplicate`."""
        key = (charge.provider, charge.ref)
        if key in self.charges:
            raise Duplicate(charge.ref)
        self.charges[key] = self.tokens[charge.token] = charge
        self._watch(charge.expires_at, charge)
        return charge

    def find(self, provider: str, ref: str) -> Charge | None:
        """The order under a reference, as it stands now."""
        return self.charges.get((provider, ref))

    def pay(self, charge: Charge, amount: int | None = None, *, bank_code: str = "NCB", channel: str = "web") -> Txn:
        """Money comes in for an order: the order is paid from now on, whatever it was."""
        txn = replace(self.invented(charge, amount or charge.amount), bank_code=bank_code, channel=channel)
        charge.txns.append(txn)
        self.by_txn[(charge.provider, txn.txn_id)] = charge
        self._turn(charge, Standing.PAID)
        charge.late_at = None
        return txn

    def invented(self, charge: Charge, amount: int) -> Txn:
        """A transaction that nobody made: it stands in no book."""
        number = f"{_PREFIXES.get(charge.provider, '')}{self.number()}"
        return Txn(number, amount, self.now(), f"FT{number}")

    def fail(self, charge: Charge, code: str) -> None:
        """The payer, the bank or the clock ended it without money."""
        self._turn(charge, Standing.FAILED, code)

    def process(self, charge: Charge) -> None:
        """The bank has not answered: nobody knows."""
        self._turn(charge, Standing.PROCESSING)

    def hold(self, charge: Charge, code: str) -> Txn:
        """Money was taken from the payer and is suspected: the merchant has to look."""
        txn = self.pay(charge)
        self._turn(charge, Standing.HELD, code)
        return txn

    def clear(self, charge: Charge) -> Txn:
        """Suspected money was found to be good."""
        self._turn(charge, Standing.PAID)
        return charge.txns[-1]

    def reverse(self, charge: Charge, code: str) -> None:
        """Suspected money went back to the payer, as if it had never come."""
        txn = charge.txns.pop()
        self.by_txn.pop((charge.provider, txn.txn_id), None)
        self._turn(charge, Standing.FAILED, code)

    def due(self, expired_code: Callable[[str], str]) -> list[News]:
        """Do what has become due by now; what there is to tell. `expired_code` gives a provider's code for an order too old."""
        now, news = self.now(), list[News]()
        while self._moments and self._moments[0][0] <= now:
            charge = heapq.heappop(self._moments)[2]
            if charge.live and now >= charge.expires_at:
                self._turn(charge, Standing.EXPIRED, expired_code(charge.provider))
                news.append(News(charge, None, charge.code, now))
            if charge.late_at is not None and now >= charge.late_at:
                news.append(News(charge, self.pay(charge), "", now))
        return news

    def pay_late(self, charge: Charge, at: datetime) -> None:
        """Money will come in at `at`, whatever the order is by then."""
        charge.late_at = at
        self._watch(at, charge)

    def next_due(self) -> datetime | None:
        """When there may be something to do by time alone."""
        return self._moments[0][0] if self._moments else None

    def forget(self) -> None:
        """Lose every order; numbers go on."""
        self.charges.clear()
        self.tokens.clear()
        self.by_txn.clear()
        self.by_refund.clear()
        self._moments.clear()

    def _watch(self, at: datetime, charge: Charge) -> None:
        heapq.heappush(self._moments, (at, self.number(), charge))

    def _turn(self, charge: Charge, standing: Standing, code: str = "") -> None:
        charge.standing, charge.code, charge.changed_at = standing, code, self.now()

    def refund(self, charge: Charge, asked: RefundAsked) -> Refund:
        """Take a refund that was checked; its own number is new."""
        now = self.now()
        refund = Refund(
            refund_ref=asked.refund_ref,
            request_id=asked.request_id,
            txn_id=str(self.number()),
            original_txn_id=asked.txn_id,
            amount=asked.amount,
            whole=any(asked.amount == txn.amount for txn in charge.txns if txn.txn_id == asked.txn_id),
            by=asked.by,
            asked_at=now,
            sent_at=now + asked.takes / 2,
            done_at=now + asked.takes,
            rejected=asked.rejected,
        )
        charge.refunds.append(refund)
        self.by_refund[(charge.provider, refund.refund_ref)] = (charge, refund)
        return refund


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund as a merchant asked for it; `takes` is how long it will be under way, `rejected` that it will come to nothing."""

    refund_ref: str
    request_id: str
    txn_id: str
    amount: int
    by: str = ""
    takes: timedelta = timedelta()
    rejected: bool = False
