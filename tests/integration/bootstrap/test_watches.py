"""Watches of the running gateway: one that dies of a fault is told at once, and none outlives the house."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

from gateway.bootstrap.watches import keep_watch


async def test_a_watch_that_dies_is_told_while_the_gateway_still_runs(caplog: pytest.LogCaptureFixture) -> None:
    """Its name and the kind of fault, not what the fault says: that may hold what it stumbled over."""

    async def stumble() -> None:
        raise LookupError("số định danh của ai đó")

    async with AsyncExitStack() as house:
        with caplog.at_level(logging.ERROR, logger="gateway"):
            keep_watch(house, stumble(), "proofs")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        (told,) = caplog.records
    assert (told.getMessage(), vars(told)["watch"], vars(told)["code"]) == ("a watch ended", "proofs", "LookupError")
    assert told.exc_info is None and "ai đó" not in caplog.text


async def test_a_watch_ends_with_its_house_and_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """An orderly end is no trouble."""
    ended = asyncio.Event()

    async def look() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with AsyncExitStack() as house:
        keep_watch(house, look(), "gaps")
        await asyncio.sleep(0)
        assert not ended.is_set()
    assert ended.is_set() and not caplog.records
