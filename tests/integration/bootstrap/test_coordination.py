"""What nodes share, opened as the configuration wants it: nothing, shares, Redis with a password, Redis through TLS."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.kit.loopback_tls import self_signed
from gateway.bootstrap.coordination import open_coordination
from gateway.cli.installation import Ports, lay_out, write_safely
from gateway.clock import Clock
from gateway.config import Loaded, load
from gateway.coordination.memory import MemoryCoordination
from gateway.coordination.redis import RedisCoordination
from gateway.errors import ConfigError
from gateway.observe.metrics import Metrics
from tests.planted import secret
from tests.redis_server import Server, served

Loads = Callable[..., Loaded]
SHARED = {"GATEWAY__STORAGE__POSTGRES__DSN": "file:keys/dsn", "GATEWAY__FILES__FOLDER": "shared"}


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    """The settings of one node; the address of Redis lies in a file of its own."""
    house = tmp_path / "house"
    lay_out(house, Ports(), ("SEC-DEMO",))
    write_safely(house / "keys/dsn", b"postgresql://nobody@127.0.0.1:1/none")

    def made(address: str = "", **changes: str) -> Loaded:
        if address:
            write_safely(house / "keys/redis", address.encode())
            changes["GATEWAY__COORDINATION__REDIS"] = "file:keys/redis"
        return load(house / "gateway.toml", {"GATEWAY__NODE": "node-1", **changes})

    return made


@contextmanager
def _behind_tls() -> Iterator[tuple[Server, Path]]:
    """A Redis that speaks TLS alone, and the certificate that vouches for it."""
    folder = Path(tempfile.mkdtemp(prefix="tthc-redis-tls-"))
    try:
        self_signed(folder, datetime.now(UTC))
        if os.getuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
        certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
        with served(tls_cert_file=certificate, tls_key_file=key, tls_auth_clients="no", tls_port="0") as server:
            server.stop()
            server.settings = {**server.settings, "tls-port": str(server.port), "port": "0"}
            server.start()
            yield server, folder / "certificate.pem"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_alone_a_node_has_every_limit_to_itself(loads: Loads) -> None:
    """The embedded form: nobody is asked, nothing is divided."""
    async with open_coordination(loads(), Clock(), Metrics()) as made:
        assert isinstance(made.coordination, MemoryCoordination)
        assert made.membership is None and made.values is None
        assert (await made.coordination.take("A", 9, 1.0, 5))[0] == 5


async def test_on_a_shared_store_without_redis_a_node_waits_to_be_seen(loads: Loads) -> None:
    """Before its heartbeats have shown who else is there it sends nothing."""
    async with open_coordination(loads(**SHARED), Clock(), Metrics()) as made:
        assert made.membership is not None and made.values is None
        assert (await made.coordination.take("A", 9, 1.0, 5))[0] == 0


async def test_through_redis_values_are_common_and_calls_are_counted(loads: Loads) -> None:
    """With a password, which stands in a file."""
    word = secret("redis")
    with served() as server:
        server.say("CONFIG", "SET", "requirepass", word)
        metrics = Metrics()
        loaded = loads(f"redis://:{word}@127.0.0.1:{server.port}/0", **SHARED)
        async with (
            open_coordination(loaded, Clock(), metrics) as one,
            open_coordination(loaded, Clock(), Metrics()) as other,
        ):
            await one.coordination.remember("session", "S-1", timedelta(minutes=1))
            assert await other.coordination.recall("session") == "S-1"
            assert one.values is one.coordination
            assert isinstance(one.coordination, RedisCoordination)
            shown = metrics.render().decode()
        assert "gateway_redis_up 1.0" in shown
        assert "gateway_redis_connects_total 1.0" in shown
        assert 'gateway_coordination_calls_total{call="remember",outcome="answered"} 1.0' in shown
        assert word not in shown


async def test_a_wrong_password_is_as_if_redis_were_away(loads: Loads, caplog: pytest.LogCaptureFixture) -> None:
    """The node starts and says so; the password is in no log."""
    word = secret("redis")
    with served() as server:
        server.say("CONFIG", "SET", "requirepass", "another one")
        metrics = Metrics()
        async with open_coordination(loads(f"redis://:{word}@127.0.0.1:{server.port}/0", **SHARED), Clock(), metrics):
            assert "gateway_redis_up 0.0" in metrics.render().decode()
    assert "redis does not answer" in caplog.text
    assert word not in caplog.text


async def test_through_tls_only_a_server_that_is_vouched_for_is_believed(loads: Loads, tmp_path: Path) -> None:
    """With the CA of one's own it connects; without it, or by another, it does not."""
    with _behind_tls() as (server, certificate):
        address = f"rediss://127.0.0.1:{server.port}/0"
        (tmp_path / "house/ca.pem").write_bytes(certificate.read_bytes())
        vouched = loads(address, **SHARED, GATEWAY__COORDINATION__CA_FILE="ca.pem")
        async with open_coordination(vouched, Clock(), Metrics()) as made:
            assert isinstance(made.coordination, RedisCoordination) and made.coordination.is_up()
        async with open_coordination(loads(address, **SHARED), Clock(), Metrics()) as made:
            assert isinstance(made.coordination, RedisCoordination) and not made.coordination.is_up()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("address", "changes", "named"),
    [
        ("http://127.0.0.1", SHARED, "coordination.redis"),
        ("redis://127.0.0.1:port/0", SHARED, "coordination.redis"),
        ("redis://127.0.0.1", {**SHARED, "GATEWAY__COORDINATION__CA_FILE": "none.pem"}, "coordination.ca_file"),
        ("redis://127.0.0.1", {}, "coordination.redis"),
        ("redis://127.0.0.1", {**SHARED, "GATEWAY__COORDINATION__PREFIX": "a b"}, "coordination.prefix"),
        ("redis://127.0.0.1", {**SHARED, "GATEWAY__COORDINATION__ANSWER_S": "0.0"}, "coordination.answer_s"),
    ],
)
async def test_what_cannot_be_right_is_refused_by_its_name(
    loads: Loads, address: str, changes: dict[str, str], named: str
) -> None:
    """At the start, and without the address, which may hold a password."""
    with pytest.raises(ConfigError) as refused:
        async with open_coordination(loads(address, **changes), Clock(), Metrics()):
            pass
    assert named in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)
