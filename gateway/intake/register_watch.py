"""The watch over the consent register: what another node entered or revoked holds in this node's view within half a second.

The accept transaction judges over the record itself and needs no view. What stands before it does: who is turned away before a
file is read, whose events go ahead, which key is known.
"""

from __future__ import annotations

import asyncio
import logging

from gateway.errors import GatewayError
from gateway.intake.register import Register
from gateway.journal.store import Journal
from gateway.records import consents

LOOK_S = 0.5

_log = logging.getLogger("gateway.intake")


class RegisterWatch:
    """Takes every consent whose version moved into the view. `look` is one look; `run` looks twice a second."""

    def __init__(self, register: Register, journal: Journal) -> None:
        self._register, self._journal = register, journal
        self._failing = False

    async def run(self) -> None:
        """Look until cancelled; a store that cannot answer is asked again, which is told once."""
        while True:
            try:
                await self.look()
                self._failing = False
            except GatewayError as error:
                if not self._failing:
                    _log.warning("the consent register could not be looked at", extra={"code": type(error).__name__})
                self._failing = True
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """One look: how many consents were taken in."""
        moved = 0
        for record in await self._journal.records(consents.KIND):
            known = self._register.registration(record.key.id)
            # What was read may be older than what a decision of this node has put there meanwhile.
            newer = known is None or consents.number(known) < record.version
            if record.key.id not in self._register.reserved and newer:
                self._register.put(consents.parse(record))
                moved += 1
        return moved
