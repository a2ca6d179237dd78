"""Laws of the two lists of provinces, for every province and for whatever somebody may write."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mappings.carrier_places import (
    CarrierPlace,
    PlaceCodes,
    Source,
    Written,
    carrier_place,
    province_of_office,
    vnpost_code,
)
from mappings.places import (
    COMMUNES,
    ListVersion,
    Province,
    commune_fits,
    former_of,
    former_of_commune,
    list_on,
    now_of,
    province_of,
    provinces_named,
    understand,
    understand_name,
)
from mappings.provinces import provinces
from mappings.tables import load_table

OLD, NEW = ListVersion.GSO_2024, ListVersion.GSO_2025_07
FORMER = st.sampled_from([province_of(OLD, code) for code in provinces(OLD.provinces)])
PRESENT = st.sampled_from([province_of(NEW, code) for code in provinces(NEW.provinces)])
WORDS = st.text(max_size=80)


@given(FORMER)
def test_every_former_province_has_one_present_one_and_is_among_its_members(former: Province) -> None:
    """There and back: no area is lost or counted twice."""
    now = now_of(former)
    assert now.list_version is NEW
    assert [one for one in former_of(now.code) if one == former] == [former]
    assert now_of(now) == now


def test_the_members_of_the_present_provinces_are_the_former_ones_once_each() -> None:
    """63 in 34."""
    members = [one for code in provinces(NEW.provinces) for one in former_of(code)]
    assert sorted(one.code for one in members) == sorted(provinces(OLD.provinces))


@given(PRESENT)
def test_a_present_province_kept_the_code_of_one_of_its_members_and_the_name_of_one(present: Province) -> None:
    """So a bare code leads to one place now, even where its meaning is ambiguous."""
    members = former_of(present.code)
    assert present.code in {one.code for one in members}
    assert {one.code for one in provinces_named(present.name) if one.list_version is OLD} <= {
        one.code for one in members
    }
    assert understand(present.code).now == present


@given(st.one_of(FORMER, PRESENT), st.dates(date(2008, 8, 1), date(2060, 1, 1)))
def test_a_code_is_valid_on_a_day_exactly_where_the_list_of_that_day_has_it(province: Province, day: date) -> None:
    """The day and the name of its list are the same question."""
    by_day, by_list = understand(province.code, on=day), understand(province.code, list_version=list_on(day))
    assert by_day == by_list
    assert (by_day.standing == "valid") == (province.code in provinces(list_on(day).provinces))


@given(st.one_of(FORMER, PRESENT))
def test_a_name_leads_to_one_present_province_in_whichever_list_it_is_read(province: Province) -> None:
    """So a name is never ambiguous about where that is now."""
    assert understand_name(province.name).now == now_of(province)


@given(FORMER)
def test_the_prefix_of_a_former_province_leads_back_to_it(former: Province) -> None:
    """No two ranges of offices overlap."""
    assert province_of_office(vnpost_code(former.code) + "0000") == former


def test_the_blocks_of_communes_neither_overlap_nor_leave_a_province_out() -> None:
    """One code, one former province."""
    blocks = sorted((row["commune_from"], row["commune_to"], row["province"]) for row in load_table(COMMUNES).rows)
    assert all(first <= last for first, last, _ in blocks)
    assert all(one[1] < following[0] for one, following in pairwise(blocks))
    assert {province for _, _, province in blocks} == set(provinces(OLD.provinces))


@given(st.integers(0, 99_999).map(lambda number: f"{number:05}"))
def test_a_communes_code_sends_to_the_same_office_before_and_after_the_merger(commune: str) -> None:
    """With the present province beside it as with the former one; a place that the code is not of is not believed."""
    former = former_of_commune(commune)
    if former is None:
        assert commune_fits(province_of(NEW, "01"), commune) is None
        return
    before = carrier_place(Written(OLD, former.code, commune))
    since = carrier_place(Written(NEW, now_of(former).code, commune, text="Số 1, xã Ví Dụ"))
    assert (since.province, since.sure) == (before.province, True)
    assert commune_fits(former, commune) and commune_fits(now_of(former), commune)


@given(FORMER, st.sampled_from(["{}", "Số 1, xã Ví Dụ, tỉnh {}", "Số 1, xã Ví Dụ, huyện X, {}, Việt Nam", "TP. {}"]))
def test_an_address_of_the_old_list_and_its_words_after_the_merger_reach_the_same_office(
    former: Province, form: str
) -> None:
    """Whoever writes the present code beside the old words sends where the old code sent."""
    before = carrier_place(Written(OLD, former.code))
    since = carrier_place(Written(NEW, now_of(former).code, text="Số 1", old_text=form.format(former.name)))
    assert (since.province, since.sure) == (before.province, True)


@given(PRESENT, WORDS, WORDS)
def test_no_words_send_a_parcel_outside_its_present_province(present: Province, text: str, old_text: str) -> None:
    """Words choose among the members only."""
    found = carrier_place(Written(NEW, present.code, text=text, old_text=old_text))
    assert found.province in {vnpost_code(one.code) for one in former_of(present.code)}


@given(PRESENT, st.from_regex(r"[0-9]{5}", fullmatch=True), st.from_regex(r"[0-9]{5}", fullmatch=True))
def test_a_table_is_used_for_its_own_communes_and_for_no_other(present: Province, commune: str, other: str) -> None:
    """A row of one commune says nothing of the next."""
    codes = PlaceCodes({(NEW, present.code, commune): CarrierPlace("77", "7701", "", Source.TABLE)})
    assert carrier_place(Written(NEW, present.code, commune), codes).source is Source.TABLE
    found = carrier_place(Written(NEW, present.code, other), codes)
    assert (found.source is Source.TABLE) == (other == commune)
