"""Settles the statements of intermediaries: what is expected of a file, what of our books it meets, and what payments hear.

The poller itself is `connectors.kit.settlement.settling`; this is what it must know of payments (payment facts 5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from connectors.kit.contract import Change, Kit
from connectors.kit.settlement.drop_folder import DropFolder, Found, side_fault
from connectors.kit.settlement.settling import (
    FileSettling,
    Looked,
    Taken,
    day_text,
    differences_of,
    part_changes,
)
from connectors.kit.settlement.statements import Examined, Fault, Named, Reading
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.our_books import Told, closing, our_payment, settled_changes
from connectors.payment.payment import Payment
from connectors.payment.references import ID_LENGTH, referred
from connectors.payment.settings import Settings
from connectors.payment.settlement_kinds import KINDS
from connectors.payment.settlement_review import SettlementReview
from connectors.payment.settlement_settings import SettlementSettings
from connectors.payment.statements import NAMING, reading_of
from mappings.settlement import Day, match, part_of, payment_of
from mappings.settlement_sums import transfers
from mappings.settlement_words import Pairing, Row

_MARKS = 1_000


class Settling(FileSettling):
    """The poller `statements`."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        super().__init__(drop_folder(settings.settlement), KINDS, _Books(settings, kit), kit)


def drop_folder(settings: SettlementSettings) -> DropFolder | None:
    """The folder that statements lie in; None where nothing is settled."""
    if not settings.statements_dir:
        return None
    return DropFolder(Path(settings.statements_dir), settings.quiet_s, NAMING)


class _Books:
    """Our payments beside the statements of their intermediaries."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings, self._kit = settings, kit
        self._shift = timedelta(minutes=settings.settlement.shift_minutes)
        self._review = SettlementReview(settings, kit)

    def reading(self, named: Named) -> Reading:
        """See `connectors.kit.settlement.settling.Bookkeeping`, as for the rest."""
        chosen = self._settings.settlement
        return reading_of(chosen.of(named.provider).layout, chosen.part_rows, self._shift)

    def unexpected(self, named: Named, found: Found) -> Sequence[Fault]:
        """A file of nobody whom we know, of another merchant, too long, or that nobody vouches for."""
        ours = next((one for one in self._settings.providers if one.profile == named.provider), None)
        chosen = self._settings.settlement
        if ours is None:
            return (Fault("provider", 0, "Trung gian thanh toán không có trong cấu hình."),)
        faults = [side_fault(found, required=bool(chosen.of(named.provider).side_file))]
        if ours.merchant != named.merchant:
            faults.append(Fault("merchant", 0, "Mã đơn vị ở tên tệp khác với cấu hình."))
        if found.size > chosen.longest_bytes:
            faults.append(Fault("too_long", 0, "Tệp lớn hơn giới hạn đã cấu hình."))
        return [fault for fault in faults if fault is not None]

    async def ours(self, examined: Examined) -> Sequence[bytes | bytearray]:
        """The ids of our payments of that day, thirteen letters each, by part."""
        named = examined.named
        ours = [bytearray() for _ in range(examined.parts)]
        place, until = f"paid/{named.provider}/{day_text(named)}/", f"paid/{named.provider}/{day_text(named)}0"
        while marks := await self._kit.ledgers.marked(LEDGER, place, until, _MARKS):
            for mark in marks:
                ours[part_of(mark.ledger_id, examined.parts)] += mark.ledger_id.encode()
            place = marks[-1].place
        return ours

    async def matched(self, taken: Taken, rows: Sequence[Row]) -> Sequence[Change]:
        """What matching gives: the part, its sums, and what each payment is told."""
        payments = await self._payments(taken, rows)
        named, day = taken.named, taken.day
        books = {payment_id: our_payment(payment) for payment_id, payment in payments.items()}
        pairings = match(books.values(), rows, Day(named.provider, named.business_date, self._shift))
        closed = [closing(one, books.get(one.payment_id)) for one in differences_of(pairings)]
        changes = part_changes(KINDS, taken, pairings, closed, transfers(pairings, books))
        trusted = self._settings.settlement.of(named.provider).trust == "statement"
        told = Told(taken.at, named.provider, day, trusted=trusted)
        for payment_id, own in _by_payment(pairings).items():
            news = settled_changes(own, told)
            changes += [change_of(payment_id, change, payments[payment_id].dossier_code) for change in news]
        return tuple(changes)

    async def look(self, last: float, after: str) -> Looked | None:
        """The next page of the review; without a drop folder nothing is settled, so nothing is missing."""
        if not self._settings.settlement.statements_dir:
            return None
        return await self._review.look(last, after)

    async def _payments(self, taken: Taken, rows: Sequence[Row]) -> dict[str, Payment]:
        """Our payments of this part: those of the day, and those that rows name."""
        letters = taken.ours.decode()
        ids = {letters[n : n + ID_LENGTH] for n in range(0, len(letters), ID_LENGTH)}
        ids |= {payment_of(row.ref) for row in rows if referred(row.ref) is not None}
        found: dict[str, Payment] = {}
        for payment_id in sorted(ids):
            payment = await self._review.payment(payment_id)
            if payment is not None:
                found[payment_id] = payment
        return found


def _by_payment(pairings: Sequence[Pairing]) -> Mapping[str, Sequence[Pairing]]:
    """Those that say something of money, by payment."""
    found: dict[str, list[Pairing]] = defaultdict(list)
    for pairing in pairings:
        if pairing.payment_id and (pairing.theirs or pairing.ours):
            found[pairing.payment_id].append(pairing)
    return found
