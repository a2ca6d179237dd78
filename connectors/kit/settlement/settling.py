"""Settles statements: takes files from the drop folder and matches them part by part, then has open differences looked at.

Each page is one transaction with its cursor: a file taken, one part of it matched, a file refused. A crash in between takes
the same page again; a file leaves the folder only once its last page is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.kit.contract import Change, Kit, Page
from connectors.kit.errors import NotSent
from connectors.kit.settlement.drop_folder import KNOWN, REFUSED, SETTLED, DropFolder, Found, opened
from connectors.kit.settlement.ledgers import may_take
from connectors.kit.settlement.reading import head_of
from connectors.kit.settlement.state import (
    FileFault,
    FileRefused,
    FileTaken,
    HeadChange,
    Kinds,
    PartChange,
    PartCounted,
    PartMatched,
    compact,
    head_id,
    part_id,
    unread_id,
)
from connectors.kit.settlement.statements import Examined, Fault, FileBad, Named, Reading, examine
from mappings.codec import plain
from mappings.settlement_sums import Transfer, tally
from mappings.settlement_words import DIFFERENCES, Pairing, Row


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


@dataclass(frozen=True, slots=True)
class Taken:
    """The part of a file that is matched now. `turn` is that of the page, `last` whether the file ends with it.

    `ours` is what `Bookkeeping.ours` gave for this part.
    """

    named: Named
    sha256: str
    number: int
    turn: int
    last: bool
    at: datetime
    ours: bytes = b""

    @property
    def day(self) -> str:
        """The day of the statement as `yyyymmdd`."""
        return day_text(self.named)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one page of looking at open differences gave. `after` "" ends the round; `at` is when it began, in epoch seconds."""

    changes: tuple[Change, ...]
    at: float
    after: str


class Bookkeeping(Protocol):
    """What a connector knows of its statements and books, and settling does not."""

    def reading(self, named: Named) -> Reading:
        """How the files of this sender are read. Raises `FileBad` for one whom nobody knows."""
        ...

    def unexpected(self, named: Named, found: Found) -> Sequence[Fault]:
        """What is wrong with a file before it is read: whose it is, its length, who vouches for it."""
        ...

    async def ours(self, examined: Examined) -> Sequence[bytes | bytearray]:
        """What our books have of that day, by part, in a form of the connector's own; empty for nothing."""
        ...

    async def matched(self, taken: Taken, rows: Sequence[Row]) -> Sequence[Change]:
        """Match one part: its own changes (`part_changes`) and those of what it tells of."""
        ...

    async def look(self, last: float, after: str) -> Looked | None:
        """The next page of looking at open differences again, None while it is too early."""
        ...


@dataclass(slots=True)
class _Open:
    """A good file under way: what was found of it, and what our books have of that day, by part."""

    examined: Examined
    ours: Sequence[bytes | bytearray]


