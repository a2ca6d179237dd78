"""Control of what stands beside the simulated intermediaries: the portal's pull, free transfers at the bank, statements.

Payment facts 3.1 (the portal asks us what is due), 3.13 and 5. Statements are also given to a merchant's machine, under
`GET /statements/{provider}/{yyyymmdd}` with the merchant's token where one is set; a day that is not over is 404.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import aiohttp
import msgspec
from aiohttp import web

from connectors.kit.simulation import json_answer, order
from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_bills import checked_bill
from connectors.payment.simulator_books import Duplicate
from connectors.payment.simulator_options import PROVIDERS
from connectors.payment.simulator_payer import Action, Impossible, Payer
from connectors.payment.simulator_pp import Pp
from connectors.payment.simulator_statements import StatementOrder, statement
from connectors.payment.simulator_vietqr import Vietqr
from connectors.payment.simulator_wire import VIET_NAM, Refusal
from connectors.payment.simulator_world import World

_PATIENCE = aiohttp.ClientTimeout(total=15.0)
_OURS = ("client_id", "transaction_id", "MaTraCuuTT", "SoTien")


class _Pull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    dossier: str
    action: Action | None = Action.PAY
    wait: bool = True


class _Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    account: str
    amount: int
    text: str
    bin: str = "970436"
    direction: Literal["C", "D"] = "C"
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """The portal, the bank and the accountants of a world."""

    world: World
    payer: Payer
    portal: Pp
    bank: Vietqr

    def mount(self, app: web.Application) -> None:
        """Add the orders and the statements."""
        app.router.add_post("/_simulator/pull", self.pull)
        app.router.add_post("/_simulator/transfer", self.transfer)
        app.router.add_post("/_simulator/statements", self.write)
        app.router.add_get("/statements/{provider}/{date}", self.statements)

    async def pull(self, request: web.Request) -> web.Response:
        """Ask the gateway what is due for a dossier, as the portal does, and have it paid."""
        ordered = await order(request, _Pull)
        status, said = await self._asked(ordered.dossier)
        told: dict[str, object] = {"status": status, "answer": said, "ref": "", "fault": ""}
        due = said.get("message") if isinstance(said, dict) and said.get("error_code") == 1 else None
        if not isinstance(due, dict):
            return json_answer(told)
        try:
            charge = self._begun(ordered.dossier, due)
            told["ref"] = charge.ref
            did = self.payer.act(charge, ordered.action) if ordered.action is not None else None
        except (Refusal, Impossible) as error:
            return json_answer(told | {"fault": str(error)})
        except Duplicate:
            return json_answer(told | {"fault": "transaction_id đã có"})
        if did is not None and ordered.wait:
            await self.world.postman.ended(did.notices)
        return json_answer(told)

    async def transfer(self, request: web.Request) -> web.Response:
        """A movement on an account that nobody's QR made."""
        ordered = await order(request, _Transfer)
        if ordered.amount < 1:
            raise web.HTTPUnprocessableEntity(text="amount: phải lớn hơn 0")
        holder = (ordered.bin, ordered.account)
        line, sent = self.bank.transfer(holder, ordered.amount, ordered.text, ordered.direction)
        if ordered.wait:
            await self.world.postman.ended(sent)
        return json_answer(line.shown())

    async def write(self, request: web.Request) -> web.Response:
        """Make a statement, and put it where the gateway looks for it."""
        ordered = await order(request, StatementOrder)
        day = self._day(ordered.provider, ordered.date or f"{self.world.now().astimezone(VIET_NAM):%Y%m%d}")
        self.world.tick()
        made = statement(self.world, ordered, day)
        if ordered.write:
            try:
                made.put(Path(self.world.options.statements_dir))
            except OSError as error:
                raise web.HTTPUnprocessableEntity(text=f"statements_dir: không ghi được ({error.strerror})") from error
        return json_answer({"name": made.name, "sha256": made.sha256, "content": made.content.decode()})

    async def statements(self, request: web.Request) -> web.StreamResponse:
        """The statement of a day that is over, for the merchant's machine."""
        provider, text = request.match_info["provider"], request.match_info["date"]
        authorization = request.headers.get("Authorization", "")

        def work(_body: bytes) -> web.Response:
            day = self._day(provider, text)
            own = self.world.options.of(provider)
            if own.bearer and authorization != f"Bearer {own.bearer}":
                return web.Response(status=401)
            if day >= self.world.now().astimezone(VIET_NAM).date():
                return web.Response(status=404)
            made = statement(self.world, StatementOrder(provider=provider), day)
            headers = {"Content-Disposition": f'attachment; filename="{made.name}"', "X-Content-SHA256": made.sha256}
            return web.Response(body=made.content, content_type="text/csv", charset="utf-8", headers=headers)

        return await self.world.play(request, "statements", work, provider)

    async def _asked(self, dossier: str) -> tuple[int, Any]:
        world = self.world
        url = f"{world.edge_url or world.gateway_url}/payments/{world.options.upstream}/pp/due"
        headers = {"Content-Type": "application/json"}
        if world.options.pull_token:
            headers["Authorization"] = f"Bearer {world.options.pull_token}"
        body = msgspec.json.encode({"MaHoSo": dossier})
        connector = aiohttp.TCPConnector(ssl=world.postman.tls if world.postman.tls is not None else True)
        try:
            async with (
                aiohttp.ClientSession(timeout=_PATIENCE, connector=connector) as http,
                http.post(url, data=body, headers=headers, allow_redirects=False) as got,
            ):
                return got.status, wire.read_object(await got.read(), "unreadable")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, {"fault": type(error).__name__}
        except Refusal as refused:
            return 200, {"fault": str(refused)}

    def _begun(self, dossier: str, due: dict[str, Any]) -> Any:
        """An order of the platform for what is due; raises `Refusal` for an answer that the portal cannot use."""
        for name in _OURS:
            wire.as_text(due, name, "03", "[!-~]{1,100}")
        if due["client_id"] != self.world.options.pp.merchant and due["client_id"] != "":
            raise Refusal("02", "client_id")
        if not due["MaTraCuuTT"].startswith(dossier) or len(due["MaTraCuuTT"]) != len(dossier) + 14:
            raise Refusal("03", "invalid MaTraCuuTT")
        amount = wire.as_digits(due, "SoTien", "03")
        bill = checked_bill({name: value for name, value in due.items() if name not in _OURS}, amount, "03")
        text = bill["NoiDungThanhToan"]
        told = {
            "ThongTinGiaoDich": text,
            "ThoiGianGD": due["MaTraCuuTT"][-14:],
            "bill": msgspec.json.encode(bill).decode(),
            "MaHoSo": dossier,
        }
        return self.portal.begin(due["transaction_id"], amount, text, told)

    def _day(self, provider: str, text: str) -> date:
        """A day of a provider; answers 422 for anything else."""
        if provider not in PROVIDERS:
            raise web.HTTPUnprocessableEntity(text=f"provider: chỉ có {', '.join(PROVIDERS)}")
        try:
            return wire.moment(f"{text}120000", "date", "").astimezone(VIET_NAM).date()
        except Refusal:
            raise web.HTTPUnprocessableEntity(text="date: phải theo dạng yyyymmdd") from None
