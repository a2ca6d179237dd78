"""What an operator is told about lawful questions before anybody asks: faults by their place, who may ask, what is assumed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import config, doctor
from gateway.config import load
from tests.line.running import lay

_MORE = """
[identity.questions]
upstream = "{upstream}"
fields_file = "{table}"
[identity.questions.callers.RES-VHTTDL]
[identity.questions.callers.SEC-DEMO]
operations = ["verify"]
subjects = "any"

[upstreams.dan_cu]
connector = "vneid"
[upstreams.dan_cu.settings.population]
base_url = "http://127.0.0.1:9"
path = "/dancu"
allow_plain = ["127.0.0.1"]
[upstreams.dan_cu.settings.population.route]
kind = "header_signed"
[upstreams.dan_cu.settings.population.route.signature]
username = "bvhttdl"
secret = "file:keys/dancu.secret"
hash_url = "https://esb.example.gov.vn/dancu/1.0/tracuu"
"""


def _laid(folder: Path, **changes: str) -> Path:
    """An installation that asks, with its secret."""
    line = lay(folder, {})
    told = _MORE.format(**{"upstream": "dan_cu", "table": "", **changes})
    line.config.write_text(line.config.read_text(encoding="utf-8") + told, encoding="utf-8")
    (folder / "keys/dancu.secret").write_text("s3cr3t\n")
    return line.config


def _checked(at: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """The faults that `gateway config check --json` names."""
    config.run(argparse.Namespace(action="check", config=at, json=True))
    return json.loads(capsys.readouterr().out)["faults"]


def test_doctor_says_who_may_ask_and_what_is_assumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By system and operation; a right to ask about anybody shows; rows that rest on our own reading are counted."""
    at = _laid(tmp_path / "a")
    assert _checked(at, capsys) == []
    asking, fields = doctor._questions(load(at))
    assert asking.ok and "RES-VHTTDL: verify, look_up" in asking.seen_vi
    assert "SEC-DEMO: verify (về người bất kỳ)" in asking.seen_vi
    assert fields.ok and "identity_fields" in fields.seen_vi and "cần đơn vị pháp chế xác nhận" in fields.seen_vi


def test_without_questions_doctor_says_that_nobody_asks(tmp_path: Path) -> None:
    """The usual case is no fault."""
    (finding,) = doctor._questions(load(lay(tmp_path / "a", {}).config))
    assert finding.ok and "không ai hỏi" in finding.seen_vi


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"upstream": "resolution"}, "không trả lời câu hỏi"),
        ({"upstream": "khac"}, "chưa khai báo upstreams.khac"),
        ({"table": "khong-co.csv"}, "identity.questions.fields_file"),
        ({"table": "gateway.toml"}, "identity.questions.fields_file"),
    ],
    ids=["cannot-answer", "no-upstream", "no-table", "no-csv"],
)
def test_what_serving_would_refuse_is_named_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], place: str
) -> None:
    """An upstream that answers no question, a table that cannot be read."""
    faults = _checked(_laid(tmp_path / "a", **changes), capsys)
    assert len(faults) == 1 and place in faults[0]


_COLUMNS = "procedure,operation,place,legal_basis,note_vi,valid_from,valid_to,source,confidence"
_LAWFUL = "*,look_up,birth,Luật 91/2025/QH15 Điều 3,,2026-01-01,,bảng của bộ,doc"


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (_COLUMNS, _LAWFUL.replace("Luật 91/2025/QH15 Điều 3", "")),
        (_COLUMNS, _LAWFUL.replace("birth", "brith")),
        (_COLUMNS, _LAWFUL.replace("look_up", "everything")),
        (_COLUMNS, _LAWFUL.replace("bảng của bộ", "")),
        (_COLUMNS.replace("legal_basis,", ""), _LAWFUL.replace("Luật 91/2025/QH15 Điều 3,", "")),
    ],
    ids=["no-legal-basis", "no-such-place", "no-such-operation", "no-source", "no-column"],
)
def test_a_row_by_which_nobody_may_ask_is_refused_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: str, row: str
) -> None:
    """The ministry's own table is held to what ours is held to: no field without its legal basis."""
    at = _laid(tmp_path / "a", table="truong.csv")
    (tmp_path / "a/truong.csv").write_text(f"{columns}\n{row}\n")
    (fault,) = _checked(at, capsys)[:1]
    assert "identity.questions.fields_file: dòng " in fault


def test_a_lawful_table_of_the_ministry_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same row as it should be."""
    at = _laid(tmp_path / "a", table="truong.csv")
    (tmp_path / "a/truong.csv").write_text(f"{_COLUMNS}\n{_LAWFUL}\n")
    assert _checked(at, capsys) == []
