"""What goes over the wire on each route to the population database, and what comes back from it."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.kit.errors import AnswerUnreadable, CannotMap, CredentialsRefused, NotSent, UpstreamFault
from connectors.kit.secrets import SecretRef
from connectors.vneid.population_routes import signed_headers
from connectors.vneid.population_settings import Signature
from signing.canonical import parse_xml
from tests.connectors.vneid_population.conftest import (
    HEADER_SIGNED,
    MEMBER,
    NOW,
    PROVIDER,
    SECRETS,
    SIGNATURE,
    Asking,
    Clock,
    Heard,
    Reply,
    ScriptedDatabase,
    example,
    question,
    xml,
)

LGSP_SOAP = {
    "kind": "lgsp_soap",
    "token": {"url": "TOKEN", "access": "env:access"},
    "officer_keys": {"canbo.test": "env:officer"},
}
XROAD = {"kind": "xroad_soap", "client": MEMBER, "service": PROVIDER, "service_version": "v1"}
REST = {"kind": "xroad_rest", "client": MEMBER, "signature": SIGNATURE}
FACADE = {"kind": "lgsp_json"}
PATHS = {"look_up": "/apiCSDLDanCu/ChiaSeThongTinCongDan"}


def facade(envelope: bytes, code: object = "0") -> Reply:
    """The SOAP answer as a string inside JSON."""
    said = json.dumps({"error_code": code, "message": envelope.decode()}).encode()
    return 200, said, {"Content-Type": "application/json"}


def with_token(route: dict[str, Any], database: ScriptedDatabase) -> dict[str, Any]:
    """The route with the address of the scripted token endpoint."""
    return {**route, "token": {**route["token"], "url": f"{database.base_url}/token"}}


def body_of(call: Heard) -> list[tuple[str, str]]:
    """The fields of a SOAP request in the order of the wire, by their local names."""
    root = parse_xml(call.body)
    return [(str(field.tag).rpartition("}")[2], field.text or "") for field in root[-1][0]]


def test_the_hash_of_the_headers_is_the_one_of_the_known_vector() -> None:
    """Facts 2.2 give a vector; a wrong order of the four parts, or upper-case hex, would fail it."""
    signature = Signature(
        username="bvhttdl", secret=SecretRef("env:KEY"), hash_url="https://esb.example.gov.vn/dancu/1.0/tracuu"
    )
    headers = signed_headers(signature, "look_up", datetime.fromtimestamp(1_767_225_600, UTC), "s3cr3t")
    assert headers["Timestamp"] == "1767225600000"
    said = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert said == "bvhttdl:f915ba41a440bdb51cfdd8edb6889038382b2e079cea5c76d3050c8b882f6f1d"


async def test_route_a_names_its_caller_in_headers_and_the_person_in_the_body(
    database: ScriptedDatabase, asking: Asking
) -> None:
    """Header-signed SOAP: application/xml, an empty SOAPAction in quotes, an empty header, fields in the configured order."""
    answer = await asking().ask(question())
    (call,) = database.asked
    assert call.headers["Content-Type"] == "application/xml"
    assert call.headers["SOAPAction"] == '""'
    assert call.headers["ApiKey"] == SECRETS["env:api"]
    assert call.headers["X-Road-Client"] == "VN/GOV/G00.01/gw"
    stamp = call.headers["Timestamp"]
    hashed = hashlib.sha256(f"{SIGNATURE['hash_url']}bvhttdl{stamp}s3cr3t".encode()).hexdigest()
    assert base64.b64decode(call.headers["Authorization"].removeprefix("Basic ")).decode() == f"bvhttdl:{hashed}"
    root = parse_xml(call.body)
    assert [str(part.tag).rpartition("}")[2] for part in root] == ["Header", "Body"]
    assert len(root[0]) == 0
    assert root[1][0].tag == "{http://dancuquocgia.bca}TraCuuThongTinCongDan"
    assert body_of(call) == [
        ("MaYeuCau", "019b7a10-0000-7000-8000-000000000001"),
        ("MaDVC", "1.000000"),
        ("MaTichHop", "037"),
        ("MaCanBo", "canbo.test"),
        ("MaDonVi", "G00"),
        ("SoDinhDanh", "001090000000"),
        ("HoVaTen", "NGUYENVANTHU"),
        ("NgayThangNamSinh", ""),
    ]
    assert answer.found and answer.fields["full_name"] == "NGUYỄN VĂN THỬ"
    assert answer.fields["birth"] == "1990-02-28" and answer.rows == (answer.fields,)


async def test_a_repeat_has_the_same_request_id_and_a_new_timestamp(
    database: ScriptedDatabase, asking: Asking, clock: Clock
) -> None:
    """Facts 2.2, retry note: the hash binds the time, the audit binds MaYeuCau."""
    population = asking()
    await population.ask(question())
    clock.now = NOW + timedelta(seconds=1)
    await population.ask(question())
    first, second = database.asked
    assert first.headers["Timestamp"] != second.headers["Timestamp"]
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert first.body == second.body


async def test_stub_names_order_and_forms_follow_the_configuration(database: ScriptedDatabase, asking: Asking) -> None:
    """Facts 7, items 13 and 14: another namespace, other names, another order, a spaced name and a dashed date."""
    order = ["SoDinhDanh", "MaYeuCau", "MaDVC", "MaTichHop", "MaDonVi", "MaCanBo", "TaiKhoan", "SoDienThoai"]
    rules = {
        "namespace": "http://gtel.vn/qldc",
        "operation_aliases": {"TraCuuThongTinCongDan": "TraCuuThongTinCongDanRequest"},
        "field_aliases": {"MaTichHop": "MaDichVu"},
        "field_order": [*order, "SoCMND", "HoVaTen", "NgayThangNamSinh"],
        "name_form": "upper_unicode",
        "date_form": "dashed",
        "send_fields": [],
    }
    await asking(request=rules).ask(question())
    (call,) = database.asked
    root = parse_xml(call.body)
    assert root[-1][0].tag == "{http://gtel.vn/qldc}TraCuuThongTinCongDanRequest"
    assert [name for name, _ in body_of(call)] == [
        "SoDinhDanh",
        "MaYeuCau",
        "MaDVC",
        "MaDichVu",
        "MaCanBo",
        "HoVaTen",
        "NgayThangNamSinh",
    ]
    assert ("HoVaTen", "NGUYỄN VĂN THỬ") in body_of(call)
    assert b"1990-02-28" in call.body


async def test_route_b_brings_token_caller_and_the_officers_own_key(database: ScriptedDatabase, asking: Asking) -> None:
    """LGSP SOAP: Bearer, lgspaccesstoken at the token call and at the question, AuthHash of this officer."""
    await asking(with_token(LGSP_SOAP, database)).ask(question())
    token, asked = database.calls
    access = base64.b64encode(SECRETS["env:access"].encode()).decode()
    assert token.body == b"grant_type=client_credentials"
    assert token.headers["lgspaccesstoken"] == asked.headers["lgspaccesstoken"] == access
    assert asked.headers["Authorization"] == "Bearer tok-1"
    assert base64.b64decode(asked.headers["AuthHash"]) == b"keyName:keyPass"


async def test_route_b_asks_nobody_with_another_officers_key(database: ScriptedDatabase, asking: Asking) -> None:
    """An officer without a key is refused before anything is sent, a token included."""
    with pytest.raises(CannotMap) as refused:
        await asking(with_token(LGSP_SOAP, database)).ask(question(officer_account="canbo.khac"))
    assert [finding.code for finding in refused.value.findings] == ["officer_without_key"]
    assert database.calls == []


async def test_route_b_renews_a_refused_token_once_and_asks_again(database: ScriptedDatabase, asking: Asking) -> None:
    """HTTP 401 to a kept token may be its end; to a fresh one it means us."""
    population = asking(with_token(LGSP_SOAP, database))
    await population.ask(question())
    tokens = iter((b'{"access_token": "tok-2"}', b'{"access_token": "tok-3"}'))
    database.token = lambda _: (200, next(tokens), {})
    database.script = lambda call: (
        xml(example("tracuu-response.xml")) if "tok-2" in call.headers["Authorization"] else (401, b"", {})
    )
    assert (await population.ask(question())).found
    assert [call.headers["Authorization"] for call in database.asked[1:]] == ["Bearer tok-1", "Bearer tok-2"]
    database.script = lambda _: (401, b"", {})
    with pytest.raises(CredentialsRefused):
        await population.ask(question())


@pytest.mark.parametrize(("status", "family"), [(500, NotSent), (401, CredentialsRefused), (400, CredentialsRefused)])
async def test_a_token_that_cannot_be_had_means_that_nothing_was_asked(
    database: ScriptedDatabase, asking: Asking, status: int, family: type[Exception]
) -> None:
    """The question itself never left; a refused caller needs a person, a broken token endpoint only time."""
    database.token = lambda _: (status, b"{}", {})
    with pytest.raises(family):
        await asking(with_token(LGSP_SOAP, database)).ask(question())
    assert database.asked == []


async def test_route_d_sends_json_and_reads_the_soap_answer_inside_it(
    database: ScriptedDatabase, asking: Asking
) -> None:
    """The facade of Thanh Hóa: wire names, the birth flat, SOAP as a string inside JSON."""
    database.script = lambda _: facade(example("tracuu-response.xml"))
    answer = await asking(FACADE, operations=["look_up"], paths=PATHS).ask(question())
    (call,) = database.asked
    assert call.path == PATHS["look_up"]
    assert json.loads(call.body) == {
        "MaYeuCau": "019b7a10-0000-7000-8000-000000000001",
        "MaDVC": "1.000000",
        "MaTichHop": "037",
        "MaCanBo": "canbo.test",
        "MaDonVi": "G00",
        "SoDinhDanh": "001090000000",
        "HoVaTen": "NGUYENVANTHU",
        "NgayThangNam": "19900228",
    }
    assert answer.found and answer.fields["personal_id"] == "001090000000"


async def test_a_facade_with_names_of_its_own_is_a_setting(database: ScriptedDatabase, asking: Asking) -> None:
    """One LGSP was seen; another names its members otherwise, and says "OK" where nothing went wrong."""
    body = json.dumps({"ma": "OK", "noiDung": example("tracuu-response.xml").decode()}).encode()
    database.script = lambda _: (200, body, {"Content-Type": "application/json"})
    names = {"answer_code": "ma", "answer_message": "noiDung", "no_error": ["OK"]}
    answer = await asking(FACADE | names, operations=["look_up"], paths=PATHS).ask(question())
    assert answer.found
    with pytest.raises(UpstreamFault):
        await asking(FACADE | names | {"no_error": ["0"]}, operations=["look_up"], paths=PATHS).ask(question())


async def test_route_c_speaks_camel_case_behind_a_token(database: ScriptedDatabase, asking: Asking) -> None:
    """The facade of Đồng Tháp: its own names, one field for both forms of a birth."""
    database.script = lambda _: facade(example("tracuu-response-empty.xml"), 0)
    route = {"kind": "lgsp_json", "names": "camel", "user_name": "bvhttdl", "token": {"access": "env:access"}}
    fields = {"personal_id": "", "cmnd": "001000000", "birth": "1990"}
    population = asking(with_token(route, database), operations=["look_up"], paths=PATHS)
    answer = await population.ask(question(fields=fields))
    (call,) = database.asked
    assert not answer.found and answer.fields == {} and answer.rows == ()
    assert call.headers["Authorization"] == "Bearer tok-1"
    assert json.loads(call.body) == {
        "maYeuCau": "019b7a10-0000-7000-8000-000000000001",
        "maDVC": "1.000000",
        "maCanBo": "canbo.test",
        "soCMND": "001000000",
        "hoVaTen": "NGUYENVANTHU",
        "ngayThangNam": "1990",
        "userNameService": "bvhttdl",
    }


def echoed(call: Heard, **changed: str) -> Reply:
    """The header of a request in front of a yes, with `requestHash` beside it; some texts changed."""
    text = call.body.decode()
    header = text[text.index("<soapenv:Header") : text.index("<soapenv:Body")]
    for old, new in changed.items():
        header = header.replace(old, new)
    hashed = '<x:requestHash xmlns:x="http://x-road.eu/xsd/xroad.xsd" algorithmId="sha">AAAA</x:requestHash>'
    header = header.replace("</soapenv:Header>", f"{hashed}</soapenv:Header>")
    verdict = '<d:KetQuaXacThuc xmlns:d="http://dancuquocgia.bca"><d:TonTai>true</d:TonTai></d:KetQuaXacThuc>'
    start = text[: text.index("<soapenv:Header")]
    return xml(f"{start}{header}<soapenv:Body>{verdict}</soapenv:Body></soapenv:Envelope>".encode())


async def test_route_f_says_in_header_blocks_who_asks_for_which_dossier(
    database: ScriptedDatabase, asking: Asking, clock: Clock
) -> None:
    """X-Road 4.0: client, service with the name of the body element, user with its country, the dossier as issue."""
    database.script = echoed
    population = asking(XROAD)
    answer = await population.ask(question("verify"))
    clock.now = NOW + timedelta(seconds=1)
    await population.ask(question("verify"))
    first, second = (parse_xml(call.body)[0] for call in database.asked)
    said = {str(block.tag).rpartition("}")[2]: "|".join(block.itertext()) for block in first}
    assert said["client"] == "VN|GOV|G00.01|gateway"
    assert said["service"] == "VN|GOV|G00.99|dancu|XacThucThongTinCongDan|v1"
    assert (said["userId"], said["issue"]) == ("VNcanbo.test", "000.00.00.G00-260101-0001")
    assert said["protocolVersion"] == "4.0"
    assert first[2].text != second[2].text, "a message id is never used twice"
    assert answer.found and answer.fields == {} and answer.rows == ()


@pytest.mark.parametrize("changed", ["G00.99", "XacThucThongTinCongDan", "0001</"])
async def test_route_f_refuses_an_answer_to_somebody_elses_question(
    database: ScriptedDatabase, asking: Asking, changed: str
) -> None:
    """An answer that does not repeat service, operation or dossier of the request belongs to another one."""
    database.script = lambda call: echoed(call, **{changed: changed.replace("0", "7").replace("Xac", "Tra")})
    with pytest.raises(AnswerUnreadable):
        await asking(XROAD).ask(question("verify"))


async def test_route_g_lets_the_headers_of_route_a_travel_through_x_road_rest(
    database: ScriptedDatabase, asking: Asking
) -> None:
    """X-Road REST: the path of the service, who asks in X-Road headers, the hash beside them."""
    path = "/r1/VN/GOV/G00.99/dancu/TraCuuThongTinCongDan"
    await asking(REST, path=path).ask(question())
    (call,) = database.asked
    assert call.path == path
    assert call.headers["X-Road-Client"] == "VN/GOV/G00.01/gateway"
    assert call.headers["X-Road-Issue"] == "000.00.00.G00-260101-0001"
    assert call.headers["X-Road-UserId"] == "VNcanbo.test"
    assert call.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("route", [HEADER_SIGNED, XROAD, REST])
async def test_what_the_schema_refuses_is_never_sent(
    database: ScriptedDatabase, asking: Asking, route: dict[str, Any]
) -> None:
    """zeep does not check lengths and patterns; we do, before anything leaves."""
    with pytest.raises(CannotMap):
        await asking(route).ask(question(fields={"personal_id": "12345"}))
    assert database.calls == []
