"""The edge of a gateway with the notices of payment on it: real server, real journal in memory, three intermediaries."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote_plus

import aiohttp
from aiohttp.test_utils import TestServer
from yarl import URL

from connectors.kit.contract import Change, Kit
from connectors.kit.declarations import Declarations, LedgerSpec, ListenerSpec
from connectors.kit.manifest import Manifest
from connectors.kit.networks import networks_of
from connectors.payment.changes import PaymentChange
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.ledger import Payments
from connectors.payment.notices import Notices, Voice
from connectors.payment.payment import Payment
from connectors.payment.profiles import keypay, momo, vnpay
from connectors.payment.settings import NoticeLimits
from connectors.payment.speaking import Account, Dialect, Key
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
from tests.planted import secret

from .fees import T0

UPSTREAM = "payment"
SECRET = secret("notices")
RECEIPTS = "bien-lai"
TERMINAL = "TESTTMN1"
PARTNER = "MOMOTEST"
ACCESS = "F8BBA842ECF85"


class Listening:
    """A connector that only listens."""

    def __init__(self, notices: Notices) -> None:
        self.read = notices.read

    async def close(self) -> None:
        """Holds nothing."""


@dataclass
class Edge:
    """What strangers reach, and what became of it."""

    server: TestServer
    session: aiohttp.ClientSession
    journal: MemoryJournal
    taker: Taker
    shelf: Shelf
    notices: Notices
    moment: list[datetime]
    alarms: list[str] = field(default_factory=list)

    async def enter(self, payment_id: str, *changes: PaymentChange, dossier_code: str = "") -> int:
        """Enter changes as endpoints and pollers do; how many were new."""
        entered: list[Change] = [change_of(payment_id, change, dossier_code) for change in changes]
        return (await self.taker.take(UPSTREAM, entered)).changed

    async def payment(self, payment_id: str) -> Payment:
        """A payment as it stands."""
        entry = await self.shelf.read(LEDGER, payment_id)
        assert entry is not None
        return decode(entry.state, Payment)

    async def vnpay(self, key: str = SECRET, **fields: str) -> tuple[int, dict[str, str]]:
        """A notice of VNPAY, signed by this witness; status and acknowledgement."""
        return await self.get(notice_of_vnpay(key, **fields))

    async def get(self, query: str) -> tuple[int, dict[str, str]]:
        """A call of VNPAY's address with a query as it stands."""
        path = f"/v1/callbacks/{UPSTREAM}/vnpay?{query}"
        async with self.session.get(URL(f"{self.server.make_url('/')}".rstrip("/") + path, encoded=True)) as answer:
            return answer.status, json.loads(await answer.read() or b"{}")

    async def post(self, name: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """A call by POST."""
        url = self.server.make_url(f"/v1/callbacks/{UPSTREAM}/{name}")
        sent = headers if headers is not None else {"Content-Type": "application/json"}
        async with self.session.post(url, data=body, headers=sent) as answer:
            return answer.status, await answer.read()

    async def rows(self, kind: str) -> list[Any]:
        """The audit rows of a kind."""
        return [row for row in await self.journal.feed(0, 10_000, feed_only=False) if row.kind == kind]


def notice_of_vnpay(key: str = SECRET, **fields: str) -> str:
    """The query of a notice of success (facts 3.5), its own reading of the signature: sorted, form-encoded, HMAC-SHA512."""
    given = {
        "vnp_TmnCode": TERMINAL,
        "vnp_Amount": "50000000",
        "vnp_BankCode": "NCB",
        "vnp_PayDate": "20260921143100",
        "vnp_OrderInfo": "Nop phi ho so",
        "vnp_TransactionNo": "14000001",
        "vnp_ResponseCode": "00",
        "vnp_TransactionStatus": "00",
        **{f"vnp_{name}": value for name, value in fields.items()},
    }
    text = "&".join(f"{quote_plus(name)}={quote_plus(given[name])}" for name in sorted(given) if given[name])
    return f"{text}&vnp_SecureHash={hmac.new(key.encode(), text.encode(), hashlib.sha512).hexdigest()}"


def notice_of_keypay(ref: str, **fields: str) -> bytes:
    """A callback that says paid (facts 3.2): six values joined by bars under key 2; everything else is anybody's."""
    told = {
        "client_id": PARTNER,
        "transaction_id": ref,
        "transaction_code": "KP1",
        "trans_amount": "500000",
        "command": "PAY",
        "addition_fee": "0",
        "version": "3.0",
        "currency_code": "VND",
        "status": "0",
        **fields,
    }
    signed = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
    text = "|".join(told[name] for name in signed)
    return json.dumps(
        {**told, "check_sum": hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()}
    ).encode()


@asynccontextmanager
async def edge(
    limits: NoticeLimits | None = None, sources: tuple[str, ...] = (), others: Sequence[Voice] = ()
) -> AsyncIterator[Edge]:
    """An edge; VNPAY may call from `sources` only where there are some. `others` are heard beside, or instead."""
    moment = [T0]
    clock = Clock(now=lambda: moment[0], chance=lambda: 0.5)
    operations = frozenset({"create", "refund", "receipt"})
    spec = LedgerSpec(sealed=True, effects=("deliver", "propose", "alarm", "tell"))
    book = LedgerBook({(UPSTREAM, LEDGER): Bound(Payments(RECEIPTS), spec, operations)}, ("resolution",))
    decide = Decider(Routes({}), {}, IntakePolicy(), None, book)
    journal = MemoryJournal(MemoryStore(), decide=decide, chain=chain, clock=clock)
    alarms: list[str] = []
    taker = Taker(journal, book, lambda _upstreams: None, lambda code, _upstream, _text: alarms.append(code))
    shelf = Shelf(UPSTREAM)
    shelf.journal = journal
    kit = Kit(UPSTREAM, clock.now, clock.instant, MemoryCoordination(clock), lambda _ref: SECRET, shelf)
    voices = {
        "vnpay": _voice(vnpay.PROFILE, TERMINAL, clock, sources),
        "momo": _voice(momo.PROFILE, PARTNER, clock, ()),
        "keypay": _voice(keypay.PROFILE, PARTNER, clock, ()),
        **{voice.name: voice for voice in others},
    }
    window = Window(max_body_bytes=262_144, body_timeout_s=1.0)
    calls = ConnectorCalls(Desk(cast(Door, None), taker), Window(262_144, 1.0), window)
    manifest = Manifest(
        name="payment",
        title_vi="Thanh toán",
        owner="",
        legal_basis=(),
        capabilities=("Listener",),
        operations={},
        quality={},
        declared=Declarations(listener=ListenerSpec(profiles=tuple(voices), methods=("GET", "POST"))),
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


def _voice(dialect: Dialect, merchant: str, clock: Clock, sources: tuple[str, ...]) -> Voice:
    def keys(role: str) -> list[Key]:
        return [Key("k1", ACCESS if role == "access" else SECRET)]

    endpoints = dict.fromkeys(dialect.endpoints, "https://sandbox.example/api")
    account = Account(dialect.name, merchant, keys, endpoints, dialect.options_type(), clock.now)
    return Voice(dialect.name, dialect.open(account), dialect.methods, networks_of(sources))
