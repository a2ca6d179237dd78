"""Steps of the tables: what is missing is named, a pre goes at once, a post waits for older nodes, a newer store is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from gateway.journal.dialect import statements
from gateway.journal.errands import steps_of
from gateway.journal.session import BlockingSession, DatabaseOptions
from gateway.journal.statements import Migration, shared_migrations
from gateway.journal.upgrading import SchemaBehind, SharedSteps, missing, refuse_strange
from tests.postgres import apart

T = TypeVar("T")
NOW = 1_795_334_400_000_000  # 2026-11-22
ADDED = Migration(1_900, "0900_pre_note.sql", "CREATE TABLE note (id bigint PRIMARY KEY)")
TAKEN = Migration(1_901, "0901_post_no_note.sql", "DROP TABLE note")


def _options(dsn: str, node: str = "node-1") -> DatabaseOptions:
    return DatabaseOptions(node=node, dsn=dsn, kek=bytes(32))


def _with(dsn: str, more: tuple[Migration, ...], work: Callable[[SharedSteps, BlockingSession], T]) -> T:
    def run() -> T:
        session = BlockingSession(_options(dsn))
        session.ensure()
        try:
            return work(SharedSteps(session, statements(), (*shared_migrations(), *more), NOW), session)
        finally:
            session.close()

    return apart(run)


def test_what_is_missing_is_told_apart_by_when_it_may_be_applied() -> None:
    """A `pre` of a newer program is no stranger: it fits the program before it. A `post` of one is."""
    standing = missing((ADDED, TAKEN), {})
    assert (standing.pre, standing.post, standing.complete) == ((ADDED,), (TAKEN,), False)
    assert missing((ADDED,), {1_900: ADDED.name, 1_950: "0950_pre_more.sql"}).complete
    newer = missing((ADDED,), {1_900: ADDED.name, 1_901: TAKEN.name})
    assert newer.strange == (TAKEN.name,) and not newer.complete
    with pytest.raises(SchemaBehind, match="mới hơn"):
        refuse_strange(newer)


def test_an_empty_database_lacks_everything_and_looking_changes_nothing(dsn: str) -> None:
    """`--check` before the first start names the first step, twice."""

    def look() -> list[str]:
        with steps_of(_options(dsn), NOW) as found:
            return [step.name for step in found.look().pre]

    assert apart(look) == apart(look) == [step.name for step in shared_migrations()]


def test_a_start_applies_pre_steps_and_never_post_ones(dsn: str) -> None:
    """What takes something away is applied by nobody who merely starts."""

    def start(found: SharedSteps, session: BlockingSession) -> tuple[bool, tuple[Migration, ...]]:
        found.open(apply=True)
        there = session.fetch("SELECT to_regclass('note') IS NOT NULL", ())[0][0]
        return bool(there), found.look().post

    assert _with(dsn, (ADDED, TAKEN), start) == (True, (TAKEN,))


def test_a_start_that_may_make_no_tables_refuses_and_names_the_step(dsn: str) -> None:
    """Nothing is changed, and the message says what to run; once the steps are there it starts."""
    with pytest.raises(SchemaBehind, match=r"0000_pre_tables.sql.*gateway migrate"):
        _with(dsn, (), lambda found, _: found.open(apply=False))
    _with(dsn, (), lambda found, _: found.open(apply=True))
    _with(dsn, (), lambda found, _: found.open(apply=False))


def test_a_step_whose_text_was_changed_after_it_was_applied_is_named_and_opens_nothing(dsn: str) -> None:
    """Nothing else is applied either; the row of a step of another kind of store, which has no text here, says nothing."""
    other = replace(ADDED, sql=f"{ADDED.sql}; CREATE INDEX note_id ON note (id)")
    _with(dsn, (ADDED,), lambda found, _: found.open(apply=True))
    came = "INSERT INTO migration (number, name, applied_at) VALUES (3, '0003_pre_pressing_lanes.sql', 0)"
    _with(dsn, (ADDED,), lambda _, session: session.run(came))
    assert _with(dsn, (ADDED,), lambda found, _: found.look().altered) == ()
    left = _with(dsn, (other,), lambda found, _: found.look())
    assert (left.altered, left.pre, left.complete) == ((ADDED.name,), (), False)
    with pytest.raises(SchemaBehind, match=rf"{ADDED.name} khác với bước đã thực hiện.*hãy dùng đúng bản"):
        _with(dsn, (other, TAKEN), lambda found, _: found.open(apply=True))


def test_a_post_step_waits_for_live_nodes_of_older_programs(dsn: str) -> None:
    """Who beats and does not know the newest step is named; silent ones, departed ones and newer ones are not."""

    def told(found: SharedSteps, session: BlockingSession) -> tuple[str, ...]:
        found.open(apply=True)
        beat = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        for name, start, at, knows in (
            ("old", "s", beat, 1_000),
            ("silent", "s", f"{beat} - 60000000", 1_000),
            ("departed", "", beat, 1_000),
            ("new", "s", beat, 1_901),
        ):
            session.run(
                f"INSERT INTO node (node, started, start, beat, knows) VALUES ('{name}', 0, '{start}', {at}, {knows})"
            )
        return found.look().older

    assert _with(dsn, (ADDED, TAKEN), told) == ("old",)
    assert _with(dsn, (ADDED,), lambda found, _: found.look().older) == (), "nothing waits, so nobody holds it up"
    _with(dsn, (ADDED, TAKEN), lambda found, _: found.know("old"))
    assert _with(dsn, (ADDED, TAKEN), lambda found, _: found.look().older) == ()


def test_partitions_are_made_a_year_ahead_and_missing_ones_are_named(dsn: str) -> None:
    """A node that may make no tables needs those of this month and the next; `gateway migrate` makes them once."""

    def made(found: SharedSteps, _: BlockingSession) -> tuple[tuple[str, ...], int, list[str], tuple[str, ...]]:
        found.open(apply=True)
        before = found.look().partitions
        return before, len(found.make_partitions()), found.make_partitions(), found.look().partitions

    before, first, second, after = _with(dsn, (), made)
    assert before == ("payload_2026_11", "attempt_2026_11", "payload_2026_12", "attempt_2026_12")
    assert (first, second, after) == (26, [], ())
