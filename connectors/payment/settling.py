"""Settles statements: the poller that takes files from the drop folder, part by part, and looks at open differences again.

Each page is one transaction with its cursor: a file taken, one part of it matched, a file refused. A crash in between takes
the same page again; a file leaves the folder only once its last page is stored (payment facts 5).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.kit.contract import Change, Kit, Page
from connectors.kit.errors import NotSent
from connectors.payment.drop_folder import KNOWN, REFUSED, SETTLED, DropFolder, Found, opened, side_fault
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.our_books import Told, closing, our_payment, settled_changes
from connectors.payment.payment import Payment
from connectors.payment.references import ID_LENGTH, referred
from connectors.payment.settings import Settings
from connectors.payment.settlement_review import SettlementReview
from connectors.payment.settlement_settings import Layout
from connectors.payment.settlement_state import (
    HEADS,
    PARTS,
    FileFault,
    FileRefused,
    FileTaken,
    HeadChange,
    PartChange,
    PartCounted,
    PartMatched,
    Settlement,
    compact,
    head_id,
    part_id,
    unread_id,
)
from connectors.payment.settlements import may_take
from connectors.payment.statements import Examined, Fault, FileBad, Named, examine, read_name
from mappings.codec import decode, plain
from mappings.settlement import Day, match, part_of, payment_of
from mappings.settlement_sums import tally, transfers
from mappings.settlement_words import DIFFERENCES, Pairing, Row

_MARKS = 1_000


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the poller stands: the file under way with its next part, the file to put away, the last look at differences.

    `turn` counts the pages that were stored: it makes their changes recognisable.
    """

    turn: int = 0
    file: str = ""
    sha256: str = ""
    part: int = 0
    away: str = ""
    folder: str = ""
    reasons: str = ""
    reviewed_at: float = 0.0
    review_after: str = ""


@dataclass(slots=True)
class _Open:
    """A good file under way: what was found of it, and the ids of our payments of that day, thirteen letters each, by part."""

    examined: Examined
    ours: list[bytearray]


