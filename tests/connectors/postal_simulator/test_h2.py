"""The simulated NGSP adapter: tokens, orders, cancellations, dossiers and the feed, as the facts have them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.connectors.postal_simulator.conftest import H2, NUMBER, START, Ground, OpenGround, h2_order

_CODES = {1: "accepted", 2: "collecting", 3: "collected", 5: "in_transit", 6: "at_office", 7: "out", 4: "delivered"}


async def test_an_order_is_taken_with_201_and_its_parcel_reaches_the_door(open_ground: OpenGround) -> None:
    """Every step is one record of the feed, in the order of the steps, with the item code from the pickup on."""
    async with open_ground() as ground:
        await ground.sign_in()
        assert await ground.order() == {"Status": 1, "Message": "Thành công"}
        assert (await ground.parcel())["state"] == "created"
        assert "_embedded" not in await ground.feed()
        assert (await ground.turn(24 * 4))["happened"] == 9
        records = await ground.records()
        assert [one["StatusCode"] for one in records] == [1, 2, 3, 5, 6, 7, 4, 14, 15]
        assert [bool(one["ItemCode"]) for one in records] == [False] * 2 + [True] * 7
        assert len({one["_id"]["$oid"] for one in records}) == 9
        parcel = await ground.parcel()
        assert (parcel["state"], parcel["item_code"]) == ("delivered", records[-1]["ItemCode"])
        assert [parcel["cod"][name] for name in ("due", "collected", "remitted")] == [150_000] * 3


async def test_the_feed_is_read_page_by_page_without_gap_or_repeat(open_ground: OpenGround) -> None:
    """`_size` is what is left behind the cursor; ids begin with the second of their telling."""
    async with open_ground() as ground:
        await ground.sign_in()
        for number in ("A-1-T", "A-2-T", "A-3-T"):
            await ground.order(number, CODAmount=0)
        await ground.turn(24)
        seen, cursor = list[str](), "0" * 24
        while True:
            page = await ground.feed(cursor, 4)
            records = page.get("_embedded", {}).get("rh:doc", [])
            if not records:
                break
            assert page["_size"] == 21 - len(seen)
            assert page["_returned"] == len(records) <= 4
            seen += [one["_id"]["$oid"] for one in records]
            cursor = seen[-1]
        assert len(seen) == len(set(seen)) == 21
        assert seen == sorted(seen)
        first = (await ground.records(size=1))[0]
        assert int(first["_id"]["$oid"][:8], 16) == int(START.timestamp())


@pytest.mark.parametrize(
    ("kind", "length"), [("epoch_ms", 13), ("epoch_s", 10), ("yyyyMMddHHmmss", 14)], ids=lambda one: str(one)
)
async def test_moments_are_written_as_the_options_say(open_ground: OpenGround, kind: str, length: int) -> None:
    """The facts know no unit."""
    async with open_ground(h2={"event_time": kind}) as ground:
        await ground.sign_in()
        await ground.order()
        await ground.turn(1)
        moment = (await ground.records())[0]["EventTime"]
        assert len(str(moment)) == length
        if kind == "yyyyMMddHHmmss":
            assert moment == 20261120090000


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("pagesize=1001&lastId=" + "0" * 24, "more than a page may hold"),
        ("pagesize=0&lastId=" + "0" * 24, "nothing"),
        ("pagesize=²&lastId=" + "0" * 24, "no number"),
        ("pagesize=10&lastId=" + "0" * 23, "a cursor too short"),
        ("pagesize=10&lastId=" + "g" * 24, "no hexadecimal"),
        ("pagesize=10", "no cursor"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(open_ground: OpenGround, query: str, why: str) -> None:
    """With 400 and a Status."""
    async with open_ground() as ground:
        await ground.sign_in()
        answer = await ground.json("GET", f"{H2}/order/tracking?{quote(query, safe='=&')}", expect=400)
        assert answer["Status"] == 400, why


@pytest.mark.parametrize(
    "changes",
    [
        {"SenderProvince": ...},
        {"SenderProvince": "10"},
        {"SenderProvince": 0},
        {"ReceiverTel": ""},
        {"ReceiverName": None},
        {"CODAmount": -1},
        {"CODAmount": 0.5},
        {"CODAmount": True},
        {"Weight": 100},
    ],
    ids=str,
)
async def test_an_order_that_the_adapter_does_not_know_is_refused(
    open_ground: OpenGround, changes: dict[str, Any]
) -> None:
    """With 400, and nothing is carried."""
    async with open_ground() as ground:
        await ground.sign_in()
        assert (await ground.order(expect=400, **changes))["Status"] == 400
        assert await ground.parcel() is None


async def test_a_double_without_fraction_is_an_amount_and_a_stranger_is_refused_by_status(
    open_ground: OpenGround,
) -> None:
    """The HTTP status of a business refusal is that of success (facts 2.2)."""
    async with open_ground() as ground:
        await ground.sign_in()
        assert (await ground.order(CODAmount=150_000.0))["Status"] == 1
        assert (await ground.order("B-1", CustomerCode="KHACHLA"))["Status"] == 403
        assert (await ground.order("số một", expect=400))["Status"] == 400


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b'{"OrderNumber":"a","OrderNumber":"b"}', b"\xff\xfe", b'{"CODAmount":NaN}', b"[" * 100_000],
    ids=["empty", "list", "cut", "doubled member", "no UTF-8", "NaN", "deep"],
)
async def test_bytes_that_are_no_order_are_refused(open_ground: OpenGround, raw: bytes) -> None:
    """And the server lives on."""
    async with open_ground() as ground:
        await ground.sign_in()
        assert (await ground.json("POST", f"{H2}/order/post", raw, 400))["Status"] == 400
        assert (await ground.order())["Status"] == 1


async def test_without_a_living_token_nothing_is_answered(open_ground: OpenGround) -> None:
    """401 in the words of such gateways: no token, a foreign one, one that ran out, one that was ended."""
    async with open_ground() as ground:
        assert (await ground.order(expect=401))["fault"]["code"] == 900901
        ground.headers["Authorization"] = "Bearer khong-co"
        await ground.order(expect=401)
        await ground.sign_in()
        await ground.order()
        ground.wall.turn(3_601)
        await ground.order("A-2", expect=401)
        await ground.sign_in()
        assert await ground.control("POST", "tokens/expire", {"house": "h2"}) == {"expired": 1}
        await ground.order("A-2", expect=401)
        shown = (await ground.control("GET", "tokens"))["h2"]
        assert shown == {"issued": 2, "refused": 0, "turned_away": 4, "living": 0}


@pytest.mark.parametrize(
    ("authorization", "form", "status"),
    [
        ("Basic c2ltdWxhdG9yLWNvbnN1bWVyOnNhaQ==", b"grant_type=client_credentials", 401),
        ("Basic !!!", b"grant_type=client_credentials", 401),
        ("", b"grant_type=client_credentials", 401),
        ("Basic c2ltdWxhdG9yLWNvbnN1bWVyOnNhaQ==", b"grant_type=password", 400),
    ],
)
async def test_a_stranger_gets_no_token(open_ground: OpenGround, authorization: str, form: bytes, status: int) -> None:
    """Whatever it shows."""
    async with open_ground() as ground:
        got = await ground.call("POST", "/h2/token", data=form, headers={"Authorization": authorization})
        assert got[0] == status


async def test_a_number_is_taken_twice_only_where_numbers_are_not_unique(open_ground: OpenGround) -> None:
    """The books count what was doubled."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.order()
        assert (await ground.order())["Status"] == 1
        assert (await ground.sums("h2"))["doubled"] == 1
    async with open_ground(h2={"numbers_unique": True}) as ground:
        await ground.sign_in()
        await ground.order()
        assert (await ground.order())["Status"] == 409
        sums = await ground.sums("h2")
        assert (sums["orders"], sums["doubled"]) == (1, 0)


