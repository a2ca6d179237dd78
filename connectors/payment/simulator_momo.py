"""The simulated MoMo, Payment Gateway v2: create, IPN, redirect, query, refund, refund query and confirm (payment facts 3.6).

Answers carry no signature, as in life; every refusal is a `resultCode` with HTTP 200.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from connectors.kit.simulation import glance
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, News, Refund, RefundAsked, RefundStanding, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule, posted
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Codes, World

_ROOT = "/momo/v2/gateway/api"
_LEAST, _MOST = 1_000, 50_000_000
_ID = r"[0-9a-zA-Z]([-_.]*[0-9a-zA-Z]+)*"
_REQUIRED = (
    *("partnerCode", "requestId", "amount", "orderId", "orderInfo", "redirectUrl", "ipnUrl", "requestType"),
    *("extraData", "lang", "signature"),
)
_OPTIONAL = (
    *("partnerName", "storeId", "storeName", "autoCapture", "orderExpireTime", "orderGroupId", "items", "userInfo"),
    *("deliveryInfo", "referenceId", "paymentCode", "accessKey"),
)
_SIGNED_CREATE = (
    *("accessKey", "amount", "extraData", "ipnUrl", "orderId", "orderInfo", "partnerCode", "redirectUrl"),
    *("requestId", "requestType"),
)
_SIGNED_NEWS = (
    *("accessKey", "amount", "extraData", "message", "orderId", "orderInfo", "orderType", "partnerCode"),
    *("payType", "requestId", "responseTime", "resultCode", "transId"),
)
_SIGNED_QUERY = ("accessKey", "orderId", "partnerCode", "requestId")
_SIGNED_REFUND = ("accessKey", "amount", "description", "orderId", "partnerCode", "requestId", "transId")
_ECHOED = ("partnerCode", "orderId", "requestId")
_MESSAGES = {
    "0": "Giao dịch thành công.",
    "1000": "Giao dịch đã được khởi tạo, chờ người dùng xác nhận thanh toán.",
    "7000": "Giao dịch đang được xử lý.",
    "1001": "Giao dịch thanh toán thất bại do tài khoản người dùng không đủ tiền.",
    "1005": "Giao dịch thất bại do url hoặc QR code đã hết hạn.",
    "1006": "Giao dịch bị từ chối bởi người dùng.",
}
_STANDING = {
    Standing.OPEN: "1000",
    Standing.PROCESSING: "7000",
    Standing.PAID: "0",
    Standing.HELD: "7002",
}
_REFUND = {
    RefundStanding.PROCESSING: 7002,
    RefundStanding.SENT: 7002,
    RefundStanding.DONE: 0,
    RefundStanding.REJECTED: 1081,
}


class Momo:
    """The house `momo`."""

    name = "momo"
    title = "Ví MoMo"
    payer_path = ""
    blank: Mapping[str, str] = {"requestId": "khong-co", "extraData": ""}
    schedule = Schedule(again_s=(60.0, 120.0, 300.0, 600.0, 1800.0))
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "1006",
        Codes.FUNDS: "1001",
        Codes.EXPIRED: "1005",
        Codes.SUSPECTED: "7002",
    }
    names = Names(
        ref="orderId",
        amount="amount",
        merchant="partnerCode",
        txn="transId",
        success={"resultCode": 0, "message": _MESSAGES["0"]},
    )

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.momo
        self._answers: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def mount(self, app: web.Application) -> None:
        """Add the paths of the API."""
        for path, work in (
            ("create", self._created),
            ("query", self._queried),
            ("refund", self._refunded),
            ("refund/query", self._refund_queried),
            ("confirm", self._confirmed),
        ):
            app.router.add_post(f"{_ROOT}/{path}", self._handler(path.replace("/", "_"), work))

    def opened(self, raw_query: str) -> Charge:
        """Payers of MoMo come to `/pay/{token}` only."""
        raise Refusal("42", "OrderId không hợp lệ hoặc không được tìm thấy")

    # Notice and redirect

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """The IPN, a POST in JSON."""
        pairs = self.world.signed_lie(lie, self._fields(news), self.names, news.charge)
        secret = STRANGE_SECRET if lie is Lie.STRANGERS_KEY else self.own.secrets[0]
        signature = signature_told(lie, self._signature(dict(pairs), _SIGNED_NEWS, secret))
        told: list[tuple[str, object]] = list(after_signing(lie, pairs, self.names))
        if signature is not None:
            told.append(("signature", signature))
        return posted(lie, told)

    def back(self, news: News) -> str:
        """The redirect address with the fields of the notice."""
        pairs = self._fields(news)
        signature = self._signature(dict(pairs), _SIGNED_NEWS, self.own.secrets[0])
        url = news.charge.return_url
        return wire.with_query(url, urlencode([*pairs, ("signature", signature)]))

    def settled(self, status: int, body: bytes) -> bool:
        """204 without a body, nothing else."""
        return status == 204 and not body

    def _fields(self, news: News) -> Pairs:
        charge, txn = news.charge, news.txn
        held = charge.standing is Standing.HELD
        code = charge.code if held else "0" if txn else news.code
        return [
            ("partnerCode", self.own.merchant),
            ("orderId", charge.ref),
            ("requestId", charge.wire["requestId"]),
            ("amount", txn.amount if txn else charge.amount),
            ("orderInfo", charge.text),
            ("orderType", "momo_wallet"),
            ("transId", int(txn.txn_id) if txn else self.world.books.number()),
            ("resultCode", int(code)),
            ("message", _message(code)),
            ("payType", "qr"),
            ("responseTime", wire.milliseconds(txn.paid_at if txn else news.at)),
            ("extraData", charge.wire["extraData"]),
        ]

    # The API

    def _handler(self, name: str, work: Callable[[Mapping[str, Any], bytes], dict[str, Any]]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()

            def answered(raw: bytes) -> web.Response:
                try:
                    told = wire.read_object(raw, "20")
                    answer = work(told, raw)
                except Refusal as refused:
                    told_back = {name: glance(raw, name) for name in _ECHOED}
                    answer = told_back | {"resultCode": int(refused.code), "message": refused.message}
                answer["responseTime"] = wire.milliseconds(self.world.now())
                return web.json_response(answer)

            ref = glance(body, "orderId")
            return await self.world.play(request, f"momo.{name}", answered, ref)

        return handle

    def _created(self, told: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
        self._checked(told, _REQUIRED, _OPTIONAL, _SIGNED_CREATE)
        known = self._answers.get(told["requestId"])
        if known is not None:
            if known[0] != raw:
                raise Refusal("40", "RequestId bị trùng")
            return dict(known[1])
        amount = wire.as_number(told, "amount", "21")
        if not _LEAST <= amount <= _MOST:
            raise Refusal("22", "Số tiền giao dịch không hợp lệ")
        until = _create_request(told)
        if self.world.books.find(self.name, told["orderId"]) is not None:
            raise Refusal("41", "OrderId bị trùng")
        now = self.world.now()
        charge = Charge(
            provider=self.name,
            ref=told["orderId"],
            amount=amount,
            text=told["orderInfo"],
            created_at=now,
            expires_at=now + until,
            token=self.world.new_token(),
            return_url=told["redirectUrl"],
            notify_url=told["ipnUrl"],
            wire={"requestId": told["requestId"], "extraData": told["extraData"]},
        )
        address = self.world.pay_url(charge)
        answer = _echo(told) | {"amount": amount, "resultCode": 0, "message": "Thành công."}
        answer |= {"payUrl": address, "deeplink": f"momo://app?action=pay&t={charge.token}", "qrCodeUrl": address}
        self._answers[told["requestId"]] = (raw, answer)
        self.world.open(charge)
        return dict(answer)

    def _queried(self, told: Mapping[str, Any], _raw: bytes) -> dict[str, Any]:
        self._checked(told, ("partnerCode", "requestId", "orderId", "lang", "signature"), (), _SIGNED_QUERY)
        charge = self.world.books.find(self.name, told["orderId"])
        lies = self.world.lies
        if charge is None or lies.tells(Lie.ANSWER_NOT_FOUND, self.name):
            raise Refusal("42", "OrderId không hợp lệ hoặc không được tìm thấy")
        code = _STANDING.get(charge.standing, charge.code)
        txn = charge.txns[-1] if charge.txns else None
        answer = _echo(told) | {
            "extraData": charge.wire["extraData"],
            "amount": txn.amount if txn else charge.amount,
            "transId": int(txn.txn_id) if txn else 0,
            "payType": "qr" if txn else "",
            "resultCode": int(code),
            "refundTrans": [self._refund_shown(one) for one in charge.refunds],
            "message": _message(code),
            "lastUpdated": wire.milliseconds(charge.changed_at or charge.created_at),
        }
        if lies.tells(Lie.ANSWER_OTHER_REF, self.name):
            answer["orderId"] = "khacla000000a1"
        if lies.tells(Lie.ANSWER_OTHER_AMOUNT, self.name):
            answer["amount"] = int(answer["amount"]) // 2
        return answer

    def _refunded(self, told: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
        required = ("partnerCode", "orderId", "requestId", "amount", "transId", "lang", "description", "signature")
        self._checked(told, required, (), _SIGNED_REFUND)
        amount = wire.as_number(told, "amount", "21", 1, _MOST)
        txn_id = str(wire.as_number(told, "transId", "20"))
        known = self._answers.get(told["requestId"])
        if known is not None:
            if known[0] != raw:
                raise Refusal("40", "RequestId bị trùng")
            return dict(known[1])
        charge = self.world.books.by_txn.get((self.name, txn_id))
        if charge is None or charge.standing is not Standing.PAID:
            raise Refusal("1088", "Giao dịch không đủ điều kiện hoàn tiền")
        key = (self.name, told["orderId"])
        if key in self.world.books.charges or key in self.world.books.by_refund:
            raise Refusal("41", "OrderId bị trùng")
        paid = next(txn.amount for txn in charge.txns if txn.txn_id == txn_id)
        if amount > paid - charge.refunded(txn_id):
            raise Refusal("1081", "Giao dịch hoàn tiền bị từ chối: vượt quá số tiền còn lại")
        takes, rejected = self.world.refund_takes(self.name)
        asked = RefundAsked(told["orderId"], told["requestId"], txn_id, amount, "", takes, rejected)
        refund = self.world.books.refund(charge, asked)
        code = _REFUND[refund.standing(self.world.now())]
        answer = _echo(told) | {"amount": amount, "transId": int(refund.txn_id)}
        answer |= {"resultCode": code, "message": _message(str(code))}
        self._answers[told["requestId"]] = (raw, answer)
        return dict(answer)

    def _refund_queried(self, told: Mapping[str, Any], _raw: bytes) -> dict[str, Any]:
        self._checked(told, ("partnerCode", "orderId", "requestId", "lang", "signature"), (), _SIGNED_QUERY)
        found = self.world.books.by_refund.get((self.name, told["orderId"]))
        if found is None:
            raise Refusal("42", "OrderId không hợp lệ hoặc không được tìm thấy")
        shown = self._refund_shown(found[1])
        code = shown["resultCode"]
        return _echo(told) | {"refundTrans": [shown], "resultCode": code, "message": _message(str(code))}

    def _confirmed(self, told: Mapping[str, Any], _raw: bytes) -> dict[str, Any]:
        """Payments are taken at once here, so there is nothing to capture or to let go."""
        raise Refusal(
            "1080" if told.get("requestType") == "cancel" else "43", "Giao dịch một bước, không có gì để xác nhận"
        )

    def _refund_shown(self, refund: Refund) -> dict[str, Any]:
        return {
            "orderId": refund.refund_ref,
            "amount": refund.amount,
            "resultCode": _REFUND[refund.standing(self.world.now())],
            "transId": int(refund.txn_id),
            "createdTime": wire.milliseconds(refund.asked_at),
        }

    def _checked(
        self, told: Mapping[str, Any], required: Sequence[str], optional: Sequence[str], signed: Sequence[str]
    ) -> None:
        """Merchant, signature and the presence of every field; raises `Refusal`."""
        wire.only(told, (*required, *optional), "20")
        if told.get("partnerCode") != self.own.merchant:
            raise Refusal("11", "Truy cập bị từ chối")
        missing = next((name for name in required if name not in told), "")
        if missing:
            raise Refusal("20", f"Thiếu {missing}")
        expected = (self._signature(told, signed, secret) for secret in self.own.secrets)
        if not any(wire.same(one, told["signature"]) for one in expected):
            raise Refusal("13", "Xác thực doanh nghiệp thất bại")
        for name in ("requestId", "orderId"):
            wire.as_text(told, name, "20", rf"(?=.{{1,50}}$){_ID}" if name == "orderId" else r"[!-~]{1,50}")

    def _signature(self, told: Mapping[str, Any], names: Sequence[str], secret: str) -> str:
        values = dict(told) | {"accessKey": self.own.access}
        return wire.hmac_hex("sha256", secret, "&".join(f"{name}={values.get(name, '')}" for name in names))


def _create_request(told: Mapping[str, Any]) -> timedelta:
    """Words of an order; how long it lives. Raises `Refusal`."""
    wire.as_text(told, "orderInfo", "20")
    wire.as_text(told, "requestType", "20", "captureWallet|payWithATM|payWithCC|payWithMethod")
    wire.as_text(told, "lang", "20", "vi|en")
    for name in ("redirectUrl", "ipnUrl"):
        url = urlsplit(wire.as_text(told, name, "20", r"[!-~]{10,2048}"))
        if url.scheme not in ("http", "https") or not url.netloc:
            raise Refusal("20", f"invalid {name}")
    extra = told["extraData"]
    try:
        json.loads(base64.b64decode(extra, validate=True) if extra else "{}")
    except (TypeError, ValueError, binascii.Error) as error:
        raise Refusal("20", "invalid extraData") from error
    return timedelta(minutes=wire.as_number({"orderExpireTime": 100} | dict(told), "orderExpireTime", "20", 1, 100_000))


def _echo(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in _ECHOED}


def _message(code: str) -> str:
    return _MESSAGES.get(code, "Giao dịch không thành công." if code.startswith("1") else "Giao dịch đang được xử lý.")
