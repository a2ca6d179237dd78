"""Who stands behind a key: the register, consent, and the address as the caller knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.config import CallerKey, CallerRecord, Intake, Loaded, Settings
from gateway.errors import ConfigError, Forbidden, Unauthenticated
from gateway.intake.authenticate import Authenticator, Caller
from gateway.intake.register import Register, read_declared
from gateway.intake.signature import SigningKey, as_request, sign_request
from gateway.records.consents import Revocation

Ground = Any  # The fixture's type lives in conftest, which tests do not import.
NOW = datetime(2026, 11, 20, 8, 4, 7, tzinfo=UTC)
BODY = '{"name":"Trần Văn Mẫu"}'.encode()


def refusal(ground: Ground, headers: dict[str, str], target: str = "/v1/events") -> str:
    """The code with which a request is refused."""
    with pytest.raises((Unauthenticated, Forbidden)) as caught:
        ground.authenticate(headers, BODY, target=target)
    return caught.value.code


def test_logical_path_behind_a_rewriting_bus(ground: Ground) -> None:
    """The signature is over the path that the caller used; the prefix restores what the bus took off."""
    headers = ground.signed(BODY, target="/bvhttdl/cong/v1/events")
    behind = Authenticator(ground.authenticator.register, 300, "/bvhttdl/cong")
    request = make_mocked_request("POST", "/v1/events", headers=headers)
    assert behind.authenticate(behind.parts(request), BODY, NOW).fresh
    with pytest.raises(Unauthenticated):
        ground.authenticator.authenticate(ground.authenticator.parts(request), BODY, NOW)


def test_path_is_compared_as_it_was_sent(ground: Ground) -> None:
    """Percent encoding is part of what was signed; a decoded twin is another path."""
    headers = ground.signed(BODY, target="/v1/dossiers/000.00.00.G16%2D1")
    request = make_mocked_request("POST", "/v1/dossiers/000.00.00.G16%2D1?", headers=headers)
    parts = ground.authenticator.parts(request)
    assert (parts.path, parts.query) == ("/v1/dossiers/000.00.00.G16%2D1", "")
    assert ground.authenticate(headers, BODY, target="/v1/dossiers/000.00.00.G16%2D1").fresh
    assert refusal(ground, headers, target="/v1/dossiers/000.00.00.G16-1") == "bad_signature"


def test_key_of_another_system(ground: Ground) -> None:
    """A system speaks in its own name only."""
    headers = sign_request("POST", "/v1/events", BODY, ground.signer("other"), int(NOW.timestamp()))
    caller = ground.authenticate(headers, BODY)
    assert caller.system_code == "SEC-OTHER"


def test_expired_consent(ground: Ground) -> None:
    """Consent holds to the end of its last day in Viet Nam, and not a minute longer (QĐ 3036 Điều 5.7)."""
    authenticator = ground.authenticator
    last = datetime(2026, 11, 20, 16, 59, tzinfo=UTC)  # 23:59 in Ha Noi.
    request = as_request("POST", "/v1/events", ground.signed(BODY, at=last))
    assert authenticator.authenticate(request, BODY, last).fresh
    with pytest.raises(Forbidden) as caught:
        authenticator.authenticate(request, BODY, last + timedelta(minutes=1))
    assert (caught.value.status, caught.value.code) == (403, "consent_expired")
    assert authenticator.identify(request, BODY, last + timedelta(minutes=1)).refusal.code == "consent_expired"


def test_revoked_or_future_consent(ground: Ground) -> None:
    """After its revocation, or before its day, a good signature opens nothing; the sender is told which it is."""
    revoked = replace(ground.version, revoked=Revocation(NOW, "os:an", "theo đề nghị của chủ quản"))
    future = replace(ground.version, valid_from=date(2026, 11, 21), valid_to=None)
    for version, code in ((revoked, "consent_revoked"), (future, "consent_not_yet_valid")):
        spoiled = ground.under(version)
        assert refusal(spoiled, ground.signed(BODY)) == code


def test_forgery_learns_nothing_about_consent(ground: Ground) -> None:
    """Whether a system's consent holds is told to that system only."""
    spoiled = ground.under(replace(ground.version, valid_to=date(2026, 1, 2)))
    headers = ground.signed(BODY)
    headers["Signature"] = ground.signed(b"other")["Signature"]
    assert refusal(spoiled, headers) == "bad_signature"


def test_repr_of_a_caller_shows_no_register() -> None:
    """What may end up in a log names the system and the key, nothing else."""
    record = CallerRecord(role="sector", keys={}, consent_no="12/VB")
    assert "12/VB" not in repr(Caller("SEC-DEMO", "sector", "k", True, record))


