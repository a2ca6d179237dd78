"""Ground for the tests of sign-ons: both listeners over the embedded store, a toy provider, callers that sign, browsers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import apsw
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.app import EdgeParts, InternalParts, create_edge_app, create_internal_app
from gateway.bootstrap.enrolment import open_register
from gateway.clock import Clock
from gateway.config import CallerKey, CallerRecord, Identity, Loaded, Settings, Upstream
from gateway.evidence.log import chain
from gateway.identity.books import Books
from gateway.identity.chance import Names
from gateway.identity.providers import find_providers
from gateway.identity.routing import IdentityRoutes
from gateway.identity.sign_on_edge import EdgeWindow, SignOnEdge
from gateway.identity.sign_on_handlers import SignOnHandlers
from gateway.identity.sign_on_watch import OpenSignOns, SignOnWatch
from gateway.identity.sign_ons import Rules
from gateway.identity.trouble import Trouble
from gateway.intake.accept import Door
from gateway.intake.authenticate import Authenticator
from gateway.intake.decide import Decider
from gateway.intake.refusals import NoticeRefusals
from gateway.intake.register import Register
from gateway.intake.signature import SigningKey, sign_request
from gateway.intake.validate import Limits
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.routes import Routes
from mappings.codec import encode
from tests.conforming import documented
from tests.toys.signing_on import ToySignOn

PUBLIC = "https://cong.example.vn"
RETURN = "https://motcua.example.vn/ket-qua?trang=1"
GOODBYE = "https://motcua.example.vn/tam-biet"
CALLBACK = "/v1/callbacks/vneid/toy"
IDENTITY = Identity(public_url=f"{PUBLIC}/", return_urls=(RETURN, GOODBYE))
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def rules_of(door: Door, toy: ToySignOn, identity: Identity = IDENTITY) -> Rules:
    """Rules over a door."""
    providers = find_providers([("vneid", Upstream(connector="toy"), toy)], 5.0)
    return Rules(identity, providers, Books(door.journal, door.clock), Names(b"k" * 32), Trouble(door.clock))


def sign_on_routes(door: Door) -> IdentityRoutes:
    """The routes of sign-ons over a door, for tests that look at routes."""
    rules = rules_of(door, ToySignOn())
    internal = SignOnHandlers(door, rules, OpenSignOns(10), lambda _provider, _outcome: None).routes()
    return IdentityRoutes(internal=tuple(internal))


@dataclass
class Turned:
    """A clock that a test turns."""

    now: datetime = NOW

    def clock(self) -> Clock:
        """As production takes it."""
        return Clock(now=lambda: self.now, instant=lambda: self.now.timestamp())

    def on(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Seen:
    """What somebody was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def location(self) -> str:
        """Where a redirect goes."""
        return self.headers["Location"]

    @property
    def asked(self) -> dict[str, str]:
        """The query of the place where a redirect goes."""
        return dict(parse_qsl(urlsplit(self.location).query))


@dataclass
class Browser:
    """A browser at the edge: it keeps cookies as RFC 6265 wants them kept, and follows nothing by itself."""

    edge: TestClient[web.Request, web.Application]
    jar: dict[str, str] = field(default_factory=dict)
    forwarded: str = ""

    async def open(self, address: str) -> Seen:
        """A page at the edge, by whole address or path."""
        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())} if self.jar else {}
        if self.forwarded:
            headers["X-Forwarded-For"] = self.forwarded
        async with self.edge.get(path, headers=headers, allow_redirects=False) as answer:
            body = await answer.read()
            assert documented().faults("GET", path, answer.status, answer.headers, body) == []
            for line in answer.headers.getall("Set-Cookie", []):
                self._keep(line)
            return Seen(answer.status, answer.headers.copy(), body)

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            assert name.startswith("__Host-") and morsel["path"] == "/" and not morsel["domain"]
            assert morsel["secure"] and morsel["httponly"] and morsel["samesite"] == "Lax"
            if morsel["max-age"] == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.value