class Settling:
    """The poller `statements`."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings, self._kit = settings, kit
        chosen = settings.settlement
        self._shift = timedelta(minutes=chosen.shift_minutes)
        self._folder = DropFolder(Path(chosen.statements_dir), chosen.quiet_s) if chosen.statements_dir else None
        self._review = SettlementReview(settings, kit)
        self._open: _Open | None = None

    async def poll(self, cursor: str) -> Page:
        """The next step. Raises `NotSent` where the drop folder cannot be read: an operator hears of it."""
        if self._folder is None:
            return Page((), cursor)
        stands = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
        try:
            return await self._step(self._folder, stands, cursor)
        except OSError as error:
            raise NotSent(f"Không đọc hoặc ghi được thư mục đối soát ({type(error).__name__}).") from None

    async def _step(self, folder: DropFolder, stands: Cursor, cursor: str) -> Page:
        if stands.away:
            await asyncio.to_thread(folder.away, stands.away, stands.folder, stands.reasons)
            stands = msgspec.structs.replace(stands, away="", folder="", reasons="")
        if stands.file:
            return await self._part(folder, stands)
        found = await asyncio.to_thread(folder.next, self._kit.now().timestamp())
        if found is not None:
            return await self._begin(stands, found)
        looked = await self._review.look(stands.reviewed_at, stands.review_after)
        if looked is None:
            # A cursor that only forgets what was put away is not worth a transaction.
            return Page((), cursor)
        after = msgspec.structs.replace(stands, reviewed_at=looked.at, review_after=looked.after)
        return _page(looked.changes, after, more=bool(looked.after))

    async def _begin(self, stands: Cursor, found: Found) -> Page:
        """Begin with a file, or refuse it with its reasons, or put it away unread where its turn is over."""
        name = found.path.name
        try:
            named = read_name(name)
        except FileBad as bad:
            return _refused(stands, Refusal(name, found.sha256, None, bad.faults), self._kit.now())
        refusal = may_take(await self._head(named), found.sha256, named.seq)
        if refusal:
            reasons = "" if refusal == "known" else NOT_NEWER
            return _page((), msgspec.structs.replace(stands, away=name, folder=KNOWN, reasons=reasons))
        try:
            self._expected(named, found)
            examined = (await self._opened(found.path, named)).examined
        except FileBad as bad:
            return _refused(stands, Refusal(name, found.sha256, named, bad.faults), self._kit.now())
        taken = FileTaken(
            at=self._kit.now(),
            provider=named.provider,
            business_date=_day(named),
            sha256=examined.sha256,
            name=name,
            seq=named.seq,
            rows=examined.rows,
            parts=examined.parts,
            figures=examined.totals.figures(),
        )
        change = _entered(HEADS, head_id(named.provider, _day(named)), f"taken/{stands.turn}", taken)
        return _page((change,), msgspec.structs.replace(stands, file=name, sha256=examined.sha256, part=0))

    def _expected(self, named: Named, found: Found) -> None:
        """Raises `FileBad` for a file of nobody whom we know, of another merchant, too long, or that nobody vouches for."""
        ours = next((one for one in self._settings.providers if one.profile == named.provider), None)
        chosen = self._settings.settlement
        if ours is None:
            raise FileBad(Fault("provider", 0, "Trung gian thanh toán không có trong cấu hình."))
        faults = [side_fault(found, required=bool(chosen.of(named.provider).side_file))]
        if ours.merchant != named.merchant:
            faults.append(Fault("merchant", 0, "Mã đơn vị ở tên tệp khác với cấu hình."))
        if found.size > chosen.longest_bytes:
            faults.append(Fault("too_long", 0, "Tệp lớn hơn giới hạn đã cấu hình."))
        wrong = [fault for fault in faults if fault is not None]
        if wrong:
            raise FileBad(*wrong)

    async def _opened(self, path: Path, named: Named) -> _Open:
        """Judge a file, and gather our payments of its day. Raises `FileBad`."""
        layout = self._settings.settlement.of(named.provider).layout
        rows = self._settings.settlement.part_rows
        examined = await asyncio.to_thread(_examined, path, named, Reading(layout, rows, self._shift))
        ours = [bytearray() for _ in range(examined.parts)]
        place, until = f"paid/{named.provider}/{_day(named)}/", f"paid/{named.provider}/{_day(named)}0"
        while marks := await self._kit.ledgers.marked(LEDGER, place, until, _MARKS):
            for mark in marks:
                ours[part_of(mark.ledger_id, examined.parts)] += mark.ledger_id.encode()
            place = marks[-1].place
        self._open = _Open(examined, ours)
        return self._open

    async def _part(self, folder: DropFolder, stands: Cursor) -> Page:
        """Match the next part of the file under way."""
        named = read_name(stands.file)
        try:
            opened, rows = await self._rows(folder, stands, named)
        except FileBad as bad:
            self._open = None
            return _refused(stands, Refusal(stands.file, stands.sha256, named, bad.faults), self._kit.now())
        payments = await self._payments(opened, stands.part, rows)
        changes = self._matched(named, stands, rows, payments)
        if stands.part + 1 < opened.examined.parts:
            return _page(changes, msgspec.structs.replace(stands, part=stands.part + 1))
        self._open = None
        after = msgspec.structs.replace(stands, file="", sha256="", part=0, away=stands.file, folder=SETTLED)
        return _page(changes, after)

    async def _rows(self, folder: DropFolder, stands: Cursor, named: Named) -> tuple[_Open, list[Row]]:
        """The rows of the next part. Raises `FileBad` where the file is gone or no longer what was judged."""
        path = folder.path(stands.file)
        if path is None:
            raise FileBad(Fault("gone", 0, "Tệp đã bị lấy khỏi thư mục trong khi đối soát."))
        opened = self._open
        if opened is None or opened.examined.sha256 != stands.sha256:
            opened = await self._opened(path, named)
        if opened.examined.sha256 != stands.sha256:
            raise FileBad(Fault("changed", 0, "Tệp đã bị thay đổi trong khi đối soát."))
        return opened, await asyncio.to_thread(_rows_of, path, opened.examined, stands.part)

    async def _payments(self, opened: _Open, part: int, rows: Sequence[Row]) -> dict[str, Payment]:
        """Our payments of this part: those of the day, and those that rows name."""
        letters = bytes(opened.ours[part]).decode()
        ids = {letters[n : n + ID_LENGTH] for n in range(0, len(letters), ID_LENGTH)}
        ids |= {payment_of(row.ref) for row in rows if referred(row.ref) is not None}
        found: dict[str, Payment] = {}
        for payment_id in sorted(ids):
            payment = await self._review.payment(payment_id)
            if payment is not None:
                found[payment_id] = payment
        return found

    def _matched(
        self, named: Named, stands: Cursor, rows: Sequence[Row], payments: Mapping[str, Payment]
    ) -> tuple[Change, ...]:
        """What matching gives: the part, its sums, and what each payment is told."""
        day, now = _day(named), self._kit.now()
        books = {payment_id: our_payment(payment) for payment_id, payment in payments.items()}
        pairings = match(books.values(), rows, Day(named.provider, named.business_date, self._shift))
        lines = transfers(pairings, books)
        places, compacted = compact(lines)
        differences = tuple(pairing for pairing in pairings if pairing.outcome in DIFFERENCES)
        closed = {n: closing(p, books.get(p.payment_id)) for n, p in enumerate(differences)}
        part = PartMatched(
            at=now,
            provider=named.provider,
            business_date=day,
            sha256=stands.sha256,
            number=stands.part,
            differences=differences,
            closed=tuple((n, how) for n, how in closed.items() if how),
            places=places,
            lines=compacted,
        )
        counted = PartCounted(at=now, sha256=stands.sha256, number=stands.part, sums=tally(pairings, lines))
        part_key = part_id(named.provider, day, stands.sha256, stands.part)
        changes = [
            _entered(PARTS, part_key, f"matched/{stands.turn}", part),
            _entered(HEADS, head_id(named.provider, day), f"part/{stands.part}/{stands.turn}", counted),
        ]
        trusted = self._settings.settlement.of(named.provider).trust == "statement"
        told = Told(now, named.provider, day, trusted=trusted)
        by_payment: dict[str, list[Pairing]] = defaultdict(list)
        for pairing in pairings:
            if pairing.payment_id and (pairing.theirs or pairing.ours):
                by_payment[pairing.payment_id].append(pairing)
        for payment_id, own in by_payment.items():
            news = settled_changes(own, told)
            changes += [change_of(payment_id, change, payments[payment_id].dossier_code) for change in news]
        return tuple(changes)

    async def _head(self, named: Named) -> Settlement | None:
        entry = await self._kit.ledgers.read(HEADS, head_id(named.provider, _day(named)))
        return decode(entry.state, Settlement) if entry is not None else None


NOT_NEWER = "Một tệp có số thứ tự không nhỏ hơn đã được đối soát cho ngày này; tệp này không được dùng.\n"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: its layout, rows in a part, and how far from its day a row may lie."""

    layout: Layout
    part_rows: int
    shift: timedelta


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is refused; `named` None where its name says nothing."""

    name: str
    sha256: str
    named: Named | None
    faults: tuple[Fault, ...]


def _refused(stands: Cursor, refusal: Refusal, now: datetime) -> Page:
    """Refuse a file as a whole, with its reasons beside it."""
    named = refusal.named
    faults = tuple(FileFault(code=f.code, line=f.line, message_vi=f.message_vi) for f in refusal.faults)
    refused = FileRefused(
        at=now,
        provider=named.provider if named is not None else "",
        business_date=_day(named) if named is not None else "",
        sha256=refusal.sha256,
        name=refusal.name[:200],
        seq=named.seq if named is not None else 0,
        faults=faults,
    )
    where = head_id(named.provider, _day(named)) if named is not None else unread_id(refusal.sha256)
    reasons = "".join(f"Dòng {f.line}: {f.message_vi}\n" if f.line else f"{f.message_vi}\n" for f in refusal.faults)
    after = msgspec.structs.replace(
        stands, file="", sha256="", part=0, away=refusal.name, folder=REFUSED, reasons=reasons
    )
    return _page((_entered(HEADS, where, f"refused/{stands.turn}", refused),), after)


def _examined(path: Path, named: Named, reading: Reading) -> Examined:
    with opened(path) as stream:
        return examine(stream, named, reading.layout, reading.part_rows, reading.shift)


def _rows_of(path: Path, examined: Examined, part: int) -> list[Row]:
    with opened(path) as stream:
        return list(examined.part(stream, part))


def _page(changes: Sequence[Change], after: Cursor, *, more: bool = True) -> Page:
    following = msgspec.structs.replace(after, turn=after.turn + 1)
    return Page(tuple(changes), msgspec.json.encode(following).decode(), more)


def _entered(ledger: str, ledger_id: str, key: str, change: HeadChange | PartChange) -> Change:
    return Change(ledger, ledger_id, key, plain(change), passing=("at",))


def _day(named: Named) -> str:
    return f"{named.business_date:%Y%m%d}"
