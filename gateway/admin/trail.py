"""The audit trail as auditors get it: searched page by page, or exported whole with a line that binds it to the evidence.

Both are reads of what concerns people, so each is itself in the trail before its first row is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.admin.words import Words
from gateway.audit import trail
from gateway.audit.trail import TrailQuery
from gateway.clock import Clock
from gateway.errors import Invalid
from gateway.intake import personal
from gateway.intake.personal import Read
from gateway.journal.model import FeedRow, Leaf
from gateway.journal.store import Journal
from mappings.codec import encode

FORM = "tthc-gateway/audit-export/v1"
MOST = 1_000
EVERY = 1 << 31


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an auditor looks for; every word narrows. `text` is looked for in the fields, whatever its case."""

    kinds: tuple[str, ...] = ()
    actor: str = ""
    dossier: str = ""
    event_id: str = ""
    upstream: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    limit: int = 100

    def query(self) -> TrailQuery:
        """The question to the trail."""
        return TrailQuery(
            kinds=frozenset(self.kinds),
            dossier=self.dossier,
            event_id=self.event_id,
            actor=self.actor,
            since=self.since,
            until=self.until,
            upstream=self.upstream,
            text=self.text,
        )


class Trail:
    """The trail behind the admin socket."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    async def search(self, words: Words) -> Mapping[str, object]:
        """One page; `next` is the position to go on behind, None after the last row."""
        asked = _asked(words)
        size = max(1, min(asked.limit, MOST))
        await self._note(words, asked, "audit-search")
        rows: list[FeedRow] = []
        reached: int | None = None
        async for row in trail.search(self._journal, asked.query(), asked.after):
            if len(rows) == size:
                reached = rows[-1].position
                break
            rows.append(row)
        return {"rows": [msgspec.Raw(trail.line(row).rstrip()) for row in rows], "next": reached}

    async def export(self, words: Words, installation: str) -> AsyncIterator[bytes]:
        """The wanted rows as JSON Lines, then the line that binds them.

        The export ends before its own `personal.read`: what is written while it runs is not in it. The heads of the
        evidence chains are those of the moment after that row, so that every exported row is bound by a leaf up to them.
        """
        asked = _asked(words)
        own = await self._note(words, asked, "audit-export")
        heads = await self._journal.leaves(limit=EVERY)
        return self._lines(asked, own, {"installation": installation, "by": words.actor, "heads": _heads(heads)})

    async def _lines(self, asked: Asked, own: int, bound: Mapping[str, object]) -> AsyncIterator[bytes]:
        digest, count, first, last = hashlib.sha256(), 0, 0, 0
        async for row in trail.search(self._journal, asked.query(), asked.after):
            if row.position >= own:
                break
            told = trail.line(row)
            digest.update(told)
            count, first, last = count + 1, first or row.position, row.position
            yield told
        closing = {
            "form": FORM,
            "made_at": self._clock.now(),
            **bound,
            "asked": msgspec.to_builtins(asked),
            "rows": count,
            "first": first,
            "last": last,
            "before": own,
            "sha256": digest.hexdigest(),
        }
        yield encode({"export": closing}) + b"\n"

    async def leaves(self, writer: str, after: int) -> Mapping[str, object]:
        """Leaves of one writer's chain (of an empty writer: all heads), for who holds an export against the store."""
        found = await self._journal.leaves(writer, after, MOST if writer else EVERY)
        return {
            "leaves": [
                {
                    "writer": leaf.writer,
                    "n": leaf.n,
                    "digest": leaf.digest.hex(),
                    "covers": [cover.hex() for cover in leaf.covers],
                }
                for leaf in found
            ]
        }

    async def _note(self, words: Words, asked: Asked, route: str) -> int:
        wanted = msgspec.to_builtins(asked)
        subject = "; ".join(f"{name}={wanted[name]}" for name in wanted if wanted[name] and name not in _NOT_TOLD)
        read = Read(words.actor, "audit", subject, route, asked.dossier, asked.event_id, words.reason.strip())
        return await personal.note(self._journal, read)


# A word that somebody looks for may be a person's name: that it was looked for is told by the reason, not by the word.
_NOT_TOLD = frozenset({"text", "limit", "dossier", "event_id"})


def _asked(words: Words) -> Asked:
    try:
        return msgspec.convert(words.details, Asked)
    except msgspec.ValidationError as error:
        raise Invalid(f"Câu hỏi không hợp lệ: {error}", code="order_incomplete") from error


def _heads(leaves: Sequence[Leaf]) -> list[dict[str, object]]:
    """The last leaf of every chain, as it is exported."""
    return [{"writer": leaf.writer, "n": leaf.n, "digest": leaf.digest.hex()} for leaf in leaves]
