"""The NGSP adapter, called directly: what is sent, and what every answer of it means (postal facts 2 and 9)."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import connectors.postal.profiles.h2
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Contact, Direction, Placed
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.profiles.h2 import PROFILE
from connectors.postal.profiles.h2.mapping import H2
from connectors.postal.speaking import CancelSaid, Feeds, Finds, Hears, Prices, Refused, Registers, Tokens
from mappings.carrier_places import CarrierPlace, PlaceCodes
from mappings.places import ListVersion
from tests.connectors.postal.carrying import AGENCY, CITIZEN, CUSTOMER, DOSSIER, NUMBER, account, answer, order
from tests.planted import secret

EXAMPLES = Path(connectors.postal.profiles.h2.__path__[0]) / "examples"


def h2(**options: Any) -> H2:
    """The dialect with these options."""
    return H2(account(PROFILE, NgspOptions(**options)))


def body_of(call: Any) -> Any:
    """The JSON of a call."""
    return json.loads(call.body)


def moved(contact: Contact, **changes: Any) -> Contact:
    """The same person elsewhere."""
    return msgspec.structs.replace(contact, place=msgspec.structs.replace(contact.place, **changes))


def test_it_offers_what_the_adapter_has_and_no_more() -> None:
    """A feed, registration and tokens; there is nothing to ask about one order, no price and no notice."""
    dialogue = PROFILE.open(account(PROFILE))
    assert isinstance(dialogue, Tokens) and isinstance(dialogue, Feeds) and isinstance(dialogue, Registers)
    assert not isinstance(dialogue, Finds) and not isinstance(dialogue, Prices) and not isinstance(dialogue, Hears)
    assert not PROFILE.numbers_unique


def test_an_order_is_the_message_of_the_facts() -> None:
    """Seventeen members, nulls written, money without a fraction; the path and the headers of the SDK."""
    call = h2().place(order())
    expected = json.loads((EXAMPLES / "01-order.json").read_text(encoding="utf-8"))["message"]
    assert body_of(call) == expected
    assert list(body_of(call)) == list(expected)
    assert b'"CODAmount":150000,' in call.body
    assert (call.method, call.path, call.query) == ("POST", "order/post", {})
    assert call.headers["Content-Type"] == "application/json"
    assert call.authorised


def test_the_same_order_is_the_same_bytes() -> None:
    """Sent again after no answer it is recognised by whoever compares."""
    assert h2().place(order()).body == h2().place(order()).body


def test_a_call_shows_nobody() -> None:
    """Neither persons nor tokens stand in its text."""
    call = h2().authorised(h2().place(order()), secret("token"))
    assert CITIZEN.name not in repr(call) and CITIZEN.phone not in repr(call) and secret("token") not in repr(call)


def test_a_collection_is_described_as_one_where_nobody_said_more() -> None:
    """The citizen sends, the agency receives; a note stands above our own words."""
    collected = order(direction=Direction.COLLECT, sender=CITIZEN, receiver=AGENCY, contents="Đơn, 02 ảnh")
    message = body_of(h2().place(collected))
    assert (message["SenderName"], message["ReceiverName"]) == (CITIZEN.name, AGENCY.name)
    assert (message["SenderDesc"], message["Description"]) == ("Đơn, 02 ảnh", f"Thu gom hồ sơ {DOSSIER}")
    assert body_of(h2().place(order(note="Gọi trước khi phát")))["Description"] == "Gọi trước khi phát"


def test_vietnamese_is_sent_in_one_form() -> None:
    """A decomposed name is composed (NFC), as everywhere on the wire."""
    decomposed = msgspec.structs.replace(CITIZEN, name="Nguye\u0302\u0303n Thi\u0323 Mẫu")
    assert body_of(h2().place(order(receiver=decomposed)))["ReceiverName"] == CITIZEN.name


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"carrier": {"province": "16", "district": "1600"}}, (16, 1600)),
        ({"carrier": {}, "list_version": "GSO-2024", "province": "24"}, (23, 0)),  # Bắc Giang of the 63
        ({"carrier": {}, "list_version": "GSO-2025-07", "province": "04"}, (27, 0)),  # Cao Bằng, merged with nobody
        ({"carrier": {}, "province": "24", "text": "Số 1, xã Ví Dụ", "old_text": "Số 1, tỉnh Bắc Giang"}, (23, 0)),
    ],
)
def test_places_bear_the_posts_own_codes(changes: Mapping[str, Any], codes: tuple[int, int]) -> None:
    """As the caller gave them, else VNPost's code of the former province; no district is 0 (postal facts 8.3)."""
    message = body_of(h2().place(order(receiver=moved(CITIZEN, **changes))))
    assert (message["ReceiverProvince"], message["ReceiverDistrict"]) == codes


