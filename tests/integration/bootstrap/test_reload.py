"""A configuration that is read anew: taken over whole by the running process, or refused whole with every fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway import bootstrap
from gateway.admin.reloading import Outcome
from gateway.cli.installation import Ports, lay_out
from gateway.clock import Clock
from gateway.config import Loaded, load

Change = Callable[[str, str], None]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """An installation on a free port."""
    lay_out(tmp_path / "house", Ports(gateway=0), ("SEC-DEMO",))
    return load(tmp_path / "house/gateway.toml")


@pytest.fixture
def change(loaded: Loaded) -> Change:
    """Puts another text in the place of one that stands in the file."""

    def changed(old: str, new: str) -> None:
        text = loaded.file.read_text(encoding="utf-8")
        assert old in text
        loaded.file.write_text(text.replace(old, new), encoding="utf-8")

    return changed


async def _health(running: bootstrap.Running, session: aiohttp.ClientSession) -> Any:
    async with session.get(f"http://{running.host}:{running.port}/healthz") as answer:
        return await answer.json()


async def _reload(running: bootstrap.Running) -> Outcome:
    assert running.residence is not None
    return await running.residence.desk.by_signal("test")


async def _trail(running: bootstrap.Running, kind: str) -> list[Any]:
    assert running.residence is not None
    journal = running.residence._ground.journal
    return [row for row in await journal.feed(0, 1_000, feed_only=False) if row.kind == kind]


async def test_a_good_configuration_takes_over_and_its_generation_is_shown(loaded: Loaded, change: Change) -> None:
    """On the same socket and the same connection, again and again; each time it is in the trail."""
    async with bootstrap.running(loaded) as running, aiohttp.ClientSession() as session:
        seen = [(await _health(running, session))["config_generation"]]
        for number in (1, 2, 3):
            change("[operators]\n", f"[operators]\nproposal_hours = {number}.0\n" if number == 1 else "[operators]\n")
            if number > 1:
                change(f"proposal_hours = {number - 1}.0", f"proposal_hours = {number}.0")
            outcome = await _reload(running)
            assert outcome.faults == ()
            seen.append((await _health(running, session))["config_generation"])
            assert (outcome.previous, outcome.generation) == (seen[-2], seen[-1])
        assert len(set(seen)) == 4
        assert len(await _trail(running, "config.reloaded")) == 3


async def test_one_wrong_key_changes_nothing(loaded: Loaded, change: Change) -> None:
    """Every fault is named, the generation stays, and the trail says that it was tried."""
    async with bootstrap.running(loaded) as running, aiohttp.ClientSession() as session:
        before = await _health(running, session)
        change("[operators]\n", "[operators]\nproposal_hours = -1.0\n[files]\nmax_byte = 1\n")
        outcome = await _reload(running)
        assert {fault.partition(":")[0] for fault in outcome.faults} >= {"operators.proposal_hours", "files.max_byte"}
        assert (await _health(running, session)) == before
        assert len(await _trail(running, "config.refused")) == 1
        assert running.residence is not None
        assert running.residence.loaded.generation == before["config_generation"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('node = "gateway-1"', 'node = "gateway-2"', "node"),
        ("port = 0", "port = 9", "listen.internal.port"),
        ('data_dir = "data"', 'data_dir = "other"', "storage.data_dir"),
        ("[storage]\n", '[coordination]\nprefix = "la"\n[storage]\n', "coordination.prefix"),
        ("[storage]\n", "[listen.edge]\nport = 0\n[storage]\n", "listen.edge"),
        ("[storage]\n", '[files]\nfolder = "elsewhere"\n[storage]\n', "files.folder"),
        ("[storage]\n", "[files]\nkeep_free_bytes = 7\n[storage]\n", "files.keep_free_bytes"),
        ("[storage]\n", '[evidence]\nkey = "file:keys/webhook.pem"\n[storage]\n', "evidence.key"),
    ],
)
async def test_the_ground_needs_a_restart(loaded: Loaded, change: Change, old: str, new: str, key: str) -> None:
    """Where it listens, what it is called and where it keeps its store are no matter of a reload; each is refused by name."""
    async with bootstrap.running(loaded) as running:
        change(old, new)
        outcome = await _reload(running)
        assert [fault.partition(":")[0] for fault in outcome.faults] == [key]
        assert "cần khởi động lại" in outcome.faults[0]


async def test_a_configuration_that_fails_only_upon_the_store_leaves_the_old_one(
    loaded: Loaded, change: Change
) -> None:
    """What no check sees before is seen while the new house is put up beside the old one; then it is taken down again."""
    async with bootstrap.running(loaded) as running, aiohttp.ClientSession() as session:
        before = await _health(running, session)
        change('file = "keys/SEC-DEMO.pub.pem"', 'file = "keys/RES-VHTTDL.pub.pem"')
        outcome = await _reload(running)
        assert outcome.faults
        assert (await _health(running, session)) == before


async def test_a_reload_forgets_no_step_of_the_clock(loaded: Loaded, change: Change) -> None:
    """What was seen of the store's clock, and until when an upstream rests, is the same before and after (decision 0037)."""
    async with bootstrap.running(loaded) as running:
        assert running.residence is not None
        before = await running.residence.house.worker.standing("national_dvc")
        before.wall.adopt(before.wall.look(), 3_600.0)
        change("[operators]\n", "[operators]\nproposal_hours = 1.0\n")
        assert (await _reload(running)).faults == ()
        after = await running.residence.house.worker.standing("national_dvc")
        assert after is not before
        assert after.rests_for_s(Clock().instant()) > 3_500
