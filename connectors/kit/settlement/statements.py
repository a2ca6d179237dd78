"""Reads a statement file: judged whole before anything of it is used, then given part by part. It opens nothing itself.

A file with any fault is bad as a whole, and says line by line why. One pass keeps sixteen bytes for each row,
so that later each part can be read from its own places: a million rows need no more than that, whatever their text.
"""

from __future__ import annotations

import csv
import hashlib
import re
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from connectors.kit.settlement.cells import Cells, Unreadable, own_cells, table_cells
from connectors.kit.settlement.layouts import TableLayout
from mappings.settlement import payment_of
from mappings.settlement_words import Kind, Row

MOST_FAULTS = 20
"""So many faults are told of one file; then reading it ends."""
LONGEST_LINE = 65_536
_LARGEST_SEQ = 20_000_000
_COUNT = re.compile(r"-?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """What the name of a file says: `{prefix}_{provider}_{merchant}_{yyyymmdd}_{seq}.csv`."""

    provider: str
    merchant: str
    business_date: date
    seq: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file. `line` 0: of the whole. `code` is stable, the sentence for an accountant."""

    code: str
    line: int
    message_vi: str


class FileBad(Exception):
    """Tệp đối soát không hợp lệ: cả tệp bị từ chối, kết quả trước đó được giữ nguyên."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.code} (dòng {fault.line})" for fault in faults))


@dataclass(frozen=True, slots=True)
class Totals:
    """What the rows of a file add up to, in đồng; the trailer must say the same."""

    count_pay: int = 0
    sum_pay: int = 0
    count_refund: int = 0
    sum_refund: int = 0
    sum_fee: int = 0
    sum_net: int = 0

    def figures(self) -> tuple[int, ...]:
        """In the order of a `T` row."""
        return self.count_pay, self.sum_pay, self.count_refund, self.sum_refund, self.sum_fee, self.sum_net


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that was found good: its SHA-256, totals, and where the rows of each part begin."""

    named: Named
    sha256: str
    rows: int
    totals: Totals
    parts: int
    _offsets: array[int] = field(repr=False)
    _starts: array[int] = field(repr=False)
    _order: array[int] = field(repr=False)
    _cells: Cells = field(repr=False)
    _reading: Reading = field(repr=False)

    def part(self, stream: BinaryIO, number: int) -> Iterator[Row]:
        """The rows of one part, from the same file. Raises `FileBad` where it is no longer what was examined."""
        for place in self._order[self._starts[number] : self._starts[number + 1]]:
            stream.seek(self._offsets[place])
            lines = _lines(stream)
            record = next(csv.reader(lines, delimiter=self._reading.layout.separator, strict=True), [])
            try:
                found = self._reading.row(self._cells(record, place + 1))
            except (Unreadable, csv.Error):
                raise FileBad(Fault("changed", 0, "Tệp đã bị thay đổi trong khi đối soát.")) from None
            yield found


@dataclass(frozen=True, slots=True)
class Naming:
    """How the files of one connector are named: what they begin with, and the words for who sends and for our code there."""

    prefix: str
    who: str
    who_vi: str
    code_vi: str

    def read(self, name: str) -> Named:
        """What the name of a file says; raises `FileBad` for one that says nothing."""
        pattern = rf"{self.prefix}_({self.who})_(.{{1,80}})_(\d{{8}})_(\d{{1,6}})\.csv"
        found = re.fullmatch(pattern, name, re.ASCII | re.IGNORECASE)
        if found is not None:
            try:
                day = date(int(found[3][:4]), int(found[3][4:6]), int(found[3][6:]))
            except ValueError:
                found = None
        if found is None:
            form = f"{self.prefix}_{{{self.who_vi}}}_{{{self.code_vi}}}_{{yyyymmdd}}_{{số thứ tự}}.csv"
            raise FileBad(Fault("name", 0, f"Tên tệp phải theo dạng {form}."))
        return Named(found[1].lower(), found[2], day, int(found[4]))


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files of one sender are read.

    `row` makes a row of its texts, or raises `Unreadable`; `misdated` says what is wrong with the time of a row in a statement
    of a day, "" for nothing; `part_rows` rows are one part.
    """

    naming: Naming
    layout: TableLayout
    row: Callable[[Mapping[str, str]], Row]
    misdated: Callable[[Row, date], str]
    part_rows: int


def examine(stream: BinaryIO, named: Named, reading: Reading) -> Examined:
    """Judge a file from its first byte to its last; raises `FileBad` with up to `MOST_FAULTS` faults.

    `named` is what the file must be: whose, under which code of ours, of which day.
    """
    pass_over = _Pass(named, reading)
    with suppress(_Enough):
        pass_over.run(stream)
    if pass_over.faults:
        raise FileBad(*pass_over.faults)
    parts = max(1, -(-len(pass_over.offsets) // reading.part_rows))
    starts, order = _grouped(pass_over.hashes, parts)
    return Examined(
        named=named,
        sha256=pass_over.digest.hexdigest(),
        rows=len(pass_over.offsets),
        totals=pass_over.totals(),
        parts=parts,
        _offsets=pass_over.offsets,
        _starts=starts,
        _order=order,
        _cells=pass_over.cells,
        _reading=reading,
    )


class _Enough(Exception):
    """Enough faults were told."""


class _Pass:
    """One pass over a file."""

    def __init__(self, named: Named, reading: Reading) -> None:
        self._named, self._reading, self._layout = named, reading, reading.layout
        self.faults: list[Fault] = []
        self.digest = hashlib.sha256()
        self.offsets, self.hashes = array("Q"), array("I")
        self.cells: Cells = own_cells(reading.layout.fields)
        self._seen = bytearray()
        self._sums = {"pay": [0, 0], "back": [0, 0], "fee": [0, 0], "net": [0, 0]}
        self._header = self._trailer = False
        self._line = 0

    def totals(self) -> Totals:
        """What the rows add up to."""
        pay, back = self._sums["pay"], self._sums["back"]
        return Totals(pay[0], pay[1], back[0], back[1], self._sums["fee"][1], self._sums["net"][1])

    def run(self, stream: BinaryIO) -> None:
        """Read everything."""
        source = _Lines(stream, self.digest)
        reader = csv.reader(source, delimiter=self._layout.separator, strict=True)
        while True:
            begin, self._line = source.offset, source.number + 1
            try:
                record = next(reader)
            except StopIteration:
                break
            except (csv.Error, UnicodeDecodeError):
                self._fault("encoding", "không đọc được: tệp phải là UTF-8, dấu ngoặc kép theo RFC 4180.")
                raise _Enough from None
            except _LineTooLong:
                self._fault("line_length", f"dài hơn {LONGEST_LINE} byte.")
                raise _Enough from None
            if record:
                (self._own if self._layout.form == "own" else self._table)(record, begin)
        self._line = 0
        if not self._header and (self._layout.form == "own" or self._layout.header_line):
            self._fault("header", "Thiếu dòng đầu của tệp.")
        if self._layout.form == "own" and not self._trailer:
            self._fault("trailer", "Thiếu dòng tổng (T): tệp có thể chưa được ghi hết.")
        if self._layout.form == "table" and self._layout.trailer and not self._trailer:
            self._fault("trailer", "Thiếu dòng tổng: tệp có thể chưa được ghi hết.")

    def _own(self, record: list[str], begin: int) -> None:
        kind = record[0]
        if self._trailer:
            self._fault("after_trailer", "có nội dung sau dòng tổng.")
        elif kind == "H" and not self._header:
            self._header = True
            self._own_header(record)
        elif not self._header:
            self._fault("header", "dòng đầu của tệp phải là dòng H.")
            raise _Enough
        elif kind == "D":
            self._row(record, begin)
        elif kind == "T":
            self._trailer = True
            self._own_trailer(record)
        else:
            self._fault("row_kind", "loại dòng phải là H (một lần), D hoặc T.")

    def _own_header(self, record: list[str]) -> None:
        if len(record) != 7:
            self._fault("header", "dòng H phải có 7 cột.")
            return
        _, version, provider, merchant, day, _, currency = record
        named, words = self._named, self._reading.naming
        expected = (
            ("header", version, "1", "phiên bản bố cục phải là 1"),
            ("provider", provider.lower(), named.provider, f"{words.who_vi} khác với tên tệp"),
            ("merchant", merchant, named.merchant, f"{words.code_vi} khác với tên tệp hoặc cấu hình"),
            ("date", day, f"{named.business_date:%Y%m%d}", "ngày đối soát khác với tên tệp"),
            ("currency", currency, "VND", "loại tiền phải là VND"),
        )
        for code, said, wanted, sentence in expected:
            if said != wanted:
                self._fault(code, f"{sentence}.")

    def _own_trailer(self, record: list[str]) -> None:
        if len(record) != 7 or not all(_COUNT.fullmatch(cell) for cell in record[1:]):
            self._fault("trailer", "dòng T phải có 7 cột, các số nguyên đồng.")
            return
        names = ("count_pay", "sum_pay", "count_refund", "sum_refund", "sum_fee", "sum_net")
        for name, said, found in zip(names, map(int, record[1:]), self.totals().figures(), strict=True):
            if said != found:
                code = "trailer_count" if name.startswith("count") else "trailer_sum"
                self._fault(code, f"dòng tổng ghi {name} = {said}, các dòng cộng lại là {found}.")

    def _table(self, record: list[str], begin: int) -> None:
        layout = self._layout
        if layout.header_line and self._line < layout.header_line:
            return
        if layout.header_line and not self._header:
            self._header = True
            try:
                self.cells = table_cells(layout, record)
            except Unreadable as error:
                self._fault(error.code, error.message_vi)
                raise _Enough from None
            return
        if not self._header:
            self._header, self.cells = True, table_cells(layout, None)
        if self._trailer:
            self._fault("after_trailer", "có nội dung sau dòng tổng.")
        elif layout.trailer and record[0].strip().startswith(layout.trailer):
            self._trailer = True
        elif any(cell.strip() for cell in record):
            self._row(record, begin)

    def _row(self, record: list[str], begin: int) -> None:
        try:
            row = self._reading.row(self.cells(record, len(self.offsets) + 1))
        except Unreadable as error:
            self._fault(error.code, error.message_vi)
            return
        self._unrepeated(row)
        if row.paid_at is not None and (wrong := self._reading.misdated(row, self._named.business_date)):
            self._fault("date", wrong)
        self._add(row)
        self.offsets.append(begin)
        self.hashes.append(zlib.crc32(payment_of(row.ref).encode()))

    def _unrepeated(self, row: Row) -> None:
        """The numbers of rows in a bit for each."""
        if not 0 <= row.seq <= _LARGEST_SEQ:
            self._fault("seq", f"số thứ tự phải từ 0 đến {_LARGEST_SEQ}.")
            return
        byte, bit = divmod(row.seq, 8)
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1024 - len(self._seen)))
        if self._seen[byte] & 1 << bit:
            self._fault("seq_repeated", f"số thứ tự {row.seq} bị lặp.")
        self._seen[byte] |= 1 << bit

    def _add(self, row: Row) -> None:
        if row.kind is Kind.FEE:
            self._sums["fee"][1] += row.amount
        else:
            side = self._sums["pay" if row.kind is Kind.PAY else "back"]
            side[0] += 1
            side[1] += row.amount
        self._sums["fee"][1] += row.fee
        self._sums["net"][1] += row.net

    def _fault(self, code: str, message_vi: str) -> None:
        self.faults.append(Fault(code, self._line, message_vi[0].upper() + message_vi[1:]))
        if len(self.faults) >= MOST_FAULTS:
            raise _Enough


class _LineTooLong(Exception):
    """A line without end."""


class _Lines:
    """The lines of a stream as text, with the place of the next one; a byte order mark is skipped. Counts and digests."""

    def __init__(self, stream: BinaryIO, digest: hashlib._Hash) -> None:
        self._stream, self._digest = stream, digest
        self.offset = self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        if len(line) > LONGEST_LINE:
            raise _LineTooLong
        self._digest.update(line)
        first, self.offset, self.number = self.offset == 0, self.offset + len(line), self.number + 1
        return line.decode("utf-8-sig" if first else "utf-8")


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a stream from where it stands."""
    first = stream.tell() == 0
    while line := stream.readline(LONGEST_LINE + 1):
        yield line.decode("utf-8-sig" if first else "utf-8")
        first = False


def _grouped(hashes: array[int], parts: int) -> tuple[array[int], array[int]]:
    """Where each part starts in the second array, and the numbers of rows part by part: a counting sort, linear, stable."""
    starts = array("I", bytes(4 * (parts + 1)))
    for value in hashes:
        starts[value % parts + 1] += 1
    for number in range(parts):
        starts[number + 1] += starts[number]
    following, order = array("I", starts), array("I", bytes(4 * len(hashes)))
    for place, value in enumerate(hashes):
        order[following[value % parts]] = place
        following[value % parts] += 1
    return starts, order
