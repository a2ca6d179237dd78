"""The simulated carriers and the connector's own dialects meet: two readings of the same facts, made apart, agree.

The dialect makes each call and reads each answer; only the carrying of bytes is this test's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from yarl import URL

from connectors.kit.http_answers import HttpAnswer
from connectors.postal.client import dialect_of
from connectors.postal.model import Placed
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.profiles.h3.options import H3Options, Services
from connectors.postal.profiles.m1.options import DonhangOptions
from connectors.postal.speaking import (
    Absent,
    Account,
    Call,
    CancelSaid,
    Dialogue,
    Fed,
    Feeds,
    Finds,
    Hears,
    Prices,
    Refused,
    Registers,
    Sighting,
    Tokens,
)
from tests.connectors.postal.carrying import CUSTOMER, NUMBER, order
from tests.connectors.postal.m1_orders import by_post
from tests.connectors.postal_simulator.conftest import Ground, OpenGround
from tests.planted import secret

_BASES = {"h2": "/h2/apiVNPostNGSP/p1.0/", "h3": "/h3/postal", "m1": "/m1/api/api/"}
_OPTIONS = {
    "h2": NgspOptions(settle_s=0.0),
    "h3": H3Options(
        settle_s=0.0,
        services=Services(order="order", cancel="cancel", tracking="tracking", document="document", price="price"),
    ),
    "m1": DonhangOptions(auth="login"),
}
_STATUSES = {
    "1": "accepted",
    "2": "collecting",
    "3": "collected",
    "5": "in_transit",
    "6": "at_office",
    "7": "out_for_delivery",
    "8": "failed_attempt",
    "9": "returning",
    "10": "returned",
    "11": "cancelled",
    "12": "exception",
    "13": "collect_failed",
    "14": "cod_collected",
    "15": "cod_remitted",
}
"""What the simulated feed means, as an operator would configure it; 99 is not in it."""


@dataclass
class Speaker:
    """A dialect with an account at a carrier of a simulator."""

    ground: Ground
    house: str
    dialogue: Dialogue
    _token: str = field(default="", repr=False)

    async def send(self, call: Call) -> HttpAnswer:
        """Make a call, with a token where it wants one, and with a new one where the old one ran out."""
        if not (isinstance(self.dialogue, Tokens) and call.authorised):
            return await self._sent(call)
        if self._token:
            answer = await self._sent(self.dialogue.authorised(call, self._token))
            if answer.status != 401:
                return answer
        made = self.dialogue.granted(await self._sent(self.dialogue.token()))
        assert made is not None
        self._token = made.value
        return await self._sent(self.dialogue.authorised(call, self._token))

    async def _sent(self, call: Call) -> HttpAnswer:
        base = f"/{self.house}/token" if call.token_url else _BASES[self.house]
        url = URL(self.ground.base + base + call.path).with_query(dict(call.query))
        async with self.ground.http.request(
            call.method, url, data=call.body or None, headers=dict(call.headers)
        ) as got:
            return HttpAnswer(got.status, got.headers, await got.read(), 1.0)

    async def place(self, number: str = NUMBER, **changes: Any) -> Placed | Refused:
        """Put an order."""
        wanted = order(order_number=number, **changes)
        return self.dialogue.placed(wanted, await self.send(self.dialogue.place(wanted)))

    async def cancel(self, number: str = NUMBER, carrier_ref: str = "") -> CancelSaid | Refused:
        """Take it back."""
        wanted = order(order_number=number, carrier_ref=carrier_ref)
        return self.dialogue.cancelled(wanted, await self.send(self.dialogue.cancel(wanted)))

    async def feed(self, page_size: int = 500) -> list[Sighting]:
        """Everything in the feed."""
        assert isinstance(self.dialogue, Feeds)
        seen: list[Sighting] = []
        cursor, more = "", True
        while more:
            page = self.dialogue.fed(cursor, await self.send(self.dialogue.feed(cursor, page_size)))
            assert isinstance(page, Fed), page
            seen += page.sightings
            cursor, more = page.cursor, page.more
        return seen

    async def find(self, number: str = NUMBER) -> object:
        """Ask for an order."""
        assert isinstance(self.dialogue, Finds)
        wanted = order(order_number=number)
        return self.dialogue.found(wanted, await self.send(self.dialogue.find(wanted)))


@asynccontextmanager
async def _speaking(open_ground: OpenGround, house: str, **options: Any) -> AsyncIterator[Speaker]:
    """The simulator with our account, and the dialect that has it."""
    ngsp = {"customer": CUSTOMER, "consumer_key": secret("key"), "consumer_secret": secret("consumer")}
    donhang = {"customer": CUSTOMER, "user": secret("user"), "password": secret("password")}
    own = {**(donhang if house == "m1" else ngsp), **options}
    held = {
        "consumer_key": secret("key"),
        "consumer_secret": secret("consumer"),
        "username": secret("user"),
        "password": secret("password"),
    }
    async with open_ground(**{house: own}) as ground:
        keys = [str((await ground.control("GET", "keys"))["xml"])] if house == "m1" else []
        account = Account(
            name="vnpost",
            customer=CUSTOMER,
            secret=lambda role: held.get(role, ""),
            options=_OPTIONS[house],
            now=ground.wall.now,
            public_keys=keys,
            statuses={} if house == "m1" else _STATUSES,
        )
        yield Speaker(ground, house, dialect_of(house).open(account))


@pytest.mark.parametrize("house", ["h2", "h3", "m1"])
async def test_an_order_is_placed_and_money_and_state_come_back(open_ground: OpenGround, house: str) -> None:
    """The books have what the order said."""
    async with _speaking(open_ground, house) as speaker:
        placed = await speaker.place()
        assert isinstance(placed, Placed), placed
        assert not placed.duplicate
        parcel = await speaker.ground.parcel()
        assert (parcel["house"], parcel["cod"]["due"]) == (house, 150_000)
        assert placed.carrier_ref in ("", parcel["parcel_id"])


@pytest.mark.parametrize("house", ["h2", "h3"])
@pytest.mark.parametrize("page_size", [1, 4, 500])
async def test_the_feed_says_all_that_happened_in_its_order(
    open_ground: OpenGround, house: str, page_size: int
) -> None:
    """Every event that has a code, once, with its moment, office, item code and meaning; whatever the page."""
    async with _speaking(open_ground, house) as speaker:
        await speaker.ground.scripted(ends="returned", failed_attempts=2, strange=1, failed_collections=1)
        await speaker.place()
        await speaker.ground.turn(100)
        seen = await speaker.feed(page_size)
        history = (await speaker.ground.parcel())["history"][1:]
        assert {one.order_number for one in seen} == {NUMBER}
        meant = ["unmapped" if one["happening"] == "strange" else one["happening"] for one in history]
        assert [one.scan.means for one in seen] == meant
        assert [one.scan.occurred_at.isoformat().replace("+00:00", "Z") for one in seen] == [
            one["at"] for one in history
        ]
        assert [one.scan.pos_code for one in seen] == [one["pos_code"] for one in history]
        assert len({one.scan.event_id for one in seen}) == len(history)


@pytest.mark.parametrize(
    ("lie", "unreadable"), [("bad_record", 1), ("overlap", 0), ("short_page", 0), ("wrong_counts", 0)]
)
async def test_a_feed_that_lies_loses_nothing(open_ground: OpenGround, lie: str, unreadable: int) -> None:
    """A record that cannot be read is counted; the others come all the same, once."""
    async with _speaking(open_ground, "h2") as speaker:
        await speaker.place()
        await speaker.ground.turn(24)
        assert isinstance(speaker.dialogue, Feeds)
        first = speaker.dialogue.fed("", await speaker.send(speaker.dialogue.feed("", 3)))
        assert isinstance(first, Fed)
        await speaker.ground.lie(lie)
        seen, bad, cursor, more = [*first.sightings], 0, first.cursor, True
        while more:
            page = speaker.dialogue.fed(cursor, await speaker.send(speaker.dialogue.feed(cursor, 3)))
            assert isinstance(page, Fed), page
            seen, bad, cursor, more = [*seen, *page.sightings], bad + page.unreadable, page.cursor, page.more
        happened = [one["happening"] for one in (await speaker.ground.parcel())["history"][1:]]
        assert [one.scan.means for one in seen] == happened
        assert bad == unreadable
        await speaker.ground.lie("feed_page")
        refused = speaker.dialogue.fed(cursor, await speaker.send(speaker.dialogue.feed(cursor, 3)))
        assert isinstance(refused, Refused)


@pytest.mark.parametrize("house", ["h2", "h3", "m1"])
async def test_a_number_that_is_there_is_a_duplicate_where_numbers_are_unique(
    open_ground: OpenGround, house: str
) -> None:
    """And one parcel."""
    async with _speaking(open_ground, house, numbers_unique=True) as speaker:
        first, second = await speaker.place(), await speaker.place()
        assert isinstance(first, Placed)
        assert isinstance(second, Placed), second
        assert (first.duplicate, second.duplicate) == (False, True)
        assert (await speaker.ground.sums(house))["orders"] == 1


@pytest.mark.parametrize("house", ["h2", "h3", "m1"])
async def test_an_order_that_is_refused_is_refused_for_good(open_ground: OpenGround, house: str) -> None:
    """And nothing is carried; the gateway's 403 is a matter of configuration."""
    async with _speaking(open_ground, house) as speaker:
        await speaker.ground.scripted(refuse="Ngoài vùng phục vụ")
        refused = await speaker.place()
        assert isinstance(refused, Refused)
        assert refused.kind == "business"
        assert await speaker.ground.parcel() is None
        if house != "m1":
            await speaker.ground.lie("not_subscribed")
            told = await speaker.place()
            assert isinstance(told, Refused)
            assert told.kind == "configuration"


