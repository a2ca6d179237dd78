"""A case: who signs what, stamped how, judged on which grounds, and every outcome that is right.

Documents are CMS, made by a witness (`connectors.kit.simulated_authority`) that shares no code with `signing`, so neither can
hide a mistake of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.kit.simulated_authority import cms, keys, stamps
from connectors.kit.simulated_authority.conduct import PROPER, CrlConduct, OcspConduct, StampConduct
from signing.grounds import Grounds
from signing.model import Evidence, TrustDomain
from signing.policy import DEFAULT_POLICY, ExpectedSigner, TimeRules
from tests import pki

CONTENT = "QUYẾT ĐỊNH về việc xếp hạng di tích quốc gia".encode()

PASS = frozenset({"TOTAL-PASSED"})


def either(*names: str) -> frozenset[str]:
    """Sub-indications of which any is right."""
    return frozenset(names)


@dataclass(frozen=True, slots=True)
class Stamped:
    """A signature time stamp at a moment, wrong in the way that `conduct` names. `over`: other bytes than the signature's."""

    at: datetime
    stamper: str = "tsa-duty"
    conduct: StampConduct = PROPER.stamp
    over: bytes = b""

    def token(self, value: bytes) -> bytes:
        """The token over a signature value."""
        asked = stamps.Asked("sha256", keys.digest("sha256", self.over or value), wants_certificate=True)
        return pki.authority().stamp(self.stamper, asked, self.at, self.conduct)


def _untouched(signed: cms.Signed) -> cms.Signed:
    return signed


@dataclass(frozen=True, slots=True)
class Case:
    """One defect, or none. `row`: of the signing facts, section 7. `allowed`: the outcomes that are right.

    `enclosed`: names of the certificates that go along (None: the signer's and those above it). `status`: where the answers
    come from; None asks for the lists of all issuers concerned, as of `at`. `bad`: what is done to the signature before it
    is wrapped. `shown`: the certificate that the document claims to be the signer's, where it is another.
    """

    name: str
    row: str
    allowed: frozenset[str]
    signer: str = "official"
    at: datetime = pki.NOW
    stamped: tuple[Stamped, ...] = ()
    enclosed: tuple[str, ...] | None = None
    status: Callable[[], Evidence] | None = None
    roots: tuple[str, ...] = ()
    domains: frozenset[TrustDomain] = frozenset(TrustDomain)
    stamp_domains: frozenset[TrustDomain] = frozenset(TrustDomain)
    expected: tuple[ExpectedSigner, ...] = ()
    time_required: bool = False
    claimed: datetime | None = None
    content_stamp: Stamped | None = None
    digest: str = "sha256"
    shown: str = ""
    bad: Callable[[cms.Signed], cms.Signed] = field(default=_untouched)

    def document(self) -> bytes:
        """The attached CMS; the same bytes each time."""
        certificate = pki.certificate(self.signer)
        names = self.enclosed
        certificates = (
            (certificate, *pki.chain(self.signer)) if names is None else tuple(pki.certificate(name) for name in names)
        )
        extra: tuple[bytes, ...] = ()
        if self.content_stamp is not None:
            extra = (cms.attribute(cms.CONTENT_STAMP, self.content_stamp.token(CONTENT)),)
        order = cms.Signing(
            CONTENT,
            pki.certificate(self.shown) if self.shown else certificate,
            (*certificates, pki.certificate(self.shown)) if self.shown else certificates,
            digest=self.digest,
            bound_to=certificate,
            signing_time=self.claimed,
            extra=extra,
        )
        signed = self.bad(cms.sign(order, pki.key(self.signer)))
        return cms.wrap(signed, *(cms.attribute(cms.STAMP, one.token(signed.value)) for one in self.stamped))

    def evidence(self) -> Evidence:
        """What is known about status."""
        if self.status is not None:
            return self.status()
        return lists(self.signer, *(self.stamper_of(one) for one in self.stamped), at=self.at)

    def stamper_of(self, one: Stamped) -> str:
        """Whose certificate signs the token."""
        return one.conduct.signer or pki.declaration().stampers[one.stamper].certificate

    def grounds(self) -> Grounds:
        """What it is judged on."""
        time = TimeRules(required=self.time_required, domains=self.stamp_domains)
        policy = replace(DEFAULT_POLICY, domains=self.domains, time=time)
        return Grounds(pki.trust(*self.roots), self.at, self.evidence(), policy, self.expected)


def issuers(*names: str) -> tuple[str, ...]:
    """Every issuer on the way from these certificates to their roots."""
    rows, found = pki.declaration().certificates, []
    for start in names:
        name = start
        while (above := rows[name].issuer) != name:
            found.append(above)
            name = above
    return tuple(dict.fromkeys(found))


def lists(*names: str, at: datetime = pki.NOW, conduct: CrlConduct = PROPER.crl, wrong: str = "") -> Evidence:
    """The lists of all issuers above these certificates; that of `wrong` under the conduct."""
    made = [pki.authority().crl(issuer, at, conduct if issuer == wrong else PROPER.crl) for issuer in issuers(*names)]
    return Evidence(crls=tuple(made))


def response(conduct: OcspConduct, name: str = "official", at: datetime = pki.NOW) -> Evidence:
    """No list of the signer's issuer, but its OCSP response under a conduct; the authorities above have their lists."""
    issuer = pki.declaration().certificates[name].issuer
    return Evidence(crls=lists(issuer, at=at).crls, ocsps=(pki.authority().ocsp_of(name, at, conduct),))
