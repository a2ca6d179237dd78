"""`gateway mappings explain` for people: Vietnamese, readable on any screen, with the verdict that the door would give."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.cli import mappings, screen
from gateway.cli.demonstration import foreign
from mappings.tables import SECTORS, load_table

Tree = dict[str, Any]
Explain = Callable[..., str]


@pytest.fixture
def event() -> Tree:
    """A lawful event."""
    return {
        "schema_version": "1",
        "event_id": "019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111",
        "system_code": "SEC-DEMO",
        "dossier_code": "000.00.00.G00-261120-0042",
        "sequence": 7,
        "occurred_at": "2026-11-20T15:04:05+07:00",
        "state": "processing",
        "step": {"actor": {"name": "Trần Văn Mẫu"}, "content": "Đang thẩm định"},
    }


@pytest.fixture
def explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Explain]:
    """Explains a tree on a screen of some width; what was printed, faults included."""
    before = screen.out.width

    def explain(tree: Tree, width: int = 80, *, as_json: bool = False) -> str:
        (tmp_path / "su-kien.json").write_text(json.dumps(tree), encoding="utf-8")
        screen.out.width = width
        told = argparse.Namespace(action="explain", file=tmp_path / "su-kien.json", json=as_json)
        assert mappings.run(told) == screen.EX_OK
        printed = capsys.readouterr()
        return printed.out + printed.err

    yield explain
    screen.out.width = before


@pytest.mark.parametrize("width", [40, 80, 119, 120, 200])
def test_headings_table_and_row_are_vietnamese_at_any_width(explained: Explain, event: Tree, width: int) -> None:
    """A table where there is room for one, a paragraph a field where there is not."""
    text = " ".join(explained(event, width).split())
    for heading in ("Trường của Cổng", "Bảng mã", "Dòng", "Kết quả", "giữ nguyên", "portal_status", "Không thấy lỗi"):
        assert heading in text, heading
    assert "pointer" not in text and "Trần" not in text


def test_a_wide_table_keeps_within_its_screen(explained: Explain, event: Tree) -> None:
    """No line is wider than the screen, so that no terminal breaks the frame."""
    assert max(map(len, explained(event, 130).splitlines()[1:-1])) <= 130


def test_what_the_schema_refuses_is_a_fault_here_too(explained: Explain, event: Tree) -> None:
    """An unknown field, a code of wrong form, a zone that lacks: told before anything is sent."""
    text = explained(event | {"x": 1, "dossier_code": "42", "sent_at": "2026-11-20T15:04:05"})
    assert text.count("LỖI:") == 3 and "3 trường có lỗi" in text
    assert "Không thấy lỗi" not in text


def test_the_form_for_programs_is_the_same_list_of_rows(explained: Explain, event: Tree) -> None:
    """Six members a row, in this order, whatever the screen."""
    rows = json.loads(explained(event, 40, as_json=True))
    assert all(list(row) == ["pointer", "value", "field", "table", "row", "result"] for row in rows)
    assert rows == json.loads(explained(event, 200, as_json=True))


EXAMPLES = Path(str(SECTORS)) / "examples"


@pytest.fixture
def of_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[Tree]]:
    """Explains a foreign message in the form for programs."""

    def explain(raw: bytes, profile: str) -> list[Tree]:
        (tmp_path / "thong-diep").write_bytes(raw)
        told = argparse.Namespace(
            action="explain", file=tmp_path / "thong-diep", json=True, profile=profile, system="SEC-X"
        )
        assert mappings.run(told) == screen.EX_OK
        rows: list[Tree] = json.loads(capsys.readouterr().out)
        return rows

    return explain


def test_a_foreign_message_is_explained_by_its_own_places(of_profile: Callable[..., list[Tree]]) -> None:
    """From where, through which row of which table, to what; ignored with its reason; personal data masked."""
    rows = of_profile((EXAMPLES / "bieu_dien_xml.xml").read_bytes(), "bieu_dien_xml")
    by_place = {row["pointer"]: row for row in rows}
    state = by_place["/TrangThai/@ma"]
    assert (state["table"], state["value"]) == ("bieu_dien_trang_thai", "DA_CAP") and state["row"] == 11
    assert "state" in state["field"] and "outcome" in state["field"]
    assert "bỏ qua có chủ ý" in by_place["/HoSo/TenVoDien"]["result"]
    assert by_place["/KhoanThu/SoTien"]["result"] == "1500000"
    assert by_place["/state"]["result"].startswith("9 ")
    assert "Trần" not in json.dumps(rows, ensure_ascii=False) and "Đã ký giấy phép" not in json.dumps(rows)


def test_faults_and_unknown_fields_of_a_foreign_message_are_marked(of_profile: Callable[..., list[Tree]]) -> None:
    """What the door would refuse is refused here, with what lacks; what it would report is a warning."""
    raw = (EXAMPLES / "bieu_dien_xml.xml").read_text(encoding="utf-8").replace("20/11/2026 15:04:05", "2026")
    rows = {
        row["pointer"]: row for row in of_profile(raw.replace("<LanThu>7</LanThu>", "<La/>").encode(), "bieu_dien_xml")
    }
    assert {place for place, row in rows.items() if "LỖI" in row["result"]} == {"/ThoiDiem", "/LanThu", "/La"}
    row = json.loads((EXAMPLES / "dieuphoi_2026.json").read_text(encoding="utf-8")) | {"TruongMoi": "bí mật"}
    told = {row["pointer"]: row for row in of_profile(json.dumps(row).encode(), "dieuphoi_2026")}
    assert "CẢNH BÁO" in told["/TruongMoi"]["result"] and told["/TruongMoi"]["value"] == "•••"
    (broken,) = of_profile(b"<a>", "bieu_dien_xml")
    assert "LỖI" in broken["result"]


def test_an_unknown_profile_is_named_with_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code of a wrong use, and the names to choose from."""
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    told = argparse.Namespace(action="explain", file=tmp_path / "a.json", json=False, profile="khong_co", system="")
    assert mappings.run(told) == screen.EX_USAGE
    assert "bieu_dien_xml" in capsys.readouterr().err


def test_the_examples_and_the_demonstrations_messages_keep_the_published_schema() -> None:
    """The XSD, the profile's examples and the builder of the demonstration agree; a wrong code is found by the XSD."""
    schema = etree.XMLSchema(etree.fromstring(SECTORS.joinpath("bieu_dien_xml.xsd").read_bytes()))
    paper = foreign.Paper("GP-1", "Giấy phép", 1, "0" * 64)
    at = datetime(2026, 11, 20, 9, 0)  # noqa: DTZ001 - the foreign system writes local time without saying so
    built = [foreign.message("000.00.00.G16-261120-0001", 1, happened, at, paper) for happened in foreign.STATES]
    for raw in (*(file.read_bytes() for file in EXAMPLES.glob("*.xml")), *built):
        schema.assertValid(etree.fromstring(raw))
    assert not schema.validate(etree.fromstring(built[0].replace(b"DA_TIEP_NHAN", b"LA_LAM")))
    codes = {row["code"] for row in load_table("bieu_dien_trang_thai", SECTORS).rows}
    listed = etree.fromstring(SECTORS.joinpath("bieu_dien_xml.xsd").read_bytes())
    space = {"xs": "http://www.w3.org/2001/XMLSchema"}
    told = listed.findall(".//xs:simpleType[@name='MaTrangThai']//xs:enumeration", space)
    assert {entry.get("value") for entry in told} == codes
