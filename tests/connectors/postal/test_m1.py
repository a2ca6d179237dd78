"""The dialect of donhang: what is ordered, asked and cancelled, and what its answers mean."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.kit.errors import CannotMap
from connectors.postal.model import Direction, Price
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.profiles.m1.options import DonhangOptions
from connectors.postal.speaking import (
    Absent,
    Call,
    CancelSaid,
    Dialogue,
    Feeds,
    Finds,
    Hears,
    Prices,
    Refused,
    Registers,
    Tokens,
)
from tests.planted import secret

from .donhang import GUID
from .m1_orders import CITIZEN, CUSTOMER, NUMBER, account, answer, opened, order

ACCEPTED: dict[str, Any] = {
    "Id": GUID,
    "ItemCode": "EL491610889VN",
    "OrderCode": NUMBER,
    "OrderStatusId": 20,
    "TotalFreightIncludeVatEvaluation": 31_500.0,
    "IsSuccess": True,
    "IsWarningTinhThanh": False,
    "IsWarningQuanHuyen": True,
    "IsWarningPhuongXa": True,
}


def _body(call: Call) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(call.body)
    return body


def _finds(dialogue: Dialogue) -> Finds:
    assert isinstance(dialogue, Finds)
    return dialogue


def test_an_order_says_what_the_facts_want() -> None:
    """Our number, whole đồng, the proof of delivery, nothing to look at; places in the carrier's codes, phones without blanks."""
    call = opened(PROFILE).place(order())
    body = _body(call)
    assert (call.method, call.path) == ("POST", "CustomerConnect/CreateOrder")
    assert call.headers["h-token"] == secret("token")
    assert body["OrderCode"] == NUMBER
    assert body["CodAmountEvaluation"] == 150_000
    assert body["WeightEvaluation"] == 100
    assert (body["UseBaoPhat"], body["IsPackageViewable"], body["IsReceiverPayFreight"]) == (True, False, False)
    assert (body["ReceiverProvinceId"], body["ReceiverDistrictId"], body["ReceiverWardId"]) == ("70", "7270", "72710")
    assert (body["SenderProvinceId"], body["SenderDistrictId"], body["SenderWardId"]) == ("10", "0", "0")
    assert body["ReceiverTel"] == "0900000000"
    assert (body["ReceiverAddressType"], body["PickupType"], body["ServiceName"]) == (1, 1, "EMS")
    assert not {"CustomerCode", "PickupPoscode"} & set(body)


def test_an_order_to_collect_sends_the_postman_to_the_citizen() -> None:
    """However results are handed in, papers are fetched; they go to an office."""
    dialogue = opened(PROFILE, DonhangOptions(pickup=2))
    fetched, brought = dialogue.place(order(direction=Direction.COLLECT)), dialogue.place(order())
    assert (_body(fetched)["PickupType"], _body(fetched)["ReceiverAddressType"]) == (1, 2)
    assert _body(brought)["PickupType"] == 2


def test_a_partner_names_the_customer() -> None:
    """With a token of a partner the paths are those of partners, and the customer code stands in the order."""
    dialogue = opened(PROFILE, DonhangOptions(account="partner", pickup_poscode="100000", service="BK"))
    call = dialogue.place(order(service="ECOD"))
    body = _body(call)
    assert call.path == "doitac/createorder"
    assert (body["CustomerCode"], body["PickupPoscode"], body["ServiceName"]) == (CUSTOMER, "100000", "ECOD")


@pytest.mark.parametrize(
    ("phone", "province"), [("", "79"), (" ", "79"), ("0" * 51, "79"), ("0900000000", "65"), ("0900000000", "")]
)
def test_what_the_carrier_cannot_deliver_is_not_sent(phone: str, province: str) -> None:
    """No phone, an endless one, a province that no list has: a person corrects it; nothing personal is repeated."""
    place = msgspec.structs.replace(CITIZEN.place, province=province, carrier={})
    receiver = msgspec.structs.replace(CITIZEN, phone=phone, place=place)
    with pytest.raises(CannotMap) as told:
        opened(PROFILE).place(order(receiver=receiver))
    assert CITIZEN.name not in told.value.message_vi


