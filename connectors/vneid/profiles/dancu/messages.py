"""Wire types of CSDLQG về dân cư, named as the wire names them, from and to the trees of the SOAP kit.

The answer comes in two shapes with the same names (identity facts 2.6): the observed one (codes as text, an address in three
codes, relatives' names as one text) and that of QCVN 109:2017/BTTTT (coded structures). Each field takes both, and what is
unknown is left alone. Trees are by local name, because stubs and gateways change prefixes and namespaces.
"""

from __future__ import annotations

from typing import Any, TypeVar
from xml.sax.saxutils import escape, quoteattr

import msgspec

REQUESTS = "http://dancuquocgia.bca"
"""Namespace of requests, of the yes/no answer and of the fault detail (facts 2.3)."""
ANSWERS = "http://www.mic.gov.vn/dancu/1.0"
"""Namespace of records, in both shapes (facts 2.6)."""
COLLECTION = "CongdanCollection"
VERDICT = "KetQuaXacThuc"

Tree = dict[str, Any]
T = TypeVar("T")


class MessageUnreadable(ValueError):
    """Thông điệp không có hình dạng đã biết. The sentence names elements of the schema, never a value."""

    def __init__(self, message_vi: str) -> None:
        self.message_vi = message_vi
        super().__init__(message_vi)


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type of the wire: unknown elements are ignored, absent ones are None, empty ones are empty. `repr` says no value."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class NgaySinhTraCuu(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A birth in a request: exactly one of the two (facts 2.4)."""

    Nam: str | None = None
    NgayThangNam: str | None = None


