"""Wire types of PP, the payment platform of the national portal (protocol 1.0.6), named as the wire names them.

Payment facts 3.1, all from code: two independent public clients that agree on names and on every canonical string; the official
text was not found. Money is đồng without scale: text in INIT, a number in CONFIRM. Times are `yyyyMMddHHmmss` at +07:00.
"""

from __future__ import annotations

import msgspec

from connectors.payment.profiles._bill.messages import ThongTinBienLai as Bill


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type of the wire; its `repr` says no value, since bills name persons."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Init(_Wire, frozen=True, kw_only=True):
    """INIT [code]: puts an attempt before the platform. `MaXacThuc` signs the fourteen fields above the bill."""

    LoaiBanTin: str
    PhienBan: str
    MaDoiTac: str
    MaThamChieu: str
    SoTien: str
    LoaiHinhThanhToan: str
    MaKenhThanhToan: str
    MaThietBi: str
    NgonNgu: str
    MaTienTe: str
    MaNganHang: str
    ThongTinGiaoDich: str
    ThoiGianGD: str
    Ip: str
    ThongTinBienLai: Bill
    MaXacThuc: str = ""


class InitAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The direct answer to INIT [code]: `MaLoi` 00 is good. An LGSP puts its JSON text into the `message` of a wrapper."""

    MaLoi: str
    MoTaLoi: str = ""
    UrlThanhToan: str = ""


class LgspWrapper(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """What an LGSP puts around an answer [code]: `message` is JSON inside a text, `error_code` 0 is good."""

    error_code: str
    message: str = ""


class Confirm(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """CONFIRM [code]: the notice to us. `MaXacThuc` signs the first ten fields; what follows it is outside the signature."""

    LoaiBanTin: str
    MaLoi: str
    MaDoiTac: str
    MaThamChieu: str
    SoTien: int
    MaTienTe: str
    MaGiaoDich: str
    MaNganHang: str
    ThoiGianGD: str
    ThongTinGiaoDich: str
    MaXacThuc: str
    MaHoSo: str = ""
    Token: str = ""
    SoThe: str = ""
    ThangThe: str = ""
    NamThe: str = ""


class Acknowledgement(_Wire, frozen=True, kw_only=True):
    """What CONFIRM is answered with under HTTP 200 [code]: `MaLoi` 00 or 99; clients echo `MaXacThuc`."""

    MaLoi: str
    MoTaLoi: str
    MaDoiTac: str
    MaThamChieu: str
    ThoiGianGD: str
    MaXacThuc: str


class Query(_Wire, frozen=True, kw_only=True):
    """QUERY and GET_BILL [code]. `ThoiGianGD` is the text that stood in INIT."""

    LoaiBanTin: str
    PhienBan: str
    MaDoiTac: str
    MaThamChieu: str
    ThoiGianGD: str
    MaXacThuc: str = ""


class QueryAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to QUERY [code]: the request's words again, and `TrangThaiGD` 1 paid, 3 not known yet, 4 failed.

    `SoTien` as text or number; `MaLoi` where the platform gives one [assumed].
    """

    LoaiBanTin: str
    PhienBan: str
    MaDoiTac: str
    MaThamChieu: str
    ThoiGianGD: str
    SoTien: str
    MaTienTe: str
    MaGiaoDich: str
    MaNganHang: str
    ThongTinGiaoDich: str
    TrangThaiGD: str
    MaLoi: str = ""
    MaXacThuc: str = ""


class BillAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to GET_BILL where it is JSON [code]: the bill as the platform has it; elsewhere it is a PDF."""

    MaDoiTac: str
    MaThamChieu: str
    ThongTinBienLai: Bill
    MaLoi: str = ""
