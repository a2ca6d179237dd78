"""The payers: their dossiers owe fees, and each pays in a way of its own, by the simulated intermediaries or at the counter.

Most simply pay. One pays twice, in the name of one a notice is forged, one pays when its time is over, one comes to the counter.
What happened in truth stands in the intermediaries' own books; `reckoning.py` holds everything against them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.cli.demonstration.cast import Role
from gateway.cli.demonstration.dossiers import code_of, dossier, own_event, received_at
from gateway.cli.demonstration.play import Play, Refused
from gateway.cli.demonstration.treasury import PROVIDERS, Tills
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.errors import GatewayError
from mappings.tables import TableRow, load_table

_JSON = "application/json"
_LATE_LIMIT_S = 90.0
_CALM_LIMIT_S = 120.0
_FIRST = 9001
"""The dossiers of payers have numbers of their own, behind those of the cast."""


class Way(StrEnum):
    """How somebody pays."""

    ONCE = "once"
    TWICE = "twice"
    FORGED = "forged"
    LATE = "late"
    COUNTER = "counter"


WAYS_VI: Mapping[Way, str] = {
    Way.ONCE: "nộp một lần",
    Way.TWICE: "nộp hai lần",
    Way.FORGED: "chưa nộp; có kẻ gửi thông báo giả",
    Way.LATE: "nộp sau khi hết hạn",
    Way.COUNTER: "nộp tiền mặt tại quầy",
}


class PaymentFailed(GatewayError):
    """Một khoản nộp của buổi trình diễn không đi đến cùng."""


@dataclass(frozen=True, slots=True)
class Payer:
    """One dossier that owes a fee, and what its payer does. `lines` are phí and lệ phí, with whole đồng."""

    role: Role
    way: Way
    provider: str
    lines: tuple[Mapping[str, object], ...]

    @property
    def amount(self) -> int:
        """The whole fee, in đồng."""
        return sum(int(str(line["amount"])) for line in self.lines)


@dataclass(slots=True)
class Payers:
    """Everybody who owes something, and what the gateway calls their payments."""

    play: Play
    tills: Tills
    people: Sequence[Payer]
    payments: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def intermediaries(self) -> str:
        """The control plane of the intermediaries."""
        return f"http://127.0.0.1:{self.tills.payment}/_simulator"

    async def owe(self) -> None:
        """The resolution system registers their dossiers, says that fees are due, and asks for each to be paid."""
        self.play.progress.act = "hệ thống giải quyết yêu cầu nộp phí, lệ phí"
        control = f"{self.play.scene.resolution}/_simulator"
        await self.play.register_also([payer.role.dossier for payer in self.people])
        asked = [event for payer in self.people for event in payer.role.events if event["state"] != "processing"]
        await self.play.send("POST", f"{control}/events", asked)
        await asyncio.gather(*(self._ask(payer) for payer in self.people))
        # The portal cannot be asked about a row that says «nộp tiền»: it had better be there before things break.
        await self.play.calm(_CALM_LIMIT_S)

    async def pay(self) -> None:
        """Everybody pays, one after another, while the gateway has other troubles."""
        for payer in self.people:
            await asyncio.sleep(0.3)
            match payer.way:
                case Way.ONCE:
                    await self._act(payer, "pay")
                case Way.TWICE:
                    await self._act(payer, "pay_twice")
                case Way.FORGED:
                    await self._forge(payer)
                case Way.COUNTER:
                    await self._at_the_counter(payer)
                case Way.LATE:
                    # The page is opened in time; the money is sent when it is too late.
                    await self._act(payer, "abandon")

    async def pay_late(self) -> None:
        """Who is late pays once the gateway has found the payment expired; the money arrives all the same."""
        late = [payer for payer in self.people if payer.way is Way.LATE]
        if not late:
            return
        self.play.progress.act = "chờ một khoản hết hạn, rồi nộp muộn"
        end = time.monotonic() + _LATE_LIMIT_S
        for payer in late:
            while (await self.view(payer))["state"] != "expired":
                if time.monotonic() > end:
                    raise PaymentFailed(f"{payer.role.code}: khoản phải nộp không hết hạn")
                await asyncio.sleep(0.5)
            order = {**await self._named(payer), "action": "pay_late"}
            await self.play.send("POST", f"{self.intermediaries}/pay", order)

    async def settled(self, limit_s: float = 30.0) -> None:
        """Wait until the gateway knows of every đồng that came in."""
        self.play.progress.act = "chờ cổng ghi nhận các khoản nộp"
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            views = [await self.view(payer) for payer in self.people]
            if all(_known(payer, view) for payer, view in zip(self.people, views, strict=True)):
                return
            await asyncio.sleep(0.25)

    async def view(self, payer: Payer) -> Any:
        """The payment as the gateway shows it to the resolution system."""
        target = f"/v1/payments/{self.payments[payer.role.code]}"
        return msgspec.json.decode(await self.play.call(RESOLUTION_SYSTEM, "GET", target, "", b""))

    async def books(self) -> Any:
        """What the intermediaries hold."""
        return await self.play.get(f"{self.intermediaries}/books")

    async def lies(self) -> list[Any]:
        """The notices that somebody made up, with what the gateway answered each time."""
        told = (await self.play.get(f"{self.intermediaries}/notices"))["notices"]
        return [notice for notice in told if notice["lie"]]

    async def receipts(self) -> Any:
        """What the service for receipts has issued."""
        return (await self.play.get(f"http://127.0.0.1:{self.tills.receipts}/_simulator/receipts"))["receipts"]

    async def _ask(self, payer: Payer) -> None:
        procedure = payer.role.dossier["procedure"]
        assert isinstance(procedure, Mapping)
        order = {
            "request_id": f"phi-{payer.role.code}",
            "dossier_code": payer.role.code,
            "procedure_code": procedure["code"],
            "procedure_name": procedure["name"],
            "unit_code": "000.00.01.G16",
            "unit_name": "Đơn vị thu (ví dụ)",
            "fee_lines": payer.lines,
            "amount": payer.amount,
            "payer": {"name": "Người Nộp Phí", "number": "001090000000", "address": "Hà Nội"},
            "provider": payer.provider,
            "channel": "counter" if payer.way is Way.COUNTER else "web",
            **({"expires_in_minutes": 1} if payer.way is Way.LATE else {}),
        }
        raw = await self.play.call(RESOLUTION_SYSTEM, "POST", "/v1/payments", _JSON, msgspec.json.encode(order))
        told = msgspec.json.decode(raw)
        self.payments[payer.role.code] = told["payment_id"]
        self.addresses[payer.role.code] = told.get("pay_url", "")

    async def _act(self, payer: Payer, action: str) -> None:
        """Do at the intermediary what a payer does on its page."""
        address = await self._address(payer)
        await self.play.send("POST", f"{self.intermediaries}/pay", {"address": address, "action": action})

    async def _address(self, payer: Payer) -> str:
        """Where the payer goes: told at once, or a moment later."""
        code = payer.role.code
        end = time.monotonic() + 30.0
        while not self.addresses[code]:
            view = await self.view(payer)
            self.addresses[code] = str(view["pay_url"])
            if time.monotonic() > end:
                raise PaymentFailed(f"{code}: không có địa chỉ để nộp")
            await asyncio.sleep(0.1)
        return self.addresses[code]

    async def _forge(self, payer: Payer) -> None:
        """Somebody says in the intermediary's name that this one has paid, with a key that is none of its own."""
        await self._act(payer, "abandon")
        forged = {**await self._named(payer), "lie": "strangers_key", "amount": payer.amount}
        await self.play.send("POST", f"{self.intermediaries}/notices", forged)

    async def _named(self, payer: Payer) -> dict[str, object]:
        """The payer's order as its intermediary calls it."""
        view = await self.view(payer)
        return {"provider": payer.provider, "ref": view["attempts"][0]["reference"]}

    async def _at_the_counter(self, payer: Payer) -> None:
        """An officer takes cash and enters the receipt."""
        order = {
            "request_id": f"quay-{payer.role.code}",
            "method": "cash",
            "officer": "canbo.thuphi",
            "receipt_no": f"BL-{payer.role.code[-4:]}",
            "received_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "amount": payer.amount,
        }
        target = f"/v1/payments/{self.payments[payer.role.code]}/counter-receipts"
        try:
            await self.play.call(RESOLUTION_SYSTEM, "POST", target, _JSON, msgspec.json.encode(order))
        except Refused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise


