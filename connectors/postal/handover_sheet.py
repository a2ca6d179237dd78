"""The handover list on paper and as a table: what one side gives the other, line by line, with room for both signatures.

QĐ 45/2016/QĐ-TTg Điều 6 and 7; the law prescribes no form for this list, so its columns are those of postal facts 7 [assumed].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.kit.settlement.tables import Cell, Table
from connectors.postal.codes import qr_code
from connectors.postal.handover import Handover, HandoverLine, LineStatus
from connectors.postal.model import Direction
from connectors.postal.paper_settings import PaperSettings
from mappings.amount_words import amount_in_words
from mappings.dates import VIETNAM
from signing.rendering.printed import FAINT, Box, Hand, Printed

_DIRECTIONS_VI: Mapping[Direction, str] = {
    Direction.COLLECT: "Hồ sơ thu gom qua bưu chính công ích",
    Direction.DELIVER: "Kết quả trả qua bưu chính công ích",
}
STATUSES_VI: Mapping[LineStatus, str] = {
    LineStatus.OK: "Đủ",
    LineStatus.MISSING: "Thiếu",
    LineStatus.DAMAGED: "Hư hỏng",
}
_SEALED_VI = {True: "Có", False: "Không"}

_KEYS = (
    "seq",
    "dossier_code",
    "order_number",
    "item_code",
    "applicant_name",
    "component_count",
    "sealed",
    "cod_amount",
    "line_status",
    "note",
)
_TITLES = (
    "STT",
    "Mã hồ sơ",
    "Số đơn hàng",
    "Số hiệu bưu gửi",
    "Người nộp hồ sơ",
    "Số thành phần",
    "Niêm phong",
    "Thu hộ (đồng)",
    "Tình trạng",
    "Ghi chú",
)
_WIDTHS = (9.0, 46.0, 49.0, 29.0, 42.0, 15.0, 14.0, 22.0, 16.0, 35.0)
_RIGHT = frozenset({0, 5, 7})
_LEFT, _TOP, _FOOT, _WIDTH, _HEIGHT = 10.0, 12.0, 16.0, 277.0, 210.0
_PAD = 1.2
_CELL, _HEAD = Hand(8), Hand(7.5, bold=True, align="C")
_GROUND = (232, 238, 242)
_TALLEST = 30.0
_SIGNING = 52.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list with what is printed beside it: applicants by the id of their parcel, names, and what made the file.

    `unsigned` says that no key of the gateway will sign it, so both sides do it by hand.
    """

    handover: Handover
    applicants: Mapping[str, str]
    settings: PaperSettings
    carrier_vi: str = ""
    producer: str = ""
    unsigned: bool = False


def table_of(sheet: Sheet) -> Table:
    """The lines as a table, with their sum; `line_status` is empty while the list is open."""
    handover = sheet.handover
    rows = [_row(sheet, number, line) for number, line in enumerate(handover.lines, 1)]
    rows.append(("", "Cộng", "", "", "", handover.components, "", handover.cod_amount, "", ""))
    return Table("lines", f"Bảng kê bàn giao {handover.batch_no}", _KEYS, _TITLES, tuple(rows))


def as_pdf(sheet: Sheet) -> bytes:
    """The list as a PDF, as many pages as it needs. The same list gives the same bytes."""
    handover = sheet.handover
    page = Printed("A4", landscape=True)
    told_at = handover.countersigned_at or handover.made_at
    page.entitled(f"Bảng kê bàn giao {handover.batch_no}", told_at, sheet.producer)
    page.set_auto_page_break(False)
    page.add_page()
    below = _letterhead(page, sheet)
    below = _facts(page, sheet, below)
    below = _lines(page, table_of(sheet), below)
    _closing(page, sheet, below)
    return page.finished()


def _row(sheet: Sheet, number: int, line: HandoverLine) -> tuple[Cell, ...]:
    signed = sheet.handover.signed(line.shipment_id)
    notes = [note for note in (line.note, signed.note if signed is not None else "") if note]
    return (
        number,
        line.dossier_code,
        line.order_number,
        line.item_code,
        sheet.applicants.get(line.shipment_id, ""),
        line.components,
        _SEALED_VI[line.sealed],
        line.cod_amount,
        STATUSES_VI[signed.status] if signed is not None else "",
        "; ".join(notes),
    )


