"""What can be set about an outside system: how hard it may be pressed, how long it is waited for, when it is left alone."""

from __future__ import annotations

from typing import Any

import msgspec


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of these settings: frozen, strict."""


class Retry(Struct, frozen=True):
    """The persisted schedule of waiting: full jitter over base·factor^n, capped, for a window of days."""

    base_s: float = 5.0
    factor: float = 2.0
    cap_s: float = 3_600.0
    window_s: float = 14 * 86_400.0
    retry_after_cap_s: float = 3_600.0


class Breaker(Struct, frozen=True):
    """After `failures` upstream-level failures in a row nothing is sent for `open_s` seconds; then one probe goes through."""

    failures: int = 5
    open_s: float = 30.0


class Reconcile(Struct, frozen=True):
    """Reading an upstream back: daily at `daily_at` (Viet Nam's time), what it acknowledged in the last `days`.

    It takes at most `share` of the upstream's rate, so that deliveries come first. Only where the connector can
    (`[read_back]` of its manifest).
    """

    enabled: bool = True
    daily_at: str = "02:30"
    days: int = 3
    share: float = 0.25


class Upstream(Struct, frozen=True):
    """One outside system and how hard it may be pressed. `settings` belongs to the connector and is checked by it.

    `lease_s` must exceed `timeout_s` / 0.7; None derives it. `max_unsettled` holds a message whose attempts kept dying
    with the process (poison). `supersede`: a record that was never tried may be left out when a newer one waits that
    replaces it in full, for the operations whose manifest says so.
    """

    connector: str
    enabled: bool = True
    concurrency: int = 4
    rate_per_s: float = 1.0
    burst: int = 10
    timeout_s: float = 60.0
    lease_s: float | None = None
    max_unsettled: int = 5
    enquiry_s: float = 15.0
    supersede: bool = False
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    reconcile: Reconcile = Reconcile()
    settings: dict[str, Any] = {}

    def lease(self) -> float:
        """The lease in seconds: long enough that no call outlives it."""
        return self.lease_s if self.lease_s is not None else self.timeout_s / 0.7 + 5.0
