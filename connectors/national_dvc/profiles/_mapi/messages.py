"""Wire types that every mapi generation shares: parts named as the portal names them, and readers of its answers.

Source: national-portal facts 1.4 (conventions), 1.6 (envelope quirks), 2.2 (procedure), 2.6 and 2.7 (dossier, rows).
Everything is a string on this wire; an unknown optional scalar is "" and an unknown list is [].
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.kit.errors import AnswerUnreadable

LOGIN = "login"
SYNC_DOSSIER = "DongBoHoSoMC"
APPEND_ROWS = "CapNhatTienDoHoSoMC"
LOOK_UP_DOSSIER = "TraCuuHoSo"
READ_PROCEDURE = "LayThuTuc"

STAMP = r"^\d{14}$"
"""The grammar of every date on this wire: yyyyMMddHHmmss, Viet Nam time, no zone (facts 1.4)."""

MAX_ROWS = 10
"""Progress rows in one call (facts 1.4: chunks of 10)."""

MAX_SUMMARY = 1_000
MAX_OFFICER = 50
MAX_FILE_NAME = 4_000
MAX_RESULT_NAME = 2_000


@dataclass(frozen=True, slots=True)
class TaiLieuNop:
    """A submitted file, by link only (facts 2.6.1)."""

    TepDinhKemId: str
    TenTepDinhKem: str
    MaThanhPhanHoSo: str
    DuongDanTaiTepTin: str
    IsDeleted: str = "False"
    DuocSoHoa: str = "1"
    DuocTaiSuDung: str = "0"
    DuocLayTuKhoDMQG: str = "0"
    MaKetQuaThayThe: str = ""


@dataclass(frozen=True, slots=True)
class LePhi:
    """A fee; `Gia` is a whole number of đồng as text, "0" means free (facts 2.6.2)."""

    TenPhiLePhi: str
    MaPhiLePhi: str
    HinhThucThu: str
    Gia: str
    LoaiPhiLePhi: str


@dataclass(frozen=True, slots=True)
class DinhDanh:
    """An identity of the dossier owner: kind "1" has 12 digits, kind "2" has 9 (facts 2.6)."""

    LoaiDinhDanh: str
    SoDinhDanh: str


@dataclass(frozen=True, slots=True)
class CoSoDuLieu:
    """A database that the handling was connected to; the code list is unknown (facts U10)."""

    MaCSDL: str


@dataclass(frozen=True, slots=True)
class GiayToKetQua:
    """A result by link (facts 2.6.4); only a file whose signature was judged may ever stand here."""

    TenGiayTo: str
    MaThanhPhanHoSo: str
    GiayToId: str
    DuongDanTepTinKetQua: str
    MaGiayToKetQua: str


@dataclass(frozen=True, slots=True)
class DongTienDo:
    """One append-only progress row of `CapNhatTienDoHoSoMC` (facts 2.7)."""

    MaHoSo: str
    NguoiXuLy: str
    ThoiDiemXuLy: str
    NoiDungXuLy: str
    TrangThai: str
    ChucDanh: str = ""
    PhongBanXuLy: str = ""
    NgayBatDau: str = ""
    NgayKetThucTheoQuyDinh: str = ""


PERSONAL = frozenset(
    {
        *("ChuHoSo", "SoGiayToChuHoSo", "MaDoiTuong", "SoDinhDanh", "Email", "Fax", "SoDienThoai"),
        *("TrichYeuHoSo", "ThongTinKhac", "GhiChu", "NguoiXuLy", "NoiDungXuLy"),
    }
)
"""Fields that hold, or may hold, personal data: what the portal repeats of them is not shown to operators."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed envelope. `code` is the number as text ("0" is success), or a word; "" for a plain-text answer."""

    code: str
    message: str
    result: tuple[dict[str, Any], ...] = ()
    session: str = ""

    @property
    def plain(self) -> bool:
        """Whether the answer was a sentence instead of an envelope."""
        return self.code == ""


