"""Follows carriers: the feed of each dialect that has one, by its cursor, and the parcels that nobody has seen for days.

A page of the feed, the cursor after it and the count of its rounds are stored together; what a crash cut short is read again and
changes nothing twice. The poller keeps the interval between rounds itself (postal facts 11), since it is a setting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from connectors.kit.contract import Budget, Change, Kit, Mark, Page
from connectors.kit.errors import DeliveryError, Exchange, OutcomeUnknown
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.changes import OrderPlaced, Scanned, ShipmentChange, TimeCame
from connectors.postal.client import Carrier, Carriers
from connectors.postal.entering import change_of, page_read, stray_of
from connectors.postal.feeds import PageRead
from connectors.postal.identity import SHIPMENTS, STRAYS, shipment_id_of
from connectors.postal.ledger import due_mark, item_mark
from connectors.postal.parcels import order_of, shipment_of
from connectors.postal.settings import TrackingSettings
from connectors.postal.shipment import Shipment
from connectors.postal.speaking import Absent, Call, Feeds, Finds, Refused, Sighting
from connectors.postal.trouble import error_of

DUE = "due/"
PAGE = 24
"""How many silent parcels one page asks about at once."""

_READ_S = 60.0
"""The whole of postal facts 9: a page is read within a minute."""
_ASK_S = 40.0
_ITEMS = 8
_FEWER = 4
"""A page that could not be taken in is asked for in so many parts."""


class FeedFollowing:
    """The poller of one dialect's feed: one cursor for the customer code of the carrier that speaks it (postal facts 2.4).

    A cursor is the carrier's own, `#` and how many rounds were read to their end; so each page has a name of its own.
    """

    def __init__(self, profile: str, carriers: Carriers, tracking: TrackingSettings, kit: Kit) -> None:
        self._carriers, self._tracking, self._kit = carriers, tracking, kit
        self._carrier = carriers.speaking(profile)
        self._rests: tuple[str, float] | None = None
        self._size = tracking.page_size

    async def poll(self, cursor: str) -> Page:
        """The next page, or nothing before the interval has passed. Raises what calls raise."""
        carrier, now = self._carrier, self._kit.instant()
        if carrier is None or not isinstance(carrier.dialogue, Feeds):
            return Page((), cursor)
        if self._rests is not None and self._rests[0] == cursor and now < self._rests[1]:
            return Page((), cursor)
        asked_at, (place, rounds) = self._kit.now(), _read(cursor)
        call = carrier.dialogue.feed(place, self._size)
        with self._carriers.troubles():
            answer = await self._page(carrier, call, Budget(now + _READ_S, _READ_S))
            fed = carrier.dialogue.fed(place, answer)
            if isinstance(fed, Refused):
                raise error_of(carrier.title_vi, fed, answer, Exchange(http_status=answer.status))
        seen = Sightings(self._kit)
        changes = await seen.changes(carrier.name, fed.sightings)
        page = PageRead(
            at=self._kit.now(),
            asked_at=asked_at,
            records=len(fed.sightings) + fed.unreadable,
            unreadable=fed.unreadable,
            more=fed.more,
            strays=seen.new_strays,
        )
        after = f"{fed.cursor}#{rounds if fed.more else rounds + 1}"
        # A page that could not be stored is asked for again with the cursor before it, at once.
        self._rests = None if fed.more else (after, self._kit.instant() + self._tracking.interval_s)
        return Page((*changes, page_read(carrier.name, page, cursor)), after, more=fed.more)

    async def _page(self, carrier: Carrier, call: Call, budget: Budget) -> HttpAnswer:
        """The answer. A page too large to be taken, or too slow, is asked for in parts from now on, and they grow again."""
        try:
            answer = await carrier.call(call, budget)
        except OutcomeUnknown:
            self._size = max(1, self._size // _FEWER)
            raise
        self._size = min(self._tracking.page_size, self._size * 2)
        return answer


class Sightings:
    """Makes changes of what carriers say: each to the ledger of its parcel, or to that of strays. Each parcel is read once."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._known: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._strays: dict[str, bool] = {}

    @property
    def new_strays(self) -> int:
        """How many parcels that are not ours were spoken of for the first time."""
        return sum(self._strays.values())

    async def changes(self, carrier: str, sightings: Iterable[Sighting]) -> tuple[Change, ...]:
        """The changes, in the order of what was said."""
        return tuple([await self.change(carrier, one) for one in sightings])

    async def change(self, carrier: str, sighting: Sighting) -> Change:
        """The change that one sighting is."""
        name = (sighting.order_number, "" if sighting.order_number else sighting.scan.item_code)
        if name not in self._known:
            self._known[name] = await self._place(carrier, *name)
        place = self._known[name]
        if place is None or not sighting.ours or await self._is_anothers(place[0], sighting):
            return await self._stray(carrier, sighting)
        return change_of(place[0], Scanned(at=sighting.scan.received_at, scan=sighting.scan), place[1])

    async def _stray(self, carrier: str, sighting: Sighting) -> Change:
        change = stray_of(carrier, sighting)
        if change.id not in self._strays:
            self._strays[change.id] = await self._kit.ledgers.read(STRAYS, change.id) is None
        return change

    async def _is_anothers(self, shipment_id: str, sighting: Sighting) -> bool:
        """Whether it bears another id of the carrier than our order has: somebody else chose the number that is ours."""
        shipment = await shipment_of(self._kit, shipment_id) if sighting.carrier_ref else None
        ours = shipment.placed.carrier_ref if shipment is not None and shipment.placed is not None else ""
        return bool(ours) and ours.casefold() != sighting.carrier_ref.casefold()

    async def _place(self, carrier: str, order_number: str, item_code: str) -> tuple[str, str] | None:
        """The ledger of a parcel and its dossier; None where it is not ours."""
        if order_number:
            shipment_id = shipment_id_of(carrier, order_number)
            entry = await self._kit.ledgers.read(SHIPMENTS, shipment_id)
            return (shipment_id, entry.dossier_code) if entry is not None else None
        if not item_code:
            return None
        mark = item_mark(item_code)
        marks = await self._kit.ledgers.marked(SHIPMENTS, mark, f"{mark}~", _ITEMS)
        read = [await shipment_of(self._kit, one.ledger_id) for one in marks]
        # The post gives an item code out again after a year (postal facts 8.1): the newest parcel with it is meant.
        ours = [one for one in read if one is not None and one.carrier == carrier and one.item_code == item_code]
        newest = max(ours, key=lambda one: one.asked_at, default=None)
        return (newest.shipment_id, newest.dossier_code) if newest is not None else None


