"""SOAP between us and others from one WSDL: our client asks node-soap, zeep asks our simulator, each operation on both bindings.

`make prove ONLY=peers` runs this file; it is no part of `make test`, which installs no peers.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import zeep
import zeep.exceptions
import zeep.helpers
import zeep.transports

import connectors.vneid.profiles.dancu as dancu
from connectors.kit.contract import Answer, Kit, Question
from connectors.kit.errors import ConsentMissing, CredentialsRefused, Rejected
from connectors.kit.ground import LoneCoordination
from connectors.kit.settings import typed
from connectors.kit.simulation import opened
from connectors.vneid.connector import Settings, create
from connectors.vneid.simulator import create_app
from tests.prove import peers

WSDL = Path(dancu.__file__).parent / "contract/dancu-service.wsdl"
OPERATIONS = {
    "verify": "XacThucThongTinCongDan",
    "look_up": "TraCuuThongTinCongDan",
    "relatives": "XacMinhThongTinNhanThan",
    "household_head": "XacMinhThongTinChuHo",
    "current_residence": "XacMinhThongTinNoiOHienTai",
    "marital_status": "XacMinhTinhTrangHonNhan",
    "household": "CungCapThongTinHoGiaDinh",
}
CODES = dict(zip(OPERATIONS, ("003", "037", "038", "039", "040", "041", "042"), strict=True))
MEMBER = {"instance": "VN", "member_class": "GOV", "member_code": "G00.01", "subsystem": "gateway"}
PROVIDER = {"instance": "VN", "member_class": "GOV", "member_code": "G00.99", "subsystem": "dancu"}
ROUTES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "direct": (
        "/dancu",
        {
            "kind": "header_signed",
            "signature": {"username": "bvhttdl", "secret": "env:KEY", "hash_url": "https://esb.example.gov.vn/dancu"},
        },
    ),
    "xroad": ("/xroad", {"kind": "xroad_soap", "client": MEMBER, "service": PROVIDER, "service_version": "v1"}),
}
# What XML must escape, in a field that nobody rewrites.
OFFICER = "canbo<&>\"'.test"

NAME = {"HoVaTen": {"Ho": "", "ChuDem": "", "Ten": "NGUYỄN VĂN THỬ"}}
WHO = {"SoDinhDanh": "001090000000", "SoCMND": "", **NAME}
PLACE = {"MaTinhThanh": "01", "MaPhuongXa": "00001", "ChiTiet": 'SỐ 1 <A> & "B" ĐƯỜNG MẪU', "QuocGia": "VN"}
FATHER = {"HoVaTen": "NGUYỄN VĂN MẪU", "QuocTich": "VN", "SoDinhDanh": "001060000000"}
HEAD = {"QuanHe": "01", "SoDinhDanh": "001090000000", "HoVaTen": "NGUYỄN VĂN THỬ"}
BORN = {"NgayThangNamSinh": {"Nam": "1990", "NgayThangNam": "19900228"}}
WIFE = {
    "SoDinhDanh": "001192000000",
    "HoVaTen": {"Ho": "", "ChuDem": "", "Ten": "TRẦN THỊ THỬ"},
    "NgayThangNamSinh": {"Nam": "1992", "NgayThangNam": "19921130"},
}

# What node-soap says, and what it means in our words. The second half is written by hand: no mapping of ours made it.
SAID: Mapping[str, Any] = {
    "XacThucThongTinCongDan": {"TonTai": True},
    "TraCuuThongTinCongDan": {"CongDan": [{**WHO, "GioiTinh": "1", **BORN, "ThuongTru": PLACE, "Cha": FATHER}]},
    "XacMinhThongTinNhanThan": {"CongDan": [{**WHO, "Cha": FATHER}]},
    "XacMinhThongTinChuHo": {"CongDan": [{**WHO, "ChuHo": HEAD}]},
    "XacMinhThongTinNoiOHienTai": {"CongDan": [{**WHO, "NoiOHienTai": PLACE}]},
    "XacMinhTinhTrangHonNhan": {"CongDan": [{**WHO, "TinhTrangHonNhan": "2"}]},
    "CungCapThongTinHoGiaDinh": {"CongDan": [{**WHO, **BORN}, WIFE]},
}
ME = {"personal_id": "001090000000", "full_name": "NGUYỄN VĂN THỬ"}
MY_FATHER = {
    "father.full_name": "NGUYỄN VĂN MẪU",
    "father.personal_id": "001060000000",
    "father.nationality": "VN",
}
MEANT: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "verify": (),
    "look_up": (
        {
            **ME,
            "sex": "male",
            "birth": "1990-02-28",
            "permanent_address.province_code": "01",
            "permanent_address.commune_code": "00001",
            "permanent_address.detail": 'SỐ 1 <A> & "B" ĐƯỜNG MẪU',
            "permanent_address.country": "VN",
            **MY_FATHER,
        },
    ),
    "relatives": ({**ME, **MY_FATHER},),
    "household_head": (
        {
            **ME,
            "head_of_household.relation": "01",
            "head_of_household.personal_id": "001090000000",
            "head_of_household.full_name": "NGUYỄN VĂN THỬ",
        },
    ),
    "current_residence": (
        {
            **ME,
            "current_address.province_code": "01",
            "current_address.commune_code": "00001",
            "current_address.detail": 'SỐ 1 <A> & "B" ĐƯỜNG MẪU',
            "current_address.country": "VN",
        },
    ),
    "marital_status": ({**ME, "marital_status": "married"},),
    "household": (
        {**ME, "birth": "1990-02-28"},
        {"personal_id": "001192000000", "full_name": "TRẦN THỊ THỬ", "birth": "1992-11-30"},
    ),
}


@dataclass(slots=True)
class Asking:
    """Our client in front of node-soap."""

    port: int
    ask: Callable[[Question], Any]
    http: aiohttp.ClientSession

    async def seen(self) -> list[dict[str, Any]]:
        """Every request as node-soap understood it."""
        async with self.http.get(f"http://127.0.0.1:{self.port}/_seen") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found


@asynccontextmanager
async def asking(route: str, folder: Path, said: Mapping[str, Any] = SAID) -> AsyncIterator[Asking]:
    """A running node-soap with these answers, and our client that asks it on a route."""
    answers = folder / "answers.json"
    answers.write_text(json.dumps(said), "utf-8")
    async with peers.started("soap_server.mjs", str(WSDL), str(answers)) as told, aiohttp.ClientSession() as http:
        path, way = ROUTES[route]
        population = {
            "base_url": f"http://127.0.0.1:{told['port']}",
            "path": path,
            "route": way,
            "allow_plain": ["127.0.0.1"],
            "operations": list(OPERATIONS),
            "answer_schema": "strict",
            "request": {"integration_codes": CODES},
        }
        settings, faults = typed({"population": population}, Settings)
        assert settings is not None, faults
        kit = Kit("vneid", lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), lambda _reference: "s3cr3t")
        connector = create(settings, kit)
        try:
            yield Asking(int(str(told["port"])), connector.ask, http)
        finally:
            await connector.close()


def question(operation: str) -> Question:
    """A lawful question about an invented person."""
    return Question(
        subject="",
        fields={"full_name": "Nguyễn Văn Thử", "personal_id": "001090000000", "birth": "1990-02-28"},
        purpose="đối chiếu khi tiếp nhận hồ sơ",
        officer="cb-0001",
        unit="G00",
        dossier_code="000.00.00.G00-260101-0001",
        operation=operation,
        procedure_code="1.000000",
        request_id="019b7a10-0000-7000-8000-000000000001",
        officer_account=OFFICER,
    )


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("route", ROUTES)
async def test_node_soap_understands_our_question_and_we_understand_its_answer(
    operation: str, route: str, tmp_path: Path
) -> None:
    """Each operation on each binding: every field arrives as it was meant, both ways."""
    async with asking(route, tmp_path) as place:
        answer: Answer = await place.ask(question(operation))
        (seen,) = await place.seen()
    assert answer.found and answer.rows == MEANT[operation]
    assert answer.fields == (MEANT[operation][0] if MEANT[operation] else {})
    assert seen["operation"] == OPERATIONS[operation]
    assert seen["args"] == {
        "MaYeuCau": "019b7a10-0000-7000-8000-000000000001",
        "MaDVC": "1.000000",
        "MaTichHop": CODES[operation],
        "MaCanBo": OFFICER,
        "MaDonVi": "G00",
        "SoDinhDanh": "001090000000",
        "HoVaTen": "NGUYENVANTHU",
        "NgayThangNamSinh": {"NgayThangNam": "19900228"},
    }
    if route == "direct":
        assert not seen["headers"]
        return
    blocks = seen["headers"]
    assert blocks["client"]["memberCode"] == "G00.01" and blocks["client"]["attributes"] == {
        f"{_prefix(blocks['client'])}:objectType": "SUBSYSTEM"
    }
    assert blocks["service"]["serviceCode"] == OPERATIONS[operation] and blocks["service"]["serviceVersion"] == "v1"
    assert blocks["issue"] == "000.00.00.G00-260101-0001" and blocks["protocolVersion"] == "4.0"


def _prefix(block: Mapping[str, Any]) -> str:
    names: Mapping[str, str] = block["attributes"]
    return next(iter(names)).partition(":")[0]


@pytest.mark.parametrize("route", ROUTES)
async def test_nobody_found_is_a_fact_and_no_fault(route: str, tmp_path: Path) -> None:
    """node-soap writes an empty collection and a false verdict."""
    said = {"TraCuuThongTinCongDan": {}, "XacThucThongTinCongDan": {"TonTai": False}}
    async with asking(route, tmp_path, said) as place:
        for operation in ("look_up", "verify"):
            answer = await place.ask(question(operation))
            assert not answer.found and answer.rows == () and answer.fields == {}


@pytest.mark.parametrize(
    ("code", "family"), [("004", ConsentMissing), ("005", (Rejected, CredentialsRefused))], ids=["licence", "officer"]
)
async def test_a_fault_that_node_soap_writes_comes_to_its_family(
    code: str, family: type[Exception] | tuple[type[Exception], ...], tmp_path: Path
) -> None:
    """Its Fault has the detail of the WSDL, and our client finds the code in it."""
    loi = {"Loi": {"MaLoi": code, "MoTa": "không có quyền"}}
    fault = {"Fault": {"faultcode": "soap:Client", "faultstring": "từ chối", "detail": loi}}
    async with asking("direct", tmp_path, {"TraCuuThongTinCongDan": fault}) as place:
        with pytest.raises(family):
            await place.ask(question("look_up"))


class SignedTransport(zeep.transports.Transport):
    """zeep's transport with the caller in HTTP headers (identity facts 2.2), hashed by hand."""

    def post_xml(self, address: str, envelope: Any, headers: Any) -> Any:
        """Add the headers of this moment."""
        stamp = str(int(time.time() * 1000))
        said = f"https://esb.example.gov.vn/dancu/1.0/tracuubvhttdl{stamp}s3cr3t"
        proof = base64.b64encode(f"bvhttdl:{hashlib.sha256(said.encode()).hexdigest()}".encode()).decode()
        signed = {**headers, "Timestamp": stamp, "Authorization": f"Basic {proof}", "Content-Type": "application/xml"}
        return super().post_xml(address, envelope, signed)  # type: ignore[no-untyped-call]


