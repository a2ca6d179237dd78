"""The check of the evidence: every leaf made again, every row of the store held against the leaf that vouches for it.

What is found: any row that was edited, deleted, added, moved or set back by hand, a leaf that was, a chain whose end was cut
off after another was begun. What cannot be found inside one store: the newest leaves cut off or put on together with the rows
they cover (heads that are signed and kept elsewhere show that), and an edit that the gateway itself has written over since.
With several nodes the chains grow beside each other: which leaf of a row is its last, the row says (decision 0036).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.clock import from_micros
from gateway.evidence.log import GENESIS, chain
from gateway.evidence.openings import NOBODY, Trust, Verdict, judged
from gateway.journal.examining import Doubt, Found, Opened, Retired, Sorter, number_of, table_of
from gateway.journal.examining_embedded import opened
from gateway.journal.examining_shared import opened_shared
from gateway.journal.retired import read
from gateway.journal.session import DatabaseOptions
from gateway.journal.shown import Leaf

_CHAIN_SHIFT = 40  # a leaf's place in the whole store: the place of its chain, then its number in the chain
MOST_FAULTS = 100
_NO_LEAF = 1 << 62

_TABLES_VI = {
    "meta": "dấu hiệu của kho",
    "migration": "bước nâng cấp",
    "node": "máy",
    "cursor": "con trỏ",
    "upstream": "trạng thái hệ thống nhận",
    "upstream_slot": "lượt của hệ thống nhận",
    "payload": "nội dung niêm phong",
    "inbound": "sự kiện nhận vào",
    "source_seq": "số thứ tự của nguồn",
    "receipt": "biên nhận",
    "audit": "nhật ký kiểm toán",
    "record": "bản ghi",
    "record_index": "chỉ mục bản ghi",
    "lane": "luồng giao nhận",
    "msg": "thông điệp",
    "attempt": "lượt gửi",
}


class About(msgspec.Struct, frozen=True, array_like=True):
    """What a leaf says of itself: the operation, its time in µs, its dossier, the names of the rows it covers.

    `marked`: the names end with the marks of their rows (`journal.bound.SHARED`).
    """

    what: str
    at: int
    dossier: str
    names: list[msgspec.Raw]
    marked: int = 0


class _Head(msgspec.Struct, frozen=True):
    """The end of a chain, as a later opening names it."""

    n: int
    digest: str


class _Opening(msgspec.Struct, frozen=True):
    """What of an opening record counts here."""

    heads: dict[str, _Head]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that no longer holds: at which leaf (writer and number, 0 when no leaf speaks of it), and why.

    `at` and `dossier` are those of the leaf; `row` names what it covers, as JSON.
    """

    place: int
    writer: str
    n: int
    reason_vi: str
    row: str = ""
    at: datetime | None = None
    dossier: str = ""


@dataclass(slots=True)
class Report:
    """What was looked at, and what does not hold, the first leaf first. `faults` ends at `MOST_FAULTS`; `count` does not.

    `signed` chains were opened by a record whose signature holds, `unsigned` by one without; `retired` rows went with a
    partition that was dropped by order, `dropped` says which those were. `notes_vi`: what could not
    be looked at, or is weaker than it might be.
    """

    chains: int = 0
    leaves: int = 0
    rows: int = 0
    retired: int = 0
    signed: int = 0
    unsigned: int = 0
    count: int = 0
    notes_vi: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return not self.count

    def add(self, fault: Fault) -> None:
        """One more; of too many the earliest are kept."""
        self.count += 1
        self.faults.append(fault)
        if len(self.faults) > 2 * MOST_FAULTS:
            self.settle()

    def settle(self) -> None:
        """In order, and not too many."""
        self.faults.sort(key=lambda fault: fault.place)
        del self.faults[MOST_FAULTS:]


def check(folder: Path, trust: Trust = NOBODY) -> Report:
    """Hold the store in `folder` against its evidence, as both stand now; raises `StoreUnopenable`, `StoreOfBefore`."""
    with opened(folder) as store, closing(Sorter()) as sorter:
        return examine(store, sorter, trust)


