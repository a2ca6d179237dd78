"""Strangers at the edge of sign-ons: what they send must neither move anything, nor break anything, nor keep others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from connectors.kit.contract import Budget
from connectors.kit.signing_on import Errand, SignedOn
from gateway.identity.sign_ons import cookie_name
from gateway.records.sign_ons import SESSION_KIND, parse_book
from tests.toys.signing_on import ToySignOn
from tests.unit.identity.ground import CALLBACK, Ground, opened


async def test_a_provider_that_hangs_takes_the_edge_from_nobody_else(tmp_path: Path) -> None:
    """Slot exhaustion: whoever waits for one provider leaves places to the others, and is told to come again unspent."""
    async with opened(tmp_path, limit_s=30.0) as ground:
        waiting = [ground.browser() for _ in range(17)]
        callbacks = []
        for browser in waiting:
            await browser.open((await ground.begin()).tree["start_url"])
            callbacks.append(ground.callback())
        other = ground.browser()
        await other.open((await ground.begin(provider="other")).tree["start_url"])
        at_other = ground.callback("code-other")
        ground.toy.silent = asyncio.Event()
        calls = [asyncio.create_task(b.open(to)) for b, to in zip(waiting, callbacks, strict=True)]
        refused = await next(asyncio.as_completed(calls))
        assert refused.status == 503 and refused.headers["Retry-After"]
        ground.toy.silent.set()
        seen = [await call for call in calls]
        assert sorted(one.status for one in seen) == [303] * 16 + [503]
        late = next(n for n, one in enumerate(seen) if one.status == 503)
        assert (await waiting[late].open(callbacks[late])).status == 303, "its code was not spent"
        assert (await other.open(at_other)).status == 303


async def test_forged_ends_of_sessions_keep_no_browser_waiting(tmp_path: Path) -> None:
    """A logout needs no secret to be sent: a flood of them at a provider whose keys cannot be had fills its own places alone."""
    toy = ToySignOn()
    async with opened(tmp_path, toy=toy, limit_s=30.0) as ground:
        browser = ground.browser()
        await browser.open((await ground.begin()).tree["start_url"])
        toy.silent = asyncio.Event()
        flood = [asyncio.create_task(ground.tell_logout(f"j{n} - somebody.else")) for n in range(64)]
        first = await next(asyncio.as_completed(flood))
        assert first.status == 503
        assert (await ground.browser().open("/v1/identity/sign-ons/x/start?key=y")).status == 404
        toy.silent.set()
        assert (await browser.open(ground.callback())).status == 303
        statuses = [(await one).status for one in flood]
        assert statuses.count(503) == 64 - 8


@pytest.mark.parametrize("state", ["é", "\u0000", "%", "ký tự lạ" * 9])
async def test_a_state_of_strange_letters_is_refused_as_any_other(tmp_path: Path, state: str) -> None:
    """With the cookie of a real sign-on under the name that such a state asks for: a fault of ours would be a lever."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        await browser.open((await ground.begin()).tree["start_url"])
        (cookie,) = browser.jar.values()
        browser.jar[cookie_name(state)] = cookie
        assert (await browser.open(f"{CALLBACK}?code=x&state={quote(state)}")).status == 403
        assert (await browser.open(ground.callback())).status == 303 and ground.toy.exchanged == ["code-1"]


async def test_the_start_of_an_unknown_sign_on_writes_nothing(tmp_path: Path) -> None:
    """Anybody may ask: neither a record nor a row of the trail comes of it."""
    async with opened(tmp_path) as ground:
        begun = (await ground.begin()).tree
        before = ground.rows("SELECT * FROM record"), ground.rows("SELECT * FROM audit")
        for name in ("x", "0" * 36, "01a1f7f8-3000-731d-b5ce-81b03ec0f44a", begun["sign_on_id"]):
            for key in ("", "?key=x", f"?key={'A' * 43}", "?key=%C3%A9"):
                assert (await ground.browser().open(f"/v1/identity/sign-ons/{name}/start{key}")).status == 404
        assert (ground.rows("SELECT * FROM record"), ground.rows("SELECT * FROM audit")) == before