def test_a_carriers_own_table_stands_above_the_prefixes() -> None:
    """`places` of the account: the commune's row (postal facts 8.3)."""
    rows = PlaceCodes({(ListVersion.GSO_2025_07, "79", "26740"): CarrierPlace("70", "7010")})
    there = moved(CITIZEN, carrier={}, commune="26740")
    message = body_of(H2(account(PROFILE, places=rows)).place(order(receiver=there)))
    assert (message["ReceiverProvince"], message["ReceiverDistrict"]) == (70, 7010)


@pytest.mark.parametrize(
    "receiver",
    [
        moved(CITIZEN, carrier={}, province="99"),
        moved(CITIZEN, carrier={}, list_version="GSO-1999"),
        moved(CITIZEN, carrier={"province": "HCM"}),
        moved(CITIZEN, text="  "),
        msgspec.structs.replace(CITIZEN, phone=""),
        msgspec.structs.replace(CITIZEN, name=" "),
    ],
)
def test_what_cannot_be_said_is_refused_before_anything_is_sent(receiver: Contact) -> None:
    """In words for people that repeat nothing of the person."""
    with pytest.raises(CannotMap) as refused:
        h2().place(order(receiver=receiver))
    assert CITIZEN.name not in refused.value.message_vi and CITIZEN.place.text not in refused.value.message_vi


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("said", [0, 1, 200, 201, "1"])
def test_an_order_is_placed_by_any_status_of_the_configured_set(status: int, said: object) -> None:
    """Also with 201 and 202, and where a proxy writes the number as text (postal facts 2.2)."""
    assert h2().placed(order(), answer({"Status": said, "Message": "OK"}, status)) == Placed()


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        ({"Status": -3, "Message": "Sai tỉnh nhận"}, 201, "business", "status--3"),
        ({"Status": 17}, 200, "business", "status-17"),
        ({"Message": "?"}, 201, "unreadable", "none"),
        ({"Status": True}, 201, "unreadable", "none"),
        ({"Status": None}, 201, "unreadable", "none"),
        ([], 201, "unreadable", "unreadable"),
        (b"", 201, "unreadable", "unreadable"),
        (b"<html>dang nhap</html>", 200, "unreadable", "unreadable"),
        (b'{"Status":1', 201, "unreadable", "unreadable"),
        (b"[" * 100_000, 201, "unreadable", "unreadable"),
        ({}, 301, "unreadable", "http-301"),
        ({"Message": "Thiếu trường"}, 400, "business", "http-400"),
        ({"fault": {"code": 900901, "message": "Invalid Credentials"}}, 401, "auth", "http-401"),
        ({"fault": {"code": 900908, "message": "Resource forbidden"}}, 403, "configuration", "http-403"),
        (b"", 404, "configuration", "http-404"),
        (b"", 408, "busy", "http-408"),
        (b"", 422, "business", "http-422"),
        (b"", 425, "busy", "http-425"),
        (b"", 429, "busy", "http-429"),
        (b"", 500, "unreadable", "http-500"),
        (b"", 502, "unreadable", "http-502"),
        (b"", 503, "unreadable", "http-503"),
        ({"fault": {"code": 900800, "message": "Message throttled out"}}, 503, "busy", "http-503"),
        ({"fault": {"code": "303001", "message": "Address endpoint suspended"}}, 503, "busy", "http-503"),
        ({"fault": {"code": 101503, "message": "Error connecting to the back end"}}, 500, "busy", "http-500"),
        ({"fault": {"code": 101504, "message": "Send timeout"}}, 504, "unreadable", "http-504"),
        (b"", 504, "unreadable", "http-504"),
        (b"", 405, "configuration", "http-405"),
    ],
)
def test_an_answer_that_is_no_yes(body: object, status: int, kind: str, code: str) -> None:
    """Where it may have happened it is unreadable, so that nobody sends it blindly again (postal facts 9)."""
    for said in (h2().placed(order(), answer(body, status)), h2().registered(order(), answer(body, status))):
        assert isinstance(said, Refused)
        assert (said.kind, said.code) == (kind, code)
        assert said.message_vi


