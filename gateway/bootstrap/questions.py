"""Questions and proofs as the configuration wants them: rules read and refused at the start, routes put together."""

from __future__ import annotations

from datetime import timedelta

from gateway.config import Identity
from gateway.intake.proving import TITLES, ProofRules


def proof_rules(identity: Identity | None) -> ProofRules | None:
    """How proofs are judged; None without `[identity]`, where the word of the resolution system counts."""
    if identity is None:
        return None
    proofs = identity.proofs
    return ProofRules(timedelta(days=proofs.named_within_days), proofs.min_ial, {**TITLES, **proofs.verified_by})
