"""How far a node has looked: rows that died below are not stepped over again by every claim (F11, decision 0031).

While somebody holds an old moment of a shared store open (a backup, a long examination), nothing that died since can be
cleared away, and an index keeps its entry. All of them lie below what is due now, where each claim would begin.
"""

from __future__ import annotations

from typing import NamedTuple

MARGIN = 5_000_000
"""So many µs below what was seen a claim begins all the same: clocks of nodes differ, and a claim may be taken back."""
AGAIN = 30_000_000
"""After so many µs a claim looks at everything again: nothing can wait longer than that for being overlooked."""


class Floors(NamedTuple):
    """From which due time, and from which end of a lease, a claim looks; in µs, 0 for everything."""

    due: int = 0
    lease: int = 0


class Swept:
    """What the claims of one node have seen, by upstream. A node that starts looks at everything first."""

    def __init__(self) -> None:
        self._seen: dict[str, Floors] = {}
        self._full: dict[str, int] = {}

    def floors(self, upstream: str, now: int) -> Floors:
        """From where a claim at `now` looks; a clock that was set back makes it look at everything."""
        full = self._full.get(upstream)
        return self.known(upstream) if full is not None and full <= now < full + AGAIN else Floors()

    def known(self, upstream: str) -> Floors:
        """From where the last claim looked."""
        return self._seen.get(upstream, Floors())

    def saw(self, upstream: str, now: int, asked: Floors, found: Floors) -> None:
        """A claim at `now` looked from `asked` on; `found` is the earliest that it found of each, `now` where there was none."""
        if asked == Floors():
            self._full[upstream] = now
        self._seen[upstream] = Floors(max(min(found.due, now) - MARGIN, 0), max(min(found.lease, now) - MARGIN, 0))
