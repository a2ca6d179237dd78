"""Refused callers stand in the audit trail, and cannot fill the disk (architecture 3, stage 1)."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.audit.trail import TrailQuery, search
from gateway.clock import Clock
from gateway.errors import Forbidden, JournalUnavailable, Unauthenticated
from gateway.intake.authenticate import Authenticator
from gateway.intake.refusals import Call, Refusals
from gateway.intake.register import Register
from gateway.journal.model import Accepted, Intake

_REFUSED = TrailQuery(kinds=frozenset({"caller.refused"}))


async def test_a_refused_caller_stands_in_the_trail_and_not_in_the_feed(site: Any, words: Any) -> None:
    """A 403 names the system behind its good signature; a 401 proves nobody, so it names nobody."""
    await site.push("SEC-MEEK", words.event("SEC-MEEK", 1, "processing"))
    await site.send("GET", "/v1/feed", b"", {"Signature-Input": 'a=();keyid="RES-1"', "Signature": "a=:AA==:"})
    rows = [row async for row in search(site.journal, _REFUSED)]
    told = [(row.actor, msgspec.json.decode(row.fields)) for row in rows]
    assert [(actor, fields["status"], fields["key_id"]) for actor, fields in told] == [
        ("SEC-MEEK", 403, "SEC-MEEK-1"),
        ("unknown", 401, "RES-1"),
    ]
    assert told[0][1]["code"] == "state_not_allowed" and told[1][1]["route"] == "/v1/feed"
    _, page, _ = await site.call("RES", "GET", "/v1/feed")
    assert [row["kind"] for row in page["events"]] == ["dossier.registered"]


class _Sink:
    """A journal that only takes, or does not."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.full = False

    async def accept(self, intake: Intake) -> Accepted:
        if self.full:
            raise JournalUnavailable
        self.taken.append(msgspec.json.decode(intake.raw))
        return Accepted(b"", 401, stored=True)


async def test_a_flood_of_strangers_is_counted_and_not_written(caplog: Any) -> None:
    """A burst, then a row every two seconds; the next row says how many were left out, also after a full disk."""
    at, sink = [100.0], _Sink()
    clock = Clock(instant=lambda: at[0])
    refusals: Any = Refusals(sink, Authenticator(Register(), 300), clock)  # type: ignore[arg-type]  # takes, nothing else
    for _ in range(1_000):
        await refusals.note(Unauthenticated(), Call("GET", "none", 'x;keyid="nobody"'))
    assert len(sink.taken) == 60 and "key_id" not in sink.taken[0]
    at[0] += 2.0
    sink.full = True
    await refusals.note(Forbidden(), Call("GET", "none"))
    at[0] += 2.0
    sink.full = False
    await refusals.note(Forbidden(), Call("GET", "none"))
    assert len(sink.taken) == 61 and sink.taken[-1]["suppressed"] == 941
