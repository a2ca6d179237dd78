"""Statements about a certificate's status that may be believed: lists and responses whose signer was entitled to speak.

A list counts when it is signed by the very key that issued the certificate, or by another certificate of the same issuer (or of
the indirect issuer that the certificate names) with a sound path to the same anchor; a response, when it is signed by the
issuer's key or by a delegate that this key appointed. Sources: RFC 5280 6.3.3, RFC 6960 4.2.2.2, EN 319 102-1 5.2.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from signing.chain.certificates import ReadCertificate
from signing.chain.lists import ReadCrl, Revocation
from signing.chain.responses import ReadOcsp, Single
from signing.chain.scope import REASONS, named_issuers, reasons_covered
from signing.chain.search import Edges, Path, Search
from signing.chain.strength import signed_by, weakness_of_algorithm, weakness_of_key
from signing.chain.walking import walk
from signing.policy import PathRules, Policy

OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
_MAX_NESTING = 3
_MAX_ISSUER_PATHS = 4
_MAX_ENTITLEMENTS = 256
_MAX_STRANGERS = 512
_ANY_POLICY = PathRules()


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that somebody entitled said of one certificate. `reasons`: those for which it speaks; `sources`: digests of
    the lists, responses and certificates it rests on."""

    sources: tuple[str, ...]
    this_update: datetime
    next_update: datetime | None
    reasons: frozenset[str]
    revocation: Revocation | None
    expired_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one certificate at the proven time. `known` False: nobody entitled and fresh said anything.

    `revoked`: it had stopped counting by then. `hold`: it was suspended. `later`: revoked, but only after the proven time.
    `detail` for experts, `statements` those relied on.
    """

    known: bool
    revoked: Revocation | None = None
    hold: bool = False
    later: Revocation | None = None
    detail: str = ""
    statements: tuple[Statement, ...] = ()


@dataclass(slots=True)
class StatusEvidence:
    """All lists and responses of one judgement, and the times they are held against.

    `anchors` and `others`: certificates from which paths of list issuers may be built. `ignored`: what was set aside, and why.
    """

    policy: Policy
    proven: datetime
    at: datetime
    anchors: tuple[ReadCertificate, ...]
    others: tuple[ReadCertificate, ...]
    crls: tuple[ReadCrl, ...]
    ocsps: tuple[ReadOcsp, ...]
    edges: Edges
    ignored: dict[str, str] = field(default_factory=dict)
    _judging: set[str] = field(default_factory=set)
    _known: dict[tuple[str, ...], Standing] = field(default_factory=dict)
    _left: int = _MAX_ENTITLEMENTS
    _strangers: int = _MAX_STRANGERS

    def standing(self, path: Path) -> Standing:
        """The standing of the first certificate of this path (leaf first, anchor last, at least two)."""
        key = tuple(one.sha256 for one in path)
        if key in self._known:
            return self._known[key]
        if path[0].sha256 in self._judging or len(self._judging) >= _MAX_NESTING:
            return Standing(known=False, detail="its status would rest on itself")
        self._judging.add(path[0].sha256)
        decided = self._decided(path)
        self._judging.discard(path[0].sha256)
        if not self._judging:  # an answer given while another was open may have been cut short: it is not kept
            self._known[key] = decided
        return decided

    def _decided(self, path: Path) -> Standing:
        latest = self.at + timedelta(seconds=self.policy.time.skew_seconds)
        told = [one for one in (*self._listed(path), *self._answered(path)) if one.this_update <= latest]
        ended = [one for one in told if one.revocation is not None and not one.revocation.hold]
        revoked = [one for one in ended if one.revocation is not None and one.revocation.at <= self.proven]
        if revoked:
            first = min(revoked, key=_revoked_at)
            return Standing(known=True, revoked=first.revocation, statements=(first,))
        held = [one for one in told if self._suspended(one, told)]
        if held:
            since = min(map(_revoked_at, held)).isoformat()
            return Standing(known=True, hold=True, detail=f"on hold since {since}", statements=tuple(held))
        good = [one for one in told if self._counts(one, path)]
        if frozenset[str]().union(*(one.reasons for one in good)) != REASONS:
            return Standing(known=False, detail=self._lack(told, path), statements=tuple(good))
        after = min(ended, key=_revoked_at, default=None)
        used = (*good, after) if after is not None and after not in good else tuple(good)
        return Standing(known=True, later=None if after is None else after.revocation, statements=used)

    def _suspended(self, one: Statement, told: list[Statement]) -> bool:
        if one.revocation is None or not one.revocation.hold or one.revocation.at > self.proven:
            return False
        return not any(
            newer.this_update > one.this_update and newer.revocation is None and "certificate_hold" in newer.reasons
            for newer in told
        )

    def _counts(self, one: Statement, path: Path) -> bool:
        """Whether a word of not (yet) revoked reaches the proven time and is fresh for it."""
        rules = self.policy.status
        until = one.next_update or one.this_update + timedelta(seconds=rules.max_age_seconds)
        if until < self.proven:
            return False
        subject = path[0]
        # What is proven to be earlier asks for a word from after that proof: an older one may have missed a revocation that was
        # already told. Without a proof the moment is now, and the word that is current now is the newest there can be.
        # Authorities write whole seconds, stamps do not: a word of the same second is not from before it.
        since = (self.proven - timedelta(seconds=rules.grace_seconds)).replace(microsecond=0)
        if not subject.is_authority and self.proven < self.at and one.this_update < since:
            return False
        if one.this_update <= subject.not_after or one.revocation is not None:
            return True
        return one.expired_since is not None and one.expired_since <= subject.not_after

    def _lack(self, told: list[Statement], path: Path) -> str:
        if not told:
            return "no list or response about it"
        if any(self._counts(one, path) for one in told):
            return "lists for some reasons are missing"
        return f"stale: the newest was issued {max(one.this_update for one in told).isoformat()}"

    def _listed(self, path: Path) -> Iterator[Statement]:
        subject, issuer = path[0], path[1]
        wanted = {subject.issuer} | named_issuers(subject)
        lists = [one for one in self.crls if one.issuer in wanted]
        for crl in lists:
            reasons = reasons_covered(subject, crl)
            if crl.base is not None or not reasons:
                continue
            signer = self._list_signer(crl, path)
            if signer is None:
                continue
            sources = (crl.sha256,) if signer is issuer else (crl.sha256, signer.sha256)
            entry = crl.entry(subject.serial, subject.issuer)
            since = crl.expired_since
            yield Statement(sources, crl.this_update, crl.next_update, reasons, entry, since)
            for delta in lists:
                if _completes(delta, crl) and self._accepted(delta, signer):
                    changed = delta.entry(subject.serial, subject.issuer) or entry
                    now = None if changed is not None and changed.removed else changed
                    both = (*sources, delta.sha256)
                    yield Statement(both, delta.this_update, delta.next_update, reasons, now, since)

    def _list_signer(self, crl: ReadCrl, path: Path) -> ReadCertificate | None:
        issuer = path[1]
        if crl.issuer == issuer.subject and _may_sign_lists(issuer) and self._accepted(crl, issuer):
            return issuer
        for one in (*self.anchors, *self.others):
            if (
                one.subject != crl.issuer
                or one.fault
                or one.key == issuer.key
                or "crl_sign" not in (one.key_usages or ())
            ):
                continue  # somebody else than the issuer's key must say in so many words that it signs lists
            self._strangers -= 1
            if self._strangers < 0:
                break
            if self._accepted(crl, one) and self._entitled(one, crl, path):
                return one
        self.ignored.setdefault(crl.sha256, "signed by nobody entitled")
        return None

    def _accepted(self, crl: ReadCrl, signer: ReadCertificate) -> bool:
        """Sound, strong enough, and signed by this key."""
        if crl.fault:
            self.ignored.setdefault(crl.sha256, crl.fault)
            return False
        algorithm = crl.asn1["signature_algorithm"]
        weak = weakness_of_algorithm(algorithm, self.policy.algorithms, self.proven) or weakness_of_key(
            signer.key, self.policy.algorithms
        )
        if weak is not None:
            self.ignored.setdefault(crl.sha256, weak.reason)
            return False
        return _list_signed(crl, signer.key)

    def _entitled(self, signer: ReadCertificate, crl: ReadCrl, path: Path) -> bool:
        """Whether a list issuer other than the certificate's own key may speak: a sound path to the same anchor."""
        anchor = path[-1]
        if signer.sha256 == anchor.sha256:
            return True
        self._left -= 1
        if self._left < 0:
            return False
        search = Search((anchor,), self.others, self.policy.path.max_length, _MAX_ISSUER_PATHS, self.edges)
        for found in search.paths(signer):
            if crl.issuer == path[0].issuer and _lineage(found) != _lineage(path[1:]):
                continue
            if self._sound(found, path[0]):
                return True
        return False

    def _sound(self, path: Path, asked: ReadCertificate) -> bool:
        """`asked`: whose status the list is wanted for. A list issuer whom its authority lets speak of itself may do so."""
        below = path[:-1]
        if any(one.fault or not one.valid_at(self.proven) for one in below) or walk(path, _ANY_POLICY).broken:
            return False
        standings = [self.standing(path[place:]) for place, one in enumerate(below) if one.sha256 != asked.sha256]
        return all(one.known and one.revoked is None and not one.hold for one in standings)

    def _answered(self, path: Path) -> Iterator[Statement]:
        subject, issuer = path[0], path[1]
        for response in self.ocsps:
            singles = response.about(subject, issuer)
            signer = self._responder(response, path) if singles else None
            if signer is None:
                continue
            for one in singles:
                statement = self._answer(response, one, signer, issuer)
                if statement is not None:
                    yield statement

    def _answer(
        self, response: ReadOcsp, single: Single, signer: ReadCertificate, issuer: ReadCertificate
    ) -> Statement | None:
        skew = timedelta(seconds=self.policy.time.skew_seconds)
        if single.this_update > response.produced_at + skew or response.produced_at > self.at + skew:
            self.ignored.setdefault(response.sha256, "its times contradict each other or lie in the future")
            return None
        if not single.good and single.revocation is None:
            self.ignored.setdefault(response.sha256, "status unknown")
            return None
        return Statement(
            sources=(response.sha256,) if signer is issuer else (response.sha256, signer.sha256),
            this_update=single.this_update,
            next_update=single.next_update,
            reasons=REASONS,
            revocation=single.revocation,
            expired_since=single.expired_since,
        )

    def _responder(self, response: ReadOcsp, path: Path) -> ReadCertificate | None:
        issuer = path[1]
        weak = weakness_of_algorithm(response.algorithm, self.policy.algorithms, self.proven)
        if response.fault or weak is not None:
            self.ignored.setdefault(response.sha256, response.fault or (weak.reason if weak else ""))
            return None
        if response.names(issuer) and _signed(response, issuer):
            return issuer
        for one in (*response.certificates, *self.others):
            if response.names(one) and self._appointed(one, response, path) and _signed(response, one):
                return one
        self.ignored.setdefault(response.sha256, "signed by nobody entitled")
        return None

    def _appointed(self, delegate: ReadCertificate, response: ReadOcsp, path: Path) -> bool:
        """RFC 6960 4.2.2.2: issued directly by this issuer's key, for this purpose, valid when it answered, not revoked."""
        own = (delegate, *path[1:])
        usages = delegate.key_usages
        if delegate.fault or OCSP_SIGNING not in (delegate.extended_key_usages or ()):
            return False
        if usages is not None and not usages & {"digital_signature", "non_repudiation"}:
            return False
        if delegate.issuer != path[1].subject or not self.edges.signed(delegate, path[1]):
            return False
        rules = self.policy.algorithms
        algorithm = delegate.asn1["signature_algorithm"]
        if weakness_of_key(delegate.key, rules) or weakness_of_algorithm(algorithm, rules, self.proven):
            return False
        if not delegate.valid_at(response.produced_at) or walk(own, _ANY_POLICY).broken:
            return False
        standing = self.standing(own)
        if standing.revoked is not None or standing.hold:
            return False
        return standing.known or delegate.asn1.ocsp_no_check_value is not None


