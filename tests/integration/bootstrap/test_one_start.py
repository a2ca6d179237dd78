"""A node that is coming up, or still settles what it sent, keeps its name: nothing else opens the store out of its folder."""

from __future__ import annotations

import asyncio

import pytest

from gateway import bootstrap
from gateway.bootstrap.ground import Ground
from gateway.bootstrap.moving import mark_restored
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.errors import JournalUnavailable
from gateway.journal.lock import StoreInUse
from gateway.journal.model import UpstreamRow
from tests.integration.bootstrap.conftest import Loads, on_ground


async def test_a_command_does_not_depose_the_node_that_has_the_store_open(loads: Loads) -> None:
    """No admin socket answers yet, or any more; the command is refused, the node goes on, and afterwards the command works."""
    loaded = loads("node-1")
    async with on_ground(loaded) as ground:
        with pytest.raises(StoreInUse, match="hãy chờ nếu nó đang khởi động"):
            await _looked(loaded)
        await _writes(ground)
    await _looked(loaded)


async def test_a_store_is_not_marked_as_restored_beside_a_node_that_is_coming_up(loads: Loads) -> None:
    """It has not beaten yet, so nobody sees it in the store; refused, and the node goes on."""
    loaded = loads("node-1")
    async with on_ground(loaded) as ground:
        with pytest.raises(StoreInUse):
            await asyncio.to_thread(mark_restored, loaded, None, ("operator", "kho vừa được phục hồi"), Clock())
        await _writes(ground)


async def test_a_second_start_is_refused_beside_the_first_and_another_node_is_not(loads: Loads) -> None:
    """Before it opens anything: the first one writes and beats on."""
    async with on_ground(loads("node-1")) as first:
        with pytest.raises(StoreInUse):
            async with on_ground(loads("node-1")):
                pass
        async with on_ground(loads("node-2")) as other:
            assert other.nodes.live() == 2
        await _writes(first)


async def test_a_node_whose_name_was_taken_out_of_another_folder_is_not_ready(loads: Loads) -> None:
    """Its beats arrive, it can commit, and it may write nothing: a balancer must see that."""
    async with on_ground(loads("node-1")) as first:
        assert await first.journal.ready() == ""
        await _looked(loads("node-1", GATEWAY__STORAGE__DATA_DIR="elsewhere"))
        with pytest.raises(JournalUnavailable):
            await _writes(first)
        assert "chưa ghi được" in await first.journal.ready()


async def _writes(ground: Ground) -> None:
    """It has its name still: only the newest start of a node writes, and beats."""
    stands = await ground.journal.remember_upstream(UpstreamRow("portal", "open"))
    assert stands.generation == 1
    assert await ground.nodes.beat()


async def _looked(loaded: Loaded) -> None:
    async with bootstrap.standing_still(loaded) as desk:
        await desk.operations.nodes()
