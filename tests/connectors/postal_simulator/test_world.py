"""The parcels of the simulated post: their ways, their clock, what is told of them and what is not, and their money."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.postal.simulator_clock import TurnedClock
from connectors.postal.simulator_parcels import ENDS, Books, Happening, Parcel, Script, itinerary
from mappings.s10 import oddities
from tests.connectors.postal_simulator.conftest import HOUR, NUMBER, START, Ground, OpenGround

_SCRIPTS = st.builds(
    Script,
    ends=st.sampled_from(["delivered", "returned", "exception"]),
    failed_collections=st.integers(0, 3),
    failed_attempts=st.integers(0, 3),
    strange=st.integers(0, 2),
    contradict=st.booleans(),
    cod=st.sampled_from(["paid", "late", "short", "unpaid"]),
    cod_short=st.integers(0, 300_000),
    step_s=st.integers(0, 10_000).map(float),
)


@given(script=_SCRIPTS, due=st.integers(0, 10**9))
@settings(max_examples=100, deadline=None)
def test_a_parcel_ends_where_its_script_says_whatever_happens_on_the_way(script: Script, due: int) -> None:
    """Everything in the order of time, each end once, and never more money than was due."""
    books = Books(lambda: START)
    parcel = Parcel("h2", NUMBER, "1", START, script, due)
    books.take(parcel)
    seen = [event for _, event in books.due(START + timedelta(days=10_000))]
    assert [event.happening for event in seen] == [step.happening for step in itinerary(script, due)]
    assert parcel.state.value == script.ends
    assert sum(event.happening in ENDS for event in parcel.history) == 1
    assert [one.at for one in parcel.history] == sorted(one.at for one in parcel.history)
    numbers = [one.number for one in parcel.history]
    assert numbers == sorted(set(numbers))
    assert parcel.attempts == script.failed_attempts + (script.ends == "delivered")
    collected, remitted = parcel.cod_collected, parcel.cod_remitted
    if script.ends == "delivered" and due:
        assert collected == due
        short = script.cod_short if script.cod == "short" else 0
        assert remitted == (None if script.cod == "unpaid" else max(0, due - short))
    else:
        assert (collected, remitted) == (None, None)


@given(cuts=st.lists(st.integers(0, 200_000), max_size=8))
@settings(max_examples=50, deadline=None)
def test_it_does_not_matter_in_how_many_turns_the_clock_arrives(cuts: list[int]) -> None:
    """The same events at the same moments."""
    ways = []
    for stops in ([max(cuts, default=0)], sorted(cuts)):
        books = Books(lambda: START)
        parcel = Parcel("h2", NUMBER, "1", START, Script(failed_attempts=1), 5_000)
        books.take(parcel)
        for stop in stops:
            list(books.due(START + timedelta(seconds=stop)))
        ways.append([(event.happening, event.at) for event in parcel.history])
    assert ways[0] == ways[1]


def test_item_codes_bear_their_check_digit_and_never_come_twice() -> None:
    """As postal facts 8.1 have it, by the reading of the tables."""
    books = Books(lambda: START)
    codes = [books.item_code() for _ in range(500)]
    assert len(set(codes)) == 500
    assert all(oddities(code) == () for code in codes)


def test_the_clock_runs_at_its_scale_and_turns_forward_only() -> None:
    """Also when its speed was changed in between."""
    real = [START]
    clock = TurnedClock(lambda: real[0], 60.0, behind_s=HOUR)
    assert clock.now() == START - timedelta(hours=1)
    real[0] += timedelta(seconds=10)
    assert clock.now() == START - timedelta(minutes=50)
    assert clock.turn(600) == START - timedelta(minutes=40)
    assert clock.turn(-600) == START - timedelta(minutes=40)
    assert clock.wait_s(START) == 40.0
    clock.run(0.0)
    real[0] += timedelta(days=1)
    assert clock.now() == START - timedelta(minutes=40)
    assert clock.wait_s(START) is None
    assert clock.wait_s(START - timedelta(hours=1)) == 0.0


async def _codes(ground: Ground) -> list[int]:
    return [one["StatusCode"] for one in await ground.records()]


async def _delivered(ground: Ground, number: str = NUMBER, hours: float = 24, **script: object) -> Any:
    await ground.scripted(**script)
    await ground.sign_in()
    await ground.order(number, CODAmount=0)
    await ground.turn(hours)
    return await ground.parcel(number)


async def test_scans_are_lost_repeated_and_turned_round_and_the_books_know(open_ground: OpenGround) -> None:
    """What is told differs, what happened does not."""
    plain = [1, 2, 3, 5, 6, 7, 4]
    for script, told in (
        ({"lose": ["collected", "delivered"]}, [1, 2, 5, 6, 7]),
        ({"repeat": 1}, [code for code in plain for _ in range(2)]),
        ({"reorder": True}, [1, 3, 2, 6, 5, 4, 7]),
        ({"late_s": {"accepted": 10 * HOUR}}, [2, 3, 5, 6, 7, 4, 1]),
        ({"strange": 2}, [1, 2, 3, 99, 99, 5, 6, 7, 4]),
        ({"contradict": True}, [*plain, 5]),
        ({"failed_collections": 1, "failed_attempts": 2}, [1, 2, 13, 2, 3, 5, 6, 7, 8, 7, 8, 7, 4]),
        ({"ends": "exception"}, [1, 2, 3, 5, 6, 12]),
        ({"until": "in_transit"}, [1, 2, 3, 5]),
    ):
        async with open_ground() as ground:
            parcel = await _delivered(ground, **script)
            assert await _codes(ground) == told, script
            assert parcel["told"] == len(told)
            ends = {"exception": "exception", "in_transit": "in_transit"}
            assert parcel["state"] == ends.get(str(script.get("ends", script.get("until"))), "delivered")


async def test_what_is_told_late_keeps_the_moment_at_which_it_happened(open_ground: OpenGround) -> None:
    """Its place in the feed is that of its telling."""
    async with open_ground() as ground:
        await _delivered(ground, late_s={"accepted": 10 * HOUR})
        records = await ground.records()
        moments = [one["EventTime"] for one in records]
        assert moments[-1] == min(moments) == int((START + timedelta(hours=1)).timestamp() * 1000)


async def test_what_is_held_goes_out_in_the_order_that_is_asked_for(open_ground: OpenGround) -> None:
    """All of it, once."""
    orders: dict[str, list[int]] = {}
    for order in ("as_made", "reversed", "shuffled"):
        async with open_ground() as ground:
            await ground.control("PUT", "delivery", {"hold": True})
            await _delivered(ground)
            assert await _codes(ground) == []
            # The creation is held too, and has no code in the feed.
            assert (await ground.control("GET", "books"))["held_tellings"] == 8
            assert await ground.control("POST", "release", {"order": order, "seed": 3}) == {"told": 8}
            orders[order] = await _codes(ground)
    assert orders["as_made"] == [1, 2, 3, 5, 6, 7, 4]
    assert orders["reversed"] == orders["as_made"][::-1]
    assert sorted(orders["shuffled"]) == sorted(orders["as_made"])
    assert orders["shuffled"] not in (orders["as_made"], orders["reversed"])


async def test_chance_loses_and_repeats_the_same_from_the_same_seed(open_ground: OpenGround) -> None:
    """And tells how much nobody was told."""
    told = []
    for seed in (1, 1, 2):
        async with open_ground() as ground:
            chances = {"seed": seed, "lose": 0.3, "repeat": 0.3, "late": 0.3}
            await ground.control("PUT", "delivery", chances)
            for number in ("A-1", "A-2", "A-3"):
                await _delivered(ground, number)
            await ground.turn(48)
            told.append([(one["OrderNumber"], one["StatusCode"]) for one in await ground.records()])
            assert (await ground.control("GET", "books"))["lost_tellings"] > 0
    assert told[0] == told[1] != told[2]
    async with open_ground() as ground:
        await ground.control("PUT", "delivery", {"lose": 2}, 422)


async def test_scripts_are_for_numbers_and_wear_out(open_ground: OpenGround) -> None:
    """The first that fits; then the default."""
    async with open_ground() as ground:
        await ground.sign_in()
        orders = [
            {"number": ".*-T", "times": 1, "script": {"ends": "returned"}},
            {"number": "A-.*", "house": "h3", "script": {"ends": "exception"}},
        ]
        await ground.control("PUT", "scripts", {"orders": orders})
        for number in ("A-1-T", "A-2-T"):
            await ground.order(number)
        await ground.turn(24)
        assert [(await ground.parcel(number))["state"] for number in ("A-1-T", "A-2-T")] == ["returned", "delivered"]
        assert [one["left"] for one in (await ground.control("GET", "scripts"))["orders"]] == [0, 0]
        for wrong in ({"orders": [{"number": "(", "script": {}}]}, {"default": {"ends": "lost"}}):
            await ground.control("PUT", "scripts", wrong, 422)
        await ground.control("PUT", "scripts", {"orders": [{"house": "ems", "script": {}}]}, 422)


async def test_something_happens_by_hand_and_stops_what_was_planned(open_ground: OpenGround) -> None:
    """Where it is told to; a parcel that is not there cannot be moved."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.order()
        step = {"house": "h2", "number": NUMBER, "happening": "delivered", "stop": True}
        assert (await ground.control("POST", "steps", step))["state"] == "delivered"
        await ground.control("POST", "steps", {**step, "happening": "cod_collected", "amount": 7})
        await ground.turn(100)
        assert await _codes(ground) == [4, 14]
        assert (await ground.parcel())["cod"]["collected"] == 7
        await ground.control("POST", "steps", {**step, "number": "khong-co"}, 422)


