"""The simulated bank behind VietQR: a payer scans a QR text, the bank books movements, tells of each and shows them in its feed.

Payment facts 3.13. A bank copies only the purpose of a transfer to its lines, so the reference is where the payer left it. No
bank's layout is public [assumed]: a notice is one line in JSON with an HMAC over its body in `x-signature`; the feed is
`GET /vietqr/feed` with `reference`, `from` (yyyyMMdd), `account` or `after` (number of a line).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from connectors.payment import simulator_pages as pages
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import Charge, News, Txn
from connectors.payment.simulator_lies import STRANGE_SECRET, Lie, Names, Pairs, after_signing, signature_told
from connectors.payment.simulator_notices import Parcel, Schedule, Sent
from connectors.payment.simulator_wire import Refusal
from connectors.payment.simulator_world import Codes, World

_MOST_LINES = 500
_GUID = "A000000727"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a QR text says: bank, account, amount (None: the payer types it), our reference and the purpose."""

    bin: str
    account: str
    amount: int | None
    reference: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Line:
    """A movement on an account. `text` is all that came with the transfer; `direction` C came in, D went out."""

    number: int
    txn_id: str
    bin: str
    account: str
    amount: int
    text: str
    at: datetime
    direction: str = "C"

    def pairs(self) -> Pairs:
        """The line as it is told."""
        return [
            ("txn_id", self.txn_id),
            ("bank_bin", self.bin),
            ("account", self.account),
            ("direction", self.direction),
            ("amount", self.amount),
            ("currency", "VND"),
            ("text", self.text),
            ("booked_at", wire.compact(self.at)),
        ]

    def shown(self) -> dict[str, object]:
        """The line with its number."""
        return {"number": self.number, **dict(self.pairs())}


class Vietqr:
    """The house `vietqr`."""

    name = "vietqr"
    title = "Ứng dụng ngân hàng (VietQR)"
    payer_path = ""
    blank: Mapping[str, str] = {"account": "0", "bin": "970400", "purpose": ""}
    schedule = Schedule(again_s=(60.0, 300.0, 900.0))
    names = Names(ref="text", amount="amount", merchant="account", txn="txn_id", success={})
    codes: Mapping[Codes, str] = {
        Codes.CANCELLED: "cancelled",
        Codes.FUNDS: "funds",
        Codes.EXPIRED: "expired",
        Codes.SUSPECTED: "suspected",
    }

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = world.options.vietqr
        self.lines: list[Line] = []
        self._by_txn: dict[str, Line] = {}

    def mount(self, app: web.Application) -> None:
        """Add the page for scanning and the feed."""
        app.router.add_get("/vietqr/scan", self.scan)
        app.router.add_post("/vietqr/scan", self.scanned)
        app.router.add_get("/vietqr/feed", self.feed)

    def opened(self, raw_query: str) -> Charge:
        """The order of a QR text: the same text is the same order. Raises `Refusal` for what no bank reads."""
        qr = read_qr(raw_query)
        ref = (qr.reference or qr.purpose).lower()  # Banks write capitals as they like.
        known = self.world.books.find(self.name, ref)
        if known is not None:
            return known
        if qr.amount is None:
            raise Refusal("54", "QR không có số tiền")
        now = self.world.now()
        return self.world.open(
            Charge(
                provider=self.name,
                ref=ref,
                amount=qr.amount,
                text=qr.purpose or qr.reference,
                created_at=now,
                expires_at=now + timedelta(days=30),  # A QR of an account has no end.
                token=self.world.new_token(),
                wire={"account": qr.account, "bin": qr.bin, "purpose": qr.purpose},
            )
        )

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """A line of the feed by itself; nothing where no money moved."""
        if news.txn is None:
            return None
        charge = news.charge
        line = self._booked(charge, news.txn)
        pairs = self.world.signed_lie(lie, line.pairs(), self.names, charge)
        text = wire.object_text(pairs)
        secret = STRANGE_SECRET if lie is Lie.STRANGERS_KEY else self.own.secrets[0]
        signature = signature_told(lie, wire.hmac_hex("sha256", secret, text))
        body = wire.object_text(
            after_signing(lie, pairs, self.names), spaced=lie is Lie.RESERIALISED, escaped=lie is Lie.ESCAPED
        )
        if lie is Lie.HUGE:
            body += " " * 100_000
        headers = {} if signature is None else {"X-Signature": signature}
        kind = "text/plain" if lie is Lie.WRONG_TYPE else "application/json"
        return Parcel("POST", body=body.encode(), content_type=kind, headers=headers)

    def settled(self, status: int, body: bytes) -> bool:
        """Any 200."""
        return status == 200

    def back(self, news: News) -> str:
        """A banking app leads nowhere."""
        return ""

    def transfer(self, holder: tuple[str, str], amount: int, text: str, direction: str) -> tuple[Line, list[Sent]]:
        """Somebody transfers freely, without any QR, to or from an account (its bank's BIN, its number)."""
        now = self.world.now()
        charge = Charge(self.name, text, amount, text, now, now, "", wire={"bin": holder[0], "account": holder[1]})
        txn = self.world.books.invented(charge, amount)
        line = self._booked(charge, txn, direction)
        return line, self.world.tell(News(charge, txn, "", now))

    def _booked(self, charge: Charge, txn: Txn, direction: str = "C") -> Line:
        """The line of a transaction, booked once."""
        line = self._by_txn.get(txn.txn_id)
        if line is None:
            holder = charge.wire
            line = Line(
                len(self.lines) + 1,
                txn.txn_id,
                holder["bin"],
                holder["account"],
                txn.amount,
                charge.text,
                txn.paid_at,
                direction,
            )
            self.lines.append(line)
            self._by_txn[txn.txn_id] = line
        return line

    async def scan(self, request: web.Request) -> web.StreamResponse:
        """The page of a banking app that takes a QR text."""

        def work(_body: bytes) -> web.Response:
            return pages.answer(pages.scan(self.title, ""))

        return await self.world.play(request, "vietqr.scan", work)

    async def scanned(self, request: web.Request) -> web.StreamResponse:
        """On to the payer's page of that order."""

        def work(body: bytes) -> web.Response:
            try:
                charge = self.opened(wire.form_fields(body).get("qr", "").strip())
            except Refusal as refused:
                return pages.answer(pages.scan(self.title, refused.message), 400)
            return pages.onward(f"/pay/{charge.token}")

        return await self.world.play(request, "vietqr.scan", work)

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """The lines that were asked for, the oldest first; `more` says that there are others."""
        authorization = request.headers.get("Authorization", "")
        query = request.query

        def work(_body: bytes) -> web.Response:
            if self.own.bearer and authorization != f"Bearer {self.own.bearer}":
                return web.Response(status=401)
            after = query.get("after", "0")
            if not re.fullmatch(r"[0-9]{1,15}", after):
                return web.json_response({"error": "after"}, status=400)
            account, since = query.get("account", ""), query.get("from", "")
            reference = query.get("reference", "").lower()
            found = [
                line
                for line in self.lines[int(after) :]
                if account in ("", line.account) and reference in line.text.lower() and wire.compact(line.at) >= since
            ]
            lines = [line.shown() for line in found[:_MOST_LINES]]
            return web.json_response({"lines": lines, "more": len(found) > _MOST_LINES})

        return await self.world.play(request, "vietqr.feed", work)


