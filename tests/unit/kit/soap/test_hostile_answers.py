"""Hostile and broken answers: a clear reason, nothing of the content in it, bounded time and memory."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.soap.port import Port, Reading
from connectors.kit.soap.reading import NotSoap, opened
from signing.canonical import XmlLimits
from tests.unit.kit.soap.ground import WSDL, example, port

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
S = f'xmlns:s="{SOAP_11}"'
YES = '<d:KetQuaXacThuc xmlns:d="http://dancuquocgia.bca"><d:TonTai>true</d:TonTai></d:KetQuaXacThuc>'
NO = YES.replace("true", "false")
GOOD = f"<s:Envelope {S}><s:Body>{YES}</s:Body></s:Envelope>"
RECORD = example("tracuu-response.xml")


def _envelope(inside: str) -> bytes:
    return f"<s:Envelope {S}>{inside}</s:Envelope>".encode()


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "soap_trong"),
    "white space alone": (b" \r\n\t", "soap_trong"),
    "html page with 200": (b"<!DOCTYPE html><html><body>Request Rejected 001090000000</body></html>", "soap_html"),
    "html page behind a byte order mark": (b"\xef\xbb\xbf\n<HTML><body>502 Bad Gateway</body></HTML>", "soap_html"),
    "json": (b'{"error_code":"1"}', "soap_khong_phai_xml"),
    "plain text": (b"upstream connect error 001090000000", "soap_khong_phai_xml"),
    "external entity": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + GOOD.replace("true", "&x;").encode(),
        "xml_co_dtd",
    ),
    "external entity of a parameter": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd">%x;]>' + GOOD.encode(),
        "xml_co_dtd",
    ),
    "entity bomb": (
        b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + GOOD.replace("true", "&b;").encode(),
        "xml_co_dtd",
    ),
    "unknown entity": (GOOD.replace("true", "&x;").encode(), "xml_sai_cu_phap"),
    "comment inside a value": (GOOD.replace("true", "tr<!-- x -->ue").encode(), "xml_co_chu_thich"),
    "processing instruction": (GOOD.replace("<s:Body>", "<?x y?><s:Body>").encode(), "xml_co_chi_thi"),
    "utf-16": (GOOD.encode("utf-16"), "soap_khong_phai_xml"),
    "truncated in a value": (RECORD[: RECORD.index(b"NGUY") + 3], "xml_sai_cu_phap"),
    "truncated before the end of the envelope": (RECORD[:-20], "xml_sai_cu_phap"),
    "something behind the envelope": (GOOD.encode() + b"<a/>", "xml_sai_cu_phap"),
    "no envelope": (YES.encode(), "soap_phong_bi"),
    "soap 1.2": (GOOD.replace(SOAP_11, "http://www.w3.org/2003/05/soap-envelope").encode(), "soap_phong_bi"),
    "envelope without a body": (_envelope(""), "soap_body"),
    "empty body": (_envelope("<s:Body/>"), "soap_body"),
    "two bodies": (_envelope(f"<s:Body>{YES}</s:Body><s:Body>{NO}</s:Body>"), "soap_body"),
    "two elements in the body": (_envelope(f"<s:Body>{YES}{NO}</s:Body>"), "soap_body"),
    "fault beside an answer": (
        _envelope(f"<s:Body>{YES}<s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body>"),
        "soap_body",
    ),
    "header behind the body": (_envelope(f"<s:Body>{YES}</s:Body><s:Header/>"), "soap_body"),
    "two headers": (_envelope(f"<s:Header/><s:Header/><s:Body>{YES}</s:Body>"), "soap_body"),
    "stranger beside the body": (_envelope(f"<s:Body>{YES}</s:Body><x/>"), "soap_body"),
    "signed body wrapped in a header block": (
        _envelope(f'<s:Header><w xmlns="urn:w"><s:Body Id="signed">{YES}</s:Body></w></s:Header><s:Body>{NO}</s:Body>'),
        "soap_body",
    ),
    "signed body as a header block": (
        _envelope(f'<s:Header><s:Body Id="signed">{YES}</s:Body></s:Header><s:Body>{NO}</s:Body>'),
        "soap_body",
    ),
    "signed body wrapped in the answer": (
        _envelope(f'<s:Body><w xmlns="urn:w"><s:Body Id="signed">{YES}</s:Body></w></s:Body>'),
        "soap_body",
    ),
    "body under another prefix in the answer": (
        _envelope(f'<s:Body><w xmlns="urn:w"><q:Body xmlns:q="{SOAP_11}">{YES}</q:Body></w></s:Body>'),
        "soap_body",
    ),
    "body in a namespace written with a character reference": (
        _envelope(f'<s:Body><w xmlns="urn:w"><q:Body xmlns:q="{SOAP_11.replace("h", "&#104;", 1)}">{YES}</q:Body></w></s:Body>'),
        "soap_body",
    ),
    "whole envelope in the answer": (_envelope(f'<s:Body><w xmlns="urn:w">{GOOD}</w></s:Body>'), "soap_body"),
    "envelope in an envelope": (_envelope(GOOD), "soap_body"),
    "fault in the answer element": (
        _envelope("<s:Body><w><s:Fault><faultcode>x</faultcode></s:Fault></w></s:Body>"),
        "soap_body",
    ),
    "text beside the body": (_envelope(f"true<s:Body>{YES}</s:Body>"), "soap_phong_bi"),
    "text in the body": (_envelope(f"<s:Body>{YES} 001090000000</s:Body>"), "soap_phong_bi"),
    "header that must be understood": (
        _envelope(f'<s:Header><x xmlns="urn:x" s:mustUnderstand="1"/></s:Header><s:Body>{YES}</s:Body>'),
        "soap_header",
    ),
    "fault without a code": (_envelope("<s:Body><s:Fault><faultstring>x</faultstring></s:Fault></s:Body>"), "soap_fault"),
    "fault with two codes": (
        _envelope("<s:Body><s:Fault><faultcode>a</faultcode><faultcode>b</faultcode></s:Fault></s:Body>"),
        "soap_fault",
    ),
    "another element": (_envelope('<s:Body><d:KetQua xmlns:d="http://dancuquocgia.bca"/></s:Body>'), "soap_luoc_do"),
    "another namespace": (_envelope(f"<s:Body>{YES.replace('dancuquocgia', 'khac')}</s:Body>"), "soap_luoc_do"),
    "neither yes nor no": (GOOD.replace("true", "001090000000").encode(), "soap_luoc_do"),
    "more than a record may hold": (b"<a>" + b"y" * 1_048_576 + b"</a>", "xml_qua_lon"),
    "very deep": (_envelope("<s:Body>" + "<a>" * 40 + "</a>" * 40 + "</s:Body>"), "xml_qua_sau"),
    "very many": (_envelope("<s:Body><a>" + "<b/>" * 30_000 + "</a></s:Body>"), "xml_qua_lon"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_refused_with_a_reason_that_repeats_nothing(name: str) -> None:
    """Stable code, Vietnamese sentence, no number or name of the answer in it."""
    raw, code = BROKEN[name]
    with pytest.raises(NotSoap) as refused:
        port().speak("XacThucThongTinCongDan").read(raw)
    assert refused.value.code == code
    said = str(refused.value)
    assert not any(each in said for each in ("001090000000", "NGUY", "passwd", "true", "signed"))
    assert not refused.value.message_vi.isascii()


def test_a_text_that_looks_like_a_soap_element_is_a_text() -> None:
    """The bytes alone do not tell: the tree does."""
    raw = _envelope("<s:Body><w><![CDATA[<s:Body>]]></w></s:Body>")
    body = opened(raw).body
    assert body is not None and body.text == "<s:Body>"


def test_the_answer_that_all_of_these_were_made_from_is_read() -> None:
    """Without this the table above would prove nothing."""
    assert port().speak("XacThucThongTinCongDan").read(GOOD.encode()).body == {"TonTai": True}


def test_a_block_that_must_be_understood_passes_where_somebody_understands_it() -> None:
    """SOAP 1.1 4.2.3; one for another actor is not ours."""
    block = '<x xmlns="urn:x" s:mustUnderstand="1"/>'
    raw = _envelope(f"<s:Header>{block}</s:Header><s:Body>{YES}</s:Body>")
    assert len(opened(raw, understood=frozenset({"{urn:x}x"})).blocks) == 1
    elsewhere = block.replace(" s:", ' s:actor="urn:other" s:')
    other = _envelope(f"<s:Header>{elsewhere}</s:Header><s:Body>{YES}</s:Body>")
    assert len(opened(other).blocks) == 1


@given(st.integers(0, len(RECORD) - 2))
def test_an_answer_cut_off_anywhere_is_never_read_as_a_record(end: int) -> None:
    """Whatever arrived before the connection broke: a refusal, and no shorter record."""
    with pytest.raises(NotSoap):
        port().speak("TraCuuThongTinCongDan").read(RECORD[:end])


@given(st.integers(0, len(RECORD) - 1), st.binary(min_size=1, max_size=3))
def test_whatever_is_changed_in_an_answer_it_is_an_answer_or_refused(at: int, put: bytes) -> None:
    """No other exception comes out of reading, by the contract and by local names."""
    raw = RECORD[:at] + put + RECORD[at + 1 :]
    for reading in (port(), _loose()):
        try:
            reading.speak("TraCuuThongTinCongDan").read(raw)
        except NotSoap as refused:
            assert refused.code


def _loose() -> Port:
    base = port()
    return Port(base.contract, "DanCuDirectBinding", base.schema, Reading("local_names", many=frozenset({"CongDan"})))


_READ = """
import sys, time
from pathlib import Path
from connectors.kit.soap.port import Port, Reading
from connectors.kit.soap.reading import NotSoap
from signing.canonical import XmlLimits
def peak():
    # Not ru_maxrss: that of whoever started this process is handed down over fork and exec.
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
limits = XmlLimits(max_bytes=int(sys.argv[3]))
spoken = Port.load(Path(sys.argv[1]), "DanCuDirectBinding", Reading(limits=limits)).speak("XacThucThongTinCongDan")
raw = open(sys.argv[2], "rb").read()
before, begun, code = peak(), time.process_time(), "read"
try:
    spoken.read(raw)
