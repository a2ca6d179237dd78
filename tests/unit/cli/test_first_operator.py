"""`gateway operators add --new-key` where no register takes the operator: no key is left behind that the next try trips over."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.operate import standing_still
from gateway.cli.program import main
from gateway.cli.screen import EX_OK, EX_UNAVAILABLE
from gateway.config import load

ALONE = '[storage]\ndata_dir = "data"\nkey_file = "kek"\n'
SHARED = '[storage.postgres]\ndsn = "file:dsn"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An installation that has never run; a database that nobody serves."""
    (tmp_path / "kek").write_bytes(base64.b64encode(bytes(range(32))))
    (tmp_path / "dsn").write_text(f"postgresql://tthc:x@127.0.0.1:{free_ports(1)[0]}/tthc", encoding="utf-8")
    for name in ("kek", "dsn"):
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "gateway.toml"
    path.write_text(ALONE, encoding="utf-8")
    return path


def _added(config: Path) -> object:
    words = ["operators", "add", "an", "--new-key", "--role", "admin", "--reason", "Người vận hành đầu tiên"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--config", str(config)])
    return ended.value.code


@pytest.mark.parametrize("where", (ALONE, ALONE + SHARED))
def test_no_key_is_made_where_no_store_answers(config: Path, where: str) -> None:
    """A store that no start has made yet, a database that is away: the command fails, and the folder of keys is not there."""
    config.write_text(where, encoding="utf-8")
    assert _added(config) == EX_UNAVAILABLE
    assert not (config.parent / "keys").exists()


def test_the_first_operator_gets_a_pair_of_keys(config: Path) -> None:
    """With a store at rest it is made and registered."""

    async def made() -> None:
        async with standing_still(load(config)):
            pass

    asyncio.run(made())
    assert _added(config) == EX_OK
    assert sorted(path.name for path in (config.parent / "keys/operators").iterdir()) == ["an.pem", "an.pub.pem"]
