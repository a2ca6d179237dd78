"""Requests: what zeep would send, checked by the schema, in the order and with the names that a route wants."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from connectors.kit.soap.building import Spelling
from connectors.kit.soap.lexical import CannotBuild
from tests.unit.kit.soap.ground import ASK, OPERATIONS, as_zeep, by_zeep, header, infoset, port

DAN = "{http://dancuquocgia.bca}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_says_what_zeep_says(operation: str) -> None:
    """Both bindings, every operation of the WSDL: the same infoset as zeep's message."""
    direct = port().speak(operation).write(ASK)
    assert infoset(etree.fromstring(direct)) == infoset(by_zeep("DanCuDirectBinding", operation, ASK))
    blocks = header(operation).tree()
    road = port("DanCuXRoadBinding").speak(operation).write(ASK, blocks)
    expected = by_zeep("DanCuXRoadBinding", operation, ASK, as_zeep(blocks))
    assert infoset(etree.fromstring(road)) == infoset(expected)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"MaCanBo": None}, "soap_thieu", "/MaCanBo"),
        ({"MaLa": "1"}, "soap_thua", "/MaLa"),
        ({"NgayThangNamSinh": {"Nam": "1990", "NgayThangNam": "19900228"}}, "soap_chon_mot", "/NgayThangNamSinh"),
        ({"NgayThangNamSinh": {}}, "soap_chon_mot", "/NgayThangNamSinh"),
        ({"NgayThangNamSinh": "1990"}, "soap_sai_kieu", "/NgayThangNamSinh"),
        ({"HoVaTen": ["A", "B"]}, "soap_sai_kieu", "/HoVaTen"),
        ({"HoVaTen": "A\x00B"}, "soap_ky_tu", "/HoVaTen"),
        ({"HoVaTen": "A\ud800"}, "soap_ky_tu", "/HoVaTen"),
        ({"SoDinhDanh": "12345"}, "soap_luoc_do", "/SoDinhDanh"),
        ({"NgayThangNamSinh": {"Nam": "90"}}, "soap_luoc_do", "/NgayThangNamSinh/Nam"),
        ({"HoVaTen": "x" * 101}, "soap_luoc_do", "/HoVaTen"),
    ],
)
def test_what_the_contract_forbids_is_not_written(change: dict[str, Any], code: str, pointer: str) -> None:
    """The fault names its place and rule; no value is repeated in what may reach a log."""
    with pytest.raises(CannotBuild) as refused:
        port().speak("TraCuuThongTinCongDan").write({**ASK, **change})
    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    said = str(refused.value) + repr(refused.value)
    assert not any(value in said for value in ("12345", "19900228", "NGUYENVANTHU", "xxxx"))


def test_a_block_that_breaks_the_schema_is_named_with_its_place() -> None:
    """Header blocks are judged as the body is."""
    blocks = {**header("XacThucThongTinCongDan").tree(), "protocolVersion": "3.1"}
    with pytest.raises(CannotBuild) as refused:
        port("DanCuXRoadBinding").speak("XacThucThongTinCongDan").write(ASK, blocks)
    assert (refused.value.code, refused.value.pointer) == ("soap_luoc_do", "/protocolVersion")


def test_the_order_of_the_fields_is_a_setting() -> None:
    """What is named comes first, in that order; the rest follows as the contract has it."""
    spoken = port().speak("TraCuuThongTinCongDan", Spelling(order=("SoDinhDanh", "MaDonVi")))
    body = etree.fromstring(spoken.write(ASK))[-1][0]
    names = [str(child.tag).removeprefix(DAN) for child in body]
    assert names == [
        "SoDinhDanh", "MaDonVi", "MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "HoVaTen", "NgayThangNamSinh"
    ]  # fmt: skip


def test_an_order_of_fields_that_do_not_exist_is_a_wrong_setting() -> None:
    """A misspelt name in the configuration is found when it is read, not when a citizen waits."""
    with pytest.raises(ValueError, match="MaDonVj"):
        port().speak("TraCuuThongTinCongDan", Spelling(order=("MaDonVj",)))


def test_a_stub_with_other_names_is_spoken_to_and_the_schema_still_judges() -> None:
    """Names and namespace of a stub are written; the values are judged as the contract has them."""
    spelling = Spelling(
        wrapper="XacThucThongTinCongDanRequest",
        aliases={"MaTichHop": "MaDichVu"},
        namespaces={"http://dancuquocgia.bca": "http://gtel.vn/qldc"},
    )
    spoken = port().speak("XacThucThongTinCongDan", spelling)
    body = etree.fromstring(spoken.write(ASK))[-1][0]
    assert body.tag == "{http://gtel.vn/qldc}XacThucThongTinCongDanRequest"
    assert body.findtext("{http://gtel.vn/qldc}MaDichVu") == "037"
    with pytest.raises(CannotBuild) as refused:
        spoken.write({**ASK, "MaTichHop": "khong phai so"})
    assert refused.value.pointer == "/MaTichHop"


def test_prefixes_and_the_empty_header_of_a_route_are_written() -> None:
    """Route A was seen with the prefix dan and a Header without blocks (identity facts 2.5)."""
    spelling = Spelling(prefixes={"http://dancuquocgia.bca": "dan"}, empty_header=True)
    raw = port().speak("TraCuuThongTinCongDan", spelling).write(ASK)
    assert b"<soapenv:Header/><soapenv:Body><dan:TraCuuThongTinCongDan><dan:MaYeuCau>" in raw
