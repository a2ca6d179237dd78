"""Field coverage from real traffic: the stored originals of a system, read through its profile, counted and forgotten.

Originals are personal data. Who reads them, of which system and how many, is in the audit trail before the first is opened;
nothing but paths and counts leaves (QĐ 3036 Điều 4.3, 19.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.audit.events import audit
from gateway.config import CallerRecord
from gateway.errors import Invalid, NoLongerKept, NotFound
from gateway.evidence.original import unpack
from gateway.intake import foreign
from gateway.intake.recording import Recording, recording_intake
from gateway.intake.validate import Limits
from gateway.journal.store import Journal
from mappings.coverage import Coverage
from mappings.dialect import Dialect
from mappings.dialect_file import load_dialect

MOST = 10_000
_PAGE = 1_000
_RECEIVED = frozenset(
    {"event.accepted", "event.stale", "event.parked_gap", "event.parked_conflict", "event.applied_late"}
)


@dataclass(frozen=True, slots=True)
class CoverageDesk:
    """What coverage is counted from."""

    journal: Journal
    callers: Mapping[str, CallerRecord]
    limits: Limits

    async def report(self, system: str, last: int, actor: str) -> Mapping[str, object]:
        """The coverage of the last `last` events of `system`; raises `NotFound` for a system that is not registered."""
        record = self.callers.get(system)
        if record is None:
            raise NotFound(f"Không có hệ thống gọi mang mã {system!r}.")
        if not 1 <= last <= MOST:
            raise Invalid(f"Số thông điệp phải từ 1 đến {MOST}.", status=400)
        dialect = load_dialect(record.profile) if record.profile != foreign.OWN else None
        found = await self._last_events(system, last)
        row = audit("originals.read", actor, system=system, count=len(found), purpose="mappings coverage")
        await self.journal.accept(recording_intake("originals.read", actor, Recording(audit=(row,))))
        coverage = Coverage()
        gone = 0
        for event_id in found:
            try:
                kept = await self.journal.original(system, event_id)
            except NoLongerKept:
                gone += 1  # its month was dropped by order
                continue
            if kept is not None:
                self._count(coverage, kept, dialect, system)
        told = coverage.report(dialect)
        whole = {**told, "no_longer_kept": gone} if gone else told
        return {"system": system, "profile": record.profile, "publication": _publication(dialect), **whole}

    def _count(self, coverage: Coverage, kept: bytes, dialect: Dialect | None, system: str) -> None:
        head, body = unpack(kept)
        content_type = next((value for name, value in head.headers if name == "content-type"), "")
        try:
            if dialect is None:
                coverage.add_own(msgspec.json.decode(body, type=dict[str, object]))
            else:
                sent = foreign.message(body, content_type)
                coverage.add(foreign.read(sent, dialect, system, self.limits).leaves)
        except (Invalid, msgspec.DecodeError):
            # A message from the time before the system changed its dialect.
            coverage.unreadable += 1

    async def _last_events(self, system: str, last: int) -> list[str]:
        """The ids of the events of a system that were stored last, newest first: the feed is read from its end."""
        found: dict[str, None] = {}
        end, span = await self._last_position(), _PAGE
        while end > 0 and len(found) < last:
            begin = max(0, end - span)
            rows = [row for row in await self.journal.feed(begin, min(span, _PAGE)) if row.position <= end]
            if len(rows) == _PAGE and span > _PAGE:
                span = max(span // 4, _PAGE)  # more of them stand there than were read
                continue
            for row in reversed(rows):
                if row.kind in _RECEIVED and row.actor == system:
                    found.setdefault(row.event_id)
            end = begin
            if len(rows) < _PAGE // 4:
                span *= 4  # positions of a shared store lie far apart
        return list(found)[:last]

    async def _last_position(self) -> int:
        """The position of the newest row: found by halves, since the feed is read forward."""
        low, high = 0, 1
        while await self.journal.feed(high, 1):
            low, high = high, high * 2
        while low < high:
            middle = (low + high) // 2
            if await self.journal.feed(middle, 1):
                low = middle + 1
            else:
                high = middle
        return high


def _publication(dialect: Dialect | None) -> str:
    if dialect is None:
        return ""
    published = dialect.publication
    return f"{published.number} ({published.date:%d/%m/%Y})" if published.date is not None else published.number