@pytest.mark.parametrize("house", ["h2", "h3", "m1"])
@pytest.mark.parametrize(
    ("script", "hours", "outcome"),
    [
        ({}, 0, "cancelled"),
        ({}, 30, "too_late"),
        ({"cancel": "refuse"}, 0, "refused"),
        ({"cancel": "request"}, 0, "requested"),
    ],
    ids=["in time", "too late", "refused", "noted"],
)
async def test_what_became_of_a_cancellation_is_read_as_it_was(
    open_ground: OpenGround, house: str, script: dict[str, object], hours: float, outcome: str
) -> None:
    """In the words of the one, in the words of the other."""
    async with _speaking(open_ground, house) as speaker:
        await speaker.ground.scripted(**script)
        placed = await speaker.place()
        assert isinstance(placed, Placed)
        await speaker.ground.turn(hours)
        said = await speaker.cancel(carrier_ref=placed.carrier_ref)
        assert isinstance(said, CancelSaid), said
        assert said.outcome == outcome
        assert (await speaker.ground.parcel())["cancelled"] == (outcome == "cancelled")


async def test_an_unknown_order_is_said_to_be_unknown(open_ground: OpenGround) -> None:
    """By the adapter by its sentence, by donhang by its status."""
    for house in ("h2", "m1"):
        async with _speaking(open_ground, house) as speaker:
            said = await speaker.cancel(carrier_ref="khong-co")
            assert isinstance(said, CancelSaid)
            assert said.outcome == "unknown_order"


