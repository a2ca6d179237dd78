"""Connectors are found by their manifests, ours and others', and are set up by strict settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from aiohttp import web

from connectors.kit import registry
from connectors.kit.carriers import Carrier, Direct
from connectors.kit.contract import Deliverer, Enquirer, Kit, Probe
from connectors.kit.errors import SettingsError
from connectors.kit.manifest import ManifestError
from connectors.kit.settings import typed

GOOD: Mapping[str, object] = {"base_url": "http://127.0.0.1:1", "password_ref": "env:TOY", "allow_plain": ["127.0.0.1"]}


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A nested table."""

    per_minute: Annotated[int, msgspec.Meta(ge=1)] = 60


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A bit of everything."""

    base_url: str
    password: str
    carrier: Carrier = Direct()
    limits: Limits = Limits()
    after: dict[str, Literal["hold", "resend"]] = {}
    by_unit: dict[str, Limits] = {}

    def __post_init__(self) -> None:
        """Refuses the address of nobody."""
        if self.base_url == "nobody":
            raise ValueError("base_url: không có ai ở đó")


@pytest.mark.usefixtures("toy")
def test_a_connector_of_another_distribution_joins() -> None:
    """An entry point is enough; ours are there too."""
    manifests = registry.discover()
    assert {"toy_upstream", "national_dvc", "resolution"} <= set(manifests)
    assert manifests["toy_upstream"].title_vi == "Hệ thống đồ chơi"


@pytest.mark.usefixtures("toy")
async def test_a_connector_is_created_with_its_capabilities(kit: Kit) -> None:
    """What `create` gives can do what its manifest says."""
    connector = registry.create("toy_upstream", GOOD, kit)
    assert isinstance(connector, Deliverer)
    assert isinstance(connector, Enquirer)
    assert isinstance(connector, Probe)
    assert isinstance(registry.simulator("toy_upstream")({}), web.Application)
    await connector.close()


@pytest.mark.usefixtures("toy")
def test_wrong_settings_are_named_and_nothing_is_built(kit: Kit) -> None:
    """Every wrong key at once; checking alone says the same."""
    wrong = {**GOOD, "bas_url": "x", "repeat_notes": "yes"}
    with pytest.raises(SettingsError) as caught:
        registry.create("toy_upstream", wrong, kit)
    assert "bas_url" in str(caught.value)
    assert "repeat_notes" in str(caught.value)
    assert registry.check_settings("toy_upstream", wrong) == caught.value.faults
    assert registry.check_settings("toy_upstream", GOOD) == ()


def test_an_unknown_connector_is_said(kit: Kit) -> None:
    """With the names that exist."""
    with pytest.raises(registry.UnknownConnector, match="national_dvc"):
        registry.create("nobody", {}, kit)


def test_a_name_taken_twice_is_a_fault(toy: Path, tmp_path: Path) -> None:
    """Two distributions cannot both be `toy_upstream`."""
    second = tmp_path / "another-1.0.dist-info"
    second.mkdir()
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (second / "entry_points.txt").write_text("[tthc_gateway.connectors]\nresolution = toy_upstream\n")
    with pytest.raises(ManifestError, match="resolution"):
        registry.discover()


def test_an_entry_point_to_nowhere_is_a_fault(toy: Path, tmp_path: Path) -> None:
    """A package that is not there is said by its name."""
    second = tmp_path / "another-1.0.dist-info"
    second.mkdir()
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (second / "entry_points.txt").write_text("[tthc_gateway.connectors]\nghost = package_that_is_not_there\n")
    with pytest.raises(ManifestError, match="package_that_is_not_there"):
        registry.discover()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"x": 1}, "x: khóa không tồn tại"),
        ({"password": 12345}, "password: "),
        ({"limits": {"per_minute": 0}}, "limits.per_minute: "),
        ({"limits": {"per_hour": 1}}, "limits.per_hour: "),
        ({"limits": 3}, "limits: "),
        ({"after": {"3": "explode"}}, "after.3: "),
        ({"by_unit": {"A": {"per_minute": "many"}}}, "by_unit.A.per_minute: "),
        ({"carrier": {"kind": "pigeon"}}, "carrier: "),
        ({"carrier": {"kind": "xroad_adapter"}}, "carrier.dstcode: "),
        ({"carrier": {"kind": "xroad_adapter", "dstcode": "bad"}}, "carrier: "),
        ({"base_url": "nobody"}, "không có ai"),
    ],
)
def test_each_wrong_setting_is_named_by_its_path(change: dict[str, object], named: str) -> None:
    """Nested tables, tagged unions, dictionaries, and what a struct itself refuses."""
    settings, faults = typed({"base_url": "https://h", "password": "s3cr3t", **change}, Settings)
    assert settings is None
    assert any(named in fault for fault in faults)
    assert "s3cr3t" not in "".join(faults)


def test_missing_settings_are_named_together() -> None:
    """Not one a run."""
    faults = typed({}, Settings)[1]
    assert [fault.split(":")[0] for fault in faults] == ["base_url", "password"]


def test_right_settings_become_their_type() -> None:
    """Strictly typed, with defaults."""
    settings, faults = typed({"base_url": "https://h", "password": "p", "carrier": {"kind": "direct"}}, Settings)
    assert faults == ()
    assert settings == Settings(base_url="https://h", password="p")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Settings = dict\n", "msgspec.Struct"),
        ("import msgspec\nclass Settings(msgspec.Struct): pass\ndef create(settings, kit): return 7\n", "Connector"),
    ],
)
def test_a_package_that_is_no_connector_is_refused(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kit: Kit, source: str, said: str
) -> None:
    """A `Settings` that is no struct, a `create` that gives something else: said before anything is sent."""
    package = tmp_path / "odd_upstream"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "connector.py").write_text(source)
    (package / "manifest.toml").write_text("name = 'odd_upstream'")
    metadata = tmp_path / "odd-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tthc_gateway.connectors]\nodd_upstream = odd_upstream\n")
    try:
        with pytest.raises(SettingsError, match=said):
            registry.create("odd_upstream", {}, kit)
        with pytest.raises(ManifestError, match="title_vi"):
            registry.discover()
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "odd_upstream"]:
            del sys.modules[name]


def test_a_manifest_under_another_name_is_a_fault(toy: Path, tmp_path: Path) -> None:
    """The entry point and the manifest must say the same name."""
    second = tmp_path / "another-1.0.dist-info"
    second.mkdir()
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (second / "entry_points.txt").write_text("[tthc_gateway.connectors]\nalias = toy_upstream\n")
    with pytest.raises(ManifestError, match="alias"):
        registry.discover()
