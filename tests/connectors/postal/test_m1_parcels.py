"""What donhang says of a parcel: every status of its table, the truth table, null dates, times, money and events."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.postal.model import Meaning, ShipmentState
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.profiles.m1.options import DonhangOptions
from connectors.postal.speaking import Heard, Hears, Sighting
from connectors.postal.statuses import load_statuses

from .donhang import GUID, SENT, VECTOR, as_pem, data_of, private_key, push
from .m1_orders import CUSTOMER, NOW, NUMBER, account, by_post

ROWS = load_statuses("m1").table.rows
FLAGS: dict[str, dict[str, object]] = {
    "deliverable": {"IsDeliverable": True, "DeliveryTime": "21/11/2026 09:00:00"},
    "not_deliverable": {"IsDeliverable": False, "DeliveryTimes": 1},
    "return": {"IsReturn": True},
    "return_delivered": {"IsReturn": True, "DeliveryTime": "21/11/2026 09:00:00"},
}


def heard(data: str, statuses: dict[str, str] | None = None, sent: str = SENT, now: datetime = NOW) -> Heard:
    """What is heard of a notice that the carrier signed."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(as_pem(private_key()),), statuses=statuses, now=now))
    assert isinstance(dialogue, Hears)
    return dialogue.hear(by_post(push(data, send_date=sent)))


def seen(**changes: object) -> Sighting:
    """The one sighting of a notice with these members."""
    (sighting,) = heard(data_of(**changes)).sightings
    return sighting


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["code"]))
def test_every_row_of_the_table_is_reached_by_a_notice(row: object) -> None:
    """A code in OrderStatusId, or the flags of a delivery where there is none (postal facts 3.2 and 6.2)."""
    code, means = row["code"], row["means"]  # type: ignore[index]
    members: dict[str, object] = {"OrderStatusId": int(code)} if code.isdigit() else {"OrderStatusId": 0, **FLAGS[code]}
    scan = seen(**members).scan
    assert (scan.raw_code, scan.means) == (code, means)
    assert means in {*ShipmentState, *Meaning}


def test_an_item_code_that_is_none_leads_to_no_parcel() -> None:
    """Every garbled one would be the same word, and a stranger's notice would move the parcel that bore it last."""
    garbled = {"ItemCode": "bưu gửi của bà Mẫu", "OrderStatusId": 100}
    assert seen(**garbled).scan.item_code == ""
    nobody = heard(data_of(**garbled, OrderCode=None))
    assert (nobody.ack, nobody.sightings) == ("taken", ())


def test_the_table_is_that_of_the_facts() -> None:
    """A witness wrote it down from postal facts 6.2, column M1, and 3.2."""
    read = {row["code"]: row["means"] for row in ROWS}
    facts = {
        "20": "created",
        "70": "collected",
        "91": "failed_attempt",
        "100": "delivered",
        "161": "returning",
        "170": "returned",
        "110": "cod_collected",
        "120": "cod_remitted",
        "10": "cancelled",
        "60": "cancelled",
        "61": "keep",
        "62": "cancelled",
        "deliverable": "delivered",
        "not_deliverable": "failed_attempt",
        "return": "returning",
        "return_delivered": "returned",
    }
    assert read == facts


@pytest.mark.parametrize("status", [1, 21, 99, 101, 12_345, "abc", "2"])
def test_a_status_that_no_table_knows_is_kept_and_never_guessed(status: object) -> None:
    """Not even where the flags say more: it is unmapped, with its code as it came."""
    scan = seen(OrderStatusId=status, **FLAGS["deliverable"]).scan
    assert (scan.raw_code, scan.means) == (str(status), Meaning.UNMAPPED)


def test_a_status_that_could_hold_anything_is_not_shown() -> None:
    """A sentence in the place of a code may name people."""
    assert seen(OrderStatusId="đã giao cho bà Mẫu").scan.raw_code == "unreadable"


