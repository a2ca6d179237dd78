"""The watch over sign-ons: erases what may be kept no longer, and knows how many are under way.

All that it knows stands on shelves of the store, so that a start finds its work again after any end of the process.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.identity.sign_on_ends import expire
from gateway.identity.sign_ons import Rules
from gateway.records import sign_ons

LOOK_S = 15.0

_log = logging.getLogger("gateway.identity")


@dataclass(slots=True)
class OpenSignOns:
    """How many sign-ons wait for somebody, and how many sessions are kept: as of the last look, and what began since."""

    limit: int
    waiting: int = 0
    sessions: int = 0

    def full(self) -> bool:
        """Whether no more may begin."""
        return self.waiting >= self.limit

    def one_more(self) -> None:
        """One has begun."""
        self.waiting += 1


class SignOnWatch:
    """Looks at every shelf, every `every_s` seconds."""

    def __init__(self, rules: Rules, opened: OpenSignOns, every_s: float = LOOK_S) -> None:
        self._rules, self._opened, self._every_s = rules, opened, every_s

    async def run(self) -> None:
        """Look until cancelled; a store that cannot answer is asked again."""
        while True:
            try:
                await self.look()
            except GatewayError as error:
                _log.warning("the watch over sign-ons could not look", extra={"code": type(error).__name__})
            await asyncio.sleep(self._every_s)

    async def look(self) -> int:
        """One look: how many were erased."""
        books, now = self._rules.books, self._rules.clock.now()
        shelves = [sign_ons.parse_shelf(record) for record in await books.journal.records(sign_ons.OPEN_KIND)]
        self._opened.waiting = sum(until > now for shelf in shelves for until in shelf.waits.values())
        self._opened.sessions = sum(until > now for shelf in shelves for until in shelf.kept.values())
        due = [sign_on_id for shelf in shelves for sign_on_id in shelf.due(now)]
        return sum([await expire(self._rules, sign_on_id) for sign_on_id in due])
