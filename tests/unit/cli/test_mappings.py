"""`gateway mappings explain` for people: Vietnamese, readable on any screen, with the verdict that the door would give."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import mappings, screen

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
