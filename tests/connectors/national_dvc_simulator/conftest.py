"""Ground for the portal simulator's tests: the simulator on a free port, a clock to turn, and a caller with raw JSON."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest

from connectors.kit.simulation import opened
from connectors.national_dvc.simulator import portal_app
from connectors.national_dvc.simulator_portal import Portal, PortalOptions

MADONVI = "000.00.00.G16"
ENDED = ("3", "7", "8", "9", "10")


@dataclass
class Clock:
    """Seconds since the epoch; they move only when told."""

    at: float = 1_795_219_200.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Caller:
    """A client with no opinion: it sends what it is given and returns what came."""

    base: str
    http: aiohttp.ClientSession
    clock: Clock
    session: str = ""

    async def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        async with self.http.post(self.base + path, data=raw, headers=headers) as answer:
            text = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, msgspec.json.decode(text) if is_json and text else text.decode("utf-8", "replace")

    async def login(self, username: str = MADONVI, password: str = "simulator") -> Any:
        _, answer = await self.post("/mapi/login", {"username": username, "password": password})
        self.session = answer.get("session", "")
        return answer

    async def call(self, service: str, **params: object) -> Any:
        body = {"session": self.session, "madonvi": MADONVI, "service": service, **params}
        return (await self.post("/mapi/g", body))[1]

    async def create(self, *dossiers: object) -> Any:
        return await self.call("DongBoHoSoMC", isUpdating="False", data=list(dossiers))

    async def update(self, *dossiers: object) -> Any:
        return await self.call("DongBoHoSoMC", isUpdating="True", data=list(dossiers))

    async def progress(self, *rows: object) -> Any:
        return await self.call("CapNhatTienDoHoSoMC", data=list(rows))

    async def control(self, method: str, path: str, body: object = None) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        async with self.http.request(method, f"{self.base}/_simulator/{path}", data=raw) as answer:
            text = await answer.read()
            assert answer.status == 200, text
            return msgspec.json.decode(text)

    async def held(self, code: str) -> Any:
        found = (await self.control("GET", f"dossiers?code={code}"))["dossiers"]
        return found[0] if found else None


OpenPortal = Callable[..., AbstractAsyncContextManager[Caller]]


@pytest.fixture
def open_portal() -> OpenPortal:
    """`async with open_portal(option=…) as caller`: a portal on a free port, already logged in."""

    @asynccontextmanager
    async def opening(**options: object) -> AsyncIterator[Caller]:
        clock, tokens = Clock(), itertools.count(1)
        portal = Portal(msgspec.convert(options, PortalOptions), clock, lambda: f"session-{next(tokens)}")
        async with opened(portal_app(portal)) as door, aiohttp.ClientSession() as http:
            caller = Caller(f"http://127.0.0.1:{door.port}", http, clock)
            await caller.login()
            yield caller

    return opening


@dataclass
class Papers:
    """Writes dossiers and rows as the fact book shows them."""

    code: str = "000.00.00.G16-241014-0001"
    base: dict[str, object] = field(default_factory=dict)

    def dossier(self, state: str = "2", **changes: object) -> dict[str, object]:
        return {
            "MaHoSo": self.code,
            "MaTTHC": "1.999999",
            "TenTTHC": "Cấp giấy phép (ví dụ)",
            "MaLinhVuc": "G16-XX01",
            "TenLinhVuc": "Lĩnh vực ví dụ",
            "ChuHoSo": "Nguyễn Văn Mẫu",
            "LoaiDoiTuong": "1",
            "MaDoiTuong": None,
            "TrichYeuHoSo": "Đề nghị cấp giấy phép (ví dụ)",
            "NgayTiepNhan": "20241014093000",
            "NgayHenTra": "20241021093000",
            "TrangThaiHoSo": state,
            "HinhThuc": "0",
            "DonViXuLy": "Cục ví dụ",
            "TaiLieuNop": [],
            "DanhSachLePhi": [],
            **({"NgayKetThucXuLy": "20241018160000"} if state in ENDED else {}),
            **({"NgayTuChoi": "20241014100000"} if state == "3" else {}),
            **changes,
        }

    def row(self, state: str, at: str = "20241014093000", **changes: object) -> dict[str, object]:
        return {
            "MaHoSo": self.code,
            "NguoiXuLy": "Trần Thị Mẫu",
            "ChucDanh": "",
            "ThoiDiemXuLy": at,
            "PhongBanXuLy": "",
            "NoiDungXuLy": f"Bước {state}",
            "TrangThai": state,
            "NgayBatDau": "",
            "NgayKetThucTheoQuyDinh": "",
            **changes,
        }


@pytest.fixture
def papers() -> Papers:
    """Dossiers and rows of one dossier code."""
    return Papers()