def test_texts_are_composed_and_cut() -> None:
    """What people wrote comes in NFC on one line, and never longer than a label holds."""
    loose = "Giấy\n phép\t" + "dài " * 400
    body = _body(opened(PROFILE).place(order(contents=loose)))
    assert body["PackageContent"].startswith("Giấy phép dài")
    assert len(body["PackageContent"]) <= 500


def test_an_accepted_order_has_its_id_and_its_warnings() -> None:
    """The id cancels it; the parts of the address that did not resolve are surfaced."""
    placed = opened(PROFILE).placed(order(), answer(ACCEPTED))
    assert not isinstance(placed, Refused)
    assert (placed.carrier_ref, placed.item_code, placed.freight) == (GUID, "EL491610889VN", 31_500)
    assert placed.warnings == ("district", "ward")
    assert not placed.duplicate


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"IsSuccess": False, "Message": "Sai dịch vụ"}, 200, "business"),
        (b"Sai dich vu", 400, "business"),
        ({"errors": {}}, 422, "business"),
        (b"", 401, "auth"),
        (b"", 403, "configuration"),
        (b"", 404, "configuration"),
        (b"", 429, "busy"),
        (b"", 408, "unreadable"),
        (b"", 500, "unreadable"),
        (b"", 503, "unreadable"),
        (b"<html>", 200, "unreadable"),
        (b"", 200, "unreadable"),
        ([], 200, "unreadable"),
        ({**ACCEPTED, "Id": None}, 200, "unreadable"),
        ({**ACCEPTED, "Id": "00000000-0000-0000-0000-000000000000"}, 200, "unreadable"),
        ({**ACCEPTED, "OrderCode": "G00.10-261120-0043-T"}, 200, "unreadable"),
    ],
)
def test_an_order_that_was_not_taken_is_told_apart(body: object, status: int, kind: str) -> None:
    """A refusal is for good; what may have happened is never called one (postal facts 9)."""
    refused = opened(PROFILE).placed(order(), answer(body, status))
    assert isinstance(refused, Refused)
    assert refused.kind == kind


@pytest.mark.parametrize(
    ("body", "status"),
    [({"IsSuccess": False, "Message": "Mã đơn hàng đã tồn tại"}, 200), ('"Đơn hàng bị trùng"'.encode(), 400)],
)
def test_a_number_that_the_carrier_has_already_is_an_order_that_stands(body: object, status: int) -> None:
    """The same number twice is an idempotent hit (postal facts 9), with HTTP 200 or 400."""
    placed = opened(PROFILE).placed(order(), answer(body, status))
    assert not isinstance(placed, Refused)
    assert placed.duplicate


def test_a_cancellation_names_the_carriers_own_id() -> None:
    """In the body, or in the query where the contract wants that; without the id it cannot be said."""
    by_body = opened(PROFILE).cancel(order(carrier_ref=GUID))
    by_query = opened(PROFILE, DonhangOptions(cancel_by="query")).cancel(order(carrier_ref=GUID))
    assert (by_body.path, _body(by_body)) == ("CustomerConnect/CancelOrder", {"OrderId": GUID})
    assert (by_query.path, by_query.query, _body(by_query)) == ("Order/CancelOrder", {"orderId": GUID}, {})
    with pytest.raises(CannotMap):
        opened(PROFILE).cancel(order())


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        (b"", 204, "cancelled"),
        (b"true", 200, "cancelled"),
        ({"OrderStatusId": 60}, 200, "cancelled"),
        ({"OrderStatusId": 62}, 200, "cancelled"),
        ({"OrderStatusId": 61}, 200, "requested"),
        ({"IsSuccess": False, "Message": "Không hợp lệ"}, 200, "refused"),
        ({"IsSuccess": False, "Message": "Đơn hàng đã được thu gom"}, 200, "too_late"),
        ({"IsSuccess": False, "IsCancelable": False}, 200, "too_late"),
        ("Đơn hàng đang vận chuyển".encode(), 400, "too_late"),
        (b"OrderId", 400, "refused"),
        (b"", 404, "unknown_order"),
        (b"", 500, "in_doubt"),
        (b"<html>", 200, "in_doubt"),
        (b"false", 200, "in_doubt"),
    ],
)
def test_what_became_of_a_cancellation_is_said_truthfully(body: object, status: int, outcome: str) -> None:
    """Cancelled, asked for, too late, refused; an order that is gone and an answer that says nothing are looked at."""
    said = opened(PROFILE).cancelled(order(carrier_ref=GUID), answer(body, status))
    assert isinstance(said, CancelSaid)
    assert said.outcome == outcome


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (403, "configuration"), (429, "busy")])
def test_a_cancellation_that_nobody_looked_at_is_no_answer(status: int, kind: str) -> None:
    """It is sent again later, or by people."""
    refused = opened(PROFILE).cancelled(order(carrier_ref=GUID), answer(b"", status))
    assert isinstance(refused, Refused)
    assert refused.kind == kind


