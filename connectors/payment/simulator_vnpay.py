"""The simulated VNPAY, PAY 2.1.0: the payer's address, the IPN and the return (payment facts 3.5); its API stands beside.

An order exists here only once a payer opened its signed address, as in life. The notice is signed as the chosen language
encodes (`encoder`), so that a merchant who encodes again instead of taking the raw text is found out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from aiohttp import web

from connectors.payment import simulator_pages as pages
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, News, Standing
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule
from connectors.payment.simulator_options import Encoder
from connectors.payment.simulator_vnpay_api import VnpayApi, address, verify
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Codes, World

PAY = "/vnpay/paymentv2/vpcpay.html"
_MOST_AGE = timedelta(hours=24)
_OPTIONAL = re.compile(r"vnp_(BankCode|Bill_[A-Za-z]+|Inv_[A-Za-z]+)")
_REQUIRED = (
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_Amount",
    "vnp_CreateDate",
    "vnp_ExpireDate",
    "vnp_CurrCode",
    "vnp_IpAddr",
    "vnp_Locale",
    "vnp_OrderInfo",
    "vnp_OrderType",
    "vnp_ReturnUrl",
    "vnp_TxnRef",
)
_ENCODERS: Mapping[Encoder, Callable[[str], str]] = {
    "php": lambda text: quote_plus(text).replace("~", "%7E"),
    "java": lambda text: quote_plus(text, safe="*").replace("~", "%7E"),
    "dotnet": lambda text: quote_plus(text, safe="*!()").replace("~", "%7E"),
    "js": lambda text: quote(text, safe="~*!()'").replace("%20", "+"),
    "python": quote_plus,
}


class Vnpay:
    """The house `vnpay`."""

    name = "vnpay"
    title = "VNPAY"
    payer_path = PAY
    blank: Mapping[str, str] = {}
    schedule = Schedule(again_s=(300.0,) * 9)
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "24",
        Codes.FUNDS: "51",
        Codes.EXPIRED: "11",
        Codes.SUSPECTED: "07",
    }
    names = Names(
        ref="vnp_TxnRef",
        amount="vnp_Amount",
        merchant="vnp_TmnCode",
        txn="vnp_TransactionNo",
        success={"vnp_ResponseCode": "00", "vnp_TransactionStatus": "00"},
        contradiction=("vnp_ResponseCode", "99"),
    )

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.vnpay

    def mount(self, app: web.Application) -> None:
        """Add the paths of the payer and of the API."""
        app.router.add_get(PAY, self.pay)
        VnpayApi(self.world).mount(app)

    # The payer's address

    async def pay(self, request: web.Request) -> web.StreamResponse:
        """A payer opens the signed address: on to the payer's page, or a page that says what is wrong with it."""

        def work(_body: bytes) -> web.Response:
            try:
                charge = self.opened(request.rel_url.raw_query_string)
            except Refusal as refused:
                return pages.answer(pages.refused(self.title, refused.code, refused.message), 400)
            return pages.onward(f"/pay/{charge.token}", 302)

        return await self.world.play(request, "vnpay.pay", work, request.query.get("vnp_TxnRef", ""))

    def opened(self, raw_query: str) -> Charge:
        """The order of a signed address; raises `Refusal` with VNPAY's own number for what it does not take."""
        told = self._signed_query(raw_query)
        _pay_request(told)
        at = wire.moment(told["vnp_CreateDate"], "vnp_CreateDate", "03")
        until = wire.moment(told["vnp_ExpireDate"], "vnp_ExpireDate", "03")
        if until <= at or abs(self.world.now() - at) > _MOST_AGE:
            raise Refusal("03", "vnp_CreateDate or vnp_ExpireDate is not of this time")
        known = self.world.books.find(self.name, told["vnp_TxnRef"])
        if known is not None:
            if known.wire != told:
                raise Refusal("02", "Another order of today has this vnp_TxnRef")
            return known
        if self.world.now() >= until:
            raise Refusal("15", "The order has expired")
        charge = Charge(
            provider=self.name,
            ref=told["vnp_TxnRef"],
            amount=int(told["vnp_Amount"]) // 100,
            text=told["vnp_OrderInfo"],
            created_at=at,
            expires_at=until,
            token=self.world.new_token(),
            return_url=told["vnp_ReturnUrl"],
            wire=told,
        )
        return self.world.open(charge)

    def _signed_query(self, raw_query: str) -> dict[str, str]:
        """The parameters of an address whose signature is right; raises `Refusal`."""
        try:
            pairs = parse_qsl(raw_query, keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError as error:
            raise Refusal("03", "The address cannot be read") from error
        told = dict(pairs)
        if len(told) != len(pairs):
            raise Refusal("03", "A parameter stands twice")
        signature = told.pop("vnp_SecureHash", "")
        if "vnp_SecureHashType" in told:
            raise Refusal("03", "vnp_SecureHashType is not sent in 2.1.0")
        told = {name: value for name, value in told.items() if value}
        if told.get("vnp_TmnCode") != self.own.merchant:
            raise Refusal("02", "Unknown vnp_TmnCode")
        text = "&".join(f"{quote_plus(name)}={quote_plus(told[name])}" for name in sorted(told))
        verify(self.own, text, signature, "70")
        return told

    # Notice and return

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """The IPN, a GET."""
        pairs = self.world.signed_lie(lie, self._fields(news), self.names, news.charge)
        text = self._encoded(sorted(pairs))
        signature = wire.hmac_hex("sha512", STRANGE_SECRET if lie is Lie.STRANGERS_KEY else self.own.secrets[0], text)
        if lie is Lie.LEGACY_HASH:
            raw = "&".join(f"{name}={value}" for name, value in sorted(pairs))
            signature = wire.sha256_hex(self.own.secrets[0] + raw)
            pairs = [*pairs, ("vnp_SecureHashType", "SHA256")]
        told = signature_told(lie, signature)
        query = self._encoded(after_signing(lie, sorted(pairs), self.names))
        query += "" if told is None else f"&vnp_SecureHash={told}"
        if lie is Lie.HUGE:
            query += "&vnp_Inv_Note=" + "x" * 100_000
        return Parcel("GET", query=query)

    def back(self, news: News) -> str:
        """The return address with the same parameters as the notice."""
        parcel = self.parcel(news, None)
        return "" if parcel is None else wire.with_query(news.charge.return_url, parcel.query)

    def settled(self, status: int, body: bytes) -> bool:
        """Only 00 and 02 end the tries (facts 3.5)."""
        return wire.answered(status, body, "RspCode") in ("00", "02")

    def _fields(self, news: News) -> Pairs:
        charge, txn = news.charge, news.txn
        held = charge.standing is Standing.HELD
        pairs: list[tuple[str, str | int]] = [
            ("vnp_TmnCode", self.own.merchant),
            ("vnp_Amount", str((txn.amount if txn else charge.amount) * 100)),
            ("vnp_BankCode", txn.bank_code if txn else "VNPAY"),
            ("vnp_BankTranNo", txn.bank_txn_id if txn else ""),
            ("vnp_CardType", "ATM" if txn else ""),
            ("vnp_PayDate", wire.compact(txn.paid_at if txn else news.at)),
            ("vnp_OrderInfo", charge.text),
            ("vnp_TransactionNo", txn.txn_id if txn else "0"),
            ("vnp_ResponseCode", charge.code if held else "00" if txn else news.code),
            ("vnp_TransactionStatus", "07" if held else "00" if txn else "02"),
            ("vnp_TxnRef", charge.ref),
        ]
        return [(name, value) for name, value in pairs if value != ""]

    def _encoded(self, pairs: Pairs) -> str:
        encode = _ENCODERS[self.world.options.encoder]
        return "&".join(f"{name}={encode(str(value))}" for name, value in pairs)


def _pay_request(told: Mapping[str, str]) -> None:
    """Sizes and words of facts 3.5; raises `Refusal`."""
    for name in _REQUIRED:
        if name not in told:
            raise Refusal("03", f"{name} is missing")
    strange = next((name for name in told if name not in _REQUIRED and not _OPTIONAL.fullmatch(name)), "")
    if strange:
        raise Refusal("03", f"Unknown {strange}")
    for name, pattern in (
        ("vnp_Version", r"2\.1\.0"),
        ("vnp_Command", "pay"),
        ("vnp_CurrCode", "VND"),
        ("vnp_Locale", "vn|en"),
        ("vnp_Amount", "[1-9][0-9]{0,9}00"),
        ("vnp_OrderInfo", r"[A-Za-z0-9 .:\-]{1,255}"),
        ("vnp_OrderType", r"[A-Za-z0-9_]{1,100}"),
        ("vnp_TxnRef", r"[A-Za-z0-9]{1,100}"),
    ):
        wire.as_text(told, name, "03", pattern)
    address(told["vnp_IpAddr"])
    url = urlsplit(told["vnp_ReturnUrl"])
    if url.scheme not in ("http", "https") or not url.netloc or not 10 <= len(told["vnp_ReturnUrl"]) <= 255:
        raise Refusal("03", "invalid vnp_ReturnUrl")
