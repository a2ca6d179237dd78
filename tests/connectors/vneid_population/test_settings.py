"""Settings of the population half: what only a refused call would show is refused when they are read."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.resources import files
from typing import Any, get_args

import pytest

from connectors.kit import registry
from connectors.kit.ground import kit_of
from connectors.kit.settings import typed
from connectors.vneid.conformance import CASES
from connectors.vneid.connector import Settings
from connectors.vneid.population_settings import LgspToken, PopulationSettings, Route, Signature, XRoadIdentity
from connectors.vneid.profiles.dancu.rules import RequestRules
from tests.connectors.vneid_population.conftest import HEADER_SIGNED, SIGNATURE

GOOD: dict[str, Any] = {"base_url": "https://esb.example.gov.vn", "route": HEADER_SIGNED, "path": "/dancu"}
TOKEN = {"url": "https://lgsp.example.gov.vn/token", "access": "env:access"}


def faults(**changed: Any) -> str:
    """What is said of the settings."""
    return "\n".join(typed({"population": {**GOOD, **changed}}, Settings)[1])


def test_the_shortest_settings_ask_two_operations() -> None:
    """Yes or no, and one record: everything else is off until somebody names it (facts 2.3)."""
    ready, said = typed({"population": GOOD}, Settings)
    assert said == () and ready is not None and ready.population is not None
    assert ready.population.operations == ("verify", "look_up")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"operations": ["verify", "relatives"]}, "thiếu MaTichHop cho relatives"),
        ({"operations": ["verify", "verify"]}, "chỉ nêu một lần"),
        ({"operations": ["everything"]}, "operations"),
        ({"route": {"kind": "lgsp_json"}, "operations": ["verify"]}, "thiếu verify"),
        ({"route": {"kind": "lgsp_soap", "token": {"url": "x"}}}, "cần access"),
        ({"route": {"kind": "lgsp_soap", "token": {**TOKEN, "client_id": "env:A"}}}, "phải đi cùng nhau"),
        ({"route": {"kind": "lgsp_soap", "token": {**TOKEN, "margin_s": -1}}}, "margin_s"),
        ({"route": {"kind": "xroad_soap", "client": {"instance": "VN", "member_class": "G/V"}}}, "member_code"),
        ({"route": {"kind": "pigeon"}}, "route"),
        ({"request": {"integration_codes": {"verify": "x3", "look_up": "037"}}}, "integration_codes"),
        ({"request": {"integration_codes": {"spy": "001"}}}, "không có thao tác (spy)"),
        ({"request": {"field_order": ["MaYeuCau"]}}, "field_order"),
        ({"request": {"send_fields": ["HoVaTen"]}}, "send_fields"),
        ({"request": {"officer_id_source": "constant"}}, "officer_constant"),
        ({"request": {"field_aliases": {"Ten": "x"}}}, "không có trong WSDL (Ten)"),
        ({"request": {"name_form": "poetic"}}, "name_form"),
        ({"error_map": {"010": "done"}}, "error_map"),
        ({"error_map": {"010": "perhaps"}}, "error_map"),
        ({"paths": {"spy": "/x"}}, "paths"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"client_cert_file": "a.pem"}, "client_key_file"),
        ({"mystery": 1}, "mystery"),
    ],
)
def test_each_wrong_setting_is_named(changed: dict[str, Any], told: str) -> None:
    """By its key, in words; values are never repeated."""
    assert told in faults(**changed)


def test_an_identity_that_x_road_does_not_allow_is_refused() -> None:
    """Characters of identifiers are bounded (PR-MESS 4.0, 2.7)."""
    side = {"instance": "VN", "member_class": "GOV", "member_code": "G00/01"}
    assert "X-Road" in faults(route={"kind": "xroad_soap", "client": side, "service": side})


def test_a_connection_to_nobody_is_refused() -> None:
    """Neither half: the upstream would do nothing, silently."""
    assert "providers, population" in "\n".join(typed({}, Settings)[1])


@pytest.mark.parametrize("route", CASES)
def test_a_secret_that_is_missing_is_found_at_the_start(route: str) -> None:
    """Not at the first citizen."""
    case = CASES[route]("http://127.0.0.1:9")
    population: Any = case.settings["population"]
    if population["route"] == {"kind": "lgsp_json"} or population["route"]["kind"] == "xroad_soap":
        return
    with pytest.raises(KeyError):
        registry.create("vneid", {"population": population}, kit_of("vneid", {}))


def test_asking_never_loads_zeep() -> None:
    """28 MB and 0.15 s that only compiling a WSDL needs (performance 3c)."""
    program = (
        "import sys; from connectors.kit import registry; from connectors.kit.ground import kit_of;"
        "from connectors.vneid.conformance import CASES; case = CASES['xroad-soap']('http://127.0.0.1:9');"
        "registry.create('vneid', case.settings, kit_of('vneid', case.secrets)); sys.exit('zeep' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_settings_show_no_secret_because_they_hold_none() -> None:
    """References only: what a reference names is read when it is needed."""
    assert SIGNATURE["secret"] == "env:key"
    assert "s3cr3t" not in repr(typed({"population": GOOD}, Settings)[0])


def test_the_readme_explains_every_setting_of_the_population_half() -> None:
    """Nobody dares to change what nobody explains; the example beside it is read by the tests of the sign-on half."""
    readme = (files("connectors.vneid") / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Cấu hình `population`")[1].split("\n## ")[0]
    kinds = (PopulationSettings, RequestRules, Signature, LgspToken, XRoadIdentity, *get_args(Route))
    names = {name for kind in kinds for name in kind.__struct_fields__}
    missing = {
        name for name in names if f"{name}`" not in table and name not in ("route", "request", "token", "signature")
    }
    assert missing == set()


def test_the_example_of_the_readme_asks_three_operations() -> None:
    """Operators copy it; it must be right as it is."""
    readme = (files("connectors.vneid") / "README.md").read_text(encoding="utf-8")
    example = tomllib.loads(readme.split("```toml\n")[1].split("```")[0])
    ready, said = typed(example["upstreams"]["dancu"]["settings"], Settings)
    assert said == () and ready is not None and ready.population is not None
    assert ready.population.operations == ("verify", "look_up", "current_residence")
