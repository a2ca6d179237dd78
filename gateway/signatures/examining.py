"""Documents judged: read in the pool, evidence fetched, judged in the pool; the `Verifier` that the line is given.

The order is that of signing facts 5.2: what costs nothing first, the network last and only for what is worth asking about.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gateway.intake.verification import Judged, Question
from gateway.signatures import tasks
from gateway.signatures.pool import Pool
from gateway.signatures.status import StatusDesk, merged
from signing.confinement import Confinement, LimitReached, confinement_for
from signing.errors import SigningError
from signing.model import (
    CertificateQuestion,
    CertificateVerdict,
    DocumentKind,
    Evidence,
    Facts,
    Finding,
    Indication,
    Observation,
    SignatureFacts,
    SubIndication,
    TokenFacts,
)
from signing.policy import ExpectedSigner, Policy
from signing.report import Report
from signing.storing import decode_facts, decode_report
from signing.trust import TrustStore

NOTHING = Evidence()
_ROUNDS = ((False, False), (True, False), (True, True))
_JUDGING = Confinement(60.0, 1_610_612_736)
_WORTH_ASKING = frozenset(
    {
        SubIndication.TRY_LATER,
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE,
        SubIndication.REVOKED_NO_POE,
        SubIndication.REVOKED_CA_NO_POE,
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
        SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
        SubIndication.NO_POE,
    }
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the ministry trusts and demands."""

    trust: TrustStore
    policy: Policy

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """The certificates of all anchors."""
        return tuple(one.certificate for one in self.trust.anchors)


@dataclass(frozen=True, slots=True)
class Matter:
    """One document to be judged: a file, what a detached signature signs, the moment, who must have signed, what is known."""

    path: Path
    at: datetime
    evidence: Evidence = Evidence()
    expected: tuple[ExpectedSigner, ...] = ()
    detached: Path | None = None
    grace_seconds: int | None = None
    """Instead of the policy's: how old the word about a signer may be at the proven time."""


