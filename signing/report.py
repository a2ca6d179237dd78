"""The judged report: one for a document, one part for each signature. The same inputs give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signing.model import Covered, Finding, Indication, SignatureFormat, SubIndication, TrustDomain


@dataclass(frozen=True, slots=True)
class SignerIdentity:
    """Who signed, from the certificate alone: displayed name (escaped, NFC), DER subject digest, identifiers by issuer rules."""

    name: str
    organisation: str
    serial: str
    issuer: str
    certificate_sha256: str
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """The verdict on one signature. `proven_time`: the best proof of existence; `signing_time`: what the signer claims."""

    id: str
    format: SignatureFormat
    indication: Indication
    sub_indication: SubIndication | None
    signer: SignerIdentity | None
    domain: TrustDomain | None
    signing_time: datetime | None
    proven_time: datetime | None
    proven_by: str
    covers: Covered
    findings: tuple[Finding, ...]
    level: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on a document. `conclusion` by the signer table (else all signatures); `used`: evidence digests.

    `wanted`: where the certificates say that what is missing can be had ("crl http://…", "issuer http://…"), when something is;
    addresses of strangers, for a person to look at, never to be followed by a program without a list of its own.
    """

    document_sha256: str
    size: int
    conclusion: Indication
    sub_indication: SubIndication | None
    signatures: tuple[SignatureReport, ...]
    findings: tuple[Finding, ...]
    judged_at: datetime
    policy: str
    policy_sha256: str
    software: str
    used: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
