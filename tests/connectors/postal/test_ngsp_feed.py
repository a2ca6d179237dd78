"""The tracking feed of the NGSP adapter: what a page says, where its cursor stands, and pages that would lose something."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors.postal.profiles.h2
from connectors.postal.model import Scan
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.profiles.h2 import PROFILE
from connectors.postal.profiles.h2.mapping import H2
from connectors.postal.speaking import Fed, Refused
from tests.connectors.postal.carrying import CUSTOMER, NOW, NUMBER, account, answer

EXAMPLES = Path(connectors.postal.profiles.h2.__path__[0]) / "examples"
DAY = datetime(2026, 11, 20, 3, 0, 0, tzinfo=UTC)


def oid(number: int, at: datetime = DAY) -> str:
    """The id of the n-th record of a second."""
    return f"{int(at.timestamp()):08x}{number:016x}"


def record(number: int, at: datetime = DAY, **changes: object) -> dict[str, Any]:
    """A scan as the adapter writes it."""
    usual: dict[str, Any] = {
        "_id": {"$oid": oid(number, at)},
        "CustomerCode": CUSTOMER,
        "OrderNumber": NUMBER,
        "EventTime": int(at.timestamp()) * 1000,
        "POSID": "100000",
        "ItemCode": "RA473124829VN",
        "StatusCode": 4,
        "StatusMessage": "Đã phát",
        "Notes": None,
    }
    return {**usual, **changes}


def page(*records: object, **envelope: object) -> bytes:
    """A page of these records."""
    usual = {"_size": len(records), "_total_pages": 1, "_returned": len(records), "_embedded": {"rh:doc": records}}
    return json.dumps({**usual, **envelope}).encode()


def h2(statuses: dict[str, str] | None = None, **options: Any) -> H2:
    """The dialect with these options."""
    return H2(account(PROFILE, NgspOptions(**options), statuses=statuses))


def read(body: bytes, cursor: str = "", **options: Any) -> Fed:
    """The page, which must be readable."""
    fed = h2(**options).fed(cursor, answer(body))
    assert isinstance(fed, Fed)
    return fed


def only(body: bytes, **options: Any) -> Scan:
    """The one scan of a page."""
    (sighting,) = read(body, **options).sightings
    return sighting.scan


def test_the_page_of_the_facts_is_read() -> None:
    """Postal facts 10: one scan, delivered, with its post office, its item code and the carrier's own time."""
    told = json.loads((EXAMPLES / "03-tracking-page.json").read_text(encoding="utf-8"))["message"]
    fed = read(json.dumps(told).encode())
    (sighting,) = fed.sightings
    assert sighting.order_number == "G00.10-261120-0042-T"
    assert sighting.scan == Scan(
        event_id="vnpost-h2:691fed200000000000000001",
        occurred_at=datetime(2025, 11, 21, 4, 40, tzinfo=UTC),
        received_at=NOW,
        raw_code="4",
        means="delivered",
        source="feed",
        rank="691fed200000000000000001",
        pos_code="100000",
        item_code="RA473124829VN",
        text="Đã phát",
        evidence=sighting.scan.evidence,
    )
    assert (fed.cursor, fed.more, fed.unreadable, fed.foreign) == ("691fed200000000000000001", True, 0, 0)


def test_a_scan_bears_the_digest_of_the_record_as_it_came() -> None:
    """Byte for byte, however the carrier spaces its JSON (postal facts 10): who disputes a scan shows the same bytes."""
    records = [json.dumps(record(number), indent=number, ensure_ascii=False) for number in (1, 2)]
    body = f'{{"_returned": 2, "_embedded": {{"rh:doc": [{", ".join(records)}]}}}}'.encode()
    seen = [one.scan.evidence for one in read(body).sightings]
    assert seen == [hashlib.sha256(text.encode()).hexdigest() for text in records]


