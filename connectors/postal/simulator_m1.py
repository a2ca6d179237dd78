"""The simulated donhang.vnpost.vn: token, order, cancel, question, prices and signed notices (postal facts 4)."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.kit.faults import Fault, FaultKind
from connectors.kit.simulation import glance, json_answer
from connectors.postal import simulator_wire as wire
from connectors.postal.simulator_lies import OF_NOTICES, Lie
from connectors.postal.simulator_m1_parcel import answered, told
from connectors.postal.simulator_options import PUSH_CODES
from connectors.postal.simulator_parcels import Event, Happening, Parcel, Script
from connectors.postal.simulator_push import Letter, Pusher, Sent
from connectors.postal.simulator_tokens import SimulatedTokens
from connectors.postal.simulator_wire import Refusal
from connectors.postal.simulator_world import World

BASE: Final = "/m1/api/api"
_SERVICES = ("EMS", "BK", "ECOD", "DONG_GIA", "TMDT_EMS", "TMDT_BK", "TMDT_EMS_TK")
_PLACES = ("ProvinceId", "DistrictId", "WardId")
_FLAGS = ("IsPackageViewable", "IsReceiverPayFreight")
_WISHES = ("UseBaoPhat", "UseHoaDon", "UseNhanTinSmsNguoiNhanTruocPhat", "UseNhanTinSmsNguoiNhanSauPhat")
_SIZES = ("WidthEvaluation", "LengthEvaluation", "HeightEvaluation")
_CREATE = (
    *(f"{side}{name}" for side in ("Sender", "Receiver") for name in ("Fullname", "Tel", "Address", *_PLACES)),
    *("ReceiverAddressType", "ServiceName", "OrderCode", "PackageContent", "WeightEvaluation", *_SIZES),
    *("CodAmountEvaluation", "OrderAmountEvaluation", *_FLAGS, "PickupType", "CustomerNote", *_WISHES),
    *("CustomerCode", "PickupPoscode"),
)
_PRICES = {"BK": ("Bưu kiện", 19_500), "EMS": ("Chuyển phát nhanh EMS", 31_500)}
_MOST_LISTED = 500
_LONG_AGO = timedelta(days=2)

Work = Callable[[web.Request, bytes, Fault | None], web.Response]


class M1:
    """The house `m1`."""

    name = "m1"

    def __init__(self, world: World, key: rsa.RSAPrivateKey | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.world = world
        self.own = world.options.m1
        self.tokens = SimulatedTokens(world.wall, world.new_token, self.own.token_ttl_s)
        self.pusher = Pusher(world.wall, [pause * world.options.pace for pause in self.own.again_s], tls)
        self._key = key
        self._strange: rsa.RSAPrivateKey | None = None

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """What notices are signed with; made when it is first needed."""
        if self._key is None:
            self._key = wire.new_key()
        return self._key

    def codes(self) -> Mapping[Happening, int]:
        """`OrderStatusId` by what happens."""
        chosen = {**PUSH_CODES, **self.own.codes}
        return {happening: code for happening, code in chosen.items() if code}

    def mount(self, app: web.Application) -> None:
        """Add the paths of the API."""
        paths: tuple[tuple[str, str, Work], ...] = (
            ("CustomerConnect/CreateOrder", "order", self._created),
            ("doitac/createorder", "order", self._created),
            ("order/createOrder", "order", self._created),
            ("CustomerConnect/CancelOrder", "cancel", self._cancelled),
            ("Order/CancelOrder", "cancel", self._cancelled),
            ("Order/GetListOrderByManagerWithCustomCode", "find", self._found),
            ("CustomerConnect/TinhCuocTatCaDichVu", "price", self._priced),
            ("DoiTac/TinhCuocTatCaDichVu", "price", self._priced),
            ("TinhCuoc/TinhTatCaCuoc", "price", self._priced),
        )
        app.router.add_post(f"{BASE}/MobileAuthentication/GetAccessToken", self.token)
        for path, name, work in paths:
            app.router.add_post(f"{BASE}/{path}", self._handler(name, work))

    def forget(self) -> None:
        """Lose the notices."""
        self.pusher.forget()

    async def settled(self) -> None:
        """Wait until nothing more will be tried of any notice."""
        await self.pusher.ended(self.pusher.waiting())

    async def close(self) -> None:
        """Stop for good."""
        await self.pusher.close()

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The token endpoint: 200 with `IsSuccess`, whatever was shown."""

        def work(body: bytes, _fault: Fault | None) -> web.Response:
            try:
                shown = wire.read_object(body)
                wire.only(shown, ("TenDangNhap", "MatKhau"))
            except Refusal as refusal:
                return _no(refusal.message, 400)
            if (shown.get("TenDangNhap"), shown.get("MatKhau")) != (self.own.user, self.own.password):
                self.tokens.refused += 1
                return _no("Tên đăng nhập hoặc mật khẩu không đúng")
            payload = {"Email": None, "SoDienThoai": None, "MaCRM": self.own.customer, "MaTinhThanh": "10"}
            return json_answer({"IsSuccess": True, "Token": self.tokens.issue(), "Payload": payload})

        return await self.world.play(request, "m1.token", work)

    # Notices

    def tell(self, parcel: Parcel, event: Event, _at: datetime) -> bool:
        """Push it."""
        code = self.codes().get(event.happening)
        if code is None:
            return False
        self.push(told(parcel, event, code), self.world.lies.one_of(OF_NOTICES, self.name))
        return True

    def stray(self, number: str, event: Event, _at: datetime) -> None:
        """A notice about an order that nobody gave us."""
        parcel = Parcel(self.name, number, _guid(self.world.new_token()), event.at, Script(), history=[event])
        parcel.wire = {"CustomerCode": self.own.customer}
        self.push(told(parcel, event, self.codes().get(event.happening, 0)))

    def push(self, data: Mapping[str, object], lie: Lie | None = None) -> Sent:
        """Send a notice of these members, or a lie about them."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        body = self._signed(text, lie)
        code = data.get("OrderStatusId")
        about = (str(data.get("OrderCode") or ""), code if isinstance(code, int) else 0)
        return self.pusher.send(Letter(*about, lie or "", self._notify_url(), body))

    def told_again(self, number: str, lie: Lie | None) -> Sent | None:
        """The last that there is to say of an order, once more or as a lie; None where there is nothing."""
        parcel = self.world.books.find(self.name, number)
        event = self._last(parcel) if parcel is not None else None
        if parcel is None or event is None:
            return None
        return self.push(told(parcel, event, self.codes()[event.happening]), lie)

    def _signed(self, data: str, lie: Lie | None) -> bytes:
        """The three members, with the lies that stand in what is signed and those that stand outside."""
        sent_at = self.world.wall() - (_LONG_AGO if lie is Lie.OLD_DATE else timedelta())
        date = wire.plain(sent_at)
        signature = wire.signed(self._stranger() if lie is Lie.STRANGERS_KEY else self.key, data + date)
        match lie:
            case Lie.CHANGED_DATA:
                data = re.sub(r'("OrderStatusId":)\d+', r"\g<1>100", data).replace(
                    '"IsReturn":false', '"IsReturn":true'
                )
            case Lie.CHANGED_DATE:
                date = wire.plain(sent_at + timedelta(seconds=1))
            case Lie.RESERIALISED:
                data = json.dumps(json.loads(data), ensure_ascii=False)
            case Lie.SHORT_SIGNATURE:
                signature = signature[:-4]
            case Lie.MALFORMED:
                return b'{"Data":' + data.encode()
            case _:
                pass
        members: dict[str, object] = {"Data": data, "SendDate": date, "SignData": signature}
        if lie is Lie.NO_SIGNATURE:
            del members["SignData"]
        if lie is Lie.HUGE:
            members["Note"] = "x" * 2_000_000
        return json.dumps(members, ensure_ascii=False).encode()

    def _stranger(self) -> rsa.RSAPrivateKey:
        if self._strange is None:
            self._strange = wire.new_key()
        return self._strange

    def _notify_url(self) -> str:
        upstream = self.world.options.upstream
        return self.own.notify_url or f"{self.world.gateway_url}/v1/callbacks/{upstream}/m1"

    # Calls

    def _handler(self, name: str, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            ref = glance(await request.read(), "OrderCode")

            def answer(body: bytes, fault: Fault | None) -> web.Response:
                if fault is not None and fault.kind is FaultKind.EXPIRED_SESSION:
                    self.tokens.expire()
                token = request.headers.get("h-token", "")
                if token != self.own.token and not self.tokens.lives(token):
                    return json_answer({"Message": "Authorization has been denied for this request."}, 401)
                try:
                    return work(request, body, fault)
                except Refusal as refusal:
                    return _no(refusal.message, refusal.status)

            return await self.world.play(request, f"m1.{name}", answer, ref)

        return handle

    def _created(self, request: web.Request, body: bytes, fault: Fault | None) -> web.Response:
        shown = wire.read_object(body)
        number = _checked(shown, self.own.number_pattern)
        customer = shown.get("CustomerCode") or self.own.customer
        if request.path.endswith("doitac/createorder") and "CustomerCode" not in shown:
            raise Refusal(400, 400, "Thiếu CustomerCode")
        if customer != self.own.customer:
            raise Refusal(200, 403, "CustomerCode không đúng")
        existing = self.world.books.find(self.name, number)
        if self.own.numbers_unique and existing is not None:
            return _no("Mã đơn hàng đã tồn tại")
        script = self.world.script_for(self.name, number)
        if script.refuse:
            self.world.refusals += 1
            return _no(script.refuse)
        parcel = Parcel(
            house=self.name,
            number=number,
            parcel_id=_guid(self.world.new_token()),
            created_at=self.world.clock.now(),
            script=script,
            cod_due=wire.optional_number(shown, "CodAmountEvaluation", 10**10),
            wire={**shown, "CustomerCode": customer, "freight": _PRICES["EMS"][1]},
            item_code=self.world.books.item_code(),
        )
        self.world.take(parcel)
        if fault is not None and fault.kind is FaultKind.DUPLICATE:
            return _no("Mã đơn hàng đã tồn tại")
        if self.world.lies.tells(Lie.EMPTY_ANSWER, self.name):
            return web.Response(status=200)
        return json_answer(self._shown(parcel))

    def _cancelled(self, request: web.Request, body: bytes, _fault: Fault | None) -> web.Response:
        wanted = request.query.get("orderId")
        if wanted is None:
            shown = wire.read_object(body)
            wire.only(shown, ("OrderId",))
            wanted = wire.as_text(shown, "OrderId")
        parcel = next((one for one in self.world.books if one.house == self.name and one.parcel_id == wanted), None)
        if parcel is None:
            return _no("Không tìm thấy đơn hàng", 404)
        match self.world.cancel(parcel):
            case "cancelled":
                return web.Response(status=204)
            case "requested":
                return json_answer({"IsSuccess": True, "Message": "", "OrderStatusId": 61})
            case "too_late":
                said = {"IsSuccess": False, "IsCancelable": False, "Message": "Bưu gửi đã được thu gom"}
                return json_answer(said)
            case _:
                return _no("Không được hủy đơn hàng này")

    def _found(self, _request: web.Request, body: bytes, _fault: Fault | None) -> web.Response:
        """Every parcel of ours whose item code or order code is named."""
        shown = wire.read_object(body)
        wire.only(shown, ("PageSize", "ListItemCode"))
        most, named = wire.as_number(shown, "PageSize", 1, _MOST_LISTED), shown.get("ListItemCode")
        if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
            raise Refusal(400, 400, "ListItemCode không hợp lệ")
        wanted = {one for one in named if one}
        found = [
            one for one in self.world.books if one.house == self.name and wanted & {one.number, one.item_code} - {""}
        ]
        if found and self.world.lies.tells(Lie.NOT_FOUND, self.name):
            found = []
        return json_answer([self._shown(one) for one in found[:most]])

    def _priced(self, _request: web.Request, body: bytes, _fault: Fault | None) -> web.Response:
        shown = wire.read_object(body)
        for side in ("Sender", "Receiver"):
            wire.as_text(shown, f"{side}ProvinceId", r"[0-9]{1,5}")
        weight = wire.as_number(shown, "Weight", 1, 30_000)
        more = 1_500 * ((weight - 1) // 500)
        return json_answer(
            [
                {"MaDichVu": code, "TenDichVu": title, "TongCuocSauVAT": float(price + more)}
                for code, (title, price) in _PRICES.items()
            ]
        )

    def _shown(self, parcel: Parcel) -> dict[str, object]:
        event = self._last(parcel) or parcel.history[0]
        return answered(parcel, event, self.codes().get(event.happening, 0))

    def _last(self, parcel: Parcel) -> Event | None:
        """The newest event that donhang has a code for."""
        codes = self.codes()
        return next((one for one in reversed(parcel.history) if one.happening in codes), None)


def _checked(shown: Mapping[str, Any], pattern: str) -> str:
    """The order code of a good order; raises `Refusal` for any other."""
    wire.only(shown, _CREATE)
    for side in ("Sender", "Receiver"):
        for name in ("Fullname", "Address"):
            wire.as_text(shown, f"{side}{name}")
        wire.as_text(shown, f"{side}Tel", r"[0-9+ .()-]{8,50}")
        for name in _PLACES:
            wire.as_text(shown, f"{side}{name}", r"[0-9A-Za-z]{1,10}")
    if shown.get("ReceiverAddressType") not in (None, 1, 2):
        raise Refusal(400, 400, "ReceiverAddressType không hợp lệ")
    if shown.get("ServiceName") not in _SERVICES:
        raise Refusal(400, 400, "ServiceName không hợp lệ")
    wire.as_number(shown, "PickupType", 1, 2)
    wire.as_number(shown, "WeightEvaluation", 1, 30_000)
    for name in ("CodAmountEvaluation", "OrderAmountEvaluation", *_SIZES):
        wire.optional_number(shown, name)
    for name in (*_FLAGS, *_WISHES):
        if not isinstance(shown.get(name, False), bool):
            raise Refusal(400, 400, f"{name} không hợp lệ")
    for name in ("PackageContent", "CustomerNote", "PickupPoscode", "CustomerCode"):
        wire.optional_text(shown, name)
    return wire.as_text(shown, "OrderCode", pattern)


def _no(message: str, status: int = 200) -> web.Response:
    return json_answer({"IsSuccess": False, "Message": message}, status)


def _guid(token: str) -> str:
    hexed = token.ljust(32, "0")[:32]
    return "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
