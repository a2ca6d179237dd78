"""What a judgement stands on besides the facts of the document: trust, evidence, policy, the moment, and who must have signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signing.model import Evidence
from signing.policy import DEFAULT_POLICY, ExpectedSigner, Policy
from signing.trust import TrustStore


@dataclass(frozen=True, slots=True)
class Grounds:
    """Handed to `judge` and `verify`. The same facts on the same grounds give the same report, byte for byte.

    `at`: the moment of judging (aware UTC), never read from a clock in here. `expected`: the procedure's signer table in the
    order in which they must sign; empty: every signature in the document must pass, and there must be at least one.
    """

    trust: TrustStore
    at: datetime
    evidence: Evidence = Evidence()
    policy: Policy = DEFAULT_POLICY
    expected: tuple[ExpectedSigner, ...] = ()