async def test_a_stray_stands_in_the_feed_and_in_no_book(open_ground: OpenGround) -> None:
    """A scan of a number that nobody gave."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.control("POST", "strays", {"house": "h2", "number": "LA-9-T"})
        assert [(one["OrderNumber"], one["StatusCode"]) for one in await ground.records()] == [("LA-9-T", 4)]
        assert await ground.parcel("LA-9-T") is None
        await ground.control("POST", "strays", {"house": "ems", "number": "LA-9-T"}, 422)


async def test_parcels_move_by_themselves_while_time_runs(open_ground: OpenGround) -> None:
    """An hour in a second, or as it is set; nothing has to be asked for."""
    async with open_ground(script={"step_s": 0.0}) as ground:
        await ground.sign_in()
        await ground.order(CODAmount=0)
        # No question was put since: the clock of the simulator did it, or the question itself does.
        assert (await ground.parcel())["state"] == "delivered"
        turned = await ground.control("POST", "clock", {"scale": 3_600})
        assert turned["scale"] == 3_600
        await ground.control("POST", "clock", {"advance_s": -1}, 422)


async def test_what_is_forgotten_is_gone_and_the_clock_goes_on(open_ground: OpenGround) -> None:
    """Parcels, feed, scripts, lies and the log."""
    async with open_ground() as ground:
        await _delivered(ground, repeat=2)
        before = (await ground.control("GET", "clock"))["now"]
        await ground.lie("overlap")
        assert await ground.control("DELETE", "state") == {"parcels": 0}
        assert await ground.records() == []
        assert (await ground.control("GET", "lies"))["orders"] == []
        assert (await ground.control("GET", "scripts"))["default"]["repeat"] == 0
        assert (await ground.control("GET", "clock"))["now"] == before
        await _delivered(ground)
        assert len(await ground.records()) == 7


# Money


async def _statement(ground: Ground, **changes: object) -> Any:
    return await ground.control("POST", "statements", {"house": "h2", "carrier": "vnpost", **changes})


def _rows(content: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content), delimiter=separator))


async def _paid(ground: Ground, *numbers: str, **script: object) -> None:
    """Parcels that are delivered and paid over on 22/11/2026 at 15:01."""
    await ground.scripted(**script)
    await ground.sign_in()
    for number in numbers:
        await ground.order(number)
    await ground.turn(60)


async def test_a_statement_names_what_was_paid_over_on_its_day(open_ground: OpenGround) -> None:
    """In our layout, with a trailer that agrees."""
    async with open_ground() as ground:
        await _paid(ground, "so1", "so2")
        made = await _statement(ground, date="20261122", fee=1_100)
        assert made["name"] == "cod_vnpost_SIMBUUDIEN_20261122_1.csv"
        assert made["sha256"] == hashlib.sha256(made["content"].encode()).hexdigest()
        rows = _rows(made["content"])
        assert rows[0][:5] == ["H", "1", "vnpost", "SIMBUUDIEN", "20261122"]
        assert [row[3] for row in rows[1:-1]] == ["so1", "so2"]
        assert rows[1][5:] == ["150000", "1100", "148900", "paid", "2026-11-22T15:01:00+07:00", ""]
        assert rows[-1] == ["T", "2", "300000", "0", "0", "2200", "297800"]
        empty = _rows((await _statement(ground, date="20261121"))["content"])
        assert [row[0] for row in empty] == ["H", "T"]


@pytest.mark.parametrize(
    ("cod", "amounts"), [("paid", ["150000"]), ("short", ["140000"]), ("late", []), ("unpaid", [])]
)
async def test_money_comes_late_short_or_never(open_ground: OpenGround, cod: str, amounts: list[str]) -> None:
    """As the script of the parcel says; what is late comes after ten times as long."""
    async with open_ground() as ground:
        await _paid(ground, "so1", cod=cod)
        rows = _rows((await _statement(ground, date="20261122"))["content"])
        assert [row[5] for row in rows[1:-1]] == amounts
        await ground.turn(20 * 24)
        late = _rows((await _statement(ground, date="20261210"))["content"])
        assert len(late[1:-1]) == (cod == "late")


@pytest.mark.parametrize(
    "defect", ["no_trailer", "wrong_count", "wrong_sum", "wrong_date", "wrong_customer", "repeated_seq"]
)
async def test_a_bad_statement_differs_from_the_good_one(open_ground: OpenGround, defect: str) -> None:
    """In what its defect says, and not at all where none is asked for."""
    async with open_ground() as ground:
        await _paid(ground, "so1", "so2")
        good = (await _statement(ground, date="20261122"))["content"]
        assert (await _statement(ground, date="20261122"))["content"] == good
        assert (await _statement(ground, date="20261122", defect=defect))["content"] != good


async def test_rows_can_be_missing_halved_doubled_or_of_nobody(open_ground: OpenGround) -> None:
    """And the trailer agrees with the rows, so that only matching finds it."""
    async with open_ground() as ground:
        await _paid(ground, "so1", "so2", "so3")
        made = await _statement(ground, date="20261122", drop=["so1"], halve=["so2"], double=["so3"], strange=["la1"])
        rows = _rows(made["content"])
        assert [(row[3], row[5]) for row in rows[1:-1]] == [
            *[("so2", "75000"), ("so3", "150000"), ("so3", "150000"), ("la1", "100000")]
        ]
        assert rows[-1][1:3] == ["4", "475000"]


async def test_a_foreign_layout_says_the_same_otherwise(open_ground: OpenGround) -> None:
    """By item code, with points in its amounts and words for its states."""
    async with open_ground() as ground:
        await _paid(ground, "so1")
        rows = _rows((await _statement(ground, date="20261122", layout="table"))["content"], ";")
        code = (await ground.parcel("so1"))["item_code"]
        assert rows[2] == ["1", code, "150.000", "0", "Đã trả", "22/11/2026 15:01:00"]
        assert rows[-1][0] == "Tổng cộng"


async def test_a_statement_is_put_into_the_folder_with_its_side_file(open_ground: OpenGround, tmp_path: Path) -> None:
    """At once, so that nobody reads half of it; without a folder it is refused."""
    async with open_ground(statements_dir=str(tmp_path)) as ground:
        await _paid(ground, "so1")
        made = await _statement(ground, date="20261122", write=True, seq=2)
        content = (tmp_path / made["name"]).read_bytes()
        assert (tmp_path / f"{made['name']}.sha256").read_text().startswith(hashlib.sha256(content).hexdigest())
        assert sorted(path.name for path in tmp_path.iterdir()) == [made["name"], f"{made['name']}.sha256"]
    async with open_ground() as ground:
        for wrong in ({"write": True}, {"date": "20260231"}, {"house": "ems"}):
            await ground.control("POST", "statements", {"house": "h2", **wrong}, 422)


def test_what_happens_has_a_moment_in_utc() -> None:
    """As all moments of the books."""
    books = Books(lambda: datetime(2026, 11, 20, tzinfo=UTC))
    event = books.take(Parcel("m1", NUMBER, "1", START, Script()))
    assert (event.happening, event.at.tzinfo) == (Happening.CREATED, UTC)
