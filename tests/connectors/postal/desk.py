"""The connector in one process before the simulated carriers: its ledgers in memory, a clock that is turned, callers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec

from connectors.kit.books import MemoryBooks
from connectors.kit.contract import (
    Budget,
    Decided,
    DeliverTask,
    Enquiry,
    Found,
    Kit,
    Notice,
    Page,
    RaiseAlarm,
    Receipt,
    Reply,
    Sender,
    Task,
    TaskDelivery,
)
from connectors.kit.errors import DeliveryError, OutcomeUnknown
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.kit.lone import LoneCoordination
from connectors.kit.papers import NoSigner, PaperSigner
from connectors.kit.settings import typed
from connectors.kit.simulation import SIMULATION, Simulation, opened
from connectors.postal.connector import PostalConnector
from connectors.postal.identity import SHIPMENTS
from connectors.postal.parcels import read_shipment
from connectors.postal.settings import Settings
from connectors.postal.shipment import Shipment
from connectors.postal.simulator import create_app

NO_SIGNER = NoSigner()
SECRETS = {
    "env:H2_KEY": "simulator-consumer",
    "env:H2_SECRET": "simulator-consumer-secret",
    "env:M1_USER": "simulator",
    "env:M1_PASSWORD": "simulator-password",
}
CALLER = Sender("GQHS", "resolution", ("*",))
DOSSIER = "000.00.00.G16-261122-0001"
CITIZEN: dict[str, Any] = {
    "name": "Nguyễn Thị Mẫu",
    "phone": "0900000000",
    "place": {"list_version": "GSO-2024", "province": "79", "text": "Số 1, phường Ví Dụ, Thành phố Hồ Chí Minh"},
}
AGENCY: dict[str, Any] = {
    "name": "Bộ phận Một cửa",
    "phone": "02400000000",
    "place": {"province": "01", "text": "51 Ngô Quyền, phường Cửa Nam, Hà Nội"},
}
FEED_STATUSES = {
    "1": "accepted",
    "2": "collecting",
    "3": "collected",
    "5": "in_transit",
    "6": "at_office",
    "7": "out_for_delivery",
    "8": "failed_attempt",
    "9": "returning",
    "10": "returned",
    "11": "cancelled",
    "12": "exception",
    "13": "collect_failed",
    "14": "cod_collected",
    "15": "cod_remitted",
}
"""What the simulator's invented codes mean, as an operator would write them into `statuses`."""


def h2(simulator: str, **changes: object) -> dict[str, Any]:
    """The NGSP adapter at the simulator, as an operator configures it."""
    return {
        "name": "vnpost",
        "profile": "h2",
        "customer": "SIMBUUDIEN",
        "base_url": f"{simulator}/h2/apiVNPostNGSP/p1.0",
        "token_url": f"{simulator}/h2/token",
        "secrets": {"consumer_key": "env:H2_KEY", "consumer_secret": "env:H2_SECRET"},
        "statuses": FEED_STATUSES,
        "options": {"settle_s": 0.0},
        "allow_plain": ["127.0.0.1"],
        **changes,
    }


def m1(simulator: str, **changes: object) -> dict[str, Any]:
    """donhang at the simulator, as an operator configures it; its notices are heard elsewhere."""
    return {
        "name": "donhang",
        "profile": "m1",
        "customer": "SIMDOITAC",
        "base_url": f"{simulator}/m1/api/api",
        "secrets": {"username": "env:M1_USER", "password": "env:M1_PASSWORD"},
        "options": {"auth": "login", "service": "BK"},
        "allow_plain": ["127.0.0.1"],
        **changes,
    }


def settings(simulator: str, **changes: object) -> dict[str, Any]:
    """A configuration of one carrier at the simulator; a feed that may be read at once, and nobody waits."""
    return {
        "carriers": [h2(simulator)],
        "agencies": {"default": AGENCY},
        "tracking": {"interval_s": 1e-6},
        "cancel_wait_s": 0.0,
        **changes,
    }


def wanted(**changes: object) -> dict[str, Any]:
    """A request for a result to go to a citizen, with a fee to collect."""
    return {
        "request_id": "thu-1",
        "dossier_code": DOSSIER,
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép thử nghiệm",
        "direction": "deliver",
        "citizen": CITIZEN,
        "cod_lines": [{"fee_id": "PTD01", "name": "Phí thẩm định", "amount": 150_000}],
        **changes,
    }