def read_qr(text: str) -> Scanned:
    """A QR text by EMVCo: checksum, account of NAPAS, đồng; raises `Refusal`."""
    raw = text.encode()
    if len(raw) < 12 or text[-8:-4] != "6304" or _crc(raw[:-4]) != text[-4:].upper():
        raise Refusal("63", "QR không đọc được hoặc sai mã kiểm tra")
    fields = _tlv(text)
    account = _tlv(fields.get("38", ""))
    holder = _tlv(account.get("01", ""))
    if account.get("00") != _GUID or not re.fullmatch(r"[0-9]{6}", holder.get("00", "")) or not holder.get("01"):
        raise Refusal("38", "QR không phải của một tài khoản NAPAS 247")
    if fields.get("53") != "704" or fields.get("58") != "VN":
        raise Refusal("53", "QR không phải bằng đồng Việt Nam")
    amount = fields.get("54", "")
    if amount and not re.fullmatch(r"[1-9][0-9]{0,12}", amount):
        raise Refusal("54", "Số tiền trong QR không hợp lệ")
    more = _tlv(fields.get("62", ""))
    reference, purpose = more.get("01", ""), more.get("08", "")
    if amount and not (reference or purpose):
        raise Refusal("62", "QR không có nội dung chuyển khoản")
    return Scanned(holder["00"], holder["01"], int(amount) if amount else None, reference, purpose)


def _tlv(text: str) -> dict[str, str]:
    """Two digits of a name, two of a length, a value; each once. Raises `Refusal`."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        head = text[place : place + 4]
        if not re.fullmatch(r"[0-9]{4}", head) or head[:2] in found:
            raise Refusal("00", "QR không đọc được")
        end = place + 4 + int(head[2:])
        if end > len(text):
            raise Refusal("00", "QR không đọc được")
        found[head[:2]] = text[place + 4 : end]
        place = end
    return found


def _crc(raw: bytes) -> str:
    """CRC-16/CCITT-FALSE as four hex digits."""
    register = 0xFFFF
    for byte in raw:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return f"{register:04X}"