def test_a_contract_may_say_that_yes_only_means_asked_for() -> None:
    """Then the history says when it was cancelled (61, 62 of facts 6.2)."""
    dialogue = opened(PROFILE, DonhangOptions(cancel_answer="requested"))
    said = dialogue.cancelled(order(carrier_ref=GUID), answer(b"", 204))
    assert isinstance(said, CancelSaid)
    assert said.outcome == "requested"


@pytest.mark.parametrize(
    "listed", [[ACCEPTED], {"TotalCount": 1, "Items": [ACCEPTED]}, {"IsSuccess": True, "Data": [{"Id": "1"}, ACCEPTED]}]
)
def test_an_order_is_found_by_our_number(listed: object) -> None:
    """Bare or in an envelope; entries of other orders count for nothing. What it says of the parcel comes along."""
    asking = _finds(opened(PROFILE))
    assert _body(asking.find(order()))["ListItemCode"] == [NUMBER]
    found = asking.found(order(), answer(listed))
    assert isinstance(found, tuple)
    placed, sightings = found
    assert placed.carrier_ref == GUID
    assert [(one.order_number, one.scan.means, one.scan.source) for one in sightings] == [(NUMBER, "created", "query")]


@pytest.mark.parametrize(
    "listed",
    [
        [],
        {"Data": []},
        {"IsSuccess": True, "Message": "", "TotalCount": 0, "PageSize": 100, "Data": []},
        [{**ACCEPTED, "OrderCode": f"{NUMBER}2"}],
    ],
)
def test_only_a_list_without_it_says_that_there_is_none(listed: object) -> None:
    """Then the same order may be sent again."""
    assert isinstance(_finds(opened(PROFILE)).found(order(), answer(listed)), Absent)


def test_an_order_of_another_customer_is_not_ours() -> None:
    """Every customer chooses numbers freely: theirs that reads like ours is not ours."""
    foreign = {**ACCEPTED, "CustomerCode": "KHACH-KHAC"}
    assert isinstance(_finds(opened(PROFILE)).found(order(), answer([foreign])), Absent)
    ours = {**ACCEPTED, "CustomerCode": CUSTOMER.lower()}
    assert isinstance(_finds(opened(PROFILE)).found(order(), answer([ours])), tuple)


@pytest.mark.parametrize(
    ("listed", "status"),
    [
        (b"", 500),
        (b"", 401),
        (b"", 404),
        (b"", 200),
        (b"null", 200),
        (b"<html>", 200),
        ({"IsSuccess": False, "Data": []}, 200),
        ({"Message": "x"}, 200),
        ([["x"]], 200),
        ({"A": [], "B": []}, 200),
        ([{"OrderCode": str(number)} for number in range(100)], 200),
    ],
)
def test_nothing_else_says_that_there_is_none(listed: object, status: int) -> None:
    """An error, an answer that cannot be read and a page that was cut prove nothing: a parcel is never doubled for that."""
    assert isinstance(_finds(opened(PROFILE)).found(order(), answer(listed, status)), Refused)


