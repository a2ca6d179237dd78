"""The records of sign-ons, moved from state to state: each move in one transaction with its audit row, and at most once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.errors import Conflict, GatewayError, UpstreamUnavailable
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import AuditWrite, RecordWrite
from gateway.journal.store import Journal
from gateway.records import sign_ons
from gateway.records.sign_ons import KeptSignOn

ACTOR = "gateway"
_INTAKE = "sign_on"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TRIES = 16

More = Callable[[], Awaitable[tuple[RecordWrite, ...]]]


class Moved(GatewayError):
    """Lượt đăng nhập vừa được người khác chuyển trạng thái."""


async def nothing_more() -> tuple[RecordWrite, ...]:
    """Nothing beside the sign-on itself."""
    return ()


@dataclass(frozen=True, slots=True)
class Books:
    """Reads and moves sign-ons."""

    journal: Journal
    clock: Clock

    async def find(self, sign_on_id: str) -> KeptSignOn | None:
        """A sign-on by its id; None for what is no id, too."""
        if _ID.fullmatch(sign_on_id) is None:
            return None
        record = await self.journal.record(sign_ons.key(sign_on_id))
        return sign_ons.parse(record) if record is not None else None

    async def move(self, after: KeptSignOn, row: AuditWrite, more: More = nothing_more) -> KeptSignOn:
        """Put `after` in the place of the version that it was made from; durable when this returns.

        `more` gives further records, read afresh at each try. Raises `Moved` where somebody was quicker: of two that come
        with one secret, one alone gets on.
        """
        for _ in range(_TRIES):
            shelf = sign_ons.parse_shelf(await self.journal.record(sign_ons.shelf_key(after.id)))
            writes = (sign_ons.write(after), sign_ons.write_shelf(after.id, shelf.put(after)), *await more())
            try:
                await self._write(after.system, writes, row)
            except Conflict as error:
                if error.code != "changed_meanwhile":
                    raise
                found = await self.find(after.id)
                if (found.version if found is not None else 0) != after.version:
                    raise Moved from None
                continue
            return after.next()
        raise UpstreamUnavailable("Cổng đang có quá nhiều lượt đăng nhập cùng lúc; hãy thử lại.", retry_after_s=1)

    async def _write(self, system: str, writes: tuple[RecordWrite, ...], row: AuditWrite) -> None:
        intake = recording_intake(_INTAKE, system, Recording(records=writes, audit=(row,)))
        answered(await self.journal.accept(intake))