class YeuCau(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A request of any operation (facts 2.4, S7): who asks, for which procedure, by which service code, and about whom."""

    MaYeuCau: str
    MaDVC: str
    MaTichHop: str
    MaCanBo: str
    HoVaTen: str
    MaDonVi: str | None = None
    TaiKhoan: str | None = None
    SoDienThoai: str | None = None
    SoDinhDanh: str | None = None
    SoCMND: str | None = None
    NgayThangNamSinh: NgaySinhTraCuu | None = None


class HoTen(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A name in parts (facts 2.6): the observed shape has all of it in `Ten`, QCVN 109 splits it."""

    Ho: str | None = None
    ChuDem: str | None = None
    Ten: str | None = None


class DanToc(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """Ethnic group as QCVN 109 codes it (facts 2.6); sensitive."""

    MaDanToc: str | None = None
    TenGoi: str | None = None


class TonGiao(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """Religion as QCVN 109 codes it (facts 2.6); sensitive."""

    MaTonGiao: str | None = None
    TenGoi: str | None = None


class NgaySinh(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A birth (facts 2.4, 2.6): the year alone, or a date of three known layouts; the observed shape says both."""

    Nam: str | None = None
    NgayThangNam: str | None = None


class DiaChi(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """An address (facts 2.6): three codes in the observed shape, one code of two to five digits in QCVN 109."""

    MaTinhThanh: str | None = None
    MaQuanHuyen: str | None = None
    MaPhuongXa: str | None = None
    MaDonViHanhChinh: str | None = None
    ChiTiet: str | None = None
    QuocGia: str | None = None


class NguoiThan(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A relative (facts 2.6): `HoVaTen` is text in the observed shape, a structure in QCVN 109."""

    SoDinhDanh: str | None = None
    SoCMND: str | None = None
    QuocTich: str | None = None
    HoVaTen: HoTen | str | None = None


class ChuHo(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The head of the household, and what the person is to them (facts 2.6); the code list of `QuanHe` is unknown."""

    QuanHe: str | None = None
    SoDinhDanh: str | None = None
    SoCMND: str | None = None
    QuocTich: str | None = None
    HoVaTen: HoTen | str | None = None


class CongDan(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """One citizen (facts 2.6). Everything is optional: the provider leaves out what the service code has no licence for."""

    SoDinhDanh: str | None = None
    SoCMND: str | None = None
    HoVaTen: HoTen | str | None = None
    GioiTinh: str | None = None
    DanToc: DanToc | str | None = None
    TonGiao: TonGiao | str | None = None
    TinhTrangHonNhan: str | None = None
    NhomMau: str | None = None
    NgayThangNamSinh: NgaySinh | str | None = None
    NoiDangKyKhaiSinh: DiaChi | str | None = None
    QuocTich: str | None = None
    QueQuan: DiaChi | str | None = None
    ThuongTru: DiaChi | str | None = None
    NoiOHienTai: DiaChi | str | None = None
    Cha: NguoiThan | str | None = None
    Me: NguoiThan | str | None = None
    VoChong: NguoiThan | str | None = None
    NguoiDaiDien: NguoiThan | str | None = None
    ChuHo: ChuHo | str | None = None
    SoSoHoKhau: str | None = None


class CongdanCollection(
    _Wire,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"GhiChu": "@GhiChu", "ThoiDiemDuLieu": "@ThoiDiemDuLieu", "SoCongDan": "@SoCongDan", "id": "@id"},
):
    """The answer to every operation but one (facts 2.6); without a `CongDan` it says that nobody fits.

    Its attributes are those of QCVN 109 Phụ lục Đ, and `id` of a stub (S3).
    """

    GhiChu: str | None = None
    ThoiDiemDuLieu: str | None = None
    SoCongDan: str | None = None
    id: str | None = None
    CongDan: tuple[CongDan | str, ...] = ()


class KetQuaXacThuc(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The yes or no of `XacThucThongTinCongDan` (facts 2.6): an xs:boolean, so `1` and `0` as well."""

    TonTai: str


class Loi(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The detail of a fault of the database itself: constructed, no public example exists (facts 6)."""

    MaLoi: str
    MoTa: str | None = None
    MaYeuCau: str | None = None
    ThoiDiem: str | None = None


KNOWN_NAMES: frozenset[str] = frozenset({COLLECTION, VERDICT, "Loi"}).union(
    *(
        kind.__struct_fields__
        for kind in (
            CongDan,
            CongdanCollection,
            HoTen,
            DanToc,
            TonGiao,
            NgaySinh,
            DiaChi,
            NguoiThan,
            ChuHo,
            KetQuaXacThuc,
        )
    )
)
"""Element names that may be said: any other one is a stranger's text."""

_NAMESPACES = {"KetQuaXacThuc": REQUESTS, "Loi": REQUESTS}


def from_tree(tree: object, kind: type[T]) -> T:
    """A message from its tree, an empty element being one without parts; raises `MessageUnreadable`."""
    if tree is None or (isinstance(tree, str) and not tree.strip()):
        tree = {}
    elif isinstance(tree, dict):
        tree = {name: _plain(held) for name, held in tree.items()}
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError:
        # Its text could repeat a value of the message.
        raise MessageUnreadable(f"{kind.__name__} không có hình dạng đã biết.") from None


def to_tree(message: msgspec.Struct) -> Tree:
    """A message as JSON, absent fields left out."""
    tree: Tree = msgspec.json.decode(msgspec.json.encode(message))
    return tree


def encoded(message: msgspec.Struct) -> bytes:
    """A message as an XML document of its own, in the namespace of its kind."""
    name = type(message).__name__
    return "".join(_written(name, to_tree(message), _NAMESPACES.get(name, ANSWERS))).encode()


def _plain(tree: Any) -> Any:
    """A part without attributes: the schemas know them at the root alone, so elsewhere they say nothing to us."""
    if isinstance(tree, list):
        return [_plain(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if "#text" in tree:
        return tree["#text"]
    return {name: _plain(held) for name, held in tree.items() if name[0] != "@"}


def _written(name: str, tree: Any, namespace: str = "") -> list[str]:
    attributes = f" xmlns={quoteattr(namespace)}" if namespace else ""
    if not isinstance(tree, dict):
        return [f"<{name}{attributes}>{escape(tree)}</{name}>"]
    attributes += "".join(f" {key[1:]}={quoteattr(value)}" for key, value in tree.items() if key[0] == "@")
    parts = [f"<{name}{attributes}>"]
    for key, value in tree.items():
        if key[0] != "@":
            for item in value if isinstance(value, list) else (value,):
                parts += _written(key, item)
    return [*parts, f"</{name}>"]