@pytest.mark.parametrize(
    "listed",
    [
        {"Success": False, "Data": []},
        {"error": True, "Data": []},
        {"Message": "Hết phiên làm việc", "Data": []},
        {"Code": 500, "Data": []},
        {"Status": "ERROR", "Data": []},
        {"Data": [], "Error": {"Code": "SYS"}},
        {"TotalCount": 3, "Data": []},
    ],
)
def test_an_error_with_an_empty_list_in_it_doubles_no_parcel(listed: object) -> None:
    """A carrier whose search failed lists nothing; that is no answer, and it is asked again."""
    found = _finds(opened(PROFILE)).found(order(), answer(listed))
    assert isinstance(found, Refused)
    assert found.kind == "unreadable"


def test_a_number_that_came_back_in_other_letters_is_not_called_absent() -> None:
    """It is most likely our own order; to send it again would double it."""
    number = "g00.10-261120-0042-t"
    wanted, listed = order(order_number=number.upper()), [{**ACCEPTED, "OrderCode": number}]
    assert isinstance(_finds(opened(PROFILE)).found(wanted, answer(listed)), Refused)


def test_where_lists_do_not_know_our_numbers_their_silence_says_nothing() -> None:
    """`finds_order_codes` false: then a person decides."""
    dialogue = _finds(opened(PROFILE, DonhangOptions(finds_order_codes=False)))
    refused = dialogue.found(order(), answer([]))
    assert isinstance(refused, Refused)
    assert refused.kind == "unreadable"
    assert isinstance(dialogue.found(order(), answer([ACCEPTED])), tuple)


def test_of_several_orders_with_our_number_the_one_that_stands_counts() -> None:
    """The one whose id we know, else one that was not taken back."""
    gone, older = {**ACCEPTED, "Id": "1", "OrderStatusId": 60}, {**ACCEPTED, "Id": "2"}
    chosen = [
        (order(), [ACCEPTED, gone], GUID),
        (order(), [gone, ACCEPTED], GUID),
        (order(), [older, ACCEPTED, gone], GUID),
        (order(), [gone], "1"),
        (order(carrier_ref="1"), [gone, ACCEPTED], "1"),
        (order(carrier_ref="2"), [older, ACCEPTED], "2"),
        (order(carrier_ref="unknown"), [gone, ACCEPTED], GUID),
    ]
    for wanted, listed, expected in chosen:
        found = _finds(opened(PROFILE)).found(wanted, answer(listed))
        assert isinstance(found, tuple)
        assert found[0].carrier_ref == expected


def test_prices_come_cheapest_first_and_whole() -> None:
    """A service without a price is not offered on that way; half a đồng is no price."""
    dialogue = opened(PROFILE)
    assert isinstance(dialogue, Prices)
    body = _body(dialogue.price(order()))
    assert (body["Weight"], body["CodAmount"], body["ReceiverProvinceId"]) == (100, 150_000, "70")
    listed = [
        {"MaDichVu": "EMS", "TongCuocSauVAT": 31_500.0, "TenDichVu": "EMS trong nước"},
        {"MaDichVu": "BK", "TongCuocSauVAT": "19500"},
        {"MaDichVu": "ECOD", "TongCuocSauVAT": 0},
        {"MaDichVu": "DONG_GIA", "TongCuocSauVAT": 1.5},
    ]
    prices = dialogue.priced(answer(listed))
    expected = (
        Price(service="BK", name="BK", amount=19_500),
        Price(service="EMS", name="EMS trong nước", amount=31_500),
    )
    assert prices == expected


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ([], 200, "business"),
        ({"IsSuccess": False}, 200, "business"),
        (b"x", 400, "business"),
        (b"", 502, "busy"),
        (b"x", 200, "unreadable"),
    ],
)
def test_no_price_is_told_apart(body: object, status: int, kind: str) -> None:
    """Nobody carries that way, or nobody answers now."""
    dialogue = opened(PROFILE)
    assert isinstance(dialogue, Prices)
    refused = dialogue.priced(answer(body, status))
    assert isinstance(refused, Refused)
    assert refused.kind == kind


