"""Every route to the simulated population database checks what the facts say that it checks (2.1, 2.2, 2.8, 2.9)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import zeep
from lxml import etree

from tests.connectors.vneid_simulator.questions import (
    CITIZEN,
    DC,
    OPERATIONS,
    ask,
    body_of,
    envelope,
    fields,
    signed,
    xroad_header,
)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        pytest.param({"secret": "sai"}, "hash", id="wrong secret"),
        pytest.param({"Timestamp": "1795219200001"}, "hash", id="another moment than the hash's"),
        pytest.param({"Timestamp": "1795219200"}, "drift", id="seconds for milliseconds"),
        pytest.param({"Timestamp": "hôm nay"}, "timestamp", id="no number"),
        pytest.param({"Authorization": "Basic !!!"}, "hash", id="no hash"),
        pytest.param({"X-Road-Client": "VN/GOV/KHAC"}, "client", id="another client"),
        pytest.param({"ApiKey": "sai"}, "api_key", id="another key"),
    ],
)
async def test_route_a_turns_away_whoever_is_not_proven(open_world: Any, headers: dict[str, str], why: str) -> None:
    """401 each, counted by its cause, and nothing was asked."""
    right = {"X-Road-Client": "VN/GOV/G00.01/gateway", "ApiKey": "khoa"}
    options = {"signed": {"client": right["X-Road-Client"], "api_key": right["ApiKey"]}}
    async with open_world(population=options) as caller:
        assert (await ask(caller, envelope(), **{**right, **headers}))[0] == 401
        state = (await caller.control("GET", "state"))["population"]
        assert state["counts"] == {f"refused_{why}": 1}
        assert state["questions"] == 0
        assert (await ask(caller, envelope(), **right))[0] == 200


async def test_the_hash_is_that_of_the_facts(open_world: Any) -> None:
    """The invented vector of identity facts 2.2, letter by letter."""
    digest = "f915ba41a440bdb51cfdd8edb6889038382b2e079cea5c76d3050c8b882f6f1d"
    headers = signed(1767225600.0)
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == f"bvhttdl:{digest}"
    async with open_world() as caller:
        caller.clock.at = 1767225600.0
        assert (await caller.call("POST", "/dancu", data=envelope(), headers=headers))[0] == 200


async def test_a_timestamp_that_is_too_old_or_too_young_is_refused(open_world: Any) -> None:
    """Clock drift: 300 s either way by default."""
    async with open_world() as caller:
        for drift, status in ((299, 200), (301, 401), (-299, 200), (-301, 401)):
            headers = signed(caller.clock.at + drift)
            assert (await caller.call("POST", "/dancu", data=envelope(), headers=headers))[0] == status


async def test_seconds_are_an_option(open_world: Any) -> None:
    """S5 sends seconds in a header written `timestamp` (2.2)."""
    async with open_world(population={"signed": {"timestamp_unit": "s", "timestamp_header": "timestamp"}}) as caller:
        headers = signed(caller.clock.at / 1000)
        assert (await caller.call("POST", "/dancu", data=envelope(), headers=headers))[0] == 200
        assert (await ask(caller, envelope()))[0] == 401


async def test_route_f_repeats_the_header_blocks_and_adds_the_hash(open_world: Any) -> None:
    """2.8: unchanged, in order, `requestHash` behind them."""
    operation = "TraCuuThongTinCongDan"
    raw = envelope(operation, header=xroad_header(operation))
    async with open_world() as caller:
        status, _, said = await caller.call("POST", "/xroad", data=raw, headers={"Content-Type": "text/xml"})
    asked, told = (etree.fromstring(text)[0] for text in (raw, said))
    assert status == 200
    names = [etree.QName(block).localname for block in told]
    assert names == ["client", "service", "id", "userId", "issue", "protocolVersion", "requestHash"]
    for mine, theirs in zip(asked, told, strict=False):
        assert (
            etree.tostring(mine, method="c14n", exclusive=True).replace(b"x:", b"").split(b">", 1)[1]
            == (etree.tostring(theirs, method="c14n", exclusive=True).replace(b"x:", b"").split(b">", 1)[1])
        )
    assert told[-1].get("algorithmId") == "http://www.w3.org/2001/04/xmlenc#sha512"
    assert told[-1].text == base64.b64encode(hashlib.sha512(raw).digest()).decode()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *[
            pytest.param({"without": name}, "Client.MissingHeaderField", id=f"no {name}")
            for name in ("client", "service", "id", "protocolVersion")
        ],
        pytest.param({"version": "3.0"}, "Client.InvalidProtocolVersion", id="old protocol"),
        pytest.param({"service_code": "XacThucThongTinCongDan"}, "Client.InconsistentHeaders", id="another service"),
    ],
)
async def test_route_f_refuses_header_blocks_that_are_not_right(
    open_world: Any, changes: dict[str, str], code: str
) -> None:
    """The security server's own faults; nothing reaches the database."""
    operation = "TraCuuThongTinCongDan"
    raw = envelope(operation, header=xroad_header(operation, **changes))
    async with open_world() as caller:
        status, _, said = await caller.call("POST", "/xroad", data=raw, headers={"Content-Type": "text/xml"})
        assert (await caller.control("GET", "state"))["population"]["questions"] == 0
    assert status == 500
    assert body_of(said).findtext("faultcode") == code


