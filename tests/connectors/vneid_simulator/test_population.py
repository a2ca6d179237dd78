"""The simulated population database finds whom it should, tells of them in both shapes, and refuses who may not ask."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from tests.connectors.vneid_simulator.questions import (
    CITIZEN,
    DC,
    OPERATIONS,
    SOAP,
    ask,
    envelope,
    schema,
    signed,
)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("shape", ["observed", "qcvn109"])
async def test_every_operation_answers_what_its_schema_accepts(open_world: Any, operation: str, shape: str) -> None:
    """Both shapes of a record, for a person of whom everything is known, and the verdict."""
    async with open_world(population={"register": {"shape": shape}}) as caller:
        status, body = await ask(caller, envelope(operation))
    name = "dancu-1.0.xsd" if shape == "observed" else "dancu-1.0-qcvn109.xsd"
    wanted = schema("dancuquocgia-bca.xsd" if operation == "XacThucThongTinCongDan" else name)
    assert status == 200
    wanted.assertValid(etree.fromstring(etree.tostring(body)))
    told = set(body[0].iter()) if len(body) else set()
    assert operation == "XacThucThongTinCongDan" or len(told) > 4


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(CITIZEN, id="everything"),
        pytest.param("038140000000", id="year alone"),
        pytest.param("075051000000", id="month"),
        pytest.param("048095000000", id="little"),
        pytest.param("001215000000", id="child"),
    ],
)
@pytest.mark.parametrize("shape", ["observed", "qcvn109"])
async def test_everybody_can_be_told_of_in_both_shapes(open_world: Any, key: str, shape: str) -> None:
    """A year alone, a month alone, nothing but a name: the schema accepts them all."""
    async with open_world(population={"register": {"shape": shape}}) as caller:
        person = caller.world.people.persons[key]
        name, birth = person.full_name.upper(), person.birth.replace("-", "")
        asked = {"NgayThangNam": "", "Nam": birth} if len(birth) == 4 else {"NgayThangNam": birth}
        status, body = await ask(caller, envelope(SoDinhDanh=key, HoVaTen=name, **asked))
    wanted = schema("dancu-1.0.xsd" if shape == "observed" else "dancu-1.0-qcvn109.xsd")
    assert (status, len(body)) == (200, 1)
    wanted.assertValid(etree.fromstring(etree.tostring(body)))


async def test_the_observed_shape_has_the_whole_name_in_ten_and_two_forms_of_the_birth(open_world: Any) -> None:
    """2.6: `Ho` and `ChuDem` empty, upper case with diacritics, `Nam` beside `yyyyMMdd`, three address codes."""
    async with open_world() as caller:
        _, body = await ask(caller, envelope())
    citizen = body.find(f"{DC}CongDan")
    assert citizen.findtext(f"{DC}HoVaTen/{DC}Ten") == "NGUYỄN VĂN THỬ"
    assert citizen.findtext(f"{DC}HoVaTen/{DC}Ho") == ""
    assert citizen.findtext(f"{DC}NgayThangNamSinh/{DC}Nam") == "1990"
    assert citizen.findtext(f"{DC}NgayThangNamSinh/{DC}NgayThangNam") == "19900228"
    assert citizen.findtext(f"{DC}ThuongTru/{DC}MaPhuongXa") == "00001"
    assert citizen.findtext(f"{DC}Cha/{DC}HoVaTen") == "NGUYỄN VĂN MẪU"
    assert body.get("SoCongDan") == "1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"HoVaTen": "NGUYENVANTHUA"}, id="another name"),
        pytest.param({"NgayThangNam": "19900227"}, id="another day"),
        pytest.param({"NgayThangNam": "", "Nam": "1991"}, id="another year"),
        pytest.param({"SoDinhDanh": "002090000000"}, id="another number"),
        pytest.param({"SoDinhDanh": "", "SoCMND": "001000000"}, id="the CMND of somebody else"),
    ],
)
async def test_what_does_not_fit_together_is_not_found(open_world: Any, changes: dict[str, str]) -> None:
    """An empty collection, and `TonTai` false; never a fault (2.6, 2.7)."""
    async with open_world() as caller:
        status, body = await ask(caller, envelope(**changes))
        assert (status, body.tag, len(body)) == (200, f"{DC}CongdanCollection", 0)
        _, verdict = await ask(caller, envelope("XacThucThongTinCongDan", **changes))
    assert verdict[0].text == "false"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"HoVaTen": "Nguyễn Văn Thử"}, id="upper_unicode"),
        pytest.param({"HoVaTen": "NGUYEN VAN THU"}, id="ascii_spaced"),
        pytest.param({"NgayThangNam": "1990-02-28"}, id="dashes"),
        pytest.param({"NgayThangNam": "199002"}, id="month"),
        pytest.param({"NgayThangNam": "", "Nam": "1990"}, id="year"),
    ],
)
async def test_every_seen_form_of_a_name_and_of_a_birth_finds_the_person(
    open_world: Any, changes: dict[str, str]
) -> None:
    """2.4: three forms of a name, partial births."""
    async with open_world() as caller:
        _, body = await ask(caller, envelope("XacThucThongTinCongDan", **changes))
    assert body[0].text == "true"


async def test_a_year_alone_is_found_under_the_cmnd(open_world: Any) -> None:
    """The elderly: nine digits, a year, and nothing filled in (3.3)."""
    asked = {"SoDinhDanh": "", "SoCMND": "001000000", "HoVaTen": "DOTHIDUOM", "NgayThangNam": "", "Nam": "1940"}
    async with open_world() as caller:
        _, body = await ask(caller, envelope(**asked))
    birth = body[0].find(f"{DC}NgayThangNamSinh")
    assert [etree.QName(part).localname for part in birth] == ["Nam"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"MaDVC": "9.999999"}, "004", id="procedure without licence"),
        pytest.param({"MaCanBo": "nguoi.la"}, "005", id="officer without right"),
        pytest.param({"MaDonVi": "H99"}, "005", id="unit without right"),
        pytest.param({"MaTichHop": "003"}, "006", id="integration code of another service"),
    ],
)
async def test_whoever_may_not_ask_gets_a_fault_with_its_code(
    open_world: Any, changes: dict[str, str], code: str
) -> None:
    """The form of `examples/fault-business.xml`: faultcode Client, `Loi/MaLoi` in the detail, HTTP 500."""
    register = {"licensed_procedures": ["1.000000"], "officers": ["canbo.test"], "units": ["G00"]}
    async with open_world(population={"register": register}) as caller:
        status, fault = await ask(caller, envelope(**changes))
        assert (await ask(caller, envelope()))[0] == 200
    detail = fault.find("detail")
    schema("dancuquocgia-bca.xsd").assertValid(etree.fromstring(etree.tostring(detail[0])))
    assert status == 500
    assert fault.findtext("faultcode") == "Client"
    assert detail[0].findtext("{http://dancuquocgia.bca}MaLoi") == code


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        *[pytest.param({name: ""}, name, id=f"no {name}") for name in ("MaYeuCau", "MaDVC", "MaCanBo", "HoVaTen")],
        pytest.param({"SoDinhDanh": ""}, "SoDinhDanh", id="no number"),
        pytest.param({"SoDinhDanh": "12345"}, "SoDinhDanh", id="short number"),
        pytest.param({"MaYeuCau": "x" * 41}, "MaYeuCau", id="long request id"),
        pytest.param({"NgayThangNam": ""}, "NgayThangNamSinh", id="no birth"),
        pytest.param({"Nam": "1990"}, "NgayThangNamSinh", id="both forms of a birth"),
        pytest.param({"NgayThangNam": "28/02/1990"}, "Ngày sinh", id="birth of a screen"),
    ],
)
async def test_a_question_out_of_form_is_a_fault_of_the_client(
    open_world: Any, changes: dict[str, str], place: str
) -> None:
    """2.4: mandatory fields and lengths; the fault names the field and no value."""
    async with open_world() as caller:
        status, fault = await ask(caller, envelope(**changes))
    assert status == 500
    assert fault.findtext("faultcode") == "Client"
    assert place in fault.findtext("faultstring")
    assert CITIZEN not in etree.tostring(fault).decode()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"<a/>", id="no envelope"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', id="external entity"),
        pytest.param(envelope().replace(b"</s:Body>", b"<d:TraCuuThongTinCongDan/></s:Body>"), id="two bodies"),
        pytest.param(envelope().replace(b"</d:HoVaTen>", b"</d:HoVaTen><d:HoVaTen>X</d:HoVaTen>"), id="field twice"),
        pytest.param(envelope(header="<d:La/>"), id="header where none belongs"),
    ],
)
async def test_what_is_no_question_is_a_fault_and_nothing_is_looked_up(open_world: Any, raw: bytes) -> None:
    """Wrapping, doubled fields and entities are not guessed at."""
    async with open_world() as caller:
        status, fault = await ask(caller, raw)
        assert (await caller.control("GET", "state"))["population"]["questions"] == 0
    assert status in (400, 500)
    assert fault.tag == f"{SOAP}Fault"


@pytest.mark.parametrize(("limits", "who"), [({"per_officer": 2}, "MaCanBo"), ({"per_agency": 2}, "MaDonVi")])
async def test_a_quota_is_counted_apart_for_each_and_ends_with_its_window(
    open_world: Any, limits: dict[str, int], who: str
) -> None:
    """HTTP 429 with Retry-After; somebody else may still ask; a minute later the same may again (2.7, 2.10)."""
    async with open_world(population={"register": limits}) as caller:
        assert [(await ask(caller, envelope()))[0] for _ in range(3)] == [200, 200, 429]
        headers = signed(caller.clock.at)
        _, answered, _ = await caller.call("POST", "/dancu", data=envelope(), headers=headers)
        assert 1 <= int(answered["Retry-After"]) <= 60
        assert (await ask(caller, envelope(**{who: "khac"})))[0] == 200
        caller.clock.at += 61
        assert (await ask(caller, envelope()))[0] == 200


async def test_a_quota_may_be_a_fault(open_world: Any) -> None:
    """`quota` fault: the text says so, the code is the simulator's own."""
    options = {"register": {"per_officer": 1}, "quota": "fault"}
    async with open_world(population=options) as caller:
        await ask(caller, envelope())
        status, fault = await ask(caller, envelope())
    assert (status, fault.findtext("faultcode")) == (500, "Server")
    assert "quota" in fault.findtext("faultstring")


