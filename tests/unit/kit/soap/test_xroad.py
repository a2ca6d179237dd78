"""X-Road headers: what is sent, and that an answer to another question is not taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.kit.soap.reading import NotSoap, opened
from connectors.kit.soap.xroad import XRoadMember, XRoadServiceId
from tests.unit.kit.soap.ground import ASK, example, header, port

OPERATION = "XacThucThongTinCongDan"
RAW = example("xacthuc-response-xroad.xml")


def test_the_documented_answer_belongs_to_its_question() -> None:
    """All fields come back unchanged; the requestHash that the security server adds is no field of ours."""
    header(OPERATION).check_echo(opened(RAW))


def test_a_request_never_carries_a_request_hash_and_leaves_out_what_is_empty() -> None:
    """identity facts 2.8: requestHash belongs to answers; userId and issue are optional."""
    lean = replace(header(OPERATION), user="", issue="")
    assert list(lean.tree()) == ["client", "service", "id", "protocolVersion"]
    raw = port("DanCuXRoadBinding").speak(OPERATION).write(ASK, lean.tree())
    assert b"requestHash" not in raw and b"userId" not in raw


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"00000000-0000-4000-8000-000000000001", b"00000000-0000-4000-8000-000000000002", "id"),
        (b"<i:subsystemCode>gateway<", b"<i:subsystemCode>stranger<", "client"),
        (b"<i:serviceCode>XacThucThongTinCongDan<", b"<i:serviceCode>TraCuuThongTinCongDan<", "service"),
        (b"<i:serviceVersion>v1</i:serviceVersion>", b"", "service"),
        (b"VN001090000000", b"VN001090000001", "userId"),
        (b"260101-0001", b"260101-0002", "issue"),
        (b">4.0<", b">3.1<", "protocolVersion"),
    ],
)
def test_an_answer_to_another_question_is_refused(old: bytes, new: bytes, field: str) -> None:
    """Each field of the request comes back as it was, or the answer is somebody else's."""
    assert old in RAW
    with pytest.raises(NotSoap) as refused:
        header(OPERATION).check_echo(opened(RAW.replace(old, new)))
    assert refused.value.code == "soap_xroad" and f"trường {field} " in f"{refused.value.message_vi} "
    assert "001090" not in str(refused.value)


@pytest.mark.parametrize("name", ["client", "service", "id"])
def test_an_answer_without_a_mandatory_field_is_refused(name: str) -> None:
    """An answer that does not say whose it is cannot be believed to be ours."""
    start, end = f"<x:{name}".encode(), f"</x:{name}>".encode()
    cut = RAW[: RAW.index(start)] + RAW[RAW.index(end) + len(end) :]
    with pytest.raises(NotSoap):
        header(OPERATION).check_echo(opened(cut))


def test_a_field_that_stands_twice_is_refused() -> None:
    """The right id beside another one."""
    start = RAW.index(b"<x:id>")
    end = RAW.index(b"</x:id>") + len(b"</x:id>")
    with pytest.raises(NotSoap):
        header(OPERATION).check_echo(opened(RAW[:end] + RAW[start:end] + RAW[end:]))


def test_a_technical_fault_without_a_header_is_let_through() -> None:
    """A security server that could not read the request has nothing to repeat (PR-MESS 2.6); a fault with a header must fit."""
    header(OPERATION).check_echo(opened(example("fault-xroad.xml")))
    fault = b"<s:Fault><faultcode>Server.ServerProxy</faultcode></s:Fault>"
    inside = RAW[: RAW.index(b"<dan:KetQua")] + fault + b"</s:Body></s:Envelope>"
    header(OPERATION).check_echo(opened(inside))
    with pytest.raises(NotSoap):
        header(OPERATION, "00000000-0000-4000-8000-000000000009").check_echo(opened(inside))


@pytest.mark.parametrize("text", ["VN/GOV/G00.01", "VN/GOV/G00.01/gateway"])
def test_a_member_is_read_and_written_in_the_form_of_the_configuration(text: str) -> None:
    """The slash form of X-Road-Client, with and without a subsystem."""
    assert str(XRoadMember.parse(text)) == text
    assert XRoadMember.parse(text).tree()["@objectType"] == ("SUBSYSTEM" if text.endswith("gateway") else "MEMBER")


@pytest.mark.parametrize(
    "text", ["", "VN", "VN/GOV", "VN/GOV/G00/a/b", "VN//G00", "VN/GOV/G 00", "VN/GOV/đơn", "VN/GOV/a:b/"]
)
def test_an_identifier_that_no_security_server_routes_is_refused(text: str) -> None:
    """PR-MESS 2.7: letters, digits and a few signs; every part is there."""
    with pytest.raises(ValueError, match=r"X-Road|INSTANCE"):
        XRoadMember.parse(text)


def test_a_service_code_that_no_security_server_routes_is_refused() -> None:
    """The same signs for services."""
    with pytest.raises(ValueError, match="X-Road"):
        XRoadServiceId(XRoadMember.parse("VN/GOV/G00.99/dancu"), "Tra cứu")


def test_the_officer_is_not_shown() -> None:
    """A header in a log says which question, not who asked."""
    assert "001090000000" not in repr(header(OPERATION))