async def test_a_session_without_a_sid_ends_with_the_one_that_is_named(tmp_path: Path) -> None:
    """A provider that names its sessions in logout tokens and not in id_tokens would else end nothing and be told 200."""
    toy = ToySignOn(sids=False)
    async with opened(tmp_path, toy=toy) as ground:
        sign_on_id, ticket = await ground.signed_on()
        await ground.redeem(sign_on_id, ticket)
        assert (await ground.tell_logout("j1 sid-9 somebody.else")).status == 200
        assert await ground.state(sign_on_id) == "redeemed"
        assert (await ground.tell_logout("j2 sid-9 thu.nguyen")).status == 200
        assert await ground.state(sign_on_id) == "ended"


async def test_the_trail_names_the_upstream_at_whose_callback_a_stranger_came(tmp_path: Path) -> None:
    """By its code in the configuration, as every other refusal does: an operator searches by it."""
    async with opened(tmp_path) as ground:
        assert (await ground.browser().open(f"{CALLBACK}?code=x&state=y")).status == 403
        assert (await ground.tell_logout("giả")).status == 400
        assert [row["upstream"] for row in ground.audited("notice.refused")] == ["vneid", "vneid"]


class _Leaving(ToySignOn):
    """A provider that ends the session while the browser is on its way back."""

    ground: Ground | None = None
    token = ""

    async def finish(self, errand: Errand, params: Mapping[str, str], budget: Budget) -> SignedOn:
        """The person, who is gone by then."""
        signed_on = await super().finish(errand, params, budget)
        if self.token and self.ground is not None:
            assert (await self.ground.tell_logout(self.token)).status == 200
        return signed_on


@pytest.mark.parametrize("token", ["j1 sid-code-1 -", "j1 - thu.nguyen", "j1 sid-code-1 thu.nguyen"])
async def test_a_logout_while_the_browser_is_on_its_way_back_is_not_lost(tmp_path: Path, token: str) -> None:
    """The provider is told 200 and says it once: a session that came into being after that would live for hours."""
    toy = _Leaving()
    async with opened(tmp_path, toy=toy, limit_s=30.0) as ground:
        toy.ground, toy.token = ground, token
        browser, begun = ground.browser(), (await ground.begin()).tree
        await browser.open(begun["start_url"])
        back = await browser.open(ground.callback())
        assert back.status == 403 and b"error=signed_off" in back.body
        assert await ground.state(begun["sign_on_id"]) == "failed"
        toy.token = ""
        ground.time.on(1)
        await ground.signed_on(code="code-1")  # who logs in again is welcome


@pytest.mark.parametrize("way", ["logout", "provider", "time", "never redeemed"])
async def test_a_session_that_is_over_leaves_no_list_of_when_its_person_signed_on(tmp_path: Path, way: str) -> None:
    """The digest of a `sub` beside ids of sign-ons, which hold their time, would be a diary; another session stays in it."""
    async with opened(tmp_path) as ground:
        sign_on_id, ticket = await ground.signed_on(code="code-1")
        if way != "never redeemed":
            await ground.redeem(sign_on_id, ticket)
        ground.time.on(60)
        other, ticket = await ground.signed_on(code="code-2")
        await ground.redeem(other, ticket)
        match way:
            case "logout":
                await ground.log_out(sign_on_id)
            case "provider":
                await ground.tell_logout("j1 sid-code-1 thu.nguyen")
            case _:
                ground.time.on(36_000 - 30 if way == "time" else 120)
                assert await ground.watch.look() == 1
        books = [parse_book(record) for record in await ground.journal.records(SESSION_KIND)]
        assert [set(book.sign_ons) for book in books if book.sign_ons] == [{other}, {other}]
        assert len(books) == 3, "sid, sid and the person of both"
