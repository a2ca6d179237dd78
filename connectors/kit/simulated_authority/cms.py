"""SignedData (RFC 5652) with one signer, as a witness writes it: for stamps, and for signed files with one thing wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.kit.simulated_authority import der, keys
from connectors.kit.simulated_authority.certificates import parts

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
ESS_V1, ESS_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
CONTENT_STAMP = "1.2.840.113549.1.9.16.2.20"
"""id-aa-ets-contentTimestamp: proves that the signature is not older (EN 319 122-1 5.2.8)."""
STAMP = "1.2.840.113549.1.9.16.2.14"
"""id-aa-timeStampToken: the unsigned attribute that holds a signature time stamp (RFC 3161 appendix A)."""


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs what. `bound`: "v2", "v1" or "" for the ESS attribute; `bound_to`: the certificate that it names, if another.

    `enclosed`: certificates that go along. `detached` leaves the content out. `signing_time`: the claim, None for none.
    """

    content: bytes
    certificate: bytes
    enclosed: tuple[bytes, ...] = ()
    content_type: str = DATA
    detached: bool = False
    digest: str = "sha256"
    bound: str = "v2"
    bound_to: bytes = b""
    signing_time: datetime | None = None
    extra: tuple[bytes, ...] = ()
    """Further signed attributes, such as a content time stamp."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature before it is wrapped: signed attributes (SET), the signature value, and unsigned attributes to come."""

    order: Signing
    attributes: bytes
    algorithm: bytes
    value: bytes


def attribute(kind: str, value: bytes) -> bytes:
    """Attribute with one value."""
    return der.sequence(der.oid(kind), der.set_of(value))


def sign(order: Signing, key: keys.PrivateKey) -> Signed:
    """The signature over the signed attributes."""
    attributes = [
        attribute(CONTENT_TYPE, der.oid(order.content_type)),
        attribute(MESSAGE_DIGEST, der.octets(keys.digest(order.digest, order.content))),
    ]
    if order.signing_time is not None:
        attributes.append(attribute(SIGNING_TIME, der.time(order.signing_time)))
    if order.bound:
        attributes.append(_binding(order))
    signed = der.set_of(*attributes, *order.extra)
    return Signed(order, signed, keys.signature_algorithm(key, order.digest), keys.sign(key, order.digest, signed))


def wrap(signed: Signed, *unsigned: bytes) -> bytes:
    """ContentInfo with the signature and these unsigned attributes."""
    order = signed.order
    who = parts(order.certificate)
    signer = der.sequence(
        der.integer(1),
        der.sequence(who.issuer, der.integer(who.serial)),
        keys.digest_algorithm(order.digest),
        der.implicit(0, signed.attributes),
        signed.algorithm,
        der.octets(signed.value),
        der.implicit(1, der.set_of(*unsigned)) if unsigned else b"",
    )
    content = b"" if order.detached else der.explicit(0, der.octets(order.content))
    body = der.sequence(
        der.integer(1 if order.content_type == DATA else 3),
        der.set_of(keys.digest_algorithm(order.digest)),
        der.sequence(der.oid(order.content_type), content),
        der.implicit(0, der.set_of(*order.enclosed)) if order.enclosed else b"",
        der.set_of(signer),
    )
    return der.sequence(der.oid(SIGNED_DATA), der.explicit(0, body))


def _binding(order: Signing) -> bytes:
    """ESSCertID (RFC 2634) or ESSCertIDv2 (RFC 5035, SHA-256 by default) of the signing certificate."""
    named = order.bound_to or order.certificate
    digest = keys.digest("sha1" if order.bound == "v1" else "sha256", named)
    identifier = der.sequence(der.octets(digest))
    return attribute(ESS_V1 if order.bound == "v1" else ESS_V2, der.sequence(der.sequence(identifier)))
