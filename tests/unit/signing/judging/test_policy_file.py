"""A policy file says what it changes, everything else keeps its default, and nothing in it is ignored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signing.errors import Unusable
from signing.model import AlgorithmUse, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY, AlgorithmRules, StatusRules, TimeRules
from signing.policy_file import canonical_policy, parse_policy, policy_sha256, read_policy
from signing.strength import weaknesses
from tests import pki
from tests.unit.signing.judging.cases import NOW, facts, grounds, judged, signature

CUT_OFF = datetime(2017, 1, 1, tzinfo=UTC)


def test_an_empty_policy_is_the_default_under_its_own_name() -> None:
    """Only the name differs, and so does the digest."""
    read = parse_policy(b'name = "mine"')
    assert replace(read, name=DEFAULT_POLICY.name) == DEFAULT_POLICY
    assert policy_sha256(read) != policy_sha256(DEFAULT_POLICY)


def test_every_section_is_read_into_its_rules() -> None:
    """Types and sets arrive as what the judge works with."""
    read = parse_policy(
        b"""
name = "x"
domains = ["public"]
certificate_protected = true
[algorithms]
digests = ["sha512"]
schemes = ["ecdsa"]
[algorithms.until]
sha1 = 2017-01-01T07:00:00+07:00
[time]
required = true
domains = ["public-duty"]
policy_oids = ["1.2.3"]
[status]
grace_seconds = -60
[limits]
max_seconds = 2
"""
    )
    assert read.domains == {TrustDomain.PUBLIC}
    assert read.algorithms == AlgorithmRules(digests={"sha512": None, "sha1": CUT_OFF}, schemes=frozenset({"ecdsa"}))
    assert read.time == TimeRules(True, frozenset({TrustDomain.PUBLIC_DUTY}), frozenset({"1.2.3"}))
    assert read.status == StatusRules(grace_seconds=-60)
    assert read.limits.max_seconds == 2.0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nam = 'x'", "nam"),
        ("[path]\nmax_lenght = 3", "path.max_lenght"),
        ("[algorithms]\nmin_rsa_bits = '2048'", "algorithms.min_rsa_bits"),
        ("[algorithms]\nmin_rsa_bits = true", "algorithms.min_rsa_bits"),
        ("[algorithms]\nmin_rsa_bits = -1", "algorithms.min_rsa_bits"),
        ("[algorithms]\ndigests = 'sha256'", "algorithms.digests"),
        ("[algorithms]\ncurves = ['secp112r1']", "algorithms.curves"),
        ("[algorithms.until]\nsha1 = 2017-01-01T00:00:00", "algorithms.until.sha1"),
        ("[algorithms.until]\nsha0 = 2017-01-01T00:00:00Z", "algorithms.until.sha0"),
        ("domains = ['private']", "domains"),
        ("[time]\npolicy_oids = ['1..2']", "time.policy_oids"),
        ("[time]\nrequired = 1", "time.required"),
        ("status = 3", "status"),
        ("identifiers = 3", "identifiers[1]"),
        ("[[identifiers]]\ndomain = 'public'", "identifiers[1]"),
        (
            "[[identifiers]]\ndomain = 'public'\nissuer = 'CN=x'\nattribute = '2.5.4.5'\nkind = 'MST'\npattern = '(?P<value>1)'",
            "identifiers[1].issuer",
        ),
        (
            "[[identifiers]]\ndomain = 'public'\nissuer = '*'\nattribute = '2.5.4.5'\nkind = 'MST'\npattern = '[0-9]+'",
            "identifiers[1].pattern",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_its_key(text: str, named: str) -> None:
    """A rule with a misspelt name would be a rule that silently does not hold."""
    with pytest.raises(Unusable) as told:
        parse_policy(f'name = "x"\n{text}'.encode())
    assert f"“{named}”" in told.value.message_vi


def test_all_faults_are_told_at_once() -> None:
    """A person mends a file once."""
    with pytest.raises(Unusable) as told:
        parse_policy(b"speed = 1\n[time]\nskew = 2")
    assert all(word in told.value.message_vi for word in ("name", "speed", "time.skew"))


def test_bytes_that_are_no_toml_are_unusable(tmp_path: Path) -> None:
    """Neither an exception of the library nor a default in silence."""
    for raw in (b"\xff\xfe", b"name = ", b"[" * 5000, b"x" * 300_000):
        with pytest.raises(Unusable):
            parse_policy(raw)
    with pytest.raises(Unusable):
        read_policy(tmp_path / "absent.toml")


def test_the_digest_is_that_of_the_meaning() -> None:
    """Order and spelling say nothing; every rule does."""
    one = parse_policy(b'name = "x"\n[algorithms]\ndigests = ["sha512", "sha256"]\nschemes = ["ecdsa", "rsa-pss"]')
    two = parse_policy(
        b'name = "x"\n[algorithms]\nschemes = ["rsa-pss", "ecdsa"]\ndigests = ["sha256", "sha512", "sha256"]'
    )
    assert canonical_policy(one) == canonical_policy(two)
    assert policy_sha256(one) != policy_sha256(replace(two, certificate_protected=True))


def test_a_legacy_algorithm_counts_until_its_date_for_what_is_proven_to_be_older() -> None:
    """SHA-1 before the cut-off passes, after it has no proof, and without a policy never."""
    legacy = parse_policy(b'name = "x"\n[algorithms.until]\nsha1 = 2017-01-01T00:00:00Z')
    use = (AlgorithmUse("signature", "rsa-pkcs1-sha1", 2048, 65537),)
    certificate = pki.certificate("official")
    before = weaknesses(use, certificate, legacy.algorithms, datetime(2016, 12, 31, tzinfo=UTC))
    assert before == ()
    (after,) = weaknesses(use, certificate, legacy.algorithms, CUT_OFF)
    assert after.outdated
    (never,) = weaknesses(use, certificate, DEFAULT_POLICY.algorithms, datetime(2016, 12, 31, tzinfo=UTC))
    assert not never.outdated
    old = facts(signature(algorithms=use))
    assert judged(old, grounds(policy=legacy)).sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    assert judged(old).sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE


@pytest.mark.parametrize(
    "use",
    [
        AlgorithmUse("signature", "rsa-pkcs1-md5", 2048, 65537),
        AlgorithmUse("signature", "hmac-sha256"),
        AlgorithmUse("signature", "dsa-sha256"),
        AlgorithmUse("reference", "sha224"),
        AlgorithmUse("signature", "rsa-pkcs1-sha256", 1024, 65537),
        AlgorithmUse("signature", "rsa-pkcs1-sha256", 32768, 65537),
        AlgorithmUse("signature", "rsa-pkcs1-sha256", 2048, 3),
        AlgorithmUse("signature", "rsa-pkcs1-sha256", 2048, 65538),
        AlgorithmUse("signature", "rsa-pss-sha256", 2048, 65537, "mgf1-sha1,salt=32"),
        AlgorithmUse("signature", "rsa-pss-sha256", 2048, 65537, "mgf1-sha256,salt=0"),
    ],
)
def test_weak_and_odd_algorithms_do_not_count(use: AlgorithmUse) -> None:
    """K3: short keys, small exponents, other hashes, PSS with parameters that do not fit."""
    assert weaknesses((use,), None, DEFAULT_POLICY.algorithms, NOW)


@pytest.mark.parametrize("name", ["weak-1024", "exponent-3"])
def test_the_key_is_judged_by_the_certificate_whatever_the_reader_says(name: str) -> None:
    """A reader that names a stronger key than the certificate holds changes nothing."""
    report = judged(facts(signature(name)))
    assert report.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE


def test_curves_are_called_alike_wherever_a_key_is_judged() -> None:
    """A policy that allows a Brainpool curve allows it to the signer as it does to the certificates above."""
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "brainpool")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate = made.public_bytes(serialization.Encoding.DER)
    (refused,) = weaknesses((), certificate, DEFAULT_POLICY.algorithms, NOW)
    assert "brainpoolP256r1" in refused.reason
    allowing = parse_policy(b'name = "t"\n[algorithms]\ncurves = ["brainpoolP256r1"]\n').algorithms
    assert not weaknesses((), certificate, allowing, NOW)
