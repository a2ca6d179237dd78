"""The answer to one question about a certificate: every path within bounds is tried, the first that holds is the answer.

Judged at the proven time (EN 319 102-1 5.2.6, 5.6.2): a certificate that has expired or was revoked since is still good for what
is proven to be earlier. Where a certificate above has expired or was revoked since, the status below it must be proven to be
older than that, because its key may have been in other hands since then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from signing.catalogue import finding_rows, sub_indication_rows
from signing.chain.certificates import ReadCertificate, read_certificate, read_certificates
from signing.chain.lists import read_crl
from signing.chain.responses import read_ocsp
from signing.chain.search import Edges, Path, Search
from signing.chain.status import Standing, StatusEvidence
from signing.chain.strength import weakness_of_algorithm, weakness_of_key
from signing.chain.usage import forbidden_use, oddities
from signing.chain.walking import walk
from signing.identity import displayed
from signing.model import (
    CertificateQuestion,
    CertificateVerdict,
    Evidence,
    Finding,
    Indication,
    SubIndication,
    TrustDomain,
)
from signing.policy import Policy
from signing.strength import Weak
from signing.trust import Anchor, TrustStore

_MAX_OTHERS = 256
_MAX_LISTS = 256

_ORDER = (
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE,
    SubIndication.CHAIN_CONSTRAINTS_FAILURE,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
    SubIndication.NOT_YET_VALID,
    SubIndication.EXPIRED,
    SubIndication.REVOKED,
    SubIndication.OUT_OF_BOUNDS_NO_POE,
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
    SubIndication.REVOKED_CA_NO_POE,
    SubIndication.REVOKED_NO_POE,
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    SubIndication.TRY_LATER,
)
"""From the farthest to the nearest to a pass. One path's answer is its first in this order (a proven failure before all), so
that TRY_LATER means: all else holds. Among paths the one that came nearest is reported."""


@dataclass(frozen=True, slots=True)
class _Judged:
    path: Path
    findings: tuple[Finding, ...]
    sub_indication: SubIndication | None
    used: frozenset[str]


def judge_certificate(
    question: CertificateQuestion, trust: TrustStore, evidence: Evidence, policy: Policy
) -> CertificateVerdict:
    """Whether this certificate was good for this purpose at the proven time (RFC 5280, RFC 6960, EN 319 102-1 5.2.6).

    Never raises over content. Same question, trust, evidence and policy give the same verdict whatever their order.
    """
    leaf = read_certificate(question.certificate)
    if leaf is None or leaf.fault:
        detail = "unreadable" if leaf is None else leaf.fault
        return _verdict(
            None,
            _Judged(
                (), (_finding("certificate_form", ok=False, detail=detail),), _row("certificate_form"), frozenset()
            ),
        )
    best: tuple[TrustDomain, _Judged] | None = None
    absent: list[Finding] = []
    for domain in sorted(question.domains):
        judging = _Judging(question, domain, trust, evidence, policy)
        for judged in judging.answers(leaf):
            if judged.sub_indication is None:
                return _verdict(domain, judged)
            if best is None or _nearness(judged) > _nearness(best[1]):
                best = (domain, judged)
        absent.append(judging.no_path(leaf))
    if best is not None:
        return _verdict(*best)
    findings = tuple(absent) or (_finding("chain", ok=False, detail="no domain is accepted"),)
    nearest = max((_row(one.code) for one in findings), key=lambda one: -1 if one is None else _ORDER.index(one))
    return _verdict(None, _Judged((), findings, nearest, frozenset()))


class _Judging:
    """One question in one domain: the anchors that count, the search, and the judgement of each path it gives."""

    def __init__(
        self, question: CertificateQuestion, domain: TrustDomain, trust: TrustStore, evidence: Evidence, policy: Policy
    ) -> None:
        self.question = question
        self.domain = domain
        self.policy = policy
        mine = {one.sha256: (one, rule) for one, rule in _anchors(trust, domain)}
        anchors = [mine[digest] for digest in sorted(mine)]
        self._counting = tuple(one for one, rule in anchors if _counts(rule, one, question.proven))
        self._ended = tuple(one for one, rule in anchors if _ended(rule, one, question.proven))
        # What the relying party knows comes first: a document full of certificates cannot crowd it out of the bound.
        given = dict.fromkeys((*read_certificates(evidence.certificates), *read_certificates(question.others)))
        self._known = tuple(given)
        self._others = tuple(one for one in given if not one.fault)[:_MAX_OTHERS]
        self._existences = _earliest(evidence)
        edges = Edges()
        path_rules = policy.path
        self._search = Search(self._counting, self._others, path_rules.max_length, path_rules.max_paths, edges)
        self.status = StatusEvidence(
            policy=policy,
            proven=question.proven,
            at=question.at,
            anchors=self._counting,
            others=self._others,
            crls=tuple(one for one in map(read_crl, sorted(set(evidence.crls))[:_MAX_LISTS]) if one is not None),
            ocsps=tuple(one for one in map(read_ocsp, sorted(set(evidence.ocsps))[:_MAX_LISTS]) if one is not None),
            edges=edges,
        )

    def answers(self, leaf: ReadCertificate) -> Iterator[_Judged]:
        """The judgement of every path, shortest first."""
        for path in self._search.paths(leaf):
            yield self._judged(path)

    def no_path(self, leaf: ReadCertificate) -> Finding:
        """Why no path passed for want of one; asked after `answers` gave none that pass."""
        if self._search.exhausted:
            return _finding("chain_search", ok=False, detail=str(self.domain))
        rules = self.policy.path
        earlier = Search(self._ended, self._others, rules.max_length, rules.max_paths, self.status.edges)
        if next(earlier.paths(leaf), None) is not None:
            return _finding("anchor_time", ok=False, detail=str(self.domain))
        broken = [_short(one, one.fault) for one in self._known if one.fault]
        return _finding("chain", ok=False, detail="; ".join([f"no path to an anchor of {self.domain}", *broken[:4]]))

    def _judged(self, path: Path) -> _Judged:
        findings = [_finding("chain", ok=True, detail=f"{self.domain}, {len(path)} certificates")]
        walked = walk(path, self.policy.path)
        detail = displayed(walked.broken or ", ".join(sorted(walked.policies)))  # the library quotes names as they are
        findings.append(_finding("chain_constraints", ok=not walked.broken, detail=detail))
        misuse = list(forbidden_use(path[0], self.question.purpose, self.policy.path))
        findings.extend(_finding(code, ok=False, detail=detail) for code, detail in misuse)
        if not misuse:
            findings.append(_finding("usage", ok=True))
        findings.extend(self._strength(path))
        findings.extend(self._validity(path))
        used = {one.sha256 for one in path[:-1]}
        if _decisive(findings) not in _BEFORE_STATUS:
            for finding, sources in self._statuses(path):
                findings.append(finding)
                used.update(sources)
            findings.extend(self._set_aside())
        findings.extend(
            _finding(code, ok=False, detail=detail)
            for code, detail in oddities(path, self.domain, self.question.purpose, self._known)
        )
        return _Judged(path, tuple(findings), _decisive(findings), frozenset(used))

    def _strength(self, path: Path) -> Iterator[Finding]:
        rules, moment = self.policy.algorithms, self.question.proven
        found: list[tuple[ReadCertificate, Weak]] = []
        for one in path[:-1]:
            weak = weakness_of_algorithm(one.asn1["signature_algorithm"], rules, moment)
            found.extend([(one, weak)] if weak else [])
        for one in path:
            weak = weakness_of_key(one.key, rules)
            found.extend([(one, weak)] if weak else [])
        for one, weak in found:
            code = "chain_algorithms_outdated" if weak.outdated else "chain_algorithms"
            yield _finding(code, ok=False, detail=_short(one, weak.reason))
        if not found:
            yield _finding("chain_algorithms", ok=True)

    def _validity(self, path: Path) -> Iterator[Finding]:
        proven, earliest = self.question.proven, self.question.created_after
        bad = [one for one in path[:-1] if not one.valid_at(proven)]
        for one in bad:
            period = _short(one, f"{one.not_before.isoformat()} to {one.not_after.isoformat()}")
            if proven < one.not_before:
                yield _finding("certificate_started", ok=False, detail=period)
            elif earliest is not None and earliest > one.not_after:
                yield _finding("certificate_not_expired", ok=False, detail=period)
            elif one is path[0] and self._not_revoked_at_end(path):
                yield _finding("certificate_validity_known", ok=False, detail=period)
            else:
                yield _finding("certificate_validity", ok=False, detail=period)
        if not bad:
            yield _finding("certificate_validity", ok=True)

    def _not_revoked_at_end(self, path: Path) -> bool:
        if len(path) < 2:
            return False
        standing = self.status.standing(path)
        return standing.known and standing.revoked is None and not standing.hold

    def _statuses(self, path: Path) -> Iterator[tuple[Finding, tuple[str, ...]]]:
        """From below the anchor down to the leaf: a certificate's end bounds what may be believed below it."""
        revoked_at: datetime | None = None
        expired_at: datetime | None = None
        for place in range(len(path) - 2, -1, -1):
            one = path[place]
            standing = self.status.standing(path[place:])
            sources = tuple(source for statement in standing.statements for source in statement.sources)
            finding = self._status_finding(one, standing, leaf=place == 0)
            between = (one.sha256,) if place else ()  # what is asked about is proven itself; those between must be too
            if finding.ok and not self._old_enough(standing, revoked_at, between):
                finding = _finding(
                    "authority_not_revoked", ok=False, detail=_short(one, "status not proven to be older")
                )
            elif finding.ok and not self._old_enough(standing, expired_at):
                finding = _finding(
                    "revocation_in_bounds", ok=False, detail=_short(one, "status not proven to be older")
                )
            yield finding, sources
            if standing.later is not None and standing.later.at <= self.question.at:
                revoked_at = min(standing.later.at, revoked_at or standing.later.at)
            if one.not_after < self.question.at:
                expired_at = min(one.not_after, expired_at or one.not_after)

    def _status_finding(self, one: ReadCertificate, standing: Standing, *, leaf: bool) -> Finding:
        if standing.revoked is not None:
            detail = _short(one, f"{standing.revoked.reason} {standing.revoked.at.isoformat()}")
            after = self.question.created_after
            if leaf and after is not None and after >= standing.revoked.at:
                return _finding("not_revoked", ok=False, detail=detail)
            return _finding("not_revoked_before_proof" if leaf else "authority_not_revoked", ok=False, detail=detail)
        if standing.hold:
            return _finding("not_on_hold", ok=False, detail=_short(one, standing.detail))
        if not standing.known:
            code = "revocation" if self.policy.status.required else "revocation_unchecked"
            return _finding(code, ok=False, detail=_short(one, standing.detail))
        later = standing.later
        detail = "" if later is None else f"revoked later: {later.reason} {later.at.isoformat()}"
        return _finding("revocation", ok=True, detail=_short(one, detail))

    def _old_enough(self, standing: Standing, end: datetime | None, also: tuple[str, ...] = ()) -> bool:
        """Whether what was relied on is proven to have existed before a certificate above stopped counting."""
        if end is None:
            return True
        sources = [*also, *(statement.sources[0] for statement in standing.statements)]
        return all(source in self._existences and self._existences[source] < end for source in sources)

    def _set_aside(self) -> Iterator[Finding]:
        for digest, reason in sorted(self.status.ignored.items()):
            yield _finding("revocation_source", ok=False, detail=f"{digest[:16]}: {reason}")


