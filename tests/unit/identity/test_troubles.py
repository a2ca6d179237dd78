"""When something is broken: operators hear of it, people see a page, and nothing is half done."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from connectors.kit.errors import CredentialsRefused, NotSent
from gateway.identity.sign_on_watch import SignOnWatch
from gateway.identity.trouble import NEEDS_PERSON
from gateway.journal.model import UpstreamRow
from tests.toys.signing_on import NUMBER
from tests.unit.identity.ground import Ground, opened


async def _failing(ground: Ground, error: Exception) -> int:
    """A sign-on whose exchange ends in an error; the status of the page."""
    browser = ground.browser()
    await browser.open((await ground.begin()).tree["start_url"])
    ground.toy.error = error
    return (await browser.open(ground.callback())).status


async def test_credentials_that_a_provider_refuses_raise_one_alarm_and_not_one_for_each_person(tmp_path: Path) -> None:
    """Nobody signs on until somebody renews the secret; a quarter of an hour later it is told again."""
    async with opened(tmp_path) as ground:
        assert [await _failing(ground, CredentialsRefused("Bí mật bị từ chối.")) for _ in range(3)] == [503] * 3
        assert ground.alarms == [(NEEDS_PERSON, "vneid", "Nhà cung cấp toy: Bí mật bị từ chối.")]
        ground.time.on(900)
        await _failing(ground, CredentialsRefused())
        assert len(ground.alarms) == 2


async def test_an_outage_is_in_the_log_and_raises_no_alarm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It ends by itself; the log has provider and code, and nothing of the person."""
    caplog.set_level(logging.WARNING, "gateway.identity")
    async with opened(tmp_path) as ground:
        await _failing(ground, NotSent())
        assert ground.alarms == []
    told = [record for record in caplog.records if record.getMessage() == "sign-on failed"]
    assert [(vars(record)["provider"], vars(record)["code"]) for record in told] == [("toy", "not_sent")]
    assert NUMBER not in caplog.text


async def test_a_store_that_cannot_write_lets_nobody_on(tmp_path: Path) -> None:
    """Inside 503 to repeat; at the edge a page that says the same, and no cookie, no code, no ticket was spent."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        first, second = (await ground.begin()).tree, (await ground.begin()).tree
        await browser.open(first["start_url"])
        address = ground.callback()
        await ground.journal.close()
        for opening in (address, second["start_url"]):
            seen = await browser.open(opening)
            assert (seen.status, seen.headers["Retry-After"]) == (503, "5")
            assert "Hệ thống đang bận" in seen.body.decode()
        assert (await ground.begin()).status == 503
        assert not ground.toy.exchanged


async def test_the_watch_goes_on_where_the_store_cannot_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A look that fails is told and repeated; it never ends the watch."""
    caplog.set_level(logging.WARNING, "gateway.identity")
    async with opened(tmp_path) as ground:
        await ground.journal.close()
        watch = asyncio.create_task(SignOnWatch(ground.rules, ground.opened, every_s=0.0).run())
        async with asyncio.timeout(60):
            while len(caplog.records) < 3:
                await asyncio.sleep(0)
        assert not watch.done()
        watch.cancel()
        assert isinstance((await asyncio.gather(watch, return_exceptions=True))[0], asyncio.CancelledError)
    assert {record.getMessage() for record in caplog.records} == {"the watch over sign-ons could not look"}


async def test_a_system_sees_by_whom_people_may_sign_on_and_who_is_paused(tmp_path: Path) -> None:
    """For the buttons of its page; a sector system signs nobody on."""
    async with opened(tmp_path) as ground:
        seen = await ground.look("/v1/identity/providers")
        assert [(row["name"], row["default"], row["paused"]) for row in seen.tree["providers"]] == [
            ("toy", True, False),
            ("other", False, False),
        ]
        await ground.journal.remember_upstream(UpstreamRow("vneid", paused="bảo trì"))
        assert all(row["paused"] for row in (await ground.look("/v1/identity/providers")).tree["providers"])
        assert (await ground.look("/v1/identity/providers", "SEC")).status == 403
