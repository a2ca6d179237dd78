"""Addresses of before and after the merger of 2025: read by list or by day, and told to carriers that know the old one."""

from __future__ import annotations

from datetime import date

import pytest

from mappings.carrier_places import (
    CarrierPlace,
    PlaceCodes,
    Source,
    Written,
    carrier_place,
    province_of_office,
    read_place_codes,
    vnpost_code,
)
from mappings.places import (
    ListVersion,
    Standing,
    UnknownPlace,
    commune_fits,
    former_of,
    former_of_commune,
    is_commune_code,
    list_on,
    province_of,
    provinces_named,
    understand,
    understand_name,
)
from mappings.tables import TableUnreadable

OLD, NEW = ListVersion.GSO_2024, ListVersion.GSO_2025_07
LAST_OLD_DAY, FIRST_NEW_DAY = date(2025, 6, 30), date(2025, 7, 1)

# Postal facts 8.3, point 1: seven codes changed identity.
REUSED = [
    ("15", "Yên Bái", "Lào Cai"),
    ("24", "Bắc Giang", "Bắc Ninh"),
    ("44", "Quảng Bình", "Quảng Trị"),
    ("52", "Bình Định", "Gia Lai"),
    ("80", "Long An", "Tây Ninh"),
    ("82", "Tiền Giang", "Đồng Tháp"),
    ("91", "Kiên Giang", "An Giang"),
]


@pytest.mark.parametrize(("code", "before", "since"), REUSED)
def test_a_reused_code_is_another_province_on_each_side_of_the_merger(code: str, before: str, since: str) -> None:
    """The day tells which; without day and list the code is ambiguous, and both readings are shown."""
    then, now = understand(code, on=LAST_OLD_DAY), understand(code, on=FIRST_NEW_DAY)
    assert [reading.then.name for reading in then.readings] == [before]
    assert [reading.then.name for reading in now.readings] == [since]
    assert then.now == now.now
    assert then.now is not None
    assert then.now.name == since
    bare = understand(code)
    assert bare.standing is Standing.AMBIGUOUS
    assert [reading.then.name for reading in bare.readings] == [before, since]


def test_no_other_code_is_ambiguous() -> None:
    """Seven, and no eighth: Huế is the same province under a shorter name."""
    bare = {f"{code:02}" for code in range(100) if understand(f"{code:02}").standing is Standing.AMBIGUOUS}
    assert bare == {code for code, _, _ in REUSED}


def test_an_address_written_before_the_merger_is_understood_after_it() -> None:
    """Hải Dương had the code 30; its area belongs to Hải Phòng, 31, now."""
    found = understand("30", list_version=OLD)
    assert found.standing is Standing.VALID
    assert found.now is not None
    assert (found.now.list_version, found.now.code, found.now.name) == (NEW, "31", "Hải Phòng")


@pytest.mark.parametrize(
    ("code", "list_version", "on", "standing"),
    [
        ("30", None, LAST_OLD_DAY, Standing.VALID),
        ("30", None, FIRST_NEW_DAY, Standing.OTHER_LIST),
        ("30", NEW, None, Standing.OTHER_LIST),
        ("30", None, None, Standing.VALID),
        ("31", OLD, FIRST_NEW_DAY, Standing.OTHER_LIST),
        ("31", NEW, LAST_OLD_DAY, Standing.OTHER_LIST),
        ("31", NEW, FIRST_NEW_DAY, Standing.VALID),
        ("03", None, None, Standing.UNKNOWN),
        ("1", NEW, None, Standing.UNKNOWN),
        ("", None, None, Standing.UNKNOWN),
    ],
)
def test_a_code_stands_in_the_list_of_its_day_or_not(
    code: str, list_version: ListVersion | None, on: date | None, standing: Standing
) -> None:
    """A named list that did not hold on the named day is told too."""
    assert understand(code, list_version=list_version, on=on).standing is standing


def test_the_lists_change_at_midnight_before_the_first_of_july() -> None:
    """Nghị quyết 202/2025/QH15."""
    assert (list_on(LAST_OLD_DAY), list_on(FIRST_NEW_DAY)) == (OLD, NEW)


