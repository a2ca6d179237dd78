"""From findings to one sub-indication, and from signatures to the conclusion on a document by the procedure's signer table.

**Precedence** (`PRECEDENCE`): several checks may fail at once, one sub-indication is reported. What is definitely wrong
(TOTAL-FAILED) comes before what is undecided; then the order of the procedure; TRY_LATER comes last, because trying again is
advice only where nothing else is wrong. The other failures stay in the findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from signing.catalogue import found, sub_indication_rows
from signing.model import Finding, Indication, Observation, SubIndication
from signing.policy import ExpectedSigner
from signing.report import SignatureReport

PRECEDENCE = (
    SubIndication.FORMAT_FAILURE,
    SubIndication.HASH_FAILURE,
    SubIndication.SIG_CRYPTO_FAILURE,
    SubIndication.NOT_YET_VALID,
    SubIndication.EXPIRED,
    SubIndication.REVOKED,
    SubIndication.SIGNED_DATA_NOT_FOUND,
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
    SubIndication.POLICY_PROCESSING_ERROR,
    SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
    SubIndication.SIG_CONSTRAINTS_FAILURE,
    SubIndication.TIMESTAMP_ORDER_FAILURE,
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE,
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    SubIndication.CHAIN_CONSTRAINTS_FAILURE,
    SubIndication.REVOKED_NO_POE,
    SubIndication.REVOKED_CA_NO_POE,
    SubIndication.OUT_OF_BOUNDS_NO_POE,
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    SubIndication.NO_POE,
    SubIndication.CUSTOM,
    SubIndication.GENERIC,
    SubIndication.TRY_LATER,
)
"""Every sub-indication, the one that decides first; a test holds that none is missing and that main statuses stay together."""


def decided(causes: Iterable[SubIndication]) -> tuple[Indication, SubIndication | None]:
    """The outcome of all failures together; TOTAL-PASSED without any."""
    first = min(causes, key=PRECEDENCE.index, default=None)
    return (Indication.TOTAL_PASSED, None) if first is None else (sub_indication_rows()[first].indication, first)


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature as the table sees it: its report, and where it stands among the others.

    `revision`: end of the signed PDF revision, -1 in other formats, whose parallel signatures have no order but a proven one;
    `stamped`: whether its time is proven by a stamp of its own.
    """

    report: SignatureReport
    revision: int
    stamped: bool

    @property
    def passed(self) -> bool:
        """TOTAL-PASSED."""
        return self.report.indication is Indication.TOTAL_PASSED


def compared(signed: tuple[Signed, ...], expected: tuple[ExpectedSigner, ...]) -> Iterator[Finding]:
    """One finding for each row of the table that is or is not met, then one about their order, then those beyond the table.

    A row is met by a signature of its domain, format and holder. That the signature itself failed is that signature's finding
    and not repeated here, so that a row whose signer waits for status information says TRY_LATER and not "somebody else".
    """
    if not expected:
        return
    complete = True
    for number, row in enumerate(expected, 1):
        fitting = [one for one in signed if _fits(one, row)]
        label = f"{number}: {row.role}, {row.domain}"
        if fitting:
            yield found(Observation("identity", True, f"{label}: {', '.join(one.report.id for one in fitting)}"))
            continue
        complete = False
        present = any(one.report.domain is row.domain for one in signed)
        yield found(Observation("identity" if present else "signer_domain", False, label))
    order = _assignment(signed, expected) if complete else None
    if complete:
        yield found(Observation("signer_order", order is not None))
    extra = [one.report.id for one in signed if not any(_fits(one, row) for row in expected)]
    if extra:
        yield found(Observation("signer_extra", False, ", ".join(extra)))


def _fits(one: Signed, row: ExpectedSigner) -> bool:
    """Domain, format, holder: by identifiers and fingerprints, never by names (attack K9)."""
    report = one.report
    if report.signer is None or report.domain is not row.domain:
        return False
    if row.formats and report.format.value not in row.formats:
        return False
    if row.certificates and report.signer.certificate_sha256 not in row.certificates:
        return False
    return not row.identifiers or not row.identifiers.isdisjoint(report.signer.identifiers)


def _assignment(signed: tuple[Signed, ...], expected: tuple[ExpectedSigner, ...]) -> tuple[Signed, ...] | None:
    """A different signature for each row, in the order of the table; None when there is none."""
    fitting = [one for one in signed if any(_fits(one, row) for row in expected)]
    return _extended((), fitting, expected)


def _extended(
    chosen: tuple[Signed, ...], fitting: list[Signed], expected: tuple[ExpectedSigner, ...]
) -> tuple[Signed, ...] | None:
    if len(chosen) == len(expected):
        return chosen
    row = expected[len(chosen)]
    for one in fitting:
        if one in chosen or not _fits(one, row) or any(_before(one, earlier) for earlier in chosen):
            continue
        longer = _extended((*chosen, one), fitting, expected)
        if longer is not None:
            return longer
    return None


def _before(one: Signed, other: Signed) -> bool:
    """Whether `one` is known to have been made before `other`: by revisions of a PDF, else by stamps of both."""
    if one.revision >= 0 and other.revision >= 0:
        return one.revision < other.revision
    first, second = one.report.proven_time, other.report.proven_time
    return one.stamped and other.stamped and first is not None and second is not None and first < second
