"""SignedData taken apart: each field as encoded, read strictly, with no check that needs a digest or a key (RFC 5652 5)."""

from __future__ import annotations

from dataclasses import dataclass

from signing import der
from signing.cms import identifiers as ids
from signing.cms.identifiers import AlgorithmIdentifier, read_identifier
from signing.der import DerError, Element

_MAX_SIGNERS = 32
_MAX_CERTIFICATES = 256
_MAX_ATTRIBUTES = 64


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its type and its values, each as encoded (RFC 5652 5.3)."""

    oid: str
    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SignerEntry:
    """One SignerInfo (RFC 5652 5.3). `issuer` and `serial`, or `key_identifier`, say which certificate it means.

    `signed`: the signed attributes, None when absent; `signed_bytes`: their SET OF in the order in which they came.
    """

    version: int
    issuer: bytes
    serial: bytes
    key_identifier: bytes | None
    digest_algorithm: AlgorithmIdentifier
    signed: tuple[Attribute, ...] | None
    signed_bytes: bytes
    signature_algorithm: AlgorithmIdentifier
    signature: bytes
    unsigned: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """One SignedData (RFC 5652 5.1). `content`: what is encapsulated, None when it stands elsewhere; `is_der`: it came as DER.

    `content_at`: where the content begins, -1 without one; in `raw` itself when it came as DER. `behind`: bytes that followed.
    `other_certificates`: obsolete and attribute certificates, which are counted only.
    """

    version: int
    digest_algorithms: tuple[AlgorithmIdentifier, ...]
    content_type: str
    content: bytes | None
    content_at: int
    certificates: tuple[bytes, ...]
    other_certificates: int
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    signers: tuple[SignerEntry, ...]
    is_der: bool
    behind: int


def read_structure(raw: bytes) -> SignedMessage:
    """The SignedData inside a ContentInfo at the start of `raw`; raises `DerError` and nothing else.

    BER is brought into definite form first; whatever was signed as DER inside it stays as it was, or fails its checks.
    """
    try:
        outer = der.element(raw)
        return _signed_data(outer, len(raw) - outer.end, is_der=True)
    except der.BerLength:
        plain, used = der.definite(raw)
        return _signed_data(der.element(plain), len(raw) - used, is_der=False)


def _signed_data(outer: Element, behind: int, *, is_der: bool) -> SignedMessage:
    info = der.children(der.expect(outer, der.SEQUENCE), 2)
    if len(info) != 2 or der.oid(info[0]) != ids.SIGNED_DATA:
        raise DerError("not a SignedData")
    fields = der.children(der.expect(der.sole(der.expect(info[1], 0xA0)), der.SEQUENCE), 6)
    if len(fields) < 4:
        raise DerError("SignedData without its fields")
    content_type, content = _encapsulated(fields[2])
    certificates: tuple[bytes, ...] = ()
    others = 0
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    between = fields[3:-1]
    if between and between[0].tag == 0xA0:
        certificates, others = _certificates(between.pop(0))
    if between and between[0].tag == 0xA1:
        crls, ocsps = _revocations(between.pop(0))
    if between:
        raise DerError(f"unknown field at {between[0].start}")
    signers = der.children(der.expect(fields[-1], der.SET), _MAX_SIGNERS)
    return SignedMessage(
        version=der.integer(fields[0]),
        digest_algorithms=tuple(read_identifier(one) for one in der.children(der.expect(fields[1], der.SET), 64)),
        content_type=content_type,
        content=content.content if content else None,
        content_at=content.body if content else -1,
        certificates=certificates,
        other_certificates=others,
        crls=crls,
        ocsps=ocsps,
        signers=tuple(_signer_info(one) for one in signers),
        is_der=is_der,
        behind=behind,
    )


def _encapsulated(field: Element) -> tuple[str, Element | None]:
    parts = der.children(der.expect(field, der.SEQUENCE), 2)
    if not parts:
        raise DerError("no content type")
    if len(parts) == 1:
        return der.oid(parts[0]), None
    return der.oid(parts[0]), der.expect(der.sole(der.expect(parts[1], 0xA0)), der.OCTET_STRING)


def _certificates(field: Element) -> tuple[tuple[bytes, ...], int]:
    found = []
    others = 0
    for one in der.children(field, _MAX_CERTIFICATES):
        if one.tag == der.SEQUENCE:
            found.append(one.raw)
        elif 0xA0 <= one.tag <= 0xA3:
            others += 1
        else:
            raise DerError(f"certificate at {one.start}")
    return tuple(found), others


def _revocations(field: Element) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """CRLs, and the OCSP responses of RFC 5940 2.1."""
    crls = []
    ocsps = []
    for one in der.children(field, _MAX_CERTIFICATES):
        if one.tag == der.SEQUENCE:
            crls.append(one.raw)
            continue
        parts = der.children(der.expect(one, 0xA1), 2)
        if len(parts) == 2 and der.oid(parts[0]) == ids.OCSP_RESPONSE:
            ocsps.append(parts[1].raw)
    return tuple(crls), tuple(ocsps)


def _signer_info(found: Element) -> SignerEntry:
    fields = der.children(der.expect(found, der.SEQUENCE), 7)
    if len(fields) < 5:
        raise DerError(f"SignerInfo at {found.start}")
    issuer, serial, key_identifier = _identifier(fields[1])
    rest = fields[3:]
    signed = rest.pop(0) if rest[0].tag == 0xA0 else None
    if len(rest) < 2:
        raise DerError(f"SignerInfo at {found.start}")
    unsigned = der.expect(rest[2], 0xA1) if len(rest) > 2 else None
    if len(rest) > 3:
        raise DerError(f"unknown field at {rest[3].start}")
    return SignerEntry(
        version=der.integer(fields[0]),
        issuer=issuer,
        serial=serial,
        key_identifier=key_identifier,
        digest_algorithm=read_identifier(fields[2]),
        signed=read_attributes(signed) if signed else None,
        signed_bytes=der.encode(der.SET, signed.content) if signed else b"",
        signature_algorithm=read_identifier(rest[0]),
        signature=der.octets(rest[1]),
        unsigned=read_attributes(unsigned) if unsigned else (),
    )


def _identifier(field: Element) -> tuple[bytes, bytes, bytes | None]:
    """SignerIdentifier (RFC 5652 5.3): issuer and serial number, or a key identifier."""
    if field.tag == 0x80:
        return b"", b"", field.content
    issuer, serial = issuer_and_serial(field)
    return issuer, serial, None


def issuer_and_serial(field: Element) -> tuple[bytes, bytes]:
    """IssuerAndSerialNumber: the name as encoded, the content of the number."""
    parts = der.children(der.expect(field, der.SEQUENCE), 2)
    if len(parts) != 2:
        raise DerError(f"issuer and serial at {field.start}")
    der.integer(parts[1])
    return der.expect(parts[0], der.SEQUENCE).raw, parts[1].content


def read_attributes(field: Element) -> tuple[Attribute, ...]:
    """The attributes inside a set, in the order in which they came; raises `DerError`."""
    found = []
    for one in der.children(field, _MAX_ATTRIBUTES):
        parts = der.children(der.expect(one, der.SEQUENCE), 2)
        if len(parts) != 2:
            raise DerError(f"attribute at {one.start}")
        values = der.children(der.expect(parts[1], der.SET), _MAX_ATTRIBUTES)
        found.append(Attribute(der.oid(parts[0]), tuple(value.raw for value in values)))
    return tuple(found)
