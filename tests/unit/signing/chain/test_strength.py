"""Algorithms of a whole path: RSA-PSS both ways, odd parameters, algorithms that counted once, weak lists and keys above."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from asn1crypto import algos
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from signing import der
from signing.chain.strength import signed_by
from signing.model import SubIndication
from signing.policy import DEFAULT_POLICY, AlgorithmRules
from tests import pki
from tests.unit.signing.chain.making import CA, DAY, LEAF, ROOT, T0, Asked, named, private_key, revoke

YEAR = timedelta(days=365)
STATUS = (revoke("root"), revoke("ca"))


def _rsa_key(name: str) -> rsa.RSAPrivateKey:
    key = pki.key(name)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _by_pss(salt: int, mask: hashes.HashAlgorithm) -> tuple[bytes, bytes, bytes]:
    """An authority with an RSA key, a leaf that it signed by PSS with this salt and mask, and its list."""
    key = _rsa_key("duty-ca")
    authority = (
        _certificate("rsa-ca", "root", key.public_key(), authority=True)
        .sign(private_key("root"), hashes.SHA256())
    )  # fmt: skip
    mode = padding.PSS(padding.MGF1(mask), salt)
    leaf = _certificate("pss-leaf", "rsa-ca", private_key("leaf").public_key(), authority=False).sign(
        key, hashes.SHA256(), rsa_padding=mode
    )
    crl = (
        x509.CertificateRevocationListBuilder().issuer_name(named("rsa-ca"))
        .last_update(T0).next_update(T0 + 7 * DAY).sign(key, hashes.SHA256())
    )  # fmt: skip
    der = serialization.Encoding.DER
    return authority.public_bytes(der), leaf.public_bytes(der), crl.public_bytes(der)


def _certificate(
    subject: str, issuer: str, key: CertificatePublicKeyTypes, *, authority: bool
) -> x509.CertificateBuilder:
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key)
        .serial_number(4_711)
        .not_valid_before(T0 - YEAR)
        .not_valid_after(T0 + YEAR)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage), True
        )
    )


@pytest.mark.parametrize(
    ("salt", "mask", "expected"),
    [
        (32, hashes.SHA256(), None),
        (20, hashes.SHA256(), SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
        (32, hashes.SHA384(), SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
    ],
)
def test_a_certificate_signed_by_pss_counts_with_the_usual_parameters_only(
    salt: int, mask: hashes.HashAlgorithm, expected: SubIndication | None
) -> None:
    """R38, K3: PSS is read; a short salt is weak, a mask by another digest is no method of ours."""
    authority, leaf, crl = _by_pss(salt, mask)
    verdict = Asked(leaf, (ROOT,), (authority,), (revoke("root"), crl)).verdict()
    assert verdict.sub_indication is expected


def _until(moment: datetime) -> Asked:
    """A policy under which SHA-256 counts until this moment."""
    rules = AlgorithmRules(digests={"sha256": moment})
    return Asked(LEAF, (ROOT,), (CA,), STATUS, policy=replace(DEFAULT_POLICY, algorithms=rules))


def test_an_algorithm_that_counted_once_still_carries_what_is_proven_to_be_older() -> None:
    """CRYPTO_CONSTRAINTS_FAILURE_NO_POE: too late by this proof; an earlier one would do."""
    ended = _until(T0 - DAY)
    assert ended.verdict().sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    assert replace(ended, proven=T0 - 2 * DAY).verdict().sub_indication is None
    assert _until(T0).verdict().sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    assert _until(T0 + DAY).verdict().sub_indication is None


def test_the_strength_of_every_key_of_the_path_counts_the_anchors_too() -> None:
    """A policy that knows RSA only refuses a path of P-256 keys; one that asks for P-384 too."""
    for rules in (AlgorithmRules(schemes=frozenset({"rsa-pkcs1"})), AlgorithmRules(curves=frozenset({"secp384r1"}))):
        asked = Asked(LEAF, (ROOT,), (CA,), STATUS, policy=replace(DEFAULT_POLICY, algorithms=rules))
        verdict = asked.verdict()
        assert verdict.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE
        assert {one.code for one in verdict.findings if not one.ok} >= {"chain_algorithms"}


def test_a_key_that_is_bound_to_pss_signs_nothing_else() -> None:
    """RFC 4055 1.2: under id-RSASSA-PSS a value by PKCS#1 v1.5 is no signature of this key, in paths as in documents."""
    key = _rsa_key("duty-ca")
    plain = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    bits = der.children(der.whole(plain, der.SEQUENCE), 2)[1].raw
    bound = der.sequence(der.sequence(der.encode_oid("1.2.840.113549.1.1.10")), bits)
    content = b"certificate"
    for scheme, mode in (
        ("sha256_rsa", padding.PKCS1v15()),
        ("rsassa_pss", padding.PSS(padding.MGF1(hashes.SHA256()), 32)),
    ):
        value = key.sign(content, mode, hashes.SHA256())
        assert signed_by(plain, _identifier(scheme), content, value)
        assert signed_by(bound, _identifier(scheme), content, value) is (scheme == "rsassa_pss")


def _identifier(scheme: str) -> Any:
    if scheme != "rsassa_pss":
        return algos.SignedDigestAlgorithm({"algorithm": scheme})
    digest = {"algorithm": "sha256"}
    parameters = {
        "hash_algorithm": digest,
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": digest},
        "salt_length": 32,
    }
    return algos.SignedDigestAlgorithm({"algorithm": scheme, "parameters": algos.RSASSAPSSParams(parameters)})