def test_what_the_dialect_offers_follows_from_its_account() -> None:
    """Orders are found, prices asked and notices heard; a token is fetched only where there is a name and a password."""
    handed = opened(PROFILE)
    held = {"username": "bvhttdl", "password": secret("password")}
    signing_in = PROFILE.open(account(PROFILE, secrets=held, options=DonhangOptions(auth="login")))
    for dialogue in (handed, signing_in):
        assert isinstance(dialogue, Finds)
        assert isinstance(dialogue, Prices)
        assert isinstance(dialogue, Hears)
        assert not isinstance(dialogue, Feeds | Registers)
    assert not isinstance(handed, Tokens)
    assert isinstance(signing_in, Tokens)


def test_a_token_is_fetched_and_stands_in_every_call() -> None:
    """The name and the password go to one address only; nothing of them can be printed."""
    held = {"username": "bvhttdl", "password": secret("password")}
    dialogue = PROFILE.open(account(PROFILE, secrets=held, options=DonhangOptions(auth="login", token_life_s=900)))
    assert isinstance(dialogue, Tokens)
    call = dialogue.token()
    assert (call.path, call.authorised) == ("MobileAuthentication/GetAccessToken", False)
    assert _body(call) == {"TenDangNhap": "bvhttdl", "MatKhau": secret("password")}
    made = dialogue.granted(answer({"IsSuccess": True, "Token": "ma-vi-du"}))
    assert made is not None
    assert (made.value, made.ttl_s) == ("ma-vi-du", 900.0)
    placing = dialogue.place(order())
    assert "h-token" not in placing.headers
    assert dialogue.authorised(placing, made.value).headers["h-token"] == "ma-vi-du"
    assert secret("password") not in repr(call)


@pytest.mark.parametrize(
    "body", [{"IsSuccess": False, "Token": "x"}, {"IsSuccess": True}, {"Token": "a\nb"}, {"Token": "a b"}, [], b"x"]
)
def test_what_is_no_token_is_not_sent_along(body: object) -> None:
    """A refusal with a text in its place, or a token that would break the header."""
    held = {"username": "a", "password": "b"}
    dialogue = PROFILE.open(account(PROFILE, secrets=held, options=DonhangOptions(auth="login")))
    assert isinstance(dialogue, Tokens)
    assert dialogue.granted(answer(body)) is None


@pytest.mark.parametrize(
    ("auth", "secrets"),
    [("static", {}), ("static", {"username": "a", "password": "b"}), ("login", {"username": "a"}), ("login", {})],
)
def test_an_account_without_its_secrets_does_not_start(auth: Any, secrets: dict[str, str]) -> None:
    """The fault names what is missing and nothing else."""
    with pytest.raises(ValueError, match=r"^secrets: "):
        PROFILE.open(account(PROFILE, secrets=secrets, options=DonhangOptions(auth=auth)))


@pytest.mark.parametrize(
    "options",
    [
        {"paths": {"order": "/x"}},
        {"paths": {"order": "../x"}},
        {"paths": {"order": "x?y=1"}},
        {"paths": {"orders": "x"}},
        {"token_life_s": 5},
        {"replay_window_s": 5},
        {"fewest_key_bits": 512},
        {"service": ""},
        {"unknown_district": ""},
        {"pickup": 3},
        {"account": "anybody"},
        {"zone": "Europe/Berlin"},
        {"unknown": 1},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    """Before anything is sent with them."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, DonhangOptions)


def test_paths_may_be_those_of_another_release() -> None:
    """`order/createOrder` was seen as well (postal facts 4.1)."""
    dialogue = opened(PROFILE, DonhangOptions(paths={"order": "order/createOrder"}))
    assert dialogue.place(order()).path == "order/createOrder"


def test_nothing_that_is_sent_can_be_printed() -> None:
    """Calls, parties and messages show no name, phone, address or token."""
    from connectors.postal.profiles.m1.messages import CreateOrder, SignIn

    call = opened(PROFILE).place(order())
    message = msgspec.json.decode(call.body, type=CreateOrder)
    printed = repr((call, message, SignIn(TenDangNhap="a", MatKhau=secret("password"))))
    assert [word for word in (CITIZEN.name, "0900000000", "Ví Dụ", secret("token")) if word in printed] == []
