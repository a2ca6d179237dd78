"""What somebody with a network has to fetch before a certificate can be judged: OCSP answers, CRLs, missing issuers.

Pure: certificates in, a list of questions out, in the order in which they should be asked. Signing itself opens no socket.
Every address comes out of an untrusted certificate: whoever fetches must hold it against a list of its own (T6).
Sources: RFC 5280 4.2.1.13 (CRL distribution points), 4.2.2.1 (authority information access), RFC 6960 4.1 (the request),
RFC 5019 2.1.1 (CertID with SHA-1, which is all that some responders know; it protects nothing here).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from asn1crypto import ocsp, x509

OCSP_REQUEST = "application/ocsp-request"
_MOST_CERTIFICATES = 32
_MOST_ADDRESSES = 4
_LONGEST_ADDRESS = 512


class ErrandKind(StrEnum):
    """What an errand brings home."""

    OCSP = "ocsp"
    CRL = "crl"
    ISSUER = "issuer"


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to fetch. `about`: sha256 of the certificate that it is about; `body`: what to POST, empty for a GET."""

    kind: ErrandKind
    url: str
    about: str
    body: bytes = b""


def status_errands(certificates: Iterable[bytes], anchors: Iterable[bytes]) -> tuple[Errand, ...]:
    """OCSP first, then CRL, for every certificate that is no anchor and whose issuer is among those given.

    A certificate that cannot be read has no errands; nothing raises. An issuer is found by its name and key identifier only to
    write the question; whether it really is the issuer is judged later, over the answer.
    """
    trusted = {hashlib.sha256(one).hexdigest() for one in anchors}
    read = _read((*certificates, *anchors))
    found: list[Errand] = []
    for der, certificate in read:
        about = hashlib.sha256(der).hexdigest()
        if about in trusted:
            continue
        issuer = _issuer(certificate, [other for _, other in read])
        if issuer is not None:
            body = _question(certificate, issuer)
            found += [Errand(ErrandKind.OCSP, url, about, body) for url in _access(certificate, "ocsp")]
        found += [Errand(ErrandKind.CRL, url, about) for url in _points(certificate)]
    return tuple(dict.fromkeys(found))


def issuer_errands(certificates: Iterable[bytes], anchors: Iterable[bytes]) -> tuple[Errand, ...]:
    """Certificates of issuers that are missing among those given: caIssuers of whoever has no issuer here."""
    read = _read((*certificates, *anchors))
    trusted = {hashlib.sha256(one).hexdigest() for one in anchors}
    found: list[Errand] = []
    for der, certificate in read:
        about = hashlib.sha256(der).hexdigest()
        if about in trusted or _issuer(certificate, [other for _, other in read]) is not None:
            continue
        found += [Errand(ErrandKind.ISSUER, url, about) for url in _access(certificate, "ca_issuers")]
    return tuple(dict.fromkeys(found))


def _read(certificates: Iterable[bytes]) -> list[tuple[bytes, Any]]:
    """Those that can be read, once each."""
    found = []
    for der in list(dict.fromkeys(certificates))[:_MOST_CERTIFICATES]:
        try:
            certificate = x509.Certificate.load(der, strict=True)
            # Lazy parts fail when they are asked for; whatever is asked for below is asked for here first.
            _ = (certificate.subject.dump(), certificate.issuer.dump(), certificate.key_identifier)
            _ = (certificate.serial_number, bytes(certificate.public_key["public_key"]))
            _ = certificate.authority_key_identifier
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue
        found.append((der, certificate))
    return found


def _issuer(certificate: Any, others: Sequence[Any]) -> Any | None:
    """Whoever may have issued it: the encoded name is equal, and the key identifier where both sides have one."""
    wanted = certificate.authority_key_identifier
    for other in others:
        if other is certificate or other.subject.dump() != certificate.issuer.dump():
            continue
        if wanted is None or other.key_identifier is None or wanted == other.key_identifier:
            return other
    return None


def _question(certificate: Any, issuer: Any) -> bytes:
    """An OCSP request for one certificate, unsigned and without a nonce, so that prepared answers may serve (RFC 5019)."""
    identifier = ocsp.CertId(
        {
            "hash_algorithm": {"algorithm": "sha1"},
            "issuer_name_hash": hashlib.sha1(issuer.subject.dump(), usedforsecurity=False).digest(),
            "issuer_key_hash": hashlib.sha1(bytes(issuer.public_key["public_key"]), usedforsecurity=False).digest(),
            "serial_number": certificate.serial_number,
        }
    )
    request = ocsp.TBSRequest({"request_list": [ocsp.Request({"req_cert": identifier})]})
    return bytes(ocsp.OCSPRequest({"tbs_request": request}).dump())


def _access(certificate: Any, method: str) -> list[str]:
    """Addresses of authority information access, as written."""
    found: list[str] = []
    try:
        for one in certificate.authority_information_access_value or ():
            if one["access_method"].native == method:
                found += _address(one["access_location"])
    except (ValueError, TypeError, KeyError):
        return []
    return found[:_MOST_ADDRESSES]


def _points(certificate: Any) -> list[str]:
    """Addresses of complete CRLs, as written."""
    found: list[str] = []
    try:
        for point in certificate.crl_distribution_points_value or ():
            name = point["distribution_point"]
            if name.name == "full_name":
                for one in name.chosen:
                    found += _address(one)
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
    return found[:_MOST_ADDRESSES]


def _address(name: Any) -> list[str]:
    if name.name != "uniform_resource_identifier":
        return []
    url = str(name.native)
    return [url] if url.startswith(("http://", "https://")) and len(url) <= _LONGEST_ADDRESS else []
