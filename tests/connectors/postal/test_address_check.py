"""`GET /v1/addresses/check`: codes of either list, on any day, and how carriers know the place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from msgspec.structs import replace

from connectors.kit.contract import Kit, Notice
from connectors.kit.errors import SettingsError
from connectors.kit.inbound import Sender
from connectors.kit.lone import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.postal.address_check import ADDRESSES_PATH, AddressEndpoints
from connectors.postal.client import Carriers
from connectors.postal.model import Contact, Place, Scan
from connectors.postal.requests import AskedPlace
from connectors.postal.settings import AgencyPlace, CarrierSettings
from connectors.postal.views import view_of
from tests.connectors.postal.parcels import parcel

SENDER = Sender("RES-VHTTDL", "resolution", ("*",))
HEADER = "list_version,province,commune,carrier_province,carrier_district,carrier_ward\n"


def _kit() -> Kit:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return Kit("postal", lambda: now, lambda: 0.0, LoneCoordination(), lambda reference: reference)


def _carrier(**other: str) -> CarrierSettings:
    return msgspec.convert(
        {
            "name": "vnpost",
            "profile": "h2",
            "base_url": "https://post.example/api/",
            "token_url": "https://post.example/token",
            "customer": "BVHTTDL01",
            "secrets": {"consumer_key": "env:KEY", "consumer_secret": "env:SECRET"},
            **other,
        },
        CarrierSettings,
        dec_hook=read_setting,
    )


class Desk:
    """The endpoint with one carrier."""

    def __init__(self, carriers: Carriers) -> None:
        [self._endpoint] = AddressEndpoints(carriers).endpoints()

    async def ask(self, query: str = "", **asked: str) -> tuple[int, Any]:
        """Status and document of the answer."""
        notice = Notice("GET", ADDRESSES_PATH, query or urlencode(asked), {}, b"", "", sender=SENDER)
        reply = await self._endpoint.handler(notice)
        return reply.status, json.loads(reply.body)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A carrier with a table of its own for one commune."""
    table = tmp_path / "places.csv"
    table.write_text(f"{HEADER}GSO-2025-07,24,07210,23,2310,23105\n", encoding="utf-8")
    carriers = Carriers([_carrier(places_file=str(table))], _kit())
    yield Desk(carriers)
    await carriers.close()


async def test_a_code_is_told_as_of_its_day_and_as_it_is_now(desk: Desk) -> None:
    """24 was Bắc Giang; its area belongs to Bắc Ninh, which came of two, and the post still knows it as 23."""
    status, told = await desk.ask(province="24", on="2024-05-01")
    assert (status, told["standing"], told["list_version"]) == (200, "valid", "GSO-2024")
    assert [(one["code"], one["name"], one["now"]["name"]) for one in told["readings"]] == [
        ("24", "Bắc Giang", "Bắc Ninh")
    ]
    assert [one["name"] for one in told["now"]["former"]] == ["Bắc Giang", "Bắc Ninh"]
    assert told["carriers"] == [
        {"carrier": "vnpost", "province": "23", "district": "", "ward": "", "source": "former", "sure": True}
    ]


async def test_a_bare_reused_code_is_ambiguous_and_sends_no_parcel(desk: Desk) -> None:
    """Both readings are shown, and no code of a carrier."""
    _, told = await desk.ask(province="15")
    assert (told["standing"], told["carriers"]) == ("ambiguous", [])
    assert [one["name"] for one in told["readings"]] == ["Yên Bái", "Lào Cai"]


@pytest.mark.parametrize(
    ("asked", "standing", "now"),
    [
        ({"province": "30", "on": "2025-07-01"}, "other_list", "31"),
        ({"province": "30", "on": "2025-06-30"}, "valid", "31"),
        ({"province": "30", "list_version": "GSO-2025-07"}, "other_list", "31"),
        ({"province": "03"}, "unknown", None),
        ({"name": "TP. Huế"}, "valid", "46"),
        ({"name": "Hải Dương", "on": "2026-11-22"}, "other_list", "31"),
    ],
)
async def test_what_is_of_another_list_is_told_with_what_it_is_now(
    desk: Desk, asked: dict[str, str], standing: str, now: str | None
) -> None:
    """An officer who has an old paper in hand reads there what to write."""
    status, told = await desk.ask(**asked)
    assert (status, told["standing"]) == (200, standing)
    assert (told["now"] or {}).get("code") == now


