"""XAdES: what the signer's properties claim and what was added after signing. Facts only; claims are compared elsewhere.

Sources: EN 319 132-1 V1.2.1 clauses 4 and 5, TS 101 903 v1.4.2 (XAdES 1.3.2 with 1.4.1 unsigned properties).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from signing import der
from signing.algorithms import Digest, digest_by_uri
from signing.canonical import INCLUSIVE, C14n, Element, canonical_element, elements_named
from signing.certificate import CertificateParts
from signing.der import DerError
from signing.xml.names import C14N_METHODS, DS, SIGNED_PROPERTIES_TYPE, XADES, XADES_141
from signing.xml.references import Resolved
from signing.xml.structure import Malformed, SignatureParts, decoded, elements, local, text_of

_LOCAL_ZONE = timezone(timedelta(hours=7))
_MAX_CLAIMS = 16
_MAX_VALUES = 256


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """One Cert of SigningCertificate(V2): digest, and issuer and serial as far as they are given and compared by encoding."""

    digest: Digest | None
    value: bytes
    issuer: bytes | None = None
    serial: int | None = None

    def same_digest(self, certificate: bytes) -> bool:
        """Whether this certificate has the digest."""
        return self.digest is not None and self.digest.of(certificate) == self.value

    def same_issuer(self, parts: CertificateParts) -> bool:
        """Whether issuer and serial, where they stand, are the certificate's (K6)."""
        serial = int.from_bytes(parts.serial, "big", signed=True)
        return self.serial in (None, serial) and self.issuer in (None, parts.issuer)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Unsigned properties as found: tokens with the bytes they stamp, and evidence. `unread`: what could not be decoded."""

    tokens: tuple[tuple[bytes, bytes], ...] = ()
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    names: frozenset[str] = frozenset()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Qualified:
    """What QualifyingProperties say. `claims`: for each of SigningCertificate and V2 that is there, its Certs."""

    properties: Element
    claims: tuple[tuple[NamedCertificate, ...], ...]
    claimed_time: datetime | None
    policy: bool
    unsigned: Unsigned


def read_qualified(parts: SignatureParts) -> Qualified | None:
    """The properties of this signature, None for plain XMLDSig; raises `Malformed` where they are ambiguous (X17)."""
    found = [one for holder in parts.objects for one in elements(holder) if one.tag == _x("QualifyingProperties")]
    everywhere = len(_own(parts.node, "SignedProperties")) if parts.objects else 0
    if not found:
        if everywhere or any(one.type == SIGNED_PROPERTIES_TYPE for one in parts.references):
            raise Malformed("SignedProperties without QualifyingProperties", "signed_properties")
        return None
    if len(found) > 1 or everywhere != 1 or len(_own(parts.node, "QualifyingProperties")) != 1:
        raise Malformed("not exactly one QualifyingProperties with one SignedProperties", "signed_properties")
    if not parts.id or found[0].get("Target") != f"#{parts.id}":
        raise Malformed("Target is not this signature", "signed_properties")
    children = {str(child.tag): child for child in elements(found[0])}
    properties = children.get(_x("SignedProperties"))
    if properties is None:
        raise Malformed("SignedProperties in another place", "signed_properties")
    signature = _child(properties, "SignedSignatureProperties")
    return Qualified(
        properties,
        tuple(_claims(signature)),
        signing_time(_child(signature, "SigningTime")),
        _has_policy(_child(signature, "SignaturePolicyIdentifier")),
        _unsigned(children.get(_x("UnsignedProperties")), parts),
    )


def check_referenced(qualified: Qualified, resolved: tuple[Resolved, ...]) -> None:
    """Exactly one Reference of the type, and it is to the SignedProperties of this signature; raises `Malformed` (X17)."""
    typed = [one for one in resolved if one.reference.type == SIGNED_PROPERTIES_TYPE]
    if len(typed) != 1 or typed[0].node is not qualified.properties:
        raise Malformed("no single Reference of their type to the SignedProperties", "signed_properties")
    if any(step.c14n is None for step in typed[0].reference.transforms):
        raise Malformed("SignedProperties are transformed", "signed_properties")


def signing_time(node: Element | None) -> datetime | None:
    """xs:dateTime; without a zone it is read as local time of Việt Nam [assumed]. None when it cannot be read."""
    if node is None:
        return None
    try:
        found = datetime.fromisoformat(text_of(node).strip())
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=_LOCAL_ZONE)).astimezone(UTC)
    except OverflowError:
        return None


def level(qualified: Qualified | None) -> str:
    """What the structure claims to be."""
    if qualified is None:
        return ""
    names = qualified.unsigned.names
    for found, mark in (("B-LTA", "ArchiveTimeStamp"), ("B-LT", "RevocationValues"), ("B-T", "SignatureTimeStamp")):
        if mark in names:
            return found
    return "B-B"


def _x(name: str) -> str:
    return f"{{{XADES}}}{name}"


def _own(signature: Element, name: str) -> list[Element]:
    """Every element of this name in a signature, wherever it hides, but for those of the signatures that countersign it."""
    return [
        one
        for one in elements_named(signature, _x(name))
        if not any(step.tag == _x("CounterSignature") for step in one.iterancestors())
    ]


def _child(node: Element | None, name: str) -> Element | None:
    found = [] if node is None else [child for child in elements(node) if child.tag == _x(name)]
    if len(found) > 1:
        raise Malformed(f"several {name}", "signed_properties")
    return found[0] if found else None


def _claims(signature: Element | None) -> Iterator[tuple[NamedCertificate, ...]]:
    for name in ("SigningCertificate", "SigningCertificateV2"):
        claimed = _child(signature, name)
        if claimed is None:
            continue
        found = [child for child in elements(claimed) if child.tag == _x("Cert")]
        if not 1 <= len(found) <= _MAX_CLAIMS:
            raise Malformed(f"{name} with {len(found)} Cert", "signed_properties")
        yield tuple(_claim(one) for one in found)


def _claim(cert: Element) -> NamedCertificate:
    digest = _child(cert, "CertDigest")
    inside = list(elements(digest)) if digest is not None else []
    if [str(one.tag) for one in inside] != [f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"]:
        raise Malformed("Cert without CertDigest", "signed_properties")
    issuer, serial = _issuer_serial(cert)
    return NamedCertificate(digest_by_uri(str(inside[0].get("Algorithm", ""))), decoded(inside[1]), issuer, serial)


def _issuer_serial(cert: Element) -> tuple[bytes | None, int | None]:
    """IssuerSerialV2 is DER (RFC 5035); of version 1 only the number is comparable, names have many spellings (K9)."""
    newer, older = _child(cert, "IssuerSerialV2"), _child(cert, "IssuerSerial")
    try:
        if newer is not None:
            names, number = der.children(der.whole(decoded(newer), der.SEQUENCE), 2)
            name = der.sole(der.expect(names, der.SEQUENCE))
            return der.sole(der.expect(name, 0xA4)).raw, der.integer(number)
        if older is not None:
            number_text = next((text_of(one) for one in elements(older) if one.tag == f"{{{DS}}}X509SerialNumber"), "")
            return None, int(number_text.strip()[:60])
    except (DerError, ValueError):
        raise Malformed("issuer and serial cannot be read", "signed_properties") from None
    return None, None


def _has_policy(node: Element | None) -> bool:
    return node is not None and any(child.tag != _x("SignaturePolicyImplied") for child in elements(node))


def _unsigned(node: Element | None, parts: SignatureParts) -> Unsigned:
    if node is None:
        return Unsigned()
    properties = [one for group in elements(node) for one in elements(group)]
    tokens: list[tuple[bytes, bytes]] = []
    unread = ""
    for found in properties:
        if found.tag == _x("SignatureTimeStamp"):
            try:
                tokens += _tokens(found, parts)
            except Malformed as fault:
                unread = fault.detail
    evidence: dict[str, list[bytes]] = {}
    for name in _EVIDENCE:
        try:
            found_values = elements_named(node, _x(name))[:_MAX_VALUES]
            evidence[name] = [decoded(one) for one in found_values]
        except Malformed as fault:
            unread = fault.detail
    return Unsigned(
        tuple(tokens),
        tuple(evidence.get("EncapsulatedX509Certificate", ())),
        tuple(evidence.get("EncapsulatedCRLValue", ())),
        tuple(evidence.get("EncapsulatedOCSPValue", ())),
        frozenset(local(one) for one in properties if str(one.tag).startswith((f"{{{XADES}}}", f"{{{XADES_141}}}"))),
        unread,
    )


_EVIDENCE = ("EncapsulatedX509Certificate", "EncapsulatedCRLValue", "EncapsulatedOCSPValue")


def _tokens(stamp: Element, parts: SignatureParts) -> list[tuple[bytes, bytes]]:
    """The tokens of a SignatureTimeStamp over the canonical ds:SignatureValue element (EN 319 132-1 clause 5.3)."""
    method: C14n = INCLUSIVE
    found = []
    for child in elements(stamp):
        if child.tag == f"{{{DS}}}CanonicalizationMethod":
            known = C14N_METHODS.get(str(child.get("Algorithm", "")))
            if known is None or next(elements(child), None) is not None:
                raise Malformed("stamp with another canonicalisation")
            method = known
        elif child.tag == _x("EncapsulatedTimeStamp"):
            found.append(decoded(child))
        else:
            raise Malformed(f"stamp with {local(child)}")
    if not 1 <= len(found) <= _MAX_CLAIMS:
        raise Malformed(f"stamp with {len(found)} tokens")
    stamped = canonical_element(parts.value_node, method)
    return [(token, stamped) for token in found]