class FileSettling:
    """A poller that settles the files of one drop folder; without one it only has open differences looked at."""

    def __init__(self, folder: DropFolder | None, kinds: Kinds, books: Bookkeeping, kit: Kit) -> None:
        self._folder, self._kinds, self._books, self._kit = folder, kinds, books, kit
        self._open: _Open | None = None

    async def poll(self, cursor: str) -> Page:
        """The next step. Raises `NotSent` where the drop folder cannot be read: an operator hears of it, and no breaker does."""
        stands = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
        if self._folder is None:
            return await self._look(stands, cursor)
        try:
            return await self._step(self._folder, stands, cursor)
        except OSError as error:
            trouble = NotSent(f"Không đọc hoặc ghi được thư mục đối soát ({type(error).__name__}).")
            # A folder of ours says nothing about those whom the upstream's calls go to.
            raise trouble.teaching(partial=True) from None

    async def _step(self, folder: DropFolder, stands: Cursor, cursor: str) -> Page:
        if stands.away:
            await asyncio.to_thread(folder.away, stands.away, stands.folder, stands.reasons)
            stands = msgspec.structs.replace(stands, away="", folder="", reasons="")
        if stands.file:
            return await self._part(folder, stands)
        found = await asyncio.to_thread(folder.next, self._kit.now().timestamp())
        if found is not None:
            return await self._begin(folder, stands, found)
        return await self._look(stands, cursor)

    async def _look(self, stands: Cursor, cursor: str) -> Page:
        """Look at open differences again, where it is time."""
        looked = await self._books.look(stands.reviewed_at, stands.review_after)
        if looked is None:
            # A cursor that only forgets what was put away is not worth a transaction.
            return Page((), cursor)
        after = msgspec.structs.replace(stands, reviewed_at=looked.at, review_after=looked.after)
        return _page(looked.changes, after, more=bool(looked.after))

    async def _begin(self, folder: DropFolder, stands: Cursor, found: Found) -> Page:
        """Begin with a file, or refuse it with its reasons, or put it away unread where its turn is over."""
        name = found.path.name
        try:
            named = folder.naming.read(name)
        except FileBad as bad:
            return self._refused(stands, Refusal(name, found.sha256, None, bad.faults))
        head = await head_of(self._kit.ledgers, self._kinds, named.provider, day_text(named))
        refusal = may_take(head, found.sha256, named.seq)
        if refusal:
            reasons = "" if refusal == "known" else NOT_NEWER
            return _page((), msgspec.structs.replace(stands, away=name, folder=KNOWN, reasons=reasons))
        try:
            if wrong := self._books.unexpected(named, found):
                raise FileBad(*wrong)
            examined = (await self._opened(found.path, named)).examined
        except FileBad as bad:
            return self._refused(stands, Refusal(name, found.sha256, named, bad.faults))
        taken = FileTaken(
            at=self._kit.now(),
            provider=named.provider,
            business_date=day_text(named),
            sha256=examined.sha256,
            name=name,
            seq=named.seq,
            rows=examined.rows,
            parts=examined.parts,
            figures=examined.totals.figures(),
        )
        change = _entered(self._kinds.heads, head_id(named.provider, day_text(named)), f"taken/{stands.turn}", taken)
        return _page((change,), msgspec.structs.replace(stands, file=name, sha256=examined.sha256, part=0))

    async def _opened(self, path: Path, named: Named) -> _Open:
        """Judge a file, and gather what our books have of its day. Raises `FileBad`."""
        examined = await asyncio.to_thread(_examined, path, named, self._books.reading(named))
        self._open = _Open(examined, await self._books.ours(examined))
        return self._open

    async def _part(self, folder: DropFolder, stands: Cursor) -> Page:
        """Match the next part of the file under way."""
        named: Named | None = None
        try:
            # Whoever sent it may be configured no more.
            named = folder.naming.read(stands.file)
            under_way, rows = await self._rows(folder, stands, named)
        except FileBad as bad:
            self._open = None
            return self._refused(stands, Refusal(stands.file, stands.sha256, named, bad.faults))
        last = stands.part + 1 >= under_way.examined.parts
        ours = bytes(under_way.ours[stands.part]) if under_way.ours else b""
        taken = Taken(named, stands.sha256, stands.part, stands.turn, last, self._kit.now(), ours)
        changes = await self._books.matched(taken, rows)
        if not last:
            return _page(changes, msgspec.structs.replace(stands, part=stands.part + 1))
        self._open = None
        after = msgspec.structs.replace(stands, file="", sha256="", part=0, away=stands.file, folder=SETTLED)
        return _page(changes, after)

    async def _rows(self, folder: DropFolder, stands: Cursor, named: Named) -> tuple[_Open, list[Row]]:
        """The rows of the next part. Raises `FileBad` where the file is gone or no longer what was judged."""
        path = folder.path(stands.file)
        if path is None:
            raise FileBad(Fault("gone", 0, "Tệp đã bị lấy khỏi thư mục trong khi đối soát."))
        under_way = self._open
        if under_way is None or under_way.examined.sha256 != stands.sha256:
            under_way = await self._opened(path, named)
        if under_way.examined.sha256 != stands.sha256:
            raise FileBad(Fault("changed", 0, "Tệp đã bị thay đổi trong khi đối soát."))
        return under_way, await asyncio.to_thread(_rows_of, path, under_way.examined, stands.part)

    def _refused(self, stands: Cursor, refusal: Refusal) -> Page:
        """Refuse a file as a whole, with its reasons beside it."""
        named = refusal.named
        faults = tuple(FileFault(code=f.code, line=f.line, message_vi=f.message_vi) for f in refusal.faults)
        refused = FileRefused(
            at=self._kit.now(),
            provider=named.provider if named is not None else "",
            business_date=day_text(named) if named is not None else "",
            sha256=refusal.sha256,
            name=refusal.name[:200],
            seq=named.seq if named is not None else 0,
            faults=faults,
        )
        where = head_id(named.provider, day_text(named)) if named is not None else unread_id(refusal.sha256)
        reasons = "".join(f"Dòng {f.line}: {f.message_vi}\n" if f.line else f"{f.message_vi}\n" for f in refusal.faults)
        after = msgspec.structs.replace(
            stands, file="", sha256="", part=0, away=refusal.name, folder=REFUSED, reasons=reasons
        )
        return _page((_entered(self._kinds.heads, where, f"refused/{stands.turn}", refused),), after)


