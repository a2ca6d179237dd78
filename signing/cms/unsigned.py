"""Unsigned attributes of one signer: tokens, and values that are evidence. Nothing in them is protected; all is judged later.

Sources: EN 319 122-1 clause 5.5 and 6, annex A (certificate-values, revocation-values), ISO 32000-2 12.8.3.3.2 (Adobe's form).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signing import der
from signing.cms import identifiers as ids
from signing.cms.structure import Attribute
from signing.der import DerError
from signing.model import Observation


@dataclass(frozen=True, slots=True)
class UnsignedFacts:
    """What unsigned attributes carry, as encoded."""

    observations: tuple[Observation, ...]
    signature_tokens: tuple[bytes, ...]
    archive_tokens: tuple[bytes, ...]
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]


def read_unsigned(attributes: Sequence[Attribute], signed: Sequence[Attribute] = ()) -> UnsignedFacts:
    """Tokens and evidence in the order in which they came; what cannot be read is an observation. `signed`: Adobe's is there."""
    seen = []
    certificates: list[bytes] = []
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    for attribute in (*attributes, *(one for one in signed if one.oid == ids.ADOBE_REVOCATION)):
        try:
            if attribute.oid == ids.CERTIFICATE_VALUES:
                certificates.extend(_sequence_of(value) for value in _listed(attribute))
            elif attribute.oid in (ids.REVOCATION_VALUES, ids.ADOBE_REVOCATION):
                _read_revocations(attribute, crls, ocsps)
        except DerError as fault:
            seen.append(Observation("cms_evidence_readable", False, f"{attribute.oid}: {fault}"))
    if any(one.oid == ids.COUNTER_SIGNATURE for one in attributes):
        seen.append(Observation("cms_counter_signature_judged", False))
    return UnsignedFacts(
        observations=tuple(seen),
        signature_tokens=_values(attributes, ids.SIGNATURE_TIME_STAMP),
        archive_tokens=_values(attributes, *ids.ARCHIVE_TIME_STAMPS),
        certificates=tuple(certificates),
        crls=tuple(crls),
        ocsps=tuple(ocsps),
    )


def _values(attributes: Sequence[Attribute], *oids: str) -> tuple[bytes, ...]:
    return tuple(value for one in attributes if one.oid in oids for value in one.values)


def _listed(attribute: Attribute) -> list[der.Element]:
    return [one for value in attribute.values for one in der.children(der.whole(value, der.SEQUENCE), 256)]


def _sequence_of(found: der.Element) -> bytes:
    return der.expect(found, der.SEQUENCE).raw


def _read_revocations(attribute: Attribute, crls: list[bytes], ocsps: list[bytes]) -> None:
    """RevocationValues: CRLs [0], BasicOCSPResponses [1]. Adobe's form is the same with whole OCSPResponses [1]."""
    for field in _listed(attribute):
        if field.tag not in (0xA0, 0xA1):
            continue  # [2]: other forms, which nobody here can judge
        for one in der.children(der.expect(der.sole(field), der.SEQUENCE), 256):
            encoded = _sequence_of(one)
            if field.tag == 0xA0:
                crls.append(encoded)
            else:
                ocsps.append(encoded if attribute.oid == ids.ADOBE_REVOCATION else _ocsp_response(encoded))


def _ocsp_response(basic: bytes) -> bytes:
    """A BasicOCSPResponse as the successful OCSPResponse that it came from (RFC 6960 4.2.1): one form for those who judge."""
    inner = der.sequence(der.encode_oid(ids.OCSP_BASIC), der.encode(der.OCTET_STRING, basic))
    return der.sequence(b"\x0a\x01\x00", der.encode(0xA0, inner))
