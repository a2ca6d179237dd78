"""Settles the statements of carriers about cash on delivery: what is expected of a file, which parcels it names, what they hear.

The poller itself is `connectors.kit.settlement.settling`. A corrected file of the same day replaces what the one before it said,
parcel by parcel; a parcel that it names no more hears that nothing was paid over for it by this statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.kit.contract import Change, Kit
from connectors.kit.settlement.drop_folder import DropFolder, Found, side_fault
from connectors.kit.settlement.reading import head_of, parts_of
from connectors.kit.settlement.settling import FileSettling, Looked, Taken, differences_of, part_changes
from connectors.kit.settlement.state import Part, part_id
from connectors.kit.settlement.statements import Examined, Fault, Named, Naming, Reading
from connectors.postal.cod_books import Statement, our_parcel, paid_by, settled_change, statement_id_of
from connectors.postal.cod_days import COD
from connectors.postal.cod_review import CodReview, touched
from connectors.postal.cod_settings import CodSettings
from connectors.postal.cod_statements import BY_ITEM, naming_of, not_yet, reading_of
from connectors.postal.identity import SHIPMENTS
from connectors.postal.settings import Settings
from connectors.postal.shipment import Shipment
from mappings.codec import decode
from mappings.dates import local_date
from mappings.settlement import Day, match
from mappings.settlement_sums import transfers
from mappings.settlement_words import Kind, Row

_ALIKE = 20
"""So many parcels that had one item code are looked at; a code may be used again after a year (postal facts 8.1)."""


class CodSettling(FileSettling):
    """The poller `cod`."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        naming = naming_of(one.name for one in settings.carriers)
        super().__init__(drop_folder(settings.cod, naming), COD, _Books(settings, naming, kit), kit)


def drop_folder(settings: CodSettings, naming: Naming) -> DropFolder | None:
    """The folder that statements lie in; None where none is taken."""
    if not settings.statements_dir:
        return None
    return DropFolder(Path(settings.statements_dir), settings.quiet_s, naming)


