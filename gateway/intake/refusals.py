"""Refusals in the audit trail: who was turned away, by which rule, on which route (architecture 3, stage 1).

Strangers must not be able to fill the disk, so rows are bounded: a burst, then a few a minute, and the next row says how
many were not written. The log line of each refusal is written regardless.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass

from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.errors import IntakeError, JournalUnavailable
from gateway.intake.authenticate import Authenticator
from gateway.journal.model import AuditWrite, Intake
from gateway.journal.store import Journal

REFUSAL = "refusal"
UNKNOWN = "unknown"

_BURST = 60.0
_PER_SECOND = 0.5
_KEY_ID = re.compile(r';keyid="([^"\\]{1,128})"')
_LOG = logging.getLogger("gateway.intake")


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A refusal on its way into the trail."""

    status: int
    row: AuditWrite


@dataclass(frozen=True, slots=True)
class Call:
    """What may be told of a refused request: the pattern of its route (a path may carry anything) and its signature.

    `peer` is the address that an outside system called from; `system` the one whose client certificate came with it.
    """

    method: str
    route: str
    signature_input: str = ""
    peer: str = ""
    system: str = ""


class Trickle:
    """Writes rows of refusals into the trail as fast as the bound allows, and counts those that it does not write."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Begins with a whole burst."""
        self._journal, self._clock = journal, clock
        self._left, self._at, self.suppressed = _BURST, clock.instant(), 0

    def allows(self) -> bool:
        """Whether a row may be written now; it is counted when not."""
        now = self._clock.instant()
        self._left = min(_BURST, self._left + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1.0:
            self.suppressed += 1
            return False
        self._left -= 1.0
        return True

    async def write(self, error: IntakeError, row: AuditWrite) -> None:
        """Write a row that tells how many were not written before it; a store that cannot commit is not asked twice."""
        told, self.suppressed = self.suppressed, 0
        try:
            await self._journal.accept(_intake(error, row))
        except JournalUnavailable:
            self.suppressed += told + 1
            _LOG.warning("refusal not written to the trail", extra={"code": error.code})


class NoticeRefusals:
    """Refusals of calls from outside: what no connector found genuine. Their senders have no key of ours to be named by."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._trickle = Trickle(journal, clock)

    async def note(self, error: IntakeError, call: Call, upstream: str, reason: str) -> None:
        """Write one refusal, or count it; `reason` is the connector's stable code."""
        if self._trickle.allows():
            row = audit(
                "notice.refused",
                UNKNOWN,
                upstream=upstream,
                code=reason,
                status=error.status,
                method=call.method,
                route=call.route,
                peer=call.peer,
                suppressed=self._trickle.suppressed or None,
            )
            await self._trickle.write(error, row)


class Refusals:
    """Writes refusals of 401 and 403 into the trail, as fast as the bound allows."""

    def __init__(self, journal: Journal, authenticator: Authenticator, clock: Clock) -> None:
        self._authenticator = authenticator
        self._trickle = Trickle(journal, clock)

    async def note(self, error: IntakeError, call: Call) -> None:
        """Write one refusal, or count it when the bound is reached."""
        if not self._trickle.allows():
            return
        key_id, actor = self._claimed(error, call)
        row = audit(
            "caller.refused",
            actor,
            code=error.code,
            status=error.status,
            method=call.method,
            route=call.route,
            key_id=key_id,
            suppressed=self._trickle.suppressed or None,
        )
        await self._trickle.write(error, row)

    def _claimed(self, error: IntakeError, call: Call) -> tuple[str, str]:
        """The registered key that the request names, and its system; a 401 proves nothing, so its actor stays unknown."""
        found = _KEY_ID.search(call.signature_input)
        key = self._authenticator.register.key(found.group(1)) if found else None
        if key is None:
            return "", call.system if error.status == 403 and call.system else UNKNOWN
        return key.key_id, key.system_code if error.status == 403 else UNKNOWN


def _intake(error: IntakeError, row: AuditWrite) -> Intake:
    """The row as the journal takes it; without a key, since a refusal is nobody's to repeat."""
    return Intake(
        kind=REFUSAL,
        source=row.actor,
        key="",
        dossier="",
        digest=hashlib.sha256(row.fields).digest(),
        raw=row.fields,
        subject=RefusedCall(error.status, row),
    )
