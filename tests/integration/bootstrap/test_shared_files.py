"""Where nodes on one database keep files: in it, or in a folder found by its mark; refused where it is another place."""

from __future__ import annotations

import asyncio

import pytest

from gateway.bootstrap.cabinets import MARK
from gateway.config import load
from gateway.errors import ConfigError
from gateway.journal.cabinet import Cabinet, Draft
from gateway.journal.cabinet_folder import FolderCabinet
from tests.integration.bootstrap.conftest import Loads, on_ground


async def test_without_a_folder_any_node_hands_on_what_another_took(loads: Loads) -> None:
    """Nothing of it lies on the disk of either; what lay in a node's folder (a store that moved here) comes into the store."""
    lying = FolderCabinet(loads("node-1").data_dir() / "content")
    moved = await _filled(lying, b"moved")
    lying.settle(moved.place)
    lying.close()
    async with on_ground(loads("node-1")) as first:
        kept = await _filled(first.cabinet, b"content")
    async with on_ground(loads("node-2")) as second:
        for draft, content in ((kept, b"content"), (moved, b"moved")):
            opened = second.cabinet.content(draft.place, draft.key, "HS/aa")
            assert await second.cabinet.run(opened.next_chunk) == content
    for node in ("node-1", "node-2"):
        assert [path for path in (loads(node).data_dir() / "content").rglob("*") if path.is_file()] == []


async def test_a_node_that_keeps_files_elsewhere_is_refused(loads: Loads) -> None:
    """A file that the first node took on would be gone at the second; nothing is left in the folder that was refused."""
    shared = {"GATEWAY__FILES__FOLDER": "shared"}
    async with on_ground(loads("node-1", **shared)):
        pass
    for other in ({"GATEWAY__FILES__FOLDER": "other"}, {}):
        with pytest.raises(ConfigError, match=r"files\.folder"):
            async with on_ground(loads("node-2", **other)):
                pass
    assert not (loads("node-2").base / "other" / MARK).exists()
    async with on_ground(loads("node-1", **shared)):  # the first one is not bothered
        pass


async def test_a_folder_is_refused_where_files_stand_in_the_store(loads: Loads) -> None:
    """The other way round."""
    async with on_ground(loads("node-1")):
        pass
    with pytest.raises(ConfigError, match=r"files\.folder"):
        async with on_ground(loads("node-2", GATEWAY__FILES__FOLDER="shared")):
            pass


async def test_a_folder_that_is_given_up_moves_into_the_store_with_its_mark(loads: Loads) -> None:
    """Who takes the folder's setting away, and has that very folder as its own, brings all of it along."""
    own = loads("node-1").data_dir() / "content"
    async with on_ground(loads("node-1", GATEWAY__FILES__FOLDER=str(own))) as before:
        settled, arrived = await _filled(before.cabinet, b"settled"), await _filled(before.cabinet, b"arrived")
        await before.cabinet.run(before.cabinet.settle, settled.place)
    async with on_ground(loads("node-1")) as after, on_ground(loads("node-2")) as other:
        for draft, content in ((settled, b"settled"), (arrived, b"arrived")):
            assert not any(own.rglob(draft.place))
            for ground in (after, other):
                opened = ground.cabinet.content(draft.place, draft.key, "HS/aa")
                assert await ground.cabinet.run(opened.next_chunk) == content
        assert [place for place, _, _ in await after.cabinet.run(after.cabinet.leftovers)] == [arrived.place]


async def _filled(cabinet: Cabinet, content: bytes) -> Draft:
    draft = await cabinet.run(cabinet.draft, "HS/aa")
    await cabinet.run(draft.write, content)
    await cabinet.run(draft.finish)
    return draft


async def test_nodes_that_start_at_once_agree_about_the_folder(loads: Loads) -> None:
    """One mark, whoever was first; afterwards both go on."""

    async def begin(node: str) -> bytes:
        async with on_ground(loads(node, GATEWAY__FILES__FOLDER="shared")):
            return (loads(node).base / "shared" / MARK).read_bytes()

    assert len(set(await asyncio.gather(*map(begin, ("node-1", "node-2", "node-3"))))) == 1


async def test_a_start_leaves_the_uploads_of_other_nodes_alone(loads: Loads) -> None:
    """What another node is just receiving stays; what a node left behind itself goes at its own next start."""
    shared = {"GATEWAY__FILES__FOLDER": "shared"}
    async with on_ground(loads("node-1", **shared)) as first:
        arriving = await first.cabinet.run(first.cabinet.draft, "HS/aa")
        await first.cabinet.run(arriving.write, b"half of it")
        async with on_ground(loads("node-2", **shared)) as second:
            assert isinstance(first.cabinet, FolderCabinet) and isinstance(second.cabinet, FolderCabinet)
            assert first.cabinet.part(arriving.place).exists()
            broken = await second.cabinet.run(second.cabinet.draft, "HS/bb")
        assert second.cabinet.part(broken.place).exists()
        await first.cabinet.run(arriving.finish)
        async with on_ground(loads("node-2", **shared)) as again:
            assert isinstance(again.cabinet, FolderCabinet)
            assert again.cabinet.has(arriving.place)
            assert not again.cabinet.part(broken.place).exists()
        await first.cabinet.run(broken.drop)


async def test_the_embedded_store_needs_no_mark(loads: Loads) -> None:
    """One process owns it, and nothing of its folder changes."""
    loaded = loads("node-1")
    embedded = load(loaded.base / "gateway.toml", {})
    async with on_ground(embedded):
        assert not (embedded.data_dir() / "content" / MARK).exists()
