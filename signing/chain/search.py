"""The bounded search for paths from a certificate to the anchors: shortest first, every step proved by a signature.

The work is counted, not timed, so that the same input gives the same answer on any machine; an adversarial graph ends the
search and says so (signing facts 8.2(13)). Names are compared by RFC 5280 7.1 and never decide alone: the key does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from signing.chain.certificates import ReadCertificate
from signing.chain.strength import signed_by

Path = tuple[ReadCertificate, ...]
"""Leaf first, anchor last; one element when the certificate is itself an anchor."""

_MAX_SIGNATURES = 256
_MAX_STEPS = 512


@dataclass(slots=True)
class Edges:
    """Who signed whom, found out once for each pair; at most so many signatures are tried."""

    left: int = _MAX_SIGNATURES
    _known: dict[tuple[str, bytes], bool] = field(default_factory=dict)

    def signed(self, issued: ReadCertificate, issuer: ReadCertificate) -> bool:
        """Whether the issuer's key made the signature on the certificate; False once the search has used up its tries."""
        pair = (issued.sha256, issuer.key)
        if pair not in self._known:
            if self.left <= 0:
                return False
            self.left -= 1
            self._known[pair] = _signed(issued, issuer.key)
        return self._known[pair]


@lru_cache(maxsize=1_024)
def _signed(issued: ReadCertificate, key: bytes) -> bool:
    """Remembered: a pure function of two byte strings, and a chain comes again with every document of the same signer."""
    parsed = issued.asn1
    content = parsed["tbs_certificate"].dump()
    return signed_by(key, parsed["signature_algorithm"], content, parsed["signature_value"].native)


@dataclass(slots=True)
class Search:
    """One search. `exhausted` is set when it ended at a bound, not because there was nothing more to find.

    `anchors` and `others` in a fixed order. `max_length` counts certificates without the anchor; `max_paths` those given out.
    """

    anchors: tuple[ReadCertificate, ...]
    others: tuple[ReadCertificate, ...]
    max_length: int
    max_paths: int
    edges: Edges = field(default_factory=Edges)
    exhausted: bool = False
    _by_subject: dict[str, list[ReadCertificate]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.others:
            self._by_subject.setdefault(one.subject, []).append(one)

    def paths(self, leaf: ReadCertificate) -> Iterator[Path]:
        """Paths to anchors, shortest first, lazily: who is content with one pays for no other."""
        if any(anchor.sha256 == leaf.sha256 for anchor in self.anchors):
            yield (leaf,)
        waiting: deque[Path] = deque([(leaf,)])
        found = steps = 0
        while waiting:
            path = waiting.popleft()
            for anchor in self._issuers(path, self.anchors):
                yield (*path, anchor)
                found += 1
                if found >= self.max_paths:
                    self.exhausted = True
                    return
            steps += 1
            if steps >= _MAX_STEPS or self.edges.left <= 0:
                self.exhausted = True
                return
            longer = [(*path, issuer) for issuer in self._issuers(path, self._by_subject.get(path[-1].issuer, ()))]
            if longer and len(path) >= self.max_length:
                self.exhausted = True
                continue
            waiting.extend(longer)

    def _issuers(self, path: Path, among: Sequence[ReadCertificate]) -> Iterator[ReadCertificate]:
        head = path[-1]
        identities = {(one.subject, one.key) for one in path}
        candidates = [one for one in among if one.subject == head.issuer and (one.subject, one.key) not in identities]
        candidates.sort(key=lambda one: (not _named_by(head, one), one.sha256))
        for one in candidates:
            if self.edges.signed(head, one):
                yield one


def _named_by(issued: ReadCertificate, issuer: ReadCertificate) -> bool:
    return issued.authority_key_identifier is not None and issued.authority_key_identifier == issuer.key_identifier