async def test_an_order_is_cancelled_until_it_is_picked_up(open_ground: OpenGround) -> None:
    """201 on a GET; afterwards `too_late`, and unknown numbers are unknown."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.order()
        await ground.order("B-1")
        await ground.turn(2)
        assert (await ground.cancel())["Status"] == 1
        assert (await ground.cancel())["Status"] == 1
        await ground.turn(100)
        assert (await ground.parcel())["state"] == "cancelled"
        assert (await ground.cancel("B-1"))["Status"] == 423
        assert (await ground.cancel("C-1"))["Status"] == 404
        assert (await ground.parcel("B-1"))["state"] == "delivered"


@pytest.mark.parametrize(("cancel_s", "state"), [(60, "cancelled"), (7_200, "delivered")])
async def test_a_cancellation_that_is_noted_races_with_the_pickup(
    open_ground: OpenGround, cancel_s: int, state: str
) -> None:
    """Decided later: the parcel that was picked up first goes on."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.scripted(cancel="request", cancel_s=cancel_s)
        await ground.order()
        await ground.turn(2)
        assert (await ground.cancel())["Status"] == 202
        assert (await ground.parcel())["state"] == "collecting"
        await ground.turn(100)
        assert (await ground.parcel())["state"] == state


async def test_a_cancelled_parcel_can_move_all_the_same(open_ground: OpenGround) -> None:
    """Where its script says so, the word was not kept."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.scripted(cancel="moves")
        await ground.order()
        assert (await ground.cancel())["Status"] == 1
        await ground.turn(24)
        parcel = await ground.parcel()
        assert parcel["cancelled"]
        assert [one["happening"] for one in parcel["history"]][1:3] == ["cancelled", "accepted"]
        assert parcel["state"] == "delivered"


def _document(**changes: object) -> dict[str, object]:
    party = {"Name": "Nguyễn Thị Mẫu", "Phone": "0900000000", "ProvinceCode": 70, "Address": "Số 1, xã Ví Dụ"}
    return {
        "CustomerCode": "SIMBUUDIEN",
        "OrderNumber": NUMBER,
        "Procedure": {"Code": "1.001234", "Title": "Cấp phép", "Category": "", "Elements": "đơn,ảnh"},
        "IsSendDocument": False,
        "DocumentSender": None,
        "IsReceiveResult": True,
        "ResultReceiver": party,
        "State": 1,
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"IsReceiveResult": False},
        {"ResultReceiver": None},
        {"ResultReceiver": {"Name": "Nguyễn Thị Mẫu"}},
        {"Procedure": {"Title": "x"}},
        {"State": "1"},
    ],
    ids=str,
)
async def test_a_dossier_is_registered_and_a_wrong_one_is_not(
    open_ground: OpenGround, changes: dict[str, object]
) -> None:
    """201, or 400 naming the field (facts 2.5)."""
    async with open_ground() as ground:
        await ground.sign_in()
        assert (await ground.json("POST", f"{H2}/document/post", _document(), 201))["Status"] == 1
        assert (await ground.json("POST", f"{H2}/document/post", _document(**changes), 400))["Status"] == 400


async def _told(ground: Ground) -> list[int]:
    return [one["StatusCode"] for one in await ground.records()]


@pytest.mark.parametrize(
    ("lie", "http", "body"),
    [
        ("strange_status", 201, {"Status": 7, "Message": ""}),
        ("empty_answer", 201, ""),
        ("not_subscribed", 403, None),
    ],
)
async def test_an_answer_to_an_order_can_lie(open_ground: OpenGround, lie: str, http: int, body: object) -> None:
    """The order was taken where the answer says nothing, and not where the gateway stood before it."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.lie(lie)
        answer = await ground.order(expect=http)
        assert body is None or answer == body
        assert (await ground.parcel() is None) == (lie == "not_subscribed")
        assert (await ground.order("B-1"))["Status"] == 1