async def test_route_f_knows_clients_without_a_right(open_world: Any) -> None:
    """`Server.ServerProxy.AccessDenied`: the provider's side refuses (2.7)."""
    operation = "XacThucThongTinCongDan"
    raw = envelope(operation, header=xroad_header(operation))
    async with open_world(population={"xroad": {"clients": ["VN/GOV/KHAC/la"]}}) as caller:
        status, _, said = await caller.call("POST", "/xroad", data=raw, headers={"Content-Type": "text/xml"})
    assert (status, body_of(said).findtext("faultcode")) == (500, "Server.ServerProxy.AccessDenied")


async def test_route_d_hands_the_soap_answer_on_as_a_string(open_world: Any) -> None:
    """`{"error_code": …, "message": "<soapenv:Envelope …>"}` (2.1); a refusal is its code and words."""
    async with open_world(population={"register": {"licensed_procedures": ["1.000000"]}}) as caller:
        path = "/apiCSDLDanCu/ChiaSeThongTinCongDan"
        status, _, raw = await caller.call("POST", path, data=msgspec.json.encode(fields()))
        answer = msgspec.json.decode(raw)
        refused = msgspec.json.encode(fields(MaDVC="9.999999"))
        _, _, denied = await caller.call("POST", path, data=refused)
        _, _, unreadable = await caller.call("POST", path, data=b"[]")
    assert (status, answer["error_code"]) == (200, "0")
    assert body_of(answer["message"].encode())[0].findtext(f"{DC}SoDinhDanh") == CITIZEN
    assert msgspec.json.decode(denied) == {"error_code": "004", "message": "Thủ tục chưa được cấp phép khai thác"}
    assert msgspec.json.decode(unreadable)["error_code"] != "0"


async def _lgsp_token(caller: Any, access: Mapping[str, str] | None) -> tuple[int, Any]:
    headers = {} if access is None else {"lgspaccesstoken": base64.b64encode(msgspec.json.encode(access)).decode()}
    form = {"grant_type": "client_credentials"}
    status, _, raw = await caller.call("POST", "/lgsp/token", data=form, headers=headers)
    return status, msgspec.json.decode(raw)