class Examiner:
    """Judges documents and certificates; as a callable it is the line's `Verifier`."""

    def __init__(self, pool: Pool, status: StatusDesk, rules: Rules) -> None:
        self.pool, self.status, self.rules = pool, status, rules

    async def __call__(self, question: Question, /) -> Judged:
        """See `gateway.intake.verification.Verifier`."""
        async with in_memory(question.content) as path:
            judged = await self.examine(Matter(path, question.at, question.evidence, question.expected))
            names = await self._named(path, judged, question.paths)
        return replace(judged, named=names or (), names_read=names is not None)

    async def examine(self, matter: Matter) -> Judged:
        """Facts, report and the whole evidence of one document."""
        facts = await self._facts(matter)
        evidence = matter.evidence
        report = await self._judged(facts, matter, evidence)
        certificates = tuple(dict.fromkeys((*_certificates(facts), *evidence.certificates)))
        for afresh, lists_too in _ROUNDS:
            if not certificates or not self._worth_asking(report):
                break
            since = _proven(report) if afresh else None
            found = await self.status.gather(certificates, self.rules.anchors, lists_too=lists_too, since=since)
            more = merged(evidence, found)
            if more != evidence:
                evidence = more
                report = await self._judged(facts, matter, evidence)
        return Judged(facts, report, evidence)

    async def certificate(
        self, question: CertificateQuestion, since: datetime, known: Evidence = NOTHING
    ) -> tuple[CertificateVerdict, Evidence]:
        """The verdict on one certificate with what is known, and status information that we asked for since a moment."""
        evidence = known
        verdict: CertificateVerdict | None = None
        for lists_too in (False, True):
            found = await self.status.gather(
                (question.certificate, *question.others), self.rules.anchors, lists_too=lists_too, since=since
            )
            evidence = merged(evidence, found)
            ground = tasks.Ground(self.rules.trust, self.rules.policy, evidence)
            verdict = await self.pool.do(tasks.JudgeCertificate(question, ground), _JUDGING)
            if verdict.sub_indication is not SubIndication.TRY_LATER:
                break
        assert verdict is not None
        return verdict, evidence

    def _worth_asking(self, report: Report) -> bool:
        """Whether anything that can be fetched could change this verdict."""
        if not self.rules.policy.status.required and report.conclusion is not Indication.TOTAL_FAILED:
            return True
        return any(one.sub_indication in _WORTH_ASKING or _ignored_stamp(one.findings) for one in report.signatures)

    async def _facts(self, matter: Matter) -> Facts:
        size = matter.path.stat().st_size
        beside = matter.detached.stat().st_size if matter.detached is not None else 0
        bounds = confinement_for(size + beside, self.rules.policy.limits)
        try:
            task = tasks.ReadDocument(matter.path, self.rules.policy, matter.detached)
            return decode_facts(await self.pool.do(task, bounds))
        except LimitReached as stopped:
            digest = await asyncio.to_thread(_sha256, matter.path)
            seen = Observation("limits", False, f"limit: {stopped.reason}")
            return Facts(digest, size, DocumentKind.UNKNOWN, observations=(seen,))

    async def _judged(self, facts: Facts, matter: Matter, evidence: Evidence) -> Report:
        """The verdict; evidence that cannot be read within bounds is evidence that we do not have."""
        encoded = await asyncio.to_thread(tasks.facts_of, facts)
        policy = self.rules.policy
        if matter.grace_seconds is not None:
            policy = replace(policy, status=replace(policy.status, grace_seconds=matter.grace_seconds))
        for given in (evidence, matter.evidence, Evidence(existences=matter.evidence.existences)):
            ground = tasks.Ground(self.rules.trust, policy, given)
            task = tasks.JudgeDocument(encoded, ground, matter.at, matter.expected)
            try:
                return decode_report(await self.pool.do(task, _JUDGING))
            except LimitReached:
                continue
        raise SigningError("khong_phan_quyet_duoc", "Không phán quyết được trong giới hạn bộ nhớ và thời gian.")

    async def _named(self, path: Path, judged: Judged, places: tuple[str, ...]) -> tuple[str, ...] | None:
        """What the signed content names (attack C2); a document that did not pass says nothing. None: it was not found out."""
        facts, report = judged.facts, judged.report
        if not places or facts.kind is not DocumentKind.XML or report.conclusion is not Indication.TOTAL_PASSED:
            return ()
        task = tasks.NameDossiers(path, self.rules.policy, places)
        try:
            names: tuple[str, ...] = await self.pool.do(task, confinement_for(2 * facts.size, self.rules.policy.limits))
        except LimitReached:
            return None
        return names


@asynccontextmanager
async def in_memory(content: bytes) -> AsyncIterator[Path]:
    """A path under which our workers read this content; it never touches a disk, and is gone with the block."""
    handle = os.memfd_create("document", os.MFD_CLOEXEC)
    try:
        await asyncio.to_thread(_filled, handle, content)
        yield Path(f"/proc/{os.getpid()}/fd/{handle}")
    finally:
        os.close(handle)


def _filled(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _certificates(facts: Facts) -> Iterator[bytes]:
    """Those that sign and stamp first: what is asked for is bounded."""
    tokens = [*facts.document_tokens, *(token for one in facts.signatures for token in one.tokens)]
    holders: list[SignatureFacts | TokenFacts] = [*facts.signatures, *tokens]
    yield from (holder.certificate for holder in holders if holder.certificate is not None)
    for holder in holders:
        yield from holder.certificates
    yield from facts.certificates


def _proven(report: Report) -> datetime | None:
    """The latest proven time: the word about a signer must be from after it."""
    return max((one.proven_time for one in report.signatures if one.proven_time is not None), default=None)


def _ignored_stamp(findings: tuple[Finding, ...]) -> bool:
    """Whether a stamp did not count, perhaps for want of an issuer or of status information."""
    return any(one.code in ("timestamp_trusted", "timestamp_status") and not one.ok for one in findings)