def test_a_carrier_that_says_when_to_come_again_did_nothing() -> None:
    """503 with `Retry-After`; without it nobody knows what became of the order."""
    later = h2().placed(order(), HttpAnswer(503, {"Retry-After": "60"}, b"", 1.0))
    assert isinstance(later, Refused)
    assert (later.kind, later.code) == ("busy", "http-503-later")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Status": -1, "Message": "Trùng số đơn hàng"}, 201),
        ({"Status": 500, "Message": "OrderNumber already exists"}, 200),
        ({"Message": "Đơn hàng đã tồn tại"}, 400),
        (b"", 409),
    ],
)
def test_a_number_that_it_has_already_is_our_order(body: object, status: int) -> None:
    """The number and the message are the same over all attempts, so the answer is a success (postal facts 9)."""
    placed = h2().placed(order(), answer(body, status))
    assert isinstance(placed, Placed)
    assert placed.duplicate


def test_the_carriers_sentence_is_looked_at_and_never_shown() -> None:
    """It may name the person."""
    refused = h2().placed(order(), answer({"Status": -9, "Message": f"Sai địa chỉ của {CITIZEN.name}"}, 201))
    assert CITIZEN.name not in repr(refused)


def test_the_set_of_success_is_configuration() -> None:
    """Nobody has documented the values of `Status` (postal facts 11)."""
    rules = h2(success_status=(7,))
    assert rules.placed(order(), answer({"Status": 7}, 201)) == Placed()
    refused = rules.placed(order(), answer({"Status": 1}, 201))
    assert isinstance(refused, Refused) and refused.kind == "business"


def test_an_answer_without_status_counts_only_where_that_is_configured() -> None:
    """And never the fault of a gateway that answers 200."""
    rules = h2(without_status="success")
    assert rules.placed(order(), answer({}, 201)) == Placed()
    assert isinstance(rules.placed(order(), answer({"fault": {"code": 1}}, 200)), Refused)
    assert isinstance(rules.placed(order(), answer(b"", 201)), Refused)


def test_a_cancellation_is_a_get_with_its_values_encoded_by_whoever_sends() -> None:
    """`CustomerCode` and `OrderNumber` in the query (postal facts 2.2)."""
    call = h2().cancel(order(order_number="a&b"))
    assert (call.method, call.path, call.body) == ("GET", "order/cancel", b"")
    assert call.query == {"CustomerCode": CUSTOMER, "OrderNumber": "a&b"}


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        ({"Status": 1}, 201, "cancelled"),  # 201 to a GET, sic
        ({"Status": 1}, 200, "cancelled"),
        ({"Status": -1, "Message": "Đơn hàng đã thu gom"}, 201, "too_late"),
        ({"Status": -1, "Message": "Không tìm thấy đơn hàng"}, 201, "unknown_order"),
        ({"Status": -1, "Message": "Đơn hàng G00.10-T không tồn tại"}, 201, "unknown_order"),
        ({"Status": -1, "Message": "Order not found"}, 201, "unknown_order"),
        ({"Status": -1, "Message": "?"}, 201, "refused"),
        (b"", 400, "refused"),
        (b"", 409, "refused"),
        (b"", 404, "in_doubt"),
        (b"", 500, "in_doubt"),
        (b"", 504, "in_doubt"),
        (b"", 201, "in_doubt"),
        ({}, 201, "in_doubt"),
        (b"<html>", 200, "in_doubt"),
    ],
)
def test_a_cancellation_is_told_as_it_was_answered(body: object, status: int, outcome: str) -> None:
    """Whatever says nothing is looked for in the history, never called refused or done."""
    said = h2().cancelled(order(), answer(body, status))
    assert isinstance(said, CancelSaid)
    assert said.outcome == outcome


@pytest.mark.parametrize(
    "sentence",
    [
        "Tài khoản không có quyền hủy",
        "Khách hàng không tồn tại",
        "Không có kết nối tới BCCP",
        "Order not cancelled: this customer was not found",
    ],
)
def test_a_refusal_that_only_lacks_something_never_says_that_there_is_no_such_order(sentence: str) -> None:
    """It would end an order in doubt as one that never arrived, and a second parcel would be ordered beside it."""
    said = h2().cancelled(order(), answer({"Status": -1, "Message": sentence}, 201))
    assert isinstance(said, CancelSaid)
    assert said.outcome == "refused"


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (403, "configuration"), (429, "busy"), (408, "busy")])
def test_a_cancellation_that_never_reached_the_adapter_is_refused(status: int, kind: str) -> None:
    """It may be asked again."""
    said = h2().cancelled(order(), answer(b"", status))
    assert isinstance(said, Refused)
    assert said.kind == kind


def test_a_granted_cancellation_may_mean_that_it_was_only_asked_for() -> None:
    """By configuration: no source says which."""
    assert h2(cancel_means="requested").cancelled(order(), answer({"Status": 1}, 201)) == CancelSaid("requested")


