"""Looks at collected money again: the days of each carrier, parcel by parcel, then the open differences of its statements.

A parcel whose money is over is read once more only after a statement has spoken of it. What is late, people hear of.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from connectors.kit.contract import Change, Kit, Mark
from connectors.kit.settlement.asking import day_of
from connectors.kit.settlement.reading import head_of
from connectors.kit.settlement.settling import Looked
from connectors.kit.settlement.state import Part, Reviewed
from connectors.postal.cod_books import SETTLED, closing
from connectors.postal.cod_days import (
    COD,
    COD_DAYS,
    STALE,
    CodDay,
    CodParcel,
    ParcelsLooked,
    ParcelsTouched,
    cod_day_id,
)
from connectors.postal.cod_settings import CodSettings
from connectors.postal.identity import SHIPMENTS
from connectors.postal.money import paid_over
from connectors.postal.shipment import Shipment
from mappings.codec import decode, plain
from mappings.dates import local_date
from mappings.settlement import business_days

_MARKS = 1_000
PAGE = 200
"""So many parcels are read for one page."""
_PARTS = 10
_OPEN = "open/"


class CodReview:
    """One round after the other, each in pages: first days, then differences."""

    def __init__(self, settings: CodSettings, carriers: Sequence[str], kit: Kit, page: int = PAGE) -> None:
        """`page` parcels are read for one page, give or take those of a day."""
        self._settings, self._carriers, self._kit, self._page = settings, tuple(carriers), kit, page

    async def look(self, last: float, after: str) -> Looked | None:
        """The next page of the round under way, or of a new one; None while it is too early for one."""
        now = self._kit.now()
        if not after and now.timestamp() - last < self._settings.review_every_s:
            return None
        if after.startswith(_OPEN):
            return await self._parts(after, now)
        return await self._days(after, now)

    async def shipment(self, shipment_id: str) -> Shipment | None:
        """A parcel of ours."""
        entry = await self._kit.ledgers.read(SHIPMENTS, shipment_id) if shipment_id else None
        return decode(entry.state, Shipment) if entry is not None else None

    async def _days(self, after: str, now: datetime) -> Looked:
        """`after` names the day that is next: `vnpost/20261122`."""
        changes: list[Change] = []
        read = 0
        for place in self.places(local_date(now)):
            if place < after:
                continue
            if read >= self._page:
                return Looked(tuple(changes), now.timestamp(), place)
            carrier, _, day = place.partition("/")
            found, cost = await self._day(carrier, day_of(day), now)
            changes += found
            read += cost
        changes += await self._long_past(now)
        return Looked(tuple(changes), now.timestamp(), f"{_OPEN}{local_date(now) - self._span:%Y%m%d}")

    @property
    def _span(self) -> timedelta:
        return timedelta(days=self._settings.window_days)

    def places(self, today: date) -> list[str]:
        """The days of a round, each with its carrier, in the order in which they are looked at and compared."""
        days = [today - timedelta(days=n) for n in range(self._settings.window_days + 1)]
        return sorted(f"{carrier}/{day:%Y%m%d}" for carrier in self._carriers for day in days)

    async def _long_past(self, now: datetime) -> list[Change]:
        """Days before the window that a statement has spoken of since they were looked at. Few ever are."""
        changes: list[Change] = []
        place, until = STALE, f"{STALE}{local_date(now) - self._span:%Y%m%d}"
        while marks := await self._kit.ledgers.marked(COD_DAYS, place, until, _MARKS):
            for mark in marks:
                entry = await self._kit.ledgers.read(COD_DAYS, mark.ledger_id)
                state = decode(entry.state, CodDay) if entry is not None else None
                if state is not None and state.stale:
                    changes += (await self._day(state.carrier, day_of(state.day), now))[0]
            place = marks[-1].place
        return changes

    async def _day(self, carrier: str, day: date, now: datetime) -> tuple[list[Change], int]:
        """What has become of one day, and how many parcels were read for it."""
        text = f"{day:%Y%m%d}"
        ids = await self._collected(carrier, text)
        if not ids:
            return [], 0
        entry = await self._kit.ledgers.read(COD_DAYS, cod_day_id(carrier, text))
        state = decode(entry.state, CodDay) if entry is not None else CodDay(carrier=carrier, day=text)
        known = {one.shipment_id: one for one in state.parcels}
        settled = {one.shipment_id for one in state.parcels if one.over} - set(state.stale)
        parcels: list[CodParcel] = []
        gone: list[str] = []
        asked = [shipment_id for shipment_id in ids if shipment_id not in settled]
        for shipment_id in asked:
            found = _parcel(await self.shipment(shipment_id), text)
            if found is None:
                gone += [shipment_id] if shipment_id in {*known, *state.stale} else []
            elif known.get(shipment_id) != found or shipment_id in state.stale:
                parcels.append(found)
        late = business_days(day, local_date(now), frozenset(self._settings.holidays)) > self._settings.remit_days
        if not parcels and not gone and not (late and state.open and state.late_since is None):
            return [], len(asked)
        looked = ParcelsLooked(at=now, carrier=carrier, day=text, parcels=tuple(parcels), gone=tuple(gone), late=late)
        key = f"looked/{now.timestamp():.6f}"
        return [Change(COD_DAYS, cod_day_id(carrier, text), key, plain(looked))], len(asked)

    async def _collected(self, carrier: str, day: str) -> list[str]:
        """The parcels that ever were collected for on that day: marks stay where they are, so each is looked at."""
        place, until = f"cod/{carrier}/{day}/", f"cod/{carrier}/{day}0"
        found: dict[str, None] = {}
        while marks := await self._kit.ledgers.marked(SHIPMENTS, place, until, _MARKS):
            found |= dict.fromkeys(mark.ledger_id for mark in marks)
            place = marks[-1].place
        return list(found)

    async def _parts(self, after: str, now: datetime) -> Looked:
        until = f"{_OPEN}{local_date(now) + timedelta(days=2):%Y%m%d}"
        marks: Sequence[Mark] = await self._kit.ledgers.marked(COD.parts, after, until, _PARTS)
        changes: list[Change] = []
        for mark in marks:
            changes += await self._part(mark.ledger_id, now)
        return Looked(tuple(changes), now.timestamp(), marks[-1].place if len(marks) == _PARTS else "")

    async def _part(self, part_id: str, now: datetime) -> list[Change]:
        """What has become of the open differences of one part. Parts of files that were replaced are history."""
        entry = await self._kit.ledgers.read(COD.parts, part_id)
        part = decode(entry.state, Part) if entry is not None else None
        head = await head_of(self._kit.ledgers, COD, part.provider, part.business_date) if part is not None else None
        if part is None or head is None or head.current != part.sha256:
            return []
        closed: list[tuple[int, str]] = []
        for place, one in enumerate(part.differences):
            if not one.closed and (how := closing(one.pairing, await self.shipment(one.pairing.payment_id))):
                closed.append((place, how))
        if not closed:
            return []
        reviewed = Reviewed(at=now, closed=tuple(closed))
        return [Change(COD.parts, part_id, f"reviewed/{now.timestamp():.6f}", plain(reviewed), passing=("at",))]


def touched(shipments: Sequence[Shipment], now: datetime, key: str) -> list[Change]:
    """The days of these parcels are told that a statement spoke of them. `key` names the statement's file and part."""
    days: dict[tuple[str, str], list[str]] = {}
    for one in shipments:
        if one.cod_collected_at is not None:
            days.setdefault((one.carrier, f"{local_date(one.cod_collected_at):%Y%m%d}"), []).append(one.shipment_id)
    return [
        Change(
            COD_DAYS,
            cod_day_id(carrier, day),
            f"touched/{key}",
            plain(ParcelsTouched(at=now, carrier=carrier, day=day, shipment_ids=tuple(sorted(ids)))),
            passing=("at",),
        )
        for (carrier, day), ids in sorted(days.items())
    ]


def _parcel(shipment: Shipment | None, day: str) -> CodParcel | None:
    """The money of a parcel as its ledger says; None where it was not collected on that day after all."""
    if (
        shipment is None
        or shipment.cod_collected_at is None
        or f"{local_date(shipment.cod_collected_at):%Y%m%d}" != day
    ):
        return None
    moments = [one.paid_at for one in shipment.cod_settlements]
    return CodParcel(
        shipment_id=shipment.shipment_id,
        order_number=shipment.order_number,
        item_code=shipment.item_code,
        dossier_code=shipment.dossier_code,
        due=shipment.cod_due,
        collected=shipment.cod_collected or 0,
        collected_at=shipment.cod_collected_at,
        paid_over=paid_over(shipment, shipment.cod_collected) or 0,
        state=shipment.cod,
        over=shipment.cod in SETTLED or bool(shipment.cod_decision),
        lines=shipment.cod_lines,
        paid_at=max(moments, default=None),
        decision=shipment.cod_decision,
    )
