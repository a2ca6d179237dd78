"""The simulated PayGov behind an LGSP: create, callback and return (payment facts 3.4).

What the callback's `checksum` is over is not known: here it is the secret, the access key and the values of the fields before it,
without separators [assumed]. There is no query and no refund.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from connectors.kit.simulation import glance
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, News, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule, posted
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Codes, World

_FIELDS = ("partnerCode", "returnUrl", "orderId", "amount", "orderInfo", "requestCode", "ipAddress")
_UNIT = ("checksum", "accessKey", "serviceCode")
_SIGNED = ("orderId", "requestCode", "transactionNo", "amount", "errorCode", "payDate")
_FAILED, _WRONG = "FAILED", "SIGNATURE_WRONG"


class Paygov:
    """The house `paygov`."""

    name = "paygov"
    title = "PayGov"
    payer_path = ""
    blank: Mapping[str, str] = {"requestCode": "khong-co"}
    schedule = Schedule(again_s=(60.0, 300.0, 900.0))
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "24",
        Codes.FUNDS: "51",
        Codes.EXPIRED: "11",
        Codes.SUSPECTED: "07",
    }
    names = Names(ref="orderId", amount="amount", merchant="", txn="transactionNo", success={"errorCode": "00"})

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.paygov

    def mount(self, app: web.Application) -> None:
        """Add its only address."""
        app.router.add_post("/paygov/create", self.create)

    def opened(self, raw_query: str) -> Charge:
        """Payers of PayGov come to `/pay/{token}` only."""
        raise Refusal(_FAILED, "Không tìm thấy giao dịch")

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """The callback, a POST in JSON; nothing on expiry."""
        if news.txn is None and news.charge.standing is Standing.EXPIRED:
            return None
        pairs = self.world.signed_lie(lie, self._fields(news), self.names, news.charge)
        secret = STRANGE_SECRET if lie is Lie.STRANGERS_KEY else self.own.secrets[0]
        values = dict(pairs)
        text = secret + self.own.access + "".join(str(values[name]) for name in _SIGNED)
        signature = signature_told(lie, wire.sha256_hex(text))
        told: list[tuple[str, object]] = list(after_signing(lie, pairs, self.names))
        if signature is not None:
            told.append(("checksum", signature))
        return posted(lie, told)

    def back(self, news: News) -> str:
        """The return address with reference and code."""
        told = {"orderId": news.charge.ref, "errorCode": "00" if news.txn else news.code}
        return wire.with_query(news.charge.return_url, urlencode(told))

    def settled(self, status: int, body: bytes) -> bool:
        """`error_code` SUCCESSFUL."""
        return wire.answered(status, body, "error_code") == "SUCCESSFUL"

    def _fields(self, news: News) -> Pairs:
        charge, txn = news.charge, news.txn
        held = charge.standing is Standing.HELD
        return [
            ("amount", txn.amount if txn else charge.amount),
            ("orderId", charge.ref),
            ("orderInfo", charge.text),
            ("requestCode", charge.wire["requestCode"]),
            ("transactionNo", txn.txn_id if txn else ""),
            ("payDate", wire.compact(txn.paid_at if txn else news.at)),
            ("paygate", "VNPAY"),
            ("errorCode", "00" if txn and not held else news.code),
            ("type", "PAY"),
            ("transactionCode", txn.bank_txn_id if txn else ""),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """An order; answers `data.url`."""
        body = await request.read()
        authorization = request.headers.get("Authorization", "")

        def work(raw: bytes) -> web.Response:
            if self.own.bearer and authorization != f"Bearer {self.own.bearer}":
                return web.Response(status=401)
            try:
                charge = self._created(wire.read_object(raw, _FAILED))
            except Refusal as refused:
                return web.json_response({"error_code": refused.code, "error_message": refused.message})
            url = self.world.pay_url(charge)
            if self.world.lies.tells(Lie.STRANGER_URL, self.name):
                url = "https://khach-la.example.invalid/pay"
            return web.json_response({"error_code": "SUCCESSFUL", "data": {"url": url}})

        return await self.world.play(request, "paygov.create", work, glance(body, "orderId"))

    def _created(self, told: Mapping[str, Any]) -> Charge:
        wire.only(told, (*_FIELDS, *_UNIT), _FAILED)
        amount = wire.as_number(told, "amount", _FAILED)
        for name in _FIELDS:
            if name != "amount":
                wire.as_text(told, name, _FAILED, r"[ -~]{1,255}")
        if told["partnerCode"] != self.own.merchant or told.get("accessKey", self.own.access) != self.own.access:
            raise Refusal(_WRONG, "partnerCode hoặc accessKey không đúng")
        parts = f"{told['partnerCode']}{told['orderId']}{told['requestCode']}{amount}"
        expected = (wire.sha256_hex(secret + self.own.access + parts) for secret in self.own.secrets)
        if not any(wire.same(one, told.get("checksum", "")) for one in expected):
            raise Refusal(_WRONG, "checksum không đúng")
        if not re.fullmatch(r"https?://[!-~]{4,1000}", told["returnUrl"]):
            raise Refusal(_FAILED, "invalid returnUrl")
        if self.world.books.find(self.name, told["orderId"]) is not None:
            raise Refusal(_FAILED, "orderId đã tồn tại")
        now = self.world.now()
        return self.world.open(
            Charge(
                provider=self.name,
                ref=told["orderId"],
                amount=amount,
                text=told["orderInfo"],
                created_at=now,
                expires_at=now + timedelta(seconds=self.world.options.speed.expiry_s),
                token=self.world.new_token(),
                return_url=told["returnUrl"],
                wire={"requestCode": told["requestCode"]},
            )
        )
