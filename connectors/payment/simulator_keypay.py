"""The simulated KeyPay v3: create, pay-later create, callback, detail, refund and refund detail (payment facts 3.2).

The callback's signature does not cover its status, as in life. Shapes of answers to detail and refund, the status words other
than 0 and 1, and error numbers are [assumed].
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from connectors.kit.simulation import glance
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_bills import checked_bill
from connectors.payment.simulator_books import Charge, News, Refund, RefundAsked, RefundStanding, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule, posted
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Codes, World

_ORDER = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
_DETAIL = ("client_id", "command", "transaction_id")
_REFUND = ("amount", "client_id", "command", "reason", "transaction_id")
_REFUND_DETAIL = ("client_id", "command", "transaction_refund_code")
_CREATE = (
    *_ORDER,
    *("description", "locale", "country_code", "currency_code", "environment", "bill_info", "return_url"),
)
_WORDS = {
    "command": "[A-Z_]{1,20}",
    "version": r"3\.0",
    "transaction_id": r"[!-~]{1,20}",
    "description": "(?s).{1,255}",
    "locale": "vn|en",
    "country_code": "vi",
    "currency_code": "VND",
    "environment": "[12]",
    "return_url": r"https?://[!-~]{4,1000}",
}
_FIELD, _SIGNATURE, _EXISTS, _UNKNOWN, _REST = "1", "2", "3", "4", "5"
_STATUS = {Standing.PAID: "0", Standing.FAILED: "2", Standing.EXPIRED: "3"}
_REFUND_STATUS = {
    RefundStanding.PROCESSING: "1",
    RefundStanding.SENT: "1",
    RefundStanding.DONE: "0",
    RefundStanding.REJECTED: "2",
}


class Keypay:
    """The house `keypay`."""

    name = "keypay"
    title = "KeyPay"
    payer_path = ""
    blank: Mapping[str, str] = {"addition_fee": "0", "command": "PAY", "description": "", "environment": "1"}
    schedule = Schedule(again_s=(60.0, 300.0, 900.0))
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "2",
        Codes.FUNDS: "2",
        Codes.EXPIRED: "3",
        Codes.SUSPECTED: "1",
    }
    names = Names(
        ref="transaction_id",
        amount="trans_amount",
        merchant="client_id",
        txn="transaction_code",
        success={"status": "0"},
    )

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.keypay

    def mount(self, app: web.Application) -> None:
        """Add the paths of the API."""
        for path, work in (
            ("create", self._created),
            ("detail", self._detailed),
            ("refund", self._refunded),
            ("refund_detail", self._refund_detailed),
        ):
            app.router.add_post(f"/keypay/{path}", self._handler(path, work))

    def opened(self, raw_query: str) -> Charge:
        """Payers of KeyPay come to `/pay/{token}` only."""
        raise Refusal(_UNKNOWN, "Không tìm thấy giao dịch")

    # Callback and return

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """The callback, a POST in JSON; nothing on expiry."""
        if news.txn is None and news.charge.standing is Standing.EXPIRED:
            return None
        pairs = self.world.signed_lie(lie, self._fields(news), self.names, news.charge)
        secret = STRANGE_SECRET if lie is Lie.STRANGERS_KEY else self.own.second[0]
        signature = signature_told(lie, _check_sum(dict(pairs), _ORDER, secret))
        told: list[tuple[str, object]] = list(after_signing(lie, pairs, self.names))
        if signature is not None:
            told.append(("check_sum", signature))
        return posted(lie, told)

    def back(self, news: News) -> str:
        """The return address with what the callback says; nothing of it is signed here."""
        told = {"transaction_id": news.charge.ref, "status": "0" if news.txn else news.code}
        return wire.with_query(news.charge.return_url, urlencode(told))

    def settled(self, status: int, body: bytes) -> bool:
        """`return_code` 0, a number or a text."""
        return wire.answered(status, body, "return_code") in (0, "0")

    def _fields(self, news: News) -> Pairs:
        charge, txn = news.charge, news.txn
        return [
            ("client_id", self.own.merchant),
            ("transaction_id", charge.ref),
            ("transaction_code", txn.txn_id if txn else ""),
            ("trans_amount", str(txn.amount if txn else charge.amount)),
            ("payment_fee", "0"),
            ("command", charge.wire["command"]),
            ("addition_fee", charge.wire["addition_fee"]),
            ("version", "3.0"),
            ("description", charge.wire["description"]),
            ("locale", "vn"),
            ("country_code", "vi"),
            ("currency_code", "VND"),
            ("environment", charge.wire["environment"]),
            ("status", _STATUS.get(charge.standing, "1") if news.txn else news.code),
        ]

    # The API

    def _handler(self, name: str, work: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            ref = glance(await request.read(), "transaction_id")
            authorization = request.headers.get("Authorization", "")

            def answered(raw: bytes) -> web.Response:
                if self.own.bearer and authorization != f"Bearer {self.own.bearer}":
                    return web.Response(status=401)
                try:
                    return web.json_response(work(wire.read_object(raw, _FIELD)))
                except Refusal as refused:
                    return web.json_response({"error": refused.code, "msg": refused.message})

            return await self.world.play(request, f"keypay.{name}", answered, ref)

        return handle

    def _created(self, told: Mapping[str, Any]) -> dict[str, Any]:
        wire.only(told, (*_CREATE, "bill_id", "check_sum"), _FIELD)
        told = {**told, "trans_amount": str(told.get("trans_amount", ""))}
        self._checked(told, _ORDER)
        for name, pattern in _WORDS.items():
            wire.as_text(told, name, _FIELD, pattern)
        amount = wire.as_digits(told, "trans_amount", _FIELD)
        checked_bill(told.get("bill_info"), amount, _FIELD)
        if self.world.books.find(self.name, told["transaction_id"]) is not None:
            raise Refusal(_EXISTS, "Mã giao dịch đã tồn tại")
        now = self.world.now()
        lasts = timedelta(seconds=self.world.options.speed.expiry_s)
        charge = Charge(
            provider=self.name,
            ref=told["transaction_id"],
            amount=amount,
            text=told["description"],
            created_at=now,
            expires_at=now + lasts,
            token=self.world.new_token(),
            return_url=told["return_url"],
            wire={name: told[name] for name in ("addition_fee", "command", "description", "environment")},
        )
        self.world.open(charge)
        url = self.world.pay_url(charge)
        if self.world.lies.tells(Lie.STRANGER_URL, self.name):
            url = "https://khach-la.example.invalid/pay"
        if not told.get("bill_id"):
            return {"error": "0", "msg": "", "payment_url": url}
        picture = base64.b64encode(_picture(charge.ref).encode()).decode()
        data = {
            "transaction_code": f"KP{charge.ref}",
            "qrcode_pay": f"data:image/svg+xml;base64,{picture}",
            "url_pay": url,
            "expired_in": str(int(lasts.total_seconds())),
            "created_at": wire.compact(now),
        }
        return {"error": "0", "msg": "", "data": data}

    def _detailed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        wire.only(told, (*_DETAIL, "check_sum"), _FIELD)
        self._checked(told, _DETAIL)
        charge = self.world.books.find(self.name, str(told["transaction_id"]))
        lies = self.world.lies
        if charge is None or lies.tells(Lie.ANSWER_NOT_FOUND, self.name) or told["command"] != charge.wire["command"]:
            raise Refusal(_UNKNOWN, "Không tìm thấy giao dịch")
        txn = charge.txns[-1] if charge.txns else None
        data = dict(self._fields(News(charge, txn, _STATUS.get(charge.standing, "1"), self.world.now())))
        if txn is not None:
            data["update_at"] = wire.compact(txn.paid_at)
        if lies.tells(Lie.ANSWER_OTHER_REF, self.name):
            data["transaction_id"] = "khacla000000a1"
        if lies.tells(Lie.ANSWER_OTHER_AMOUNT, self.name):
            data["trans_amount"] = str(charge.amount // 2)
        lied = lies.tells(Lie.ANSWER_BAD_SIGNATURE, self.name)
        data["check_sum"] = _check_sum(data, _ORDER, STRANGE_SECRET if lied else self.own.second[0])
        return {"error": "0", "msg": "", "data": data}

    def _refunded(self, told: Mapping[str, Any]) -> dict[str, Any]:
        wire.only(told, (*_REFUND, "check_sum"), _FIELD)
        self._checked(told, _REFUND)
        charge = self.world.books.find(self.name, str(told["transaction_id"]))
        if charge is None or charge.standing is not Standing.PAID:
            raise Refusal(_UNKNOWN, "Giao dịch gốc không thành công")
        amount, txn = wire.as_digits(told, "amount", _FIELD), charge.txns[0]
        if amount > charge.paid() - charge.refunded():
            raise Refusal(_REST, "Số tiền hoàn vượt quá số tiền còn lại")
        takes, rejected = self.world.refund_takes(self.name)
        number = f"RF{self.world.books.number()}"
        asked = RefundAsked(number, number, txn.txn_id, amount, "", takes, rejected)
        return self._refund_said(self.world.books.refund(charge, asked), charge)

    def _refund_detailed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        wire.only(told, (*_REFUND_DETAIL, "check_sum"), _FIELD)
        self._checked(told, _REFUND_DETAIL)
        known = self.world.books.by_refund.get((self.name, str(told["transaction_refund_code"])))
        if known is None:
            raise Refusal(_UNKNOWN, "Không tìm thấy yêu cầu hoàn tiền")
        return self._refund_said(known[1], known[0])

    def _refund_said(self, refund: Refund, charge: Charge) -> dict[str, Any]:
        data = {
            "client_id": self.own.merchant,
            "transaction_id": charge.ref,
            "transaction_refund_code": refund.refund_ref,
            "amount_refund": str(refund.amount),
            "status": _REFUND_STATUS[refund.standing(self.world.now())],
            "qrcode_refund": "",
            "update_at": wire.compact(refund.asked_at),
        }
        data["check_sum"] = _check_sum(data, sorted(data), self.own.second[0])
        return {"error": "0", "msg": "", "data": data}

    def _checked(self, told: Mapping[str, Any], signed: Sequence[str]) -> None:
        """Merchant, presence and signature; raises `Refusal`."""
        for name in signed:
            wire.as_text(told, name, _FIELD, "(?s).{0,255}")
        if told["client_id"] != self.own.merchant:
            raise Refusal(_SIGNATURE, "client_id không đúng")
        if not any(wire.same(_check_sum(told, signed, one), told.get("check_sum", "")) for one in self.own.secrets):
            raise Refusal(_SIGNATURE, "check_sum không đúng")


def _check_sum(told: Mapping[str, Any], names: Sequence[str], secret: str) -> str:
    """The values in the order of their names, with pipes."""
    return wire.hmac_hex("sha256", secret, "|".join(str(told[name]) for name in sorted(names)))


def _picture(ref: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><text y="24">{ref}</text></svg>'