@dataclass
class Ground:
    """A gateway that signs people on."""

    internal: TestClient[web.Request, web.Application]
    edge: TestClient[web.Request, web.Application]
    journal: SqliteJournal
    keys: Mapping[str, SigningKey]
    toy: ToySignOn
    time: Turned
    rules: Rules
    opened: OpenSignOns
    watch: SignOnWatch
    folder: Path
    counted: list[tuple[str, str]]
    reached: list[str]
    alarms: list[tuple[str, str, str]]

    async def call(self, path: str, tree: object, who: str = "RES") -> Seen:
        """A signed request of a system."""
        body = encode(tree)
        signed = sign_request("POST", path, body, self.keys[who], int(self.time.now.timestamp()))
        async with self.internal.post(path, data=body, headers=signed) as answer:
            raw = await answer.read()
            assert documented().faults("POST", path, answer.status, answer.headers, raw) == []
            return Seen(answer.status, answer.headers.copy(), raw)

    async def look(self, path: str, who: str = "RES") -> Seen:
        """A signed read of a system."""
        signed = sign_request("GET", path, b"", self.keys[who], int(self.time.now.timestamp()))
        async with self.internal.get(path, headers=signed) as answer:
            raw = await answer.read()
            assert documented().faults("GET", path, answer.status, answer.headers, raw) == []
            return Seen(answer.status, answer.headers.copy(), raw)

    async def begin(self, **more: object) -> Seen:
        """A new sign-on."""
        return await self.call("/v1/identity/sign-ons", {"return_url": RETURN, **more})

    def browser(self) -> Browser:
        """Somebody's browser."""
        return Browser(self.edge)

    def errand(self) -> dict[str, str]:
        """What the provider was told last."""
        errand = self.toy.errands[-1]
        return {"state": errand.secrets.state, "redirect_uri": errand.redirect_uri}

    def callback(self, code: str = "code-1", **more: str) -> str:
        """The address to which the provider sends the browser back."""
        told = self.errand()
        return f"{told['redirect_uri']}?{urlencode({'code': code, 'state': told['state'], **more})}"

    async def signed_on(self, browser: Browser | None = None, code: str = "code-1") -> tuple[str, str]:
        """A sign-on up to its return: id and ticket."""
        who = browser or self.browser()
        begun = (await self.begin()).tree
        await who.open(begun["start_url"])
        back = await who.open(self.callback(code))
        assert back.status == 303, back
        return back.asked["sign_on_id"], back.asked["ticket"]

    async def redeem(self, sign_on_id: str, ticket: str, who: str = "RES") -> Seen:
        """The account for a ticket."""
        return await self.call(f"/v1/identity/sign-ons/{sign_on_id}/redeem", {"ticket": ticket}, who)

    async def log_out(self, sign_on_id: str) -> Seen:
        """The end of a session."""
        return await self.call(f"/v1/identity/sign-ons/{sign_on_id}/logout", {"return_url": GOODBYE})

    async def tell_logout(self, token: str, path: str = CALLBACK, **more: str) -> Seen:
        """The provider says that a session has ended."""
        form = {"logout_token": token, **more}
        async with self.edge.post(f"{path}/logout", data=form) as answer:
            raw = await answer.read()
            assert documented().faults("POST", f"{path}/logout", answer.status, answer.headers, raw) == []
            return Seen(answer.status, answer.headers.copy(), raw)

    def rows(self, sql: str) -> list[Any]:
        """What the store holds."""
        path = next(self.folder.glob("*.db"))
        return list(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY).execute(sql))

    def audited(self, kind: str = "") -> list[Any]:
        """The fields of every audit row of a kind; all kinds in order where none is named."""
        if kind:
            return [json.loads(row[0]) for row in self.rows(f"SELECT fields FROM audit WHERE kind = '{kind}'")]
        return [
            row[0] for row in self.rows("SELECT kind FROM audit ORDER BY position") if row[0].startswith("identity")
        ]

    async def state(self, sign_on_id: str) -> str:
        """Where a sign-on stands."""
        kept = await self.rules.books.find(sign_on_id)
        return kept.state.value if kept is not None else ""


def _settings(folder: Path, identity: Identity) -> tuple[Loaded, dict[str, SigningKey]]:
    records, keys = {}, {}
    roles: tuple[tuple[str, Any], ...] = (("RES", "resolution"), ("RES-2", "resolution"), ("SEC", "sector"))
    for name, role in roles:
        private = ed25519.Ed25519PrivateKey.generate()
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pem").write_bytes(pem)
        consent: dict[str, Any] = {} if role == "resolution" else {"consent_no": "1", "consent_date": NOW.date()}
        key = CallerKey(algorithm="ed25519", file=f"{name}.pem")
        records[name] = CallerRecord(role=role, keys={f"{name}-1": key}, **consent)
        keys[name] = SigningKey(f"{name}-1", "ed25519", private)
    return Loaded(settings=Settings(callers=records, identity=identity), base=folder), keys


@asynccontextmanager
async def opened(
    folder: Path, identity: Identity = IDENTITY, toy: ToySignOn | None = None, limit_s: float = 0.5
) -> AsyncIterator[Ground]:
    """Both listeners, until the end of the test; a step with a provider takes at most `limit_s`."""
    time, toy, counted, reached = Turned(), toy or ToySignOn(), list[tuple[str, str]](), list[str]()
    loaded, keys = _settings(folder, identity)
    register = Register.load(loaded)
    decide = Decider(Routes({}), register, loaded.settings.intake)
    options = StoreOptions(node="n1", kek=bytes(32))
    journal = SqliteJournal.open(folder / "store", options, decide=decide, chain=chain, clock=time.clock())
    await open_register(journal, register)
    door = Door(Authenticator.load(loaded, register), Limits.of(loaded.settings.intake), journal, time.clock())
    providers = find_providers([("vneid", Upstream(connector="toy"), toy)], limit_s)
    alarms = list[tuple[str, str, str]]()
    trouble = Trouble(time.clock(), lambda *told: alarms.append(told))
    rules = Rules(identity, providers, Books(journal, time.clock()), Names(b"k" * 32), trouble, reached.append)
    opened_now = OpenSignOns(identity.open_limit)

    def count(provider: str, outcome: str) -> None:
        counted.append((provider, outcome))

    async def nothing() -> bytes:
        return b""

    inside = SignOnHandlers(door, rules, opened_now, count).routes()
    outside = SignOnEdge(rules, EdgeWindow(65_536, 1.0), count).routes()
    parts = InternalParts(door, nothing, lambda _answer: None, identity=IdentityRoutes(tuple(inside), tuple(outside)))
    refusals = NoticeRefusals(journal, time.clock())
    edge_parts = EdgeParts((), refusals, time.clock(), lambda _answer: None, identity=parts.identity)
    async with (
        TestClient(TestServer(create_internal_app(parts))) as internal,
        TestClient(TestServer(create_edge_app(edge_parts))) as edge,
    ):
        watch = SignOnWatch(rules, opened_now)
        yield Ground(
            internal,
            edge,
            journal,
            keys,
            toy,
            time,
            rules,
            opened_now,
            watch,
            folder / "store",
            counted,
            reached,
            alarms,
        )
    await journal.close()
