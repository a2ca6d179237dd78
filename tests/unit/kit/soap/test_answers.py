"""Answers: read as zeep reads them, in both shapes, with their faults; the documented messages go through and back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import zeep.exceptions
import zeep.helpers
from lxml import etree

from connectors.kit.soap.building import Builder
from connectors.kit.soap.port import Port, Reading
from connectors.kit.soap.reading import NotSoap, opened
from tests.unit.kit.soap.ground import WSDL, example, infoset, port, stranger

DAN = "http://dancuquocgia.bca"
_PLAIN: Any = zeep.helpers.serialize_object  # it has no types
LOCAL = Reading("local_names", many=frozenset({"CongDan"}))


def enveloped(body: str, header: str = "") -> bytes:
    """A body in an envelope of another writer than ours."""
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{header}<s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def by_zeep(operation: str, raw: bytes, binding: str = "DanCuDirectBinding") -> Any:
    """What zeep reads in the same bytes, without what is not there."""
    client, services = stranger()
    reply = SimpleNamespace(status_code=200, content=raw, headers={"Content-Type": "text/xml"}, encoding="utf-8")
    concrete = services[binding]._binding
    return present(_PLAIN(concrete.process_reply(client, concrete.get(operation), reply), dict))


def present(tree: Any) -> Any:
    """A tree without empty values and without the sign of attributes: zeep makes nothing of an empty element."""
    if isinstance(tree, dict):
        found = {name.removeprefix("@"): present(value) for name, value in tree.items()}
        return {name: value for name, value in found.items() if value not in (None, "", {}, [])}
    return [present(each) for each in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("name", ["tracuu-response.xml", "tracuu-response-empty.xml"])
def test_a_documented_answer_is_read_as_zeep_reads_it(name: str) -> None:
    """Record and empty collection."""
    ours = port().speak("TraCuuThongTinCongDan").read(example(name))
    read = by_zeep("TraCuuThongTinCongDan", example(name))
    assert present(ours.body).get("CongDan", []) == read.get("CongDan", [])
    assert ours.fault is None and ours.breaches == ()


def test_the_documented_yes_over_x_road_is_read_as_zeep_reads_it() -> None:
    """A boolean is a boolean, and stands beside the blocks of the header."""
    raw = example("xacthuc-response-xroad.xml")
    ours = port("DanCuXRoadBinding").speak("XacThucThongTinCongDan").read(raw)
    assert ours.body == {"TonTai": True} == by_zeep("XacThucThongTinCongDan", raw, "DanCuXRoadBinding")["body"]


@pytest.mark.parametrize("name", ["tracuu-response.xml", "tracuu-response-empty.xml", "xacthuc-response-xroad.xml"])
def test_a_documented_answer_decodes_and_encodes_again(name: str) -> None:
    """What was read is written to the same infoset by a builder of the answer."""
    operation = "XacThucThongTinCongDan" if name.startswith("xacthuc") else "TraCuuThongTinCongDan"
    spoken = port().speak(operation)
    read = spoken.read(example(name))
    again = Builder(port().contract, spoken.operation.answer).build(read.body)
    assert infoset(etree.fromstring(again)[-1][0]) == infoset(etree.fromstring(example(name))[-1][0])


@pytest.mark.parametrize(
    ("written", "meant"), [("true", True), ("1", True), ("false", False), ("0", False), (" true ", True)]
)
def test_yes_and_no_are_read_in_every_spelling_of_the_schema(written: str, meant: bool) -> None:
    """XML Schema part 2, 3.2.2: four spellings, white space around them."""
    raw = enveloped(f'<d:KetQuaXacThuc xmlns:d="{DAN}"><d:TonTai>{written}</d:TonTai></d:KetQuaXacThuc>')
    assert port().speak("XacThucThongTinCongDan").read(raw).body == {"TonTai": meant}


def test_both_shapes_of_an_answer_are_read_by_local_names() -> None:
    """The observed and the QCVN 109 profile share names, not nesting; neither needs the other's schema."""
    loose = Port.load(WSDL, "DanCuDirectBinding", LOCAL).speak("TraCuuThongTinCongDan")
    observed = loose.read(example("tracuu-response.xml"))
    assert observed.body["CongDan"][0]["HoVaTen"] == {"Ho": "", "ChuDem": "", "Ten": "NGUYỄN VĂN THỬ"}
    assert observed.breaches == ()
    document = example("qcvn109-document.xml").split(b"?>", 1)[1].decode()
    structured = loose.read(enveloped(document))
    assert structured.body["CongDan"][0]["DanToc"] == {"MaDanToc": "01"}
    assert {each.pointer for each in structured.breaches} >= {"/CongDan/DanToc", "/CongDan/Cha/HoVaTen"}
    with pytest.raises(NotSoap) as refused:
        port().speak("TraCuuThongTinCongDan").read(enveloped(document))
    assert refused.value.code == "soap_luoc_do" and "001090000000" not in str(refused.value)


def test_nobody_found_is_an_empty_tree_and_no_fault() -> None:
    """An empty collection is an answer (identity facts 2.6)."""
    loose = Port.load(WSDL, "DanCuDirectBinding", LOCAL).speak("TraCuuThongTinCongDan")
    answer = loose.read(example("tracuu-response-empty.xml"))
    assert (answer.name, answer.body, answer.fault) == ("CongdanCollection", {}, None)