async def test_refusals_may_stand_inside_the_answer(open_world: Any) -> None:
    """X-Road's "non-technical" fault: HTTP 200 and `fault/faultCode` in the answer's element (2.7)."""
    options = {"register": {"licensed_procedures": ["1.111111"]}, "errors": "inside"}
    async with open_world(population=options) as caller:
        status, body = await ask(caller, envelope("XacThucThongTinCongDan"))
    assert status == 200
    assert body.findtext("fault/faultCode") == "004"


async def test_shapes_and_stub_names_vary_by_option(open_world: Any) -> None:
    """`rotating` changes the shape from answer to answer; stubs wrap the answer and write 1 for true."""
    async with open_world(population={"register": {"shape": "rotating"}}) as caller:
        ethnic = [len((await ask(caller, envelope()))[1][0].find(f"{DC}DanToc")) for _ in range(2)]
    assert ethnic == [0, 1]
    stub = {"register": {"stub_names": True, "booleans": "digits"}}
    async with open_world(population=stub) as caller:
        operation = "XacThucThongTinCongDan"
        raw = (
            envelope(operation)
            .replace(operation.encode(), f"{operation}Request".encode())
            .replace(b"MaTichHop", b"MaDichVu")
        )
        raw = raw.replace(b"http://dancuquocgia.bca", b"http://gtel.vn/qldc")
        _, body = await ask(caller, raw)
        _, record = await ask(caller, envelope())
    assert etree.QName(body).localname == "KetQuaXacThucResponse"
    assert body[0].text == "1"
    assert record[0].tag == f"{DC}CongdanCollection"