IDENTITY = {"xRoadInstance": "VN", "memberClass": "GOV"}
BLOCKS = {
    "client": {**IDENTITY, "memberCode": "G00.01", "subsystemCode": "gateway", "objectType": "SUBSYSTEM"},
    "id": "00000000-0000-4000-8000-000000000001",
    "userId": "VN001090000000",
    "issue": "000.00.00.G00-260101-0001",
    "protocolVersion": "4.0",
}


@dataclass(frozen=True, slots=True)
class Zeep:
    """zeep in front of our simulator, strict, on one binding."""

    service: Any
    xroad: bool

    async def ask(self, operation: str, **changes: str) -> Any:
        """What zeep made of the answer: plain dictionaries. zeep waits, so it does in a thread."""
        fields: dict[str, Any] = {
            "MaYeuCau": "BVHTTDL-20260101-000001",
            "MaDVC": "1.000000",
            "MaTichHop": CODES[operation],
            "MaCanBo": "canbo.test",
            "MaDonVi": "G00",
            "SoDinhDanh": "001090000000",
            "HoVaTen": "NGUYENVANTHU",
            "NgayThangNamSinh": {"NgayThangNam": "19900228"},
            **changes,
        }
        name = OPERATIONS[operation]
        if self.xroad:
            service = {**IDENTITY, "memberCode": "G00.99", "subsystemCode": "dancu", "serviceCode": name}
            said = {**BLOCKS, "service": {**service, "serviceVersion": "v1", "objectType": "SERVICE"}}
            order = ("client", "service", "id", "userId", "issue", "protocolVersion")
            fields["_soapheaders"] = {key: said[key] for key in order}
        found = await asyncio.to_thread(getattr(self.service, name), **fields)
        as_tree: Any = zeep.helpers.serialize_object
        tree = as_tree(found, dict)
        if not self.xroad:
            return tree
        assert tree["header"]["id"] == BLOCKS["id"] and tree["header"]["issue"] == BLOCKS["issue"]
        body = tree["body"]
        return body.get(next(iter(body))) if operation == "verify" and isinstance(body, dict) else body


