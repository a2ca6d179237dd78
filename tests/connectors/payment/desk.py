"""The connector in one process before the simulated intermediaries: its ledgers in memory, a clock that is turned, callers."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from connectors.kit import registry
from connectors.kit.books import MemoryBooks
from connectors.kit.contract import (
    Budget,
    DeliverTask,
    Enquiry,
    Kit,
    Notice,
    Page,
    Receipt,
    Reply,
    Sender,
    Task,
    TaskDelivery,
)
from connectors.kit.errors import DeliveryError
from connectors.kit.lone import LoneCoordination
from connectors.kit.simulation import SIMULATION, Simulation, opened
from connectors.payment.connector import PaymentConnector
from connectors.payment.entering import LEDGER
from connectors.payment.orders import read_payment
from connectors.payment.payment import Payment

SECRETS = {
    "env:VNPAY": "simulator-vnpay",
    "env:MOMO": "simulator-momo",
    "env:ACCESS": "simulator-access",
    "env:QR": "simulator-vietqr",
    "env:PP": "simulator-pp",
    "env:PORTAL": "portal-token-71aa",
}
AMOUNT = 500_000
PAYER = {"name": "Nguyễn Văn Nộp", "number": "001090000000", "address": "Hà Nội"}
CALLER = Sender("GQHS", "resolution", ("*",))


def settings(simulator: str, **changes: object) -> dict[str, Any]:
    """A configuration of four intermediaries at the simulator."""
    plain: dict[str, object] = {"sources": ["127.0.0.1"], "allow_plain": ["127.0.0.1"]}
    momo = f"{simulator}/momo/v2/gateway/api"
    providers: list[dict[str, object]] = [
        {
            "profile": "vnpay",
            "merchant": "SIMTMN01",
            "endpoints": {
                "pay": f"{simulator}/vnpay/paymentv2/vpcpay.html",
                "api": f"{simulator}/vnpay/merchant_webapi/api/transaction",
            },
            "keys": [{"id": "1", "secret": "env:VNPAY"}],
        },
        {
            "profile": "momo",
            "merchant": "SIMMOMO",
            "endpoints": {
                "create": f"{momo}/create",
                "query": f"{momo}/query",
                "refund": f"{momo}/refund",
                "refund_query": f"{momo}/refund/query",
            },
            "keys": [{"id": "1", "secret": "env:MOMO"}, {"id": "1", "role": "access", "secret": "env:ACCESS"}],
        },
        {
            "profile": "pp",
            "merchant": "SIMPP",
            "endpoints": {
                "init": f"{simulator}/pp/init",
                "query": f"{simulator}/pp/query",
                "bill": f"{simulator}/pp/bill",
            },
            "keys": [{"id": "1", "secret": "env:PP"}],
        },
        {"profile": "vietqr", "merchant": "970436:0011001234567", "keys": [{"id": "1", "secret": "env:QR"}]},
    ]
    return {
        "public_url": "https://cong.example.gov.vn",
        "return_hosts": ["motcua.example.vn"],
        "create_wait_s": 0.0,
        "beneficiaries": {
            "default": {"account": "0011001234567", "bank_code": "VCB", "account_name": "CUC", "bin": "970436"}
        },
        "portal_pull": {"sources": ["10.9.0.0/16"], "token": "env:PORTAL"},
        "providers": [{**plain, **one} for one in providers],
        **changes,
    }


def wanted(**changes: object) -> dict[str, Any]:
    """A request for a fee of 500 000 đồng."""
    return {
        "request_id": "thu-1",
        "dossier_code": "000.00.00.G16-261122-0001",
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép thử nghiệm",
        "unit_code": "000.00.00.G16",
        "unit_name": "Cục thử nghiệm",
        "fee_lines": [
            {"kind": "charge", "code": "PTD01", "name": "Phí thẩm định", "amount": 450_000},
            {"kind": "fee", "code": "LPC01", "name": "Lệ phí cấp", "amount": 50_000},
        ],
        "amount": AMOUNT,
        "payer": PAYER,
        **changes,
    }


@dataclass
class Desk:
    """The connector, its ledgers, the simulator behind it."""

    connector: PaymentConnector
    books: MemoryBooks
    simulation: Simulation
    simulator: str
    ahead: timedelta = timedelta()
    carried: int = 0
    ended: list[Receipt | Enquiry | DeliveryError] = field(default_factory=list)

    def now(self) -> datetime:
        """The time of the gateway."""
        return datetime.now(UTC) + self.ahead

    async def ask(
        self, method: str, path: str, tree: object = None, *, sender: Sender | None = CALLER, **more: Any
    ) -> Reply:
        """A call to an endpoint by its own path, carried as the house carries it: changes first, then tasks, then the answer."""
        body = tree if isinstance(tree, bytes) else b"" if tree is None else msgspec.json.encode(tree)
        for endpoint in self.connector.endpoints():
            params = _matched(endpoint.path.replace("{upstream}", "payment"), path)
            if endpoint.method == method and params is not None:
                given = {"peer": "127.0.0.1", "query": "", "headers": {}, **more}
                reply = await endpoint.handler(Notice(method, path, body=body, params=params, sender=sender, **given))
                self.books.take(reply.inputs)
                await self.carry()
                return await reply.then() if reply.then is not None else reply
        raise LookupError(path)

    async def asked(self, **changes: object) -> Any:
        """A fee that was asked for: the view."""
        reply = await self.ask("POST", "/v1/payments", wanted(**changes))
        assert reply.status in (201, 202), reply.body
        return msgspec.json.decode(reply.body)

    async def carry(self) -> None:
        """Carry the tasks that the ledger has asked for; what they teach it is taken."""
        while self.carried < len(self.books.effects):
            change, effect = self.books.effects[self.carried]
            self.carried += 1
            if isinstance(effect, DeliverTask) and not effect.to:
                await self.deliver(change.id, effect)

    async def deliver(self, payment_id: str, effect: DeliverTask, attempt: int = 1) -> Receipt | DeliveryError:
        """Carry one task."""
        delivery = self.delivery(payment_id, effect, attempt)
        try:
            ended: Receipt | DeliveryError = await self.connector.deliver_task(delivery)
        except DeliveryError as error:
            ended = error
        self.ended.append(ended)
        self.books.take(ended.inputs)
        return ended

    def delivery(self, payment_id: str, effect: DeliverTask, attempt: int = 1) -> TaskDelivery:
        """A task as the line hands it over."""
        task = Task(effect.operation, "payment", LEDGER, payment_id, 1, "H", self.now(), effect.fields)
        budget = Budget(time.monotonic() + 60, 10)
        return TaskDelivery("d", "payment", effect.operation, "H", 1, attempt, task, self.now(), budget)

    async def poll(self, name: str = "due", cursor: str = "") -> Page:
        """One page of a poller, taken."""
        page = await self.connector.pollers()[name].poll(cursor)
        self.books.take(page.inputs)
        return page

    async def payment(self, payment_id: str) -> Payment:
        """The payment as it stands."""
        entry = await self.books.read(LEDGER, payment_id)
        assert entry is not None
        return read_payment(entry.state)

    async def order(self, method: str, path: str, tree: object = None) -> Any:
        """An order to the simulated intermediaries."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.simulator}/_simulator/{path}", data=msgspec.json.encode(tree)) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def visit(self, address: str) -> None:
        """A payer looks at a page."""
        async with aiohttp.ClientSession() as session, session.get(address, allow_redirects=False) as answer:
            await answer.read()


