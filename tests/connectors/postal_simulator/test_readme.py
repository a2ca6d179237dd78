"""The README says all that the simulator can be told, and nothing that it does not know."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import connectors.postal
from connectors.postal.simulator import create_app
from connectors.postal.simulator_options import DonhangOptions, NgspOptions, PostalOptions
from connectors.postal.simulator_parcels import Script

_README = Path(connectors.postal.__file__).with_name("README.md").read_text(encoding="utf-8")
_SECTION = _README.partition("## Bộ giả lập")[2].partition("\n## ")[0]
_NAMED = set(re.findall(r"[a-z][a-z0-9_]+", " ".join(re.findall(r"`([^`\n]+)`", _SECTION))))


@pytest.mark.parametrize("options", [PostalOptions, NgspOptions, DonhangOptions, Script])
def test_every_option_stands_in_the_readme(options: type[msgspec.Struct]) -> None:
    """By its name, as a person would write it into the file of options."""
    assert set(options.__struct_fields__) - _NAMED == set()


def test_every_address_of_the_control_plane_stands_in_the_readme_and_no_other() -> None:
    """With its methods."""
    routes = {
        (route.method, route.resource.canonical.removeprefix("/_simulator/"))
        for route in create_app({}).router.routes()
        if route.resource and route.resource.canonical.startswith("/_simulator/") and route.method != "HEAD"
    }
    text = _SECTION.partition("Điều khiển dưới")[2]
    told = {
        (method, path)
        for methods, path in re.findall(r"`((?:GET|PUT|POST|DELETE|\|)+) ([a-z/]+)`", text)
        for method in methods.split("|")
    }
    assert told == routes


def test_the_accounts_of_the_readme_are_those_that_hold_without_options() -> None:
    """So that what is copied from it works."""
    known = PostalOptions()
    for text in (known.h2.customer, known.h3.customer, known.m1.customer, known.h2.consumer_key, known.m1.token):
        assert f"`{text}`" in _SECTION
    assert known.h3.consumer_secret == known.h2.consumer_secret
    for text in (known.h2.consumer_secret, known.m1.user, known.m1.password):
        assert f"`{text}`" in _SECTION
