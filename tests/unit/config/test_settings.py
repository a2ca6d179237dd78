"""The configuration names every wrong key at once, and nothing that cannot work is taken."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import check
from gateway.config.loading import generation_of
from gateway.errors import ConfigError

KEY = {"S-1": {"algorithm": "ed25519", "file": "s.pem"}}
UPSTREAM = {"connector": "national_dvc"}


def _faults(tree: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check(tree)
    return caught.value.faults


def test_every_unknown_key_is_named_with_its_place() -> None:
    """A typing mistake in the depth of a table is told by its whole path, beside all others."""
    told = _faults({"nod": 1, "upstreams": {"a": {**UPSTREAM, "retry": {"bas_s": 1}}}, "intake": {"depth": 3}})
    assert [fault.split(":")[0] for fault in told] == ["nod", "intake.depth", "upstreams.a.retry.bas_s"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("concurrency", 0),
        ("rate_per_s", 0.0),
        ("burst", 0),
        ("timeout_s", 0.0),
        ("enquiry_s", -1.0),
        ("max_unsettled", 0),
    ],
)
def test_a_figure_that_must_be_positive_is_refused(key: str, value: float) -> None:
    """Zero would mean never, at once, or for ever; nobody can have meant it."""
    assert f"upstreams.a.{key}: phải lớn hơn 0" in _faults({"upstreams": {"a": {**UPSTREAM, key: value}}})


def test_a_breaker_that_opens_at_nothing_is_refused() -> None:
    """The nested tables are looked at as well."""
    assert "upstreams.a.breaker.failures: phải lớn hơn 0" in _faults(
        {"upstreams": {"a": {**UPSTREAM, "breaker": {"failures": 0}}}}
    )


def test_a_lease_shorter_than_a_call_is_refused() -> None:
    """A call must never outlive its lease, or two senders could be at work on one lane."""
    (fault,) = _faults({"upstreams": {"a": {**UPSTREAM, "timeout_s": 10.0, "lease_s": 12.0}}})
    assert fault.startswith("upstreams.a.lease_s")


def test_a_route_to_nowhere_and_a_sector_without_consent_are_refused() -> None:
    """References must lead somewhere, and a sector system needs its owner's consent (QĐ 3036 Điều 5.7)."""
    told = _faults({"routes": [{"role": "sector", "to": ["x"]}], "callers": {"S": {"role": "sector", "keys": KEY}}})
    assert any("routes[0].to" in fault for fault in told)
    assert any("consent_no" in fault for fault in told)


def test_a_caller_declares_a_whole_consent_or_nothing_of_one() -> None:
    """A sector system that is registered by command may have technical settings only; half a consent is refused."""
    assert check({"callers": {"S": {"role": "sector", "outside": "on_ack"}}}).callers["S"].outside == "on_ack"
    half = {"role": "sector", "consent_no": "1/VB", "consent_date": dt.date(2026, 1, 1)}
    assert any("callers.S.keys" in fault for fault in _faults({"callers": {"S": half}}))
    whole = {**half, "keys": KEY, "authentication": "both"}
    assert any("callers.S.certificates" in fault for fault in _faults({"callers": {"S": whole}}))
    assert any("certificate:HEX" in fault for fault in _faults({"callers": {"S": {**whole, "certificates": ["x"]}}}))
    pinned = check({"callers": {"S": {**whole, "certificates": ["spki:" + "0" * 64]}}})
    assert pinned.callers["S"].authentication == "both"
    assert any("callers.R.keys" in fault for fault in _faults({"callers": {"R": {"role": "resolution"}}}))


def test_client_certificates_cannot_be_demanded_of_nobody() -> None:
    """Whoever requires a client certificate says who may issue it."""
    tls = {"cert_file": "a", "key_file": "b", "require_client_certificate": True}
    told = _faults({"listen": {"internal": {"tls": tls}}})
    assert any("client_ca_file" in fault for fault in told)
    assert check({"listen": {"internal": {"tls": {**tls, "client_ca_file": "c"}}}}).listen.internal.tls is not None


@given(st.floats(min_value=0.1, max_value=600))
def test_the_derived_lease_always_covers_the_call(timeout_s: float) -> None:
    """Whoever leaves the lease out gets one that is long enough."""
    settings = check({"upstreams": {"a": {**UPSTREAM, "timeout_s": timeout_s}}})
    assert settings.upstreams["a"].lease() * 0.7 > timeout_s


def test_the_generation_is_that_of_what_nodes_have_in_common() -> None:
    """What each node has for itself does not move it; every other key that is told to work otherwise does."""
    common = check({})
    own = {
        "node": "gateway-2",
        "storage": {"data_dir": "elsewhere"},
        "listen": {"internal": {"port": 9001}},
        "evidence": {"key": "file:keys/two.pem", "trusted": ["keys/one.pem"]},
        "observe": {"level": "DEBUG"},
    }
    assert generation_of(check(own)) == generation_of(common)
    for other in ({"intake": {"max_skew_s": 60}}, {"storage": {"postgres": {"dsn": "env:DSN"}}}):
        assert generation_of(check(other)) != generation_of(common)


_TLS = {"cert_file": "tls/a.pem", "key_file": "tls/a.key", "client_ca_file": "tls/clients.pem"}
_ELSEWHERE = {"cert_file": "/etc/b.pem", "key_file": "/etc/b.key", "client_ca_file": "/etc/clients.pem"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"admin_socket": "/run/one.sock"}, {"admin_socket": "/run/two.sock"}),
        ({"internal": {"tls": _TLS}}, {"internal": {"tls": _ELSEWHERE}}),
        ({"edge": {"tls": _TLS}}, {"edge": {"tls": _ELSEWHERE}}),
        ({"edge": {}}, {}),
        ({"edge": {"tls": _TLS, "max_body_bytes": 524_288}}, {}),
    ],
    ids=["admin_socket", "files of TLS", "files of TLS of the edge", "an edge", "an edge as it stands in production"],
)
def test_how_a_node_listens_is_its_own(one: dict[str, object], other: dict[str, object]) -> None:
    """Nodes that differ in nothing else would raise an alarm for ever, and nobody would look at it any more."""
    assert generation_of(check({"listen": one})) == generation_of(check({"listen": other}))


def test_what_is_demanded_of_callers_moves_the_generation() -> None:
    """That one node speaks plain HTTP, or lets callers in without a certificate, is no matter of its own."""
    demands = {**_TLS, "require_client_certificate": True}
    seen = {
        generation_of(check({"listen": {"internal": internal}})) for internal in ({}, {"tls": _TLS}, {"tls": demands})
    }
    assert len(seen) == 3
