"""What a judge demands: algorithms, domains, usage, freshness, limits. Typed; the policy file (TOML) is read elsewhere.

Defaults are those of the signing facts: TT 15/2025/TT-BKHCN for algorithms (R38), hard-fail revocation, no legacy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from signing.model import TrustDomain


@dataclass(frozen=True, slots=True)
class AlgorithmRules:
    """Which algorithms count. `digests` and `signatures` map our names to the moment until which they count (None: no end).

    `min_rsa_bits`, `min_exponent`: RSA keys; `curves`: names as `cryptography` gives them. Judged at the proven time.
    """

    digests: dict[str, datetime | None] = field(
        default_factory=lambda: dict.fromkeys(("sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"))
    )
    schemes: frozenset[str] = frozenset({"rsa-pkcs1", "rsa-pss", "ecdsa"})
    min_rsa_bits: int = 2048
    max_rsa_bits: int = 16384
    min_exponent: int = 65537
    curves: frozenset[str] = frozenset({"secp256r1", "secp384r1", "secp521r1"})


@dataclass(frozen=True, slots=True)
class TimeRules:
    """Proofs of time. `required`: a signature without a trusted stamp or a known reception never passes.

    `domains`: whose time-stamping authorities count; `policy_oids`: empty accepts any policy of an accepted authority.
    `skew_seconds`: how far in the future a stamp or a claimed time may lie. `reference_digests`: by which a token may name its
    authority's certificate, beside the digests of `algorithms`: the identifier of RFC 3161 knows SHA-1 only (RFC 5816 1).
    """

    required: bool = False
    domains: frozenset[TrustDomain] = frozenset(TrustDomain)
    policy_oids: frozenset[str] = frozenset()
    skew_seconds: int = 60
    reference_digests: frozenset[str] = frozenset({"sha1"})


@dataclass(frozen=True, slots=True)
class StatusRules:
    """Revocation. `required`: hard-fail, no status means TRY_LATER. `max_age_seconds`: of information without nextUpdate.

    `grace_seconds`: status of a signer must have been issued after the proven time, or at most so much before it (signing facts
    5.2 step 9); negative demands that it was issued that much later (EN 319 102-1 5.2.5). A signature without a proof of time is
    judged now and takes the information that is current now.
    """

    required: bool = True
    max_age_seconds: int = 86_400
    grace_seconds: int = 0


@dataclass(frozen=True, slots=True)
class PathRules:
    """RFC 5280 6.1.1 inputs, limits of the search, and usage (signing facts 5.2 step 10)."""

    policies: frozenset[str] = frozenset({"2.5.29.32.0"})
    explicit_policy: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False
    max_length: int = 8
    max_paths: int = 64
    key_usages: frozenset[str] = frozenset({"digital_signature", "non_repudiation"})
    extended_key_usages: frozenset[str] = frozenset(
        {
            "1.3.6.1.5.5.7.3.4",  # emailProtection
            "1.3.6.1.4.1.311.10.3.12",  # Microsoft document signing
            "1.2.840.113583.1.1.5",  # Adobe authentic documents
            "1.3.6.1.5.5.7.3.36",  # documentSigning (RFC 9336)
            "1.3.6.1.5.5.7.3.2",  # clientAuth, which local subscriber certificates carry [assumed]
        }
    )
    """Allowed where the extension is present; anyExtendedKeyUsage (2.5.29.37.0) always counts."""


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Step 0: what a document may measure before it is read at all."""

    max_bytes: int = 104_857_600
    max_signatures: int = 32
    max_references: int = 16
    max_certificates: int = 64
    max_xml_depth: int = 256
    max_xml_elements: int = 2_000_000
    max_xml_attributes: int = 256
    max_pdf_objects: int = 200_000
    max_pdf_pages: int = 5_000
    max_seconds: float = 5.0
    """For a document under 2 MB; larger ones get this much more for each further 2 MB."""
    max_memory_bytes: int = 536_870_912
    """The same: where files are read in a process of their own (`signing.confinement`), larger ones get 24 bytes more a byte."""


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """Where authorities of one domain write an identifier of the holder; words as in `identifiers.toml`."""

    domain: TrustDomain
    issuer: str
    attribute: str
    pattern: str
    kind: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a judgement depends on besides facts, trust, evidence and time. `name` and the digest stand in every report."""

    name: str = "vn-default-1"
    domains: frozenset[TrustDomain] = frozenset(TrustDomain)
    algorithms: AlgorithmRules = field(default_factory=AlgorithmRules)
    time: TimeRules = field(default_factory=TimeRules)
    status: StatusRules = field(default_factory=StatusRules)
    path: PathRules = field(default_factory=PathRules)
    limits: ReadingLimits = field(default_factory=ReadingLimits)
    certificate_protected: bool = False
    """Demand ESS / SigningCertificate in every signature; plain XMLDSig and adbe signatures lack it (R-profile .NET)."""
    declared_transforms: frozenset[str] = frozenset()
    """XML transforms accepted beyond enveloped-signature and canonicalisation, such as base64; XSLT and XPath are never run."""
    identifiers: tuple[IdentifierRule, ...] = ()
    """Rules for subject identifiers of the operator's own, before the shipped ones (`signing/identifiers.toml`)."""


@dataclass(frozen=True, slots=True)
class ExpectedSigner:
    """One row of a procedure's signer table: who must sign (R09). Compared with facts, never with displayed text.

    `role`: "person" or "agency", for the report. `domain`: the one that counts. `formats`: accepted, empty any.
    `identifiers`: subject identifiers of which one must match, such as "MST:0100109106"; `certificates`: sha256 fingerprints of
    which one must match. Both empty: any certificate of the domain.
    """

    role: str
    domain: TrustDomain
    formats: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()


DEFAULT_POLICY = Policy()