def read_answer(body: bytes, *, plain_allowed: bool = False) -> Answer:
    """The envelope in `body`; raises `AnswerUnreadable` for anything that is none.

    A code may be a number or a string, "00" is 0; a relay may wrap the whole answer as a string in `message`.
    Progress answers may be a plain sentence (facts 1.6); markup is never one.
    """
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if plain_allowed:
            return _plain(body)
        raise AnswerUnreadable() from None
    if isinstance(tree, str) and plain_allowed:
        return _plain(tree.encode())
    if not isinstance(tree, dict):
        raise AnswerUnreadable()
    if "error_code" not in tree and isinstance(tree.get("message"), str):
        return _unwrapped(tree["message"])
    if _is_blank(tree.get("error_code")):
        raise AnswerUnreadable()
    return Answer(
        code=normal_code(tree["error_code"]),
        message=_text(tree.get("message")),
        result=_rows(tree.get("result")),
        session=_text(tree.get("session")),
    )


def normal_code(raw: object) -> str:
    """The code without its spelling: 0, "0" and "00" are "0", "-3" and -3 are "-3", a word stays a word."""
    text = str(raw).strip()
    return str(int(text)) if re.fullmatch(r"-?\d{1,18}", text) else text


def _is_blank(raw: object) -> bool:
    return raw is None or isinstance(raw, bool | list | dict) or not str(raw).strip()


def _text(raw: object) -> str:
    return "" if raw is None else unicodedata.normalize("NFC", str(raw)).strip()


def _rows(raw: object) -> tuple[dict[str, Any], ...]:
    return tuple(row for row in raw if isinstance(row, dict)) if isinstance(raw, list) else ()


def _unwrapped(message: str) -> Answer:
    try:
        inner = msgspec.json.decode(message)
    except msgspec.DecodeError:
        raise AnswerUnreadable() from None
    if not isinstance(inner, dict) or "error_code" not in inner:
        raise AnswerUnreadable()
    return read_answer(message.encode())


def _plain(body: bytes) -> Answer:
    try:
        text = _text(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise AnswerUnreadable() from None
    if not text or "<" in text or "\x00" in text:
        raise AnswerUnreadable()
    return Answer(code="", message=text)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a procedure may take by one channel; `unit` as the catalogue says it, trimmed."""

    channel: str
    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class ListedFee:
    """A fee of the catalogue; `amount` in đồng, None where the catalogue gives no figure."""

    channel: str
    kind: str
    amount: int | None


@dataclass(frozen=True, slots=True)
class ThuTuc:
    """A procedure as `LayThuTuc` describes it (facts 2.2), freed of the catalogue's quirks."""

    code: str
    name: str
    field_code: str = ""
    field_name: str = ""
    result_code: str = ""
    public: bool = True
    durations: tuple[Duration, ...] = ()
    fees: tuple[ListedFee, ...] = ()


def read_procedure(row: dict[str, Any]) -> ThuTuc:
    """The procedure in `result[0]` of `LayThuTuc`; fields that are absent stay empty."""
    field = _first(row, "LINHVUCTHUCHIEN")
    spans = [
        (_text(way.get("KENH")), span)
        for way in _rows(row.get("CACHTHUCTHUCHIEN"))
        for span in _rows(way.get("THOIGIAN"))
    ]
    return ThuTuc(
        code=_text(row.get("MATTHC")),
        name=_text(row.get("TENTTHC")),
        field_code=_text(field.get("MALINHVUC")),
        field_name=_text(field.get("TENLINHVUC")),
        result_code=_text(_first(row, "KETQUATHUCHIEN").get("MAKETQUA")),
        public=_text(row.get("TRANGTHAI") if "TRANGTHAI" in row else "1") == "1",
        durations=tuple(
            Duration(channel, amount, _text(span.get("DONVITINH")))
            for channel, span in spans
            if (amount := read_amount(span.get("THOIGIANGIAIQUYET"))) is not None
        ),
        fees=tuple(
            ListedFee(channel, _text(fee.get("MAPHILEPHI")).rstrip("'"), read_amount(fee.get("SOTIEN")))
            for channel, span in spans
            for fee in _rows(span.get("PHILEPHI"))
        ),
    )


def read_amount(raw: object) -> int | None:
    """A whole number from the catalogue: "1.200.000" is 1200000, "Không" is 0, "" and prose are None."""
    text = _text(raw)
    if text.casefold() == "không":
        return 0
    digits = text.replace(".", "").replace(" ", "")
    return int(digits) if re.fullmatch(r"\d{1,15}", digits) else None


def _first(row: dict[str, Any], key: str) -> dict[str, Any]:
    rows = _rows(row.get(key))
    return rows[0] if rows else {}