@pytest.mark.parametrize(
    "body",
    [
        b'{"_size":0,"_total_pages":0,"_returned":0}',
        b'{"_size":0,"_total_pages":0,"_returned":0,"_embedded":null}',
        b'{"_size":0,"_total_pages":0,"_returned":0,"_embedded":{}}',
        b'{"_returned":0,"_embedded":{"rh:doc":null}}',
        page(),
    ],
)
def test_nothing_embedded_is_nothing_new(body: bytes) -> None:
    """The cursor stays where it was (postal facts 2.4)."""
    assert read(body, oid(5)) == Fed((), oid(5), more=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>",
        b'{"fault":{"code":900800}}',
        b'{"_returned":1,"_embedded":[]}',
        b'{"_returned":1,"_embedded":{"rh:doc":{}}}',
        b'{"_returned":1,"_embedded":{"rh:doc":[1,2',
        b"[" * 100_000,
        page({"_id": "x"}, 7),
    ],
)
def test_what_is_no_page_is_never_a_quiet_feed(body: bytes) -> None:
    """A round that was not read must not count as one in which an order was not seen."""
    refused = h2().fed(oid(5), answer(body))
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.code) == ("unreadable", "feed_unreadable")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "auth"), (403, "configuration"), (404, "configuration"), (500, "busy")]
)
def test_an_answer_without_a_page_says_nothing_of_parcels(status: int, kind: str) -> None:
    """A question has no effect, so it may be put again after an error of the other side."""
    refused = h2().fed("", answer(page(record(1)), status))
    assert isinstance(refused, Refused)
    assert refused.kind == kind


def test_a_bad_record_stops_no_page() -> None:
    """It is counted, and the cursor passes it; what stands around it is read."""
    broken: list[object] = [
        {"OrderNumber": NUMBER},
        None,
        {"_id": {"$oid": "zz"}},
        [],
        record(3, OrderNumber="", ItemCode=None),
        record(4, OrderNumber={"a": 1}, ItemCode="Đ"),
    ]
    fed = read(page(record(1), *broken, record(9)))
    assert [sighting.scan.rank for sighting in fed.sightings] == [oid(1), oid(9)]
    assert (fed.unreadable, fed.cursor) == (6, oid(9))


def test_a_bad_record_at_the_end_moves_the_cursor_where_it_has_an_id() -> None:
    """So that it is not read for ever."""
    assert read(page(record(1), record(2, OrderNumber=None, ItemCode=""))).cursor == oid(2)


def test_invalid_text_within_a_record_spoils_that_record_only() -> None:
    """Bytes that are no UTF-8 are somebody's mistake, not the page's."""
    spoiled = json.dumps(record(2, Notes="@@")).encode().replace(b"@@", b"\xff\xfe")
    body = page(record(1), "HERE", record(3)).replace(b'"HERE"', spoiled)
    fed = read(body)
    assert ([one.scan.rank for one in fed.sightings], fed.unreadable) == ([oid(1), oid(3)], 1)


def test_records_of_other_customers_pass_unseen() -> None:
    """Counted; nothing of them is kept. Capitals and blanks make no other customer, and no code at all is ours."""
    fed = read(
        page(
            record(1, CustomerCode="KHAC"),
            record(2, CustomerCode=f" {CUSTOMER.lower()} "),
            record(3, CustomerCode=None),
        )
    )
    assert ([one.scan.rank for one in fed.sightings], fed.foreign, fed.cursor) == ([oid(2), oid(3)], 1, oid(3))


def test_a_record_is_read_once_though_it_comes_twice() -> None:
    """Within a page, and again at the beginning of the next."""
    assert len(read(page(record(1), record(1), record(2))).sightings) == 2
    fed = read(page(record(1), record(2)), oid(1))
    assert [one.scan.rank for one in fed.sightings] == [oid(2)]


def test_a_page_whose_only_record_is_known_is_nothing_new() -> None:
    """An adapter that counts the cursor itself in (assumed, no source says)."""
    assert read(page(record(7)), oid(7)) == Fed((), oid(7), more=False)


