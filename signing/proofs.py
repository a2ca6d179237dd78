"""Proofs of existence: what is known, and by whom, about when each signature existed (signing facts 5.2 step 7).

A signer's own claim proves nothing. These do: the reception of the file in somebody's journal; a trusted signature time stamp; a
trusted document time stamp, or the time stamp of a later signature, that covers the signature. A time stamp proves that what it
covers is not younger; a trusted stamp that the signature itself covers proves that the signature is not older.
Each token is judged like a signature: at the best proof of its own existence, the outermost first (time sliding).
Sources: EN 319 102-1 clauses 5.4, 5.6.2; RFC 3161 2.3, 2.4.2; RFC 5816.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from signing.grounds import Grounds
from signing.model import (
    CertificateQuestion,
    CertificateVerdict,
    Covered,
    DocumentKind,
    Facts,
    Purpose,
    SignatureFacts,
    SubIndication,
    TokenFacts,
)
from signing.strength import weaknesses

Certify = Callable[[CertificateQuestion], CertificateVerdict]
"""Asks whether a certificate was good; bound to trust, evidence and policy."""

_INTEGRITY = ("content_digest", "signature_value")


@dataclass(frozen=True, slots=True)
class Proof:
    """Known to exist not later than `at`. `by`: reception, signature-timestamp, document-timestamp, archive-timestamp or
    later-signature-timestamp; `source`: whose word it is."""

    at: datetime
    by: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class JudgedToken:
    """One time-stamp token with its verdict. `broken`: it does not fit what it stands on, or is no token; `contradicts`: its
    time cannot be; `untrusted`: why its authority does not count; none of them: its time counts."""

    facts: TokenFacts
    broken: str = ""
    contradicts: str = ""
    untrusted: str = ""
    waits: bool = False
    used: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether its time counts as a proof."""
        return not (self.broken or self.contradicts or self.untrusted)

    @property
    def at(self) -> datetime:
        """The time that it states; only asked of a token that has one."""
        assert self.facts.gen_time is not None
        return self.facts.gen_time


@dataclass(frozen=True, slots=True)
class ProvenTime:
    """What is proven of one signature: `latest` it is not younger than, `earliest` it is not older than; None: unknown.

    `tokens`: its own and those that cover it, judged. `disordered`: two trusted times contradict each other.
    """

    latest: Proof | None
    earliest: datetime | None
    tokens: tuple[JudgedToken, ...]
    disordered: str = ""


@dataclass(slots=True)
class _Layer:
    """Something that covers the file up to `end`: a signature or a document time stamp, with its judged tokens."""

    end: int
    signature: SignatureFacts | None
    tokens: list[JudgedToken] = field(default_factory=list)
    vouched: bool | None = None


def prove(facts: Facts, grounds: Grounds, certify: Certify) -> dict[int, ProvenTime]:
    """What is proven of each signature, by its index in the facts."""
    ledger = _Ledger(facts, grounds, certify)
    ledger.judge_tokens()
    return {index: ledger.proven(signature) for index, signature in enumerate(facts.signatures)}


def revision_end(kind: DocumentKind, covered: Covered | None) -> int:
    """How far into a PDF something covers; -1 where it covers nothing and in other formats, which have no revisions."""
    if kind is not DocumentKind.PDF or covered is None:
        return -1
    return max((end for _, end in covered.ranges), default=-1)


