"""Settings of a provider are refused at start with every fault, and no value is repeated."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from connectors.kit.errors import SettingsError
from connectors.kit.secrets import read_setting
from connectors.kit.settings import typed
from connectors.vneid.profiles._claims.names import ClaimNames
from connectors.vneid.settings import Settings
from connectors.vneid.sign_on_settings import PLACES, SENSITIVE, Limits, ProviderSettings

BASE: dict[str, Any] = {
    "name": "cdvcqg",
    "profile": "cdvcqg",
    "issuer": "https://xacthuc.example.gov.vn/oauth2/token",
    "hosts": ["xacthuc.example.gov.vn"],
    "authorize_url": "https://xacthuc.example.gov.vn/oauth2/authorize",
    "token_url": "https://xacthuc.example.gov.vn/oauth2/token",
    "jwks_url": "https://xacthuc.example.gov.vn/oauth2/jwks",
    "client_id": "ung-dung",
    "client_secret": "env:BI_MAT",
}


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"name": "Cổng"}, "name"),
        ({"issuer": ""}, "issuer"),
        ({"hosts": []}, "hosts"),
        ({"hosts": ["https://xacthuc.example.gov.vn"]}, "hosts"),
        ({"token_url": "https://khac.example/token"}, "token_url"),
        ({"token_url": "http://xacthuc.example.gov.vn/token"}, "token_url"),
        ({"jwks_url": ""}, "jwks_url"),
        ({"userinfo_url": "https://a:b@xacthuc.example.gov.vn/"}, "userinfo_url"),
        ({"algorithms": []}, "algorithms"),
        ({"scope": "profile"}, "scope"),
        ({"client_secret": ""}, "client_secret"),
        ({"token_auth": "private_key_jwt"}, "client_key"),
        ({"client_key_file": "khoa.pem"}, "client_key_file"),
        ({"par": True}, "par_url"),
        ({"pkce": False, "nonce_required": False}, "pkce"),
        ({"logout_mode": "rp"}, "logout_url"),
        ({"min_acr": "LoA9"}, "min_acr"),
        ({"min_ial": 9}, "min_ial"),
        ({"claim_map": {"khac": "x"}}, "claim_map"),
        ({"organisation_claim_map": {"khac": "x"}}, "organisation_claim_map"),
        ({"multi_value_separator": ""}, "multi_value_separator"),
        ({"limits": {"skew_s": 301}}, "skew_s"),
        ({"limits": {"jwks_refetch_s": 0}}, "jwks_refetch_s"),
        ({"limits": {"answer_bytes": 1}}, "answer_bytes"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"khong_co": 1}, "khong_co"),
    ],
)
def test_a_setting_that_cannot_be_is_named(changed: dict[str, Any], key: str) -> None:
    """By its key, in Vietnamese, without its value."""
    settings, faults = typed({"providers": [{**BASE, **changed}]}, Settings)
    assert settings is None
    assert key in " ".join(faults)
    assert "env:BI_MAT" not in " ".join(faults)
    assert "a:b@" not in " ".join(faults)


def test_two_providers_of_one_name_are_refused() -> None:
    """The name is the address of the callback."""
    assert "cdvcqg" in " ".join(typed({"providers": [BASE, BASE]}, Settings)[1])


def test_the_defaults_are_those_of_the_facts() -> None:
    """Identity facts 1.2, 1.9 and 7: PKCE and nonce on, PAR and DPoP off, RS256, 60 s, 10 min, one refetch in 5 min."""
    provider = msgspec.convert(BASE, ProviderSettings, dec_hook=read_setting)
    assert (provider.pkce, provider.nonce_required, provider.par, provider.dpop) == (True, True, False, False)
    assert (provider.algorithms, provider.token_auth, provider.asked_acr) == (("RS256",), "client_secret_post", "LoA1")
    limits = provider.limits
    assert (limits.skew_s, limits.token_age_s, limits.jwks_refetch_s) == (60, 600, 300)
    assert provider.drop_claims == SENSITIVE
    assert (provider.leaves_by, msgspec.structs.replace(provider, profile="vneid").leaves_by) == ("none", "claim")
    assert msgspec.structs.replace(provider, profile="vneid").asked_acr == ""


def test_the_places_of_the_claim_map_are_those_of_an_account() -> None:
    """A place that nothing reads, or that cannot be configured, would be found by nobody."""
    assert set(PLACES) == set(ClaimNames.__dataclass_fields__)


def test_a_reference_without_a_secret_is_found_at_start(desk: Callable[..., Any]) -> None:
    """Better now than at the first person's sign-on."""
    with pytest.raises((KeyError, SettingsError)):
        desk(client_secret="env:khong_co")


def test_the_example_of_the_readme_is_a_configuration_that_stands() -> None:
    """Operators copy it; it must be right as it is."""
    readme = (files("connectors.vneid") / "README.md").read_text(encoding="utf-8")
    example = tomllib.loads(readme.split("```toml\n")[1].split("```")[0])
    upstream = example["upstreams"]["vneid"]
    assert upstream["connector"] == "vneid"
    settings, faults = typed(upstream["settings"], Settings)
    assert faults == ()
    assert settings is not None
    assert settings.providers[0].leaves_by == "rp"


def test_the_readme_explains_every_setting_of_a_provider() -> None:
    """A setting that nobody explains is one that nobody dares to change."""
    readme = (files("connectors.vneid") / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Cấu hình `providers`")[1].split("\n## ")[0]
    for kind, prefix in ((ProviderSettings, ""), (Limits, "limits")):
        for name in kind.__struct_fields__:
            assert f"`{name}`" in table or f".{name}`" in table or f"`{prefix}.{name}`" in table or name == "limits", (
                name
            )
