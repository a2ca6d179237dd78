"""A connector that has papers signed: the keys that it names are there, or the start says which are not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.bootstrap.rehearsal import rehearse
from gateway.cli.installation import Ports, lay_out
from gateway.config import Loaded, load
from gateway.errors import ConfigError

POST = """
[upstreams.postal]
connector = "postal"

[upstreams.postal.settings]
papers = { signing_key = "mot_cua", signing_profile = "P-PDF-B" }

[upstreams.postal.settings.agencies.default]
name = "Bộ phận Một cửa"
phone = "02400000000"
place = { province = "01", text = "51 Ngô Quyền, Hà Nội" }

[[upstreams.postal.settings.carriers]]
name = "vnpost"
profile = "h2"
customer = "BVHTTDL01"
base_url = "https://127.0.0.1:9/h2"
token_url = "https://127.0.0.1:9/token"
secrets = { consumer_key = "env:POST_KEY", consumer_secret = "env:POST_SECRET" }
"""
KEY: dict[str, object] = {
    "kind": "pem",
    "domain": "public-duty",
    "file": "keys/mot-cua.pem",
    "custodian": "Văn phòng Bộ",
    "entrusted_by": "QĐ 12/QĐ-BVHTTDL",
    "profiles": ["P-PDF-B"],
    "systems": ["RES-VHTTDL"],
    "procedures": ["*"],
}


def _loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, key: dict[str, object] | None) -> Loaded:
    monkeypatch.setenv("POST_KEY", "a")
    monkeypatch.setenv("POST_SECRET", "b")
    lay_out(folder / "house", Ports(), ("SEC-DEMO",))
    config = folder / "house" / "gateway.toml"
    config.write_text(config.read_text("utf-8") + POST, "utf-8")
    told = {f"GATEWAY__SIGNING__KEYS__MOT_CUA__{name.upper()}": _said(value) for name, value in (key or {}).items()}
    told["GATEWAY__RESULTS__TRUST_DIR"] = "trust"
    return load(config, told)


def _said(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "không có trong [signing.keys]"),
        (KEY | {"profiles": ["P-XML-B"]}, "profiles của khóa không có P-PDF-B"),
        (KEY | {"media_types": ["application/xml"]}, "media_types của khóa không có application/pdf"),
    ],
)
async def test_a_key_that_cannot_sign_what_is_printed_is_a_fault_of_the_configuration(
    key: dict[str, object] | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named with its upstream, before anybody stands at the counter and waits for a signed list."""
    with pytest.raises(ConfigError) as refused:
        await rehearse(_loaded(tmp_path, monkeypatch, key))
    assert any(
        fault.startswith("upstreams.postal: cần khóa ký mot_cua") and told in fault for fault in refused.value.faults
    )


async def test_a_key_that_can_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same configuration with a fitting key has nothing to say about it."""
    assert await rehearse(_loaded(tmp_path, monkeypatch, KEY)) is not None
