"""A node that is stopped in the middle of a group, and many rows in one statement."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.dialect import shape, statements
from gateway.journal.shared import _name
from gateway.journal.standstill import MOST_BYTES, gathered, table_of

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Drivers

HERE = Path(__file__).parent
DOSSIER = "000.00.00.G00-261120-0042"


@contextmanager
def frozen(dsn: str, what: tuple[str, str], environment: Mapping[str, str]) -> Iterator[None]:
    """For as long as the block lasts a process stands still that has begun to hand over its rows."""
    child = subprocess.Popen([sys.executable, str(HERE / "standing_still.py"), dsn, *what], env=environment)
    try:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "it ended before it stood still"
        yield
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("statement", ["payload.put", "record.put"])
@pytest.mark.parametrize("driver", ["postgres"], indirect=True)
async def test_a_node_that_is_stopped_in_a_group_loses_its_locks_and_the_others_go_on(
    driver: Drivers, program_environment: dict[str, str], statement: str
) -> None:
    """Whatever it was handing over: its dossier takes the next event, and the feed shows it."""
    async with driver.desk() as desk:
        with frozen(driver.dsn, (statement, "session"), program_environment):
            await desk.accept(desk.event(1, dossier=DOSSIER))
            assert [row.dossier for row in await desk.journal.feed(0, 10)] == [DOSSIER]


@pytest.mark.parametrize(("statement", "how"), [("payload.put", "copy"), ("record.put", "pipeline")])
@pytest.mark.parametrize("driver", ["postgres"], indirect=True)
async def test_inside_a_copy_and_inside_a_pipeline_it_would_keep_them(
    driver: Drivers, program_environment: dict[str, str], statement: str, how: str
) -> None:
    """Why neither is used: the same settings, and the lock is still held after four times as long."""
    async with driver.desk():
        beside = await asyncpg.connect(driver.dsn, server_settings={"lock_timeout": "2s"})
        try:
            with (
                frozen(driver.dsn, (statement, how), program_environment),
                pytest.raises(asyncpg.LockNotAvailableError),
            ):
                await beside.execute(f"SELECT pg_advisory_lock({_name(DOSSIER)})")
        finally:
            await beside.close()


def test_every_insertion_that_waits_can_travel_as_arrays() -> None:
    """One that could not would go row by row, each with a round trip of its own; those that never wait are named."""
    sql = statements()
    own = {"seat.make", "content.begin"}
    late = {name for name, text in sql.items() if shape(text).late}
    assert {name for name in late if not table_of(sql[name])} == own & late


def test_a_value_that_is_an_array_itself_does_not_travel_in_one() -> None:
    """`unnest` would take it apart."""
    insertion = "INSERT INTO a (b) VALUES ($1)"
    assert gathered(insertion, {"b": "text[]"}) is None
    assert gathered(insertion, {"b": "text"}) is not None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), min_size=1, max_size=40))
def test_rows_of_one_key_follow_each_other_in_the_order_they_came(rows: list[tuple[str, int]]) -> None:
    """No statement holds a key twice, which PostgreSQL refuses; nothing is lost, and the last one stands in the end."""
    one = gathered(
        "INSERT INTO a (b, c) VALUES ($1, $2) ON CONFLICT (b) DO UPDATE SET c = excluded.c",
        {"b": "text", "c": "bigint"},
    )
    assert one is not None
    parts = [list(zip(*part, strict=True)) for part in one.parts(rows)]
    assert all(len({key for key, _ in part}) == len(part) for part in parts)
    sent = [row for part in parts for row in part]
    assert {key: [row for row in sent if row[0] == key] for key in "abc"} == {
        key: [row for row in rows if row[0] == key] for key in "abc"
    }


@given(st.lists(st.integers(0, MOST_BYTES + 2), min_size=1, max_size=6))
def test_a_statement_stays_small_enough_for_a_slow_line(widths: list[int]) -> None:
    """A row that is larger by itself goes by itself; the order stays."""
    one = gathered("INSERT INTO a (b) VALUES ($1)", {"b": "bytea"})
    assert one is not None
    parts = [part[0] for part in one.parts([(bytes(width),) for width in widths])]
    assert all(len(part) == 1 or sum(map(len, part)) <= MOST_BYTES for part in map(_texts, parts))
    assert [len(value) for part in map(_texts, parts) for value in part] == widths


def _texts(column: list[object]) -> list[bytes]:
    return [value for value in column if isinstance(value, bytes)]
