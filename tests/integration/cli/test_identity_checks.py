"""What an operator is told about sign-ons before anybody signs on: faults by their place, addresses to have registered."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import config, doctor
from gateway.config import load
from tests.line.signing_on import Portal, laid_portal


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    """An installation in which people can sign on."""
    return laid_portal(tmp_path / "portal", {})


def _checked(portal: Portal, capsys: pytest.CaptureFixture[str], *changes: tuple[str, str]) -> Any:
    """What `gateway config check --json` says of the configuration with some lines exchanged."""
    text = portal.line.config.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    portal.line.config.write_text(text, encoding="utf-8")
    code = config.run(argparse.Namespace(action="check", config=portal.line.config, json=True))
    told = json.loads(capsys.readouterr().out)
    assert (code == 0) == told["ok"]
    return told["faults"]


def test_doctor_names_the_addresses_that_each_provider_must_have(portal: Portal) -> None:
    """Letter by letter, for both providers: this is what the operator sends to them."""
    seen = {finding.check: finding for finding in doctor._identity(load(portal.line.config))}
    assert set(seen) == {"đăng nhập", "đăng nhập cdvcqg", "đăng nhập vneid"}
    assert all(finding.ok for finding in seen.values())
    assert "chỉ để thử" in seen["đăng nhập"].seen_vi
    base = f"{portal.base}/v1/callbacks/vneid/cdvcqg"
    for address in (f"{base};", f"{base}/logged-out;", f"{base}/logout"):
        assert address in seen["đăng nhập cdvcqg"].seen_vi


def test_a_proxy_that_nobody_named_is_found(portal: Portal) -> None:
    """Behind it all people share one limit: an attacker of two requests a second would keep everybody from signing on."""

    def finding(old: str, new: str) -> list[bool]:
        text = portal.line.config.read_text(encoding="utf-8")
        assert old in text
        portal.line.config.write_text(text.replace(old, new, 1), encoding="utf-8")
        found = doctor._identity(load(portal.line.config))
        return [one.ok for one in found if one.check == "đăng nhập, máy chủ trung gian"]

    assert finding(f'public_url = "{portal.base}"', 'public_url = "https://cong.bo.example.vn"') == [False]
    assert finding("[identity]\n", '[identity]\ntrusted_proxies = ["10.0.0.1"]\n') == []


def test_a_good_configuration_is_good(portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    """The positive control."""
    assert _checked(portal, capsys) == []


def test_sign_ons_without_anybody_who_signs_on_are_a_fault(portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    """The upstream is switched off: serving would refuse to start, and the check says so before."""
    (fault,) = _checked(portal, capsys, ('connector = "vneid"', 'connector = "vneid"\nenabled = false'))
    assert fault.startswith("identity.public_url") and "SignOn" in fault
    (finding,) = list(doctor._identity(load(portal.line.config)))
    assert not finding.ok and finding.seen_vi == fault


def test_a_secret_that_is_missing_is_named_and_told_once(portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    """By its reference, with the upstream that needs it."""
    faults = _checked(portal, capsys, ("file:keys/vneid.secret", "file:keys/khong-co"))
    assert len(faults) == 1 and "upstreams.vneid.settings" in faults[0] and "keys/khong-co" in faults[0]


def test_certificates_deep_in_a_connectors_settings_are_looked_at_beside_the_configuration(portal: Portal) -> None:
    """A file that a provider's settings name lies beside the configuration, not where somebody stands who looks."""
    text = portal.line.config.read_text(encoding="utf-8")
    changed = text.replace('name = "cdvcqg"', 'name = "cdvcqg"\nca_file = "keys/goc.pem"', 1)
    portal.line.config.write_text(changed, encoding="utf-8")
    findings = [one for one in doctor._certificates(load(portal.line.config)) if one.check == "chứng thư vneid"]
    assert [(one.ok, one.seen_vi.partition(":")[0]) for one in findings] == [(False, "keys/goc.pem")]


_POPULATION = """
[upstreams.dan_cu]
connector = "vneid"
[upstreams.dan_cu.settings.population]
base_url = "http://127.0.0.1:9"
allow_plain = ["127.0.0.1"]
[upstreams.dan_cu.settings.population.route]
kind = "header_signed"
[upstreams.dan_cu.settings.population.route.signature]
username = "bvhttdl"
secret = "file:keys/vneid.secret"
hash_url = "https://truc.example.vn/dancu"
[identity.questions]
upstream = "dan_cu"
[identity.questions.callers.RES-VHTTDL]
operations = ["verify"]
"""


@pytest.fixture
def asking(portal: Portal) -> Portal:
    """The same installation, with questions to the population database over a connection of its own."""
    text = portal.line.config.read_text(encoding="utf-8")
    portal.line.config.write_text(text + _POPULATION, encoding="utf-8")
    return portal


def test_sign_on_and_questions_stand_on_two_connections(asking: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    """The positive control of what follows, and what the documents advise: one that is paused leaves the other alone."""
    assert _checked(asking, capsys) == []
    assert all(finding.ok for finding in doctor._questions(load(asking.line.config)))


def test_plain_http_that_nobody_allowed_is_a_fault_and_no_crash(
    asking: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a connector refuses while it is built names its upstream, at the check as at the start."""
    (fault,) = _checked(asking, capsys, ('"http://127.0.0.1:9"\nallow_plain = ["127.0.0.1"]', '"http://127.0.0.1:9"'))
    assert fault.startswith("upstreams.dan_cu.settings: ") and "allow_plain" in fault
    (finding,) = list(doctor._questions(load(asking.line.config)))
    assert not finding.ok and finding.seen_vi == fault


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('upstream = "dan_cu"', 'upstream = "vneid"', "identity.questions.upstream: upstreams.vneid chưa khai"),
        ('upstream = "dan_cu"', 'upstream = "national_dvc"', "identity.questions.upstream: đầu nối của national_dvc"),
        ('["verify"]', '["verify", "relatives"]', "identity.questions.callers.RES-VHTTDL.operations: upstreams.dan_cu"),
        (
            "[identity.questions]",
            "[identity.proofs]\nmin_ial = { vnied = 2 }\n[identity.questions]",
            "identity.proofs.min_ial: không có phương ngữ 'vnied'",
        ),
    ],
)
def test_what_could_never_be_answered_or_never_hold_is_a_fault(
    asking: Portal, capsys: pytest.CaptureFixture[str], old: str, new: str, place: str
) -> None:
    """A connection without the half that answers, an operation that is off, a level of a dialect that nobody speaks."""
    (fault,) = _checked(asking, capsys, (old, new))
    assert fault.startswith(place)


def test_doctor_names_an_asker_who_does_not_exist(asking: Portal) -> None:
    """A slip in the code of a system would let nobody ask, and nothing else would tell why."""
    text = asking.line.config.read_text(encoding="utf-8")
    changed = text.replace("questions.callers.RES-VHTTDL", "questions.callers.RES-VHTDL")
    asking.line.config.write_text(changed, encoding="utf-8")
    (finding,) = [one for one in doctor._questions(load(asking.line.config)) if not one.ok]
    assert finding.check == "câu hỏi RES-VHTDL" and "[callers]" in finding.seen_vi
