"""A dossier of the examples, a portal that answers by script, and a connector in front of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from aiohttp import web

from connectors.kit.contract import Budget, Delivery, Kit
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.national_dvc.connector import NationalPortal, Settings, create
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Dossier,
    DossierTimes,
    Fee,
    FileRef,
    Identity,
    Party,
    Procedure,
    ResultDocument,
    StatusEvent,
    Step,
)
from mappings.codes import DossierStatus, IdentityType, Origin, Outcome, PartyKind

CODE = "000.00.00.G16-241014-0001"
Reply = tuple[int, bytes]


def at(text: str) -> datetime:
    """A Viet Nam time as yyyyMMddHHmmss, in UTC."""
    return datetime.strptime(f"{text}+0700", "%Y%m%d%H%M%S%z").astimezone(UTC)


def envelope(code: object, message: str = "", **more: object) -> Reply:
    """An answer of the portal."""
    return 200, json.dumps({"error_code": code, "message": message, **more}, ensure_ascii=False).encode()


@dataclass(slots=True)
class ScriptedPortal:
    """Answers each call by the first reply left in `script` of its service, else positively; None cuts the connection."""

    script: dict[str, list[Reply | None]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    delay_s: dict[str, float] = field(default_factory=dict)
    base_url: str = ""
    sessions: int = 0

    def named(self, service: str) -> list[dict[str, Any]]:
        """The calls of one service, as they came."""
        return [call for call in self.calls if call.get("service") == service]

    @property
    def services(self) -> list[str]:
        """The services called, in order."""
        return [str(call["service"]) for call in self.calls]

    async def handle(self, request: web.Request) -> web.Response:
        """Any call."""
        body = json.loads(await request.read())
        login = request.path.endswith("/mapi/login")
        service = "login" if login else body["service"]
        self.calls.append({**body, "service": service, "_headers": dict(request.headers), "_path": request.path_qs})
        await asyncio.sleep(self.delay_s.get(service, 0.0))
        replies = self.script.get(service, [])
        if replies:
            reply = replies.pop(0)
            if reply is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return web.Response(status=reply[0], body=reply[1], content_type="application/json")
        if login:
            self.sessions += 1
            return web.json_response({"error_code": "00", "message": "Thành công", "session": f"phien-{self.sessions}"})
        return web.json_response({"error_code": 0, "message": "Thành công", "result": []})


@pytest.fixture
def moment() -> Callable[[str], datetime]:
    """Reads yyyyMMddHHmmss."""
    return at


@pytest.fixture
def answer() -> Callable[..., Reply]:
    """Writes an envelope."""
    return envelope


@pytest.fixture
def example() -> Callable[[str], dict[str, Any]]:
    """An example file of the profile, parsed."""

    def read(name: str) -> dict[str, Any]:
        folder = files("connectors.national_dvc.profiles.mapi_2019") / "examples"
        tree: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
        return tree

    return read


@pytest.fixture
def dossier() -> Dossier:
    """The dossier behind example 02, as the resolution system would register it."""
    return Dossier(
        dossier_code=CODE,
        version=3,
        origin=Origin.ONLINE_MINISTRY,
        procedure=Procedure(
            "BVH-01", "1.999999", "Cấp giấy phép (ví dụ)", field_code="G16-XX01", field_name="Lĩnh vực ví dụ"
        ),
        agency=Agency("G16.01", "Cục ví dụ", handling_unit="Cục ví dụ - Bộ Văn hóa, Thể thao và Du lịch"),
        applicant=Party(
            PartyKind.CITIZEN,
            "Nguyễn Văn A",
            Identity(IdentityType.CCCD, "001099000001", verified=True, verified_by="VNeID"),
            phone="0900000001",
            email="a@example.vn",
            portal_account_id="11111111-2222-4333-8444-555555555555",
        ),
        state=DossierStatus.RESOLVED,
        summary="Đề nghị cấp giấy phép (ví dụ)",
        times=DossierTimes(
            submitted_at=at("20241014081500"),
            received_at=at("20241014093000"),
            due_at=at("20241021093000"),
            resolved_at=at("20241018160000"),
        ),
        fees=(Fee("F1", "Phí thẩm định (ví dụ)", 500_000, code="1"),),
        results=(ResultDocument("901", "giay-phep.pdf", FileRef("giay-phep.pdf", "application/pdf", 10, "ab" * 32)),),
    )


@pytest.fixture
def make(dossier: Dossier) -> Callable[..., Carried]:
    """An event of that dossier: `make(state, moment, sequence=…, dossier=…, …)`."""

    def build(state: DossierStatus, moment: str, **more: Any) -> Carried:
        sequence = more.pop("sequence", 1)
        snapshot = more.pop("dossier", dossier)
        applies = more.pop("state_applies", True)
        event = StatusEvent(
            event_id=f"019a0f5e-7b1c-7c40-9a51-{sequence:012d}",
            system_code="RES-VHTTDL",
            dossier_code=snapshot.dossier_code,
            sequence=sequence,
            occurred_at=at(moment),
            state=state,
            outcome=more.pop("outcome", Outcome.NONE),
            step=more.pop("step", Step(Actor("Phạm Văn D"), "Xử lý hồ sơ")),
        )
        return Carried(replace(event, **more), snapshot, state_applies=applies)

    return build


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    """A delivery of a carried event."""

    def build(operation: str, carried: Carried, **more: Any) -> Delivery:
        return Delivery(
            delivery_id=f"d-{operation}-{carried.event.sequence}",
            upstream="national_dvc",
            operation=operation,
            dossier_code=carried.dossier.dossier_code,
            sequence=more.pop("sequence", 1),
            attempt=more.pop("attempt", 1),
            carried=carried,
            accepted_at=carried.event.occurred_at,
            budget=more.pop("budget", Budget(time.monotonic() + 30, 5.0)),
            memory=more.pop("memory", {}),
        )

    return build


@pytest.fixture
async def portal() -> AsyncIterator[ScriptedPortal]:
    """A portal that answers by script."""
    scripted = ScriptedPortal()
    app = web.Application()
    app.router.add_post("/{rest:.*}", scripted.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    scripted.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield scripted
    finally:
        await runner.cleanup()


@pytest.fixture
async def connect(portal: ScriptedPortal) -> AsyncIterator[Callable[..., NationalPortal]]:
    """Builds connectors in front of the portal; further settings by keyword; closed at the end."""
    opened: list[NationalPortal] = []
    secrets = {"env:u": "tai-khoan", "env:p": "mat-khau-bi-mat"}
    shared = LoneCoordination()

    def build(**more: Any) -> NationalPortal:
        coordination = more.pop("coordination", shared)
        tree = {
            "base_url": portal.base_url,
            "madonvi": "000.00.00.G16",
            "username": "env:u",
            "password": "env:p",
            "allow_plain": ["127.0.0.1"],
        }
        settings = msgspec.convert({**tree, **more}, Settings, dec_hook=read_setting)
        kit = Kit("national_dvc", lambda: datetime.now(UTC), time.monotonic, coordination, secrets.__getitem__)
        opened.append(create(settings, kit))
        return opened[-1]

    yield build
    for connector in opened:
        await connector.close()
