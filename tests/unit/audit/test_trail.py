"""Searching and exporting the trail: complete, in order, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
import pytest

from gateway.audit.trail import TrailQuery, line, search
from gateway.journal.model import FeedRow
from gateway.journal.store import Journal

_START = datetime(2026, 11, 20, 8, tzinfo=UTC)


class _Pages:
    """A journal of which only the audit rows are asked."""

    def __init__(self, rows: Sequence[FeedRow]) -> None:
        self.rows = rows

    async def feed(self, after: int, limit: int, *, feed_only: bool = True) -> Sequence[FeedRow]:
        assert not feed_only
        return [row for row in self.rows if row.position > after][:limit]


def _row(position: int) -> FeedRow:
    return FeedRow(
        position,
        _START + timedelta(seconds=position),
        "event.accepted" if position % 2 else "gap.skipped",
        f"SEC-{position % 3}",
        f"H-{position % 5}",
        f"e{position}",
        b'{"sequence":1}',
    )


_ROWS = [_row(position) for position in range(3, 2_400, 2)] + [_row(position) for position in range(2_400, 2_420)]


async def _found(query: TrailQuery, after: int = 0) -> list[int]:
    return [row.position async for row in search(cast("Journal", _Pages(_ROWS)), query, after)]


async def test_an_open_question_gives_every_row_once_in_order_over_all_pages() -> None:
    """Also across positions that were never given."""
    assert await _found(TrailQuery()) == [row.position for row in _ROWS]
    assert await _found(TrailQuery(), after=2_410) == list(range(2_411, 2_420))
    assert await _found(TrailQuery(), after=9_999) == []


@pytest.mark.parametrize(
    "query",
    [
        TrailQuery(kinds=frozenset({"gap.skipped"})),
        TrailQuery(dossier="H-1"),
        TrailQuery(event_id="e11"),
        TrailQuery(actor="SEC-2"),
        TrailQuery(since=_START + timedelta(seconds=100), until=_START + timedelta(seconds=200)),
        TrailQuery(kinds=frozenset({"event.accepted"}), dossier="H-2", actor="SEC-1"),
    ],
)
async def test_a_question_narrows_by_every_word_of_it(query: TrailQuery) -> None:
    """All words must fit; the answer is what a full walk finds."""
    found = await _found(query)
    assert found == [row.position for row in _ROWS if query.matches(row)] and 0 < len(found) < len(_ROWS)


def test_the_end_of_a_span_of_time_is_not_in_it() -> None:
    """Two adjoining spans share no row and miss none."""
    row = _row(3)
    assert TrailQuery(since=row.at).matches(row) and not TrailQuery(until=row.at).matches(row)


async def test_an_export_is_one_line_of_json_a_row() -> None:
    """Readable by any program, with the Vietnamese title beside the stable kind."""
    lines = [line(row) async for row in search(cast("Journal", _Pages(_ROWS[:3])), TrailQuery())]
    trees = [msgspec.json.decode(told) for told in lines]
    assert [tree["position"] for tree in trees] == [row.position for row in _ROWS[:3]]
    assert trees[0]["title_vi"] == "Đã tiếp nhận sự kiện" and trees[0]["fields"] == {"sequence": 1}
    assert all(told.count(b"\n") == 1 and told.endswith(b"\n") for told in lines)
    assert msgspec.json.decode(line(_row(4)))["kind"] == "gap.skipped"