@dataclass
class Desk:
    """The connector, its ledgers, the simulator behind it."""

    connector: PostalConnector
    books: MemoryBooks
    simulation: Simulation
    simulator: str
    ahead: timedelta = timedelta()
    carried: int = 0
    cursors: dict[str, str] = field(default_factory=dict)
    ended: list[Receipt | Enquiry | DeliveryError] = field(default_factory=list)

    def now(self) -> datetime:
        """The time of the gateway."""
        return datetime.now(UTC) + self.ahead

    async def ask(
        self, method: str, path: str, tree: object = None, *, sender: Sender | None = CALLER, carry: bool = True
    ) -> Reply:
        """A call to an endpoint by its own path, carried as the house carries it: changes first, then tasks, then the answer."""
        reply = await self.heard(method, path, tree, sender=sender)
        self.books.take(reply.inputs)
        if carry:
            await self.carry()
        return await reply.then() if reply.then is not None else reply

    async def heard(self, method: str, path: str, tree: object = None, *, sender: Sender | None = CALLER) -> Reply:
        """What an endpoint makes of a call, before anything of it is stored."""
        body = tree if isinstance(tree, bytes) else b"" if tree is None else msgspec.json.encode(tree)
        path, _, query = path.partition("?")
        for endpoint in self.connector.endpoints():
            params = _matched(endpoint.path, path)
            if endpoint.method == method and params is not None:
                return await endpoint.handler(
                    replace(self.notice(method, path, body), query=query, params=params, sender=sender)
                )
        raise LookupError(path)

    def notice(self, method: str, path: str, body: bytes = b"") -> Notice:
        """A call of our own resolution system."""
        return Notice(method, path, "", {}, body, "127.0.0.1", sender=CALLER)

    async def asked(self, **changes: object) -> Any:
        """A parcel that was asked for: the view as it is after its order went out."""
        reply = await self.ask("POST", "/v1/shipments", wanted(**changes))
        assert reply.status == 201, reply.body
        return msgspec.json.decode(reply.body)

    def breaks(self, match: str, kind: FaultKind, times: int = 1) -> None:
        """The next calls of that operation of the simulator meet a fault."""
        self.simulation.plan = FaultPlan(script=(ScriptedFault(fault=kind, match=match, times=times),))

    def calls(self, operation: str) -> int:
        """How often an operation of the simulator was called."""
        return sum(call.operation == operation for call in self.simulation.log.calls)

    def alarms(self) -> list[str]:
        """The codes of all alarms that were raised."""
        return [effect.code for _, effect in self.books.effects if isinstance(effect, RaiseAlarm)]

    async def wanted(self, **changes: object) -> tuple[str, DeliverTask]:
        """A parcel that was asked for, and the task of its order, which nobody has carried yet."""
        reply = await self.ask("POST", "/v1/shipments", wanted(**changes), carry=False)
        assert reply.status == 201, reply.body
        shipment_id = msgspec.json.decode(reply.body)["shipment_id"]
        self.carried = len(self.books.effects)
        return shipment_id, DeliverTask("order", {"shipment_id": shipment_id})

    def tasks(self) -> list[tuple[str, DeliverTask]]:
        """Every task that the ledger has asked for."""
        return [(change.id, effect) for change, effect in self.books.effects if isinstance(effect, DeliverTask)]

    async def parcels(self) -> list[Any]:
        """Every order that the simulated carriers hold."""
        found: list[Any] = (await self.order("GET", "books"))["parcels"]
        return found

    async def carry(self) -> None:
        """Carry the tasks that the ledger has asked for; what they teach it is taken."""
        while self.carried < len(self.books.effects):
            change, effect = self.books.effects[self.carried]
            self.carried += 1
            if isinstance(effect, DeliverTask) and not effect.to:
                await self.deliver(change.id, effect)

    async def deliver(self, shipment_id: str, effect: DeliverTask) -> Receipt | DeliveryError:
        """Carry one task."""
        try:
            ended: Receipt | DeliveryError = await self.connector.deliver_task(self.delivery(shipment_id, effect))
        except DeliveryError as error:
            ended = error
        self.ended.append(ended)
        self.books.take(ended.inputs)
        return ended

    async def enquire(self, shipment_id: str, effect: DeliverTask) -> Enquiry | DeliveryError:
        """Ask what became of a task, and take what that teaches."""
        try:
            ended: Enquiry | DeliveryError = await self.connector.enquire_task(self.delivery(shipment_id, effect))
        except DeliveryError as error:
            ended = error
        self.ended.append(ended)
        self.books.take(ended.inputs)
        if isinstance(ended, Enquiry) and ended.receipt is not None:
            self.books.take(ended.receipt.inputs)
        return ended

    async def followed(self, shipment_id: str, effect: DeliverTask, most: int = 12) -> str:
        """What the line makes of a task without waiting: `done`, or `held` for a person."""
        ended: object = await self.deliver(shipment_id, effect)
        for _ in range(most):
            if isinstance(ended, Receipt):
                return "done"
            if isinstance(ended, OutcomeUnknown):
                enquiry = await self.enquire(shipment_id, effect)
                while isinstance(enquiry, OutcomeUnknown):
                    # The line asks again later; meanwhile the pollers do their rounds.
                    for name in ("feed_h2", "feed_h3"):
                        await self.poll(name)
                    enquiry = await self.enquire(shipment_id, effect)
                if isinstance(enquiry, Enquiry) and enquiry.found is Found.DONE:
                    return "done"
                if isinstance(enquiry, Enquiry) and not (enquiry.found is Found.NOT_FOUND or enquiry.repeat_allowed):
                    return "held"
            ended = await self.deliver(shipment_id, effect)
        return "held"

    def delivery(self, shipment_id: str, effect: DeliverTask) -> TaskDelivery:
        """A task as the line hands it over."""
        task = Task(effect.operation, "postal", SHIPMENTS, shipment_id, 1, "H", self.now(), effect.fields)
        budget = Budget(time.monotonic() + 60, 10)
        return TaskDelivery("d", "postal", effect.operation, "H", 1, 1, task, self.now(), budget)

    async def poll(self, name: str) -> Page:
        """One page of a poller, stored with its cursor."""
        page = await self.connector.pollers()[name].poll(self.cursors.get(name, ""))
        self.books.take(page.inputs)
        self.cursors[name] = page.cursor
        return page

    async def decide(self, name: str, shipment_id: str, /, **fields: str) -> None:
        """Two operators decide."""
        taken = Decided(name, shipment_id, fields, f"d-{len(self.ended)}", "op1", "op2", "thử", self.now())
        self.books.take((await self.connector.decided(taken),))

    async def shipment(self, shipment_id: str) -> Shipment:
        """The parcel as it stands."""
        entry = await self.books.read(SHIPMENTS, shipment_id)
        assert entry is not None
        return read_shipment(entry.state)

    async def order(self, method: str, path: str, tree: object = None) -> Any:
        """An order to the simulated carriers."""
        data = None if tree is None else msgspec.json.encode(tree)
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.simulator}/_simulator/{path}", data=data) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()


