"""Reads of callers over a real store: each one that showed something is in the trail before its answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.errors import JournalUnavailable
from gateway.intake import personal
from gateway.intake.signature import sign_head


async def _read(site: Any, who: str, target: str) -> tuple[int, Any]:
    """A signed read: status and answer."""
    headers = sign_head("GET", target, None, site.keys[who], int(site.time.now.timestamp()))
    async with site.client.get(target, headers=headers) as answer:
        return int(answer.status), msgspec.json.decode(await answer.read())


async def _reads(site: Any) -> list[tuple[str, str, str, str]]:
    """Reader, what, subject and dossier of every personal.read."""
    rows = await site.journal.feed(0, 1000, feed_only=False)
    told = [(row, msgspec.json.decode(row.fields)) for row in rows if row.kind == "personal.read"]
    return [(row.actor, fields["what"], fields["subject"], row.dossier) for row, fields in told]


async def test_who_reads_a_dossier_is_in_the_trail_and_who_may_not_see_it_has_read_nothing(
    site: Any, words: Any
) -> None:
    """By system and dossier; the 404 of a stranger leaves no row."""
    target = f"/v1/dossiers/{words.code}"
    assert [(await _read(site, who, target))[0] for who in ("RES", "SEC-A", "SEC-OTHER")] == [200, 200, 404]
    assert await _reads(site) == [(who, "dossier", words.code, words.code) for who in ("RES", "SEC-A")]


async def test_a_page_of_the_feed_is_one_read_and_an_empty_page_is_none(site: Any) -> None:
    """One row with the span of positions; a follower that finds nothing new does not fill the trail."""
    status, page = await _read(site, "RES", "/v1/feed")
    assert status == 200 and page["events"]
    ((reader, what, span, dossier),) = await _reads(site)
    assert (reader, what, dossier) == ("RES", "feed", "")
    first, last = (int(part) for part in span.split("-"))
    assert 0 < first <= last
    for _ in range(3):
        assert (await _read(site, "RES", f"/v1/feed?after={page['next']}"))[1]["events"] == []
    assert len(await _reads(site)) == 1, "and a read is no row of the feed"


async def test_what_cannot_be_written_down_is_not_shown(site: Any, words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is full answers 503, with nothing of the dossier."""

    async def full(*_: object) -> int:
        raise JournalUnavailable

    monkeypatch.setattr(personal, "note", full)
    for target in (f"/v1/dossiers/{words.code}", "/v1/feed"):
        status, answer = await _read(site, "RES", target)
        assert status == 503 and answer["code"] == "busy" and "dossier_code" not in answer and "events" not in answer