async def test_a_dossier_is_registered_before_its_parcel(open_ground: OpenGround) -> None:
    """By both that speak so."""
    for house in ("h2", "h3"):
        async with _speaking(open_ground, house) as speaker:
            assert isinstance(speaker.dialogue, Registers)
            call = speaker.dialogue.register(order(), ("1.001234", "Cấp giấy phép"), ["Đơn", "Ảnh"])
            placed = speaker.dialogue.registered(order(), await speaker.send(call))
            assert isinstance(placed, Placed), placed


async def test_prices_are_said_by_those_who_say_them(open_ground: OpenGround) -> None:
    """The cheapest first."""
    for house, expected in (("h3", [30_500]), ("m1", [19_500, 31_500])):
        async with _speaking(open_ground, house) as speaker:
            dialogue = cast(Prices, speaker.dialogue)
            prices = dialogue.priced(await speaker.send(dialogue.price(order())))
            assert not isinstance(prices, Refused), prices
            assert [one.amount for one in prices] == expected


async def test_donhang_finds_what_it_has_and_says_what_it_has_not(open_ground: OpenGround) -> None:
    """With the scan that a notice would have brought."""
    async with _speaking(open_ground, "m1") as speaker:
        assert isinstance(await speaker.find(), Absent)
        await speaker.place()
        await speaker.ground.turn(5)
        found = await speaker.find()
        assert isinstance(found, tuple)
        placed, sightings = found
        assert placed.carrier_ref == (await speaker.ground.parcel())["parcel_id"]
        assert [one.scan.means for one in sightings] == ["collected"]
        await speaker.ground.control("POST", "clock", {"wait": True})
        heard = cast(Hears, speaker.dialogue).hear(by_post(speaker.ground.listener.heard[-1]))
        assert heard.sightings[0].scan.event_id == sightings[0].scan.event_id


async def test_notices_of_donhang_are_believed_and_its_lies_are_not(open_ground: OpenGround) -> None:
    """Every truth with its meaning; every lie about what was signed is a bad signature."""
    async with _speaking(open_ground, "m1") as speaker:
        ground, hears = speaker.ground, cast(Hears, speaker.dialogue)
        await ground.scripted(ends="returned", failed_attempts=1)
        await speaker.place()
        # Both clocks go on together, as they do in life.
        for _ in range(12):
            ground.wall.turn(3_600)
            await ground.control("POST", "clock", {"advance_s": 3_600, "wait": True})
        heard = [hears.hear(by_post(raw)) for raw in ground.listener.heard]
        assert [one.ack for one in heard] == ["taken"] * 5
        assert [one.scan.means for notice in heard for one in notice.sightings] == [
            *("created", "collected", "failed_attempt", "returning", "returned")
        ]
        for lie in ("changed_data", "changed_date", "strangers_key", "reserialised", "short_signature"):
            await ground.control("POST", "notices", {"number": NUMBER, "lie": lie, "wait": True})
            assert hears.hear(by_post(ground.listener.heard[-1])).ack == "bad_signature", lie
        await ground.control("POST", "notices", {"number": NUMBER, "lie": "malformed", "wait": True})
        assert hears.hear(by_post(ground.listener.heard[-1])).ack == "malformed"