def _completes(delta: ReadCrl, complete: ReadCrl) -> bool:
    """RFC 5280 6.3.3 (c) and 5.2.4: same issuer, scope and key; numbers that fit together."""
    if delta.base is None or delta.number is None or complete.number is None:
        return False
    same = (delta.issuer, delta.scope_der, delta.key_identifier) == (
        complete.issuer,
        complete.scope_der,
        complete.key_identifier,
    )
    return same and delta.base <= complete.number < delta.number


def _may_sign_lists(certificate: ReadCertificate) -> bool:
    usages = certificate.key_usages
    return usages is None or "crl_sign" in usages


@lru_cache(maxsize=512)
def _list_signed(crl: ReadCrl, key: bytes) -> bool:
    """Remembered, like the list itself."""
    content = crl.asn1["tbs_cert_list"].dump()
    return signed_by(key, crl.asn1["signature_algorithm"], content, crl.asn1["signature"].native)


@lru_cache(maxsize=256)
def _signed(response: ReadOcsp, signer: ReadCertificate) -> bool:
    return signed_by(signer.key, response.algorithm, response.content, response.signature)


def _lineage(path: Path) -> list[str]:
    names: list[str] = []
    for one in path:
        if not names or names[-1] != one.subject:
            names.append(one.subject)
    return names


def _revoked_at(one: Statement) -> datetime:
    assert one.revocation is not None
    return one.revocation.at
