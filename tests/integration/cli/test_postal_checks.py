"""What an operator is told about the post before a parcel is ordered: `gateway config check` names what serving refuses."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import config
from gateway.cli.installation import write_safely
from tests.line.running import lay

_POST = """
[upstreams.postal]
connector = "postal"
[[upstreams.postal.settings.carriers]]
name = "vnpost"
profile = "h2"
base_url = "https://post.example/api"
token_url = "https://post.example/token"
customer = "BVHTTDL01"
secrets = { consumer_key = "file:keys/post", consumer_secret = "file:keys/post" }
places_file = "places.csv"
[upstreams.postal.settings.agencies.default]
name = "Bộ phận Một cửa"
phone = "02400000000"
[upstreams.postal.settings.agencies.default.place]
province = "01"
text = "51 đường Ví Dụ, thành phố Hà Nội"
"""
_TABLE = "list_version,province,commune,carrier_province,carrier_district,carrier_ward\nGSO-2025-07,24,,22,2200,\n"


@pytest.fixture
def checked(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Check an installation with a post, its table of places beside the configuration; the gateway starts elsewhere."""

    def check(table: str | None = _TABLE, *changes: tuple[str, str]) -> Any:
        line = lay(tmp_path / "line", {})
        text = line.config.read_text(encoding="utf-8") + _POST
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        line.config.write_text(text, encoding="utf-8")
        write_safely(line.folder / "keys/post", b"simulator-post")
        if table is not None:
            (line.folder / "places.csv").write_text(table, encoding="utf-8")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        config.run(argparse.Namespace(action="check", config=line.config, json=True))
        return json.loads(capsys.readouterr().out)

    return check


def test_a_carriers_table_of_places_is_looked_for_beside_the_configuration(checked: Callable[..., Any]) -> None:
    """Like every other file of the settings, wherever the gateway was started from."""
    assert checked()["faults"] == []


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (None, "carriers.vnpost.places_file: không đọc được tệp"),
        (_TABLE + "GSO-2025-07,30,,17,,\n", "carriers.vnpost.places_file: dòng 3"),
    ],
)
def test_a_table_of_places_that_cannot_be_used_is_named(
    checked: Callable[..., Any], table: str | None, told: str
) -> None:
    """With the carrier and the row."""
    assert any(told in fault for fault in checked(table)["faults"])


def test_an_agency_outside_of_its_list_is_named(checked: Callable[..., Any]) -> None:
    """30 was Hải Dương until 30/06/2025."""
    assert any("list_version" in fault for fault in checked(_TABLE, ('province = "01"', 'province = "30"'))["faults"])
