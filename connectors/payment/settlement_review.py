"""Looks at open differences again: what our books say now closes many; what stays open too long, people hear of.

Also at days of which no statement ever came (payment facts 5: PAID_HERE_ONLY after two business days).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from connectors.kit.contract import Change, Kit, Mark
from connectors.kit.settlement.reading import head_of
from connectors.kit.settlement.settling import Looked
from connectors.kit.settlement.state import Difference, FileMissing, Part, Reviewed, Settlement, head_id
from connectors.payment.changes import Settled
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.our_books import closing, our_payment
from connectors.payment.payment import Payment
from connectors.payment.settings import Settings
from connectors.payment.settlement_kinds import HEADS, KINDS, PARTS
from mappings.codec import decode, plain
from mappings.dates import local_date
from mappings.settlement import overdue
from mappings.settlement_words import Outcome

_PAGE = 10
_WINDOW = timedelta(days=62)
"""So long an open difference is looked at; older ones stand in their reports."""
_LOOKED_FOR = timedelta(days=14)
"""So long a statement that never came is looked for."""


class SettlementReview:
    """One round after the other, each in pages."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings, self._kit = settings, kit

    async def look(self, last: float, after: str) -> Looked | None:
        """The next page of the round under way, or of a new one; None while it is too early for one."""
        now = self._kit.now()
        if not after and now.timestamp() - last < self._settings.settlement.review_every_s:
            return None
        today = local_date(now)
        marks = await self._marks(after or f"open/{today - _WINDOW:%Y%m%d}", today)
        changes: list[Change] = []
        for mark in marks:
            changes += await self._part(mark.ledger_id, now)
        if len(marks) == _PAGE:
            return Looked(tuple(changes), now.timestamp(), marks[-1].place)
        changes += await self._missing(now, today)
        return Looked(tuple(changes), now.timestamp(), "")

    async def _marks(self, after: str, today: date) -> Sequence[Mark]:
        return await self._kit.ledgers.marked(PARTS, after, f"open/{today + timedelta(days=2):%Y%m%d}", _PAGE)

    async def _part(self, part_id: str, now: datetime) -> list[Change]:
        """What has become of the open differences of one part. Parts of files that were replaced are history."""
        entry = await self._kit.ledgers.read(PARTS, part_id)
        part = decode(entry.state, Part) if entry is not None else None
        if part is None or not await self._current(part):
            return []
        closed: list[tuple[int, str]] = []
        late: list[int] = []
        changes: list[Change] = []
        day = datetime.strptime(part.business_date, "%Y%m%d").date()  # noqa: DTZ007 - a day, no moment
        is_late = overdue(day, local_date(now), frozenset(self._settings.settlement.holidays))
        for place, one in enumerate(part.differences):
            if one.closed:
                continue
            payment = await self.payment(one.pairing.payment_id)
            how = closing(one.pairing, our_payment(payment) if payment is not None else None)
            if how:
                closed.append((place, how))
            elif is_late and one.pairing.outcome is Outcome.PAID_HERE_ONLY and not one.overdue:
                late.append(place)
                changes.append(change_of(one.pairing.payment_id, _ask(part, one, now)))
        if closed or late:
            reviewed = Reviewed(at=now, closed=tuple(closed), overdue=tuple(late))
            key = f"reviewed/{now.timestamp():.6f}"
            changes.insert(0, Change(PARTS, part_id, key, plain(reviewed), passing=("at",)))
        return changes

    async def payment(self, payment_id: str) -> Payment | None:
        """A payment of ours."""
        entry = await self._kit.ledgers.read(LEDGER, payment_id) if payment_id else None
        return decode(entry.state, Payment) if entry is not None else None

    async def _current(self, part: Part) -> bool:
        head = await self._head(part.provider, part.business_date)
        return head is not None and head.current == part.sha256

    async def _head(self, provider: str, business_date: str) -> Settlement | None:
        return await head_of(self._kit.ledgers, KINDS, provider, business_date)

    async def _missing(self, now: datetime, today: date) -> list[Change]:
        """Days with payments of ours whose statement is late."""
        found: list[Change] = []
        holidays = frozenset(self._settings.settlement.holidays)
        for provider in self._settings.enabled:
            name = provider.profile
            if not self._settings.settlement.of(name).expected:
                continue
            for back in range(1, _LOOKED_FOR.days + 1):
                day = today - timedelta(days=back)
                if overdue(day, today, holidays) and await self._unsettled(name, f"{day:%Y%m%d}"):
                    missing = FileMissing(at=now, provider=name, business_date=f"{day:%Y%m%d}")
                    found.append(
                        Change(HEADS, head_id(name, missing.business_date), "missing", plain(missing), passing=("at",))
                    )
        return found

    async def _unsettled(self, provider: str, business_date: str) -> bool:
        head = await self._head(provider, business_date)
        if head is not None and (head.current or head.missing_since is not None):
            return False
        place = f"paid/{provider}/{business_date}"
        return bool(await self._kit.ledgers.marked(LEDGER, f"{place}/", f"{place}0", 1))


def _ask(part: Part, one: Difference, now: datetime) -> Settled:
    """The payment is asked about once more: our books have it, no statement names it."""
    return Settled(
        at=now,
        provider=part.provider,
        business_date=part.business_date,
        outcome=Outcome.PAID_HERE_ONLY,
        difference=-one.pairing.ours,
        ask=True,
    )
