"""Who signed: the method, the certificate that the signature names or whose key fits, and whether the value is by that key.

Sources: XML Signature 1.1 sections 4.4.2, 4.5, 6.4; RFC 6931 2.3.9 and 2.3.10 (PSS); EN 319 102-1 5.2.3; signing
facts 5.2 step 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from signing import der
from signing.algorithms import SignatureAlgorithm, digest_by_uri, verifies
from signing.canonical import Element
from signing.certificate import SigningKey, certificate_parts, signing_key
from signing.der import DerError
from signing.xml.names import DS, MGF1, PSS, RSA_PSS, SIGNATURE_METHODS, with_salt
from signing.xml.structure import Malformed, elements, text_of
from signing.xml.xades import NamedCertificate


@dataclass(frozen=True, slots=True)
class Method:
    """A signature method as written. `chosen` is None for one that is not known; `parameters` as a policy reads them."""

    uri: str
    chosen: SignatureAlgorithm | None
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """What was found. `bound`: None without SigningCertificate, else whether its digest (and issuer) are the certificate's."""

    certificate: bytes | None
    key: SigningKey | None
    held: bool
    bound: bool | None = None
    detail: str = ""


def read_method(node: Element) -> Method:
    """The ds:SignatureMethod; raises `Malformed` for parameters that nobody defined (HMACOutputLength, K1)."""
    uri = str(node.get("Algorithm", ""))
    inside = list(elements(node))
    if uri == RSA_PSS:
        return _pss(uri, inside)
    chosen = SIGNATURE_METHODS.get(uri)
    if inside and chosen is not None:
        raise Malformed("SignatureMethod with parameters")
    mask = f"mgf1-{chosen.digest.name},salt={chosen.salt}" if chosen is not None and chosen.salt else ""
    return Method(uri, chosen, mask)


def _pss(uri: str, inside: list[Element]) -> Method:
    """RSAPSSParams with its defaults: SHA-256, MGF1 of the same function, salt of 32 bytes, trailer 1."""
    if not inside:
        return Method(uri, with_salt("sha256", 32), "mgf1-sha256,salt=32")
    if len(inside) > 1 or inside[0].tag != f"{{{PSS}}}RSAPSSParams":
        raise Malformed("RSAPSSParams expected")
    found = {str(one.tag): one for one in elements(inside[0])}
    digest = mask = digest_by_uri(_algorithm(found.pop(f"{{{DS}}}DigestMethod", None)) or _SHA256)
    generator = found.pop(f"{{{PSS}}}MaskGenerationFunction", None)
    if generator is not None:
        of = next(elements(generator), None)
        mask = digest_by_uri(_algorithm(of) or _SHA256) if generator.get("Algorithm") == MGF1 else None
    salt, trailer = (_number(found.pop(f"{{{PSS}}}{name}", None)) for name in ("SaltLength", "TrailerField"))
    if found:
        raise Malformed("RSAPSSParams with unknown parts")
    length = salt if salt is not None else digest.size if digest is not None else 0
    # One function for both, and the only trailer there is: everything else no library of ours verifies.
    if digest is None or mask is not digest or trailer not in (None, 1) or length > 512:
        return Method(uri, None, f"mgf1-{mask.name if mask else 'unknown'},salt={length}")
    return Method(uri, with_salt(digest.name, length), f"mgf1-{digest.name},salt={length}")


_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def _algorithm(node: Element | None) -> str:
    return "" if node is None else str(node.get("Algorithm", ""))


def _number(node: Element | None) -> int | None:
    if node is None:
        return None
    text = text_of(node).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise Malformed("RSAPSSParams with something else than a number")
    return int(text)


@dataclass(frozen=True, slots=True)
class Value:
    """A signature value and what it signs: the canonical SignedInfo."""

    chosen: SignatureAlgorithm
    signed: bytes
    value: bytes

    def by(self, key: SigningKey | None) -> bool:
        """Whether this key made it; ECDSA values are r||s (XML Signature 1.1 section 6.4.3)."""
        if key is None or not key.fits(self.chosen):
            return False
        digest = self.chosen.digest.of(self.signed)
        return verifies(key.key, self.chosen, digest, self.value, raw_ecdsa=True)


def find_signer(
    value: Value, certificates: Iterable[bytes], claims: tuple[tuple[NamedCertificate, ...], ...]
) -> Signer:
    """The signer's certificate: the one that SigningCertificate names, without it the one whose key fits (step 3)."""
    readable = list(_readable(certificates))
    if not claims:
        return _fitting(value, readable)
    named = [one for one in readable if all(any(c.same_digest(one[0]) for c in claim) for claim in claims)]
    if not named:
        other = _fitting(value, readable)
        return Signer(other.certificate, other.key, other.held, False, "digest")
    signer = _fitting(value, named)
    if signer.certificate is None:
        return Signer(None, None, False, False, "digest")
    parts = certificate_parts(signer.certificate)
    issuer = all(any(c.same_digest(signer.certificate) and c.same_issuer(parts) for c in claim) for claim in claims)
    return Signer(signer.certificate, signer.key, signer.held, issuer, "" if issuer else "issuer and serial")


def _fitting(value: Value, readable: list[tuple[bytes, SigningKey | None]]) -> Signer:
    for certificate, key in readable:
        if value.by(key):
            return Signer(certificate, key, True)
    if not readable:
        return Signer(None, None, False)
    return Signer(*readable[0], False, detail="" if readable[0][1] else "key not usable")


def _readable(certificates: Iterable[bytes]) -> Iterable[tuple[bytes, SigningKey | None]]:
    for certificate in dict.fromkeys(certificates):
        try:
            yield certificate, signing_key(certificate_parts(certificate).public_key)
        except DerError:
            continue


def check_single(certificates: Iterable[bytes]) -> None:
    """Each value is one DER structure and nothing behind it (X22); raises `Malformed`."""
    for certificate in certificates:
        try:
            der.whole(certificate, der.SEQUENCE)
        except DerError:
            raise Malformed("X509Certificate is not one DER certificate") from None
