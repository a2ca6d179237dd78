"""What KeyInfo says: certificates that may be the signer's, and a bare key. It finds, it never gives trust (K2).

Sources: XML Signature 1.1 sections 4.5, 6.4; signing facts 5.2 step 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509 import load_der_x509_certificate

from signing.canonical import Element
from signing.xml.names import CURVES, DS, DS11
from signing.xml.structure import Malformed, decoded, elements, local

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
}
_FETCHED = frozenset({f"{{{DS}}}RetrievalMethod", f"{{{DS11}}}KeyInfoReference"})


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """Certificates in the order found (DER) and the keys that stand bare in KeyValue."""

    certificates: tuple[bytes, ...] = ()
    keys: tuple[PublicKeyTypes, ...] = ()


def read_key_info(node: Element | None, max_certificates: int) -> KeyFacts:
    """Everything usable in a ds:KeyInfo; raises `Malformed`. Names, serial numbers and key ids are hints and not used."""
    if node is None:
        return KeyFacts()
    certificates: list[bytes] = []
    keys: list[PublicKeyTypes] = []
    for child in elements(node):
        if child.tag in _FETCHED:
            raise Malformed(f"KeyInfo asks to fetch ({local(child)})", "reference_form")
        if child.tag == f"{{{DS}}}X509Data":
            certificates += [decoded(one) for one in elements(child) if one.tag == f"{{{DS}}}X509Certificate"]
        elif child.tag == f"{{{DS}}}KeyValue":
            keys += [_key(one) for one in elements(child) if one.tag != f"{{{DS}}}DSAKeyValue"]
        elif child.tag == f"{{{DS11}}}DEREncodedKeyValue":
            keys.append(_from_spki(decoded(child)))
    if len(certificates) > max_certificates:
        raise Malformed(f"{len(certificates)} certificates", "limits")
    return KeyFacts(tuple(certificates), tuple(keys))


def public_key(certificate: bytes) -> PublicKeyTypes | None:
    """The key of a certificate, or None where it is no certificate or its key is none that exists (K4)."""
    try:
        return load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Whether two keys are the same number, whatever objects hold them."""
    return _spki(one) == _spki(other)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key(node: Element) -> PublicKeyTypes:
    try:
        if node.tag == f"{{{DS}}}RSAKeyValue":
            parts = {str(child.tag): int.from_bytes(decoded(child), "big") for child in elements(node)}
            if set(parts) == {f"{{{DS}}}Modulus", f"{{{DS}}}Exponent"}:
                return rsa.RSAPublicNumbers(parts[f"{{{DS}}}Exponent"], parts[f"{{{DS}}}Modulus"]).public_key()
        if node.tag == f"{{{DS11}}}ECKeyValue":
            return _curve_point(node)
    except ValueError as error:
        raise Malformed("KeyValue holds no key", "key_value") from error
    raise Malformed(f"KeyValue of an unknown kind ({local(node)})", "key_value")


def _curve_point(node: Element) -> PublicKeyTypes:
    children = list(elements(node))
    if [str(child.tag) for child in children] != [f"{{{DS11}}}NamedCurve", f"{{{DS11}}}PublicKey"]:
        raise Malformed("ECKeyValue without a named curve", "key_value")
    curve = _CURVES.get(CURVES.get(str(children[0].get("URI", "")), ""))
    if curve is None:
        raise Malformed("ECKeyValue with an unknown curve", "key_value")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve(), decoded(children[1]))


def _from_spki(der: bytes) -> PublicKeyTypes:
    try:
        return serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("DEREncodedKeyValue holds no key", "key_value") from error
