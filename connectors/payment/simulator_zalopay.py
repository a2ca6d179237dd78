"""The simulated ZaloPay, Order v2: create, callback, redirect, query, refund and query_refund (payment facts 3.7).

Callbacks come on success only. `return_code` of an order that is not there and of a refund beyond the rest: [assumed].
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from connectors.kit.simulation import glance
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, News, Refund, RefundAsked, RefundStanding, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule
from connectors.payment.simulator_wire import VIET_NAM, Refusal
from connectors.payment.simulator_world import Codes, World

_ROOT = "/zalopay/v2"
_WINDOW = timedelta(minutes=15)
_OPTIONAL = (
    *("bank_code", "callback_url", "expire_duration_seconds", "title", "currency", "device_info", "phone", "email"),
    *("address", "sub_app_id"),
)
_DATA, _MAC = "-401", "-402"
_EXISTS, _UNKNOWN, _REFUNDED = "-68", "-49", "-101"
_REFUND = {
    RefundStanding.PROCESSING: 3,
    RefundStanding.SENT: 3,
    RefundStanding.DONE: 1,
    RefundStanding.REJECTED: 2,
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """A request: its fields, and those that the mac is over, in order. `with_key`: the key is the last segment too."""

    required: tuple[str, ...]
    signed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    with_key: bool = False


_CREATE = _Shape(
    ("app_id", "app_user", "app_trans_id", "app_time", "amount", "item", "embed_data", "description", "mac"),
    ("app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"),
    _OPTIONAL,
)
_QUERY = _Shape(("app_id", "app_trans_id", "mac"), ("app_id", "app_trans_id"), with_key=True)
_REFUND_SHAPE = _Shape(
    ("app_id", "m_refund_id", "zp_trans_id", "amount", "timestamp", "description", "mac"),
    ("app_id", "zp_trans_id", "amount", "refund_fee", "description", "timestamp"),
    ("refund_fee",),
)
_QUERY_REFUND = _Shape(("app_id", "m_refund_id", "timestamp", "mac"), ("app_id", "m_refund_id", "timestamp"))
_WORDS = {1: "Giao dịch thành công", 2: "Giao dịch thất bại", 3: "Giao dịch đang xử lý"}


class Zalopay:
    """The house `zalopay`."""

    name = "zalopay"
    title = "ZaloPay"
    payer_path = ""
    blank: Mapping[str, str] = {"app_time": "0", "app_user": "khong-co", "embed_data": "{}", "item": "[]"}
    schedule = Schedule(again_s=(60.0, 60.0, 60.0))
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "-329",
        Codes.FUNDS: "-63",
        Codes.EXPIRED: "-322",
        Codes.SUSPECTED: "-135",
    }
    names = Names(ref="app_trans_id", amount="amount", merchant="app_id", txn="zp_trans_id", success={})

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.zalopay

    def mount(self, app: web.Application) -> None:
        """Add the paths of the API."""
        for path, work in (
            ("create", self._created),
            ("query", self._queried),
            ("refund", self._refunded),
            ("query_refund", self._refund_queried),
        ):
            app.router.add_post(f"{_ROOT}/{path}", self._handler(path, work))

    def opened(self, raw_query: str) -> Charge:
        """Payers of ZaloPay come to `/pay/{token}` only."""
        raise Refusal(_UNKNOWN, "Không tìm thấy đơn hàng")

    # Callback and redirect

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """The callback, a POST of a JSON text in JSON; nothing where nothing was paid."""
        forged = lie is Lie.STATUS_FLIPPED  # A failure has no callback to flip: somebody invents one.
        if news.txn is None and not forged:
            return None
        pairs = self.world.signed_lie(lie, self._fields(news), self.names, news.charge)
        secret = STRANGE_SECRET if forged or lie is Lie.STRANGERS_KEY else self.own.second[0]
        mac = signature_told(lie, wire.hmac_hex("sha256", secret, wire.object_text(pairs)))
        told = after_signing(lie, pairs, self.names)
        text = wire.object_text(told, spaced=lie is Lie.RESERIALISED, escaped=lie is Lie.ESCAPED)
        members: list[tuple[str, object]] = [("data", text), ("type", 1)]
        if mac is not None:
            members.insert(1, ("mac", mac))
        if lie is Lie.HUGE:
            members.append(("note", "x" * 100_000))
        kind = "text/plain" if lie is Lie.WRONG_TYPE else "application/json"
        return Parcel("POST", body=wire.object_text(members).encode(), content_type=kind)

    def back(self, news: News) -> str:
        """The redirect address with its own checksum."""
        charge, txn = news.charge, news.txn
        values = {
            "appid": self.own.merchant,
            "apptransid": charge.ref,
            "pmcid": "38",
            "bankcode": "",
            "amount": str(charge.amount),
            "discountamount": "0",
            "status": "1" if txn else news.code,
        }
        checksum = wire.hmac_hex("sha256", self.own.second[0], "|".join(values.values()))
        if not charge.return_url:
            return ""
        return wire.with_query(charge.return_url, urlencode({**values, "checksum": checksum}))

    def settled(self, status: int, body: bytes) -> bool:
        """1, 2 and -1 end it, 0 asks for another."""
        return wire.answered(status, body, "return_code") in (1, 2, -1)

    def _fields(self, news: News) -> Pairs:
        charge, txn = news.charge, news.txn
        return [
            ("app_id", int(self.own.merchant)),
            ("app_trans_id", charge.ref),
            ("app_time", int(charge.wire["app_time"])),
            ("app_user", charge.wire["app_user"]),
            ("amount", txn.amount if txn else charge.amount),
            ("embed_data", charge.wire["embed_data"]),
            ("item", charge.wire["item"]),
            ("zp_trans_id", int(txn.txn_id) if txn else self.world.books.number()),
            ("server_time", wire.milliseconds(txn.paid_at if txn else news.at)),
            ("channel", 38),
            ("merchant_user_id", "rZ4jB2"),
            ("user_fee_amount", 0),
            ("discount_amount", 0),
        ]

    # The API

    def _handler(self, name: str, work: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            ref = glance(body, "app_trans_id") or glance(body, "m_refund_id")
            form = request.content_type == "application/x-www-form-urlencoded"

            def answered(raw: bytes) -> web.Response:
                try:
                    answer = work(_of_form(raw) if form else wire.read_object(raw, _DATA))
                except Refusal as refused:
                    answer = _said(2, refused.code, refused.message)
                return web.json_response(answer)

            return await self.world.play(request, f"zalopay.{name}", answered, ref)

        return handle

    def _created(self, told: Mapping[str, Any]) -> dict[str, Any]:
        self._checked(told, _CREATE)
        ref = wire.as_text(told, "app_trans_id", _DATA, r"[0-9]{6}_[0-9A-Za-z_]{1,33}")
        amount = wire.as_number(told, "amount", _DATA)
        until = wire.as_number(
            {"expire_duration_seconds": 900} | dict(told), "expire_duration_seconds", _DATA, 300, 2_592_000
        )
        now = self.world.now()
        if abs(wire.as_number(told, "app_time", _DATA) - wire.milliseconds(now)) > _WINDOW / timedelta(milliseconds=1):
            raise Refusal(_DATA, "app_time không hợp lệ")
        if ref[:6] != now.astimezone(VIET_NAM).strftime("%y%m%d"):
            raise Refusal(_DATA, "app_trans_id không bắt đầu bằng ngày hiện tại")
        wire.as_text(told, "app_user", _DATA, r"[!-~]{1,50}")
        embed = _json_text(told, "embed_data", dict)
        _json_text(told, "item", list)
        if self.world.books.find(self.name, ref) is not None:
            raise Refusal(_EXISTS, "Mã giao dịch đã tồn tại")
        charge = Charge(
            provider=self.name,
            ref=ref,
            amount=amount,
            text=wire.as_text(told, "description", _DATA),
            created_at=now,
            expires_at=now + timedelta(seconds=until),
            token=self.world.new_token(),
            return_url=str(embed.get("redirecturl", "")),
            notify_url=str(told.get("callback_url", "")),
            wire={name: str(told[name]) for name in ("app_time", "app_user", "embed_data", "item")},
        )
        self.world.open(charge)
        made = {
            "order_url": self.world.pay_url(charge),
            "zp_trans_token": charge.token[:24],
            "order_token": charge.token,
        }
        return _said(1, "1", _WORDS[1]) | made

    def _queried(self, told: Mapping[str, Any]) -> dict[str, Any]:
        self._checked(told, _QUERY)
        charge = self.world.books.find(self.name, wire.as_text(told, "app_trans_id", _DATA))
        lies = self.world.lies
        if charge is None or lies.tells(Lie.ANSWER_NOT_FOUND, self.name):
            raise Refusal(_UNKNOWN, "Không tìm thấy đơn hàng")
        txn = charge.txns[-1] if charge.txns else None
        code = 1 if charge.standing is Standing.PAID else 3 if charge.live or txn else 2
        amount = txn.amount if txn else charge.amount
        return _said(code, str(code) if code != 2 else charge.code, _WORDS[code]) | {
            "is_processing": charge.standing in (Standing.PROCESSING, Standing.HELD),
            "amount": amount // 2 if lies.tells(Lie.ANSWER_OTHER_AMOUNT, self.name) else amount,
            "zp_trans_id": int(txn.txn_id) if txn else 0,
            "server_time": wire.milliseconds(txn.paid_at if txn else self.world.now()),
            "discount_amount": 0,
        }

    def _refunded(self, told: Mapping[str, Any]) -> dict[str, Any]:
        self._checked(told, _REFUND_SHAPE)
        ref = wire.as_text(told, "m_refund_id", _DATA, rf"[0-9]{{6}}_{self.own.merchant}_[0-9A-Za-z]{{1,28}}")
        amount = wire.as_number(told, "amount", _DATA)
        known = self.world.books.by_refund.get((self.name, ref))
        if known is not None:
            if known[1].amount != amount:
                raise Refusal(_EXISTS, "m_refund_id đã tồn tại với số tiền khác")
            return self._refund_said(known[1])
        charge = self.world.books.by_txn.get((self.name, str(told["zp_trans_id"])))
        if charge is None or charge.standing is not Standing.PAID:
            raise Refusal("-13", "Giao dịch gốc không thành công")
        paid = next(txn.amount for txn in charge.txns if txn.txn_id == str(told["zp_trans_id"]))
        left = paid - charge.refunded(str(told["zp_trans_id"]))
        if amount > left:
            raise Refusal(_REFUNDED if not left else "-13", "Giao dịch đã được hoàn hoặc vượt số tiền còn lại")
        takes, rejected = self.world.refund_takes(self.name)
        asked = RefundAsked(ref, ref, str(told["zp_trans_id"]), amount, "", takes, rejected)
        return self._refund_said(self.world.books.refund(charge, asked))

    def _refund_queried(self, told: Mapping[str, Any]) -> dict[str, Any]:
        self._checked(told, _QUERY_REFUND)
        known = self.world.books.by_refund.get((self.name, str(told["m_refund_id"])))
        if known is None:
            raise Refusal(_UNKNOWN, "Không tìm thấy yêu cầu hoàn tiền")
        return self._refund_said(known[1])

    def _refund_said(self, refund: Refund) -> dict[str, Any]:
        code = _REFUND[refund.standing(self.world.now())]
        return _said(code, str(code), _WORDS[code]) | {"refund_id": int(refund.txn_id)}

    def _checked(self, told: Mapping[str, Any], shape: _Shape) -> None:
        """App, mac and the presence of every field; raises `Refusal`."""
        wire.only(told, (*shape.required, *shape.optional), _DATA)
        missing = next((name for name in shape.required if name not in told), "")
        if missing:
            raise Refusal(_DATA, f"Thiếu {missing}")
        if str(told["app_id"]) != self.own.merchant:
            raise Refusal(_MAC, "app_id không hợp lệ")
        text = "|".join(str(told[name]) for name in shape.signed if name in told)
        for secret in self.own.secrets:
            if wire.same(wire.hmac_hex("sha256", secret, f"{text}|{secret}" if shape.with_key else text), told["mac"]):
                return
        raise Refusal(_MAC, "mac không hợp lệ")


def _said(code: int, sub: str, words: str) -> dict[str, Any]:
    return {"return_code": code, "return_message": words, "sub_return_code": int(sub), "sub_return_message": words}


def _of_form(raw: bytes) -> dict[str, Any]:
    """The fields of a form; numbers as numbers where the JSON form has them."""
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise Refusal(_DATA, "not a form") from error
    told: dict[str, Any] = dict(pairs)
    if len(told) != len(pairs):
        raise Refusal(_DATA, "a field stands twice")
    numbers = ("app_time", "amount", "expire_duration_seconds", "timestamp", "refund_fee")
    for name in numbers:
        if re.fullmatch(r"[0-9]{1,15}", told.get(name, "")):
            told[name] = int(told[name])
    return told


def _json_text(told: Mapping[str, Any], name: str, kind: type) -> Any:
    try:
        value = json.loads(wire.as_text(told, name, _DATA, "(?s).{2,1024}"))
    except ValueError as error:
        raise Refusal(_DATA, f"invalid {name}") from error
    if not isinstance(value, kind):
        raise Refusal(_DATA, f"invalid {name}")
    return value