def test_a_feed_that_gives_the_same_again_is_refused() -> None:
    """It ignores `lastId`: without a word we would wait for news for ever."""
    refused = h2().fed(oid(9), answer(page(record(1), record(2))))
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.code) == ("configuration", "feed_stuck")


@pytest.mark.parametrize("pages", [2, 0, None])
def test_a_page_from_new_to_old_with_more_behind_it_is_refused(pages: int | None) -> None:
    """Its cursor would skip everything between it and the last one."""
    refused = h2().fed("", answer(page(record(3), record(2), _total_pages=pages)))
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.code) == ("configuration", "feed_order")


def test_the_one_page_there_is_may_run_any_way() -> None:
    """Nothing is lost: its scans are sorted."""
    fed = read(page(record(3), record(2), record(1)))
    assert [one.scan.rank for one in fed.sightings] == [oid(1), oid(2), oid(3)]
    assert fed.cursor == oid(3)


def test_the_last_seconds_wait_until_their_ids_are_settled() -> None:
    """Two machines give ids within one second in any order; a cursor past the greater would never see the smaller."""
    old, fresh = NOW - timedelta(seconds=6), NOW - timedelta(seconds=1)
    fed = read(page(record(1, old), record(2, fresh), record(3, fresh)))
    assert ([one.scan.rank for one in fed.sightings], fed.cursor, fed.more) == ([oid(1, old)], oid(1, old), False)
    assert len(read(page(record(1, old), record(2, fresh), record(3, fresh)), settle_s=0).sightings) == 3


def test_an_id_whose_second_is_far_from_now_waits_for_nothing() -> None:
    """It is no clock's, or a clock's that is wrong: waiting would hide the feed."""
    ahead = NOW + timedelta(hours=1)
    assert len(read(page(record(1, ahead))).sightings) == 1
    assert len(read(page(record(1, datetime(1970, 1, 2, tzinfo=UTC), EventTime=NOW.timestamp() * 1000))).sightings) == 1


@pytest.mark.parametrize("far", ["f" * 24, oid(1, NOW + timedelta(days=2)), oid(1, NOW + timedelta(days=4_000))])
def test_a_record_of_a_day_to_come_does_not_take_the_cursor_behind_everything_that_follows(far: str) -> None:
    """One poisoned id, or a machine whose clock jumped: the others of the page are read, and so is what comes afterwards."""
    strange = {**record(9), "_id": {"$oid": far}}
    fed = read(page(record(1), strange))
    assert ([one.scan.rank for one in fed.sightings], fed.cursor, fed.unreadable) == ([oid(1)], oid(1), 1)
    later = read(page(record(2), record(3), strange), fed.cursor)
    assert ([one.scan.rank for one in later.sightings], later.cursor, later.more) == ([oid(2), oid(3)], oid(3), True)
    # Alone it is told of, and the feed neither stops nor moves.
    assert read(page(strange), oid(3)) == Fed((), oid(3), more=False, unreadable=1)


