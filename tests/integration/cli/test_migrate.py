"""`gateway migrate`: both stores brought up to date by command, and told what is missing without a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from gateway import bootstrap
from gateway.bootstrap.stores import examined_database, trusted_openings
from gateway.cli.doctor_nodes import shared_store
from gateway.cli.installation import Ports, lay_out, write_safely
from gateway.cli.program import main
from gateway.config import load
from gateway.errors import ConfigError
from gateway.evidence.check import check_shared
from tests import redis_server
from tests.postgres import Server, apart, off_loop


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """An installation on the embedded store."""
    lay_out(tmp_path / "house", Ports(), ("SEC-DEMO",))
    return tmp_path / "house" / "gateway.toml"


@pytest.fixture
def shared(house: Path, database_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same on a shared store, whose nodes may make no tables."""
    dsn = database_server.database()
    write_safely(house.parent / "keys/dsn", dsn.encode())
    monkeypatch.setenv("GATEWAY__STORAGE__POSTGRES__DSN", "file:keys/dsn")
    monkeypatch.setenv("GATEWAY__STORAGE__POSTGRES__MIGRATE", "refuse")
    monkeypatch.setenv("GATEWAY__LISTEN__INTERNAL__PORT", "0")
    yield house
    database_server.drop(dsn)


@pytest.fixture
def redis() -> Iterator[redis_server.Server]:
    """A Redis of this test's own, because it is stopped."""
    with redis_server.served() as running:
        yield running


def _code(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


async def _served(config: Path) -> None:
    async with bootstrap.running(load(config)):
        pass


def test_nodes_without_the_right_to_make_tables_wait_for_the_command(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused with the words to run; checked with exit 1; migrated; then checked, served, and the evidence holds."""
    with pytest.raises(ConfigError, match="gateway migrate"):
        off_loop(_served(shared))
    assert _code("migrate", "--check", "--config", shared) == 1
    assert "0000_pre_tables.sql" in capsys.readouterr().err
    assert _code("migrate", "--config", shared) == 0
    assert "đủ mọi bước" in capsys.readouterr().out
    assert _code("nodes", "--config", shared) == 0
    assert "Chưa nút nào chạy" in capsys.readouterr().out, "the steps are there, and nobody has come yet"
    assert _code("migrate", "--check", "--json", "--config", shared) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["complete"] is True
    loaded = load(shared)
    assert loaded.settings.storage.postgres is not None
    report = check_shared(examined_database(loaded, loaded.settings.storage.postgres), trusted_openings(loaded))
    assert report.holds, report.faults
    off_loop(_served(shared))


def test_the_embedded_store_is_upgraded_while_nobody_serves(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that was never made lacks nothing; one of an older program says what, and gets it."""
    assert _code("migrate", "--check", "--config", house) == 0
    off_loop(_served_embedded(house))
    assert _code("migrate", "--check", "--config", house) == 0
    store = apsw.Connection(str(house.parent / "data/journal.db"))
    store.execute("DELETE FROM migration WHERE number = 3; DROP INDEX lane_pressing")
    store.close()
    capsys.readouterr()
    assert _code("migrate", "--check", "--config", house) == 1
    assert "0003_pre_pressing_lanes.sql" in capsys.readouterr().err
    assert _code("migrate", "--config", house) == 0
    assert "0003_pre_pressing_lanes.sql" in capsys.readouterr().out
    assert _code("migrate", "--check", "--config", house) == 0


async def _served_embedded(config: Path) -> None:
    async with bootstrap.running(load(config, {"GATEWAY__LISTEN__INTERNAL__PORT": "0"})):
        pass


def test_the_doctor_looks_at_the_shared_store_and_at_redis(
    shared: Path, redis: redis_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the tables are there it says what is missing; Redis answers or does not, and neither is a stack trace."""
    write_safely(shared.parent / "keys/redis", redis.url().encode())
    monkeypatch.setenv("GATEWAY__COORDINATION__REDIS", "file:keys/redis")

    def looks() -> dict[str, bool]:
        loaded = load(shared)
        return {one.check: one.ok for one in apart(lambda: list(shared_store(loaded)))}

    assert (looks()["PostgreSQL"], looks()["bước nâng cấp"], looks()["Redis"]) == (True, False, True)
    assert _code("migrate", "--config", shared) == 0
    redis.stop()
    assert (looks()["bước nâng cấp"], looks()["Redis"]) == (True, False)
    write_safely(shared.parent / "keys/dsn", b"postgresql://gateway@127.0.0.1:1/none")
    assert looks()["PostgreSQL"] is False
