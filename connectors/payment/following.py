"""Follows what is due: the marks of the ledgers are the queue, and whatever is behind now is looked at.

A restart goes on from the cursor. What a clock that was moved left behind the cursor is found by the daily sweep (facts 4.5).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.kit.contract import Change, Kit, Mark, Page
from connectors.payment.asking import Asking
from connectors.payment.entering import LEDGER
from connectors.payment.ledger import due_mark
from connectors.payment.orders import read_payment
from connectors.payment.payment import Payment

DUE = "due/"
PAGE = 24
"""How many payments one page asks about: with the limits of `asking.py` it stays within a minute."""

_READ = 400
"""How many marks one page reads. Most lead to a payment that has gone on since, which costs one read and no question."""
_LOOK_BACK = timedelta(seconds=30)
"""So long a change may have been on its way to the store, with a moment that was passed meanwhile."""
_STEP = timedelta(minutes=5)
"""How far the cursor may lag in quiet times: to move it costs a transaction."""
_SWEPT = timedelta(days=40)
"""How far back a sweep looks: beyond the 31 days that a refund is asked about."""
_REMEMBERED = 20_000


class Following:
    """The poller `due`.

    The cursor stays behind now by the time that is looked back on; what was dealt with in that time is remembered once its
    page is stored, which the next call shows by bringing that page's cursor. After a restart such marks are read once more,
    and the payment says that nothing is due.
    """

    def __init__(self, asking: Asking, kit: Kit) -> None:
        self._asking, self._kit = asking, kit
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._handed: tuple[str, tuple[str, ...]] = ("", ())

    async def poll(self, cursor: str) -> Page:
        """What has become of everything that was due after `cursor`."""
        now = self._kit.now()
        self._confirmed(cursor)
        place, number = _read(cursor)
        begin = min(place, _at(now - _LOOK_BACK))
        marks, cut = await _marks(self._kit, begin, now, skipping=self._seen)
        looked = await looked_at(self._kit, self._asking, marks, now, cut)
        self._see(looked.stale)
        after = max(place, self._passed(begin, looked, now)) if place <= _at(now) else _at(now - _LOOK_BACK)
        if not looked.changes:
            lagging = after > _at(now - _STEP) > place or place > _at(now)
            moved = lagging or bool(looked.cut and after > place)
            return Page((), f"{after}#{number + 1}" if moved else cursor, more=moved and bool(looked.cut))
        following = f"{after}#{number + 1}"
        self._handed = (following, looked.asked)
        return Page(looked.changes, following, more=looked.more)

    def _passed(self, begin: str, looked: Looked, now: datetime) -> str:
        """Up to where everything is dealt with, but never into the time that is looked back on."""
        behind = _at(now - _LOOK_BACK)
        if not looked.more:
            return behind
        first = min(looked.left, default=f"{looked.cut}~")
        dealt = [place for place in (*looked.stale, *looked.asked) if place < first]
        return min(behind, max(dealt, default=begin))

    def _confirmed(self, cursor: str) -> None:
        """The page before this one was stored, where its cursor came back: what it dealt with is not looked at again."""
        following, places = self._handed
        self._handed = ("", ())
        if following and following == cursor:
            self._see(places)

    def _see(self, places: Sequence[str]) -> None:
        self._seen.update(dict.fromkeys(places))
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


class Sweeping:
    """The poller `sweep`: once a day everything that should have been looked at long ago, whatever the cursor says."""

    def __init__(self, asking: Asking, kit: Kit) -> None:
        self._asking, self._kit = asking, kit

    async def poll(self, cursor: str) -> Page:
        """A page of the round; a cursor without a place begins the next one."""
        now = self._kit.now()
        place, number = _read(cursor)
        begin = place if place > DUE else _at(now - _SWEPT)
        marks, cut = await _marks(self._kit, begin, now - _LOOK_BACK)
        looked = await looked_at(self._kit, self._asking, marks, now, cut)
        if not looked.more or not marks:
            return Page(looked.changes, f"#{number + 1}")
        after = max((*looked.stale, *looked.asked), default=marks[-1].place)
        return Page(looked.changes, f"{after}#{number + 1}", more=True)


class Looked:
    """What came of looking at marks: those whose payment has gone on, those that were asked about, those still to do.

    `cut` is the last place that was read where more lie behind it, else "".
    """

    def __init__(self, cut: str) -> None:
        self.cut = cut
        self.stale: list[str] = []
        self.asked: tuple[str, ...] = ()
        self.left: list[str] = []
        self.changes: tuple[Change, ...] = ()

    @property
    def more(self) -> bool:
        """Whether there is more to do at once."""
        return bool(self.left or self.cut)


async def looked_at(kit: Kit, asking: Asking, marks: Sequence[Mark], now: datetime, cut: str) -> Looked:
    """Read the payments behind marks, and ask about the first `PAGE` that are due."""
    looked = Looked(cut)
    due: dict[str, tuple[Payment, list[str]]] = {}
    for mark in marks:
        if mark.ledger_id in due:
            due[mark.ledger_id][1].append(mark.place)
            continue
        if len(due) >= PAGE:
            looked.left.append(mark.place)
            continue
        entry = await kit.ledgers.read(LEDGER, mark.ledger_id)
        payment = read_payment(entry.state) if entry is not None else None
        if payment is None or payment.due is None or payment.due > now:
            looked.stale.append(mark.place)
        else:
            due[mark.ledger_id] = (payment, [mark.place])
    answers = await asyncio.gather(*(asking.about(payment) for payment, _ in due.values()))
    asked: list[str] = []
    for (_, places), changes in zip(due.values(), answers, strict=True):
        if changes is None:
            looked.left += places
        else:
            asked += places
            looked.changes += tuple(changes)
    looked.asked = tuple(asked)
    return looked


async def _marks(
    kit: Kit, begin: str, until: datetime, skipping: OrderedDict[str, None] | None = None
) -> tuple[list[Mark], str]:
    """The marks after `begin` up to a moment that nobody has dealt with, at most `_READ`; and the last, where there are more."""
    found: list[Mark] = []
    after, end = begin, f"{_at(until)}~"
    while len(found) < _READ:
        page = await kit.ledgers.marked(LEDGER, after, end, _READ)
        found += [mark for mark in page if not skipping or mark.place not in skipping]
        if len(page) < _READ:
            break
        after = page[-1].place
    more = len(found) >= _READ
    return found[:_READ], found[_READ - 1].place if more else ""


def _at(moment: datetime) -> str:
    return due_mark(moment)


def _read(cursor: str) -> tuple[str, int]:
    """The place and the number of a cursor; the very first is before everything."""
    place, _, number = cursor.partition("#")
    return place or DUE, int(number or 0)
