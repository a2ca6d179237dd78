"""The two ends of a move: the target is taken before anything is looked at, the source is shut before anything is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from gateway.errors import JournalUnavailable
from gateway.journal import carried
from gateway.journal.alive import NodesAtWork
from gateway.journal.arriving import HalfImported
from gateway.journal.carried import MANIFEST, BadExport
from gateway.journal.dialect import statements
from gateway.journal.months import TABLES
from gateway.journal.sealing import KeyRing
from gateway.journal.shared_tables import session, shut
from gateway.journal.unpacking import NotEmpty, Unpacking
from tests.line.program import until
from tests.postgres import Server
from tests.unit.evidence.lively import KEK
from tests.unit.moving.houses import Place

Places = Callable[[str], Place]
BEATS = "start = 'x', beat = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def test_nobody_opens_the_target_while_the_export_is_looked_at(home: Place, database: Places, tmp_path: Path) -> None:
    """It may take minutes to hash what comes: a node that starts meanwhile would be at work beneath the import."""
    home.leave(tmp_path / "out")
    place = database("new")
    with place.made() as (house, _):
        unpacking = Unpacking(tmp_path / "out", house)
        mark = unpacking.check(KeyRing(KEK))
        with pytest.raises(HalfImported):
            place.open()
        unpacking.load(mark)
    assert place.arrive(tmp_path / "out").holds


def test_an_opening_that_is_under_way_is_waited_for_and_seen(
    home: Place, database: Places, database_server: Server, tmp_path: Path
) -> None:
    """What it writes makes the store no empty one; the import leaves no mark there."""
    home.leave(tmp_path / "out")
    place = database("new")
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with session(place.options, 5) as other, ThreadPoolExecutor(1) as pool:
        other.begin()
        other.fetch(statements()["shared.alone"], (TABLES,))
        arriving = pool.submit(place.arrive, tmp_path / "out")
        until(lambda: database_server.say(waiting) == "1", "the import waits")
        other.run("INSERT INTO cursor (name, value) VALUES ('server', 'x')")
        other.run("COMMIT")
        with pytest.raises(NotEmpty):
            arriving.result()
        assert other.fetch("SELECT count(*) FROM meta", ()) == [(0,)]


@pytest.mark.parametrize("kind", ["embedded", "shared"])
def test_an_export_that_is_refused_leaves_the_target_to_another_one(
    kind: str, home: Place, elsewhere: Places, database: Places, tmp_path: Path
) -> None:
    """It was taken for nothing; one whose first look was cut short gives way too, for no row of it has come."""
    out, other = tmp_path / "out", tmp_path / "other"
    home.leave(out)
    home.leave(other)
    manifest = carried.read_manifest(other)
    later = msgspec.structs.replace(manifest.store, made_at="later")
    (other / MANIFEST).write_bytes(msgspec.json.encode(carried.sealed(later, manifest.parts)))
    part = next((out / "rows").glob("*-msg-*"))
    part.write_bytes(part.read_bytes().replace(b"HS-1", b"HS-2", 1))
    target = elsewhere("new") if kind == "embedded" else database("new")
    with pytest.raises(BadExport, match=part.name), target.made() as (house, _):
        Unpacking(out, house).check(KeyRing(KEK))
    with target.made() as (house, _):
        assert house.tables.fetch("SELECT count(*) FROM meta") == [(0,)]
        Unpacking(other, house).check(KeyRing(KEK))  # and then the machine lost its power
    home.leave(tmp_path / "third")
    assert target.arrive(tmp_path / "third").holds


def _stands_shut(database_server: Server, place: Place) -> bool:
    return database_server.say("SHOW default_transaction_read_only", place.dsn.rpartition("/")[2]) == "on"


def test_a_source_that_is_shut_ends_who_was_at_work_there(
    home: Place, database: Places, database_server: Server, tmp_path: Path
) -> None:
    """A node whose heartbeats were lost is not seen alive, but its session is there: it writes nothing from here on."""
    home.leave(tmp_path / "out")
    place = database("shared")
    assert place.arrive(tmp_path / "out").holds
    journal = place.open()
    database_server.execute(place.dsn.rpartition("/")[2], "UPDATE node SET beat = 0")
    asyncio.run(home.lively.event(journal, "HS-90", 1))
    with session(place.options) as opened, shut(opened), pytest.raises(JournalUnavailable):
        asyncio.run(home.lively.event(journal, "HS-91", 1))
    assert _stands_shut(database_server, place), "and it stays so"
    asyncio.run(journal.close())
    with pytest.raises(ArithmeticError), session(place.options) as opened, shut(opened):
        raise ArithmeticError
    assert _stands_shut(database_server, place), "it was shut before this run, which undoes only what it did"


def test_a_source_is_open_again_when_its_export_fails_or_a_node_came_up(
    home: Place, database: Places, database_server: Server, tmp_path: Path
) -> None:
    """As if nothing had been; also out of the transaction that reads."""
    home.leave(tmp_path / "out")
    place = database("shared")
    assert place.arrive(tmp_path / "out").holds
    with pytest.raises(ArithmeticError), session(place.options) as opened, shut(opened):
        opened.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        raise ArithmeticError
    assert not _stands_shut(database_server, place)
    journal = place.open()
    database_server.execute(place.dsn.rpartition("/")[2], f"UPDATE node SET {BEATS}")
    with pytest.raises(NodesAtWork), session(place.options) as opened, shut(opened):
        pass
    assert not _stands_shut(database_server, place)
    asyncio.run(home.lively.event(journal, "HS-90", 1))
    asyncio.run(journal.close())