def _letterhead(page: Printed, sheet: Sheet) -> float:
    settings, half = sheet.settings, _WIDTH / 2
    left, right = Box(_LEFT, _TOP, half - 20, 5), Box(_LEFT + half, _TOP, half - 30, 5)
    middle = Hand(10, bold=True, align="C")
    page.fitted(left, settings.agency_name.upper() or settings.unit_name.upper(), middle)
    if settings.agency_name:
        page.fitted(Box(left.x, _TOP + 5, left.width, 5), settings.unit_name, Hand(9, align="C"))
    page.fitted(right, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", middle)
    page.fitted(Box(right.x, _TOP + 5, right.width, 5), "Độc lập - Tự do - Hạnh phúc", Hand(9, bold=True, align="C"))
    qr_code(page, Box(_LEFT + _WIDTH - 26, _TOP - 3, 26, 26), sheet.handover.batch_no)
    title = Box(_LEFT + 28, _TOP + 15, _WIDTH - 56, 8)
    page.fitted(title, "BẢNG KÊ BÀN GIAO", Hand(16, bold=True, align="C"))
    page.fitted(
        Box(title.x, _TOP + 22.5, title.width, 6), _DIRECTIONS_VI[sheet.handover.direction], Hand(11, align="C")
    )
    return _TOP + 31


def _facts(page: Printed, sheet: Sheet, top: float) -> float:
    handover = sheet.handover
    countersign = handover.countersign
    left = (
        ("Số bảng kê", handover.batch_no),
        ("Lập lúc", _moment(handover.made_at)),
        ("Bàn giao lúc", _moment(countersign.handed_at) if countersign is not None else "(chờ bên nhận ký)"),
    )
    right = (
        ("Đơn vị vận chuyển", sheet.carrier_vi or handover.carrier),
        ("Mã bưu cục", handover.pos_code or "–"),
        ("Mã đơn vị", handover.agency_code),
    )
    half = _WIDTH / 2
    for number, pairs in enumerate(zip(left, right, strict=True)):
        for side, (label, value) in enumerate(pairs):
            at = Box(_LEFT + side * half, top + number * 5.2, 36, 5)
            page.fitted(at, label, Hand(8.5, colour=FAINT))
            page.fitted(Box(at.x + 38, at.y, half - 42, 5), value, Hand(9, bold=True))
    return top + 18


def _lines(page: Printed, table: Table, top: float) -> float:
    top = _heading(page, table, top)
    last = len(table.rows) - 1
    for number, row in enumerate(table.rows):
        hand = Hand(8, bold=True) if number == last else _CELL
        cells = [_written(cell) for cell in row]
        tall = max(page.height_of(_WIDTHS[place] - 2 * _PAD, cell, hand) for place, cell in enumerate(cells))
        height = min(_TALLEST, max(6.0, tall + 2 * _PAD))
        if top + height > _HEIGHT - _FOOT:
            page.add_page()
            top = _heading(page, table, _TOP)
        _cells(page, cells, Box(_LEFT, top, _WIDTH, height), hand)
        top += height
    return top


def _heading(page: Printed, table: Table, top: float) -> float:
    row = Box(_LEFT, top, _WIDTH, 10.0)
    page.painted([row], _GROUND)
    _cells(page, list(table.titles), row, _HEAD)
    return top + row.height


def _cells(page: Printed, cells: list[str], row: Box, hand: Hand) -> None:
    place = row.x
    for number, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True)):
        box = Box(place, row.y, width, row.height)
        page.ruled([box], 0.2)
        aligned = Hand(hand.size, hand.bold, align="R") if number in _RIGHT and hand.align == "L" else hand
        page.fitted(box.inside(_PAD), cell, aligned)
        place += width


def _closing(page: Printed, sheet: Sheet, top: float) -> None:
    if top + _SIGNING > _HEIGHT - _FOOT:
        page.add_page()
        top = _TOP
    handover = sheet.handover
    told = f"Tổng số: {len(handover.lines)} bưu gửi, {handover.components} thành phần."
    if handover.cod_amount:
        grouped = f"{handover.cod_amount:,}".replace(",", ".")
        told += f" Thu hộ {grouped} đồng ({amount_in_words(handover.cod_amount)})."
    page.fitted(Box(_LEFT, top + 3, _WIDTH, 5), told, Hand(9, bold=True))
    page.fitted(Box(_LEFT, top + 8.5, _WIDTH, 4.5), f"Căn cứ: {sheet.settings.legal_vi}.", Hand(8, colour=FAINT))
    countersign = handover.countersign
    giver = ("BÊN GIAO", handover.deliverer.name, f"Mã nhân viên: {handover.deliverer.staff_id}")
    taker = ("BÊN NHẬN", "", "")
    if countersign is not None:
        taker = ("BÊN NHẬN", countersign.receiver.name, f"Tài khoản: {countersign.receiver.staff_id}")
    for side, (title, name, number) in enumerate((giver, taker)):
        x = _LEFT + 15 + side * _WIDTH / 2
        page.fitted(Box(x, top + 15, 100, 5), title, Hand(10, bold=True, align="C"))
        page.fitted(Box(x, top + 20, 100, 4), "(Ký, ghi rõ họ tên)", Hand(8, colour=FAINT, align="C"))
        page.fitted(Box(x, top + 38, 100, 5), name, Hand(10, bold=True, align="C"))
        page.fitted(Box(x, top + 43, 100, 4), number, Hand(8, colour=FAINT, align="C"))
    how = "Bảng kê này được ký tay." if sheet.unsigned else "Bảng kê này được cổng kết nối ký số."
    page.fitted(Box(_LEFT, top + 48, _WIDTH, 4), how, Hand(7.5, colour=FAINT, align="C"))


def _written(cell: Cell) -> str:
    return f"{cell:,}".replace(",", ".") if isinstance(cell, int) else cell


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(VIETNAM):%H:%M ngày %d/%m/%Y}"