@pytest.mark.parametrize(
    ("name", "on", "standing", "now"),
    [
        ("tỉnh Bắc Giang", LAST_OLD_DAY, Standing.VALID, "24"),
        ("tỉnh Bắc Giang", FIRST_NEW_DAY, Standing.OTHER_LIST, "24"),
        ("TP HCM", None, Standing.VALID, "79"),
        ("Atlantis", None, Standing.UNKNOWN, None),
    ],
)
def test_a_name_is_understood_like_a_code(name: str, on: date | None, standing: Standing, now: str | None) -> None:
    """Bắc Giang is no province any more, and it is told what its area belongs to."""
    found = understand_name(name, on=on)
    assert (found.standing, found.now.code if found.now else None) == (standing, now)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("Bắc Giang", [(OLD, "24")]),
        ("tỉnh Bắc Ninh", [(OLD, "27"), (NEW, "24")]),
        ("TP.HCM", [(OLD, "79"), (NEW, "79")]),
        ("Thành phố Hồ Chí Minh", [(OLD, "79"), (NEW, "79")]),
        ("TP Huế", [(OLD, "46"), (NEW, "46")]),
        ("Đắc Lắc", [(OLD, "66"), (NEW, "66")]),
        ("ba ria - vung tau", [(OLD, "77")]),
        ("Hoà Bình", [(OLD, "17")]),
        ("Atlantis", []),
        ("", []),
    ],
)
def test_a_province_is_found_by_its_name_however_it_is_written(name: str, codes: list[tuple[str, str]]) -> None:
    """With level or without, with marks or without, in either list."""
    assert [(found.list_version, found.code) for found in provinces_named(name)] == codes


def test_a_communes_code_has_five_digits() -> None:
    """What it names only its list can tell: 2,183 codes name another area since the merger (postal facts 8.3)."""
    assert is_commune_code("00004")
    assert not any(map(is_commune_code, ["4", "000004", "0000A", "０００４５", ""]))


@pytest.mark.parametrize(
    ("commune", "province"),
    [
        ("00004", "Hà Nội"),
        ("00685", "Hà Nội"),
        ("00688", "Hà Giang"),
        ("07210", "Bắc Giang"),
        ("09301", "Bắc Ninh"),
        ("04927", "Hà Nội"),  # out of the block of Hòa Bình since 2008
        ("04942", "Hòa Bình"),
        ("19742", "Quảng Trị"),  # đặc khu Cồn Cỏ
        ("26732", "Bà Rịa - Vũng Tàu"),  # đặc khu Côn Đảo
        ("32248", "Cà Mau"),
    ],
)
def test_the_code_of_a_commune_tells_the_former_province(commune: str, province: str) -> None:
    """In either list: a commune of today has kept a code of the province that it came out of."""
    found = former_of_commune(commune)
    assert found is not None
    assert found.name == province


@pytest.mark.parametrize("commune", ["00000", "00687", "99999", "7210", "", "０７２１０"])
def test_a_commune_outside_of_every_block_is_nowhere(commune: str) -> None:
    """Not guessed."""
    assert former_of_commune(commune) is None


@pytest.mark.parametrize(
    ("list_version", "province", "commune", "fits"),
    [
        (OLD, "24", "07210", True),
        (NEW, "24", "07210", True),
        (NEW, "24", "09301", True),
        (OLD, "24", "09301", False),
        (NEW, "01", "09301", False),
        (NEW, "01", "99999", None),
    ],
)
def test_a_commune_fits_its_province_or_not(
    list_version: ListVersion, province: str, commune: str, fits: bool | None
) -> None:
    """Bắc Ninh had a list of communes of its own and has that of Bắc Giang too since the merger."""
    assert commune_fits(province_of(list_version, province), commune) is fits