def test_the_settings_stand_above_the_table() -> None:
    """A ministry that was told what a code means writes it down; the flags can be named so too."""
    statuses = {"75": "in_transit", "100": "keep", "deliverable": "keep"}
    (unknown,) = heard(data_of(OrderStatusId=75), statuses).sightings
    (known,) = heard(data_of(OrderStatusId=100), statuses).sightings
    (flags,) = heard(data_of(OrderStatusId=None, **FLAGS["deliverable"]), statuses).sightings
    assert [one.scan.means for one in (unknown, known, flags)] == ["in_transit", "keep", "keep"]


def test_the_notice_that_tries_the_address_is_about_no_parcel() -> None:
    """The published vector: all is null, it is genuine and says nothing."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(VECTOR.key,)))
    assert isinstance(dialogue, Hears)
    body = {"Data": VECTOR.data, "SendDate": VECTOR.send_date, "SignData": VECTOR.sign_data}
    told = dialogue.hear(by_post(body))
    assert (told.ack, told.sightings, told.fresh) == ("taken", (), False)
    assert dialogue.acknowledge(told).status == 200


def test_flags_without_an_attempt_say_nothing() -> None:
    """Both flags are false from the start: that is no failed delivery. The empty status is kept and shown."""
    assert seen(OrderStatusId=0).scan.means == Meaning.UNMAPPED
    assert heard(data_of(OrderStatusId=None)).sightings == ()


def test_null_dates_are_no_dates() -> None:
    """`0001-01-01T00:00:00`, null and texts that are none: then the moment of sending counts."""
    for nothing in (
        "0001-01-01T00:00:00",
        None,
        "",
        "hôm qua",
        "31/02/2026 00:00:00",
        "9999-99-99T00:00:00",
        "31/12/9999 23:59:59",
    ):
        scan = seen(LastUpdateTime=nothing).scan
        assert scan.occurred_at == datetime(2026, 11, 21, 3, 9, 30, tzinfo=UTC)
        assert scan.rank.startswith("#")


@pytest.mark.parametrize(
    "written",
    ["21/11/2026 09:15:00", "2026-11-21T09:15:00", "2026-11-21T09:15:00.1234567", "2026-11-21T02:15:00Z"],
)
def test_times_are_those_of_viet_nam_in_each_of_their_forms(written: str) -> None:
    """Day first, ISO without a zone, with fractions; a zone that is written counts."""
    assert seen(LastUpdateTime=written).scan.occurred_at == datetime(2026, 11, 21, 2, 15, tzinfo=UTC)


def test_a_scan_bears_the_digest_of_the_text_that_the_carrier_signed() -> None:
    """`Data` as received (postal facts 4.4 and 10): with it the signed notice is found again."""
    data = data_of(OrderStatusId=100)
    (sighting,) = heard(data).sightings
    assert sighting.scan.evidence == hashlib.sha256(data.encode()).hexdigest()


def test_a_delivery_happened_when_it_happened() -> None:
    """`DeliveryTime` counts, not when somebody wrote it down; a time later than that is a slip and does not."""
    at = "21/11/2026 08:00:00"
    assert seen(OrderStatusId=100, DeliveryTime=at).scan.occurred_at == datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
    assert seen(OrderStatusId=91, DeliveryTime=at).scan.occurred_at == datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
    late = seen(OrderStatusId=100, DeliveryTime="22/11/2026 08:00:00").scan
    assert late.occurred_at == datetime(2026, 11, 21, 2, 15, tzinfo=UTC)
    assert seen(OrderStatusId=70, DeliveryTime=at).scan.occurred_at == datetime(2026, 11, 21, 2, 15, tzinfo=UTC)


def test_what_was_written_in_the_same_second_stands_in_its_order() -> None:
    """An office that writes down a whole afternoon at once: collected, two attempts, the way back, then the money."""
    at = {"LastUpdateTime": "21/11/2026 09:15:00"}
    way: list[dict[str, object]] = [
        {"OrderStatusId": 20},
        {"OrderStatusId": 70},
        {"OrderStatusId": 91, "DeliveryTimes": 1},
        {"OrderStatusId": 91, "DeliveryTimes": 2},
        {"OrderStatusId": 161, "DeliveryTimes": 2},
        {"OrderStatusId": 170, "DeliveryTimes": 2},
        {"OrderStatusId": 120, "DeliveryTimes": 2},
    ]
    scans = [seen(**at, **members).scan for members in way]
    assert len({scan.occurred_at for scan in scans}) == 1
    assert sorted(scan.rank for scan in scans) == [scan.rank for scan in scans]


def test_when_something_happened_does_not_depend_on_when_we_heard_of_it() -> None:
    """Heard a day later, or before it happened by our clock: the same moment, or histories would depend on the road."""
    data = data_of(OrderStatusId=100, DeliveryTime=None, LastUpdateTime="21/11/2026 11:00:00")
    moments = {
        one.scan.occurred_at
        for now in (NOW, NOW + timedelta(days=1), NOW - timedelta(days=1))
        for one in heard(data, now=now).sightings
    }
    assert moments == {datetime(2026, 11, 21, 4, 0, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("amount", "read"), [(150_000.0, 150_000), ("150000", 150_000), (0, 0), (1.5, None), (-1, None)]
)
def test_money_is_whole_and_only_of_the_codes_of_money(amount: object, read: int | None) -> None:
    """110 and 120 name sums; on the way `CodAmount` is only what was asked for."""
    assert seen(OrderStatusId=110, CodAmount=amount).scan.cod_amount == read
    remitted = seen(OrderStatusId=120, CodAmount=amount, PaypostTransferDate="21/11/2026 08:00:00").scan
    assert remitted.cod_amount == read
    assert remitted.cod_paid_over_at == datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
    assert seen(OrderStatusId=100, CodAmount=amount).scan.cod_amount is None


def test_a_large_sum_keeps_its_last_digit() -> None:
    """No float ever: 9007199254740993 is not 9007199254740992."""
    data = data_of(OrderStatusId=110).replace("150000.0", "9007199254740993.0")
    (sighting,) = heard(data).sightings
    assert sighting.scan.cod_amount == 9_007_199_254_740_993


def test_cause_and_solution_are_kept_as_they_came() -> None:
    """Codes are harmless, words are for people and on one line; the place is where the parcel goes."""
    scan = seen(
        OrderStatusId=91,
        CauseCode="01",
        CauseName="Người nhận\nđi vắng",
        SolutionCode="02",
        DeliveryTimes=2,
        ToPOSCode="700000",
        DeliveryNote="x" * 1_000,
    ).scan
    assert (scan.cause_code, scan.cause, scan.solution_code) == ("01", "Người nhận đi vắng", "02")
    assert (scan.attempts, scan.pos_code) == (2, "700000")
    assert len(scan.note) == 300
    assert "đi vắng" not in repr(scan)


def test_the_same_event_has_the_same_id_by_whichever_way_it_comes() -> None:
    """However often it is sent, with other notes, as a notice or as an entry of a list (facts 4.4: parcel, status, time)."""
    first = seen(OrderStatusId=91, DeliveryTimes=1)
    again = seen(OrderStatusId=91, DeliveryTimes=1, DeliveryNote="thêm", LastUpdateTime="2026-11-21T09:15:00")
    assert first.scan.event_id == again.scan.event_id
    others = [
        seen(OrderStatusId=100, DeliveryTimes=1),
        seen(OrderStatusId=91, DeliveryTimes=2),
        seen(OrderStatusId=91, DeliveryTimes=1, LastUpdateTime="21/11/2026 09:16:00"),
        seen(OrderStatusId=91, DeliveryTimes=1, OrderCode=f"{NUMBER}2"),
    ]
    assert len({one.scan.event_id for one in (first, *others)}) == 5


def test_an_event_without_a_time_is_known_by_all_that_it_says() -> None:
    """Sent again it is the same; one more word makes it another."""
    plain = seen(LastUpdateTime=None)
    (later,) = heard(data_of(LastUpdateTime=None), sent="2026-11-21T10:09:55").sightings
    assert plain.scan.event_id == later.scan.event_id
    assert seen(LastUpdateTime=None, DeliveryNote="x").scan.event_id != plain.scan.event_id


def test_a_parcel_of_another_customer_is_told_as_one() -> None:
    """One key signs for all customers, and each may choose our numbers: the customer code tells, or the carrier's id."""
    ours, theirs = seen(), seen(CustomerCode="KHACH-KHAC")
    assert (ours.ours, ours.carrier_ref, ours.order_number) == (True, GUID, NUMBER)
    assert not theirs.ours
    assert seen(CustomerCode=None).ours
    assert seen(CustomerCode=CUSTOMER.lower()).ours