async def test_the_control_plane_tells_who_asked_and_why_and_of_whom_only_when_told_to(open_world: Any) -> None:
    """`questions`: audit fields, order and outcome; the subject only with `fields=1`."""
    async with open_world() as caller:
        await ask(caller, envelope())
        await ask(caller, envelope(HoVaTen="AI DO"))
        plain = await caller.control("GET", "questions")
        whole = await caller.control("GET", "questions?fields=1&after=1")
    assert [one["outcome"] for one in plain["questions"]] == ["found", "not_found"]
    assert plain["questions"][0]["MaYeuCau"] == "BVHTTDL-1"
    assert plain["questions"][0]["order"][:2] == ["MaYeuCau", "MaDVC"]
    assert CITIZEN not in str(plain)
    assert whole["questions"][0]["fields"]["HoVaTen"] == "AI DO"


async def test_people_come_and_go_by_order(open_world: Any) -> None:
    """Somebody put in is found and can sign on; somebody taken out is not."""
    newcomer = {"personal_id": "001299000000", "full_name": "Người Mới", "birth": "1999", "account": {"level": 1}}
    asked = {"SoDinhDanh": "001299000000", "HoVaTen": "NGUOIMOI", "NgayThangNam": "", "Nam": "1999"}
    async with open_world() as caller:
        await caller.control("PUT", "persons", {"add": [newcomer], "remove": [CITIZEN]})
        assert (await ask(caller, envelope("XacThucThongTinCongDan", **asked)))[1][0].text == "true"
        assert (await ask(caller, envelope("XacThucThongTinCongDan")))[1][0].text == "false"
        assert (await caller.claims("001299000000"))["HoVaTen"] == "Người Mới"


async def test_what_a_licence_does_not_cover_is_left_out(open_world: Any) -> None:
    """`withheld` elements are missing, all others stand (the schema's own remark: everything is optional)."""
    async with open_world(population={"register": {"withheld": ["DanToc", "TonGiao", "Cha"]}}) as caller:
        _, body = await ask(caller, envelope())
    told = {etree.QName(part).localname for part in body[0]}
    assert told & {"DanToc", "TonGiao", "Cha"} == set()
    assert {"SoDinhDanh", "HoVaTen", "Me", "ThuongTru"} <= told


async def test_no_value_stands_in_what_the_simulator_prints_of_itself(open_world: Any) -> None:
    """`repr` of people, sessions, codes and questions, as a stack trace or a log would show them."""
    async with open_world() as caller:
        tokens = await caller.signed_on()
        await ask(caller, envelope())
        world = caller.world
        provider = world.providers["cdvcqg"]
        held = [world.people, world.register, world.register.asked, provider, world.options]
        held += [*provider.sessions.values(), *provider.codes.values(), *provider.tokens.values()]
        printed = repr((held, list(world.people.persons.values())))
    for value in (CITIZEN, "Thử", tokens["access_token"], "nonce-1", "simulator-secret", "s3cr3t"):
        assert value not in printed
