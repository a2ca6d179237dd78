"""The cabinet of several nodes: what one took another hands on, and no start of one disturbs what another is taking."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from gateway.journal.cabinet import Cabinet, OpenFile
from gateway.journal.cabinet_folder import FolderCabinet

LABEL = "000.00.00.G00-261120-0042/aa"
CONTENT = b"GIAY PHEP MAU" * 20_000


@pytest.fixture
def nodes(tmp_path: Path) -> tuple[Cabinet, Cabinet]:
    """Two nodes with one folder."""
    return FolderCabinet(tmp_path, node="gateway-1"), FolderCabinet(tmp_path, node="gateway-2")


def whole(file: OpenFile) -> bytes:
    """All that a file holds."""
    try:
        return b"".join(iter(file.next_chunk, b""))
    finally:
        file.close()


def test_a_file_that_one_node_took_is_read_by_the_other_before_and_after_its_row_is_written(
    nodes: tuple[Cabinet, Cabinet],
) -> None:
    """Arrived and settled are places of the installation, not of a node."""
    ours, theirs = nodes
    draft = ours.draft(LABEL)
    draft.write(CONTENT)
    draft.finish()
    assert whole(theirs.content(draft.place, draft.key, LABEL)) == CONTENT
    ours.settle(draft.place)
    assert whole(theirs.content(draft.place, draft.key, LABEL)) == CONTENT


def test_a_node_that_starts_clears_its_own_broken_uploads_and_nobody_elses(nodes: tuple[Cabinet, Cabinet]) -> None:
    """While one starts the other goes on taking files."""
    ours, theirs = nodes
    broken, under_way = ours.draft(LABEL), theirs.draft(LABEL)
    broken.write(CONTENT)
    under_way.write(CONTENT)
    assert ours.drop_parts() == 1
    broken.drop()  # in life its process is gone
    under_way.finish()
    assert whole(ours.content(under_way.place, under_way.key, LABEL)) == CONTENT
    assert not ours.has(broken.place)


def test_a_file_that_two_starts_find_without_its_place_is_settled_once_and_both_go_on(
    nodes: tuple[Cabinet, Cabinet],
) -> None:
    """A node fell between row and rename, and two others start at the same moment; what is nowhere is still an error."""
    ours, theirs = nodes
    draft = ours.draft(LABEL)
    draft.write(CONTENT)
    draft.finish()
    ours.settle(draft.place)
    theirs.settle(draft.place)
    assert theirs.leftovers() == []
    with pytest.raises(FileNotFoundError):
        theirs.settle("00" * 16)


async def test_what_was_asked_for_is_done_also_when_who_asked_is_gone(nodes: tuple[Cabinet, Cabinet]) -> None:
    """A caller that breaks off while everything is busy: the file is let go of all the same, as soon as there is a thread."""
    cabinet, _ = nodes
    busy, done = threading.Event(), threading.Event()
    waiting = [asyncio.create_task(cabinet.run(busy.wait)) for _ in range(64)]
    await asyncio.sleep(0)
    ending = asyncio.create_task(cabinet.run(done.set))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert not done.is_set(), "no thread was free"
    busy.set()
    await asyncio.gather(*waiting)
    cabinet.close()
    assert done.is_set()
