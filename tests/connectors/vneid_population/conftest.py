"""A population database that answers by script, and the half of the connector that asks it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

import connectors.vneid.profiles.dancu as dancu
from connectors.kit.contract import Kit, Question
from connectors.kit.ground import LoneCoordination
from connectors.kit.settings import typed
from connectors.kit.simulation import opened
from connectors.vneid.population import Population
from connectors.vneid.population_settings import PopulationSettings

EXAMPLES = Path(dancu.__file__).parent / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER = "001090000000"
NAME = "Nguyễn Văn Thử"
SECRETS = {
    "env:key": "s3cr3t",
    "env:api": "khoa-api-kiem-thu",
    "env:access": '{"AccessKey":"a","SecretKey":"b","AppName":"c","PartnerCode":"d","PartnerCodeCus":"e"}',
    "env:id": "khach",
    "env:secret": "mat-khau-khach",
    "env:officer": "keyName:keyPass",
}
SIGNATURE = {
    "username": "bvhttdl",
    "secret": "env:key",
    "hash_url": "https://esb.example.gov.vn/dancu/1.0/tracuu",
    "api_key": "env:api",
}
MEMBER = {"instance": "VN", "member_class": "GOV", "member_code": "G00.01", "subsystem": "gateway"}
PROVIDER = {"instance": "VN", "member_class": "GOV", "member_code": "G00.99", "subsystem": "dancu"}
HEADER_SIGNED: Mapping[str, Any] = {
    "kind": "header_signed",
    "signature": SIGNATURE,
    "x_road_client": "VN/GOV/G00.01/gw",
}

Reply = tuple[int, bytes, Mapping[str, str]]
Script = Callable[["Heard"], Reply]


def example(name: str) -> bytes:
    """An example document of the profile."""
    return (EXAMPLES / name).read_bytes()


def xml(body: bytes, status: int = 200, **headers: str) -> Reply:
    """An XML answer."""
    return status, body, {"Content-Type": "text/xml; charset=utf-8", **headers}


def soap(inner: str) -> Reply:
    """An envelope around `inner`."""
    opening = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    return xml(f"{opening}{inner}</s:Body></s:Envelope>".encode())


def fault(code: str, text: str = "", detail: str = "", status: int = 500) -> Reply:
    """A SOAP fault."""
    made = f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></s:Fault>"
    return xml(soap(made)[1], status)


@dataclass(slots=True)
class Heard:
    """One call as the server heard it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class ScriptedDatabase:
    """Answers each call by `script`, token calls by `token`; remembers every call."""

    base_url: str = ""
    script: Script = lambda _: xml(example("tracuu-response.xml"))
    token: Script = lambda _: (200, b'{"access_token": "tok-1", "expires_in": "3600"}', {})
    calls: list[Heard] = field(default_factory=list)

    @property
    def asked(self) -> list[Heard]:
        """The calls other than for tokens."""
        return [call for call in self.calls if call.path != "/token"]

    async def answer(self, request: web.Request) -> web.Response:
        """One call."""
        heard = Heard(request.method, request.raw_path, request.headers, await request.read())
        self.calls.append(heard)
        status, body, headers = (self.token if request.path == "/token" else self.script)(heard)
        return web.Response(status=status, body=body, headers=headers)


@dataclass(slots=True)
class Clock:
    """A clock that the test turns."""

    now: datetime = NOW


@pytest.fixture
async def database() -> AsyncIterator[ScriptedDatabase]:
    """The scripted database, listening."""
    made, app = ScriptedDatabase(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with opened(app) as door:
        made.base_url = f"http://127.0.0.1:{door.port}"
        yield made


@pytest.fixture
def clock() -> Clock:
    """What the connector takes for the time."""
    return Clock()


Asking = Callable[..., Population]


def settings_for(base_url: str, route: Mapping[str, Any] = HEADER_SIGNED, **more: Any) -> PopulationSettings:
    """Typed settings, as the configuration reader makes them."""
    tree = {"base_url": base_url, "route": route, "allow_plain": ["127.0.0.1"], "path": "/dancu", **more}
    ready, faults = typed(msgspec.to_builtins(tree), PopulationSettings)
    assert ready is not None, faults
    return ready


@pytest.fixture
async def asking(database: ScriptedDatabase, clock: Clock) -> AsyncIterator[Asking]:
    """Makes the half of the connector for a route."""
    made: list[Population] = []

    def make(route: Mapping[str, Any] = HEADER_SIGNED, **more: Any) -> Population:
        kit = Kit("vneid", lambda: clock.now, time.monotonic, LoneCoordination(), SECRETS.__getitem__)
        made.append(Population(settings_for(database.base_url, route, **more), kit))
        return made[-1]

    yield make
    for population in made:
        await population.close()


def question(operation: str = "look_up", **more: Any) -> Question:
    """A lawful question about an invented person."""
    fields = {"full_name": NAME, "personal_id": NUMBER, "birth": "1990-02-28", **more.pop("fields", {})}
    asked: dict[str, Any] = {
        "subject": "",
        "fields": {name: value for name, value in fields.items() if value},
        "purpose": "đối chiếu khi tiếp nhận hồ sơ",
        "officer": "cb-0001",
        "unit": "G00",
        "dossier_code": "000.00.00.G00-260101-0001",
        "operation": operation,
        "procedure_code": "1.000000",
        "request_id": "019b7a10-0000-7000-8000-000000000001",
        "officer_account": "canbo.test",
    }
    return Question(**{**asked, **more})