def _settings(tmp_path: Path, **callers: dict[str, CallerKey]) -> Loaded:
    records = {
        name: CallerRecord(role="sector", keys=keys, consent_no="1", consent_date=date(2026, 1, 1))
        for name, keys in callers.items()
    }
    intake = Intake(max_skew_s=60, logical_path_prefix="/cong")
    return Loaded(settings=Settings(callers=records, intake=intake), base=tmp_path)


def _write_public(file: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    file.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def test_register_is_read_once_from_files_beside_the_configuration(
    tmp_path: Path, all_keys: dict[str, SigningKey]
) -> None:
    """Key files are relative to the configuration; the settings give skew and prefix."""
    for name in ("rsa-pss-sha512", "ecdsa-p256-sha256"):
        key = all_keys[f"sec-{name}"].private_key
        assert isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
        _write_public(tmp_path / f"{name}.pem", key)
    loaded = _settings(
        tmp_path,
        A={"a": CallerKey(algorithm="rsa-pss-sha512", file="rsa-pss-sha512.pem")},
        B={"b": CallerKey(algorithm="ecdsa-p256-sha256", file="ecdsa-p256-sha256.pem")},
    )
    declared = read_declared(loaded)
    found = {(code, key.key_id) for code, entry in declared.items() for key in entry.versions[0].keys}
    assert found == {("A", "a"), ("B", "b")}
    authenticator = Authenticator.load(loaded)
    assert len(authenticator.register) == 0, "a sector system is known by the store, not by its declaration"
    assert (authenticator.max_skew_s, authenticator.path_prefix) == (60, "/cong")


def test_every_unfit_key_of_the_register_is_named(tmp_path: Path, all_keys: dict[str, SigningKey]) -> None:
    """Too short, of another kind, on another curve, unreadable, missing, no PEM, twice the same name: all at once."""
    _write_public(tmp_path / "short.pem", rsa.generate_private_key(public_exponent=65537, key_size=1024))
    _write_public(tmp_path / "p384.pem", ec.generate_private_key(ec.SECP384R1()))
    good = all_keys["sec-rsa-pss-sha512"].private_key
    assert isinstance(good, rsa.RSAPrivateKey)
    _write_public(tmp_path / "good.pem", good)
    (tmp_path / "text.pem").write_text("xin chào", encoding="utf-8")
    loaded = _settings(
        tmp_path,
        A={
            "short": CallerKey(algorithm="rsa-pss-sha512", file="short.pem"),
            "curve": CallerKey(algorithm="ecdsa-p256-sha256", file="p384.pem"),
            "kind": CallerKey(algorithm="ed25519", file="good.pem"),
            "text": CallerKey(algorithm="ed25519", file="text.pem"),
            "none": CallerKey(algorithm="ed25519", file="none.pem"),
            "same": CallerKey(algorithm="rsa-pss-sha512", file="good.pem"),
        },
        B={"same": CallerKey(algorithm="rsa-pss-sha512", file="good.pem")},
    )
    with pytest.raises(ConfigError) as caught:
        Register.load(loaded)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        *(f"callers.A.keys.{name}" for name in ("short", "curve", "kind", "text", "none")),
        "callers.B.keys.same",
    ]


def test_a_key_shared_by_two_systems_is_refused_at_start(tmp_path: Path, all_keys: dict[str, SigningKey]) -> None:
    """What two can sign proves nothing about who signed; one system may hold one key under two names."""
    key = all_keys["sec-rsa-pss-sha512"].private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    _write_public(tmp_path / "one.pem", key)
    stated = CallerKey(algorithm="rsa-pss-sha512", file="one.pem")
    assert len(read_declared(_settings(tmp_path, A={"a": stated, "a2": stated}))["A"].versions[0].keys) == 2
    with pytest.raises(ConfigError) as caught:
        Register.load(_settings(tmp_path, A={"a": stated}, B={"b": stated}))
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["callers.B.keys.b"]


def test_signing_key_that_does_not_fit_its_algorithm(all_keys: dict[str, SigningKey]) -> None:
    """A client learns at once that its key and its algorithm do not belong together."""
    key = all_keys["sec-ed25519"].private_key
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert SigningKey.load(pem, "k", "ed25519").algorithm == "ed25519"
    for wrong in (pem, b"nothing"):
        with pytest.raises(ConfigError):
            SigningKey.load(wrong, "k", "rsa-pss-sha512")
    assert "PrivateKey" not in repr(SigningKey.load(pem, "k", "ed25519"))


def test_a_target_that_cannot_be_signed(all_keys: dict[str, SigningKey]) -> None:
    """A client that forgot to percent-encode is told so instead of being refused later."""
    with pytest.raises(ValueError, match="cannot sign"):
        sign_request("GET", "/v1/hồ sơ", b"", all_keys["sec-ed25519"], 1)