class SilenceFollowing:
    """The poller `due`: parcels that nobody has seen for `quiet_after_s`. Who can be asked is asked; time passes for all."""

    def __init__(self, carriers: Carriers, kit: Kit) -> None:
        self._carriers, self._kit = carriers, kit

    async def poll(self, cursor: str) -> Page:
        """What has become of the parcels that were due after `cursor`.

        A mark is made an hour ahead of its moment at the least, so none can appear behind a cursor that has passed it. After
        a clock that ran ahead was put back, the cursor goes back with it.
        """
        now = self._kit.now()
        until = due_mark(now.astimezone(UTC))
        begin = min(cursor or DUE, until)
        marks = await self._kit.ledgers.marked(SHIPMENTS, begin, f"{until}~", PAGE)
        if not marks:
            return Page((), cursor)
        found = await asyncio.gather(*(shipment_of(self._kit, ledger_id) for ledger_id in _once(marks)))
        silent = [one for one in found if one is not None and one.due is not None and one.due <= now]
        told = await asyncio.gather(*(self._asked(one, now) for one in silent))
        changes = tuple(change for changes in told for change in changes)
        return Page(changes, marks[-1].place, more=len(marks) == PAGE)

    async def _asked(self, shipment: Shipment, now: datetime) -> Sequence[Change]:
        """What its carrier says of a silent parcel, and that the time has come."""
        came = change_of(shipment.shipment_id, TimeCame(at=now), shipment.dossier_code)
        carrier = self._carriers.named(shipment.carrier)
        if carrier is None or not isinstance(carrier.dialogue, Finds):
            return (came,)
        return (*await self._said(shipment, carrier, carrier.dialogue), came)

    async def _said(self, shipment: Shipment, carrier: Carrier, finds: Finds) -> Sequence[Change]:
        order = order_of(shipment)
        try:
            answer = await carrier.call(finds.find(order), Budget(self._kit.instant() + _ASK_S, _ASK_S))
        except DeliveryError:
            return ()  # nothing was learned; that the time has come is told all the same
        found = finds.found(order, answer)
        if isinstance(found, Absent | Refused):
            return ()
        placed, sightings = found
        changes: tuple[ShipmentChange, ...] = (
            OrderPlaced(at=self._kit.now(), placed=placed),
            *(Scanned(at=one.scan.received_at, scan=one.scan) for one in sightings),
        )
        return [change_of(shipment.shipment_id, change, shipment.dossier_code) for change in changes]


def _once(marks: Sequence[Mark]) -> Sequence[str]:
    return tuple(dict.fromkeys(mark.ledger_id for mark in marks))


def _read(cursor: str) -> tuple[str, int]:
    """The carrier's cursor in one of ours ("" at the very start), and the rounds before it."""
    place, _, rounds = cursor.rpartition("#")
    return place, int(rounds or 0)