_BEFORE_STATUS = frozenset(
    {
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
        SubIndication.NOT_YET_VALID,
    }
)
"""What no status can mend: the question is answered, and no list is read for it."""


def _anchors(trust: TrustStore, domain: TrustDomain) -> Iterator[tuple[ReadCertificate, Anchor]]:
    for one in trust.anchors:
        certificate = read_certificate(one.certificate) if one.domain is domain else None
        if certificate is not None and not certificate.fault:
            yield certificate, one


def _counts(anchor: Anchor, certificate: ReadCertificate, moment: datetime) -> bool:
    """Whether the anchor counts at the moment; where the operator gave no dates, its own validity holds."""
    return (anchor.valid_from or certificate.not_before) <= moment and not _ended(anchor, certificate, moment)


def _ended(anchor: Anchor, certificate: ReadCertificate, moment: datetime) -> bool:
    """Whether the anchor counted once and no longer does: what is proven to be older may still rest on it."""
    if anchor.distrust_after is not None and moment >= anchor.distrust_after:
        return True
    return moment >= anchor.valid_until if anchor.valid_until is not None else moment > certificate.not_after


def _earliest(evidence: Evidence) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for one in evidence.existences:
        found[one.sha256] = min(one.at, found.get(one.sha256, one.at))
    return found


