"""One look of `gateway doctor`: what was looked at, whether it is well, what was seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, whether it is well, what was seen."""

    check: str
    ok: bool
    seen_vi: str
