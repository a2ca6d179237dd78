"""Facts and verdicts made by hand, so that a test changes exactly the one thing that it is about.

The signature is a real one in nothing but its certificate; what readers find in real documents is tested with the readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from signing.catalogue import found
from signing.grounds import Grounds
from signing.judge import judge_with
from signing.model import (
    AlgorithmUse,
    CertificateQuestion,
    CertificateVerdict,
    Covered,
    DocumentKind,
    Facts,
    Observation,
    SignatureFacts,
    SignatureFormat,
    SubIndication,
    TokenFacts,
    TrustDomain,
)
from signing.report import Report
from tests import pki

NOW = pki.NOW
FILE = sha256(b"file").hexdigest()
READ = (
    Observation("signing_certificate", True),
    Observation("content_digest", True),
    Observation("signature_value", True),
    Observation("coverage", True),
)
USES = (AlgorithmUse("signature", "rsa-pkcs1-sha256", 2048, 65537), AlgorithmUse("reference", "sha256"))


def signature(name: str = "official", end: int = 0, **changed: object) -> SignatureFacts:
    """A signature that was read and held; `end`: of its PDF revision, 0 for formats without."""
    made = SignatureFacts(
        id=f"{name}@{end}",
        format=SignatureFormat.PADES if end else SignatureFormat.XADES,
        covered=Covered("revision", ((0, end),)) if end else Covered("document"),
        certificate=pki.certificate(name),
        certificate_protected=True,
        certificates=pki.chain(name),
        signature_value=f"value of {name} {end}".encode(),
        algorithms=USES,
        observations=READ,
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # tests name fields of it


def token(at: datetime, kind: str = "signature", end: int = 0, **changed: object) -> TokenFacts:
    """A time-stamp token that was read and held; `end`: what a document time stamp covers."""
    made = TokenFacts(
        token=f"{kind} {at.isoformat()} {end}".encode(),
        kind=kind,
        gen_time=at,
        certificate=pki.certificate("tsa-duty"),
        algorithms=(AlgorithmUse("signature", "rsa-pkcs1-sha256", 2048, 65537), AlgorithmUse("imprint", "sha256")),
        observations=(Observation("timestamp_imprint", True), Observation("signature_value", True)),
        covered=Covered("revision", ((0, end),)) if end else None,
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # tests name fields of it


def facts(*signatures: SignatureFacts, **changed: object) -> Facts:
    """A document with these signatures."""
    made = Facts(FILE, 4, DocumentKind.PDF, signatures)
    return replace(made, **changed)  # type: ignore[arg-type]  # tests name fields of it


def grounds(**changed: object) -> Grounds:
    """The test PKI at its present, with nothing else."""
    return replace(Grounds(pki.trust(), NOW), **changed)  # type: ignore[arg-type]  # tests name fields of it


class Registry:
    """Answers what is asked of certificates as a test wants it, and remembers the questions."""

    def __init__(self, answers: Mapping[str, SubIndication | None] | None = None) -> None:
        self._answers = {pki.certificate(name): answer for name, answer in (answers or {}).items()}
        self.questions: list[CertificateQuestion] = []

    def __call__(self, question: CertificateQuestion) -> CertificateVerdict:
        """Good in its own domain unless the test says otherwise."""
        self.questions.append(question)
        failed = self._answers.get(question.certificate)
        named = {pki.certificate(name) for name in ("company", "citizen", "tsa-public")}
        domain = TrustDomain.PUBLIC if question.certificate in named else TrustDomain.PUBLIC_DUTY
        issuer = pki.certificate("public-ca" if domain is TrustDomain.PUBLIC else "duty-ca")
        finding = found(Observation("chain", failed is not SubIndication.NO_CERTIFICATE_CHAIN_FOUND))
        if failed is SubIndication.NO_CERTIFICATE_CHAIN_FOUND:
            return CertificateVerdict(None, (), failed, (finding,))
        return CertificateVerdict(domain, (question.certificate, issuer), failed, (finding,))


def judged(document: Facts, on: Grounds | None = None, registry: Registry | None = None) -> Report:
    """The report on a made document."""
    return judge_with(document, on or grounds(), registry or Registry())


def hours(count: float) -> timedelta:
    """That many hours."""
    return timedelta(hours=count)
