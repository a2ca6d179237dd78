"""Questions to the simulated population database, written by hand as identity facts 2.2 to 2.8 show them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.vneid import profiles

CITIZEN = "001090000000"
OPERATIONS = {
    "XacThucThongTinCongDan": "003",
    "TraCuuThongTinCongDan": "037",
    "XacMinhThongTinNhanThan": "038",
    "XacMinhThongTinChuHo": "039",
    "XacMinhThongTinNoiOHienTai": "040",
    "XacMinhTinhTrangHonNhan": "041",
    "CungCapThongTinHoGiaDinh": "042",
}
CLIENT = ("VN", "GOV", "G00.01", "gateway")
SERVICE = ("VN", "GOV", "G00.99", "dancu")
DC = "{http://www.mic.gov.vn/dancu/1.0}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
XSD = Path(profiles.__file__).parent / "dancu" / "contract" / "xsd"


def fields(operation: str = "TraCuuThongTinCongDan", **changes: str) -> dict[str, str]:
    """A question that is in order; a change to "" takes a field out."""
    whole = {
        "MaYeuCau": "BVHTTDL-1",
        "MaDVC": "1.000000",
        "MaTichHop": OPERATIONS[operation],
        "MaCanBo": "canbo.test",
        "MaDonVi": "G00",
        "SoDinhDanh": CITIZEN,
        "HoVaTen": "NGUYENVANTHU",
        "NgayThangNam": "19900228",
        **changes,
    }
    return {name: value for name, value in whole.items() if value}


def envelope(operation: str = "TraCuuThongTinCongDan", header: str = "", **changes: str) -> bytes:
    """The question as SOAP (identity facts 2.5)."""
    said = fields(operation, **changes)
    births = "".join(f"<d:{name}>{said.pop(name)}</d:{name}>" for name in ("NgayThangNam", "Nam") if name in said)
    inner = "".join(f"<d:{name}>{value}</d:{name}>" for name, value in said.items())
    inner += f"<d:NgayThangNamSinh>{births}</d:NgayThangNamSinh>" if births else ""
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:d="http://dancuquocgia.bca">'
        f"<s:Header>{header}</s:Header><s:Body><d:{operation}>{inner}</d:{operation}></s:Body></s:Envelope>"
    ).encode()


def signed(at: float, **changes: str) -> dict[str, str]:
    """The headers of route A at a moment (2.2)."""
    url, user, secret = "https://esb.example.gov.vn/dancu/1.0/tracuu", "bvhttdl", changes.pop("secret", "s3cr3t")
    stamp = str(int(at * 1000))
    digest = hashlib.sha256(f"{url}{user}{stamp}{secret}".encode()).hexdigest()
    return {
        "Content-Type": "application/xml",
        "SOAPAction": '""',
        "Timestamp": stamp,
        "Authorization": "Basic " + base64.b64encode(f"{user}:{digest}".encode()).decode(),
        **changes,
    }


def xroad_header(operation: str, **changes: str) -> str:
    """The six header blocks (2.8)."""

    def identifier(name: str, kind: str, parts: Iterable[tuple[str, str]]) -> str:
        inner = "".join(f"<i:{part}>{value}</i:{part}>" for part, value in parts)
        return f'<x:{name} i:objectType="{kind}">{inner}</x:{name}>'

    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    code = changes.get("service_code", operation)
    blocks = {
        "client": identifier("client", "SUBSYSTEM", zip(names, CLIENT, strict=True)),
        "service": identifier("service", "SERVICE", [*zip(names, SERVICE, strict=True), ("serviceCode", code)]),
        "id": "<x:id>00000000-0000-4000-8000-000000000001</x:id>",
        "userId": "<x:userId>VNcanbo.test</x:userId>",
        "issue": "<x:issue>000.00.00.G00-260101-0001</x:issue>",
        "protocolVersion": f"<x:protocolVersion>{changes.get('version', '4.0')}</x:protocolVersion>",
    }
    spaces = 'xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"'
    text = "".join(block for name, block in blocks.items() if name != changes.get("without"))
    return _spaced(text, spaces)


def _spaced(text: str, spaces: str) -> str:
    """Each block with its own declarations."""
    parsed = etree.fromstring(f"<h {spaces}>{text}</h>")
    return "".join(etree.tostring(block).decode() for block in parsed)


async def ask(caller: Any, raw: bytes, **headers: str) -> tuple[int, Any]:
    """Route A; the answer's one body child, or None for what is no envelope."""
    status, _, said = await caller.call("POST", "/dancu", data=raw, headers=signed(caller.clock.at, **headers))
    return status, body_of(said)


def body_of(raw: bytes) -> Any:
    """The first child of the body; None for what is no envelope."""
    try:
        root = etree.fromstring(raw)
    except etree.XMLSyntaxError:
        return None
    body = root.find(f"{SOAP}Body")
    return body[0] if body is not None else None


def schema(name: str) -> etree.XMLSchema:
    """A schema of the client's contract."""
    return etree.XMLSchema(etree.parse(str(XSD / name)))
