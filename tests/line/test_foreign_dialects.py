"""Systems that speak dialects of their own, through the real program: delivered outside like everybody, attacked like nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree

import pytest

from gateway.cli.demonstration.foreign import Paper, message
from tests.line.running import Line
from tests.line.words import ROWS, XML

pytestmark = pytest.mark.xdist_group("line")

AT = datetime(2026, 11, 20, 9, 0)  # noqa: DTZ001 - the foreign system writes local time without saying so
RECEIPT = "{urn:tthc-gateway:receipt:1}"
PROBLEM = "{urn:ietf:rfc:7807}"
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><a>&d;&d;&d;</a>'
)


@pytest.fixture(scope="module")
def untouched(line: Line) -> Iterator[str]:
    """A registered dossier that every refusal must leave as it was."""
    code = line.new_dossier()
    yield code
    assert line.view(code)["events"] == [] and line.pushes(code) == []


def test_an_xml_course_reaches_the_resolution_system_in_our_words(line: Line) -> None:
    """Reception to result: each step is accepted with an XML receipt and pushed in order, as canonical events."""
    code = line.new_dossier()
    content = b"%PDF-1.7 van ban"
    assert line.upload(XML, code, content).status == 201
    paper = Paper("GP-1", "Văn bản chấp thuận", len(content), hashlib.sha256(content).hexdigest())
    for number, happened in enumerate(("received", "processing", "awaiting_supplement", "processing", "resolved"), 1):
        body = message(code, number, happened, AT, paper if happened == "resolved" else None)
        answer = line.post_foreign(XML, body)
        assert answer.status == 202 and answer.headers["content-type"] == "application/xml", answer
        assert ElementTree.fromstring(answer.body).findtext(f"{RECEIPT}status") == "accepted"
    line.settled(code)
    pushed = line.pushes(code)
    assert [push["body"]["data"]["event"]["state"] if "body" in push else push["state"] for push in pushed] == [
        "received", "processing", "awaiting_supplement", "processing", "resolved",
    ]  # fmt: skip


def test_rows_without_ids_are_repeated_safely_and_numbered(line: Line) -> None:
    """The same bytes are a duplicate, other rows get the next numbers."""
    code = line.new_dossier()

    def row(minute: int, status: int) -> bytes:
        told = {"MaHoSo": code, "NguoiXuLy": "Phạm Văn Mẫu", "NoiDungXuLy": "Bước", "TrangThai": status}
        return json.dumps({**told, "ThoiDiemXuLy": f"2026-11-20T10:{minute:02d}:00.000"}).encode()

    told = [line.post_foreign(ROWS, row(n, s), "application/json").tree["status"] for n, s in ((0, 2), (0, 2), (1, 4))]
    assert told == ["accepted", "duplicate", "accepted"]
    assert [event["sequence"] for event in line.view(code)["events"] if event["system_code"] == ROWS] == [1, 2]


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (LAUGHS, "xml_co_dtd"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "xml_co_dtd"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>', "xml_co_dtd"),
        (b"<a>" * 5_000 + b"</a>" * 5_000, "xml_sai_cu_phap"),
        (b"<a>" * 100 + b"</a>" * 100, "xml_qua_sau"),
        (b'<a x="' + b"y" * 500_000 + b'"/>', "xml_qua_lon"),
        (b"<a>" + b"<b/>" * 100_000 + b"</a>", "xml_qua_lon"),
        ('<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"), "xml_khong_phai_utf8"),
        (b'<?xml version="1.0" encoding="windows-1258"?><a/>', "xml_khong_phai_utf8"),
        (b'<a x="1" x="2"/>', "xml_sai_cu_phap"),
        (b'<?xml version="1.0"?><?php x?><a/>', "xml_co_chi_thi"),
        (b"<a><!-- x --></a>", "xml_co_chu_thich"),
    ],
    ids=[
        "laughs",
        "entity",
        "dtd",
        "very-deep",
        "deep",
        "attribute",
        "many",
        "utf16",
        "encoding",
        "twice",
        "pi",
        "comment",
    ],
)
def test_each_attack_is_refused_at_the_door(line: Line, untouched: str, attack: bytes, code: str) -> None:
    """400 with the stable code; nothing is stored, and the gateway answers the next caller."""
    assert untouched
    answer = line.post_foreign(XML, attack)
    assert answer.status == 400 and answer.headers["content-type"] == "application/problem+xml"
    problem = ElementTree.fromstring(answer.body)
    assert problem.findtext(f"{PROBLEM}code") == "malformed"
    assert [entry.findtext(f"{PROBLEM}code") for entry in problem.findall(f"{PROBLEM}errors/{PROBLEM}i")] == [code]
    assert line.get("/v1/feed?limit=1").status == 200


def test_an_operator_pushes_explains_and_counts(
    line: Line, untouched: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The commands of a developer: a refused file says where, an accepted one is counted by `coverage`, values are not shown."""
    code = line.new_dossier()
    file = tmp_path_factory.mktemp("files") / "thong-bao.xml"
    file.write_bytes(message(untouched, 1, "received", AT).replace("Hoàng Thị Mẫu".encode(), b""))
    refused = line.command("push", "--as", XML, "--json", file)
    assert refused.code == 2 and [f["pointer"] for f in refused.tree[0]["answer"]["errors"]] == ["/CanBo/HoTen"]
    file.write_bytes(message(code, 1, "received", AT))
    assert line.command("push", "--as", XML, "--json", file).tree[0]["answer"]["status"] == "accepted"
    shown = line.command("mappings", "explain", file, "--profile", "bieu_dien_xml", "--json")
    assert shown.code == 0 and "Hoàng" not in shown.out
    told = line.command("mappings", "coverage", "--system", XML, "--last", "1", "--json")
    assert told.code == 0 and told.tree["messages"] == 1 and "Hoàng" not in told.out
    counted = {entry["path"]: entry for entry in told.tree["fields"]}
    assert counted["CanBo.HoTen"]["mapped"] == 1 and counted["TrangThai.#text"]["ignored"] == 1
    assert "results[].id" in told.tree["never_fed"]
    people = line.command("mappings", "coverage", "--system", XML)
    assert people.code == 0 and "CanBo.HoTen" in people.out
    assert line.command("mappings", "coverage", "--system", "SEC-KHONG-CO").code == 2