class _Books:
    """Our parcels beside the statements of their carriers."""

    def __init__(self, settings: Settings, naming: Naming, kit: Kit) -> None:
        self._settings, self._naming, self._kit = settings, naming, kit
        self._review = CodReview(settings.cod, [one.name for one in settings.carriers], kit)

    def reading(self, named: Named) -> Reading:
        """See `connectors.kit.settlement.settling.Bookkeeping`, as for the rest."""
        chosen = self._settings.cod
        return reading_of(self._naming, named.provider, chosen.of(named.provider).layout, chosen.part_rows)

    def unexpected(self, named: Named, found: Found) -> Sequence[Fault]:
        """A file of a day that has not come, under another customer code, too long, or that nobody vouches for."""
        ours = next(one for one in self._settings.carriers if one.name == named.provider)
        chosen = self._settings.cod
        faults = [side_fault(found, required=chosen.of(named.provider).side_file)]
        if not_yet(named.business_date, local_date(self._kit.now())):
            faults.append(Fault("date", 0, "Ngày của bảng kê ở tương lai."))
        if ours.customer != named.merchant:
            faults.append(Fault("customer", 0, "Mã khách hàng ở tên tệp khác với cấu hình."))
        if found.size > chosen.longest_bytes:
            faults.append(Fault("too_long", 0, "Tệp lớn hơn giới hạn đã cấu hình."))
        return [fault for fault in faults if fault is not None]

    async def ours(self, examined: Examined) -> Sequence[bytes]:
        """Nothing: what a statement does not name is looked for by the day of its collection (`cod_review`)."""
        return ()

    async def matched(self, taken: Taken, rows: Sequence[Row]) -> Sequence[Change]:
        """What matching gives: the part, its sums, what each parcel is told, and which days have to be looked at."""
        named = taken.named
        shipments, rows = await self._found(named.provider, rows)
        statement = Statement(
            statement_id=statement_id_of(named.provider, taken.day),
            sha256=taken.sha256,
            at=taken.at,
            day=named.business_date,
        )
        paid_for = {row.ref for row in rows if row.kind is Kind.PAY}
        books = {key: our_parcel(one, statement, paid_for=key in paid_for) for key, one in shipments.items()}
        pairings = match(books.values(), rows, Day(named.provider, named.business_date))
        # Nothing explains itself here: what the ledgers say now does not hold this very statement yet.
        unexplained = [""] * len(differences_of(pairings))
        changes = part_changes(COD, taken, pairings, unexplained, transfers(pairings, books))
        told = {
            shipment_id: [row for row in rows if row.ref == shipment_id and row.kind is not Kind.FEE]
            for shipment_id in shipments
        }
        if taken.last:
            gone = await self._gone(taken, set(shipments))
            shipments = {**shipments, **gone}
        spoken = [one for one in shipments.values() if _says_something(one, told.get(one.shipment_id, ()), statement)]
        changes += [settled_change(one, told.get(one.shipment_id, ()), statement) for one in spoken]
        changes += touched(spoken, taken.at, f"{statement.statement_id}/{taken.sha256[:32]}/{taken.number}")
        return tuple(changes)

    async def look(self, last: float, after: str) -> Looked | None:
        """The next page of the review."""
        return await self._review.look(last, after)

    async def _found(self, carrier: str, rows: Sequence[Row]) -> tuple[dict[str, Shipment], list[Row]]:
        """The parcels that rows name, and the rows with the ids of those that were named by an item code."""
        shipments: dict[str, Shipment] = {}
        by_item: dict[str, str] = {}
        for ref in sorted({row.ref for row in rows if row.kind is not Kind.FEE}):
            found = await self._by_item(carrier, ref) if ref.startswith(BY_ITEM) else await self._review.shipment(ref)
            if found is not None:
                shipments[found.shipment_id] = found
                by_item[ref] = found.shipment_id
        return shipments, [msgspec.structs.replace(row, ref=by_item.get(row.ref, row.ref)) for row in rows]

    async def _by_item(self, carrier: str, ref: str) -> Shipment | None:
        """The newest parcel of the carrier that has this item code."""
        item = f"item/{ref.removeprefix(BY_ITEM)}"
        found: list[Shipment] = []
        for mark in await self._kit.ledgers.marked(SHIPMENTS, f"{item}/", f"{item}0", _ALIKE):
            one = await self._review.shipment(mark.ledger_id)
            if one is not None and one.carrier == carrier:
                found.append(one)
        return max(found, key=lambda one: (one.asked_at, one.shipment_id), default=None)

    async def _gone(self, taken: Taken, named: set[str]) -> Mapping[str, Shipment]:
        """Parcels that the file before this one named, and no part of this one does."""
        head = await head_of(self._kit.ledgers, COD, taken.named.provider, taken.day)
        if head is None or not head.current or head.current == taken.sha256:
            return {}
        before = _parcels_of(await parts_of(self._kit.ledgers, COD, head))
        gone = before - named - _parcels_of(await self._parts_before(taken))
        found = [await self._review.shipment(shipment_id) for shipment_id in sorted(gone)]
        return {one.shipment_id: one for one in found if one is not None}

    async def _parts_before(self, taken: Taken) -> list[Part]:
        """The parts of this very file that were matched already."""
        found: list[Part] = []
        for number in range(taken.number):
            where = part_id(taken.named.provider, taken.day, taken.sha256, number)
            entry = await self._kit.ledgers.read(COD.parts, where)
            if entry is not None:
                found.append(decode(entry.state, Part))
        return found


def _parcels_of(parts: Sequence[Part]) -> set[str]:
    """The parcels that a file speaks of: what agrees stands among its lines, everything else among its differences."""
    found = {line.ref for part in parts for line in part.lines}
    return found | {one.pairing.payment_id for part in parts for one in part.differences if one.pairing.payment_id}


def _says_something(shipment: Shipment, rows: Sequence[Row], statement: Statement) -> bool:
    """Whether a file says anything of the money of a parcel, or stands for one that did."""
    known = any(one.statement_id == statement.statement_id for one in shipment.cod_settlements)
    return known or paid_by(rows) != 0
