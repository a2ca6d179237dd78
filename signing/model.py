"""The words of signature validation: facts first, then findings, a verdict, a report (ETSI EN 319 102-1).

Facts hold what a document contains and no opinion; they are storable and may be judged again under another policy or date.
All times are aware UTC, all certificates, CRLs, OCSP responses and tokens are DER bytes exactly as found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TrustDomain(StrEnum):
    """Miền tin cậy (Luật 20/2023 Điều 22): two worlds of certificates that are never mixed."""

    PUBLIC_DUTY = "public-duty"
    """Chữ ký số chuyên dùng công vụ (NĐ 68/2024)."""
    PUBLIC = "public"
    """Chữ ký số công cộng (NĐ 23/2025)."""


class Indication(StrEnum):
    """Main status indications (EN 319 102-1 clause 5.1.3)."""

    TOTAL_PASSED = "TOTAL-PASSED"
    TOTAL_FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


class SubIndication(StrEnum):
    """Sub-indications (EN 319 102-1 tables 5 and 6). Which main status each belongs to stands in `sub_indications.csv`."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND_NO_POE = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    TRY_LATER = "TRY_LATER"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    OUT_OF_BOUNDS_NOT_REVOKED = "OUT_OF_BOUNDS_NOT_REVOKED"
    REVOCATION_OUT_OF_BOUNDS_NO_POE = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_POE = "NO_POE"
    POLICY_PROCESSING_ERROR = "POLICY_PROCESSING_ERROR"
    SIGNATURE_POLICY_NOT_AVAILABLE = "SIGNATURE_POLICY_NOT_AVAILABLE"
    GENERIC = "GENERIC"
    CUSTOM = "CUSTOM"


class DocumentKind(StrEnum):
    """What a document is by its content, never by its name."""

    PDF = "pdf"
    XML = "xml"
    CMS = "cms"
    UNKNOWN = "unknown"


class SignatureFormat(StrEnum):
    """The dialect that one signature is written in (signing facts 4.2)."""

    PADES = "PAdES"
    PDF_PKCS7 = "adbe.pkcs7.detached"
    PDF_OTHER = "PDF, other subfilter"
    XMLDSIG = "XMLDSig"
    XADES = "XAdES"
    CMS = "CMS"
    CADES = "CAdES"


@dataclass(frozen=True, slots=True)
class Observation:
    """One check on the document that was made while reading it: a row of `findings.csv`, and whether it held.

    `detail`: what was seen, for experts: names, numbers, object ids; escaped, short, never a secret and never an opinion.
    """

    code: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AlgorithmUse:
    """One algorithm as it was met: `place` is where (signature, reference, message-digest, imprint, certificate).

    `name` is one of `signing.algorithms`, or the identifier as found when it is not known; `bits` the size of the key (RSA
    modulus, curve), 0 for a digest; `exponent` RSA's public exponent; `parameters` what else a policy may judge, such as
    "mgf1-sha256,salt=32".
    """

    place: str
    name: str
    bits: int = 0
    exponent: int = 0
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """What one signature proves of the document.

    `extent`: "document" (all of it, apart from the signature itself), "revision" (a PDF up to the end of the signed revision),
    "element" (one XML element), "detached" (bytes that stand elsewhere), "none".
    `ranges`: byte ranges (start, end) of the file; empty for XML. `path`: absolute path of the signed element, such as
    "/{urn:x}result[1]". `sha256`: digest of exactly the bytes that `signing.covered_bytes` gives for this signature.
    """

    extent: str
    ranges: tuple[tuple[int, int], ...] = ()
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """One RFC 3161 time-stamp token as found. `kind`: "signature", "document", "archive" or "content".

    `observations` hold the token's own format, imprint, ESSCertIDv2 and signature; trust and order are judged later.
    `covered`: for a document time stamp, what of the file it covers: it proves nothing of a signature that came behind it.
    """

    token: bytes
    kind: str
    gen_time: datetime | None
    accuracy_seconds: float = 0.0
    policy_oid: str = ""
    serial: str = ""
    certificate: bytes | None = None
    certificates: tuple[bytes, ...] = ()
    algorithms: tuple[AlgorithmUse, ...] = ()
    observations: tuple[Observation, ...] = ()
    covered: Covered | None = None


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """One signature as found. `id` is stable within the document: the form field of a PDF, the XML Id, "#1" else.

    `certificate`: the one that was identified as the signer's (signing facts 5.2 step 3), or None; `certificate_protected` when
    the signature itself covers its digest (ESS, SigningCertificate). `certificates`: all that the signature carries.
    `claimed_time`: what the signer says, proof of nothing. `signature_value`: the raw value, which a time stamp covers.
    """

    id: str
    format: SignatureFormat
    covered: Covered
    certificate: bytes | None = None
    certificate_protected: bool = False
    certificates: tuple[bytes, ...] = ()
    claimed_time: datetime | None = None
    signature_value: bytes = b""
    algorithms: tuple[AlgorithmUse, ...] = ()
    observations: tuple[Observation, ...] = ()
    tokens: tuple[TokenFacts, ...] = ()
    level: str = ""
    """What the structure claims to be ("B-B", "B-T", "B-LT", "B-LTA"), as found; no opinion."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one document contains. `sha256` and `size` of the file as it came; `observations` about the document as a whole.

    `certificates`, `crls`, `ocsps`: evidence that the document carries (a PDF's DSS, XAdES or CAdES values), unjudged.
    `document_tokens`: document and archive time stamps over everything before them.
    """

    sha256: str
    size: int
    kind: DocumentKind
    signatures: tuple[SignatureFacts, ...] = ()
    observations: tuple[Observation, ...] = ()
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    document_tokens: tuple[TokenFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Existence:
    """Somebody whom the judge trusts knew these bytes at this time, such as the gateway's own journal (proof of existence)."""

    sha256: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is handed in beside a document: certificates, CRLs and OCSP responses (DER), and proofs of existence. All unjudged."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    existences: tuple[Existence, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the judgement: a row of `findings.csv`, whether it held, and the sentence for people."""

    code: str
    ok: bool
    message_vi: str
    detail: str = ""


class Purpose(StrEnum):
    """What a certificate is used for; the rules of usage differ (signing facts 5.2 step 10)."""

    SIGNER = "signer"
    TIMESTAMP = "timestamp"
    OCSP = "ocsp"
    CRL = "crl"
    AUTHORITY = "authority"
    """An issuing authority itself, which R22 asks to be checked beside the signer."""


@dataclass(frozen=True, slots=True)
class CertificateQuestion:
    """Was this certificate good for this purpose at the proven time?

    `proven`: the best proof of existence of what it signed; `at`: the moment of judging (both UTC, proven <= at). `others`:
    certificates that may lie between it and an anchor. `domains`: the trust domains that are accepted. `created_after`: the
    signature is proven to be younger than this (a content time stamp, an earlier stamp that it covers); only so can it be
    proven to have been made after an end of validity or a revocation (EN 319 102-1 5.3.4).
    """

    certificate: bytes
    purpose: Purpose
    proven: datetime
    at: datetime
    domains: frozenset[TrustDomain]
    others: tuple[bytes, ...] = ()
    created_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class CertificateVerdict:
    """The answer: `sub_indication` is None when everything held. `path`: leaf to anchor. `used`: sha256 of evidence used."""

    domain: TrustDomain | None
    path: tuple[bytes, ...]
    sub_indication: SubIndication | None
    findings: tuple[Finding, ...]
    used: tuple[str, ...] = ()