async def test_the_carriers_table_tells_district_and_ward(desk: Desk) -> None:
    """The commune is in the carrier's own table; of its meaning nothing is said."""
    _, told = await desk.ask(province="24", list_version="GSO-2025-07", commune="07210", carrier="vnpost")
    [known] = told["carriers"]
    assert (known["province"], known["district"], known["ward"], known["source"]) == ("23", "2310", "23105", "table")
    assert (told["commune"]["former"]["name"], told["commune"]["fits"]) == ("Bắc Giang", True)
    _, guessed = await desk.ask(province="24", list_version="GSO-2025-07", commune="09999")
    assert (guessed["carriers"][0]["province"], guessed["carriers"][0]["sure"]) == ("22", False)
    assert (guessed["commune"]["fits"], "tỉnh khác" in guessed["commune"]["message_vi"]) == (False, True)
    _, bare = await desk.ask(province="24", commune="07210")
    assert (bare["commune"]["former"]["name"], bare["commune"]["fits"]) == ("Bắc Giang", None)


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("", {"/province"}),
        ("province=24&name=Y", {"/province"}),
        ("province=2", {"/province"}),
        ("province=%EF%BC%92%EF%BC%94", {"/province"}),
        ("name=" + "x" * 61, {"/name"}),
        ("province=24&on=2025-13-01&list_version=63&commune=1", {"/on", "/list_version", "/commune"}),
        ("province=24&on=20240501", {"/on"}),
        ("province=24&on=1999-01-01", {"/on"}),
        ("province=24&carrier=nobody", {"/carrier"}),
        ("province=24&province=25", {""}),
        ("province=24&text=S%E1%BB%91+1+x%C3%A3+V%C3%AD+D%E1%BB%A5", {""}),
        ("=", {""}),
        ("&&&", {""}),
        ("a=1&" * 300, {""}),
    ],
)
async def test_a_wrong_question_is_refused_with_every_fault_and_no_value(
    desk: Desk, query: str, pointers: set[str]
) -> None:
    """An address in words has no place in the address of a call."""
    status, told = await desk.ask(query)
    assert (status, told["code"]) == (422, "address_invalid")
    assert {fault["pointer"] for fault in told["errors"]} == pointers
    assert "Ví Dụ" not in json.dumps(told, ensure_ascii=False)


@pytest.mark.parametrize("content", ["", HEADER + "GSO-2025-07,30,,17,,\n", None])
def test_a_carriers_table_that_cannot_be_used_stops_the_start(tmp_path: Path, content: str | None) -> None:
    """With the carrier, the setting and the row; a file that is not there too."""
    table = tmp_path / "places.csv"
    if content is not None:
        table.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"carriers\.vnpost\.places_file"):
        Carriers([_carrier(places_file=str(table))], _kit())


@pytest.mark.parametrize(
    ("list_version", "province", "told"),
    [
        ("GSO-2025-07", "30", "Hải Dương trong danh mục GSO-2024"),
        ("GSO-2025-07", "03", "Không có tỉnh nào"),
        ("GSO-2024", "3", "2 chữ số"),
        ("GSO-2024", "30", None),
        ("GSO-2025-07", "24", None),
    ],
)
def test_a_parcel_is_asked_for_with_a_province_of_its_list(list_version: str, province: str, told: str | None) -> None:
    """A code of the other list is refused at the door, with what it is there."""
    place = msgspec.convert({"list_version": list_version, "province": province, "text": "Số 1, xã Ví Dụ"}, AskedPlace)
    found = [one.message_vi for one in place.findings("/place")]
    assert len(found) == (told is not None)
    assert told is None or told in found[0]


def test_a_caller_sees_whose_province_was_guessed_and_what_is_odd_about_the_item_code() -> None:
    """Neither stops a parcel; an officer who reads it can write the old address or the post's own code."""
    place = Place(list_version="GSO-2025-07", province="24", text="Số 1, xã Ví Dụ, tỉnh Bắc Ninh")
    guessed = parcel(
        item_code="BK990032289VN", receiver=Contact(name="Nguyễn Thị Mẫu", phone="0900000000", place=place)
    )
    told = json.loads(view_of(guessed))
    assert told["address_warnings"] == ["receiver_province_guessed"]
    assert [one["code"] for one in told["item_code_warnings"]] == ["check_digit_differs"]
    strange = replace(place, commune="00004")
    told = json.loads(view_of(parcel(receiver=replace(guessed.receiver, place=strange))))
    assert told["address_warnings"] == ["receiver_province_guessed", "receiver_commune_elsewhere"]
    known = replace(place, old_text="Số 1, xã Ví Dụ, huyện X, tỉnh Bắc Giang")
    sure = parcel(item_code="RA473124829VN", receiver=replace(guessed.receiver, place=known))
    told = json.loads(view_of(sure))
    assert (told["address_warnings"], told["item_code_warnings"]) == ([], [])


def test_a_scan_is_shown_with_the_province_of_its_office() -> None:
    """By the name that the post still knows it by; an office of no known prefix is shown by its code alone."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    scans = tuple(
        Scan(event_id=code, occurred_at=at, received_at=at, raw_code="4", means="keep", source="feed", pos_code=code)
        for code in ("231000", "991000")
    )
    told = json.loads(view_of(parcel(history=scans)))
    assert [(one["pos_code"], one.get("pos_province", "")) for one in told["history"]] == [
        ("231000", "Bắc Giang"),
        ("991000", ""),
    ]


def test_an_agency_has_a_province_of_its_list() -> None:
    """A slip in the settings is found by `gateway config check`."""
    with pytest.raises(ValueError, match="danh mục"):
        AgencyPlace(province="30", text="51 Ví Dụ")