def _finding(code: str, *, ok: bool, detail: str = "") -> Finding:
    row = finding_rows()[code]
    return Finding(code, ok, row.ok_vi if ok else row.failed_vi, detail)


def _row(code: str) -> SubIndication | None:
    return finding_rows()[code].on_failure


def _decisive(findings: list[Finding] | tuple[Finding, ...]) -> SubIndication | None:
    """The one sub-indication that all failed findings together mean."""
    meant = [sub for sub in (_row(one.code) for one in findings if not one.ok) if sub is not None]
    proven = [one for one in meant if sub_indication_rows()[one].indication is Indication.TOTAL_FAILED]
    return min(proven or meant, key=_ORDER.index, default=None)


def _nearness(judged: _Judged) -> int:
    return -1 if judged.sub_indication is None else _ORDER.index(judged.sub_indication)


def _short(one: ReadCertificate, detail: str = "") -> str:
    """Which certificate, by a name that cannot deceive and by the beginning of its digest, and what was seen of it."""
    named = f"{displayed(one.common_name, 60)} ({one.sha256[:16]})"
    return f"{named}: {detail}" if detail else named


def _verdict(domain: TrustDomain | None, judged: _Judged) -> CertificateVerdict:
    return CertificateVerdict(
        domain=domain,
        path=tuple(one.der for one in judged.path),
        sub_indication=judged.sub_indication,
        findings=judged.findings,
        used=tuple(sorted(judged.used)),
    )
