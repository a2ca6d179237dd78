"""The pictures of papers in docs/images: python -m tests.connectors.postal.pictures writes them again, of invented people."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from connectors.postal import handover_sheet, label
from connectors.postal.handover import (
    Handover,
    HandoverLine,
    HandoverMade,
    Handovers,
    Officer,
    batch_no_of,
    handover_id_of,
)
from connectors.postal.label import Issue
from connectors.postal.model import Direction
from connectors.postal.paper_settings import PaperSettings
from connectors.postal.shipment import Shipment
from tests.connectors.postal.parcels import CARRIER, NOW, contact, parcel

HERE = Path(__file__).resolve().parents[3] / "docs" / "images"
CARRIER_VI = "Tổng công ty Bưu điện Việt Nam"
SETTINGS = PaperSettings(agency_name="Bộ Văn hóa, Thể thao và Du lịch")
PEOPLE = ("Nguyễn Thị Mẫu", "Trần Văn Thí Dụ", "Công ty TNHH một thành viên Nghiên cứu Ví Dụ", "Đặng Quỳnh Mẫu")


def parcels() -> list[Shipment]:
    """Eight parcels, of some of which the post knows already."""
    return [
        parcel(
            number,
            item_code="RA473124829VN" if number % 2 else "",
            receiver=contact(PEOPLE[number % len(PEOPLE)], "Số 1 ngõ Ví Dụ, phường Ba Đình, thành phố Hà Nội"),
        )
        for number in range(41, 49)
    ]


def drawn_up() -> Handover:
    """Their list."""
    handover_id = handover_id_of("one-stop", "bk-1")
    lines = tuple(
        HandoverLine(
            shipment_id=one.shipment_id,
            dossier_code=one.dossier_code,
            procedure_code=one.procedure_code,
            order_number=one.order_number,
            item_code=one.item_code,
            components=1 + number % 3,
            sealed=True,
            cod_amount=one.cod_due if number % 2 else 0,
            note="Kèm bản vẽ khổ A0" if number == 2 else "",
        )
        for number, one in enumerate(parcels())
    )
    made = HandoverMade(
        at=NOW,
        handover_id=handover_id,
        batch_no=batch_no_of(handover_id, NOW),
        asked_by="one-stop",
        request_id="bk-1",
        body_sha256="",
        direction=Direction.DELIVER,
        carrier=CARRIER,
        agency_code="G00.10",
        pos_code="100000",
        deliverer=Officer(name="Lê Văn Mẫu", staff_id="cb-0012"),
        lines=lines,
    )
    return Handovers().apply(None, made)[0]


def sheet() -> bytes:
    """The list on paper."""
    names = {one.shipment_id: one.receiver.name for one in parcels()}
    return handover_sheet.as_pdf(handover_sheet.Sheet(drawn_up(), names, SETTINGS, CARRIER_VI))


def main() -> None:
    """Write both pictures."""
    pictures = {
        "nhan-buu-gui": label.as_pdf(parcels()[0], Issue("a6", CARRIER_VI)),
        "bang-ke-ban-giao": sheet(),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, content in pictures.items():
            source = Path(folder) / f"{name}.pdf"
            source.write_bytes(content)
            command = ["pdftoppm", "-r", "96", "-gray", "-png", "-singlefile", str(source), str(HERE / name)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