@contextlib.asynccontextmanager
async def opened_desk(
    options: Mapping[str, object] | None = None, signer: PaperSigner = NO_SIGNER, **changes: object
) -> AsyncIterator[Desk]:
    """A desk; `options` are the simulator's, `changes` the connector's settings. A callable change is given the address."""
    app = create_app({"gateway_url": "http://127.0.0.1:9", **(options or {})})
    async with opened(app) as door:
        simulator, books = f"http://127.0.0.1:{door.port}", MemoryBooks()
        held: list[Desk] = []
        kit = Kit(
            "postal", lambda: held[0].now(), time.monotonic, LoneCoordination(), SECRETS.__getitem__, books, signer
        )
        chosen = {name: value(simulator) if callable(value) else value for name, value in changes.items()}
        ready, faults = typed(settings(simulator, **chosen), Settings)
        assert ready is not None, faults
        connector = PostalConnector(ready, kit)
        books.ledgers = connector.ledgers()
        held.append(Desk(connector, books, app[SIMULATION], simulator))
        try:
            yield held[0]
        finally:
            await connector.close()


def _matched(template: str, path: str) -> dict[str, str] | None:
    """What the placeholders of a template stand for in a path."""
    named, given = template.split("/"), path.split("/")
    pairs = list(zip(named, given, strict=False))
    if len(named) != len(given) or any(one != two for one, two in pairs if not one.startswith("{")):
        return None
    return {one.strip("{}"): two for one, two in pairs if one.startswith("{")}
