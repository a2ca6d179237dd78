"""The simulated payment platform of the national portal (PP 1.0.6): INIT, CONFIRM, QUERY, GET_BILL and the portal's pull.

Payment facts 3.1. Codes other than 00, the time in CONFIRM (when it was paid) and the return address are [assumed].
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from connectors.kit.simulation import glance
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_bills import checked_bill, other_beneficiary, pdf_of
from connectors.payment.simulator_books import Charge, News, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule, posted
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Codes, World

_INIT = (
    *("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "SoTien", "LoaiHinhThanhToan", "MaKenhThanhToan"),
    *("MaThietBi", "NgonNgu", "MaTienTe", "MaNganHang", "ThongTinGiaoDich", "ThoiGianGD", "Ip"),
)
_CONFIRM = (
    *("LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich", "MaNganHang"),
    *("ThoiGianGD", "ThongTinGiaoDich"),
)
_QUERY = ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD")
_FIXED = {
    "PhienBan": "1.0.6",
    "LoaiHinhThanhToan": "PAY",
    "NgonNgu": "vi-VN|en-US",
    "MaTienTe": "VND",
    "MaKenhThanhToan": "[0-9]",
    "MaThietBi": "[0-9]",
    "MaNganHang": "[A-Z0-9]{1,20}",
    "MaThamChieu": "[!-~]{1,255}",
    "ThongTinGiaoDich": "(?s).{1,255}",
    "Ip": "[0-9A-Fa-f.:]{3,45}",
}
_SIGNATURE, _PARTNER, _FIELD, _EXISTS, _UNKNOWN = "01", "02", "03", "04", "25"
_STATUS = {Standing.OPEN: "3", Standing.PROCESSING: "3", Standing.HELD: "3", Standing.PAID: "1"}


class Pp:
    """The house `pp`."""

    name = "pp"
    title = "Thanh toán trực tuyến - Cổng Dịch vụ công quốc gia"
    payer_path = ""
    blank: Mapping[str, str] = {"ThongTinGiaoDich": "Thanh toan", "ThoiGianGD": "20260101000000", "bill": "{}"}
    schedule = Schedule(again_s=(30.0, 60.0, 300.0, 900.0, 3600.0))
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "99",
        Codes.FUNDS: "99",
        Codes.EXPIRED: "99",
        Codes.SUSPECTED: "99",
    }
    names = Names(ref="MaThamChieu", amount="SoTien", merchant="MaDoiTac", txn="MaGiaoDich", success={"MaLoi": "00"})

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.pp

    def mount(self, app: web.Application) -> None:
        """Add its addresses; each takes every message, as the word in it says."""
        for path in ("init", "query", "bill"):
            app.router.add_post(f"/pp/{path}", self.serve)

    def opened(self, raw_query: str) -> Charge:
        """Payers of the platform come to `/pay/{token}` only."""
        raise Refusal(_UNKNOWN, "Không tìm thấy giao dịch")

    # CONFIRM and return

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """CONFIRM, a POST in JSON; nothing on expiry (QUERY says it)."""
        if news.txn is None and news.charge.standing is Standing.EXPIRED:
            return None
        pairs = self.world.signed_lie(lie, self._fields(news), self.names, news.charge)
        secret = STRANGE_SECRET if lie is Lie.STRANGERS_KEY else self.own.secrets[0]
        signature = signature_told(lie, self._signature(dict(pairs), _CONFIRM, secret))
        told: list[tuple[str, object]] = list(after_signing(lie, pairs, self.names))
        if signature is not None:
            told.append(("MaXacThuc", signature))
        if news.charge.wire.get("MaHoSo"):
            told.append(("MaHoSo", news.charge.wire["MaHoSo"]))
        return posted(lie, told, "Token")

    def back(self, news: News) -> str:
        """The registered return page, with reference and code."""
        told = {"MaThamChieu": news.charge.ref, "MaLoi": "00" if news.txn else news.code}
        return wire.with_query(self.world.return_url(self.name), urlencode(told))

    def settled(self, status: int, body: bytes) -> bool:
        """`MaLoi` 00 ends it."""
        return wire.answered(status, body, "MaLoi") == "00"

    def _fields(self, news: News) -> Pairs:
        charge, txn = news.charge, news.txn
        held = charge.standing is Standing.HELD
        return [
            ("LoaiBanTin", "CONFIRM"),
            ("MaLoi", "00" if txn and not held else news.code),
            ("MaDoiTac", self.own.merchant),
            ("MaThamChieu", charge.ref),
            ("SoTien", txn.amount if txn else charge.amount),
            ("MaTienTe", "VND"),
            ("MaGiaoDich", txn.txn_id if txn else ""),
            ("MaNganHang", "VIETCOMBANK" if txn else ""),
            ("ThoiGianGD", wire.compact(txn.paid_at if txn else news.at)),
            ("ThongTinGiaoDich", charge.wire["ThongTinGiaoDich"]),
        ]

    # INIT, QUERY, GET_BILL

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One message of the platform."""
        body = await request.read()
        kind, ref = glance(body, "LoaiBanTin").lower(), glance(body, "MaThamChieu")
        operation = f"pp.{kind}" if kind in ("init", "query", "get_bill") else "pp.unreadable"
        authorization = request.headers.get("Authorization", "")

        def work(raw: bytes) -> web.Response:
            try:
                if self.own.bearer and authorization != f"Bearer {self.own.bearer}":
                    return web.Response(status=401)
                return self._answered(wire.read_object(raw, _FIELD))
            except Refusal as refused:
                return self._json({"MaLoi": refused.code, "MoTaLoi": refused.message})

        return await self.world.play(request, operation, work, ref)

    def _answered(self, told: Mapping[str, Any]) -> web.Response:
        kind = wire.as_text(told, "LoaiBanTin", _FIELD, "INIT|QUERY|GET_BILL")
        if told.get("MaDoiTac") != self.own.merchant:
            raise Refusal(_PARTNER, "Mã đối tác không đúng")
        signed = _INIT if kind == "INIT" else _QUERY
        wire.only(told, (*signed, "MaXacThuc", *(("ThongTinBienLai",) if kind == "INIT" else ())), _FIELD)
        expected = (self._signature(told, signed, secret) for secret in self.own.secrets)
        if not any(wire.same(one, told.get("MaXacThuc", "")) for one in expected):
            raise Refusal(_SIGNATURE, "Sai mã xác thực")
        wire.moment(wire.as_text(told, "ThoiGianGD", _FIELD), "ThoiGianGD", _FIELD)
        if kind == "INIT":
            return self._json(self._begun(told))
        charge = self.world.books.find(self.name, str(told.get("MaThamChieu", "")))
        if charge is None or charge.wire["ThoiGianGD"] != told["ThoiGianGD"]:
            raise Refusal(_UNKNOWN, "Không tìm thấy giao dịch")
        if self.world.lies.tells(Lie.ANSWER_NOT_FOUND, self.name):
            raise Refusal(_UNKNOWN, "Không tìm thấy giao dịch")
        return self._json(self._stands(charge, told)) if kind == "QUERY" else self._bill(charge)

    def _begun(self, told: Mapping[str, Any]) -> dict[str, Any]:
        for name, pattern in _FIXED.items():
            wire.as_text(told, name, _FIELD, pattern)
        amount = wire.as_digits(told, "SoTien", _FIELD)
        bill = checked_bill(told.get("ThongTinBienLai"), amount, _FIELD)
        if self.world.books.find(self.name, told["MaThamChieu"]) is not None:
            raise Refusal(_EXISTS, "Mã tham chiếu đã tồn tại")
        if self.world.lies.tells(Lie.OTHER_BENEFICIARY, self.name):
            bill = other_beneficiary(bill)
        charge = self.begin(
            told["MaThamChieu"],
            amount,
            told["ThongTinGiaoDich"],
            {
                "ThongTinGiaoDich": told["ThongTinGiaoDich"],
                "ThoiGianGD": told["ThoiGianGD"],
                "bill": json.dumps(bill, ensure_ascii=False),
            },
        )
        return {"MaLoi": "00", "MoTaLoi": "", "UrlThanhToan": self.world.pay_url(charge)}

    def begin(self, ref: str, amount: int, text: str, told: Mapping[str, str]) -> Charge:
        """Take an order, from INIT or from what the portal pulled; raises `Duplicate`."""
        now = self.world.now()
        until = now + timedelta(seconds=self.world.options.speed.expiry_s)
        return self.world.open(
            Charge(self.name, ref, amount, text, now, until, self.world.new_token(), wire=dict(told))
        )

    def _stands(self, charge: Charge, told: Mapping[str, Any]) -> dict[str, Any]:
        """The request's words again, and what became of it."""
        txn = charge.txns[-1] if charge.txns else None
        amount, lies = txn.amount if txn else charge.amount, self.world.lies
        answer: dict[str, Any] = {name: told[name] for name in _QUERY} | {
            "SoTien": str(amount // 2 if lies.tells(Lie.ANSWER_OTHER_AMOUNT, self.name) else amount),
            "MaTienTe": "VND",
            "MaGiaoDich": txn.txn_id if txn else "",
            "MaNganHang": "VIETCOMBANK" if txn else "",
            "ThongTinGiaoDich": charge.wire["ThongTinGiaoDich"],
            "TrangThaiGD": _STATUS.get(charge.standing, "4"),
            "MaLoi": "00",
        }
        if lies.tells(Lie.ANSWER_OTHER_REF, self.name):
            answer["MaThamChieu"] = "khacla000000a1"
        return answer

    def _bill(self, charge: Charge) -> web.Response:
        bill = json.loads(charge.wire["bill"])
        if charge.standing is not Standing.PAID:
            raise Refusal(_UNKNOWN, "Giao dịch chưa thanh toán")
        if self.world.options.pp_bill == "pdf":
            return web.Response(body=pdf_of(charge.ref, charge.amount), content_type="application/pdf")
        if self.world.lies.tells(Lie.OTHER_BENEFICIARY, self.name):
            bill = other_beneficiary(bill)
        told = {"MaLoi": "00", "MaDoiTac": self.own.merchant, "MaThamChieu": charge.ref, "ThongTinBienLai": bill}
        return self._json(told)

    def _json(self, answer: Mapping[str, Any]) -> web.Response:
        """The answer, in the wrapper of an LGSP where there is one: JSON inside a text."""
        if self.world.lies.tells(Lie.STRANGER_URL, self.name) and "UrlThanhToan" in answer:
            answer = {**answer, "UrlThanhToan": "https://khach-la.example.invalid/pay"}
        if self.world.options.pp_wrapper == "lgsp_string":
            return web.json_response({"error_code": "0", "message": json.dumps(answer, ensure_ascii=False)})
        return web.json_response(answer)

    def _signature(self, told: Mapping[str, Any], names: Sequence[str], secret: str) -> str:
        return wire.sha256_hex("|".join([*(str(told.get(name, "")) for name in names), secret]))
