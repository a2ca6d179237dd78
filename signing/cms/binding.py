"""Which certificate a signature names: by digest in its signed attributes (ESS), and by issuer and serial or key identifier.

Sources: RFC 2634 5.4 (signing-certificate, SHA-1), RFC 5035 3 to 5 (version 2), RFC 5652 5.3 (SignerIdentifier).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from signing import der
from signing.algorithms import DIGESTS, Digest
from signing.certificate import CertificateParts, certificate_parts
from signing.cms import identifiers as ids
from signing.cms.identifiers import known_digest, read_identifier
from signing.cms.structure import Attribute, SignerEntry
from signing.der import DerError, Element


@dataclass(frozen=True, slots=True)
class CertificateClaim:
    """The first ESSCertID of one attribute: the signer's certificate by digest, and by issuer and serial where it says so.

    `digest` is None for a function that nobody knows, which matches nothing. `issuer` is the encoded name.
    """

    digest: Digest | None
    value: bytes
    issuer: bytes | None = None
    serial: bytes | None = None

    def same_digest(self, certificate: bytes) -> bool:
        """Whether this certificate has the digest."""
        return self.digest is not None and self.digest.of(certificate) == self.value

    def same_issuer(self, parts: CertificateParts) -> bool:
        """Whether issuer and serial, where they stand, are the certificate's (K6: another certificate for the same key)."""
        return self.issuer is None or (self.issuer, self.serial) == (parts.issuer, parts.serial)


def read_claims(attributes: Iterable[Attribute]) -> tuple[CertificateClaim, ...]:
    """What signing-certificate and signing-certificate-v2 claim, one for each attribute present; raises `DerError`."""
    claims = []
    for attribute in attributes:
        if attribute.oid in (ids.SIGNING_CERTIFICATE, ids.SIGNING_CERTIFICATE_V2):
            parts = der.children(der.whole(attribute.values[0], der.SEQUENCE), 2)
            named = der.children(der.expect(parts[0], der.SEQUENCE), 64) if parts else []
            if not named:
                raise DerError("no certificate is named")
            claims.append(_claim(named[0], newer=attribute.oid == ids.SIGNING_CERTIFICATE_V2))
    return tuple(claims)


def _claim(found: Element, *, newer: bool) -> CertificateClaim:
    fields = der.children(der.expect(found, der.SEQUENCE), 3)
    digest: Digest | None = DIGESTS["sha256" if newer else "sha1"]
    if newer and fields and fields[0].tag == der.SEQUENCE:
        digest = known_digest(read_identifier(fields.pop(0)))
    if not 1 <= len(fields) <= 2:
        raise DerError(f"certificate identifier at {found.start}")
    value = der.octets(fields[0])
    if len(fields) == 1:
        return CertificateClaim(digest, value)
    names, serial = _pair(fields[1])
    der.integer(serial)
    name = der.sole(der.expect(names, der.SEQUENCE))
    # A certificate's issuer is a directory name; any other form names nobody whom we could compare.
    issuer = der.sole(name).raw if name.tag == 0xA4 else b""
    return CertificateClaim(digest, value, issuer, serial.content)


def _pair(found: Element) -> tuple[Element, Element]:
    parts = der.children(der.expect(found, der.SEQUENCE), 3)
    if len(parts) != 2:
        raise DerError(f"issuer and serial at {found.start}")
    return parts[0], parts[1]


def named_by(info: SignerEntry, certificates: Iterable[bytes]) -> list[tuple[bytes, CertificateParts]]:
    """The certificates that answer to the SignerIdentifier, unreadable ones left out."""
    found = []
    for certificate in certificates:
        try:
            parts = certificate_parts(certificate)
        except DerError:
            continue
        if info.key_identifier is None:
            matches = (info.issuer, info.serial) == (parts.issuer, parts.serial)
        else:
            matches = info.key_identifier == parts.key_identifier
        if matches:
            found.append((certificate, parts))
    return found