def part_changes(
    kinds: Kinds, taken: Taken, pairings: Sequence[Pairing], closed: Sequence[str], lines: list[Transfer]
) -> list[Change]:
    """The changes of the settlement itself for one matched part: what it holds, and its sums for the head.

    `closed` says of each difference, in the order of `differences_of(pairings)`, how it explains itself, "" for not at all.
    """
    places, compacted = compact(lines)
    named, day = taken.named, taken.day
    part = PartMatched(
        at=taken.at,
        provider=named.provider,
        business_date=day,
        sha256=taken.sha256,
        number=taken.number,
        differences=differences_of(pairings),
        closed=tuple((n, how) for n, how in enumerate(closed) if how),
        places=places,
        lines=compacted,
    )
    counted = PartCounted(at=taken.at, sha256=taken.sha256, number=taken.number, sums=tally(pairings, lines))
    where = part_id(named.provider, day, taken.sha256, taken.number)
    return [
        _entered(kinds.parts, where, f"matched/{taken.turn}", part),
        _entered(kinds.heads, head_id(named.provider, day), f"part/{taken.number}/{taken.turn}", counted),
    ]


def differences_of(pairings: Sequence[Pairing]) -> tuple[Pairing, ...]:
    """Those pairings that a report lists one by one."""
    return tuple(pairing for pairing in pairings if pairing.outcome in DIFFERENCES)


def day_text(named: Named) -> str:
    """The day of a file as `yyyymmdd`."""
    return f"{named.business_date:%Y%m%d}"


NOT_NEWER = "Một tệp có số thứ tự không nhỏ hơn đã được đối soát cho ngày này; tệp này không được dùng.\n"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is refused; `named` None where its name says nothing."""

    name: str
    sha256: str
    named: Named | None
    faults: tuple[Fault, ...]


def _examined(path: Path, named: Named, reading: Reading) -> Examined:
    with opened(path) as stream:
        return examine(stream, named, reading)


def _rows_of(path: Path, examined: Examined, part: int) -> list[Row]:
    with opened(path) as stream:
        return list(examined.part(stream, part))


def _page(changes: Sequence[Change], after: Cursor, *, more: bool = True) -> Page:
    following = msgspec.structs.replace(after, turn=after.turn + 1)
    return Page(tuple(changes), msgspec.json.encode(following).decode(), more)


def _entered(ledger: str, ledger_id: str, key: str, change: HeadChange | PartChange) -> Change:
    return Change(ledger, ledger_id, key, plain(change), passing=("at",))