@pytest.mark.parametrize(
    ("place", "province", "source"),
    [
        (Written(OLD, "24"), "23", Source.FORMER),
        (Written(OLD, "01"), "10", Source.FORMER),
        (Written(OLD, "79"), "70", Source.FORMER),
        (Written(NEW, "22"), "20", Source.ONLY),
        (Written(NEW, "24"), "22", Source.NAMESAKE),
        (Written(NEW, "24", text="Số 1, phường Bắc Giang, tỉnh Bắc Ninh"), "22", Source.NAMESAKE),
        (Written(NEW, "24", text="Số 1, xã Ví Dụ, tỉnh Bắc Giang (nay là tỉnh Bắc Ninh)"), "23", Source.NAMED),
        (Written(NEW, "24", text="x", old_text="Số 1, xã Ví Dụ, huyện Y, Bắc Giang, Việt Nam"), "23", Source.NAMED),
        (Written(NEW, "24", text="x", old_text="thành phố Bắc Giang, tỉnh Bắc Ninh"), "22", Source.NAMED),
        (Written(NEW, "24", text="x", old_text="Số 1, đường Bắc Giang, Hà Nội"), "22", Source.NAMESAKE),
        (Written(NEW, "79", text="x", old_text="12 Lê Lợi, P.1, TP. Vũng Tàu, Bà Rịa - Vũng Tàu"), "79", Source.NAMED),
        (Written(NEW, "79", text="Phường Ví Dụ, TPHCM"), "70", Source.NAMESAKE),
        (Written(NEW, "24", text="x", old_text="Số 1, xã Ví Dụ, tỉnh Bắc Giang cũ"), "23", Source.NAMED),
        (Written(NEW, "24", text="x", old_text="thôn Ví Dụ, Bắc Giang, xã Y"), "22", Source.NAMESAKE),
        (Written(NEW, "24", text="Số 1, Bắc Giang"), "22", Source.NAMESAKE),
        (Written(NEW, "24", "07210"), "23", Source.COMMUNE),
        (Written(NEW, "24", "09301", text="Số 1, xã Ví Dụ, tỉnh Bắc Giang (cũ)"), "22", Source.COMMUNE),
        (Written(NEW, "79", "26732"), "79", Source.COMMUNE),
        (Written(NEW, "24", "00004", text="x"), "22", Source.NAMESAKE),
    ],
)
def test_a_carrier_is_told_the_former_province(place: Written, province: str, source: Source) -> None:
    """Postal facts 8.3, table: of a merged province the one that the words name, else its namesake, which is no certainty."""
    found = carrier_place(place)
    assert (found.province, found.district, found.source) == (province, "", source)
    assert found.sure is (source is not Source.NAMESAKE)


def test_the_carriers_own_table_stands_above_the_prefixes() -> None:
    """A row of the commune before the row of its province; codes of the other list are other places."""
    rows = b"""list_version,province,commune,carrier_province,carrier_district,carrier_ward
GSO-2025-07,24,07210,23,2310,23105
GSO-2025-07,24,,22,2200,
"""
    codes = read_place_codes(rows)
    assert carrier_place(Written(NEW, "24", "07210"), codes) == CarrierPlace("23", "2310", "23105", Source.TABLE)
    assert carrier_place(Written(NEW, "24", "09999"), codes) == CarrierPlace("22", "2200", "", Source.TABLE)
    assert carrier_place(Written(OLD, "24", "07210"), codes).source is Source.FORMER


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (b"GSO-2025-07,30,,17,,", 2),
        (b"GSO-2019,24,,23,,", 2),
        (b"GSO-2025-07,24,721,23,,", 2),
        (b"GSO-2025-07,24,,,2310,", 2),
        (b"GSO-2025-07,24,,23,=1+1,", 2),
        (b"GSO-2025-07,24,,23", 2),
        (b"GSO-2025-07,24,,23,,\nGSO-2025-07,24,,22,,", 3),
        (b"GSO-2025-07,24,,23,,,", 2),
    ],
    ids=["old code", "no list", "short commune", "no province", "formula", "short row", "twice", "long row"],
)
def test_a_table_of_a_carrier_with_a_wrong_row_is_refused_by_its_number(row: bytes, number: int) -> None:
    """The operator mends the file; nothing of it is used half."""
    header = b"list_version,province,commune,carrier_province,carrier_district,carrier_ward\n"
    with pytest.raises(TableUnreadable) as caught:
        read_place_codes(header + row + b"\n")
    assert caught.value.row == number


@pytest.mark.parametrize("raw", [b"", b"a,b\n1,2\n", b"\xff\xfe"])
def test_a_table_of_a_carrier_that_is_none_is_refused(raw: bytes) -> None:
    """Empty, with other columns, or not UTF-8."""
    with pytest.raises(TableUnreadable):
        read_place_codes(raw)


def test_a_code_that_its_list_does_not_have_is_never_guessed() -> None:
    """Neither for a carrier nor for what it is now; the error names codes only."""
    with pytest.raises(UnknownPlace) as caught:
        carrier_place(Written(NEW, "30", text="Số 1, xã Ví Dụ"), PlaceCodes())
    assert "Ví Dụ" not in str(caught.value)
    with pytest.raises(UnknownPlace):
        former_of("30")
    with pytest.raises(UnknownPlace):
        vnpost_code("03")


@pytest.mark.parametrize(
    ("office", "name"), [("100000", "Hà Nội"), ("152340", "Hà Nội"), ("761000", "Hồ Chí Minh"), ("231000", "Bắc Giang")]
)
def test_an_office_belongs_to_the_province_of_its_prefix(office: str, name: str) -> None:
    """The table of prefixes, read backwards: where a parcel was scanned."""
    found = province_of_office(office)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("office", ["", "1", "AB1000", "991000", "０１"])
def test_an_office_without_a_known_prefix_is_nowhere(office: str) -> None:
    """Not guessed."""
    assert province_of_office(office) is None
