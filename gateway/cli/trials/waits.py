"""How long accepts waited for the store, as the gateway itself tells in its metrics."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

NAME = "gateway_accept_wait_seconds"
_BUCKET = re.compile(rf'^{NAME}_bucket{{le="([^"]+)"}} (\S+)$', re.MULTILINE)


@dataclass(slots=True)
class Waits:
    """Accepts by the bound of their bucket, in seconds, over any number of lives of the process."""

    counts: dict[float, float] = field(default_factory=dict)

    def add(self, metrics: str) -> None:
        """Add what one life of a process told last."""
        below = 0.0
        for bound, count in _BUCKET.findall(metrics):
            place = math.inf if bound == "+Inf" else float(bound)
            self.counts[place] = self.counts.get(place, 0.0) + float(count) - below
            below = float(count)

    def total(self) -> int:
        """How many accepts were told of."""
        return int(sum(self.counts.values()))

    def within(self, share: float) -> float:
        """The bound within which `share` of them were done: an upper bound, infinite above the last bucket."""
        wanted, seen = share * self.total(), 0.0
        for bound in sorted(self.counts):
            seen += self.counts[bound]
            if seen >= wanted and seen > 0:
                return bound
        return 0.0
