"""The API of the simulated VNPAY: `querydr`, `refund` and the list of banks (payment facts 3.5).

A refund goes through 05 and 06; what `querydr` says of it then is [assumed], see facts 9.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from connectors.kit.simulation import glance
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, Refund, RefundAsked, RefundStanding, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie
from connectors.payment.simulator_options import MerchantOptions
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import World

_API = "/vnpay/merchant_webapi/api/transaction"
_BANKS = "/vnpay/qrpayauth/api/merchant/get_bank_list"
_QUERY = (
    "RequestId",
    "Version",
    "Command",
    "TmnCode",
    "TxnRef",
    "TransactionDate",
    "CreateDate",
    "IpAddr",
    "OrderInfo",
)
_REFUND = (
    *("RequestId", "Version", "Command", "TmnCode", "TransactionType", "TxnRef", "Amount", "TransactionNo"),
    *("TransactionDate", "CreateBy", "CreateDate", "IpAddr", "OrderInfo"),
)
_ANSWER = (
    *("ResponseId", "Command", "ResponseCode", "Message", "TmnCode", "TxnRef", "Amount", "BankCode", "PayDate"),
    *("TransactionNo", "TransactionType", "TransactionStatus", "OrderInfo"),
)
_PROMOTION = ("PromotionCode", "PromotionAmount")
_REFUND_STATUS = {
    RefundStanding.PROCESSING: "05",
    RefundStanding.SENT: "06",
    RefundStanding.DONE: "00",
    RefundStanding.REJECTED: "09",
}
_STATUS = {
    Standing.OPEN: "01",
    Standing.PROCESSING: "01",
    Standing.PAID: "00",
    Standing.FAILED: "02",
    Standing.EXPIRED: "02",
    Standing.HELD: "07",
}


class VnpayApi:
    """The servers that merchants call."""

    name = "vnpay"

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.vnpay
        self._requests: dict[str, bytes] = {}

    def mount(self, app: web.Application) -> None:
        """Add the paths."""
        app.router.add_post(_API, self.api)
        app.router.add_post(_BANKS, self.banks)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """`querydr` and `refund` by `vnp_Command`."""
        body = await request.read()
        command, ref = glance(body, "vnp_Command"), glance(body, "vnp_TxnRef")
        operation = f"vnpay.{command}" if command in ("querydr", "refund") else "vnpay.api"

        def work(raw: bytes) -> web.Response:
            try:
                answer = self._answered(raw)
            except Refusal as refused:
                answer = {"vnp_ResponseCode": refused.code, "vnp_Message": refused.message}
                if command in ("querydr", "refund"):
                    answer |= {"vnp_Command": command, "vnp_TxnRef": ref}
            return web.json_response(self._sealed(answer))

        return await self.world.play(request, operation, work, ref)

    def _answered(self, raw: bytes) -> dict[str, str]:
        told = wire.read_object(raw, "03")
        command = wire.as_text(told, "vnp_Command", "03", "querydr|refund")
        names = _QUERY if command == "querydr" else _REFUND
        wire.only(told, [*(f"vnp_{name}" for name in names), "vnp_SecureHash", "vnp_TransactionNo"], "03")
        if told.get("vnp_TmnCode") != self.own.merchant:
            raise Refusal("02", "Invalid vnp_TmnCode")
        text = "|".join(str(told.get(f"vnp_{name}", "")) for name in names)
        verify(self.own, text, told.get("vnp_SecureHash", ""), "97")
        _api_request(told)
        charge = self.world.books.find(self.name, told["vnp_TxnRef"])
        echo = {"vnp_Command": command, "vnp_TxnRef": told["vnp_TxnRef"]}
        if charge is None or self.world.lies.tells(Lie.ANSWER_NOT_FOUND, self.name):
            return echo | {"vnp_ResponseCode": "91", "vnp_Message": "Transaction not found"}
        if charge.wire["vnp_CreateDate"] != told["vnp_TransactionDate"]:
            return echo | {"vnp_ResponseCode": "91", "vnp_Message": "Transaction not found"}
        first = self._requests.setdefault(told["vnp_RequestId"], raw) is raw
        if command == "refund":
            return echo | self._refunded(charge, told, first=first)
        if not first:
            return echo | {"vnp_ResponseCode": "94", "vnp_Message": "Request is duplicate"}
        return echo | self._stands(charge)

    def _refunded(self, charge: Charge, told: Mapping[str, str], *, first: bool) -> dict[str, str]:
        """A refund is asked for: 94 the same request again, 95 nothing that could go back."""
        if not first:
            known = next((one for one in charge.refunds if one.request_id == told["vnp_RequestId"]), None)
            answer = {"vnp_ResponseCode": "94", "vnp_Message": "Request is duplicate"}
            return answer if known is None else self._refund_fields(charge, known) | answer
        amount = wire.as_digits(told, "vnp_Amount", "03") // 100
        txn = next((one for one in charge.txns if told["vnp_TransactionNo"] in ("0", one.txn_id)), None)
        if txn is None or charge.standing is not Standing.PAID:
            return {"vnp_ResponseCode": "95", "vnp_Message": "Original transaction is not successful"}
        left = txn.amount - charge.refunded(txn.txn_id)
        whole = told["vnp_TransactionType"] == "02"
        if amount > left or whole != (amount == txn.amount):
            return {"vnp_ResponseCode": "95", "vnp_Message": "Amount cannot be refunded"}
        takes, rejected = self.world.refund_takes(self.name)
        asked = RefundAsked(
            told["vnp_RequestId"], told["vnp_RequestId"], txn.txn_id, amount, told["vnp_CreateBy"], takes, rejected
        )
        refund = self.world.books.refund(charge, asked)
        return self._refund_fields(charge, refund) | {"vnp_TransactionStatus": "05"}

    def _stands(self, charge: Charge) -> dict[str, str]:
        """What querydr says: of the payment, and of the last refund once one was asked for (facts 9)."""
        if charge.refunds:
            return self._refund_fields(charge, charge.refunds[-1])
        txn = charge.txns[-1] if charge.txns else None
        amount = (txn.amount if txn else charge.amount) * 100
        if self.world.lies.tells(Lie.ANSWER_OTHER_AMOUNT, self.name):
            amount //= 2
        status = _STATUS[charge.standing]
        return {
            "vnp_ResponseCode": "00",
            "vnp_Message": "QueryDR Success",
            "vnp_Amount": str(amount),
            "vnp_BankCode": txn.bank_code if txn else "",
            "vnp_PayDate": wire.compact(txn.paid_at) if txn else "",
            "vnp_TransactionNo": txn.txn_id if txn else "",
            "vnp_TransactionType": "01",
            "vnp_TransactionStatus": status,
            "vnp_OrderInfo": charge.text,
        }

    def _refund_fields(self, charge: Charge, refund: Refund) -> dict[str, str]:
        return {
            "vnp_ResponseCode": "00",
            "vnp_Message": "Success",
            "vnp_Amount": str(refund.amount * 100),
            "vnp_BankCode": charge.txns[-1].bank_code,
            "vnp_PayDate": wire.compact(refund.asked_at),
            "vnp_TransactionNo": refund.txn_id,
            "vnp_TransactionType": "02" if refund.whole else "03",
            "vnp_TransactionStatus": _REFUND_STATUS[refund.standing(self.world.now())],
            "vnp_OrderInfo": charge.text,
        }

    def _sealed(self, answer: dict[str, str]) -> dict[str, str]:
        """The answer with our terminal, an id of its own, and its signature."""
        sealed = {"vnp_ResponseId": self.world.new_token()[:32], "vnp_TmnCode": self.own.merchant} | answer
        if self.world.lies.tells(Lie.ANSWER_OTHER_REF, self.name):
            sealed["vnp_TxnRef"] = "khacla000000a1"
        names = _ANSWER if answer.get("vnp_Command") == "refund" else (*_ANSWER, *_PROMOTION)
        text = "|".join(sealed.get(f"vnp_{name}", "") for name in names)
        lied = self.world.lies.tells(Lie.ANSWER_BAD_SIGNATURE, self.name)
        sealed["vnp_SecureHash"] = wire.hmac_hex("sha512", STRANGE_SECRET if lied else self.own.secrets[0], text)
        return sealed

    async def banks(self, request: web.Request) -> web.StreamResponse:
        """The list of banks, by terminal."""

        def work(body: bytes) -> web.Response:
            if wire.form_fields(body).get("tmn_code") != self.own.merchant:
                return web.json_response([])
            banks = (("VNPAYQR", "Cổng thanh toán VNPAYQR"), ("VNBANK", "Thẻ ATM nội địa"), ("NCB", "Ngân hàng NCB"))
            return web.json_response([{"bank_code": code, "bank_name": name} for code, name in banks])

        return await self.world.play(request, "vnpay.banks", work)


def verify(own: MerchantOptions, text: str, signature: object, code: str) -> None:
    """Raises `Refusal(code)` where no secret of the merchant made this signature over the text."""
    if not any(wire.same(wire.hmac_hex("sha512", secret, text), signature) for secret in own.secrets):
        raise Refusal(code, "Invalid signature")


def address(text: str) -> None:
    """Raises `Refusal` for what is no IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise Refusal("03", "invalid vnp_IpAddr") from None


def _api_request(told: Mapping[str, Any]) -> None:
    """Sizes and words of a request to the API; raises `Refusal`."""
    wire.as_text(told, "vnp_RequestId", "03", "[A-Za-z0-9]{1,32}")
    wire.as_text(told, "vnp_Version", "03", r"2\.1\.0")
    wire.as_text(told, "vnp_TxnRef", "03", r"[A-Za-z0-9]{1,100}")
    wire.as_text(told, "vnp_OrderInfo", "03")
    for name in ("vnp_TransactionDate", "vnp_CreateDate"):
        wire.moment(wire.as_text(told, name, "03"), name, "03")
    address(wire.as_text(told, "vnp_IpAddr", "03", ".{7,45}"))
    if told["vnp_Command"] == "refund":
        wire.as_text(told, "vnp_TransactionType", "03", "0[23]")
        wire.as_text(told, "vnp_TransactionNo", "03", "[0-9]{1,15}")
        wire.as_text(told, "vnp_CreateBy", "03", ".{1,245}")
        wire.as_text(told, "vnp_Amount", "03", "[1-9][0-9]{0,9}00")
