"""Whatever two browsers and a system do with every address of one sign-on, in whatever order: one person, one account, once."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.identity.ground import Browser, Ground, opened

MINE, STRANGER = 0, 1
# Openings and callbacks weigh more than the rest, since it is their order that matters.
WHAT = ("open", "open", "open", "callback", "callback", "callback", "old callback", "redeem", "redeem", "wait", "watch")
ACTIONS = st.lists(st.tuples(st.sampled_from(WHAT), st.sampled_from([STRANGER, MINE])), min_size=2, max_size=8)


class _Course:
    """One sign-on, two browsers that know every address, and what they got for it."""

    def __init__(self, ground: Ground, start_url: str, sign_on_id: str) -> None:
        self.ground, self.start_url, self.sign_on_id = ground, start_url, sign_on_id
        self.browsers: list[Browser] = [ground.browser(), ground.browser()]
        self.addresses: list[str] = []
        self.tickets: list[tuple[int, str]] = []
        self.accounts = 0

    async def step(self, action: str, who: int) -> None:
        """One thing that somebody does."""
        match action:
            case "open":
                seen = await self.browsers[who].open(self.start_url)
                if seen.status == 303:
                    self.addresses.append(self.ground.callback(f"code-{len(self.addresses)}"))
            case "callback" | "old callback" if self.addresses:
                address = self.addresses[-1 if action == "callback" else 0]
                seen = await self.browsers[who].open(address)
                if seen.status == 303:
                    self.tickets.append((who, seen.asked["ticket"]))
            case "redeem":
                ticket = self.tickets[-1][1] if self.tickets else "A" * 43
                told = await self.ground.redeem(self.sign_on_id, ticket)
                self.accounts += told.status == 200
            case "wait":
                self.ground.time.on(100)
            case "watch":
                await self.ground.watch.look()


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
@example([("open", STRANGER), ("callback", STRANGER), ("redeem", STRANGER)])
@example([("callback", MINE), ("redeem", MINE), ("callback", STRANGER), ("redeem", STRANGER)])
@example([("callback", STRANGER), ("callback", MINE), ("old callback", MINE), ("redeem", MINE)])
def test_one_person_one_account_once(actions: list[tuple[str, int]]) -> None:
    """Only the browser that opened first, mine, ever gets a ticket; one code is exchanged, one ticket given, one account told."""

    async def play(folder: Path) -> None:
        async with opened(folder) as ground:
            begun = (await ground.begin()).tree
            course = _Course(ground, begun["start_url"], begun["sign_on_id"])
            for action, who in [("open", MINE), *actions]:
                await course.step(action, who)
            assert {who for who, _ in course.tickets} <= {MINE}
            assert len(course.tickets) <= 1 and len(ground.toy.exchanged) <= 1 and course.accounts <= 1
            assert course.accounts <= len(course.tickets) == len(ground.toy.exchanged)
            # What the trail tells is what happened, no more and no less.
            assert len(ground.audited("identity.sign_on_returned")) == len(course.tickets)
            assert len(ground.audited("identity.sign_on_redeemed")) == course.accounts

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


def test_the_straight_way_hands_over_the_account() -> None:
    """The positive control: the law above is not kept by a gateway that hands over nothing."""

    async def play(folder: Path) -> None:
        async with opened(folder) as ground:
            begun = (await ground.begin()).tree
            course = _Course(ground, begun["start_url"], begun["sign_on_id"])
            for action in ("open", "callback", "redeem"):
                await course.step(action, MINE)
            assert (course.accounts, course.tickets[0][0]) == (1, MINE)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))
