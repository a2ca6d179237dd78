"""What the accountants' guide shows of cash on delivery is what the gateway reads."""

from __future__ import annotations

import io
import re
import tomllib
from datetime import date
from pathlib import Path

import msgspec
import pytest

from connectors.kit.secrets import read_setting
from connectors.kit.settlement.statements import examine
from connectors.postal.cod_report import TABLES
from connectors.postal.cod_settings import CodLayout, CodSettings
from connectors.postal.cod_statements import naming_of, reading_of

NAMING = naming_of(("vnpost",))


@pytest.fixture(scope="module")
def guide() -> str:
    """The part of the guide about the post."""
    text = (Path(__file__).parents[3] / "docs" / "doi-soat.md").read_text(encoding="utf-8")
    return text[text.index("# Đối soát tiền thu hộ qua bưu chính") :]


def test_the_file_that_the_guide_shows_is_a_good_one(guide: str) -> None:
    """Its name, its rows, its sums."""
    name = re.search(r"`(cod_[^`{]+\.csv)`", guide)
    block = re.search(r"```\n(H,.*?)```", guide, re.DOTALL)
    assert name is not None and block is not None
    named = NAMING.read(name[1])
    found = examine(io.BytesIO(block[1].encode()), named, reading_of(NAMING, "vnpost", CodLayout(), 200))
    assert (named.business_date, found.rows, found.totals.sum_pay) == (date(2026, 11, 18), 1, 150_000)


def test_the_settings_that_the_guide_shows_are_settings(guide: str) -> None:
    """With a layout by which a carrier's own table is read."""
    block = re.search(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert block is not None
    tree = tomllib.loads(block[1])["upstreams"]["postal"]["settings"]["cod"]
    layout = msgspec.convert(tree, CodSettings, dec_hook=read_setting).of("vnpost").layout
    text = "Số hiệu đơn;Số tiền COD;Tình trạng\n DON-1 ;150.000;Đã trả\nCộng;150.000;\n"
    reading = reading_of(NAMING, "vnpost", layout, 200)
    found = examine(io.BytesIO(text.encode()), NAMING.read("cod_vnpost_X_20261118_1.csv"), reading)
    assert (found.rows, found.totals.sum_pay) == (1, 150_000)


def test_every_table_and_every_setting_stands_in_the_guide(guide: str) -> None:
    """Nobody has to read code to find one."""
    missing = [name for name in (*TABLES, *CodSettings.__struct_fields__) if f"`{name}`" not in guide]
    assert [name for name in missing if name != "carriers"] == []
