"""Ground for the resolution simulator's tests: keys, a gateway that answers as it is told, and a signing pusher."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.kit.simulation import opened
from connectors.resolution.simulator import create_app

PEM = serialization.Encoding.PEM


@dataclass
class Keys:
    """The gateway's key for pushes and the resolution system's key for requests, as PEM files."""

    gateway: Ed25519PrivateKey
    resolution: Ed25519PrivateKey
    gateway_public_file: str
    resolution_file: str

    @property
    def gateway_public_text(self) -> str:
        return Path(self.gateway_public_file).read_text(encoding="ascii")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Fresh keys on disk."""
    gateway, resolution = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public, private = tmp_path / "gateway.pub.pem", tmp_path / "resolution.pem"
    public.write_bytes(gateway.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    private.write_bytes(resolution.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return Keys(gateway, resolution, str(public), str(private))


@dataclass
class Seen:
    """One request that the gateway got."""

    method: str
    path: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Gateway:
    """A gateway that remembers every request and answers from a script, then 202."""

    seen: list[Seen] = field(default_factory=list)
    script: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    hold_s: float = 0.0
    port: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if self.hold_s:
            await asyncio.sleep(self.hold_s)
        self.under_way -= 1
        self.seen.append(Seen(request.method, request.path, str(request.url), dict(request.headers), body))
        status, headers = self.script.pop(0) if self.script else (202, {})
        return web.Response(status=status, headers=headers, body=b'{"status":"accepted"}')

    def events(self) -> list[Any]:
        return [seen.json for seen in self.seen if seen.path == "/v1/events"]


@dataclass
class System:
    """The simulated resolution system, a pusher with the gateway's key, and the gateway it pushes to."""

    base: str
    http: aiohttp.ClientSession
    keys: Keys
    gateway: Gateway

    async def push(self, event: object, webhook_id: str, **changes: Any) -> tuple[int, Any]:
        """Push `event`, signed; `changes` spoil `timestamp`, `key` or `headers`, or set `raw`."""
        raw = changes.get("raw", msgspec.json.encode(event))
        stamp = str(changes.get("timestamp", int(time.time())))
        signed = f"{webhook_id}.{stamp}.".encode() + raw
        key = changes.get("key", self.keys.gateway)
        signature = "v1a," + base64.b64encode(key.sign(signed)).decode()
        headers = {"webhook-id": webhook_id, "webhook-timestamp": stamp, "webhook-signature": signature}
        headers |= changes.get("headers", {})
        async with self.http.post(f"{self.base}/webhooks/gateway", data=raw, headers=headers) as answer:
            text = await answer.read()
            return answer.status, msgspec.json.decode(text) if answer.content_type == "application/json" else text

    async def control(self, method: str, path: str, body: object = None) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        async with self.http.request(method, f"{self.base}/_simulator/{path}", data=raw) as answer:
            text = await answer.read()
            assert answer.status in (200, 202), text
            return msgspec.json.decode(text)

    async def settled(self, kind: str, count: int, timeout_s: float = 5.0) -> Any:
        """The counters once `count` messages of `kind` are settled."""
        async with asyncio.timeout(timeout_s):
            while True:
                counts = await self.control("GET", "counts")
                if counts[kind]["acknowledged"] + counts[kind]["refused"] >= count and not counts[kind]["waiting"]:
                    return counts
                await asyncio.sleep(0.01)


OpenSystem = Callable[..., AbstractAsyncContextManager[System]]


@pytest.fixture
def open_system(keys: Keys) -> OpenSystem:
    """`async with open_system(option=…) as system`: the simulator on a free port with a gateway beside it."""

    @asynccontextmanager
    async def opening(gateway: Gateway | None = None, **options: object) -> AsyncIterator[System]:
        chosen = gateway or Gateway()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", chosen.handle)
        async with opened(app, chosen.port) as gateway_door:
            settings: dict[str, object] = {
                "gateway_url": f"http://127.0.0.1:{gateway_door.port}",
                "signing_key_file": keys.resolution_file,
                "gateway_public_key_file": keys.gateway_public_file,
                "retry_base_s": 0.02,
                "retry_cap_s": 0.1,
            }
            simulator = create_app(settings | options)
            async with opened(simulator) as door, aiohttp.ClientSession() as http:
                yield System(f"http://127.0.0.1:{door.port}", http, keys, chosen)

    return opening


@pytest.fixture
def new_gateway() -> type[Gateway]:
    """The gateway of these tests, to be told what to answer."""
    return Gateway


@pytest.fixture
def sector_event() -> Callable[..., dict[str, object]]:
    """A sector's event as the dossier model shows it."""

    def event(sequence: int = 1, code: str = "000.00.00.G16-261120-0042", **changes: object) -> dict[str, object]:
        return {
            "schema_version": "1",
            "event_id": f"019a0f5e-7b1c-7c40-9a51-2f1d6c0a{sequence:04}",
            "system_code": "SEC-DEMO",
            "dossier_code": code,
            "sequence": sequence,
            "occurred_at": "2026-11-20T15:04:05+07:00",
            "state": "processing",
            "step": {"actor": {"name": "Trần Văn Mẫu"}, "content": "Thẩm định"},
            **changes,
        }

    return event
