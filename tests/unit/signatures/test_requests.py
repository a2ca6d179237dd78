"""What becomes of a signed file whose row may have been written, and of one whose row surely was not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import Conflict, IntakeError, JournalUnavailable
from gateway.journal.cabinet_folder import FolderCabinet
from gateway.records import files
from gateway.signatures.requests import Bench, SignatureRequests
from tests.unit.journal.conftest import DOSSIER, sha256

CONTENT = b"<signed/>"
Commit = Callable[[], Awaitable[bytes]]


class Committing(SignatureRequests):
    """Requests whose transaction ends as the test says."""

    def __init__(self, cabinet: FolderCabinet, commit: Commit) -> None:
        parts = SimpleNamespace(door=None, cabinet=cabinet)
        super().__init__(cast("Bench", SimpleNamespace(files=parts, reach=lambda _point: None)))
        self._commit = commit

    async def _committed(self, *_: object) -> bytes:
        return await self._commit()


async def stored(folder: Path, cabinet: FolderCabinet, commit: Commit, digest: bytes = b"") -> bytes:
    """Put a signed file away."""
    target = folder / "da-ky"
    target.write_bytes(CONTENT)
    kept: Any = SimpleNamespace(intent=SimpleNamespace(dossier=DOSSIER))
    made: Any = SimpleNamespace(sha256=(digest or sha256(CONTENT)).hex())
    return await Committing(cabinet, commit)._stored(kept, cast("Any", None), cast("Any", None), (made, target))


async def test_a_request_that_is_cancelled_while_its_row_is_written_leaves_the_file_to_the_row(tmp_path: Path) -> None:
    """As at the end of the process: the store still commits what it took on. A sweep takes away what no row names."""
    cabinet, begun = FolderCabinet(tmp_path / "content"), asyncio.Event()

    async def waiting() -> bytes:
        begun.set()
        await asyncio.Event().wait()
        return b""

    signing = asyncio.create_task(stored(tmp_path, cabinet, waiting))
    await begun.wait()
    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing
    ((place, label, _),) = cabinet.leftovers()
    assert cabinet.has(place) and label == files.label(DOSSIER, sha256(CONTENT).hex())
    cabinet.close()


@pytest.mark.parametrize("error", [Conflict("khác"), JournalUnavailable(), ValueError("ours")])
async def test_a_file_that_no_row_will_name_is_gone(tmp_path: Path, error: Exception) -> None:
    """Refused, or not stored for sure: nothing of it remains."""
    cabinet = FolderCabinet(tmp_path / "content")

    async def failing() -> bytes:
        raise error

    with pytest.raises(type(error)):
        await stored(tmp_path, cabinet, failing)
    assert [path for path in (tmp_path / "content").rglob("*") if path.is_file()] == []
    cabinet.close()


async def test_a_file_that_was_altered_before_it_was_put_away_is_refused_and_gone(tmp_path: Path) -> None:
    """What was verified is what is kept, or nothing is."""
    cabinet = FolderCabinet(tmp_path / "content")

    async def never() -> bytes:
        raise AssertionError

    with pytest.raises(IntakeError, match="bị thay đổi"):
        await stored(tmp_path, cabinet, never, digest=bytes(32))
    assert [path for path in (tmp_path / "content").rglob("*") if path.is_file()] == []
    cabinet.close()
