"""SignedData written by hand: a signature of CAdES baseline B-B or B-T costs little more than its raw operation.

One signer, no encapsulated content. Certificates go in exactly as they were issued, never decoded and encoded again (signing
facts 8.2(7)). Sources: RFC 5652 5, RFC 5035 3 (ESS), RFC 6211, EN 319 122-1 clause 5 and 6 (baseline B-B, B-T).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from signing import der
from signing.algorithms import SignatureAlgorithm
from signing.certificate import certificate_parts
from signing.cms import identifiers as ids
from signing.der import DerError
from signing.errors import Unusable


def signed_attributes(
    content_digest: bytes,
    certificate: bytes,
    chosen: SignatureAlgorithm,
    signing_time: datetime | None = None,
    content_type: str = ids.DATA,
) -> bytes:
    """The signed attributes as the DER SET OF that is digested and signed: `chosen.digest.of(...)` of it goes to the key.

    content-type, message-digest (`content_digest` by `chosen.digest`), signing-certificate-v2 with issuer and serial, algorithm
    protection; signing-time when given (aware), which PAdES forbids (EN 319 142-1 clause 6.3). Raises `Unusable`.
    """
    if len(content_digest) != chosen.digest.size:
        raise Unusable("gia_tri_bam_sai_do_dai", "Giá trị băm không đúng độ dài của thuật toán.")
    attributes = [
        _attribute(ids.CONTENT_TYPE, der.encode_oid(content_type)),
        _attribute(ids.MESSAGE_DIGEST, der.encode(der.OCTET_STRING, content_digest)),
        _certificate_attribute(certificate),
        _protection_attribute(chosen),
    ]
    if signing_time is not None:
        attributes.append(_attribute(ids.SIGNING_TIME, der.encode_moment(signing_time)))
    return der.set_of(attributes)


def assemble(
    attributes: bytes,
    signature: bytes,
    chosen: SignatureAlgorithm,
    certificates: Sequence[bytes],
    token: bytes | None = None,
) -> bytes:
    """The ContentInfo of a detached signature. `attributes` from `signed_attributes`; `certificates`: the signer's first.

    `token`: an RFC 3161 token over `signature`, kept as an unsigned attribute (B-T). Raises `Unusable`.
    """
    signer, *_ = certificates
    digest = ids.digest_identifier(chosen.digest)
    unsigned = b""
    if token is not None:
        unsigned = der.encode(0xA1, _attribute(ids.SIGNATURE_TIME_STAMP, token))
    signer_info = der.sequence(
        der.encode_integer(1),
        _issuer_and_serial(signer),
        digest,
        b"\xa0" + attributes[1:],
        ids.signature_identifier(chosen),
        der.encode(der.OCTET_STRING, signature),
        unsigned,
    )
    signed_data = der.sequence(
        der.encode_integer(1),
        der.encode(der.SET, digest),
        der.sequence(der.encode_oid(ids.DATA)),
        der.set_of(dict.fromkeys(certificates), 0xA0),
        der.encode(der.SET, signer_info),
    )
    return der.sequence(der.encode_oid(ids.SIGNED_DATA), der.encode(0xA0, signed_data))


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.encode_oid(oid), der.encode(der.SET, value))


@lru_cache(maxsize=64)
def _certificate_attribute(certificate: bytes) -> bytes:
    """ESSCertIDv2 with SHA-256, which being the default is not written (RFC 5035 4), and the issuer as a GeneralName."""
    issuer, serial = _issuer_serial(certificate)
    names = der.sequence(der.encode(0xA4, issuer))
    identifier = der.sequence(
        der.encode(der.OCTET_STRING, hashlib.sha256(certificate).digest()), der.sequence(names, serial)
    )
    return _attribute(ids.SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(identifier)))


@lru_cache(maxsize=64)
def _protection_attribute(chosen: SignatureAlgorithm) -> bytes:
    """CMSAlgorithmProtection with its signatureAlgorithm [1] (RFC 6211 2)."""
    signature = b"\xa1" + ids.signature_identifier(chosen)[1:]
    return _attribute(ids.ALGORITHM_PROTECTION, der.sequence(ids.digest_identifier(chosen.digest), signature))


@lru_cache(maxsize=64)
def _issuer_and_serial(certificate: bytes) -> bytes:
    return der.sequence(*_issuer_serial(certificate))


def _issuer_serial(certificate: bytes) -> tuple[bytes, bytes]:
    try:
        parts = certificate_parts(certificate)
    except DerError:
        raise Unusable("chung_thu_khong_doc_duoc", "Chứng thư số của người ký không đọc được.") from None
    return parts.issuer, der.encode(der.INTEGER, parts.serial)
