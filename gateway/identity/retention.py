"""Proofs are kept no longer than dossiers need them: the days that are over are erased, and the trail says how many.

A dossier that named a proof in time keeps that it was verified, and by whom; number, account and level go with the proof (Luật
91/2025/QH15 Điều 14; identity facts 5). Days are swept in order, each once; a sweep that was cut off goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.errors import Conflict, JournalUnavailable
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import RecordKey, RecordWrite
from gateway.journal.store import Journal
from gateway.records import identity_proofs
from mappings.codec import decode, encode

KIND = "identity_sweep"
ACTOR = "gateway"
PLACE: Final = RecordKey(KIND, identity_proofs.KIND)
"""Where it stands how far was swept; nothing there: no proof was ever kept."""
LOOK_S = 3_600.0
_AT_ONCE = 200
_DAY = timedelta(days=1)

_log = logging.getLogger("gateway.identity")


@dataclass(frozen=True, slots=True)
class Swept:
    """Up to which day (UTC) everything is erased."""

    until: date


class ProofSweep:
    """Erases proofs whose day lies further back than `keep`."""

    def __init__(self, journal: Journal, clock: Clock, keep: timedelta) -> None:
        self._journal, self._clock, self._keep = journal, clock, keep

    async def run(self) -> None:
        """Look at once and every hour until cancelled; a store that cannot answer is looked at again later."""
        while True:
            try:
                await self.look()
            except (JournalUnavailable, Conflict) as error:
                _log.warning("proofs were not swept", extra={"code": error.code})
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """Erase what is over; how many proofs that were."""
        last = (self._clock.now() - self._keep).date() - _DAY
        known = await self._journal.record(PLACE)
        if known is None:
            # Nothing was kept before there was anybody to sweep.
            await self._write(Recording(records=(RecordWrite(PLACE, 1, encode(Swept(last))),)))
            return 0
        day, version, erased = decode(known.state, Swept).until, known.version, 0
        while day < last:
            day += _DAY
            found = await self._erase(day)
            erased += found
            if found or day == last:
                version += 1
                await self._write(Recording(records=(RecordWrite(PLACE, version, encode(Swept(day))),)))
        return erased

    async def _erase(self, day: date) -> int:
        """Erase the proofs of a day, so many in a transaction."""
        records = await self._journal.records(identity_proofs.kind_of(day))
        kept = [record for record in records if identity_proofs.parse(record) is not None]
        for start in range(0, len(kept), _AT_ONCE):
            some = kept[start : start + _AT_ONCE]
            row = audit("identity.erased", ACTOR, day=day.isoformat(), count=len(some))
            await self._write(Recording(records=tuple(map(identity_proofs.erased, some)), audit=(row,)))
        return len(kept)

    async def _write(self, recording: Recording) -> None:
        answered(await self._journal.accept(recording_intake(KIND, ACTOR, recording)))