def test_a_dossier_is_registered_with_the_way_that_goes_by_post() -> None:
    """A result: the receiver stands in it, the sender of papers does not (postal facts 2.5)."""
    call = h2(document_state=3).register(order(), ("1.999001", "Cấp phép"), ("Đơn", "Ảnh"))
    message = body_of(call)
    assert (call.method, call.path) == ("POST", "document/post")
    assert message["Procedure"] == {"Code": "1.999001", "Title": "Cấp phép", "Category": "", "Elements": "Đơn, Ảnh"}
    assert (message["IsSendDocument"], message["DocumentSender"]) == (False, None)
    assert (message["IsReceiveResult"], message["ResultReceiver"]["Name"]) == (True, CITIZEN.name)
    assert message["ResultReceiver"]["ProvinceTitle"]
    assert (message["OrderNumber"], message["State"]) == (DOSSIER, 3)


def test_a_dossier_that_is_collected_is_registered_with_its_sender() -> None:
    """The other way round."""
    collected = order(direction=Direction.COLLECT, sender=CITIZEN, receiver=AGENCY)
    message = body_of(h2().register(collected, ("1", "Thủ tục"), ()))
    assert (message["IsReceiveResult"], message["ResultReceiver"]) == (False, None)
    assert (message["IsSendDocument"], message["DocumentSender"]["Phone"]) == (True, CITIZEN.phone)


def test_a_token_is_asked_for_with_the_account_in_the_header() -> None:
    """Basic over key and secret, the body a form, the type of it said (postal facts 2.1)."""
    call = h2().token()
    assert call.token_url and not call.authorised
    assert call.body == b"grant_type=client_credentials"
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    basic = b64decode(call.headers["Authorization"].removeprefix("Basic ")).decode()
    assert basic == f"{secret('consumer_key')}:{secret('consumer_secret')}"
    assert basic not in repr(call) and call.headers["Authorization"] not in repr(call)


def test_a_token_is_kept_for_four_fifths_of_its_life() -> None:
    """Seconds, as WSO2 counts them; an answer without a token grants none."""
    made = h2().granted(answer({"access_token": "t1", "token_type": "Bearer", "expires_in": 3600, "scope": "am"}))
    assert made is not None
    assert (made.value, made.ttl_s) == ("t1", 2880.0)
    assert h2().authorised(h2().feed("", 500), made.value).headers["Authorization"] == "Bearer t1"
    for body in ({}, {"access_token": ""}, {"access_token": "a b"}, b"<html>"):
        assert h2().granted(answer(body)) is None


def test_the_feed_is_asked_for_from_its_beginning_and_from_a_cursor() -> None:
    """24 zeros at the very start; never more than a thousand records (postal facts 2.4)."""
    call = h2().feed("", 500)
    assert (call.method, call.path) == ("GET", "order/tracking")
    assert call.query == {"pagesize": "500", "lastId": "0" * 24}
    assert h2().feed("691fed200000000000000001", 5000).query == {
        "pagesize": "1000",
        "lastId": "691fed200000000000000001",
    }


def test_a_feed_that_was_never_read_may_be_followed_from_a_day_on() -> None:
    """What another system ordered years ago is not read again; a cursor that stands already stays where it is."""
    rules = h2(feed_since=date(2026, 11, 22))
    since = f"{int(datetime(2026, 11, 21, 17, tzinfo=UTC).timestamp()):08x}" + "0" * 16
    assert rules.feed("", 500).query["lastId"] == since
    assert rules.feed("691fed200000000000000001", 500).query["lastId"] == "691fed200000000000000001"
    old = {"_id": {"$oid": "691fed200000000000000001"}, "OrderNumber": NUMBER, "StatusCode": 4}
    assert isinstance(rules.fed("", answer({"_returned": 1, "_embedded": {"rh:doc": [old]}})), Refused)


@pytest.mark.parametrize(
    "wrong", [{"success_status": ()}, {"settle_s": -1}, {"settle_s": 301}, {"feed_since": date(1999, 1, 1)}]
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    """By name, before anything is sent."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NgspOptions(**wrong)


def test_options_of_another_dialect_are_refused() -> None:
    """A mistake in the program, found at the start."""

    class Other(msgspec.Struct, frozen=True):
        """Options of nobody."""

    with pytest.raises(TypeError):
        H2(account(PROFILE, Other()))


def test_an_order_number_goes_out_as_it_is() -> None:
    """Ours, the same over all attempts."""
    assert body_of(h2().place(order()))["OrderNumber"] == NUMBER