@asynccontextmanager
async def simulated(binding: str, **population: object) -> AsyncIterator[Zeep]:
    """Our simulator on a free port, and zeep that asks it."""
    async with opened(create_app({"population": population})) as door:
        path = "/dancu" if binding == "DanCuDirectBinding" else "/xroad"
        kind = SignedTransport if binding == "DanCuDirectBinding" else zeep.transports.Transport
        transport: Any = kind(timeout=20, operation_timeout=20)  # type: ignore[no-untyped-call]
        client: Any = zeep.Client(str(WSDL), transport=transport, settings=zeep.Settings(strict=True))  # type: ignore[no-untyped-call]
        address = f"http://127.0.0.1:{door.port}{path}"
        service = client.create_service(f"{{http://dancuquocgia.bca/wsdl}}{binding}", address)
        try:
            yield Zeep(service, binding == "DanCuXRoadBinding")
        finally:
            transport.session.close()


BINDINGS = ("DanCuDirectBinding", "DanCuXRoadBinding")


@pytest.mark.parametrize("binding", BINDINGS)
async def test_zeep_understands_our_simulator_on_every_operation(binding: str) -> None:
    """zeep reads strictly by the WSDL: a part in the wrong place, name or order would be an error."""
    async with simulated(binding) as client:
        assert await client.ask("verify") is True
        (whole,) = (await client.ask("look_up"))["CongDan"]
        assert whole["SoDinhDanh"] == "001090000000" and whole["HoVaTen"]["Ten"] == "NGUYỄN VĂN THỬ"
        assert whole["NgayThangNamSinh"] == {"Nam": "1990", "NgayThangNam": "19900228"}
        assert whole["ThuongTru"]["MaPhuongXa"] == "00001" and whole["Cha"]["SoDinhDanh"] == "001060000000"
        (relatives,) = (await client.ask("relatives"))["CongDan"]
        assert relatives["VoChong"]["HoVaTen"] == "TRẦN THỊ THỬ" and relatives["ThuongTru"] is None
        (head,) = (await client.ask("household_head"))["CongDan"]
        assert head["ChuHo"]["QuanHe"] == "01"
        (home,) = (await client.ask("current_residence"))["CongDan"]
        assert home["NoiOHienTai"]["ChiTiet"] == "SỐ 2 ĐƯỜNG MẪU"
        (married,) = (await client.ask("marital_status"))["CongDan"]
        assert married["TinhTrangHonNhan"] == "2"
        household = (await client.ask("household"))["CongDan"]
        assert [one["SoDinhDanh"] for one in household] == ["001090000000", "001192000000", "001215000000"]


@pytest.mark.parametrize("binding", BINDINGS)
async def test_zeep_sees_nobody_found_as_an_empty_collection(binding: str) -> None:
    """And a verification that does not fit as false."""
    async with simulated(binding) as client:
        assert await client.ask("verify", HoVaTen="NGUOIKHAC") is False
        assert (await client.ask("look_up", HoVaTen="NGUOIKHAC"))["CongDan"] == []


@pytest.mark.parametrize("binding", BINDINGS)
async def test_zeep_reads_the_faults_of_our_simulator(binding: str) -> None:
    """A procedure without licence: a SOAP fault with the detail of the WSDL."""
    async with simulated(binding, register={"licensed_procedures": ["2.000000"]}) as client:
        with pytest.raises(zeep.exceptions.Fault) as caught:
            await client.ask("look_up")
    detail = caught.value.detail
    assert detail is not None
    assert "004" in [part.text for part in detail.iter() if part.tag == "{http://dancuquocgia.bca}MaLoi"]
