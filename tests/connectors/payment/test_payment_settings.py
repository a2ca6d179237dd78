"""The settings of payment: what a ministry may write there, and what is refused before anything is opened."""

from __future__ import annotations

import base64
import re
import tomllib
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit import registry
from connectors.kit.addresses import may_be_sent
from connectors.kit.errors import SettingsError
from connectors.kit.ground import kit_of
from connectors.kit.settings import typed
from connectors.payment.connector import PaymentConnector
from connectors.payment.references import attempt_ref, payment_id_of, referred, refund_ref
from connectors.payment.settings import PROFILES, Settings

VNPAY = {"profile": "vnpay", "merchant": "TESTTMN1", "endpoints": {"pay": "https://pay.example.vn/vpcpay.html"}}
GOOD: dict[str, object] = {
    "public_url": "https://cong.example.gov.vn",
    "providers": [VNPAY],
    "beneficiaries": {"default": {"account": "0011001234567", "account_name": "CUC THU NGHIEM"}},
}


def faults_of(**changed: object) -> str:
    """What is said of the settings with these changes."""
    return " ".join(typed({**GOOD, **changed}, Settings)[1])


def test_the_least_that_a_ministry_must_write_is_taken() -> None:
    """With everything else at the default of the facts: 15 minutes, 15 of grace, the time of the notice."""
    settings, faults = typed(GOOD, Settings)
    assert faults == () and settings is not None
    assert (settings.expiry.minutes, settings.expiry.grace_minutes) == (15, 15)
    assert settings.completed_at == "notice_time"
    assert settings.beneficiary("1.001234").account == "0011001234567"
    assert settings.enabled[0].payer_hosts == ("pay.example.vn",)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"public_url": "http://cong.example.gov.vn"}, "public_url"),
        ({"public_url": "https://cong.example.gov.vn/x"}, "public_url"),
        ({"providers": [VNPAY, VNPAY]}, "vnpay"),
        ({"providers": [{**VNPAY, "profile": "visa"}]}, "providers"),
        ({"providers": [{**VNPAY, "endpoints": {"pay": "http://pay.example.vn"}}]}, "endpoints.pay"),
        ({"providers": [{**VNPAY, "endpoints": {"pay": "https://a:b@pay.example.vn"}}]}, "endpoints.pay"),
        ({"providers": [{**VNPAY, "sources": ["10.0.0.0/40"]}]}, "sources"),
        ({"providers": [{**VNPAY, "minimum": 9, "maximum": 5}]}, "minimum"),
        ({"providers": []}, "providers"),
        ({"providers": [{**VNPAY, "enabled": False}]}, "enabled"),
        ({"providers": [{**VNPAY, "keys": [{"id": "1", "secret": "env:A"}] * 2}]}, "keys"),
        ({"beneficiaries": {}}, "beneficiaries"),
        (
            {"beneficiaries": {"default": {"account": "1", "account_name": "X", "bin": "97043"}}},
            "beneficiaries.default.bin",
        ),
        ({"budgets": {"P1": {"dvqhns": "9054321"}}}, "budgets.P1.dvqhns"),
        ({"budgets": {"P1": {"chapter": "25"}}}, "budgets.P1.chapter"),
        ({"expiry": {"minutes": 0}}, "minutes"),
        ({"portal_pull": {"sources": []}}, "sources"),
        ({"create_wait_s": 90.0}, "create_wait_s"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(changed: dict[str, object], named: str) -> None:
    """An operator reads which key is wrong, before the gateway starts."""
    assert named in faults_of(**changed)


@pytest.mark.parametrize("name", ["paygov", "vietqr"])
def test_a_layout_of_a_statement_took_the_trust_in_it_away(name: str) -> None:
    """Who cannot be asked is believed by statement, with its side file, also where only another key of it is set."""
    said: dict[str, object] = {"settlement": {"providers": {name: {"expected": False}, "momo": {"expected": False}}}}
    settings, faults = typed({**GOOD, **said}, Settings)
    assert settings is not None, faults
    alone, asked = settings.settlement.of(name), settings.settlement.of("momo")
    assert (alone.trust, alone.side_file, alone.expected) == ("statement", True, False)
    assert (asked.trust, asked.side_file) == ("query", False)
    said = {"settlement": {"providers": {name: {"trust": "query", "side_file": False}}}}
    chosen, _ = typed({**GOOD, **said}, Settings)
    assert chosen is not None
    assert (chosen.settlement.of(name).trust, chosen.settlement.of(name).side_file) == ("query", False)


@pytest.mark.parametrize(
    "address",
    [
        "https://pay.example.vn.attacker.example/",
        "https://pay.example.vn@attacker.example/",
        "https://attacker.example/https://pay.example.vn",
        "http://pay.example.vn/",
        "https://pay.example.vn:8443/",
        "javascript:alert(1)//pay.example.vn",
        "//pay.example.vn/",
        "https://pay.example.vn\\@attacker.example/",
        "https://pay.example.vn/ x",
    ],
)
def test_a_browser_is_sent_to_listed_hosts_only(address: str) -> None:
    """However an address pretends to be of a listed host."""
    assert may_be_sent("https://pay.example.vn/vpcpay.html?vnp_Amount=1", ("pay.example.vn",))
    assert not may_be_sent(address, ("pay.example.vn",))


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 999))
def test_every_reference_leads_back_and_fits_every_intermediary(system: str, request_id: str, number: int) -> None:
    """At most 20 letters of [0-9a-z]; what it names is read from it alone."""
    payment_id = payment_id_of(system, request_id)
    assert payment_id == payment_id_of(system, request_id) != payment_id_of(system, request_id + "x")
    for made, kind in ((attempt_ref(payment_id, number), "a"), (refund_ref(payment_id, number), "r")):
        found = referred(made)
        assert found is not None and (found.payment_id, found.kind, found.number) == (payment_id, kind, number)
        assert len(made) <= 20 and made.isalnum() and made == made.lower()
        assert base64.b32hexdecode(payment_id.upper() + "===") is not None


