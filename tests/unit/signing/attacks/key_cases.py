"""Rows K1 to K9: trust that the signature brings along, weak keys, broken curves, substitution, wrong domains, paths, names."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import rsa, utils

from connectors.kit.simulated_authority import cms, der, keys
from signing.model import TrustDomain
from signing.policy import ExpectedSigner
from tests import pki
from tests.unit.signing.attacks.case import PASS, Case, either, lists

_WEAK = either("CRYPTO_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
_NO_CHAIN = either("NO_CERTIFICATE_CHAIN_FOUND")
_PATH = either("CHAIN_CONSTRAINTS_FAILURE", "NO_CERTIFICATE_CHAIN_FOUND", "CERTIFICATE_CHAIN_GENERAL_FAILURE")
_BROKEN = either("SIG_CRYPTO_FAILURE", "FORMAT_FAILURE")
_SUBSTITUTED = either("SIG_CONSTRAINTS_FAILURE", "NO_SIGNING_CERTIFICATE_FOUND")
_DUTY, _PUBLIC = frozenset({TrustDomain.PUBLIC_DUTY}), frozenset({TrustDomain.PUBLIC})
_NOT_HER = either("NO_CERTIFICATE_CHAIN_FOUND", "SIG_CONSTRAINTS_FAILURE")
"""With a signer table the outcome is the farther one from a pass: no path in the domain that the role demands."""
_AGENCY = (ExpectedSigner("agency", TrustDomain.PUBLIC_DUTY, identifiers=frozenset({"MST:0100112233"})),)
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _point(change: Callable[[int, int], tuple[int, int]]) -> Callable[[cms.Signed], cms.Signed]:
    """An ECDSA value with other numbers in it."""

    def bad(signed: cms.Signed) -> cms.Signed:
        r, s = change(*utils.decode_dss_signature(signed.value))
        return replace(signed, value=der.sequence(der.integer(r), der.integer(s)))

    return bad


def _forged(how: str) -> Callable[[cms.Signed], cms.Signed]:
    return lambda signed: replace(signed, value=keys.forged(signed.value, how))


def _raw(signed: cms.Signed) -> cms.Signed:
    """r and s side by side, as XML and tokens write them, where CMS wants DER."""
    r, s = utils.decode_dss_signature(signed.value)
    return replace(signed, value=r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def _cube_root(signed: cms.Signed) -> cms.Signed:
    """Bleichenbacher 2006: padding that is right where a careless verifier looks, made without the key since e = 3."""
    key = pki.key("exponent-3")
    assert isinstance(key, rsa.RSAPrivateKey) and key.public_key().public_numbers().e == 3
    algorithm = der.sequence(der.oid(keys.DIGEST_OIDS["sha256"]), der.NULL)
    info = der.sequence(algorithm, der.octets(keys.digest("sha256", signed.attributes)))
    prefix = b"\x00\x01" + b"\xff" * 8 + b"\x00" + info
    wanted = int.from_bytes(prefix.ljust(256, b"\x00"), "big")
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < wanted else (low, middle)
    assert (low**3).to_bytes(256, "big").startswith(prefix)
    return replace(signed, value=low.to_bytes(256, "big"))


def _hmac(signed: cms.Signed) -> cms.Signed:
    """A MAC whose secret is the public key (CVE-2025-48994): everybody can make it."""
    secret = keys.public_info(pki.key("official"))
    value = hmac.digest(secret, signed.attributes, "sha256")
    return replace(signed, algorithm=der.sequence(der.oid("1.2.840.113549.2.9"), der.NULL), value=value)


def _digests_disagree(signed: cms.Signed) -> cms.Signed:
    """digestAlgorithm says SHA-256, the signature is sound by SHA-512."""
    key = pki.key("official")
    value = keys.sign(key, "sha512", signed.attributes)
    return replace(signed, algorithm=keys.signature_algorithm(key, "sha512"), value=value)


def _unsorted(signed: cms.Signed) -> cms.Signed:
    """Signed attributes out of the order of DER, under a value that fits them as they stand."""
    attributes = [whole for _, _, whole in der.children(der.split(signed.attributes)[1])]
    backwards = der.element(0x31, b"".join(reversed(attributes)))
    return replace(signed, attributes=backwards, value=keys.sign(pki.key("official"), "sha256", backwards))


_TRUST_BROUGHT_ALONG = (
    Case("hmac-by-public-key", "K1", _WEAK | _BROKEN, bad=_hmac),
    Case("self-signed", "K2", _NO_CHAIN, "self-signed"),
    Case("root-embedded", "K2", _NO_CHAIN, "under-embedded-root", enclosed=("under-embedded-root", "embedded-root")),
    Case("root-not-installed", "K2", _NO_CHAIN, "official-2", roots=("duty-root", "public-root")),
)
_WEAKNESSES = (
    *(
        Case(name, "K3", _WEAK, name)
        for name in ("weak-1024", "sha1-signed", "md5-signed", "exponent-3", "curve-p224", "under-sha1-ca")
    ),
    Case("sha1-content", "K3", _WEAK, digest="sha1"),
    Case("md5-content", "K3", _WEAK | _BROKEN, digest="md5"),
    Case("exponent-3-cube-root", "K3", _WEAK | _BROKEN, "exponent-3", bad=_cube_root),
)
_CURVES = (
    Case("ecdsa-sound", "K4", PASS, "official-p256"),
    Case("ecdsa-zero", "K4", _BROKEN, "official-p256", bad=_forged("zero")),
    Case("ecdsa-flipped", "K4", _BROKEN, "official-p256", bad=_forged("flipped")),
    Case("ecdsa-long-length", "K4", _BROKEN, "official-p256", bad=_forged("long-length")),
    Case("ecdsa-not-der", "K4", _BROKEN, "official-p256", bad=_raw),
    Case("ecdsa-r-beyond-order", "K4", _BROKEN, "official-p256", bad=_point(lambda r, s: (r + _P256_ORDER, s))),
    Case("ecdsa-s-is-order", "K4", _BROKEN, "official-p256", bad=_point(lambda r, _: (r, _P256_ORDER))),
    Case("ecdsa-r-zero", "K4", _BROKEN, "official-p256", bad=_point(lambda _, s: (0, s))),
    Case("ecdsa-negative", "K4", _BROKEN, "official-p256", bad=_point(lambda r, s: (r, s - _P256_ORDER))),
    Case("curve-explicit", "K4", _WEAK | _BROKEN | _PATH, "curve-explicit"),
    Case("point-off-curve", "K4", _WEAK | _BROKEN | _PATH, "point-off-curve"),
    Case("certificate-signature-zero", "K4", _PATH, "signature-zero"),
    Case("certificate-signature-not-der", "K4", _PATH, "signature-not-der"),
    Case("attributes-not-der", "K5", _BROKEN, bad=_unsorted),
    Case("digests-disagree", "K5", _BROKEN, bad=_digests_disagree),
)
_SUBSTITUTIONS = (
    Case("same-key-other-name", "K6", _SUBSTITUTED, shown="same-key-other-name"),
    Case("same-name-other-issuer", "K6", _SUBSTITUTED, shown="same-name-other-issuer"),
    Case("other-key-shown", "K6", _SUBSTITUTED | _BROKEN, shown="agency"),
)
_DOMAINS = (
    Case("duty-where-public-counts", "K7", _NO_CHAIN, domains=_PUBLIC),
    Case("public-where-duty-counts", "K7", _NO_CHAIN, "citizen", domains=_DUTY),
    Case("public-where-public-counts", "K7", PASS, "citizen", domains=_PUBLIC),
    Case("agency-by-public-ca", "K7", _NO_CHAIN, "agency-by-public-ca", domains=_DUTY),
    Case("agency-by-public-ca-expected", "K7", _NOT_HER, "agency-by-public-ca", expected=_AGENCY),
    Case("agency-expected", "K7", PASS, "agency", expected=_AGENCY),
)
_PATHS = (
    *(
        Case(name, "K8", _PATH, name)
        for name in (
            "under-no-ca-flag", "under-subscriber", "under-no-certificate-signing", "under-beyond-path-length",
            "outside-names", "unknown-critical", "under-unknown-critical-ca", "extension-twice", "serial-negative",
            "serial-huge", "under-version-1-ca", "signature-flipped", "issuer-in-name-only",
        )
    ),
    Case("inside-names", "K8", PASS, "inside-names"),
    Case("wrong-eku", "K8", _PATH, "wrong-eku"),
    Case("tls-server", "K8", _PATH, "tls-server"),
    Case("authority-signs", "K8", _PATH, "duty-ca"),
    Case("stamper-signs", "K8", _PATH, "tsa-duty"),
    Case(
        "rollover-old-root-installed", "K8", PASS, "official-2", roots=("duty-root",),
        enclosed=("official-2", "duty-ca-2", "duty-root-2-by-1"), status=lambda: lists("official-2", "duty-root-2-by-1"),
    ),
    Case(
        "rollover-new-root-installed", "K8", PASS, "official", roots=("duty-root-2",),
        enclosed=("official", "duty-ca", "duty-root-1-by-2"), status=lambda: lists("official", "duty-root-1-by-2"),
    ),
)  # fmt: skip
_NAMES = (
    Case("lookalike-authority", "K9", _NO_CHAIN, "under-lookalike-ca", enclosed=("under-lookalike-ca", "lookalike-ca")),
    Case("homoglyph", "K9", _NOT_HER, "homoglyph", expected=_AGENCY),
    Case("two-names", "K9", either("SIG_CONSTRAINTS_FAILURE"), "two-names", expected=_AGENCY),
    Case("long-name", "K9", PASS, "long-name"),
)

KEY_CASES = (
    *_TRUST_BROUGHT_ALONG, *_WEAKNESSES, *_CURVES, *_SUBSTITUTIONS, *_DOMAINS, *_PATHS, *_NAMES,
)  # fmt: skip
