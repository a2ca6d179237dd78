"""The merger of 2025 against the table of postal facts 8.3: every former province, what it is now, and what the post calls it."""

from __future__ import annotations

import re

import pytest

from mappings.carrier_places import Source, Written, carrier_place, province_of_office
from mappings.places import ListVersion, bare_name, former_of, province_of, understand

_FACTS = """
01 TP Hà Nội: Hà Nội 01/10-15
04 Cao Bằng: Cao Bằng 04/27
08 Tuyên Quang: Hà Giang 02/31; Tuyên Quang 08/30
11 Điện Biên: Điện Biên 11/38
12 Lai Châu: Lai Châu 12/39
14 Sơn La: Sơn La 14/36
15 Lào Cai: Lào Cai 10/33; Yên Bái 15/32
19 Thái Nguyên: Bắc Kạn 06/26; Thái Nguyên 19/25
20 Lạng Sơn: Lạng Sơn 20/24
22 Quảng Ninh: Quảng Ninh 22/20
24 Bắc Ninh: Bắc Giang 24/23; Bắc Ninh 27/22
25 Phú Thọ: Hoà Bình 17/35; Phú Thọ 25/29; Vĩnh Phúc 26/28
31 TP Hải Phòng: Hải Dương 30/17; Hải Phòng 31/18
33 Hưng Yên: Hưng Yên 33/16; Thái Bình 34/41
37 Ninh Bình: Hà Nam 35/40; Nam Định 36/42; Ninh Bình 37/43
38 Thanh Hóa: Thanh Hóa 38/44-45
40 Nghệ An: Nghệ An 40/46-47
42 Hà Tĩnh: Hà Tĩnh 42/48
44 Quảng Trị: Quảng Bình 44/51; Quảng Trị 45/52
46 TP Huế: Huế 46/53
48 TP Đà Nẵng: Đà Nẵng 48/55; Quảng Nam 49/56
51 Quảng Ngãi: Quảng Ngãi 51/57; Kon Tum 62/58
52 Gia Lai: Bình Định 52/59; Gia Lai 64/60
56 Khánh Hòa: Khánh Hòa 56/65; Ninh Thuận 58/66
66 Đắk Lắk: Phú Yên 54/62; Đắk Lắk 66/63
68 Lâm Đồng: Bình Thuận 60/80; Đắk Nông 67/64; Lâm Đồng 68/67
75 Đồng Nai: Bình Phước 70/83; Đồng Nai 75/81
79 TP Hồ Chí Minh: Bình Dương 74/82; Bà Rịa - Vũng Tàu 77/79; Hồ Chí Minh 79/70-76
80 Tây Ninh: Tây Ninh 72/84; Long An 80/85
82 Đồng Tháp: Tiền Giang 82/86; Đồng Tháp 87/87
86 Vĩnh Long: Bến Tre 83/93; Trà Vinh 84/94; Vĩnh Long 86/89
91 An Giang: An Giang 89/88; Kiên Giang 91/92?
92 TP Cần Thơ: Cần Thơ 92/90; Hậu Giang 93/91; Sóc Trăng 94/95
96 Cà Mau: Bạc Liêu 95/96; Cà Mau 96/97
"""
"""As the facts write it down: the code of now and its name, then the former members as `name GSO-old/VNPost`."""

_MEMBER = re.compile(r"(?P<name>\D+) (?P<code>\d\d)/(?P<first>\d\d)(?:-(?P<last>\d\d))?\??")
_OLD, _NEW = ListVersion.GSO_2024, ListVersion.GSO_2025_07
_LONGER = {"Huế": "Thừa Thiên Huế"}
"""What a former province was called in full where the facts say it short."""


def _table() -> list[tuple[str, str, list[re.Match[str]]]]:
    """The rows: code, name, members."""
    found = []
    for line in _FACTS.strip().splitlines():
        code, _, rest = line.partition(" ")
        name, _, members = rest.partition(": ")
        matches = [_MEMBER.fullmatch(one.strip()) for one in members.split(";")]
        found.append((code, name, [one for one in matches if one is not None]))
        assert None not in matches
    return found


TABLE = _table()
MEMBERS = [pytest.param(new, one, id=one["code"]) for new, _, members in TABLE for one in members]


def test_there_are_34_provinces_of_63() -> None:
    """Nothing of the table was lost on the way here."""
    assert (len(TABLE), len(MEMBERS), len({param.id for param in MEMBERS})) == (34, 63, 63)


@pytest.mark.parametrize(("new", "name", "members"), TABLE, ids=[row[0] for row in TABLE])
def test_a_province_of_now_is_made_of_the_members_of_the_facts(
    new: str, name: str, members: list[re.Match[str]]
) -> None:
    """By its code and its name, and by the codes of those that went into it."""
    assert bare_name(province_of(_NEW, new).name) == bare_name(name)
    assert {one.code for one in former_of(new)} == {one["code"] for one in members}


@pytest.mark.parametrize(("new", "member"), MEMBERS)
def test_an_address_of_before_the_merger_is_understood_and_goes_where_the_post_knows_it(
    new: str, member: re.Match[str]
) -> None:
    """What it was, what it is now, and the code of the post: the lowest of its range, whose offices all lead back to it."""
    found = understand(member["code"], list_version=_OLD)
    [reading] = found.readings
    assert bare_name(reading.then.name) == bare_name(_LONGER.get(member["name"], member["name"]))
    assert found.now is not None and found.now.code == new
    sent = carrier_place(Written(_OLD, member["code"]))
    assert (sent.province, sent.district, sent.source) == (member["first"], "", Source.FORMER)
    for prefix in range(int(member["first"]), int(member["last"] or member["first"]) + 1):
        office = province_of_office(f"{prefix}0000")
        assert office is not None and office.code == member["code"]
