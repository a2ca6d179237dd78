"""Settings of a connection: every wrong key is named before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit import registry
from connectors.kit.errors import SettingsError
from connectors.kit.ground import kit_of

GOOD: dict[str, Any] = {
    "base_url": "https://adapter.example",
    "madonvi": "000.00.00.G16",
    "username": "env:u",
    "password": "env:p",
}
SECRETS = {"env:u": "x", "env:p": "y"}


def test_the_least_settings_are_enough() -> None:
    """Everything unknown has its documented default."""
    assert registry.check_settings("national_dvc", GOOD) == ()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"base_ur": "x"}, "base_ur"),
        ({"portal": {"refused_state": "7"}}, "portal.refused_state"),
        ({"progress_after_unknown": {"5": "perhaps"}}, "progress_after_unknown"),
        ({"progress_after_unknown": {"11": "hold"}}, "progress_after_unknown"),
        ({"batch": {"progress": 11}}, "batch.progress"),
        ({"session": {"ttl_seconds": 0}}, "session.ttl_seconds"),
        ({"carrier": {"kind": "xroad_adapter", "dstcode": "nowhere"}}, "dstcode"),
        ({"outcomes": [{"family": "busy", "meaning_vi": "x", "message_pattern": "("}]}, "message_pattern"),
        ({"profile": "mapi-2021"}, "profile"),
        ({"profile": "mapi-2023", "portal": {"mandatory_2023": False}}, "mandatory_2023"),
        ({"portal": {"identity_placeholder": {"kind": "1", "number": "000000001"}}}, "identity_placeholder"),
        ({"portal": {"database_codes": {"moon": "9"}}}, "database_codes"),
        ({"portal": {"connected_databases": [" "]}}, "connected_databases"),
        ({"portal": {"added_rows": ["4"]}}, "added_rows"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], named: str) -> None:
    """By its key, in a sentence."""
    assert any(named in fault for fault in registry.check_settings("national_dvc", {**GOOD, **wrong}))


@pytest.mark.parametrize("url", ["http://portal.example", "ftp://x", "https://user:pw@portal.example", "portal"])
def test_an_address_that_must_not_be_used_is_refused_at_start(url: str) -> None:
    """Plain HTTP needs its host in the list; credentials never stand in an address."""
    with pytest.raises(SettingsError, match="base_url"):
        registry.create("national_dvc", {**GOOD, "base_url": url}, kit_of("national_dvc", SECRETS))


def test_a_missing_secret_is_found_at_start() -> None:
    """Not at the first login, hours later."""
    with pytest.raises(KeyError):
        registry.create("national_dvc", GOOD, kit_of("national_dvc", {"env:u": "x"}))