except NotSoap as refused:
    code = refused.code
print(code, time.process_time() - begun, peak() - before, "zeep" in sys.modules)
"""

_MIB = 1 << 20
MANY = " ".join(f'xmlns:a{n}="u:{n}"' for n in range(20_000))
BOMBS: dict[str, tuple[bytes, int, str]] = {
    "10 MB of text": (GOOD.replace("true", "9" * 10_500_000).encode(), 1 * _MIB, "xml_qua_lon"),
    "10 MB of text where so much is allowed": (GOOD.replace("true", "9" * 10_500_000).encode(), 16 * _MIB, "xml_sai_cu_phap"),
    "9 MB of text where so much is allowed": (GOOD.replace("true", "9" * 9_000_000).encode(), 16 * _MIB, "soap_luoc_do"),
    "a million elements": (_envelope("<s:Body>" + "<a/>" * 1_000_000 + "</s:Body>"), 16 * _MIB, "xml_qua_lon"),
    "a billion laughs": (
        b"<!DOCTYPE a [%s]><a>&l11;</a>"
        % b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12)),
        1 * _MIB,
        "xml_co_dtd",
    ),
    "fifty thousand attributes": (
        _envelope("<s:Body><a " + " ".join(f'a{n}=""' for n in range(50_000)) + "/></s:Body>"), 1 * _MIB, "xml_qua_lon"
    ),
    "twenty thousand namespaces, each at work": (
        _envelope(f"<s:Body><a {MANY}>" + "".join(f"<a{n}:b/>" for n in range(19_000)) + "</a></s:Body>"),
        1 * _MIB,
        "soap_luoc_do",
    ),
    "an html page of 8 MB": (b"<html>" + b"<p>x" * 2_000_000, 16 * _MIB, "soap_html"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_time_and_memory(name: str, tmp_path: Path) -> None:
    """In a process of its own: under 2 s of processor time, and at most 16 MiB and five times the bytes that are allowed."""
    raw, most, code = BOMBS[name]
    path = tmp_path / "answer"
    path.write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(WSDL), str(path), str(most)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said, seconds, memory, zeep = done.stdout.split()
    assert said == code
    assert float(seconds) < 2
    assert int(memory) * 1024 < 5 * min(most, len(raw)) + 16 * _MIB
    assert zeep == "False", "the stored contract is enough: zeep stays out of a running gateway"


def test_a_schema_that_an_answer_names_is_never_fetched() -> None:
    """xsi:schemaLocation is a hint of the sender (XML Schema part 1, 4.3.2): judged by ours alone, no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/x.xsd"
        hints = (
            f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:noNamespaceSchemaLocation="{address}" '
            f'i:schemaLocation="http://dancuquocgia.bca {address} urn:other {address}"'
        )
        raw = GOOD.replace("<d:KetQuaXacThuc", f"<d:KetQuaXacThuc {hints}")
        assert port().speak("XacThucThongTinCongDan").read(raw.encode()).body == {"TonTai": True}
        with pytest.raises(NotSoap):
            port().speak("XacThucThongTinCongDan").read(raw.replace("true", "co").encode())
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_limits_of_an_answer_are_those_of_the_facts() -> None:
    """1 MiB, unless a caller says otherwise (identity facts 6)."""
    assert Reading().limits == XmlLimits(max_bytes=1_048_576, max_depth=32, max_elements=20_000)
