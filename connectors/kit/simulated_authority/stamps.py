"""RFC 3161 and RFC 5816: time-stamp requests read, tokens made, right or wrong in any one way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from connectors.kit.simulated_authority import der, keys
from connectors.kit.simulated_authority.certificates import parts

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_ESS_V1, _ESS_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
FAILURES = {"badAlg": 0, "badRequest": 2, "badDataFormat": 5, "timeNotAvailable": 14, "unacceptedPolicy": 15}
"""PKIFailureInfo of a refusal (RFC 3161 2.4.2)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `digest` is our name of the imprint's algorithm, or its identifier when we have none."""

    digest: str
    imprint: bytes
    nonce: int | None = None
    wants_certificate: bool = False
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says. `certificate` signs; `enclosed` go along; `bound`: "v2", "v1" or "" for the ESS attribute."""

    certificate: bytes
    imprint: bytes
    at: datetime
    serial: int
    policy: str
    imprint_digest: str = "sha256"
    accuracy: int | None = 1
    nonce: int | None = None
    enclosed: tuple[bytes, ...] = ()
    bound: str = "v2"
    bound_to: bytes = b""
    """The certificate that the ESS attribute names, where it is another one than `certificate`."""
    digest: str = "sha256"
    content_type: str = _TST_INFO
    extensions: tuple[bytes, ...] = field(default=())


def request(imprint: bytes, digest: str = "sha256", nonce: int | None = None, wants_certificate: bool = True) -> bytes:
    """A TimeStampReq, as a client sends it."""
    return der.sequence(
        der.integer(1),
        der.sequence(keys.digest_algorithm(digest), der.octets(imprint)),
        der.integer(nonce) if nonce is not None else b"",
        der.boolean(True) if wants_certificate else b"",
    )


def read_request(data: bytes) -> Asked:
    """What a client asks. Raises `der.NotDer`."""
    try:
        _, imprint, *rest = der.children(der.split(data)[1])
        algorithm, value = der.children(imprint[1])
        oid = der.dotted(der.children(algorithm[1])[0][1])
    except (IndexError, ValueError) as error:
        raise der.NotDer("request") from error
    by_tag = {tag: inner for tag, inner, _ in rest}
    return Asked(
        digest=next((name for name, known in keys.DIGEST_OIDS.items() if known == oid), oid),
        imprint=value[1],
        nonce=int.from_bytes(by_tag[0x02], "big", signed=True) if 0x02 in by_tag else None,
        wants_certificate=by_tag.get(0x01, b"\x00") != b"\x00",
        policy=der.dotted(by_tag[0x06]) if 0x06 in by_tag else "",
    )


def make(stamp: Stamp, key: keys.PrivateKey) -> bytes:
    """A TimeStampToken: ContentInfo with SignedData over the TSTInfo, DER."""
    content = _tst_info(stamp)
    who = parts(stamp.certificate)
    attributes = [
        _attribute(_CONTENT_TYPE, der.oid(stamp.content_type)),
        _attribute(_MESSAGE_DIGEST, der.octets(keys.digest(stamp.digest, content))),
    ]
    if stamp.bound:
        attributes.append(_binding(stamp))
    signer = der.sequence(
        der.integer(1),
        der.sequence(who.issuer, der.integer(who.serial)),
        keys.digest_algorithm(stamp.digest),
        der.implicit(0, der.set_of(*attributes)),
        keys.signature_algorithm(key, stamp.digest),
        der.octets(keys.sign(key, stamp.digest, der.set_of(*attributes))),
    )
    signed = der.sequence(
        der.integer(3),
        der.set_of(keys.digest_algorithm(stamp.digest)),
        der.sequence(der.oid(stamp.content_type), der.explicit(0, der.octets(content))),
        der.implicit(0, der.set_of(*stamp.enclosed)) if stamp.enclosed else b"",
        der.set_of(signer),
    )
    return der.sequence(der.oid(_SIGNED_DATA), der.explicit(0, signed))


def _tst_info(stamp: Stamp) -> bytes:
    return der.sequence(
        der.integer(1),
        der.oid(stamp.policy),
        der.sequence(keys.digest_algorithm(stamp.imprint_digest), der.octets(stamp.imprint)),
        der.integer(stamp.serial),
        der.generalized(stamp.at),
        der.sequence(der.integer(stamp.accuracy)) if stamp.accuracy is not None else b"",
        der.integer(stamp.nonce) if stamp.nonce is not None else b"",
        der.explicit(1, der.sequence(*stamp.extensions)) if stamp.extensions else b"",
    )


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))


def _binding(stamp: Stamp) -> bytes:
    """ESSCertID (RFC 2634) or ESSCertIDv2 (RFC 5035, SHA-256 by default) of the stamping certificate."""
    named = stamp.bound_to or stamp.certificate
    digest = keys.digest("sha1" if stamp.bound == "v1" else "sha256", named)
    identifier = der.sequence(der.octets(digest))
    return _attribute(_ESS_V1 if stamp.bound == "v1" else _ESS_V2, der.sequence(der.sequence(identifier)))


def respond(token: bytes) -> bytes:
    """TimeStampResp: granted."""
    return der.sequence(der.sequence(der.integer(0)), token)


def refuse(failure: str) -> bytes:
    """TimeStampResp: rejection with one failure bit."""
    return der.sequence(der.sequence(der.integer(2), der.named_bits({FAILURES[failure]})))
