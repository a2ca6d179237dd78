"""Ground for the tests of SOAP: the WSDL of the population database, zeep on it as the other reader, and comparable infosets."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import zeep
import zeep.settings
from lxml import etree

from connectors.kit.soap.port import Port
from connectors.kit.soap.xroad import XRoadHeader, XRoadMember, XRoadServiceId

NAMESPACE = "{http://dancuquocgia.bca/wsdl}"
_CLIENT: Any = zeep.Client  # it has no types
ADDRESS = "http://lgsp.invalid/dancu"
ASK: dict[str, Any] = {
    "MaYeuCau": "BVHTTDL-20260101-000001",
    "MaDVC": "1.000000",
    "MaTichHop": "037",
    "MaCanBo": "canbo.test",
    "MaDonVi": "G00",
    "SoDinhDanh": "001090000000",
    "HoVaTen": "NGUYENVANTHU",
    "NgayThangNamSinh": {"NgayThangNam": "19900228"},
}
OPERATIONS = (
    "XacThucThongTinCongDan",
    "TraCuuThongTinCongDan",
    "XacMinhThongTinNhanThan",
    "XacMinhThongTinChuHo",
    "XacMinhThongTinNoiOHienTai",
    "XacMinhTinhTrangHonNhan",
    "CungCapThongTinHoGiaDinh",
)


def _profile() -> Path:
    spec = importlib.util.find_spec("connectors.vneid.profiles.dancu")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


PROFILE = _profile()
WSDL = PROFILE / "contract" / "dancu-service.wsdl"


def example(name: str) -> bytes:
    """One of the documented messages."""
    return (PROFILE / "examples" / name).read_bytes()


@cache
def port(binding: str = "DanCuDirectBinding") -> Port:
    """The port of the population database, read by its contract."""
    return Port.load(WSDL, binding)


class Canned:
    """Answers zeep with bytes from memory; no connection is made."""

    def __init__(self) -> None:
        self.answer = b""

    def load(self, url: str) -> bytes:
        """A document of the WSDL's folder."""
        return Path(url).read_bytes()


@cache
def stranger() -> tuple[Any, dict[str, Any]]:
    """zeep with the same WSDL, and a service for each binding."""
    client: Any = _CLIENT(str(WSDL), transport=Canned(), settings=zeep.settings.Settings(strict=True))
    names = ("DanCuDirectBinding", "DanCuXRoadBinding")
    return client, {name: client.create_service(f"{NAMESPACE}{name}", ADDRESS) for name in names}


def by_zeep(binding: str, operation: str, body: Mapping[str, Any], headers: Any = None) -> etree._Element:
    """The message that zeep makes of the same values."""
    client, services = stranger()
    message = client.create_message(services[binding], operation, _soapheaders=headers, **body)
    assert isinstance(message, etree._Element)
    return message


def infoset(element: etree._Element) -> Any:
    """Names, attributes, text and children: what two documents must share, whatever their prefixes and white space."""
    children = [infoset(child) for child in element]
    text = element.text or "" if not children else (element.text or "").strip()
    return (element.tag, dict(element.attrib), text, children)


def as_zeep(tree: Any) -> Any:
    """A tree of ours as zeep wants it: it knows no sign before the name of an attribute."""
    if isinstance(tree, Mapping):
        return {name.removeprefix("@"): as_zeep(value) for name, value in tree.items()}
    return tree


def header(operation: str, message_id: str = "00000000-0000-4000-8000-000000000001") -> XRoadHeader:
    """The header of the documented X-Road example."""
    service = XRoadServiceId(XRoadMember("VN", "GOV", "G00.99", "dancu"), operation, "v1")
    client = XRoadMember.parse("VN/GOV/G00.01/gateway")
    return XRoadHeader(client, service, message_id, "VN001090000000", "000.00.00.G00-260101-0001")
