"""Tokens of the simulated carriers: issued, running out, ended by order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class SimulatedTokens:
    """The living tokens of one carrier. They live by the real clock, as they lie between two machines; `ttl_s` in its seconds."""

    wall: Callable[[], datetime]
    new_token: Callable[[], str]
    ttl_s: float
    issued: int = 0
    refused: int = 0
    turned_away: int = 0
    _living: dict[str, datetime] = field(default_factory=dict, repr=False)

    def issue(self) -> str:
        """A new one."""
        now = self.wall()
        self._living = {token: until for token, until in self._living.items() if until > now}
        token = self.new_token()
        self._living[token] = now + timedelta(seconds=self.ttl_s)
        self.issued += 1
        return token

    def lives(self, token: str) -> bool:
        """Whether this one was issued and has not run out; counts those that do not."""
        alive = token in self._living and self._living[token] > self.wall()
        self.turned_away += not alive
        return alive

    def expire(self) -> int:
        """End all; how many there were."""
        count = len(self._living)
        self._living.clear()
        return count

    def shown(self) -> dict[str, int]:
        """Counts for the control plane; never a token."""
        return {
            "issued": self.issued,
            "refused": self.refused,
            "turned_away": self.turned_away,
            "living": len(self._living),
        }
