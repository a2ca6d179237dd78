"""The simulated donhang: orders, questions and prices by JSON, and notices that its key signed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.kit.errors import SettingsError
from connectors.kit.simulation import opened
from connectors.postal.simulator import create_app
from tests.connectors.postal_simulator.conftest import NUMBER, Ground, OpenGround

M1 = "/m1/api/api"
_VECTOR = Path(__file__).parents[2] / "vectors/postal/donhang-notice.json"
_TOKEN = {"h-token": "simulator-h-token"}


def _order(number: str = NUMBER, **changes: Any) -> dict[str, object]:
    """An order of postal facts 4.2 with invented people; a change to `...` drops a member."""
    told: dict[str, object] = {
        "SenderFullname": "Bộ phận Một cửa",
        "SenderTel": "02400000000",
        "SenderAddress": "51 Ngô Quyền",
        "SenderProvinceId": "10",
        "SenderDistrictId": "1100",
        "SenderWardId": "11006",
        "ReceiverFullname": "Nguyễn Thị Mẫu",
        "ReceiverTel": "0900000000",
        "ReceiverAddress": "Số 1, xã Ví Dụ",
        "ReceiverProvinceId": "70",
        "ReceiverDistrictId": "0",
        "ReceiverWardId": "0",
        "ReceiverAddressType": 1,
        "ServiceName": "EMS",
        "OrderCode": number,
        "PackageContent": "Giấy phép",
        "WeightEvaluation": 100,
        "WidthEvaluation": None,
        "CodAmountEvaluation": 150_000,
        "OrderAmountEvaluation": 0,
        "PickupType": 1,
        "IsPackageViewable": False,
        "IsReceiverPayFreight": False,
        "UseBaoPhat": True,
        "CustomerNote": "",
    }
    return {name: value for name, value in {**told, **changes}.items() if value is not ...}


async def _post(ground: Ground, path: str, body: object, expect: int = 200) -> Any:
    ground.headers.update(_TOKEN)
    return await ground.json("POST", f"{M1}/{path}", body, expect)


async def _place(ground: Ground, number: str = NUMBER, **changes: Any) -> Any:
    return await _post(ground, "CustomerConnect/CreateOrder", _order(number, **changes))


async def _find(ground: Ground, *codes: str) -> Any:
    asked = {"PageSize": 100, "ListItemCode": list(codes)}
    return await _post(ground, "Order/GetListOrderByManagerWithCustomCode", asked)


async def _wait(ground: Ground, hours: float) -> None:
    await ground.control("POST", "clock", {"advance_s": hours * 3_600, "wait": True})


def _said(raw: bytes) -> dict[str, Any]:
    """`Data` of a notice."""
    found: dict[str, Any] = json.loads(json.loads(raw)["Data"])
    return found


async def _key(ground: Ground) -> rsa.RSAPublicKey:
    """The public key as it is handed over, from its .NET form."""
    told = await ground.control("GET", "keys")
    tree = ElementTree.fromstring(told["xml"])
    numbers = [int.from_bytes(base64.b64decode(tree.findtext(name) or ""), "big") for name in ("Exponent", "Modulus")]
    key = rsa.RSAPublicNumbers(*numbers).public_key()
    pem = serialization.load_pem_public_key(told["pem"].encode())
    assert isinstance(pem, rsa.RSAPublicKey)
    assert pem.public_numbers() == key.public_numbers()
    assert key.key_size == 2_048
    return key


def _verifies(key: rsa.RSAPublicKey, raw: bytes) -> bool:
    push = json.loads(raw)
    text = (push["Data"] + push["SendDate"]).encode()
    try:
        key.verify(base64.b64decode(push["SignData"]), text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


async def test_an_order_is_answered_with_its_id_and_followed_by_signed_notices(open_ground: OpenGround) -> None:
    """Codes of facts 6.2 in the order of events; silent between the office and the door."""
    async with open_ground() as ground:
        made = await _place(ground)
        assert (made["OrderStatusId"], made["OrderCode"], made["IsSuccess"]) == (20, NUMBER, True)
        assert made["IsCancelable"]
        assert len(made["Id"]) == 36
        assert made["ItemCode"].startswith("RA")
        await _wait(ground, 100)
        key = await _key(ground)
        assert [_said(raw)["OrderStatusId"] for raw in ground.listener.heard] == [20, 70, 100, 110, 120]
        assert all(_verifies(key, raw) for raw in ground.listener.heard)
        last = _said(ground.listener.heard[-1])
        assert (last["CodAmount"], last["PaypostStatus"], last["DeliveryTimes"]) == (150_000.0, 1, 1)
        assert last["PaypostTransferDate"] == "22/11/2026 15:01:00"
        assert (last["IsDeliverable"], last["IsReturn"], last["DeliveryTime"]) == (True, False, "20/11/2026 15:00:00")
        shown = (await ground.control("GET", "notices"))["notices"]
        assert [(one["state"], [try_["status"] for try_ in one["attempts"]]) for one in shown] == [
            ("settled", [200])
        ] * 5


async def test_a_notice_has_the_members_of_the_verified_vector_in_their_kinds(open_ground: OpenGround) -> None:
    """Postal facts 4.4: the same names, and each value null or of the kind that stands there."""
    vector = json.loads(json.loads(_VECTOR.read_text(encoding="utf-8"))["data"])
    async with open_ground() as ground:
        await _place(ground)
        await _wait(ground, 0)
        told = _said(ground.listener.heard[0])
        assert set(told) == set(vector)
        for name, value in vector.items():
            assert value is None or type(told[name]) is type(value), name


async def test_failed_attempts_and_a_return_are_told_with_their_cause(open_ground: OpenGround) -> None:
    """The truth table of facts 3.2 holds: not deliverable, then returning without a time, then returned with one."""
    async with open_ground() as ground:
        await ground.scripted(ends="returned", failed_attempts=2)
        await _place(ground)
        await _wait(ground, 100)
        told = [_said(raw) for raw in ground.listener.heard]
        assert [one["OrderStatusId"] for one in told] == [20, 70, 91, 91, 161, 170]
        assert [one["DeliveryTimes"] for one in told] == [0, 0, 1, 2, 2, 2]
        assert [one["IsReturn"] for one in told] == [False] * 4 + [True] * 2
        assert [one["DeliveryTime"] is not None for one in told] == [False, False, True, True, False, True]
        assert {one["CauseName"] for one in told if one["OrderStatusId"] == 91} == {"Người nhận đi vắng"}
        assert (await ground.parcel())["state"] == "returned"
        assert (await ground.parcel())["cod"]["collected"] is None


async def test_an_order_is_found_by_our_code_and_by_the_item_code(open_ground: OpenGround) -> None:
    """With the newest status, as the notice told it; what is not there is an empty list."""
    async with open_ground() as ground:
        assert await _find(ground, NUMBER) == []
        made = await _place(ground)
        await _wait(ground, 5)
        for codes in ((NUMBER,), (made["ItemCode"],), (NUMBER, made["ItemCode"])):
            found = await _find(ground, *codes)
            assert [(one["Id"], one["OrderStatusId"]) for one in found] == [(made["Id"], 70)]
        notice = _said(ground.listener.heard[-1])
        assert {name: found[0][name] for name in notice} == notice
        await ground.lie("not_found")
        assert await _find(ground, NUMBER) == []
        assert len(await _find(ground, NUMBER, "")) == 1
        assert await _find(ground, "") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"ReceiverFullname": ...},
        {"ReceiverTel": "12"},
        {"SenderProvinceId": 10},
        {"ServiceName": "NHANH"},
        {"WeightEvaluation": 0},
        {"PickupType": 3},
        {"ReceiverAddressType": "1"},
        {"UseBaoPhat": 1},
        {"CodAmountEvaluation": -5},
        {"OrderCode": ""},
        {"Khac": 1},
    ],
    ids=str,
)
async def test_an_order_that_the_facts_do_not_allow_is_refused(
    open_ground: OpenGround, changes: dict[str, Any]
) -> None:
    """With 400, a sentence, and no parcel."""
    async with open_ground() as ground:
        told = await _post(ground, "CustomerConnect/CreateOrder", _order(**changes), 400)
        assert told["IsSuccess"] is False
        assert (await ground.sums("m1"))["orders"] == 0


async def test_partners_have_to_name_the_customer(open_ground: OpenGround) -> None:
    """The right one; refusals of business come with 200."""
    async with open_ground() as ground:
        await _post(ground, "doitac/createorder", _order(), 400)
        assert not (await _post(ground, "doitac/createorder", _order(CustomerCode="KHACHLA")))["IsSuccess"]
        assert (await _post(ground, "doitac/createorder", _order(CustomerCode="SIMDOITAC")))["IsSuccess"]
        await ground.scripted(refuse="Ngoài vùng phục vụ")
        assert (await _place(ground, "B-1"))["Message"] == "Ngoài vùng phục vụ"
        assert (await ground.control("GET", "books"))["refused"] == 1


async def test_a_number_is_taken_twice_only_where_numbers_are_not_unique(open_ground: OpenGround) -> None:
    """And a doubled order is counted."""
    async with open_ground() as ground:
        first, second = await _place(ground), await _place(ground)
        assert first["Id"] != second["Id"]
        assert (await ground.sums("m1"))["doubled"] == 1
        assert len(await _find(ground, NUMBER)) == 2
    async with open_ground(m1={"numbers_unique": True}) as ground:
        assert (await _place(ground))["IsSuccess"]
        assert (await _place(ground))["Message"] == "Mã đơn hàng đã tồn tại"


async def test_an_order_is_cancelled_by_its_id_until_it_is_picked_up(open_ground: OpenGround) -> None:
    """204; afterwards a refusal that says why; an id that nobody has is 404."""
    async with open_ground() as ground:
        first, second = await _place(ground), await _place(ground, "B-1")
        assert await _post(ground, "CustomerConnect/CancelOrder", {"OrderId": first["Id"]}, 204) == ""
        await _wait(ground, 5)
        late = await _post(ground, f"Order/CancelOrder?orderId={second['Id']}", None)
        assert (late["IsSuccess"], late["IsCancelable"]) == (False, False)
        await _post(ground, "CustomerConnect/CancelOrder", {"OrderId": "khong-co"}, 404)
        assert [_said(raw)["OrderStatusId"] for raw in ground.listener.heard] == [20, 20, 60, 70]
        assert _said(ground.listener.heard[2])["CancelTime"] == "20/11/2026 08:00:00"


async def test_a_cancellation_that_is_noted_is_told_twice(open_ground: OpenGround) -> None:
    """61 when it was asked, 60 when it was done."""
    async with open_ground() as ground:
        await ground.scripted(cancel="request")
        made = await _place(ground)
        assert (await _post(ground, "CustomerConnect/CancelOrder", {"OrderId": made["Id"]}))["OrderStatusId"] == 61
        await _wait(ground, 50)
        assert [_said(raw)["OrderStatusId"] for raw in ground.listener.heard] == [20, 61, 60]


async def test_a_notice_is_tried_again_until_it_is_answered_with_200(open_ground: OpenGround) -> None:
    """The same bytes; when all tries are used up nobody is told."""
    async with open_ground() as ground:
        ground.listener.script = [503, 202, 200]
        await _place(ground)
        await _wait(ground, 0)
        assert len(ground.listener.heard) == 3
        assert len(set(ground.listener.heard)) == 1
        ground.listener.script = [500] * 5
        await _place(ground, "B-1")
        await _wait(ground, 0)
        assert [one["state"] for one in (await ground.control("GET", "notices"))["notices"]] == ["settled", "given_up"]


async def test_the_same_bytes_come_again_by_order_and_news_under_a_new_date(open_ground: OpenGround) -> None:
    """A replay, and a repetition."""
    async with open_ground() as ground:
        await _place(ground)
        await _wait(ground, 0)
        await ground.control("POST", "notices/again", {"serial": 1, "times": 2, "wait": True})
        assert len(set(ground.listener.heard)) == 1
        ground.wall.turn(60)
        await ground.control("POST", "notices", {"number": NUMBER, "wait": True})
        first, again = json.loads(ground.listener.heard[0]), json.loads(ground.listener.heard[-1])
        assert len(ground.listener.heard) == 4
        assert first["SendDate"] == "2026-11-20T08:00:00"
        assert again["SendDate"] == "2026-11-20T08:01:00"
        assert first["Data"] == again["Data"]
        await ground.control("POST", "notices/again", {"serial": 99}, 422)
        await ground.control("POST", "notices", {"number": "khong-co"}, 422)


@pytest.mark.parametrize(
    "lie", ["changed_data", "changed_date", "strangers_key", "reserialised", "no_signature", "short_signature"]
)
async def test_a_notice_that_lies_after_it_was_signed_does_not_verify(open_ground: OpenGround, lie: str) -> None:
    """And the same one without the lie does."""
    async with open_ground() as ground:
        key = await _key(ground)
        await _place(ground)
        await ground.control("POST", "notices", {"number": NUMBER, "lie": lie, "wait": True})
        good, bad = ground.listener.heard
        assert _verifies(key, good)
        if lie == "no_signature":
            assert "SignData" not in json.loads(bad)
        elif lie == "short_signature":
            assert len(json.loads(bad)["SignData"]) == 340
        else:
            assert not _verifies(key, bad)


async def test_an_old_notice_is_signed_like_a_new_one_and_a_stray_names_a_number_of_nobody(
    open_ground: OpenGround,
) -> None:
    """Only the receiver can know."""
    async with open_ground() as ground:
        key = await _key(ground)
        await _place(ground)
        await ground.lie("old_date")
        await ground.control("POST", "steps", {"house": "m1", "number": NUMBER, "happening": "delivered", "wait": True})
        await ground.control("POST", "strays", {"house": "m1", "number": "LA-1-T", "wait": True})
        assert all(_verifies(key, raw) for raw in ground.listener.heard)
        assert [json.loads(raw)["SendDate"][:10] for raw in ground.listener.heard] == [
            *("2026-11-20", "2026-11-18", "2026-11-20")
        ]
        assert _said(ground.listener.heard[-1])["OrderCode"] == "LA-1-T"
        assert await _find(ground, "LA-1-T") == []


@pytest.mark.parametrize(("lie", "holds"), [("huge", 2_000_000), ("malformed", 1_000)])
async def test_a_notice_can_be_too_big_or_broken(open_ground: OpenGround, lie: str, holds: int) -> None:
    """For whoever has to read it."""
    async with open_ground() as ground:
        await _place(ground)
        with_lie = await ground.control("POST", "notices", {"number": NUMBER, "lie": lie, "wait": True})
        assert with_lie["notices"][0]["lie"] == lie
        if lie == "huge":
            # More than the listener of this test takes: it hangs up or says 413, and is never told otherwise.
            assert with_lie["notices"][0]["state"] == "given_up"
        else:
            assert len(ground.listener.heard[-1]) > holds
            with pytest.raises(json.JSONDecodeError):
                json.loads(ground.listener.heard[-1])


async def test_a_token_is_fetched_with_a_password_and_runs_out(open_ground: OpenGround) -> None:
    """200 with IsSuccess, whatever was shown; 401 without a living one."""
    async with open_ground() as ground:
        path = f"{M1}/MobileAuthentication/GetAccessToken"
        wrong = await ground.json("POST", path, {"TenDangNhap": "simulator", "MatKhau": "sai"})
        assert wrong["IsSuccess"] is False
        got = await ground.json("POST", path, {"TenDangNhap": "simulator", "MatKhau": "simulator-password"})
        ground.headers["h-token"] = got["Token"]
        asked = {"PageSize": 10, "ListItemCode": [NUMBER]}
        find = f"{M1}/Order/GetListOrderByManagerWithCustomCode"
        assert await ground.json("POST", find, asked) == []
        await ground.control("POST", "tokens/expire", {"house": "m1"})
        await ground.json("POST", find, asked, 401)
        ground.headers["h-token"] = ""
        await ground.json("POST", find, asked, 401)


async def test_prices_are_told_for_each_service_and_rise_with_the_weight(open_ground: OpenGround) -> None:
    """In any of the three places where clients ask."""
    async with open_ground() as ground:
        asked = {"SenderProvinceId": "10", "ReceiverProvinceId": "70", "Weight": 100}
        for path in ("CustomerConnect/TinhCuocTatCaDichVu", "DoiTac/TinhCuocTatCaDichVu", "TinhCuoc/TinhTatCaCuoc"):
            told = await _post(ground, path, asked)
            assert {one["MaDichVu"]: one["TongCuocSauVAT"] for one in told} == {"BK": 19_500.0, "EMS": 31_500.0}
        heavy = await _post(ground, "TinhCuoc/TinhTatCaCuoc", {**asked, "Weight": 501})
        assert heavy[0]["TongCuocSauVAT"] > 19_500
        await _post(ground, "TinhCuoc/TinhTatCaCuoc", {**asked, "Weight": 0}, 400)


async def test_parts_of_an_address_that_it_does_not_know_are_warned_of(open_ground: OpenGround) -> None:
    """And the order is taken all the same."""
    async with open_ground() as ground:
        await ground.scripted(warnings=["district", "ward"])
        made = await _place(ground)
        warned = [made[f"IsWarning{part}"] for part in ("TinhThanh", "QuanHuyen", "PhuongXa")]
        assert (made["IsSuccess"], warned) == (True, [False, True, True])


async def test_an_answer_that_got_lost_leaves_an_order_that_can_be_found(open_ground: OpenGround) -> None:
    """What `m1` is asked for after a time-out."""
    async with open_ground() as ground:
        await ground.control("PUT", "faults", {"script": [{"match": "m1.order", "fault": "drop_after_commit"}]})
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await _place(ground)
        assert len(await _find(ground, NUMBER)) == 1
        await ground.lie("empty_answer")
        assert await _place(ground, "B-1") == ""
        assert len(await _find(ground, "B-1")) == 1


async def test_the_key_of_notices_may_be_given(tmp_path: Path) -> None:
    """And is the one that is told."""
    file = tmp_path / "key.pem"
    made = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.private_bytes(*form))
    async with (
        opened(create_app({"notice_key_file": str(file)})) as door,
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{door.port}/_simulator/keys") as got,
    ):
        told = serialization.load_pem_public_key((await got.json())["pem"].encode())
    assert isinstance(told, rsa.RSAPublicKey)
    assert told.public_numbers() == made.public_key().public_numbers()


@pytest.mark.parametrize(
    "options",
    [
        {"notice_key_file": "{bad}"},
        {"notice_key_file": "/nonexistent/key.pem"},
        {"ca_file": "{bad}"},
        {"h2": {"khac": 1}},
        {"h2": {"number_pattern": "("}},
        {"h3": {"codes": {"delivered": -4}}},
        {"m1": {"again_s": [-1]}},
        {"m1": {"token_ttl_s": 0}},
        {"script": {"step_s": -1}},
        {"script": {"failed_attempts": 100_000}},
        {"scale": -1},
        {"faults": {"probability": {"slow": 2}}},
    ],
    ids=str,
)
def test_options_that_could_not_be_played_stop_the_simulator(tmp_path: Path, options: dict[str, object]) -> None:
    """With a sentence, before anybody waits for a parcel."""
    bad = tmp_path / "bad.pem"
    bad.write_text("không phải khóa")
    chosen = {name: str(bad) if value == "{bad}" else value for name, value in options.items()}
    with pytest.raises(SettingsError):
        create_app(chosen)
