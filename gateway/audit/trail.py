"""Reading the audit trail: search it, and export it for an auditor. Writing happens in the transactions it tells of.

The trail is never edited: rows come out in the order of the journal, each with its position, so that a missing row shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from gateway.audit.events import title_vi
from gateway.journal.model import FeedRow
from gateway.journal.store import Journal
from mappings.codec import encode

_PAGE = 500


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """What to look for; an empty word means any. `since` is inclusive, `until` exclusive, both aware."""

    kinds: frozenset[str] = field(default=frozenset())
    dossier: str = ""
    event_id: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None
    upstream: str = ""
    text: str = ""

    def matches(self, row: FeedRow) -> bool:
        """Whether a row is wanted."""
        return (
            (not self.kinds or row.kind in self.kinds)
            and self.dossier in ("", row.dossier)
            and self.event_id in ("", row.event_id)
            and self.actor in ("", row.actor)
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
            and self._says(row)
        )

    def _says(self, row: FeedRow) -> bool:
        """Whether the fields are about the wanted upstream, and hold the wanted text in one of their values."""
        if not self.upstream and not self.text:
            return True
        fields = msgspec.json.decode(row.fields or b"{}", type=dict[str, object])
        if (
            self.upstream
            and self.upstream != fields.get("upstream")
            and self.upstream not in _many(fields, "upstreams")
        ):
            return False
        wanted = self.text.casefold()
        return not wanted or any(wanted in str(value).casefold() for value in fields.values())


def _many(fields: Mapping[str, object], name: str) -> Sequence[object]:
    found = fields.get(name)
    return found if isinstance(found, list) else ()


async def search(journal: Journal, query: TrailQuery, after: int = 0) -> AsyncIterator[FeedRow]:
    """The wanted rows behind position `after`, in order; reads page by page and holds no more than one."""
    while rows := await journal.feed(after, _PAGE, feed_only=False):
        for row in rows:
            if query.matches(row):
                yield row
        after = rows[-1].position


def line(row: FeedRow) -> bytes:
    """One row as a line of JSON, with its title for people; no line break inside."""
    told = {
        "position": row.position,
        "at": row.at,
        "kind": row.kind,
        "title_vi": title_vi(row.kind),
        "actor": row.actor,
        "dossier": row.dossier,
        "event_id": row.event_id,
        "fields": msgspec.Raw(row.fields or b"{}"),
    }
    return encode(told) + b"\n"