async def test_route_b_wants_a_token_and_the_officers_own_key(open_world: Any) -> None:
    """Token by `lgspaccesstoken`; then SOAP with Bearer and `AuthHash`; each missing piece is refused (2.2)."""
    access = {"AccessKey": "a", "SecretKey": "s", "AppName": "x", "PartnerCode": "p", "PartnerCodeCus": "c"}
    lgsp = {"access": access, "officer_keys": ["canbo.test:khoa"]}
    async with open_world(population={"lgsp": lgsp}) as caller:
        assert (await _lgsp_token(caller, None))[0] == 401
        assert (await _lgsp_token(caller, {**access, "SecretKey": "sai"}))[0] == 401
        token = (await _lgsp_token(caller, access))[1]["access_token"]
        key = base64.b64encode(b"canbo.test:khoa").decode()
        tries = {
            (f"Bearer {token}", key): 200,
            (f"Bearer {token}", ""): 403,
            (f"Bearer {token}", "c2Fp"): 403,
            ("Bearer sai", key): 401,
        }
        for (authorization, officer), wanted in tries.items():
            headers = {"Content-Type": "application/xml", "Authorization": authorization, "AuthHash": officer}
            assert (await caller.call("POST", "/lgsp/dancu", data=envelope(), headers=headers))[0] == wanted
        caller.clock.at += 3_601
        headers = {"Authorization": f"Bearer {token}", "AuthHash": key}
        assert (await caller.call("POST", "/lgsp/dancu", data=envelope(), headers=headers))[0] == 401


async def test_route_c_knows_neither_the_integration_code_nor_two_forms_of_a_birth(open_world: Any) -> None:
    """Camel-case names, one field for a year and for a date (2.1)."""
    asked = {
        "maYeuCau": "BVHTTDL-1",
        "maDVC": "1.000000",
        "maCanBo": "canbo.test",
        "soDinhDanh": CITIZEN,
        "soCMND": "",
        "hoVaTen": "NGUYENVANTHU",
        "ngayThangNam": "1990",
        "userNameService": "bvhttdl",
    }
    async with open_world() as caller:
        token = (await _lgsp_token(caller, None))[1]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        path = "/lgsp/dancu/TraCuuThongTinCongDan"
        _, _, raw = await caller.call("POST", path, data=msgspec.json.encode(asked), headers=headers)
        assert (await caller.call("POST", path, data=msgspec.json.encode(asked)))[0] == 401
    answer = msgspec.json.decode(raw)
    assert answer["error_code"] == "0"
    assert body_of(answer["message"].encode())[0].findtext(f"{DC}SoDinhDanh") == CITIZEN


async def test_route_g_speaks_of_its_own_errors_in_json(open_world: Any) -> None:
    """X-Road REST: without the client header 400 with `X-Road-Error`; with it the same SOAP (2.9)."""
    path = "/r1/VN/GOV/G00.99/dancu/TraCuuThongTinCongDan"
    async with open_world(population={"rest": {"clients": ["VN/GOV/G00.01/gateway"]}}) as caller:
        status, headers, raw = await caller.call("POST", path, data=envelope())
        assert (status, headers["X-Road-Error"]) == (400, msgspec.json.decode(raw)["type"])
        assert (await caller.call("POST", path, data=envelope(), headers={"X-Road-Client": "VN/GOV/LA/la"}))[0] == 500
        named = {"X-Road-Client": "VN/GOV/G00%2E01/gateway"}
        status, _, raw = await caller.call("POST", path, data=envelope(), headers=named)
    assert status == 200
    assert body_of(raw)[0].findtext(f"{DC}SoDinhDanh") == CITIZEN


async def test_zeep_loads_the_wsdl_from_the_simulator_and_finds_its_doors(open_world: Any) -> None:
    """Every operation on both bindings, at the addresses where it listens; nothing else can be read there."""
    async with open_world() as caller:
        address = f"{caller.base}/wsdl/dancu-service.wsdl"
        client = await asyncio.to_thread(zeep.Client, address)
        for outside in ("..%2Fdancu-service.wsdl", "dancu-service.contract.json"):
            assert (await caller.call("GET", f"/wsdl/xsd/{outside}"))[0] == 404
    ports = client.wsdl.services["DanCuService"].ports
    assert {name: port.binding_options["address"] for name, port in ports.items()} == {
        "DanCuXRoadPort": f"{caller.base}/xroad",
        "DanCuDirectPort": f"{caller.base}/dancu",
    }
    assert all(set(port.binding.all()) == set(OPERATIONS) for port in ports.values())
