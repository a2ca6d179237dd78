"""A decision whose answer was lost is said again, the very same one, until it is known what became of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.admin.client import AnswerLost
from gateway.admin.statement import Spoken
from gateway.cli import operate
from gateway.cli.installation import Ports, lay_out
from gateway.config import Loaded, load
from gateway.journal import lock

SPOKEN = Spoken(reason="Nhận lại sự kiện đã mất")


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """An installation that has run before."""
    lay_out(tmp_path / "house", Ports(), ("SEC-DEMO",))
    made = load(tmp_path / "house/gateway.toml")
    made.data_dir().mkdir(exist_ok=True)
    (made.data_dir() / "journal.db").touch()
    return made


@asynccontextmanager
async def desk(loaded: Loaded, heard: list[bytes], *, dies: bool) -> AsyncIterator[None]:
    """The admin socket of a gateway; one that `dies` hears a decision and never answers anybody again."""
    socket = loaded.data_dir() / loaded.settings.listen.admin_socket

    async def identity(_request: web.Request) -> web.Response:
        return web.json_response({"installation": "mẫu"})

    async def decide(request: web.Request) -> web.Response:
        heard.append(await request.read())
        if dies:
            socket.unlink()
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"done": True})

    app = web.Application()
    app.router.add_get("/admin/identity", identity)
    app.router.add_post("/admin/{command}", decide)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_while_the_store_is_held_it_is_not_called_refused(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway that is stopping may yet commit it: who gave the order is told that nobody knows, not to give it again."""
    monkeypatch.setattr(operate, "_SETTLES_S", 0.3)
    held, heard = lock.take(loaded.data_dir()), list[bytes]()
    try:
        async with desk(loaded, heard, dies=True):
            with pytest.raises(AnswerLost, match="chưa rõ quyết định"):
                await operate._decide(loaded, None, "release", SPOKEN)
    finally:
        os.close(held)
    assert len(heard) == 1


async def test_where_nobody_can_be_asked_again_it_is_not_called_undone(loaded: Loaded) -> None:
    """The store is gone as well, as with a database that is away: that alone would sound as if nothing had happened."""
    heard: list[bytes] = []
    (loaded.data_dir() / "journal.db").unlink()
    async with desk(loaded, heard, dies=True):
        with pytest.raises(AnswerLost):
            await operate._decide(loaded, None, "release", SPOKEN)
    assert len(heard) == 1


async def test_a_gateway_that_starts_again_hears_the_very_same_decision(loaded: Loaded) -> None:
    """It holds the store before it listens; the decision bears the same number, so it is carried out once."""
    held, heard = lock.take(loaded.data_dir()), list[bytes]()
    try:
        async with desk(loaded, heard, dies=True):
            deciding = asyncio.create_task(operate._decide(loaded, None, "release", SPOKEN))
            while not heard:
                await asyncio.sleep(0.01)
        async with desk(loaded, heard, dies=False):
            assert (await deciding)["done"]
    finally:
        os.close(held)
    assert len(heard) == 2 and len(set(heard)) == 1
