"""How much may be asked: so many questions an hour for each officer and each agency, and for the system that names them.

No quota of the register is public (identity facts 2.10), so ours come first and stop a curious hand before it costs the
agency its access. Officers and agencies are whom the caller says they are, so that a caller which invents them meets the limit
of the system. A tenth of an hour's questions may come at once, the others evenly.
Kept in memory: a restart gives everybody one burst again. Of several nodes each keeps to its share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.config import Questions
from gateway.coordination.gcra import RateLimit, take
from gateway.coordination.shares import Live, alone, share
from gateway.errors import TooManyRequests

_HOUR_S = 3600.0
_BURST_SHARE = 10
_KEPT = 4_096
_TOLD = {"officer": "Cán bộ này", "agency": "Đơn vị này", "system": "Hệ thống này"}


@dataclass(frozen=True, slots=True)
class _Who:
    kind: str
    name: str


class Quotas:
    """Counts questions. A question that one of the limits refuses counts for none."""

    def __init__(self, questions: Questions, clock: Clock, live: Live = alone) -> None:
        self._limits = {
            "officer": _limit(questions.per_officer_per_hour),
            "agency": _limit(questions.per_agency_per_hour),
            "system": _limit(questions.per_system_per_hour),
        }
        self._clock, self._live = clock, live
        self._arrivals: dict[_Who, float] = {}

    def count(self, system: str, unit: str, officer: str) -> None:
        """Count one question of an officer of a unit; raises `TooManyRequests` with the time to wait.

        Capitals make no other officer.
        """
        unit, officer = unit.casefold(), officer.casefold()
        now = self._clock.instant()
        self._forget(now)
        wanted = (_Who("officer", f"{unit}/{officer}"), _Who("agency", unit), _Who("system", system))
        live = self._live()
        limits = {who: share(self._limits[who.kind], live) for who in wanted}
        taken = {who: take(self._arrivals.get(who, 0.0), now, 1, limit) for who, limit in limits.items()}
        refused = [(who, one.retry_after_s) for who, one in taken.items() if not one.allowed]
        if refused:
            who, wait_s = max(refused, key=lambda pair: pair[1])
            raise TooManyRequests(
                f"{_TOLD[who.kind]} đang hỏi nhanh hơn hạn mức mỗi giờ; hãy hỏi lại sau theo Retry-After.",
                retry_after_s=max(1, math.ceil(wait_s)),
            )
        self._arrivals.update({who: one.arrival for who, one in taken.items()})

    def _forget(self, now: float) -> None:
        """Drop whoever is back at the full burst, once there are many."""
        if len(self._arrivals) >= _KEPT:
            self._arrivals = {who: arrival for who, arrival in self._arrivals.items() if arrival > now}


def _limit(per_hour: int) -> RateLimit:
    return RateLimit(per_hour / _HOUR_S, max(1, per_hour // _BURST_SHARE))
