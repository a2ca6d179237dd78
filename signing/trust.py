"""Trust anchors: certificates that an operator installed, each in one domain, with its validity and where it came from.

No anchor is shipped. An anchor's own expiry does not void signatures that are proven to be earlier (signing facts 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signing.model import TrustDomain


@dataclass(frozen=True, slots=True)
class Anchor:
    """One trusted certificate (DER). It counts for times in [valid_from, valid_until), and never from `distrust_after` on."""

    certificate: bytes
    domain: TrustDomain
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    distrust_after: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class TrustStore:
    """All anchors that a judge may use; several roots of one domain may be valid at once (root roll-over)."""

    anchors: tuple[Anchor, ...] = ()
