"""The section [identity]: browsers are sent to addresses that somebody meant, and nowhere else."""

from __future__ import annotations

import pytest

from gateway.config import check
from gateway.errors import ConfigError

EDGE = {"listen": {"edge": {"port": 0}}}
GOOD = {"public_url": "https://cong.example.vn", "return_urls": ["https://motcua.example.vn/dang-nhap"]}


def _faults(identity: dict[str, object], beside: dict[str, object] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check({**(EDGE if beside is None else beside), "identity": identity})
    return caught.value.faults


def test_without_the_section_nothing_of_identity_is_configured() -> None:
    """The old behaviour stays until somebody asks for the new one."""
    assert check({}).identity is None


def test_sign_ons_and_questions_are_configured_apart() -> None:
    """A gateway that only asks registers needs no edge; one that only signs people on asks nothing."""
    alone = check(
        {"identity": {"questions": {"upstream": "dan_cu"}}, "upstreams": {"dan_cu": {"connector": "vneid"}}}
    ).identity
    assert alone is not None and alone.questions is not None and not alone.public_url
    signing_on = check({**EDGE, "identity": GOOD}).identity
    assert signing_on is not None and signing_on.questions is None and signing_on.return_urls


@pytest.mark.parametrize(
    "address",
    [
        "http://motcua.example.vn/dang-nhap",
        "javascript:alert(1)",
        "//motcua.example.vn/",
        "https://ai-do@motcua.example.vn/",
        "https://motcua.example.vn/#dau",
        "https://motcua.example.vn\\@la.example.vn/",
        "https://một-cửa.example.vn/",
        "https://motcua.example.vn:x/",
        "https:///dang-nhap",
        "",
    ],
)
def test_an_address_that_a_browser_may_misread_is_no_return_address(address: str) -> None:
    """Each of these has sent browsers to strangers somewhere (open redirects)."""
    (fault,) = _faults({**GOOD, "return_urls": [address]})
    assert fault.startswith("identity.return_urls:")


@pytest.mark.parametrize("address", ["http://cong.example.vn", "https://cong.example.vn/?x=1", "cong.example.vn"])
def test_a_public_address_is_https_and_has_no_query(address: str) -> None:
    """The cookie of a sign-on has the prefix __Host-, which browsers take over https only (RFC 6265bis 4.1.3.2)."""
    (fault,) = _faults({**GOOD, "public_url": address})
    assert fault.startswith("identity.public_url:")


def test_this_very_machine_may_do_without_tls() -> None:
    """Tests and demonstrations run on loopback, where nobody listens in between."""
    local = {"public_url": "http://127.0.0.1:9", "return_urls": ["http://localhost:8/x"]}
    assert check({**EDGE, "identity": local}).identity is not None


def test_sign_ons_need_an_edge_and_somewhere_to_return() -> None:
    """The browser must be able to come in, and to be sent back."""
    told = _faults({"public_url": GOOD["public_url"]}, {})
    assert [fault.split(":")[0] for fault in told] == ["identity.public_url", "identity.return_urls"]
    (fault,) = _faults({"return_urls": GOOD["return_urls"]})
    assert fault.startswith("identity.public_url")


@pytest.mark.parametrize(
    "name", ["sign_on_s", "ticket_s", "session_s", "open_limit", "begins_per_minute", "edge_per_minute"]
)
def test_a_figure_that_must_be_positive_is_refused(name: str) -> None:
    """Zero would mean never, or at once."""
    assert _faults({**GOOD, name: 0}) == (f"identity.{name}: phải lớn hơn 0",)


def test_a_proxy_is_named_by_its_address() -> None:
    """A name would be resolved by somebody, and could be another tomorrow."""
    (fault,) = _faults({**GOOD, "trusted_proxies": ["proxy.example.vn"]})
    assert fault.startswith("identity.trusted_proxies")


@pytest.mark.parametrize("name", ["sign_on_s", "ticket_s", "session_s"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e18])
def test_a_length_of_time_that_no_calendar_holds_is_refused(name: str, value: float) -> None:
    """It would start, and break at the first sign-on."""
    (fault,) = _faults({**GOOD, name: value})
    assert fault.startswith(f"identity.{name}: ")
