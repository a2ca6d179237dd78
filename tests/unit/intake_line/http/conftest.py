"""Ground for the tests of the internal listener: a real store, a real server on loopback, callers that sign for real."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.kit.fetching import Address, Fetcher, FetchError, Question
from gateway.app import InternalParts, create_internal_app
from gateway.bootstrap.enrolment import open_register
from gateway.config import CallerKey, Loaded, Settings
from gateway.config import Intake as IntakePolicy
from gateway.evidence.log import chain
from gateway.intake.accept import Door
from gateway.intake.authenticate import Authenticator
from gateway.intake.decide import Decider
from gateway.intake.files import FileDoor
from gateway.intake.register import Register
from gateway.intake.result_handlers import ResultDoor
from gateway.intake.result_watch import Store
from gateway.intake.signature import SigningKey, Stated, sign_head, sign_request
from gateway.intake.validate import Limits
from gateway.journal.cabinet_folder import FolderCabinet
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from mappings.codec import encode
from tests.conforming import documented
from tests.unit.identity.ground import sign_on_routes
from tests.unit.identity.questioning import Questioning, questioning


@dataclass(frozen=True)
class Office(Fetcher):
    """A host of a sector system, by the path of what it holds; it counts how often it is asked.

    While `silent` is filled with an event it answers nobody until that is set.
    """

    holds: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: list[asyncio.Event] = field(default_factory=list)

    @asynccontextmanager
    async def content(
        self, address: Address, limit: int, question: Question | None = None
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """What lies behind an address, as a stream; an unknown one is refused."""
        self.asked.append(address.rest)
        for event in self.silent:
            await event.wait()
        if address.rest not in self.holds:
            raise FetchError("answer", "không có")
        stream = aiohttp.StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
        stream.feed_data(self.holds[address.rest][:limit])
        stream.feed_eof()
        yield stream


@dataclass
class Site:
    """A gateway's internal listener over the embedded store, on loopback, with callers that sign for real."""

    client: TestClient[web.Request, web.Application]
    journal: SqliteJournal
    keys: Mapping[str, SigningKey]
    time: Any
    words: Any
    counted: list[str]
    reached: list[str]
    register: Register
    office: Office
    asking: Questioning
    missed: list[str] = field(default_factory=list)

    async def call(
        self, who: str, method: str, target: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """A signed request; status, body as a tree, headers."""
        signed = sign_request(method, target, body, self.keys[who], int(self.time.now.timestamp()))
        return await self.send(method, target, body, {**signed, **headers})

    async def send(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """A request as it is given."""
        async with self.client.request(method, target, data=body or None, headers=headers) as answer:
            raw = await answer.read()
            assert documented().faults(method, target, answer.status, answer.headers, raw) == []
            return answer.status, msgspec.json.decode(raw) if raw else {}, answer.headers

    async def upload(self, who: str, content: bytes, media_type: str = "application/pdf") -> tuple[int, dict[str, Any]]:
        """A file of the dossier, signed and sent."""
        target = f"/v1/files?dossier={self.words.code}"
        stated = Stated(media_type, hashlib.sha256(content).digest())
        signed = sign_head("POST", target, stated, self.keys[who], int(self.time.now.timestamp()))
        status, tree, _ = await self.send("POST", target, content, signed)
        return status, tree

    async def put(self, version: int = 1, **fields: Any) -> int:
        """The resolution system registers the dossier."""
        tree = msgspec.json.decode(encode(self.words.dossier(version, **fields)))
        tree["delivery"] = {"result_method": tree.pop("result_method")}
        status, _, _ = await self.call("RES", "PUT", f"/v1/dossiers/{self.words.code}", encode(_wire(tree)))
        return status

    async def push(self, who: str, told: Any, **headers: str) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """A system says an event; its results were uploaded before."""
        if told.results:
            await self.upload("RES", self.words.paper)
        return await self.call(who, "POST", "/v1/events", self.body(told), **headers)

    @staticmethod
    def body(told: Any) -> bytes:
        """An event as its sender writes it."""
        tree = msgspec.to_builtins(told)
        for result in tree.get("results", ()):
            result["signature"] = {"format": result.pop("signature_format")}
        return encode(_wire(tree))


def _wire(tree: Any) -> Any:
    """What a caller writes: nothing that is absent or empty."""
    if isinstance(tree, dict):
        return {name: _wire(value) for name, value in tree.items() if value not in (None, "", (), [])}
    return [_wire(value) for value in tree] if isinstance(tree, (list, tuple)) else tree


@pytest.fixture
def settings_of(tmp_path: Path, words: Any) -> tuple[Loaded, Mapping[str, SigningKey]]:
    """Settings with a key for each caller, in files."""
    records, keys = {}, {}
    for name, record in words.callers.items():
        private = ed25519.Ed25519PrivateKey.generate()
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"{name}.pem").write_bytes(pem)
        key = CallerKey(algorithm="ed25519", file=f"{name}.pem")
        records[name] = msgspec.structs.replace(record, keys={f"{name}-1": key})
        keys[name] = SigningKey(f"{name}-1", "ed25519", private)
    settings = Settings(callers=records, intake=IntakePolicy(max_body_bytes=65_536, body_timeout_s=1.0))
    return Loaded(settings=settings, base=tmp_path), keys


@pytest.fixture
async def site(
    settings_of: tuple[Loaded, Mapping[str, SigningKey]], tmp_path: Path, words: Any, turned: Any
) -> AsyncIterator[Site]:
    """A listener in which the dossier is registered as submitted."""
    loaded, keys = settings_of
    register = Register.load(loaded)
    journal = SqliteJournal.open(
        tmp_path / "store",
        StoreOptions(node="n1", kek=bytes(32)),
        decide=Decider(words.routes, register, loaded.settings.intake),
        chain=chain,
        clock=turned.clock(),
    )
    await open_register(journal, register)
    door = Door(Authenticator.load(loaded, register), Limits.of(loaded.settings.intake), journal, turned.clock())
    counted: list[str] = []
    reached: list[str] = []
    missed: list[str] = []

    async def render() -> bytes:
        return b"gateway_up 1\n"

    cabinet = FolderCabinet(tmp_path / "store/content")
    office = Office()
    of_files = FileDoor.of(door, cabinet, loaded.settings, fetcher=office)
    asking = questioning(door, count=counted.append)
    parts = InternalParts(
        door,
        render,
        counted.append,
        config_generation="g1",
        version="t",
        reach=reached.append,
        files=of_files,
        results=ResultDoor(door, Store(journal, cabinet, turned.clock())),
        identity=sign_on_routes(door).beside(asking.routes),
        counted=lambda: not missed,
    )
    async with TestClient(TestServer(create_internal_app(parts))) as client:
        made = Site(client, journal, keys, turned, words, counted, reached, register, office, asking, missed)
        assert await made.put() == 201
        yield made
    await journal.close()
    cabinet.close()