async def test_the_feed_can_lie(open_ground: OpenGround) -> None:
    """Once each, and the truth comes with the next page."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.order(CODAmount=0)
        await ground.turn(24)
        good = await ground.records()
        second = good[1]["_id"]["$oid"]
        await ground.lie("bad_record")
        spoiled = await ground.records()
        assert (spoiled[0]["StatusCode"], spoiled[0]["OrderNumber"], spoiled[1:]) == ({}, None, good)
        assert spoiled[0]["_id"]["$oid"] < good[0]["_id"]["$oid"]
        await ground.lie("overlap")
        assert (await ground.records(second))[0] == good[1]
        await ground.lie("short_page")
        assert await ground.records() == good[:1]
        await ground.lie("wrong_counts")
        assert (await ground.feed())["_returned"] > 1_000
        await ground.lie("future_event")
        assert (await ground.records())[0]["EventTime"] > good[-1]["EventTime"]
        await ground.lie("feed_page")
        assert (await ground.call("GET", f"{H2}/order/tracking?pagesize=9&lastId={'0' * 24}"))[2].startswith(b"<html>")
        assert await ground.records() == good


async def test_what_is_dropped_after_the_commit_was_done(open_ground: OpenGround) -> None:
    """And what is dropped before was not; faults meet the operation that they name."""
    async with open_ground() as ground:
        await ground.sign_in()
        for fault, taken in (("drop_after_commit", True), ("drop_before_commit", False)):
            number = f"{fault[5:11].upper()}-T"
            await ground.control("PUT", "faults", {"script": [{"match": "h2.order", "fault": fault, "times": 1}]})
            with pytest.raises(Exception, match="disconnected"):
                await ground.order(number)
            assert (await ground.parcel(number) is not None) == taken
        calls = (await ground.control("GET", "calls"))["calls"]
        assert [(one["operation"], one["summary"]) for one in calls[1:]] == [
            ("h2.order", {"ref": "AFTER_-T"}),
            ("h2.order", {"ref": "BEFORE-T"}),
        ]


async def test_a_session_that_ended_and_a_number_said_to_be_there_are_told_in_its_own_words(
    open_ground: OpenGround,
) -> None:
    """`expired_session` ends every token, `duplicate` answers so although the order is new and was taken."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.control("PUT", "faults", {"script": [{"match": "h2.order", "fault": "expired_session"}]})
        await ground.order(expect=401)
        await ground.sign_in()
        await ground.control("PUT", "faults", {"script": [{"match": "h2.order", "fault": "duplicate"}]})
        assert (await ground.order())["Status"] == 409
        assert (await ground.sums("h2"))["orders"] == 1


async def test_codes_can_be_others_and_what_has_none_is_not_told(open_ground: OpenGround) -> None:
    """As only the code of delivery is known."""
    codes = {"delivered": 4, "accepted": 0, "collecting": 0, "collected": 0, "in_transit": 55}
    async with open_ground(h2={"codes": codes}) as ground:
        await ground.sign_in()
        await ground.order(CODAmount=0)
        await ground.turn(24)
        assert await _told(ground) == [55, 6, 7, 4]
        assert set((await ground.control("GET", "codes"))["h2"].values()) >= {4, 55}


async def test_the_messages_name_nobody_in_the_books_or_the_log(open_ground: OpenGround) -> None:
    """Codes and numbers only."""
    async with open_ground() as ground:
        await ground.sign_in()
        await ground.order()
        shown = json.dumps([await ground.control("GET", path) for path in ("books", "calls")], ensure_ascii=False)
        for personal in map(str, (h2_order()[name] for name in ("ReceiverName", "ReceiverTel", "ReceiverAddress"))):
            assert personal not in shown
