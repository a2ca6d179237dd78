"""The label of a parcel: who sends, who receives, our number, the post's own, what to collect; a bar code and a QR code.

Drawn for A6 and, enlarged, for A5. The bar code is what the post scans (its item code as soon as there is one, our number
before), the QR code is always our number, so that the agency finds the parcel whatever became of it (postal facts 2.3, 8.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from connectors.postal.codes import bar_code, qr_code
from connectors.postal.model import Contact, Direction
from connectors.postal.shipment import Shipment
from mappings.amount_words import amount_in_words
from mappings.dates import VIETNAM
from signing.rendering.printed import FAINT, Box, Hand, Printed

Size = Literal["a6", "a5"]
_SCALES: dict[Size, float] = {"a6": 1.0, "a5": 2**0.5}
SIZES: dict[str, Size] = {"a6": "a6", "a5": "a5"}
"""The sizes by the word that somebody asks with."""
_WIDTH = 105.0
_DIRECTIONS = {
    Direction.COLLECT: "THU GOM HỒ SƠ",
    Direction.DELIVER: "TRẢ KẾT QUẢ",
}
_GROUND = (235, 235, 235)


@dataclass(frozen=True, slots=True)
class Issue:
    """How a label is printed: its size, the name of the carrier for people, and what the file says made it."""

    size: Size = "a6"
    carrier_vi: str = ""
    producer: str = ""


def as_pdf(shipment: Shipment, issue: Issue = Issue()) -> bytes:
    """The label as a PDF of one page. The same shipment gives the same bytes, as often as it is printed."""
    page = Printed("A5" if issue.size == "a5" else "A6", numbered=False)
    page.entitled(f"Nhãn bưu gửi {shipment.order_number}", shipment.asked_at, issue.producer)
    page.set_auto_page_break(False)
    page.add_page()
    drawing = _Drawing(page, _SCALES[issue.size])
    _head(drawing, shipment, issue.carrier_vi)
    _codes(drawing, shipment)
    _party(drawing, Box(5, 57, 95, 21), "NGƯỜI GỬI", shipment.sender, Hand(8, bold=True))
    _party(drawing, Box(5, 79.5, 95, 30), "NGƯỜI NHẬN", shipment.receiver, Hand(10, bold=True))
    _money(drawing, shipment)
    _foot(drawing, shipment)
    return page.finished()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A page whose boxes are given for A6."""

    page: Printed
    scale: float

    def box(self, one: Box) -> Box:
        """The box on the page."""
        return Box(one.x * self.scale, one.y * self.scale, one.width * self.scale, one.height * self.scale)

    def write(self, box: Box, text: str, hand: Hand) -> float:
        """Text in a box; gives its height, for A6 as well."""
        return self.page.fitted(self.box(box), text, replace(hand, size=hand.size * self.scale)) / self.scale

    def frame(self, box: Box) -> None:
        """A frame."""
        self.page.ruled([self.box(box)])


def _head(drawing: _Drawing, shipment: Shipment, carrier_vi: str) -> None:
    drawing.write(Box(5, 5, 66, 5), carrier_vi or "Dịch vụ bưu chính công ích", Hand(8, colour=FAINT))
    drawing.write(Box(5, 10, 66, 8), _DIRECTIONS[shipment.direction], Hand(15, bold=True))
    drawing.write(Box(5, 18.5, 66, 4), "Số đơn hàng", Hand(6.5, colour=FAINT))
    drawing.write(Box(5, 21.5, 66, 6), shipment.order_number, Hand(11, bold=True))
    drawing.write(Box(5, 28, 66, 4), "Số hiệu bưu gửi", Hand(6.5, colour=FAINT))
    drawing.write(Box(5, 31, 66, 5), shipment.item_code or "(bưu điện chưa cấp)", Hand(9, bold=True))


def _codes(drawing: _Drawing, shipment: Shipment) -> None:
    qr_code(drawing.page, drawing.box(Box(70.5, 4, 31, 31)), shipment.order_number)
    text = shipment.item_code or shipment.order_number
    if bar_code(drawing.page, drawing.box(Box(3, 37, _WIDTH - 6, 14)), text):
        drawing.write(Box(5, 51.5, 95, 4), text, Hand(8, align="C"))
    else:
        drawing.write(
            Box(5, 42, 95, 4),
            "Số này không in được thành mã vạch đọc được; hãy quét mã QR.",
            Hand(7, colour=FAINT, align="C"),
        )


def _party(drawing: _Drawing, box: Box, title: str, who: Contact, name: Hand) -> None:
    drawing.frame(box)
    drawing.write(Box(box.x + 2, box.y + 1.2, 40, 3.5), title, Hand(6.5, colour=FAINT))
    drawing.write(Box(box.x + 45, box.y + 1.2, box.width - 47, 4.5), f"ĐT: {who.phone}", replace(name, align="R"))
    top = box.y + 5.6
    tall = (box.height - 7) * 0.42
    top += drawing.write(Box(box.x + 2, top, box.width - 4, tall), who.name, name) + 0.8
    place = who.place.text
    if who.place.old_text and who.place.old_text != place:
        place = f"{place} (địa chỉ cũ: {who.place.old_text})"
    drawing.write(
        Box(box.x + 2, top, box.width - 4, box.y + box.height - top - 0.8), place, Hand(name.size - 0.5, least=4.5)
    )


def _money(drawing: _Drawing, shipment: Shipment) -> None:
    box = Box(5, 111, 95, 14)
    drawing.page.painted([drawing.box(box)], _GROUND)
    drawing.frame(box)
    due = shipment.cod_due
    if not due:
        drawing.write(Box(7, 113.5, 91, 6), "Không thu hộ", Hand(10, bold=True))
        drawing.write(Box(7, 119, 91, 4), "Không thu thêm khoản phí, lệ phí nào của hồ sơ khi phát.", Hand(7))
        return
    drawing.write(Box(7, 112.2, 91, 6), f"Thu hộ (COD): {_grouped(due)} đồng", Hand(11, bold=True))
    drawing.write(Box(7, 118, 91, 6.5), f"Bằng chữ: {amount_in_words(due)}.", Hand(7.5))


def _foot(drawing: _Drawing, shipment: Shipment) -> None:
    drawing.write(Box(5, 126.5, 95, 7), f"Nội dung: {shipment.contents}", Hand(7.5))
    drawing.write(Box(5, 134, 95, 4), f"Ghi chú: {shipment.note}" if shipment.note else "", Hand(7))
    asked = f"{shipment.asked_at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
    told = f"Hồ sơ {shipment.dossier_code}  ·  {_grouped(shipment.weight_g)} g  ·  Lập lúc {asked}"
    drawing.write(Box(5, 139, 95, 4), told, Hand(6.5, colour=FAINT))


def _grouped(number: int) -> str:
    """1234567 as 1.234.567."""
    return f"{number:,}".replace(",", ".")