def test_a_parcel_that_bears_only_its_item_code_is_told_by_it() -> None:
    """Then our number is empty; without either there is nothing to tell."""
    sighting = seen(OrderCode=None)
    assert (sighting.order_number, sighting.scan.item_code) == ("", "EL491610889VN")
    assert heard(data_of(OrderCode=None, ItemCode=None)).sightings == ()


@pytest.mark.parametrize(
    ("sent", "fresh"),
    [
        ("2026-11-21T10:09:30", True),
        ("2026-11-20T10:10:00", True),
        ("2026-11-20T10:09:59", False),
        ("2026-11-22T10:10:00", True),
        ("2026-11-22T10:10:01", False),
    ],
)
def test_a_notice_of_outside_the_window_is_not_fresh(sent: str, fresh: bool) -> None:
    """A day on either side by default (postal facts 4.4); it is still genuine."""
    told = heard(data_of(), sent=sent)
    assert (told.ack, told.fresh) == ("taken", fresh)


@pytest.mark.parametrize("sent", ["", "21-11-2026", "2026-11-21", "0001-01-01T00:00:00"])
def test_a_signed_notice_without_a_time_is_malformed(sent: str) -> None:
    """Nobody could tell it from a replay."""
    assert heard(data_of(), sent=sent).ack == "malformed"


