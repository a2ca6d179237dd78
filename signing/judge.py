"""The judge: facts, trust, evidence, policy and a moment in; findings, an indication for each signature and one conclusion out.

Pure: no clock, no network, no file. Steps 6 to 12 of signing facts 5.2 in their order; steps 0 to 5 were observed by the readers
and count here as they were seen. Which sub-indication is reported when several checks fail: `signing.conclusion.PRECEDENCE`.
Sources: EN 319 102-1 clauses 5.2, 5.3, 5.5, 5.6; NĐ 68/2024 Điều 30-32; NĐ 23/2025 Điều 16; TT 41/2017/TT-BTTTT Điều 8.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from signing.catalogue import finding_rows, found
from signing.chain import judge_certificate
from signing.conclusion import Signed, compared, decided
from signing.errands import ErrandKind, issuer_errands, status_errands
from signing.grounds import Grounds
from signing.identity import displayed, identify
from signing.model import (
    CertificateQuestion,
    CertificateVerdict,
    Evidence,
    Existence,
    Facts,
    Finding,
    Observation,
    Purpose,
    SignatureFacts,
    SignatureFormat,
    SubIndication,
)
from signing.policy_file import policy_sha256
from signing.proofs import Certify, ProvenTime, prove, revision_end
from signing.report import Report, SignatureReport
from signing.strength import weaknesses
from signing.version import SOFTWARE

NEEDED = ("signing_certificate", "content_digest", "signature_value", "coverage")
"""What a reader must have checked and found good: a check that was not made is not a check that held."""


def judge(facts: Facts, grounds: Grounds) -> Report:
    """The verdict on a document. Never raises over content."""
    evidence = _with_documents_own(grounds, facts)

    def certify(question: CertificateQuestion) -> CertificateVerdict:
        return judge_certificate(question, grounds.trust, evidence, grounds.policy)

    return judge_with(facts, grounds, certify)


def judge_with(facts: Facts, grounds: Grounds, certify: Certify) -> Report:
    """The same, with the question about certificates answered by somebody else."""
    document = _Findings()
    document.observed(facts.observations)
    _document_rules(document, facts, grounds)
    proven = prove(facts, grounds, certify)
    judged = [_Signature(one, facts, grounds, proven[index]) for index, one in enumerate(facts.signatures)]
    for one in judged:
        one.judge(certify, document.failed)
    signed = tuple(one.signed() for one in judged)
    for finding in compared(signed, grounds.expected):
        document.add(finding)
    causes = [*document.causes, *(one.report.sub_indication for one in signed if one.report.sub_indication)]
    conclusion, sub_indication = decided(causes)
    return Report(
        document_sha256=facts.sha256,
        size=facts.size,
        conclusion=conclusion,
        sub_indication=sub_indication,
        signatures=tuple(one.report for one in signed),
        findings=document.ordered(),
        judged_at=grounds.at,
        policy=grounds.policy.name,
        policy_sha256=policy_sha256(grounds.policy),
        software=SOFTWARE,
        wanted=_wanted(facts, grounds) if _MISSING.intersection(causes) else (),
        used=tuple(sorted({digest for one in judged for digest in one.used} | _existences_used(facts, grounds))),
    )


def _document_rules(document: _Findings, facts: Facts, grounds: Grounds) -> None:
    """What is asked of the document as a whole, and of the rules themselves."""
    if not facts.signatures and "signature_found" not in document.failed_codes:
        document.observe("signature_found", False)
    foreign = sorted({row.domain.value for row in grounds.expected} - {one.value for one in grounds.policy.domains})
    if not grounds.policy.domains or foreign:
        document.observe("policy_rules", False, f"domains {', '.join(foreign) or 'none'}")


def _with_documents_own(grounds: Grounds, facts: Facts) -> Evidence:
    """What was handed in, and what the document brings along: unjudged alike, in an order of no meaning."""
    signatures = [one for signature in facts.signatures for one in signature.certificates]
    evidence = grounds.evidence
    existences = tuple(one for one in evidence.existences if one.at <= grounds.at)
    received = min((one.at for one in existences if one.sha256 == facts.sha256), default=None)
    inside = () if received is None else (*facts.crls, *facts.ocsps)
    # Who received the file received what stands in it.
    known = tuple(
        Existence(sha256(one).hexdigest(), received, "file") for one in sorted(inside) if received is not None
    )
    return replace(
        evidence,
        existences=(*existences, *known),
        certificates=tuple(sorted({*evidence.certificates, *facts.certificates, *signatures})),
        crls=tuple(sorted({*evidence.crls, *facts.crls})),
        ocsps=tuple(sorted({*evidence.ocsps, *facts.ocsps})),
    )


_MISSING = frozenset(
    {
        SubIndication.TRY_LATER,
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    }
)
"""What more evidence might mend."""


def _wanted(facts: Facts, grounds: Grounds) -> tuple[str, ...]:
    """Addresses of lists and of missing issuers, as the certificates name them."""
    found = {one.certificate for one in facts.signatures if one.certificate is not None}
    found |= {one for signature in facts.signatures for one in signature.certificates}
    known = sorted(found | {*facts.certificates, *grounds.evidence.certificates})
    anchors = sorted(one.certificate for one in grounds.trust.anchors)
    errands = (*status_errands(known, anchors), *issuer_errands(known, anchors))
    return tuple(
        sorted({displayed(f"{one.kind} {one.url}", 600) for one in errands if one.kind is not ErrandKind.OCSP})
    )


def _existences_used(facts: Facts, grounds: Grounds) -> set[str]:
    values = {sha256(one.signature_value).hexdigest() for one in facts.signatures if one.signature_value}
    return {one.sha256 for one in grounds.evidence.existences if one.sha256 in values | {facts.sha256}}


class _Findings:
    """What was found so far, and what follows from what failed."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self.causes: list[SubIndication] = []

    def observe(self, code: str, ok: bool, detail: str = "") -> None:
        """One check of our own."""
        self.add(found(Observation(code, ok, detail)))

    def observed(self, observations: tuple[Observation, ...]) -> None:
        """The checks that a reader made."""
        for one in observations:
            self.add(found(one))

    def add(self, finding: Finding, cause: SubIndication | None = None) -> None:
        """A finding; `cause` where its failure means something else than its row says."""
        self._found.append(finding)
        means = cause or finding_rows()[finding.code].on_failure
        if not finding.ok and means is not None:
            self.causes.append(means)

    def note(self, finding: Finding) -> None:
        """A finding whose consequence stands elsewhere."""
        self._found.append(finding)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What failed and is more than a warning."""
        return tuple(one for one in self._found if not one.ok and finding_rows()[one.code].on_failure is not None)

    @property
    def failed_codes(self) -> frozenset[str]:
        """The codes of these."""
        return frozenset(one.code for one in self.failed)

    @property
    def held_codes(self) -> frozenset[str]:
        """The codes of what held."""
        return frozenset(one.code for one in self._found if one.ok)

    def ordered(self) -> tuple[Finding, ...]:
        """By step, then as found; what was found twice stands once."""
        return tuple(sorted(dict.fromkeys(self._found), key=lambda one: finding_rows()[one.code].step))


class _Signature:
    """One signature on its way from facts to a report."""

    def __init__(self, facts: SignatureFacts, document: Facts, grounds: Grounds, proven: ProvenTime) -> None:
        self._facts = facts
        self._document = document
        self._grounds = grounds
        self._policy = grounds.policy
        self._proven = proven
        self._findings = _Findings()
        self._verdict: CertificateVerdict | None = None
        self.used: set[str] = set()

    @property
    def _moment(self) -> datetime:
        """At which everything is judged: the best proof, else now."""
        return self._proven.latest.at if self._proven.latest else self._grounds.at

    def judge(self, certify: Certify, document_failed: tuple[Finding, ...]) -> None:
        """Steps 3 to 11 in their order; a document that failed as a whole fails each of its signatures."""
        for finding in document_failed:
            self._findings.add(finding)
        self._findings.observed(self._facts.observations)
        self._completeness()
        self._form()
        self._strength()
        self._time()
        self._certificate(certify)

    def signed(self) -> Signed:
        """The report, and what the signer table asks beside it."""
        facts, latest = self._facts, self._proven.latest
        indication, sub_indication = decided(self._findings.causes)
        signer = (
            identify(facts.certificate, self._verdict, self._policy.identifiers)
            if facts.certificate is not None
            else None
        )
        report = SignatureReport(
            id=facts.id,
            format=facts.format,
            indication=indication,
            sub_indication=sub_indication,
            signer=signer,
            domain=self._verdict.domain if self._verdict else None,
            signing_time=facts.claimed_time,
            proven_time=latest.at if latest else None,
            proven_by=": ".join(filter(None, (latest.by, latest.source))) if latest else "",
            covers=facts.covered,
            findings=self._findings.ordered(),
            level=facts.level,
        )
        revision = revision_end(self._document.kind, facts.covered)
        return Signed(report, revision, latest is not None and latest.by == "signature-timestamp")

    def _completeness(self) -> None:
        """A check that the reader left out counts as failed, unless it stopped at a failure that says why."""
        held = self._findings.held_codes
        missing = [code for code in NEEDED if code not in held]
        if missing and not self._findings.failed:
            self._findings.observe("checks_complete", False, ", ".join(missing))

    def _form(self) -> None:
        """Step 3 and 4.2: what the policy asks of the signature's form."""
        if self._facts.format is SignatureFormat.PDF_OTHER:
            self._findings.observe("signature_format", False, self._facts.format.value)
        if not self._facts.certificate_protected:
            demanded = self._policy.certificate_protected
            self._findings.observe("certificate_protected" if demanded else "certificate_unprotected", False)

    def _strength(self) -> None:
        """Step 6: algorithms and key at the proven time."""
        weak = weaknesses(self._facts.algorithms, self._facts.certificate, self._policy.algorithms, self._moment)
        never = [one.reason for one in weak if not one.outdated]
        outdated = [one.reason for one in weak if one.outdated]
        if never:
            self._findings.observe("algorithm_strength", False, "; ".join(never))
        if outdated:
            self._findings.observe("algorithm_outdated", False, "; ".join(outdated))
        if not weak:
            used = dict.fromkeys(one.name for one in self._facts.algorithms)
            self._findings.observe("algorithm_strength", bool(used), ", ".join(used))

    def _time(self) -> None:
        """Step 7: each token, the order of all, and whether the policy wants more."""
        waits = False
        for token in self._proven.tokens:
            label = f"{token.facts.kind} {token.facts.gen_time.isoformat() if token.facts.gen_time else '-'}"
            self.used |= {sha256(token.facts.token).hexdigest(), *token.used}
            if token.broken:
                self._findings.observe("timestamp_imprint", False, f"{label}: {token.broken}")
            elif token.contradicts:
                self._findings.observe("timestamp_order", False, f"{label}: {token.contradicts}")
            else:
                self._findings.observe(
                    "timestamp_trusted", token.good, ": ".join(filter(None, (label, token.untrusted)))
                )
                waits = waits or token.waits
        if self._proven.disordered:
            self._findings.observe("timestamp_order", False, self._proven.disordered)
        self._proof(waits)
        self._claim()

    def _claim(self) -> None:
        """What the signer says is no proof; that it lies in the future is a fault, that it is late by proof a remark."""
        claimed, skew = self._facts.claimed_time, self._policy.time.skew_seconds
        if claimed is None:
            return
        ahead = (claimed - self._grounds.at).total_seconds() > skew
        late = (claimed - self._moment).total_seconds() > skew
        self._findings.observe("claimed_later" if late and not ahead else "claimed_time", not late, claimed.isoformat())

    def _proof(self, waits: bool) -> None:
        latest = self._proven.latest
        if latest is not None:
            self._findings.observe("proven_time", True, f"{latest.at.isoformat()} {latest.by} {latest.source}".strip())
        elif not self._policy.time.required:
            self._findings.observe("time_unproven", False)
        else:
            self._findings.observe("timestamp_status" if waits else "proven_time", False)

    def _certificate(self, certify: Certify) -> None:
        """Steps 8 to 10 at the best proof, bounded below by what the signature is proven to be younger than."""
        if self._facts.certificate is None:
            return
        question = CertificateQuestion(
            certificate=self._facts.certificate,
            purpose=Purpose.SIGNER,
            proven=self._moment,
            at=self._grounds.at,
            domains=self._policy.domains,
            others=tuple(sorted({*self._facts.certificates, *self._document.certificates})),
            created_after=self._proven.earliest,
        )
        verdict = certify(question)
        self._verdict = verdict
        self.used |= set(verdict.used)
        for finding in verdict.findings:
            self._findings.note(finding)
        if verdict.sub_indication is not None:
            self._findings.causes.append(verdict.sub_indication)
