"""What the bench of SOAP asks and what its stub answers: a dossier, one person, a household; every bridge gets the same."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Contract:
    """A WSDL, and what its parts are called."""

    wsdl: Path
    binding: str
    service: str
    port: str
    namespace: str


POPULATION = Contract(
    Path(str(files("connectors.vneid.profiles.dancu").joinpath("contract/dancu-service.wsdl"))),
    "DanCuDirectBinding",
    "DanCuService",
    "DanCuDirectPort",
    "http://dancuquocgia.bca",
)
DOSSIER = Contract(
    Path(__file__).with_name("dossier.wsdl"),
    "HoSoBinding",
    "HoSoService",
    "HoSoPort",
    "http://hoso.example.gov.vn/1.0",
)


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of question: the operation, its request as JSON, the answer of the stub, and whether its ratios bind."""

    title: str
    contract: Contract
    judged: bool
    operation: str
    request: dict[str, Any]
    answer: str


def workloads() -> list[Workload]:
    """A dossier of the size that the bounds were set by; one person and a household of four from the population database."""
    request = {
        "MaYeuCau": "BVHTTDL-20260101-000001",
        "MaDVC": "1.000000",
        "MaTichHop": "037",
        "MaCanBo": "canbo.test",
        "MaDonVi": "G00",
        "SoDinhDanh": "001090000000",
        "HoVaTen": "NGUYENVANTHU",
        "NgayThangNamSinh": {"NgayThangNam": "19900228"},
    }
    house = "".join(_person(number) for number in range(4))
    one, four = "TraCuuThongTinCongDan", "CungCapThongTinHoGiaDinh"
    return [
        Workload("dossier", DOSSIER, True, "GuiHoSo", _dossier(), _envelope(_RECEIPT)),
        Workload("one person", POPULATION, False, one, request, _envelope(_collection(_person(0)))),
        Workload("household of four", POPULATION, False, four, request, _envelope(_collection(house))),
    ]


_RECEIPT = (
    '<hs:KetQuaGuiHoSo xmlns:hs="http://hoso.example.gov.vn/1.0"><hs:MaKetQua>00</hs:MaKetQua>'
    "<hs:ThongBao>Đã tiếp nhận hồ sơ &amp; giấy tờ kèm theo</hs:ThongBao><hs:SoBienNhan>BN-2026-000001</hs:SoBienNhan>"
    "<hs:ThoiDiem>20260101080000</hs:ThoiDiem></hs:KetQuaGuiHoSo>"
)


def _dossier() -> dict[str, Any]:
    """About 3.7 KB of JSON; nobody in it exists."""
    person = {
        "HoVaTen": "Nguyễn Văn Thử",
        "SoGiayTo": "001090000000",
        "NgaySinh": "19900228",
        "DiaChi": "Số 1 đường Mẫu & ngõ 2, phường Mẫu, thành phố Hà Nội",
        "DienThoai": "0900000000",
        "ThuDienTu": "thu@example.vn",
    }
    papers = [
        {
            "MaGiayTo": f"GT-{number:02d}",
            "TenGiayTo": f"Giấy tờ thứ {number} của thành phần hồ sơ (bản chính)",
            "SoBanChinh": "1",
            "TepDinhKem": f"https://tep.example.gov.vn/hoso/{number}.pdf",
            "MaBam": f"{number:040x}",
        }
        for number in range(8)
    ]
    steps = [
        {
            "NguoiXuLy": "Trần Văn Mẫu",
            "ChucDanh": "Chuyên viên",
            "ThoiDiem": f"2026010{number}080000",
            "PhongBan": "Bộ phận Một cửa",
            "NoiDung": "Thẩm định hồ sơ theo quy trình nội bộ, chuyển bước tiếp theo.",
        }
        for number in range(1, 6)
    ]
    return {
        "MaHoSo": "000.00.00.G16-260101-0001",
        "MaThuTuc": "1.000000",
        "TenThuTuc": "Cấp giấy phép kinh doanh dịch vụ lữ hành quốc tế",
        "CoQuan": "Cục Du lịch Quốc gia Việt Nam",
        "TrichYeu": "Đề nghị cấp giấy phép (ví dụ)",
        "TrangThai": "2",
        "NgayTiepNhan": "20260101080000",
        "NgayHenTra": "20260201080000",
        "NguoiNop": person,
        "ChuHoSo": person,
        "GiayTo": papers,
        "Buoc": steps,
    }


def _collection(people: str) -> str:
    return f'<ns1:CongdanCollection xmlns:ns1="http://www.mic.gov.vn/dancu/1.0">{people}</ns1:CongdanCollection>'


def _envelope(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body>'
        f"{body}</soapenv:Body></soapenv:Envelope>"
    )


def _person(number: int) -> str:
    """A record as it is seen on the wire (identity facts 2.6); nobody of that number exists."""
    address = (
        "<ns1:MaTinhThanh>01</ns1:MaTinhThanh><ns1:MaPhuongXa>00001</ns1:MaPhuongXa>"
        "<ns1:ChiTiet>SỐ 1 ĐƯỜNG MẪU &amp; NGÕ 2</ns1:ChiTiet><ns1:QuocGia>VN</ns1:QuocGia>"
    )
    relative = (
        f"<ns1:HoVaTen>NGUYỄN VĂN MẪU {number}</ns1:HoVaTen><ns1:QuocTich>VN</ns1:QuocTich>"
        "<ns1:SoDinhDanh>001060000000</ns1:SoDinhDanh>"
    )
    return (
        f"<ns1:CongDan><ns1:SoDinhDanh>00109000000{number}</ns1:SoDinhDanh>"
        "<ns1:HoVaTen><ns1:Ho>NGUYỄN</ns1:Ho><ns1:ChuDem>VĂN</ns1:ChuDem><ns1:Ten>THỬ</ns1:Ten></ns1:HoVaTen>"
        "<ns1:GioiTinh>1</ns1:GioiTinh><ns1:TinhTrangHonNhan>2</ns1:TinhTrangHonNhan>"
        "<ns1:NgayThangNamSinh><ns1:Nam>1990</ns1:Nam><ns1:NgayThangNam>19900228</ns1:NgayThangNam></ns1:NgayThangNamSinh>"
        f"<ns1:QuocTich>VN</ns1:QuocTich><ns1:QueQuan>{address}</ns1:QueQuan><ns1:ThuongTru>{address}</ns1:ThuongTru>"
        f"<ns1:NoiOHienTai>{address}</ns1:NoiOHienTai><ns1:Cha>{relative}</ns1:Cha><ns1:Me>{relative}</ns1:Me>"
        "<ns1:ChuHo><ns1:QuanHe>01</ns1:QuanHe><ns1:SoDinhDanh>001090000000</ns1:SoDinhDanh>"
        "<ns1:HoVaTen>NGUYỄN VĂN THỬ</ns1:HoVaTen></ns1:ChuHo></ns1:CongDan>"
    )
