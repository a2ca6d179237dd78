"""The pieces of a certificate that signatures need, exactly as encoded, and what is refused as none."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing import der
from signing.algorithms import DIGESTS, Scheme, algorithm, digest_by_uri, signature_over, verifies
from signing.certificate import certificate_parts, signing_key
from tests import pki

NAMES = ("official", "official-p384", "duty-root", "tsa-duty", "exponent-3", "citizen")


@pytest.mark.parametrize("name", NAMES)
def test_the_pieces_are_those_that_a_full_parser_finds(name: str) -> None:
    """Issuer, subject, serial, key, key identifier and extensions agree with the library, byte for byte."""
    encoded = pki.certificate(name)
    full, parts = x509.load_der_x509_certificate(encoded), certificate_parts(encoded)
    assert (parts.issuer, parts.subject) == (full.issuer.public_bytes(), full.subject.public_bytes())
    assert int.from_bytes(parts.serial, "big") == full.serial_number
    assert parts.public_key == full.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    known = [(one.oid.dotted_string, one.critical) for one in full.extensions]
    assert [(oid, critical) for oid, critical, _ in parts.extensions] == known
    assert parts.key_identifier == full.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    key = signing_key(parts.public_key)
    assert key is not None and key.key == full.public_key()


def _changed(at: int, value: bytes) -> bytes:
    """A certificate with one of its fields replaced; 9 appends."""
    outer = der.children(der.element(pki.certificate("official")))
    fields = [one.raw for one in der.children(outer[0])]
    fields[at : at + 1] = [value]
    return der.sequence(der.sequence(*fields), outer[1].raw, outer[2].raw)


def _extensions(*values: bytes) -> bytes:
    return der.encode(0xA3, der.sequence(*values))


REFUSED = {
    "nothing": b"",
    "too long": der.sequence(bytes(200_000)),
    "one part": der.sequence(der.sequence()),
    "no fields": der.sequence(der.sequence(), der.sequence(), der.sequence()),
    "serial with a zero before": _changed(1, b"\x02\x02\x00\x01"),
    "issuer that is a string": _changed(3, der.encode(der.OCTET_STRING, b"")),
    "extension without a value": _changed(7, _extensions(der.sequence(der.encode_oid("1.2.3")))),
    "extension whose value is a number": _changed(
        7, _extensions(der.sequence(der.encode_oid("1.2.3"), b"\x02\x01\x00"))
    ),
}


@pytest.mark.parametrize("defect", REFUSED)
def test_what_is_no_certificate_is_refused(defect: str) -> None:
    """By `DerError`, which every reader turns into an observation."""
    with pytest.raises(der.DerError):
        certificate_parts(REFUSED[defect])


def test_a_certificate_of_version_one_has_no_extensions_and_a_malformed_key_identifier_counts_as_none() -> None:
    """Neither matches a signer that is named by key identifier."""
    outer = der.children(der.element(pki.certificate("official")))
    fields = [one.raw for one in der.children(outer[0])]
    first = certificate_parts(der.sequence(der.sequence(*fields[1:7]), outer[1].raw, outer[2].raw))
    assert first.extensions == () and first.key_identifier is None
    broken = der.sequence(der.encode_oid("2.5.29.14"), der.encode(der.OCTET_STRING, b"\x02\x01\x00"))
    assert certificate_parts(_changed(7, _extensions(broken))).key_identifier is None


def test_keys_of_other_kinds_do_not_sign_documents() -> None:
    """Ed25519 and DSA are no rows of our table; a scheme asks for its own kind of key."""
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    assert signing_key(edwards.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)) is None
    parameters = der.sequence(*(der.encode_integer(one) for one in (23, 11, 4)))
    kind = der.sequence(der.encode_oid("1.2.840.10040.4.1"), parameters)
    assert signing_key(der.sequence(kind, der.encode(der.BIT_STRING, b"\x00" + der.encode_integer(12)))) is None
    rsa, curve = algorithm(Scheme.RSA_PKCS1, "sha256"), algorithm(Scheme.ECDSA, "sha256")
    for name, wrong in (("official", curve), ("official-p256", rsa)):
        assert not verifies(pki.key(name).public_key(), wrong, bytes(32), bytes(256))
        with pytest.raises(ValueError, match="another kind"):
            signature_over(pki.key(name), wrong, bytes(32))
    assert not verifies(pki.key("official").public_key(), rsa, bytes(31), bytes(256))


def test_a_digest_is_found_by_its_address() -> None:
    """XML names digests by URI."""
    assert digest_by_uri("http://www.w3.org/2001/04/xmlenc#sha256") is DIGESTS["sha256"]
    assert digest_by_uri("urn:x") is None