def test_ids_that_are_of_no_clock_are_followed_in_their_order() -> None:
    """That the first digits are a second is assumed: where nothing speaks for it, an id is only a place in the feed."""
    numbered = [{**record(1), "_id": {"$oid": f"e{place:023x}"}} for place in (1, 2)]
    fed = read(page(*numbered))
    assert (len(fed.sightings), fed.cursor, fed.unreadable) == (2, f"e{2:023x}", 0)


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (1763700000000, {}),
        (1763700000, {}),
        (20251121114000, {}),
        ("1763700000000", {}),
        (" 20251121114000 ", {}),
        (1763700000000.0, {}),
        ({"$numberLong": "1763700000000"}, {}),
        ({"$date": 1763700000000}, {"event_time_format": "epoch_s"}),
        ({"$date": "2025-11-21T04:40:00Z"}, {}),
        ({"$date": {"$numberLong": "1763700000000"}}, {}),
        ("2025-11-21T11:40:00+07:00", {}),
        ("2025-11-21 11:40:00", {}),
        (20251121044000, {"tz": "UTC"}),
        (1763700000000, {"event_time_format": "epoch_ms"}),
        (1763700000, {"event_time_format": "epoch_s"}),
        (20251121114000, {"event_time_format": "yyyyMMddHHmmss"}),
    ],
)
def test_a_moment_is_read_whichever_way_it_is_written(value: object, options: dict[str, Any]) -> None:
    """The unit of `EventTime` is not known: it is told by its size, or by the configuration (postal facts 2.4, 11)."""
    assert only(page(record(1, EventTime=value)), **options).occurred_at == datetime(2025, 11, 21, 4, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "hôm qua", True, -1, 0, 1.5, 12, 10**18, 99999999999999, 20251321114000, 20250230000000, []),
        *({}, {"$date": None}, {"$numberLong": {}}, {"a": 1}, {"$date": 1, "b": 2}, 5e300, "2025-02-30T00:00:00Z"),
        *({"$date": "1999-12-31T23:59:59Z"}, "２０２５１１２１１１４０００"),
    ],
)
def test_what_is_no_moment_gives_way_to_the_second_of_the_id(value: object) -> None:
    """The record was written then; a scan that is lost would be worse. The same page is read the same again."""
    assert only(page(record(1, EventTime=value))).occurred_at == DAY


def test_a_record_from_no_time_at_all_is_unreadable() -> None:
    """Neither a moment nor a standard id: it would stand at an end of the history."""
    fed = read(page({**record(1), "_id": {"$oid": "0" * 23 + "1"}, "EventTime": None}))
    assert (fed.sightings, fed.unreadable, fed.cursor) == ((), 1, "0" * 23 + "1")


@pytest.mark.parametrize(
    ("value", "raw", "means"),
    [
        (4, "4", "delivered"),
        ("4", "4", "delivered"),
        (4.0, "4", "delivered"),
        (5, "5", "unmapped"),
        (-1, "-1", "unmapped"),
        (None, "none", "unmapped"),
        (True, "none", "unmapped"),
        (4.5, "none", "unmapped"),
        ("Đã phát", "unreadable", "unmapped"),
        ({"a": 4}, "none", "unmapped"),
    ],
)
def test_a_status_means_what_the_table_says_and_nothing_is_guessed(value: object, raw: str, means: str) -> None:
    """Only 4 is known (postal facts 2.4)."""
    scan = only(page(record(1, StatusCode=value)))
    assert (scan.raw_code, scan.means) == (raw, means)


def test_the_configuration_stands_above_the_table() -> None:
    """`statuses` of a carrier: codes that the office has learnt, and also that 4 means something else."""
    fed = h2({"2": "in_transit", "4": "keep"}).fed("", answer(page(record(1, StatusCode=2), record(2))))
    assert isinstance(fed, Fed)
    assert [one.scan.means for one in fed.sightings] == ["in_transit", "keep"]


def test_a_record_that_names_its_item_alone_is_kept_for_whoever_knows_it() -> None:
    """Our number is empty then; the item code leads to the parcel."""
    fed = read(page(record(1, OrderNumber=None, ItemCode=" ra473124829vn ")))
    assert (fed.sightings[0].order_number, fed.sightings[0].scan.item_code) == ("", "RA473124829VN")


def test_what_a_carrier_writes_is_bounded_and_shown_by_nobody() -> None:
    """A sentence of any length, with line breaks, a decomposed letter and a name in it."""
    scan = only(
        page(record(1, StatusMessage="Phát\r\ncho\x00 Nguye\u0302\u0303n Mẫu", Notes="x" * 100_000, POSID="100 000"))
    )
    assert scan.text == "Phát cho Nguyễn Mẫu"
    assert len(scan.note) <= 500
    assert scan.pos_code == ""
    assert "Mẫu" not in repr(scan) and "Mẫu" not in repr(read(page(record(1, StatusMessage="Mẫu"))))