@contextlib.asynccontextmanager
async def opened_desk(options: Mapping[str, object] | None = None, **changes: object) -> AsyncIterator[Desk]:
    """A desk; `options` are the simulator's, `changes` the connector's settings."""
    app = registry.simulator("payment")({"gateway_url": "http://127.0.0.1:9", **(options or {})})
    async with opened(app) as door:
        simulator, books = f"http://127.0.0.1:{door.port}", MemoryBooks()
        held: list[Desk] = []
        kit = Kit("payment", lambda: held[0].now(), time.monotonic, LoneCoordination(), SECRETS.__getitem__, books)
        connector = registry.create("payment", settings(simulator, **changes), kit)
        assert isinstance(connector, PaymentConnector)
        books.ledgers = connector.ledgers()
        held.append(Desk(connector, books, app[SIMULATION], simulator))
        try:
            yield held[0]
        finally:
            await connector.close()


def returned_from_momo(ref: str, **changes: str) -> str:
    """The query that a payer's browser brings back from MoMo (facts 3.6): this witness's own reading of the signature."""
    given = {
        "accessKey": SECRETS["env:ACCESS"],
        "amount": str(AMOUNT),
        "extraData": "",
        "message": "Thanh cong",
        "orderId": ref,
        "orderInfo": "Phi",
        "orderType": "momo_wallet",
        "partnerCode": "SIMMOMO",
        "payType": "qr",
        "requestId": ref,
        "responseTime": "1790000000000",
        "resultCode": "0",
        "transId": "14000001",
        **changes,
    }
    text = "&".join(f"{name}={value}" for name, value in given.items())
    signature = hmac.new(SECRETS["env:MOMO"].encode(), text.encode(), hashlib.sha256).hexdigest()
    brought = {name: value for name, value in given.items() if name != "accessKey"}
    return urlencode({**brought, "signature": signature})


def _matched(template: str, path: str) -> dict[str, str] | None:
    """What the placeholders of a template stand for in a path."""
    wanted, given = template.split("/"), path.split("/")
    pairs = list(zip(wanted, given, strict=False))
    if len(wanted) != len(given) or any(one != two for one, two in pairs if not one.startswith("{")):
        return None
    return {one.strip("{}"): two for one, two in pairs if one.startswith("{")}
