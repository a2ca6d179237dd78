"""The settings of the post: what a ministry may write there, and what is refused before anything is opened."""

from __future__ import annotations

import re
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors.postal
from connectors.kit.addresses import address_is_fit
from connectors.kit.contract import Kit
from connectors.kit.errors import SettingsError
from connectors.kit.lone import LoneCoordination
from connectors.kit.manifest import read_manifest
from connectors.kit.settings import typed
from connectors.postal.client import dialect_of
from connectors.postal.connector import PostalConnector
from connectors.postal.refusals import TABLE
from connectors.postal.settings import CarrierSettings, Settings
from tests.connectors.postal.desk import AGENCY, SECRETS, h2, m1

_FOLDER = Path(connectors.postal.__path__[0])
_README = (_FOLDER / "README.md").read_text(encoding="utf-8")
HERE = "http://127.0.0.1:9"


def good(**changes: object) -> dict[str, Any]:
    """A configuration of one carrier, with changes to it."""
    return {"carriers": [h2(HERE, **changes)], "agencies": {"default": AGENCY}}


def faults_of(tree: dict[str, Any]) -> str:
    """What is said of settings, by their types or when they are opened."""
    ready, faults = typed(tree, Settings)
    if ready is None:
        return " ".join(faults)
    kit = Kit("postal", lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), SECRETS.__getitem__)
    try:
        PostalConnector(ready, kit)
    except SettingsError as error:
        return " ".join(error.faults)
    return ""


def test_the_least_that_a_ministry_must_write_is_taken() -> None:
    """With everything else at the default of postal facts 11."""
    settings, faults = typed(good(), Settings)
    assert faults == () and settings is not None
    (carrier,) = settings.enabled
    assert (settings.tracking.interval_s, settings.tracking.page_size) == (300.0, 500)
    assert (carrier.order_number.max_len, carrier.order_number.pattern) == (50, "[A-Za-z0-9._-]+")
    assert [str(one) for one in carrier.cancel.allowed_states] == ["created", "accepted", "collecting"]
    assert carrier.order_number_unique is None and not dialect_of("h2").numbers_unique
    assert settings.agency("unit").place.list_version == "GSO-2025-07"


def test_an_agency_of_its_own_stands_for_its_unit() -> None:
    """And the default one for every other."""
    tree = good() | {"agencies": {"default": AGENCY, "G16": {**AGENCY, "name": "Cục Bản quyền"}}}
    settings, _ = typed(tree, Settings)
    assert settings is not None
    assert (settings.agency("G16").name, settings.agency("G17").name) == ("Cục Bản quyền", AGENCY["name"])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"name": "Bưu điện"}, "name"),
        ({"profile": "h9"}, "h9"),
        ({"profile": "../x"}, "profile"),
        ({"customer": " "}, "customer"),
        ({"base_url": "http://post.example.vn"}, "base_url"),
        ({"base_url": "https://a:b@post.example.vn"}, "base_url"),
        ({"base_url": "https://post.example.vn?x=1"}, "base_url"),
        ({"token_url": ""}, "token_url"),
        ({"secrets": {"consumer_key": "env:H2_KEY"}}, "consumer_secret"),
        ({"secrets": {**h2(HERE)["secrets"], "pin": "env:H2_KEY"}}, "pin"),
        ({"statuses": {"5": "lost"}}, "statuses.5"),
        ({"options": {"sucess_status": [1]}}, "sucess_status"),
        ({"options": {"success_status": []}}, "success_status"),
        ({"order_number": {"max_len": 3}}, "max_len"),
        ({"order_number": {"pattern": "["}}, "pattern"),
        ({"cancel": {"allowed_states": ["lost"]}}, "allowed_states"),
        ({"sources": ["10.0.0.0/40"]}, "sources"),
        ({"weight_g": 0}, "weight_g"),
        ({"connect_timeout_s": 0.0}, "connect_timeout_s"),
        ({"client_key_file": "x"}, "client_key_file"),
        ({"ca_file": "/nowhere.pem"}, "ca_file"),
        ({"places_file": "/nowhere.csv"}, "places_file"),
        ({"enabled": False}, "carriers"),
    ],
)
def test_a_carrier_that_cannot_be_is_refused_by_the_name_of_its_key(changed: dict[str, object], named: str) -> None:
    """An operator reads which key is wrong, before the gateway starts; no value is repeated."""
    if "ca_file" in changed:
        changed = {**changed, "base_url": "https://post.example.vn"}
    told = faults_of(good(**changed))
    assert named in told and "a:b@" not in told


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"carriers": []}, "carriers"),
        ({"carriers": [h2(HERE), h2(HERE)]}, "vnpost"),
        ({"carriers": [h2(HERE), h2(HERE, name="khac")]}, "h2"),
        ({"agencies": {}}, "default"),
        ({"agencies": {"default": {**AGENCY, "phone": ""}}}, "phone"),
        ({"agencies": {"default": {**AGENCY, "place": {"province": "1", "text": "x"}}}}, "place"),
        ({"tracking": {"page_size": 1_001}}, "page_size"),
        ({"tracking": {"interval_s": 0.0}}, "interval_s"),
        ({"tracking": {"quiet_after_s": 60}}, "quiet_after_s"),
        ({"notices": {"unknown_burst": 0}}, "unknown_burst"),
        ({"cancel_wait_s": 90.0}, "cancel_wait_s"),
        ({"interval": 3}, "interval"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(changed: dict[str, object], named: str) -> None:
    """Every fault with its key."""
    assert named in faults_of(good() | changed)


def test_two_carriers_of_one_dialect_may_stand_side_by_side_while_one_is_off() -> None:
    """Callbacks and feeds have one address and one cursor for each dialect; a contract that ended may stay written."""
    assert faults_of(good() | {"carriers": [h2(HERE), h2(HERE, name="cu", enabled=False), m1(HERE)]}) == ""


@pytest.mark.parametrize(
    "address",
    ["ftp://post.example.vn", "https://", "https://post.example.vn/ x", "https://post.example.vn\\@x", "post"],
)
def test_an_address_that_is_none_was_taken(address: str) -> None:
    """Only a plain address of a server is."""
    assert address_is_fit("https://post.example.vn/api") and not address_is_fit(address)


# --- what people are told ---------------------------------------------------------------------------------------------


def test_the_example_of_the_readme_is_a_configuration() -> None:
    """Copied as it stands, it is taken by the types."""
    block = next(one for one in re.findall(r"```toml\n(.*?)```", _README, re.DOTALL) if "connector = " in one)
    tree = tomllib.loads(block)["upstreams"]["postal"]["settings"]
    assert typed(tree, Settings)[1] == ()


@pytest.mark.parametrize("kind", [Settings, CarrierSettings])
def test_every_setting_is_told(kind: type[Settings] | type[CarrierSettings]) -> None:
    """In the README, and those of the connector in its manifest too, which `gateway connectors` shows."""
    told = set(re.findall(r"`\.?([a-z_]+)", _README))
    assert told >= set(kind.__struct_fields__)
    if kind is Settings:
        assert set(read_manifest(_FOLDER / "manifest.toml").settings) == set(kind.__struct_fields__)


def test_every_refusal_has_words_that_say_what_to_do() -> None:
    """In Vietnamese, with a status that fits."""
    for code, row in TABLE.words().items():
        assert re.fullmatch(r"(shipment|handover|address|cod)_[a-z_]+", code), code
        assert 400 <= row.status <= 503 and row.title_vi and row.action_vi.endswith(".")
