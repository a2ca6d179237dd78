"""RFC 3161 and RFC 5816: time-stamp requests read, tokens made, right or wrong in any one way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from connectors.kit.simulated_authority import cms, der, keys

TST_INFO = "1.2.840.113549.1.9.16.1.4"
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


def make(stamp: Stamp, key: keys.PrivateKey, *, forge: bool = False) -> bytes:
    """A TimeStampToken: ContentInfo with SignedData over the TSTInfo; `forge` turns the last bit of its signature round."""
    order = cms.Signing(
        content=_tst_info(stamp),
        certificate=stamp.certificate,
        enclosed=stamp.enclosed,
        content_type=TST_INFO,
        digest=stamp.digest,
        bound=stamp.bound,
        bound_to=stamp.bound_to,
    )
    signed = cms.sign(order, key)
    if forge:
        signed = replace(signed, value=keys.forged(signed.value, "flipped"))
    return cms.wrap(signed)


def _tst_info(stamp: Stamp) -> bytes:
    return der.sequence(
        der.integer(1),
        der.oid(stamp.policy),
        der.sequence(keys.digest_algorithm(stamp.imprint_digest), der.octets(stamp.imprint)),
        der.integer(stamp.serial),
        der.generalized(stamp.at),
        der.sequence(der.integer(stamp.accuracy)) if stamp.accuracy is not None else b"",
        der.integer(stamp.nonce) if stamp.nonce is not None else b"",
    )


def respond(token: bytes) -> bytes:
    """TimeStampResp: granted."""
    return der.sequence(der.sequence(der.integer(0)), token)


def refuse(failure: str) -> bytes:
    """TimeStampResp: rejection with one failure bit."""
    return der.sequence(der.sequence(der.integer(2), der.named_bits({FAILURES[failure]})))


def unacceptable(asked: Asked, policy: str) -> str:
    """Why a request is refused (a name of `FAILURES`), or nothing: an unknown digest, a wrong length, another policy."""
    if asked.digest not in keys.DIGEST_OIDS or asked.digest == "md5":
        return "badAlg"
    if len(asked.imprint) != len(keys.digest(asked.digest, b"")):
        return "badDataFormat"
    return "unacceptedPolicy" if asked.policy not in ("", policy) else ""
