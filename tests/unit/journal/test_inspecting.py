"""What a look at the server under a shared store finds: its settings, its clock, transactions of others that hold things up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import asyncpg
import pytest

from connectors.kit.secrets import SecretRef
from gateway.cli.doctor_nodes import database
from gateway.config.model import Postgres
from gateway.journal.errands import steps_of
from gateway.journal.inspecting import USUAL, Inspected, Patience, inspect
from gateway.journal.session import DatabaseOptions, DatabaseUnopenable
from tests.postgres import Server, apart

AT_ONCE = Patience(long_s=0.0, holds_s=0.0)
POSTGRES = Postgres(dsn=SecretRef("env:X"))


@pytest.fixture
def dsn(database_server: Server) -> Iterator[str]:
    """A database with the tables of the journal."""
    name = database_server.database()

    def make() -> None:
        with steps_of(DatabaseOptions("n", name, b""), 1_795_334_400_000_000) as steps:
            steps.open(apply=True)

    apart(make)
    yield name
    database_server.drop(name)


def _looked(dsn: str, patience: Patience = USUAL) -> Inspected:
    return apart(lambda: inspect(DatabaseOptions("n", dsn, b""), patience))


def _bad(seen: Inspected, postgres: Postgres = POSTGRES) -> set[str]:
    return {finding.check for finding in database(seen, postgres) if not finding.ok}


def test_a_server_that_never_flushes_is_found_out(dsn: str) -> None:
    """The tests' own server is told not to flush and not to vacuum, which no production may; everything else of it is well."""
    seen = _looked(dsn)
    assert _bad(seen) == {"fsync", "full_page_writes", "autovacuum"}
    assert seen.settings["server_version"] and abs(seen.ahead_s) <= seen.unsure_s + 0.01
    well = dict.fromkeys(("fsync", "full_page_writes", "autovacuum"), "on")
    assert _bad(replace(seen, settings={**seen.settings, **well})) == set()
    assert "đồng hồ của PostgreSQL" in _bad(replace(seen, ahead_s=-7.0))
    assert "PostgreSQL" in _bad(replace(seen, standby=True))
    assert "kết nối thẳng" in _bad(replace(seen, pooled=True))
    assert "máy dự phòng đồng bộ" in _bad(seen, Postgres(dsn=SecretRef("env:X"), durability="sync-standby"))


async def test_transactions_of_others_are_seen(dsn: str) -> None:
    """An idle reader is old, a writer also holds back the feed; both are gone when they end."""
    other = await asyncpg.connect(dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT 1")
    seen = _looked(dsn, AT_ONCE)
    assert (seen.old, seen.holding) == (1, 0)
    await other.execute("CREATE TABLE theirs (n int)")
    seen = _looked(dsn, AT_ONCE)
    assert (seen.old, seen.holding) == (1, 1)
    assert {"giao dịch quá 60 giây", "giao dịch ghi giữ dòng tin"} <= _bad(seen)
    await transaction.rollback()
    assert (_looked(dsn, AT_ONCE).old, _looked(dsn).holding) == (0, 0)
    await other.close()


async def test_tables_that_lost_their_settings_of_autovacuum_are_named(dsn: str) -> None:
    """A restore by hand may have left them out; claims would slow down with every dead row."""
    assert _looked(dsn).untuned == ()
    other = await asyncpg.connect(dsn)
    await other.execute("ALTER TABLE lane RESET (autovacuum_vacuum_cost_delay)")
    await other.execute("ALTER TABLE msg SET (autovacuum_vacuum_scale_factor = 0.2)")
    await other.execute("ALTER TABLE record RESET (autovacuum_vacuum_scale_factor)")
    await other.close()
    assert _looked(dsn).untuned == ("lane", "msg", "record")


def test_a_server_that_is_not_there_is_a_finding_of_its_own(dsn: str) -> None:
    """Not a stack trace."""
    with pytest.raises(DatabaseUnopenable):
        _looked(dsn.replace(f":{dsn.rsplit(':', 1)[1].split('/', maxsplit=1)[0]}/", ":1/"))
