"""A sector system that speaks XML: it writes the messages of its own publication (`bieu_dien_xml`) and shares no code with us.

The text is a plain template, as such systems write it; what the gateway makes of it is the gateway's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

CONTENT_TYPE = "application/xml"
STATES = {
    "received": ("DA_TIEP_NHAN", "Đã tiếp nhận"),
    "processing": ("DANG_THAM_DINH", "Đang thẩm định"),
    "awaiting_supplement": ("YEU_CAU_BO_SUNG", "Yêu cầu bổ sung"),
    "resolved": ("DA_CAP", "Đã cấp giấy phép"),
    "refused": ("TU_CHOI_CAP", "Từ chối cấp giấy phép"),
    "returned": ("DA_TRA", "Đã trả kết quả"),
}
"""What happened in our words, and the code and the name that the foreign system has for it."""

_NAMESPACE = "urn:vi-du:nghe-thuat-bieu-dien:thong-bao:1"


@dataclass(frozen=True, slots=True)
class Paper:
    """A result or a request for more papers: its number, and the file behind a result."""

    number: str
    name: str = ""
    size: int = 0
    sha256: str = ""


def message(dossier_code: str, number: int, happened: str, at: datetime, paper: Paper | None = None) -> bytes:
    """The message with which the foreign system reports step `number` of a dossier; `happened` is a key of `STATES`.

    `at` is local time. `resolved` needs a `paper` with its file, `awaiting_supplement` one with the number of the request.
    """
    code, name = STATES[happened]
    own = f"NTBD-{dossier_code[-11:]}"
    day, moment = f"{at:%d/%m/%Y}", f"{at:%d/%m/%Y %H:%M:%S}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ThongBaoXuLy xmlns="{_NAMESPACE}" phienBan="1.0" maThongDiep="{own}-{number:02d}">
  <HoSo maHoSo={quoteattr(dossier_code)} soNoiBo="{own}"/>
  <LanThu>{number}</LanThu>
  <ThoiDiem>{moment}</ThoiDiem>
  <TrangThai ma="{code}">{escape(name)}</TrangThai>
  <CanBo>
    <HoTen>Hoàng Thị Mẫu</HoTen>
    <ChucVu>Chuyên viên</ChucVu>
    <DonVi>Phòng Quản lý biểu diễn</DonVi>
  </CanBo>
  <NoiDung>{escape(name)}</NoiDung>
{_reason(happened)}{_supplement(happened, day, paper)}{_result(happened, day, paper)}</ThongBaoXuLy>
""".encode()


def _reason(happened: str) -> str:
    if happened not in ("awaiting_supplement", "refused"):
        return ""
    text = "Thiếu kịch bản chương trình" if happened != "refused" else "Không đủ điều kiện theo Nghị định"
    return f'  <LyDo ma="LD-1" canCu="Nghị định 144/2020/NĐ-CP">{text}</LyDo>\n'


def _supplement(happened: str, day: str, paper: Paper | None) -> str:
    if happened != "awaiting_supplement":
        return ""
    number = quoteattr(paper.number if paper is not None else "BS-1")
    return (
        f"  <YeuCauBoSung so={number}>\n    <NguoiYeuCau>Hoàng Thị Mẫu</NguoiYeuCau>\n"
        "    <NoiDung>Bổ sung kịch bản chương trình và danh sách nghệ sĩ</NoiDung>\n"
        f"    <NgayYeuCau>{day}</NgayYeuCau>\n  </YeuCauBoSung>\n"
    )


def _result(happened: str, day: str, paper: Paper | None) -> str:
    if happened != "resolved" or paper is None:
        return ""
    return (
        f"  <KetQua ma={quoteattr(paper.number)}>\n    <TenGiayTo>{escape(paper.name)}</TenGiayTo>\n"
        f"    <SoGiayTo>{escape(paper.number)}</SoGiayTo>\n    <NgayCap>{day}</NgayCap>\n"
        f'    <Tep ten="giay-phep.pdf" kieu="application/pdf" kichThuoc="{paper.size}" sha256="{paper.sha256}"/>\n'
        "    <KySo>PAdES</KySo>\n  </KetQua>\n"
    )