def examine(store: Opened, sorter: Sorter, trust: Trust) -> Report:
    """The same of a store that is laid open already."""
    return _Check(store, sorter, trust).run()


def check_shared(options: DatabaseOptions, trust: Trust = NOBODY) -> Report:
    """The same of the store of several nodes, while they go on; raises `DatabaseUnopenable`. Not where an event loop runs."""
    with opened_shared(options) as store, closing(Sorter()) as sorter:
        return examine(store, sorter, trust)


class _Check:
    """One examination."""

    def __init__(self, store: Opened, sorter: Sorter, trust: Trust) -> None:
        self._store, self._sorter, self._trust = store, sorter, trust
        self._report = Report()
        self._openings: dict[str, _Opening] = {}
        self._chains: list[str] = []
        self._places: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._named: dict[str, dict[int, bytes]] = {}  # the leaves that openings name, as they were found
        self._retired: list[Retired] = []
        self._adopted: list[int] | None = None  # places of the chains that bound all that stood before them

    def run(self) -> Report:
        """Chains first, then rows, then what can be counted again."""
        report = self._report
        self._chains = self._in_order()
        self._places = {writer: place for place, writer in enumerate(self._chains)}
        for opening in self._openings.values():
            for other, named in opening.heads.items():
                self._named.setdefault(other, {})[named.n] = b""
        report.chains = len(self._chains)
        for place, writer in enumerate(self._chains):
            self._walk(place, writer)
        self._judge_ends()
        self._judge_signatures()
        self._retired = sorted((read(raw) for raw in self._store.retired()), key=lambda part: (part.table, part.low))
        report.dropped = [f"{part.table} {part.month}: {part.told_vi()}" for part in self._retired if part.table]
        report.rows = self._sorter.stand(self._store.rows())
        for found in self._sorter.each():
            self._judge_row(found)
        self._judge_counts()
        report.settle()
        return report

    def _in_order(self) -> list[str]:
        """The chains as they were opened: each names the heads of all that came before it."""
        keys = []
        for writer in self._store.writers():
            raw = self._store.opening(writer)
            try:
                opening = msgspec.json.decode(raw or b"", type=_Opening)
            except msgspec.DecodeError:
                opening = None  # its row is found faulty when its turn comes
            first = self._store.leaf(writer, 1)
            about = _about(first) if first is not None else None
            if opening is not None:
                self._openings[writer] = opening
            keys.append((0 if opening is None else len(opening.heads), 0 if about is None else about.at, writer))
        return [writer for *_, writer in sorted(keys)]

    def _walk(self, place: int, writer: str) -> None:
        """Make the chain again from its first leaf; numbers have no hole."""
        head, expected = GENESIS, 1
        named = self._named.get(writer, {})
        for leaf in self._store.leaves(writer):
            if leaf.n != expected:
                self._fault(place, writer, expected, "Thiếu mắt xích này: đã bị xóa hoặc đổi số.")
            elif chain(head, leaf.covers) != leaf.digest:
                self._fault(place, writer, leaf.n, "Mắt xích không khớp với nội dung và mắt xích đứng trước.")
            self._take(place, leaf)
            head, expected = leaf.digest, leaf.n + 1
            if leaf.n in named:
                named[leaf.n] = leaf.digest
            self._report.leaves += 1
        self._ends[writer] = expected - 1

    def _take(self, place: int, leaf: Leaf) -> None:
        """Note what the leaf covers; its last digest is that of what it says of itself."""
        adopted = self._adoptions()
        if not leaf.about and adopted and place < adopted[-1]:
            return  # of before leaves named their rows
        about = _about(leaf)
        whole = bool(leaf.covers) and hashlib.sha256(leaf.about).digest() == leaf.covers[-1]
        if about is None or not whole or len(about.names) >= len(leaf.covers):
            self._fault(place, leaf.writer, leaf.n, "Phần mô tả của mắt xích đã bị sửa.")
            return
        rows = leaf.covers[len(leaf.covers) - 1 - len(about.names) : -1]
        covered = zip(map(bytes, about.names), rows, strict=True)
        era = bisect_right(adopted, place)
        self._sorter.cover(covered, era, (place << _CHAIN_SHIFT) + leaf.n, marked=bool(about.marked))

    def _adoptions(self) -> list[int]:
        """The places of the chains that bound all that stood, in order: each begins an era of its own.

        That is done by a store whose leaves did not name their rows yet, and by an embedded one that several nodes wrote
        before: it counts no writings, so what they counted says nothing any more about which leaf is the last.
        """
        if self._adopted is None:
            self._adopted = []
            for place, writer in enumerate(self._chains):
                second = self._store.leaf(writer, 2)
                about = None if second is None else _about(second)
                if about is not None and about.what == "adopt":
                    self._adopted.append(place)
        return self._adopted

    def _judge_ends(self) -> None:
        """Every chain still ends where the openings of later chains say that it ended."""
        for place, writer in enumerate(self._chains):
            opening = self._openings.get(writer)
            if opening is None:
                self._fault(place, writer, 1, "Không còn bản ghi mở đầu của chuỗi này.")
                continue
            for other, named in opening.heads.items():
                self._judge_end(other, named, over=not self._store.concurrent or _node(other) == _node(writer))

    def _judge_end(self, writer: str, named: _Head, *, over: bool) -> None:
        """A chain that is `over` ends with the leaf that an opening named; one of another node may have gone on."""
        end, place = self._ends.get(writer, 0), self._places.get(writer, -1)
        if end < named.n:
            self._fault(place, writer, end + 1, f"Đuôi chuỗi đã bị cắt: lần khởi động sau ghi nhận {named.n} mắt xích.")
        elif end > named.n and over:
            self._fault(place, writer, named.n + 1, "Mắt xích được thêm sau khi chuỗi này đã kết thúc.")
        elif self._named[writer][named.n].hex() != named.digest:
            self._fault(place, writer, named.n, "Mắt xích cuối khác với điều lần khởi động sau ghi nhận.")

    def _judge_signatures(self) -> None:
        """Who opened each chain. Once a trusted key has signed one, nobody opens another without."""
        report, begun = self._report, False
        for place, writer in enumerate(self._chains):
            verdict = judged(self._store.opening(writer) or b"", self._trust)
            report.signed += verdict is Verdict.HOLDS
            report.unsigned += verdict is Verdict.UNSIGNED
            if verdict is Verdict.BROKEN:
                self._fault(place, writer, 1, "Chữ ký trên bản ghi mở đầu của chuỗi này không đúng.")
            elif verdict is Verdict.STRANGER:
                self._fault(place, writer, 1, "Bản ghi mở đầu của chuỗi này do một khóa không đáng tin ký.")
            elif verdict is Verdict.UNSIGNED and (begun or (self._trust.keys and place == len(self._chains) - 1)):
                self._fault(
                    place, writer, 1, "Bản ghi mở đầu của chuỗi này không được ký, dù cổng đã có khóa ký bằng chứng."
                )
            begun = begun or (bool(self._trust.keys) and verdict is Verdict.HOLDS)
        if report.signed and not self._trust.keys:
            report.notes_vi.append(
                "Chữ ký mở đầu chuỗi chỉ được đối chiếu với khóa đi kèm: chưa cho biết khóa nào đáng tin ([evidence], --trust)."
            )

    def _judge_row(self, found: Found) -> None:
        row = found.name.decode("utf-8", "replace")
        what = _TABLES_VI.get(table_of(found.name), table_of(found.name))
        if found.leaf < 0:
            self._report.add(
                Fault(_NO_LEAF, "", 0, f"Dòng {what} này không có mắt xích nào làm chứng: đã bị thêm.", row)
            )
            return
        place, n = found.leaf >> _CHAIN_SHIFT, found.leaf & ((1 << _CHAIN_SHIFT) - 1)
        if found.stands is None and self._went(found):
            self._report.retired += 1
            return
        if found.doubt is Doubt.TWICE:
            self._fault(
                place, self._chains[place], n, f"Hai mắt xích ghi khác nhau về cùng một lần ghi dòng {what}.", row
            )
        elif found.doubt is Doubt.MISSED:
            self._fault(place, self._chains[place], n, f"Có lần ghi dòng {what} này không mắt xích nào làm chứng.", row)
        elif found.stands is None:
            self._fault(place, self._chains[place], n, f"Dòng {what} mà mắt xích này làm chứng đã bị xóa.", row)
        elif found.stands.digest != found.digest:
            self._fault(place, self._chains[place], n, f"Dòng {what} mà mắt xích này làm chứng đã bị sửa.", row)
        elif found.stands.leaf is not None:
            self._judge_receipt(found.stands.leaf, place, n, row)

    def _went(self, found: Found) -> bool:
        """Its partition was dropped, and the store says so."""
        table = table_of(found.name)
        parts = [one for one in self._retired if one.table == table]
        number = number_of(found) if parts else None
        return number is not None and any(one.low <= number < one.high for one in parts)

    def _judge_receipt(self, named: bytes, place: int, n: int, row: str) -> None:
        """A receipt names the leaf that covers it; one that was adopted names a leaf of before."""
        leaf = self._store.leaf(self._chains[place], n)
        about = None if leaf is None else _about(leaf)
        if leaf is None or (named != leaf.digest and (about is None or about.what != "adopt")):
            self._fault(place, self._chains[place], n, "Biên nhận không còn ghi đúng mắt xích của mình.", row)

    def _judge_counts(self) -> None:
        for upstream, state in self._store.miscounted():
            row = msgspec.json.encode(("tally", upstream, state)).decode()
            self._report.add(Fault(_NO_LEAF, "", 0, "Số đếm thông điệp không khớp với số thông điệp hiện có.", row))
        hole = self._store.first_hole()
        if hole:
            row = msgspec.json.encode(("position", hole)).decode()
            self._report.add(Fault(_NO_LEAF, "", 0, "Thiếu một vị trí trong dãy nhật ký và sự kiện.", row))
        altered = self._store.altered()
        if altered is None:
            self._report.notes_vi.append(
                "Chưa đối chiếu được cấu trúc kho: tài khoản này không được tạo lược đồ để so sánh."
            )
        catalogue = "pg_catalog" if self._store.concurrent else "sqlite_schema"
        for name in altered or ():
            row = msgspec.json.encode((catalogue, name)).decode()
            self._report.add(Fault(_NO_LEAF, "", 0, "Cấu trúc kho (bảng, chỉ mục, chốt chặn) đã bị đổi.", row))

    def _fault(self, place: int, writer: str, n: int, reason_vi: str, row: str = "") -> None:
        leaf = self._store.leaf(writer, n)
        about = None if leaf is None else _about(leaf)
        at = None if about is None else _when(about.at)
        dossier = "" if about is None else about.dossier
        covers = row or ("" if about is None else _named(about))
        self._report.add(Fault((place << _CHAIN_SHIFT) + n, writer, n, reason_vi, covers, at, dossier))


def _about(leaf: Leaf) -> About | None:
    try:
        return msgspec.json.decode(leaf.about, type=About)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _node(writer: str) -> str:
    """The node in the name of a chain."""
    return writer.rpartition("/")[0]


def _when(at: int) -> datetime | None:
    try:
        return from_micros(at)
    except (ValueError, OverflowError, OSError):
        return None


def _named(about: About) -> str:
    """What a leaf covers, shortly."""

    def parts() -> Iterator[str]:
        for raw in about.names[:6]:
            yield bytes(raw).decode("utf-8", "replace")
        if len(about.names) > 6:
            yield f"… ({len(about.names)})"

    return f"{about.what}: {' '.join(parts())}"
