"""The edge of a gateway with the notices of the post on it: real server, real journal in memory, donhang as the carrier."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer

from connectors.kit.contract import Change, Kit
from connectors.kit.declarations import Declarations, LedgerSpec, ListenerSpec
from connectors.kit.manifest import Manifest
from connectors.kit.networks import networks_of
from connectors.postal.changes import ShipmentAsked, ShipmentChange
from connectors.postal.entering import change_of
from connectors.postal.identity import SHIPMENTS, STRAYS, shipment_id_of
from connectors.postal.ledger import Shipments
from connectors.postal.notices import Notices, Voice
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.settings import NoticeLimits
from connectors.postal.shipment import Shipment
from connectors.postal.speaking import Hears
from connectors.postal.strays import Stray, Strays
from gateway.app import EdgeParts, create_edge_app
from gateway.clock import Clock
from gateway.config import Intake as IntakePolicy
from gateway.coordination.memory import MemoryCoordination
from gateway.evidence.log import chain
from gateway.intake.accept import Door
from gateway.intake.decide import Decider
from gateway.intake.endpoints import ConnectorCalls, Desk, Window
from gateway.intake.inputs import Shelf, Taker
from gateway.intake.ledgers import Bound, LedgerBook
from gateway.intake.refusals import NoticeRefusals
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.routes import Routes
from mappings.codec import decode

from .donhang import GUID, as_pem, data_of, private_key, push
from .m1_orders import DOSSIER, NOW, NUMBER, account
from .shipments import parcel, placed

UPSTREAM = "postal"
CARRIER = "vnpost-m1"
SHIPMENT = shipment_id_of(CARRIER, NUMBER)


def asked() -> ShipmentAsked:
    """The usual parcel is asked for."""
    told = parcel(carrier=CARRIER, profile="m1", order_number=NUMBER, shipment_id=SHIPMENT)
    return msgspec.structs.replace(told, dossier_code=DOSSIER, at=NOW)


class Listening:
    """A connector that only listens."""

    def __init__(self, notices: Notices) -> None:
        self.read = notices.read

    async def close(self) -> None:
        """Holds nothing."""


@dataclass
class Edge:
    """What the carrier reaches, and what became of it."""

    server: TestServer
    session: aiohttp.ClientSession
    journal: MemoryJournal
    taker: Taker
    shelf: Shelf
    notices: Notices
    moment: list[datetime]
    alarms: list[str] = field(default_factory=list)

    async def ordered(self, **fields: Any) -> None:
        """The usual parcel, asked for and placed."""
        told = msgspec.structs.replace(placed(carrier_ref=GUID, **fields), at=NOW)
        await self.enter(asked(), told)

    async def enter(self, *changes: ShipmentChange) -> int:
        """Enter changes as endpoints and pollers do; how many were new."""
        entered: list[Change] = [change_of(SHIPMENT, change, DOSSIER) for change in changes]
        return (await self.taker.take(UPSTREAM, entered)).changed

    async def shipment(self) -> Shipment:
        """The parcel as it stands."""
        entry = await self.shelf.read(SHIPMENTS, SHIPMENT)
        assert entry is not None
        return decode(entry.state, Shipment)

    async def stray(self, order_number: str) -> Stray | None:
        """What was said about a number that is not ours."""
        entry = await self.shelf.read(STRAYS, shipment_id_of(CARRIER, order_number))
        return decode(entry.state, Stray) if entry is not None else None

    async def tell(self, send_date: str = "2026-11-21T10:09:30", **members: object) -> int:
        """A notice that the carrier signed about the usual parcel; the status of its acknowledgement."""
        return (await self.post(push(data_of(**members), send_date=send_date)))[0]

    async def post(
        self, body: bytes, name: str = "m1", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str]]:
        """A call by POST; status and headers of the answer."""
        url = self.server.make_url(f"/v1/callbacks/{UPSTREAM}/{name}")
        sent = headers if headers is not None else {"Content-Type": "application/json"}
        async with self.session.post(url, data=body, headers=sent) as answer:
            await answer.read()
            return answer.status, answer.headers

    async def refusals(self) -> list[str]:
        """Why notices were refused, as the trail says it."""
        rows = [row for row in await self.journal.feed(0, 10_000, feed_only=False) if row.kind == "notice.refused"]
        return [str(json.loads(row.fields)["code"]) for row in rows]


@asynccontextmanager
async def edge(
    limits: NoticeLimits | None = None, sources: tuple[str, ...] = (), key: str = "", began: datetime = NOW
) -> AsyncIterator[Edge]:
    """An edge; donhang may call from `sources` only where there are some. The clock stands until a test turns it.

    `key` is the one that the carrier signs with, where it is not that of the witness.
    """
    moment = [began]
    clock = Clock(now=lambda: moment[0], chance=lambda: 0.5)
    spec = LedgerSpec(sealed=True, effects=("deliver", "propose", "alarm", "tell"))
    open_spec = LedgerSpec(sealed=False, effects=("alarm",))
    book = LedgerBook(
        {
            (UPSTREAM, SHIPMENTS): Bound(Shipments(), spec, frozenset({"order", "cancel", "register"})),
            (UPSTREAM, STRAYS): Bound(Strays(), open_spec, frozenset()),
        },
        ("resolution",),
    )
    decide = Decider(Routes({}), {}, IntakePolicy(), None, book)
    journal = MemoryJournal(MemoryStore(), decide=decide, chain=chain, clock=clock)
    alarms: list[str] = []
    taker = Taker(journal, book, lambda _upstreams: None, lambda code, _upstream, _text: alarms.append(code))
    shelf = Shelf(UPSTREAM)
    shelf.journal = journal
    kit = Kit(UPSTREAM, clock.now, clock.instant, MemoryCoordination(clock), lambda _ref: "", shelf)
    dialogue = PROFILE.open(replace(account(PROFILE, public_keys=(key or as_pem(private_key()),)), now=clock.now))
    assert isinstance(dialogue, Hears)
    voices = {"m1": Voice(CARRIER, dialogue, PROFILE.methods, networks_of(sources))}
    window = Window(max_body_bytes=262_144, body_timeout_s=1.0)
    calls = ConnectorCalls(Desk(cast(Door, None), taker), Window(262_144, 1.0), window)
    manifest = Manifest(
        name="postal",
        title_vi="Bưu chính công ích",
        owner="",
        legal_basis=(),
        capabilities=("Listener",),
        operations={},
        quality={},
        declared=Declarations(listener=ListenerSpec(profiles=("m1",), methods=("POST",))),
    )
    notices = Notices(kit, voices, limits or NoticeLimits())
    mounted = calls.mounted(UPSTREAM, Listening(notices), manifest)
    app = create_edge_app(EdgeParts(mounted, NoticeRefusals(journal, clock), clock, lambda _name: None, window=window))
    server = TestServer(app)
    await server.start_server()
    try:
        async with aiohttp.ClientSession() as session:
            yield Edge(server, session, journal, taker, shelf, notices, moment, alarms)
    finally:
        await server.close()
        await journal.close()