@given(st.sampled_from([" ", "\u200b", "\n", "0", "-", "A"]), st.integers(0, 15))
def test_a_reference_is_matched_exactly(stray: str, place: int) -> None:
    """A stray letter makes it another payment's, or nobody's."""
    genuine = attempt_ref(payment_id_of("HTGQ", "r1"), 1)
    altered = genuine[:place] + stray + genuine[place:]
    found = referred(altered)
    assert found is None or attempt_ref(found.payment_id, found.number) == altered != genuine


def test_the_example_that_operators_copy_is_a_working_configuration() -> None:
    """Every intermediary with what its dialect needs: accounts, addresses, keys by role."""
    text = (Path(__file__).parents[3] / "docs/examples/payment.toml").read_text(encoding="utf-8")
    tree = tomllib.loads(text)["upstreams"]["payment"]["settings"]
    connector = registry.create("payment", tree, kit_of("payment", defaultdict(lambda: "s3cr3t")))
    assert isinstance(connector, PaymentConnector)
    opened = {one.name: one for one in connector._intermediaries.all()}
    assert tuple(opened) == PROFILES
    for one in opened.values():
        used = set(re.findall(r'_call\("(\w+)"|_asking\(\s*"(\w+)"|Call\(\s*"(\w+)"', _source(one.name)))
        named = {name for names in used for name in names if name}
        assert named - {"GET", "POST", "feed"} <= set(one.settings.endpoints), one.name


def _source(profile: str) -> str:
    return (files("connectors.payment") / "profiles" / profile / "mapping.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"endpoints": {"pay": "https://pay.example.vn/x"}}, "providers.vnpay.endpoints.api"),
        ({"keys": []}, 'role = "main"'),
        ({"options": {"bank": "NCB"}}, "providers.vnpay.options.bank"),
        ({"sources": []}, "notices_from_anywhere"),
    ],
)
def test_what_a_dialect_needs_is_asked_for_by_name_at_the_start(change: dict[str, object], named: str) -> None:
    """An intermediary that could not be spoken to never comes up."""
    api = {"pay": "https://pay.example.vn/x", "api": "https://pay.example.vn/api"}
    whole = {**VNPAY, "endpoints": api, "keys": [{"id": "1", "secret": "env:K"}], "sources": ["10.0.0.0/8"]}
    settings = {**GOOD, "providers": [{**whole, **change}]}
    with pytest.raises(SettingsError, match=re.escape(named)):
        registry.create("payment", settings, kit_of("payment", {"env:K": "s3cr3t"}))
