"""The simulated donhang and the edge of a gateway meet: its notices come over HTTP, and the ledger ends where the parcel is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from connectors.kit.http_answers import HttpAnswer
from connectors.postal.changes import OrderPlaced
from connectors.postal.model import CodState, Placed
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.settings import NoticeLimits
from connectors.postal.simulator_lies import OF_NOTICES, Lie
from tests.connectors.postal.m1_orders import CUSTOMER, NUMBER, account, order
from tests.connectors.postal.notified import Edge, asked, edge
from tests.connectors.postal_simulator.conftest import Ground, OpenGround
from tests.planted import secret

_MEANT = {"strange": "unmapped"}


@dataclass
class Post:
    """A simulator whose notices reach an edge of ours."""

    ground: Ground
    edge: Edge

    async def placed(self) -> None:
        """The usual parcel: asked of us, and taken by the carrier."""
        call = PROFILE.open(account(PROFILE)).place(order())
        status, headers, body = await self.ground.call(
            "POST", f"/m1/api/api/{call.path}", data=call.body, headers=dict(call.headers)
        )
        placed = PROFILE.open(account(PROFILE)).placed(order(), HttpAnswer(status, headers, body, 1.0))
        assert isinstance(placed, Placed)
        at = self.edge.moment[0]
        await self.edge.enter(msgspec.structs.replace(asked(), at=at), OrderPlaced(at=at, placed=placed))

    async def pass_hours(self, hours: int) -> None:
        """Both clocks go on together, and what was told has been answered."""
        for _ in range(hours):
            self.ground.wall.turn(3_600)
            self.edge.moment[0] = self.ground.wall.now()
            await self.ground.control("POST", "clock", {"advance_s": 3_600, "wait": True})

    async def told(self, **ordered: object) -> list[int]:
        """Something told again or wrongly; the status of each answer."""
        sent = await self.ground.control("POST", "notices", {"number": NUMBER, "wait": True, **ordered})
        return [one["attempts"][-1]["status"] for one in sent["notices"]]

    async def agree(self) -> None:
        """The ledger and the books say the same: every event once, in its order, and the money."""
        parcel, shipment = await self.ground.parcel(), await self.edge.shipment()
        happened = [one for one in parcel["history"] if one["happening"] in _CODED]
        told = [_MEANT.get(one["happening"], one["happening"]) for one in happened]
        assert [one.means for one in shipment.history] == told
        assert [one.occurred_at.isoformat().replace("+00:00", "Z") for one in shipment.history] == [
            one["at"] for one in happened
        ]


_CODED = frozenset(
    {
        *("created", "collected", "failed_attempt", "delivered", "returning", "returned"),
        *("cancelled", "cod_collected", "cod_remitted"),
    }
)
"""What donhang has codes for (postal facts 6.2)."""


@asynccontextmanager
async def _post(open_ground: OpenGround, limits: NoticeLimits | None = None, **script: Any) -> AsyncIterator[Post]:
    own = {"customer": CUSTOMER, "token": secret("token"), "again_s": ()}
    async with open_ground(m1=own) as ground:
        key = str((await ground.control("GET", "keys"))["xml"])
        async with edge(limits, key=key, began=ground.wall.now()) as heard:
            await ground.control("PUT", "addresses", {"gateway_url": str(heard.server.make_url("")).rstrip("/")})
            await ground.scripted(**script)
            yield Post(ground, heard)


@pytest.mark.parametrize(
    ("script", "state", "money"),
    [
        ({"ends": "delivered"}, "delivered", CodState.REMITTED),
        ({"ends": "delivered", "failed_attempts": 2, "repeat": 2}, "delivered", CodState.REMITTED),
        ({"ends": "returned", "failed_attempts": 2, "reorder": True}, "returned", CodState.NONE),
        ({"ends": "delivered", "cod": "short"}, "delivered", CodState.SHORT),
    ],
    ids=["delivered", "after two attempts, each told three times", "returned, told out of order", "paid over short"],
)
async def test_the_ledger_ends_where_the_parcel_is(
    open_ground: OpenGround, script: dict[str, Any], state: str, money: CodState
) -> None:
    """Whatever was repeated or came in another order; money is what the carrier said of it."""
    async with _post(open_ground, **script, cod_after_s=7_200.0) as post:
        await post.placed()
        await post.pass_hours(16)
        shipment = await post.edge.shipment()
        assert (shipment.state, shipment.cod) == (state, money)
        await post.agree()


@pytest.mark.parametrize("told", ["reversed", "shuffled"])
async def test_notices_that_were_held_come_in_any_order(open_ground: OpenGround, told: str) -> None:
    """Nothing is told for half a day, and then everything at once: one history, one state."""
    async with _post(open_ground, failed_attempts=2, cod_after_s=7_200.0) as post:
        await post.placed()
        await post.ground.control("PUT", "delivery", {"hold": True})
        await post.pass_hours(16)
        # What was told before the hold is known; the rest nobody knows yet.
        assert len((await post.edge.shipment()).history) <= 1
        await post.ground.control("POST", "release", {"order": told, "seed": 7})
        await post.pass_hours(1)
        await post.agree()
        assert (await post.edge.shipment()).state == "delivered"


async def test_every_lie_about_a_notice_is_refused_and_moves_nothing(open_ground: OpenGround) -> None:
    """Signed by a stranger, changed, shortened, written anew, too large: each has its answer, and the ledger stands."""
    expected = {
        **dict.fromkeys((Lie.CHANGED_DATA, Lie.CHANGED_DATE, Lie.STRANGERS_KEY), 401),
        **dict.fromkeys((Lie.SHORT_SIGNATURE, Lie.RESERIALISED), 401),
        **dict.fromkeys((Lie.NO_SIGNATURE, Lie.MALFORMED), 400),
        Lie.OLD_DATE: 409,
        Lie.HUGE: 413,
    }
    async with _post(open_ground, until="collected") as post:
        await post.placed()
        await post.pass_hours(6)
        before = await post.edge.shipment()
        assert before.state == "collected"
        answers = {lie: (await post.told(lie=lie))[0] for lie in OF_NOTICES}
        assert answers == expected
        assert await post.edge.shipment() == before


async def test_the_very_same_bytes_are_acknowledged_until_they_are_a_replay(open_ground: OpenGround) -> None:
    """A carrier that repeats itself hears 200; two days later the same recording is refused."""
    async with _post(open_ground, until="collected") as post:
        await post.placed()
        await post.pass_hours(6)
        sent = (await post.ground.control("GET", "notices"))["notices"]
        serial = sent[-1]["serial"]
        again = await post.ground.control("POST", "notices/again", {"serial": serial, "times": 3, "wait": True})
        assert {one["attempts"][-1]["status"] for one in again["notices"]} == {200}
        await post.pass_hours(48)
        replayed = await post.ground.control("POST", "notices/again", {"serial": serial, "wait": True})
        assert [one["attempts"][-1]["status"] for one in replayed["notices"]] == [409]
        await post.agree()


async def test_notices_about_strangers_parcels_do_not_stop_the_carrier(open_ground: OpenGround) -> None:
    """200 and quarantined, so that it does not try again for ever; nothing of ours moves."""
    async with _post(open_ground) as post:
        await post.ground.control(
            "POST", "strays", {"house": "m1", "number": "G99.99-261120-0001-T", "happening": "delivered"}
        )
        await post.pass_hours(1)
        sent = (await post.ground.control("GET", "notices"))["notices"]
        assert [one["attempts"][-1]["status"] for one in sent] == [200]
        assert await post.edge.stray("G99.99-261120-0001-T") is not None
        assert post.edge.alarms == ["postal.stray"]