def test_a_stub_that_answers_in_another_namespace_is_read_by_local_names() -> None:
    """`KetQuaXacThucResponse` of the stub: found by name, whatever the namespace."""
    loose = Port.load(WSDL, "DanCuDirectBinding", LOCAL).speak("XacThucThongTinCongDan")
    raw = enveloped('<KetQuaXacThucResponse xmlns="http://gtel.vn/qldc"><TonTai>false</TonTai></KetQuaXacThucResponse>')
    answer = loose.read(raw)
    assert (answer.name, answer.body) == ("KetQuaXacThucResponse", {"TonTai": "false"})
    with pytest.raises(NotSoap):
        port().speak("XacThucThongTinCongDan").read(raw)


def test_a_field_that_stands_twice_is_ambiguous_and_not_read() -> None:
    """Two numbers in one record: neither is believed, by either way of reading."""
    twice = "<c:SoDinhDanh>001090000000</c:SoDinhDanh>" * 2
    raw = enveloped(
        f'<c:CongdanCollection xmlns:c="http://www.mic.gov.vn/dancu/1.0"><c:CongDan>{twice}</c:CongDan></c:CongdanCollection>'
    )
    for spoken in (port(), Port.load(WSDL, "DanCuDirectBinding", LOCAL)):
        with pytest.raises(NotSoap) as refused:
            spoken.speak("TraCuuThongTinCongDan").read(raw)
        assert "001090000000" not in str(refused.value)


def test_the_documented_faults_are_answers_with_their_code_and_detail() -> None:
    """The code without its prefix, the detail by name, and what zeep says of the same bytes."""
    spoken = port().speak("TraCuuThongTinCongDan")
    business = spoken.read(example("fault-business.xml")).fault
    assert business is not None
    assert (business.code, business.detailed("MaLoi"), business.technical) == ("Client", "004", True)
    road = spoken.read(example("fault-xroad.xml")).fault
    assert road is not None and road.code == "Server.ClientProxy.NetworkError"
    assert road.starts("Server.ClientProxy") and not road.starts("Server.ClientProx") and not road.starts("Client")
    with pytest.raises(zeep.exceptions.Fault) as raised:
        by_zeep("TraCuuThongTinCongDan", example("fault-business.xml"))
    assert raised.value.message == business.text


def test_a_fault_is_read_whether_its_parts_are_qualified_or_not() -> None:
    """SOAP 1.1 4.4 has them without a namespace; servers exist that give them one."""
    for prefix in ("", "s:"):
        raw = enveloped(
            f"<s:Fault><{prefix}faultcode>s:Server.ServerProxy</{prefix}faultcode>"
            f"<{prefix}faultstring>x</{prefix}faultstring></s:Fault>"
        )
        fault = opened(raw).fault
        assert fault is not None and (fault.code, fault.text) == ("Server.ServerProxy", "x")


PAGE = "<html><body><h1>502</h1><p>Bad <b>Gateway</b></p><p>001090000000</p></body></html>"


@pytest.mark.parametrize(
    ("text", "detail", "code"),
    [
        (PAGE, PAGE, ""),
        (PAGE.replace("<", "&lt;"), PAGE.replace("<", "&lt;"), ""),
        (
            f"<![CDATA[{PAGE}]]>",
            f"loi <x><MaLoi>005</MaLoi></x> lap lai <x><MaLoi>004</MaLoi></x><![CDATA[{PAGE}]]>",
            "005",
        ),
        ("", "chi co chu", ""),
        ("x" * 100_000, "<MaLoi>005</MaLoi>" + "<d>at line</d>" * 500, "005"),
    ],
    ids=["elements", "escaped", "mixed", "text", "long"],
)
def test_a_fault_that_carries_html_or_anything_else_is_still_a_fault(text: str, detail: str, code: str) -> None:
    """What a server throws into text and detail does not hide the code; texts are kept short."""
    raw = enveloped(
        f"<s:Fault><faultcode>s:Server</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></s:Fault>"
    )
    answer = port().speak("TraCuuThongTinCongDan").read(raw)
    assert answer.fault is not None
    assert (answer.fault.code, answer.fault.detailed("MaLoi")) == ("Server", code)
    assert len(answer.fault.text) <= 500 and "001090000000" not in repr(answer)


def test_a_fault_inside_the_answer_element_is_a_fault_of_the_business() -> None:
    """X-Road 4.0, annex D.2: HTTP 200, a body, and a fault in it."""
    raw = enveloped(
        f'<d:CongdanCollection xmlns:d="{DAN}"><fault><faultCode>Q42</faultCode><faultString>het han muc</faultString></fault>'
        "</d:CongdanCollection>"
    )
    answer = port().speak("TraCuuThongTinCongDan").read(raw)
    assert answer.fault is not None and answer.body is None
    assert (answer.fault.code, answer.fault.text, answer.fault.technical) == ("Q42", "het han muc", False)


def test_a_fault_shows_nothing_of_what_it_carries() -> None:
    """An upstream may quote a person in its fault; what a log would print of it has the code alone."""
    raw = enveloped(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>001090000000 NGUYEN VAN THU</faultstring>"
        "<detail><So>001090000000</So></detail></s:Fault>"
    )
    answer = port().speak("TraCuuThongTinCongDan").read(raw)
    assert "001090000000" not in repr(answer) and "NGUYEN" not in repr(answer)
