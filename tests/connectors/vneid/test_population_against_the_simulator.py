"""The client and the simulated population database were written apart from the same facts: on every route they agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from connectors.kit.contract import Kit, Question
from connectors.kit.errors import ConsentMissing, DeliveryError
from connectors.kit.ground import LoneCoordination
from connectors.kit.simulation import opened
from connectors.vneid.connector import Vneid, create
from connectors.vneid.settings import Settings
from connectors.vneid.simulator import VneidOptions, World, vneid_app
from tests.connectors.vneid_simulator.conftest import CITIZEN, Clockwork

OPERATIONS = ("verify", "look_up", "relatives", "household_head", "current_residence", "marital_status", "household")
CODES = dict(zip(OPERATIONS, ("003", "037", "038", "039", "040", "041", "042"), strict=True))
NAMES = (
    "XacThucThongTinCongDan",
    "TraCuuThongTinCongDan",
    "XacMinhThongTinNhanThan",
    "XacMinhThongTinChuHo",
    "XacMinhThongTinNoiOHienTai",
    "XacMinhTinhTrangHonNhan",
    "CungCapThongTinHoGiaDinh",
)
SECRETS = {"s": "s3cr3t", "a": '{"AccessKey":"k"}', "o": "canbo.test:khoa"}
OURS = {"instance": "VN", "member_class": "GOV", "member_code": "G00.01", "subsystem": "gateway"}
THEIRS = {"instance": "VN", "member_class": "GOV", "member_code": "G00.99", "subsystem": "dancu"}
SIGNATURE = {"username": "bvhttdl", "secret": "s", "hash_url": "https://esb.example.gov.vn/dancu/1.0/tracuu"}


def _paths(folder: str) -> dict[str, str]:
    return {ours: f"{folder}/{theirs}" for ours, theirs in zip(OPERATIONS, NAMES, strict=True)}


def _routes(base: str) -> dict[str, dict[str, Any]]:
    """The population half of the settings by route (identity facts 2.1)."""
    token = {"url": f"{base}/lgsp/token", "access": "a"}
    return {
        "A": {"path": "/dancu", "route": {"kind": "header_signed", "signature": SIGNATURE}},
        "B": {"path": "/lgsp/dancu", "route": {"kind": "lgsp_soap", "token": token, "default_officer_key": "o"}},
        "C": {"paths": _paths("/lgsp/dancu"), "route": {"kind": "lgsp_json", "names": "camel", "token": token}},
        "D": {"paths": _paths("/apiCSDLDanCu"), "route": {"kind": "lgsp_json"}},
        "F": {"path": "/xroad", "route": {"kind": "xroad_soap", "client": OURS, "service": THEIRS}},
        "G": {"paths": _paths("/r1/VN/GOV/G00.99/dancu"), "route": {"kind": "xroad_rest", "client": OURS}},
    }


@dataclass
class Meeting:
    """A connector in front of the simulator."""

    connector: Vneid
    base: str
    http: aiohttp.ClientSession

    async def ask(self, operation: str, **fields: str) -> Any:
        """One question, in order but for what `fields` changes; an empty one is left out."""
        whole = {"full_name": "Nguyễn Văn Thử", "personal_id": CITIZEN, "birth": "1990-02-28", **fields}
        question = Question(
            subject="",
            fields={name: value for name, value in whole.items() if value},
            purpose="kiểm tra hồ sơ",
            officer="canbo.test",
            unit="G00",
            dossier_code="000.00.00.G00-260101-0001",
            operation=operation,
            procedure_code="1.000000",
            request_id="BVHTTDL-1",
            officer_account="canbo.test",
        )
        return await self.connector.ask(question)

    async def control(self, method: str, path: str, body: object) -> Any:
        async with self.http.request(method, f"{self.base}/_simulator/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return msgspec.json.decode(await answer.read())


@asynccontextmanager
async def _meeting(route: str, **options: Any) -> AsyncIterator[Meeting]:
    """A connector on one route, in front of the simulator with these options."""
    clock = Clockwork()
    world = World(msgspec.convert(options, VneidOptions), clock.now, clock.new_token)
    async with opened(vneid_app(world)) as door, aiohttp.ClientSession() as http:
        base = f"http://127.0.0.1:{door.port}"
        common = {"base_url": base, "operations": OPERATIONS, "allow_plain": ["127.0.0.1"]}
        tree = {"population": {**common, "request": {"integration_codes": CODES}, **_routes(base)[route]}}
        now = datetime.fromtimestamp(clock.at, UTC)
        kit = Kit("vneid", lambda: now, lambda: 0.0, LoneCoordination(), SECRETS.__getitem__)
        connector = create(msgspec.convert(tree, Settings), kit)
        try:
            yield Meeting(connector, base, http)
        finally:
            await connector.close()


@pytest.mark.parametrize("shape", ["observed", "qcvn109"])
@pytest.mark.parametrize("route", "ABCDFG")
async def test_every_operation_is_understood_on_every_route(route: str, shape: str) -> None:
    """Seven operations, six routes, two shapes: what the register holds is what the connector says in our words."""
    async with _meeting(route, population={"register": {"shape": shape}}) as meeting:
        answers = {operation: await meeting.ask(operation) for operation in OPERATIONS}
        stranger = await meeting.ask("look_up", full_name="Ai Đó")
        verdict = await meeting.ask("verify", full_name="Ai Đó")
    assert all(answer.found for answer in answers.values())
    assert not stranger.found
    assert not verdict.found
    told = answers["look_up"].fields
    assert (told["personal_id"], told["full_name"].upper()) == (CITIZEN, "NGUYỄN VĂN THỬ")
    assert told["birth"] == "1990-02-28"
    assert told["father.full_name"].upper() == "NGUYỄN VĂN MẪU"
    assert answers["verify"].fields == {}
    assert answers["marital_status"].fields["marital_status"] == "married"
    assert answers["household_head"].fields["head_of_household.personal_id"] == CITIZEN
    assert answers["current_residence"].fields["current_address.detail"] == "SỐ 2 ĐƯỜNG MẪU"
    assert answers["relatives"].fields["mother.personal_id"] == "001162000000"
    assert [row["personal_id"] for row in answers["household"].rows] == [CITIZEN, "001192000000", "001215000000"]


@pytest.mark.parametrize("route", "ABCDFG")
async def test_a_birth_of_a_year_alone_is_asked_and_told_as_such(route: str) -> None:
    """An elderly person with a CMND: nothing is filled in on the way there or back (facts 3.3)."""
    async with _meeting(route) as meeting:
        asked = {"personal_id": "", "cmnd": "001000000", "full_name": "Đỗ Thị Đượm", "birth": "1940"}
        answer = await meeting.ask("look_up", **asked)
    assert answer.fields["birth"] == "1940"
    assert answer.fields["household_book"] == "000000"


@pytest.mark.parametrize("route", "ABCDFG")
async def test_a_procedure_without_licence_is_told_apart(route: str) -> None:
    """Code 004 in the form of each route is the same to us: the consent is missing (facts 2.7)."""
    async with _meeting(route, population={"register": {"licensed_procedures": ["9.999999"]}}) as meeting:
        with pytest.raises(ConsentMissing):
            await meeting.ask("look_up")


LIES = (
    "other_person",
    "second_body",
    "wrapped_body",
    "truncated",
    "html_page",
    "doctype",
    "huge_text",
    "client_proxy_fault",
    "server_proxy_fault",
    "inner_fault",
)
ECHOES = ("wrong_echo", "no_echo")
"""Header blocks that are not the request's: route F alone has any (facts 2.8)."""


@pytest.mark.parametrize("route", "ABCDFG")
async def test_no_lie_of_the_database_is_believed(route: str) -> None:
    """Each ends in an error of a family; the question after it is answered."""
    async with _meeting(route) as meeting:
        for lie in (*LIES, *(ECHOES if route == "F" else ())):
            await meeting.control("PUT", "lies", {"orders": [{"lie": lie, "provider": "population"}]})
            believed = True
            try:
                await meeting.ask("look_up")
            except DeliveryError:
                believed = False
            assert not believed, lie
            assert (await meeting.ask("look_up")).found, lie


@pytest.mark.parametrize("route", "ABCDFG")
async def test_a_person_without_a_name_was_not_found(route: str) -> None:
    """A `CongDan` whose `HoVaTen/Ten` is missing means that there is none (facts 2.6)."""
    async with _meeting(route) as meeting:
        await meeting.control("PUT", "lies", {"orders": [{"lie": "nameless"}]})
        assert not (await meeting.ask("look_up")).found