class _Ledger:
    """The proofs of one document, gathered from the outermost layer inwards."""

    def __init__(self, facts: Facts, grounds: Grounds, certify: Certify) -> None:
        self._facts = facts
        self._grounds = grounds
        self._certify = certify
        self._skew = timedelta(seconds=grounds.policy.time.skew_seconds)
        known = [one for one in grounds.evidence.existences if one.at <= grounds.at]
        self._known = sorted(known, key=lambda one: (one.at, one.source, one.sha256))
        layers = [_Layer(revision_end(facts.kind, one.covered), one) for one in facts.signatures]
        layers += [_Layer(revision_end(facts.kind, one.covered), None) for one in facts.document_tokens]
        self._layers = layers
        self._stamps = dict(zip(range(len(facts.signatures), len(layers)), facts.document_tokens, strict=True))

    def judge_tokens(self) -> None:
        """Outermost first, so that each token is judged at the best proof of its own existence."""
        for index in sorted(range(len(self._layers)), key=lambda one: (-self._layers[one].end, one)):
            layer = self._layers[index]
            if layer.signature is None:
                layer.tokens.append(self._judged(self._stamps[index], self._proofs_around(layer.end)))
                continue
            around = self._proofs_around(layer.end) + self._named(layer.signature)
            archive = [one for one in layer.signature.tokens if one.kind == "archive"]
            layer.tokens += [self._judged(one, around) for one in archive]
            inner = around + [Proof(one.at, "archive-timestamp") for one in layer.tokens if one.good]
            layer.tokens += [self._judged(one, inner) for one in layer.signature.tokens if one.kind != "archive"]

    def proven(self, signature: SignatureFacts) -> ProvenTime:
        """The best proof of one signature, what it is younger than, and the tokens that have a say in it."""
        layer = next(one for one in self._layers if one.signature is signature)
        own = [one for one in layer.tokens if one.facts.kind != "content"]
        proofs = self._proofs_around(layer.end) + self._named(signature)
        proofs += [Proof(one.at, f"{one.facts.kind}-timestamp", one.facts.serial) for one in own if one.good]
        latest = min(proofs, key=lambda one: (one.at, one.by, one.source), default=None)
        before = [one.at for one in layer.tokens if one.good and one.facts.kind == "content"]
        if layer.end >= 0 and _intact(signature):
            inner = [one for one in self._layers if 0 <= one.end < layer.end]
            before += [token.at for one in inner for token in one.tokens if token.good]
        earliest = max(before, default=None)
        disordered = ""
        if latest is not None and earliest is not None and earliest > latest.at + self._skew:
            disordered = f"made after {earliest.isoformat()} and before {latest.at.isoformat()}"
        outer = [token for one in self._layers if self._covers(one, layer.end) for token in one.tokens]
        return ProvenTime(latest, earliest, (*layer.tokens, *outer), disordered)

    def _covers(self, layer: _Layer, end: int) -> bool:
        return layer.signature is None and 0 <= end < layer.end

    def _proofs_around(self, end: int) -> list[Proof]:
        """Proofs of everything in the file up to `end`: reception, and the layers outside that are judged already."""
        whole = self._facts.sha256
        proofs = [Proof(one.at, "reception", one.source) for one in self._known if one.sha256 == whole]
        for layer in self._layers:
            if not 0 <= end < layer.end:
                continue
            by = "document-timestamp" if layer.signature is None else "later-signature-timestamp"
            kept = [one for one in layer.tokens if one.good and one.facts.kind != "content"]
            if kept and layer.signature is not None and not self._vouched(layer, layer.signature, kept):
                continue
            proofs += [Proof(one.at, by, one.facts.serial) for one in kept]
        return proofs

    def _vouched(self, layer: _Layer, signature: SignatureFacts, stamps: list[JudgedToken]) -> bool:
        """Whether a signature binds what it covers to its value, which is all that its stamps cover.

        Its key must have been certified by then: to an old stamped value anybody finds a key that makes it fit new content.
        """
        if layer.vouched is None:
            layer.vouched = _intact(signature) and signature.certificate is not None
            if layer.vouched and signature.certificate is not None:
                question = CertificateQuestion(
                    certificate=signature.certificate,
                    purpose=Purpose.SIGNER,
                    proven=min(one.at for one in stamps),
                    at=self._grounds.at,
                    domains=self._grounds.policy.domains,
                    others=tuple(sorted({*signature.certificates, *self._facts.certificates})),
                )
                layer.vouched = self._certify(question).sub_indication is None
        return layer.vouched

    def _named(self, signature: SignatureFacts) -> list[Proof]:
        """Receptions that name the signature's value rather than the file."""
        digest = sha256(signature.signature_value).hexdigest() if signature.signature_value else ""
        return [Proof(one.at, "reception", one.source) for one in self._known if one.sha256 == digest]

    def _judged(self, token: TokenFacts, proofs: list[Proof]) -> JudgedToken:
        failed = [f"{one.code} {one.detail}".strip() for one in token.observations if not one.ok]
        if failed or token.gen_time is None or token.certificate is None or not token.observations:
            return JudgedToken(token, broken=", ".join(failed) or "nothing was checked")
        exists = min([one.at for one in proofs], default=self._grounds.at)
        if token.gen_time > exists + self._skew + timedelta(seconds=token.accuracy_seconds):
            return JudgedToken(token, contradicts=f"{token.gen_time.isoformat()} is after {exists.isoformat()}")
        return self._trusted(token, exists)

    def _trusted(self, token: TokenFacts, exists: datetime) -> JudgedToken:
        rules = self._grounds.policy
        assert token.certificate is not None
        if rules.time.policy_oids and token.policy_oid not in rules.time.policy_oids:
            return JudgedToken(token, untrusted=f"policy {token.policy_oid}")
        # The name of a certificate is no proof of anything: its key must verify all the same.
        named = {("certificate-digest", digest) for digest in rules.time.reference_digests}
        uses = [one for one in token.algorithms if (one.place, one.name) not in named]
        weak = weaknesses(uses, token.certificate, rules.algorithms, exists)
        if weak:
            return JudgedToken(token, untrusted="; ".join(one.reason for one in weak))
        verdict = self._certify(
            CertificateQuestion(
                certificate=token.certificate,
                purpose=Purpose.TIMESTAMP,
                proven=min(exists, self._grounds.at),
                at=self._grounds.at,
                domains=rules.time.domains,
                others=tuple(sorted({*token.certificates, *self._facts.certificates})),
            )
        )
        failed = verdict.sub_indication
        waits = failed is SubIndication.TRY_LATER
        return JudgedToken(token, untrusted=failed.value if failed else "", waits=waits, used=verdict.used)


def _intact(signature: SignatureFacts) -> bool:
    """Whether what it covers is bound to it: only then a proof of the signature is one of its content."""
    held = {one.code for one in signature.observations if one.ok}
    failed = {one.code for one in signature.observations if not one.ok}
    return all(code in held and code not in failed for code in _INTEGRITY)