def owing(*, late: bool) -> tuple[Payer, ...]:
    """Who owes what, and pays how: the same at every performance. `late`: with the one whose time is over first."""
    ways = (
        (Way.ONCE, "pp"),
        (Way.ONCE, "vnpay"),
        (Way.TWICE, "momo"),
        (Way.ONCE, "zalopay"),
        (Way.FORGED, "vnpay"),
        (Way.COUNTER, ""),
        (Way.ONCE, "momo"),
        (Way.LATE, "vnpay"),
        (Way.ONCE, "pp"),
    )
    rows = load_table("procedures").rows
    return tuple(
        _payer(index, way, provider, rows[index % len(rows)])
        for index, (way, provider) in enumerate(ways)
        if late or way is not Way.LATE
    )


def _payer(index: int, way: Way, provider: str, row: TableRow) -> Payer:
    assert provider in ("", *PROVIDERS)
    received = received_at(9, index)
    code = code_of(received, _FIRST + index)
    charge = {
        "id": "PHI-1",
        "kind": "charge",
        "code": "PTD01",
        "name": "Phí thẩm định",
        "amount": 300_000 + 50_000 * index,
    }
    fee = {"id": "LP-1", "kind": "fee", "code": "LPC01", "name": "Lệ phí cấp", "amount": 50_000}
    lines = (charge, fee) if index % 2 else (charge,)
    states = ["received", "awaiting_payment"] + (["processing"] if way is not Way.FORGED else [])
    events = tuple(_event(code, state, received + timedelta(hours=step), lines) for step, state in enumerate(states))
    given: dict[str, object] = {"origin": "online_ministry", "delivery": {"result_method": "direct"}}
    snapshot = dossier(code, row, received, "Người Nộp Phí", **given)
    return Payer(Role(snapshot, RESOLUTION_SYSTEM, events), way, provider, lines)


def _event(code: str, state: str, at: datetime, lines: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """An own event of the resolution system; that of `processing` it makes itself, when the payment is proposed."""
    content = {"received": "Tiếp nhận hồ sơ", "awaiting_payment": "Thông báo nộp phí, lệ phí"}.get(state, "Đã nộp")
    asked = {"fees": list(lines)} if state == "awaiting_payment" else {}
    return own_event(code, state, at, content, **asked)


def _known(payer: Payer, view: Mapping[str, Any]) -> bool:
    """Whether the gateway knows what this payer did, as far as it can."""
    if payer.way is Way.FORGED:
        return True
    if payer.way is Way.TWICE and not view["refunds"]:
        return False
    return bool(view["completed_at"]) and all(one["state"] == "issued" for one in view["receipts"])
