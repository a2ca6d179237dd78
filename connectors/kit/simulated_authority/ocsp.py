"""OCSP (RFC 6960): requests read, responses made, direct or by a delegate, right or wrong in any one way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from connectors.kit.simulated_authority import der, keys
from connectors.kit.simulated_authority.certificates import Parts, extension, parts
from connectors.kit.simulated_authority.crl import REASONS

NONCE = "1.3.6.1.5.5.7.48.1.2"
_BASIC = "1.3.6.1.5.5.7.48.1.1"
STATUSES = {"malformedRequest": 1, "internalError": 2, "tryLater": 3, "sigRequired": 5, "unauthorized": 6}
"""OCSPResponseStatus of answers without content (RFC 6960 4.2.1)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: CertIDs exactly as sent with the serial number in each, and the nonce (its extension value), if any."""

    cert_ids: tuple[tuple[bytes, int], ...]
    nonce: bytes = b""


@dataclass(frozen=True, slots=True)
class Status:
    """What is said about one certificate: `status` good, revoked or unknown."""

    cert_id: bytes
    status: str
    this_update: datetime
    next_update: datetime | None
    revoked_at: datetime | None = None
    reason: str = ""

    def to_der(self) -> bytes:
        """SingleResponse."""
        if self.status == "revoked" and self.revoked_at is not None:
            reason = der.explicit(0, der.enumerated(REASONS[self.reason])) if self.reason else b""
            said = der.implicit(1, der.sequence(der.generalized(self.revoked_at), reason))
        else:
            said = der.implicit(0 if self.status == "good" else 2, der.NULL)
        until = der.explicit(0, der.generalized(self.next_update)) if self.next_update is not None else b""
        return der.sequence(self.cert_id, said, der.generalized(self.this_update), until)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `responder` is the certificate that signs; it is enclosed where `enclosed` says so."""

    statuses: tuple[Status, ...]
    produced_at: datetime
    responder: bytes
    enclosed: tuple[bytes, ...] = ()
    by_key: bool = False
    nonce: bytes = b""
    digest: str = "sha256"


def cert_id(issuer: bytes, serial: int, digest: str = "sha1") -> bytes:
    """CertID of a serial number under an issuer's certificate (RFC 6960 4.1.1)."""
    who: Parts = parts(issuer)
    algorithm = der.sequence(der.oid(keys.DIGEST_OIDS[digest]), der.NULL)
    name, key = keys.digest(digest, who.subject), keys.digest(digest, who.key_bits)
    return der.sequence(algorithm, der.octets(name), der.octets(key), der.integer(serial))


def request(cert_ids: tuple[bytes, ...], nonce: bytes = b"") -> bytes:
    """An unsigned request, as a client sends it."""
    wanted = der.sequence(*(der.sequence(one) for one in cert_ids))
    extensions = der.explicit(2, der.sequence(extension(NONCE, der.octets(nonce)))) if nonce else b""
    return der.sequence(der.sequence(wanted, extensions))


def read_request(data: bytes) -> Asked:
    """What a client asks. Raises `der.NotDer`."""
    tag, body, _ = der.split(data)
    if tag != 0x30:
        raise der.NotDer("request")
    try:
        fields = der.children(der.children(body)[0][1])
        wanted = next(inner for tag, inner, _ in fields if tag == 0x30)
        found = tuple(_asked(der.children(inner)[0]) for _, inner, _ in der.children(wanted))
        extensions = next((der.children(der.split(inner)[1]) for tag, inner, _ in fields if tag == 0xA2), [])
        nonces = [
            parts_of[-1][1] for parts_of in (der.children(inner) for _, inner, _ in extensions) if _is_nonce(parts_of)
        ]
    except (IndexError, StopIteration) as error:
        raise der.NotDer("request") from error
    return Asked(found, nonces[0] if nonces else b"")


def _is_nonce(fields: list[tuple[int, bytes, bytes]]) -> bool:
    return der.dotted(fields[0][1]) == NONCE


def _asked(one: tuple[int, bytes, bytes]) -> tuple[bytes, int]:
    return one[2], int.from_bytes(der.children(one[1])[3][1], "big", signed=True)


def respond(answer: Answer, key: keys.PrivateKey, *, forge: bool = False) -> bytes:
    """A successful OCSPResponse with a signed BasicOCSPResponse; `forge` gives the signature of other content."""
    who = parts(answer.responder)
    if answer.by_key:
        identifier = hashlib.sha1(who.key_bits, usedforsecurity=False).digest()
        responder = der.explicit(2, der.octets(identifier))
    else:
        responder = der.explicit(1, who.subject)
    extensions = der.explicit(1, der.sequence(extension(NONCE, answer.nonce))) if answer.nonce else b""
    content = der.sequence(
        responder,
        der.generalized(answer.produced_at),
        der.sequence(*(status.to_der() for status in answer.statuses)),
        extensions,
    )
    basic = der.sequence(
        content,
        keys.signature_algorithm(key, answer.digest),
        der.bits(keys.sign(key, answer.digest, content + b"\0" * forge)),
        der.explicit(0, der.sequence(*answer.enclosed)) if answer.enclosed else b"",
    )
    inner = der.sequence(der.oid(_BASIC), der.octets(basic))
    return der.sequence(der.enumerated(0), der.explicit(0, inner))


def refuse(status: str) -> bytes:
    """An OCSPResponse without content, such as "tryLater"."""
    return der.sequence(der.enumerated(STATUSES[status]))
