"""The identifiers of XML signatures: namespaces, canonicalisation and signature methods, with what this reader makes of them.

Sources: XML Signature 1.1; RFC 6931, RFC 9231 (algorithm URIs); EN 319 132-1 and TS 101 903 v1.4.2 (XAdES).
"""

from __future__ import annotations

from dataclasses import replace

from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, algorithm
from signing.canonical import C14n

DS = "http://www.w3.org/2000/09/xmldsig#"
DS11 = "http://www.w3.org/2009/xmldsig11#"
EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
PSS = "http://www.w3.org/2007/05/xmldsig-more#"

ENVELOPED = f"{DS}enveloped-signature"
BASE64 = f"{DS}base64"
MANIFEST_TYPE = f"{DS}Manifest"
SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"
EXC_C14N = EC

ID_NAMES = ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id")
"""Exact attribute names that give an element its id; xml:id, and the three spellings that local software writes."""

_C14N_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_C14N_11 = "http://www.w3.org/2006/12/xml-c14n11"

C14N_METHODS = {
    _C14N_10: C14n(exclusive=False),
    f"{_C14N_10}#WithComments": C14n(exclusive=False, with_comments=True),
    _C14N_11: C14n(exclusive=False, version_11=True),
    f"{_C14N_11}#WithComments": C14n(exclusive=False, version_11=True, with_comments=True),
    EC: C14n(),
    f"{EC}WithComments": C14n(with_comments=True),
}

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"


def _methods() -> dict[str, SignatureAlgorithm]:
    known = {f"{DS}rsa-sha1": algorithm(Scheme.RSA_PKCS1, "sha1")}
    for digest in ("md5", "sha224", "sha256", "sha384", "sha512"):
        known[f"{_MORE}rsa-{digest}"] = algorithm(Scheme.RSA_PKCS1, digest)
    for digest in ("sha1", "sha224", "sha256", "sha384", "sha512"):
        known[f"{_MORE}ecdsa-{digest}"] = algorithm(Scheme.ECDSA, digest)
        known[f"{PSS}{digest}-rsa-MGF1"] = algorithm(Scheme.RSA_PSS, digest)
    for digest in ("sha3_256", "sha3_384", "sha3_512"):
        spelt = digest.replace("_", "-")
        known[f"{_MORE_2021}ecdsa-{spelt}"] = algorithm(Scheme.ECDSA, digest)
        known[f"{PSS}{spelt}-rsa-MGF1"] = algorithm(Scheme.RSA_PSS, digest)
    return known


SIGNATURE_METHODS = _methods()
"""Every method without parameters. HMAC, DSA and all others have no row (K1)."""

RSA_PSS = f"{PSS}rsa-pss"
MGF1 = f"{PSS}MGF1"


def signature_uri(chosen: SignatureAlgorithm) -> str | None:
    """The URI to write for a method without parameters, or None."""
    return next((uri for uri, row in SIGNATURE_METHODS.items() if row == chosen), None)


def with_salt(digest: str, salt: int) -> SignatureAlgorithm:
    """RSASSA-PSS with a salt of this many bytes."""
    return replace(algorithm(Scheme.RSA_PSS, digest), salt=salt)


CURVES = {
    "urn:oid:1.2.840.10045.3.1.7": "secp256r1",
    "urn:oid:1.3.132.0.34": "secp384r1",
    "urn:oid:1.3.132.0.35": "secp521r1",
}
"""Named curves of dsig11:ECKeyValue; explicit parameters are never read (K4)."""

assert all(row.digest in DIGESTS.values() for row in SIGNATURE_METHODS.values())