@pytest.mark.parametrize("data", ["", "[]", "null", "{", '{"a":' * 5_000])
def test_signed_data_that_is_no_object_is_malformed(data: str) -> None:
    """Also what is nested without end."""
    assert heard(data).ack == "malformed"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", {"Data": {}, "SendDate": SENT, "SignData": ""}, {"Data": "{}", "SendDate": SENT}]
)
def test_what_is_no_notice_is_malformed(body: object) -> None:
    """`Data` as an object instead of text, parts that are missing."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(VECTOR.key,)))
    assert isinstance(dialogue, Hears)
    assert dialogue.hear(by_post(body)).ack == "malformed"


def test_members_of_other_types_spoil_nothing() -> None:
    """Numbers as text, texts as numbers, lists where a text was: what can be read is read."""
    odd = {"OrderStatusId": "91", "CauseCode": 7, "DeliveryTimes": "3", "CauseName": ["x"], "AdditionalDatas": [{}]}
    scan = seen(**odd).scan
    assert (scan.means, scan.cause_code, scan.attempts, scan.cause) == ("failed_attempt", "7", 3, "")


def test_refusals_have_their_status_and_no_words() -> None:
    """401 for a forgery, 409 for a replay, 403 for a stranger's network (postal facts 9)."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(VECTOR.key,), options=DonhangOptions()))
    assert isinstance(dialogue, Hears)
    acks = ("taken", "bad_signature", "malformed", "replayed", "refused_source")
    replies = [dialogue.acknowledge(Heard(ack)) for ack in acks]  # type: ignore[arg-type]
    assert [reply.status for reply in replies] == [200, 401, 400, 409, 403]
    assert {reply.body for reply in replies} == {b""}


def test_the_published_data_are_read_member_by_member() -> None:
    """The record of the vector has no member that the reader trips over, whichever status it bore."""
    record = {**json.loads(VECTOR.data), "OrderCode": NUMBER, "OrderStatusId": 100}
    (sighting,) = heard(json.dumps(record)).sightings
    assert (sighting.scan.means, sighting.scan.occurred_at.year) == ("delivered", 2026)
