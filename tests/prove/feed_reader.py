"""One reader of the feed, from any node, while nodes and database are killed: it misses no row and sees none twice.

The judge is the table itself, read by psql: every row that belongs to the feed, in the order of its position, must be what the
reader was shown, in the order in which it was shown.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec

from gateway.cli.demonstration.play import Play
from gateway.cli.demonstration.servers import PostgresServer
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.intake.feed import position_of

_PAGE = 200
_PAUSE_S = 0.02
_CATCHES_UP_S = 60.0
_ROWS = "SELECT position FROM audit WHERE feed = 1 ORDER BY position"


@dataclass(slots=True)
class Reader:
    """Follows the feed behind its cursor. `shown` are the positions of all rows, as they came."""

    play: Play
    shown: list[int] = field(default_factory=list)
    pages: int = 0
    _after: str = ""

    async def follow(self) -> None:
        """Read on until cancelled."""
        while True:
            if not await self.read():
                await asyncio.sleep(_PAUSE_S)

    async def read(self) -> int:
        """One page, from whatever node answers; how many rows it had."""
        target = f"/v1/feed?limit={_PAGE}" + (f"&after={self._after}" if self._after else "")
        page = msgspec.json.decode(await self.play.call(RESOLUTION_SYSTEM, "GET", target, "", b""))
        self.shown += [position_of(row["cursor"]) for row in page["events"]]
        self.pages += 1
        self._after = page["next"]
        return len(page["events"])

    async def judged(self, postgres: PostgresServer, database: str) -> list[str]:
        """What is wrong with what it was shown, when nothing moves any more: nothing, if all is well."""
        end = asyncio.get_running_loop().time() + _CATCHES_UP_S
        while True:
            while await self.read():
                pass
            wanted = [int(line) for line in postgres.say(_ROWS, database).split()]
            if self.shown == wanted or asyncio.get_running_loop().time() > end:
                return differences(self.shown, wanted)
            await asyncio.sleep(_PAUSE_S)


def differences(shown: list[int], wanted: list[int]) -> list[str]:
    """Rows that were missed, seen twice, never there, or out of order; or no row at all."""
    faults = [] if wanted else ["feed: the table has no row of it, so nothing was proven"]
    missed, strange = set(wanted) - set(shown), set(shown) - set(wanted)
    if missed:
        faults.append(f"feed: {len(missed)} of {len(wanted)} rows missed")
    if len(shown) != len(set(shown)):
        faults.append(f"feed: {len(shown) - len(set(shown))} rows seen twice")
    if strange:
        faults.append(f"feed: {len(strange)} rows shown that are not in the table")
    if shown != sorted(shown):
        faults.append("feed: rows out of order")
    return faults
