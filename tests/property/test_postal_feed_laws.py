"""Laws of the tracking feed and of the answers of the NGSP adapter: nothing is lost, doubled or guessed, and nothing raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Placed
from connectors.postal.profiles._ngsp.feed import START
from connectors.postal.profiles._ngsp.moments import moment_of
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.profiles.h2 import PROFILE
from connectors.postal.profiles.h2.mapping import H2
from connectors.postal.profiles.h3 import PROFILE as H3_PROFILE
from connectors.postal.profiles.h3.mapping import H3
from connectors.postal.profiles.h3.options import H3Options, Services
from connectors.postal.speaking import CancelSaid, Fed, Refused
from tests.connectors.postal.carrying import CUSTOMER, NOW, account, order
from tests.planted import secret

QUICK = settings(max_examples=40, deadline=None)
VIET_NAM = timezone(timedelta(hours=7))
SERVICES = Services(order="o", cancel="c", tracking="t", price="p")
SECRETS = {role: secret(role) for role in H3_PROFILE.more_roles}

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
IDS = st.builds(
    lambda second, rest: f"{second:08x}{rest:016x}",
    st.integers(0, int(NOW.timestamp())),
    st.integers(1, 0xFFFFFFFFFFFFFFFF),
)
NAMES = ("CustomerCode", "OrderNumber", "EventTime", "POSID", "ItemCode", "StatusCode", "StatusMessage", "Notes")
RECORDS = st.builds(
    lambda oid, fields: {"_id": {"$oid": oid}, **fields},
    IDS,
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, SCALARS)),
)
GOOD = st.builds(
    lambda oid, number, code: {
        "_id": {"$oid": oid},
        "CustomerCode": CUSTOMER,
        "OrderNumber": f"G00.10-{number}-T",
        "EventTime": 1763700000000,
        "StatusCode": code,
    },
    IDS,
    st.integers(0, 5),
    st.integers(0, 9),
)


def h2(**options: Any) -> H2:
    """The dialect with these options; nothing waits."""
    return H2(account(PROFILE, NgspOptions(**{"settle_s": 0.0, **options})))


def page_of(records: list[dict[str, Any]], after: str, size: int) -> HttpAnswer:
    """What a document store answers: the records after an id, the oldest first."""
    behind = sorted((one for one in records if one["_id"]["$oid"] > after), key=lambda one: one["_id"]["$oid"])
    embedded = {"rh:doc": behind[:size]}
    pages = -(-len(behind) // size)
    tree = {"_size": len(behind), "_total_pages": pages, "_returned": len(behind[:size]), "_embedded": embedded}
    return HttpAnswer(200, {}, json.dumps(tree).encode(), 1.0)


@QUICK
@given(st.lists(GOOD, max_size=40, unique_by=lambda one: one["_id"]["$oid"]), st.integers(1, 12), st.data())
def test_a_feed_is_followed_without_gap_or_repeat(
    records: list[dict[str, Any]], size: int, data: st.DataObject
) -> None:
    """Whatever the size of pages, and though any page is read again after a crash: each record once, in their order."""
    rules, cursor, seen = h2(), "", []
    while True:
        answer = page_of(records, cursor or START, size)
        fed = rules.fed(cursor, answer)
        assert isinstance(fed, Fed)
        if data.draw(st.booleans(), label="crash before the page was stored"):
            assert rules.fed(cursor, answer) == fed
        seen += [one.scan.rank for one in fed.sightings]
        cursor = fed.cursor
        if not fed.more:
            break
    assert seen == sorted(one["_id"]["$oid"] for one in records)


@QUICK
@given(st.lists(GOOD, min_size=1, max_size=30, unique_by=lambda one: one["_id"]["$oid"]), st.integers(0, 20))
def test_what_waits_to_settle_is_read_later_and_nothing_twice(records: list[dict[str, Any]], young: int) -> None:
    """Part of the records are of these very seconds: the first round leaves them, one after they have settled reads them."""
    moved = [
        {**one, "_id": {"$oid": f"{int(NOW.timestamp()) - number % 4:08x}{one['_id']['$oid'][8:]}"}}
        for number, one in enumerate(records[:young])
    ]
    everything = list({one["_id"]["$oid"]: one for one in (*moved, *records[young:])}.values())
    seen: list[str] = []
    cursor = ""
    for rules in (h2(settle_s=5.0), h2(settle_s=0.0)):
        while True:
            fed = rules.fed(cursor, page_of(everything, cursor or START, 7))
            assert isinstance(fed, Fed)
            seen += [one.scan.rank for one in fed.sightings]
            cursor = fed.cursor
            if not fed.more:
                break
    assert seen == sorted(one["_id"]["$oid"] for one in everything)


@QUICK
@given(
    st.lists(GOOD, min_size=1, max_size=20, unique_by=lambda one: one["_id"]["$oid"]),
    st.lists(st.integers(int(NOW.timestamp()) + 90_000, 0xFFFFFFFF), min_size=1, max_size=3),
    st.integers(4, 12),
)
def test_ids_of_days_to_come_hide_nothing(records: list[dict[str, Any]], seconds: list[int], size: int) -> None:
    """Wherever they stand in the feed, everything else is read, once."""
    known = {"_id": {"$oid": f"{int(NOW.timestamp()) - 60:08x}{'0' * 16}"}, "OrderNumber": "G00.10-0-T"}
    strange = [{**records[0], "_id": {"$oid": f"{second:08x}{'0' * 16}"}} for second in seconds]
    rules, cursor, seen = h2(), f"{0x60000000:08x}{'0' * 16}", []
    while True:
        fed = rules.fed(cursor, page_of([*records, known, *strange], cursor, size))
        assert isinstance(fed, Fed)
        seen += [one.scan.rank for one in fed.sightings]
        cursor = fed.cursor
        if not fed.more:
            break
    wanted = sorted(one["_id"]["$oid"] for one in (*records, known))
    assert seen == [oid for oid in wanted if oid > f"{0x60000000:08x}{'0' * 16}"]


@QUICK
@given(st.lists(RECORDS | ANYTHING, max_size=12), st.one_of(st.just(""), IDS))
def test_every_record_of_a_page_is_accounted_for(records: list[Any], cursor: str) -> None:
    """Seen, of somebody else, or counted as unreadable; the cursor never goes back, and no page raises."""
    tree = {"_returned": len(records), "_total_pages": 1, "_embedded": {"rh:doc": records}}
    fed = h2().fed(cursor, HttpAnswer(200, {}, json.dumps(tree).encode(), 1.0))
    if isinstance(fed, Refused):
        return
    ids = [one["_id"]["$oid"] for one in records if _is_record(one)]
    new = {oid for oid in ids if oid > (cursor or START)}
    spoiled = sum(not _is_record(one) for one in records)
    assert len(fed.sightings) + fed.foreign + fed.unreadable == len(new) + spoiled
    assert fed.cursor == (max(new) if new else cursor)


def _is_record(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("_id"), dict) and isinstance(one["_id"].get("$oid"), str)


@QUICK
@given(st.binary(max_size=200) | ANYTHING.map(lambda tree: json.dumps(tree).encode()), st.integers(100, 599))
def test_no_answer_raises_and_none_is_taken_for_more_than_it_says(body: bytes, status: int) -> None:
    """An order is placed by 2xx with a configured `Status`, or where the carrier says that it has it already."""
    answer = HttpAnswer(status, {}, body, 1.0)
    h3 = H3(account(H3_PROFILE, H3Options(services=SERVICES), secrets=SECRETS))
    for rules in (h2(), h3):
        placed = rules.placed(order(), answer)
        if isinstance(placed, Placed) and not placed.duplicate:
            assert 200 <= status < 300 and json.loads(body)["Status"] in (0, 1, 200, 201, "0", "1", "200", "201")
        said = rules.cancelled(order(), answer)
        if isinstance(said, CancelSaid) and said.outcome == "cancelled":
            assert 200 <= status < 300 and "Status" in json.loads(body)
        assert isinstance(rules.registered(order(), answer), Placed | Refused)
        assert isinstance(rules.fed("", answer), Fed | Refused)
        rules.granted(answer)
    priced = h3.priced(answer)
    assert isinstance(priced, Refused) or priced[0].amount >= 0


@QUICK
@given(st.integers(946_771_200, 4_102_300_000))
def test_one_moment_is_read_from_each_of_its_writings(seconds: int) -> None:
    """Told apart by size alone: seconds, milliseconds, and the date in Viet Nam (postal facts 2.4)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    written = f"{moment.astimezone(VIET_NAM):%Y%m%d%H%M%S}"
    numbers: tuple[object, ...] = (seconds, str(seconds), seconds * 1000, str(seconds * 1000), int(written), written)
    writings = (*numbers, {"$date": seconds * 1000}, {"$numberLong": str(seconds)}, moment.isoformat())
    for value in writings:
        assert moment_of(value, "auto", VIET_NAM) == moment, value


@QUICK
@given(ANYTHING)
def test_whatever_stands_for_a_moment_is_one_of_this_century_or_none(value: Any) -> None:
    """And never an error: a scan from nowhere would stand at an end of a history."""
    moment = moment_of(value, "auto", VIET_NAM)
    assert moment is None or 2000 <= moment.year < 2100
