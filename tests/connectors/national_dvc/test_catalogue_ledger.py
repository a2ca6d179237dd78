"""What changed in the portal's catalogues, and what it means for our own procedures: pure, told once, never lost."""

from __future__ import annotations

import itertools
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from connectors.kit.contract import Effect, RaiseAlarm, TellFeed
from connectors.national_dvc.profiles._mapi.catalogue_ledger import Catalogues, Entry, Observed, Standing, compared
from connectors.national_dvc.profiles._mapi.catalogues import AGENCIES, FIELDS, PROCEDURES, read_rows
from mappings.tables import load_table

OURS = {row["national_code"]: row["name"] for row in load_table("procedures").rows}
FIRST, SECOND, *_ = OURS
DAY = "2026-11-21"
LEDGER = Catalogues()


def look(rows: dict[str, str], service: str = PROCEDURES, hidden: tuple[str, ...] = ()) -> Observed:
    """A look that sees these names by code."""
    return Observed(service, DAY, {code: Entry(name, {"MA": code}) for code, name in rows.items()}, hidden)


def after(*looks: Observed) -> tuple[Standing, list[Effect]]:
    """What is known after some looks, and what the last one asked for."""
    state, effects = None, []
    for one in looks:
        state, told = LEDGER.apply(state, one)
        effects = list(told)
    assert state is not None
    return state, effects


def alarms(effects: list[Effect]) -> dict[str, str]:
    """The alarms, by code."""
    return {effect.code: effect.detail_vi for effect in effects if isinstance(effect, RaiseAlarm)}


def test_rows_are_freed_of_blanks_and_of_other_ministries() -> None:
    """Known keys are read trimmed; a field of another owner is left out; the raw row stays as it came (2.1, 2.3)."""
    rows = read_rows(
        FIELDS,
        [
            {"MALINHVUC": "G16-LH01 ", "TENLINHVUC": " Lữ  hành ", "MANGANH": "000.00.00.g16"},
            {"MALINHVUC": "G03-GD10", "TENLINHVUC": "Giáo dục", "MANGANH": "000.00.00.G03"},
        ],
        "000.00.00.G16",
    )
    assert [(row.code, row.name) for row in rows] == [("G16-LH01", "Lữ hành")]
    assert rows[0].raw["TENLINHVUC"] == " Lữ  hành "


def test_a_catalogue_of_unknown_keys_is_an_open_map() -> None:
    """Rows are told apart by their content, whatever the order of their keys, and shown as they came (2.3)."""
    one, other = {"MA": "1", "TEN": "Nam"}, {"TEN": "Nam", "MA": "1"}
    assert read_rows("LayDanhMucGioiTinh", [one], "x") == read_rows("LayDanhMucGioiTinh", [other], "x")
    assert len(read_rows("LayDanhMucGioiTinh", [one, {"MA": "2", "TEN": "Nữ"}], "x")) == 2


def test_the_first_look_only_notes_what_is_there() -> None:
    """A baseline is no difference; our own procedures that are missing are an alarm from the start."""
    state, effects = after(look(OURS))
    assert effects == [] and state.troubles == {} and set(state.rows) == set(OURS)
    few = {code: name for code, name in OURS.items() if code != FIRST}
    state, effects = after(look(few))
    assert (
        list(alarms(effects)) == ["catalogue.procedure_gone"] and FIRST in alarms(effects)["catalogue.procedure_gone"]
    )
    assert state.troubles == {FIRST: "gone"}


def test_what_was_added_removed_and_renamed_is_told_with_its_codes() -> None:
    """One row in the feed for a look that differs, none for one that does not."""
    changed = {code: name for code, name in OURS.items() if code != FIRST} | {SECOND: "Tên khác", "1.000001": "Mới"}
    state, effects = after(look(OURS), look(changed))
    told = [effect for effect in effects if isinstance(effect, TellFeed)]
    assert told == [
        TellFeed(
            "catalogue.changed",
            {
                "service": PROCEDURES,
                "seen_on": DAY,
                "added": "1",
                "added_codes": "1.000001",
                "removed": "1",
                "removed_codes": FIRST,
                "renamed": "1",
                "renamed_codes": SECOND,
            },
        )
    ]
    assert state.differences[-1].renamed == {SECOND: (OURS[SECOND], "Tên khác")}
    assert set(alarms(effects)) == {"catalogue.procedure_gone", "catalogue.procedure_renamed"}
    assert after(look(OURS), look(changed), look(changed))[1] == []


def test_a_trouble_is_an_alarm_once_and_its_end_is_told() -> None:
    """No alarm repeats itself at each look; a procedure that comes back is told, one renamed again is a new alarm."""
    without = {code: name for code, name in OURS.items() if code != FIRST}
    assert alarms(after(look(without), look(without))[1]) == {}
    _, back = after(look(without), look(OURS))
    assert TellFeed("catalogue.procedure_mended", {"codes": FIRST, "count": "1"}) in back
    _, again = after(look(OURS | {FIRST: "A"}), look(OURS | {FIRST: "B"}))
    assert set(alarms(again)) == {"catalogue.procedure_renamed"}


def test_a_name_that_differs_in_blanks_and_case_only_is_the_same() -> None:
    """Catalogues are typed by people; trailing blanks are known (2.2)."""
    assert after(look(OURS | {FIRST: f" {OURS[FIRST].upper()}  "}))[1] == []


def test_a_procedure_that_is_not_public_any_more_is_told_apart_from_one_that_is_gone() -> None:
    """The list shows public ones only (2.1), so what the portal still knows was hidden, not deleted."""
    without = {code: name for code, name in OURS.items() if code not in (FIRST, SECOND)}
    state, effects = after(look(OURS), look(without, hidden=(SECOND,)))
    assert state.troubles == {FIRST: "gone", SECOND: "hidden"}
    assert SECOND in alarms(effects)["catalogue.procedure_hidden"]
    assert SECOND not in alarms(effects)["catalogue.procedure_gone"]


def test_an_empty_catalogue_is_no_catalogue() -> None:
    """Nobody withdrew all procedures over night: what was seen stays, one alarm, and no alarm for each procedure."""
    state, effects = after(look(OURS), look({}))
    assert set(state.rows) == set(OURS) and list(alarms(effects)) == ["catalogue.empty"]
    assert after(look(OURS), look({}), look({}))[1] == []
    assert after(look(OURS), look({}), look(OURS))[1] == []


def test_another_catalogue_raises_no_alarm_about_procedures() -> None:
    """Agencies come and go; that is told, and is nobody's emergency."""
    _, effects = after(look({"A": "Cục A", "B": "Cục B"}, AGENCIES), look({"A": "Cục A mới"}, AGENCIES))
    assert alarms(effects) == {} and len(effects) == 1


def test_many_missing_procedures_are_one_alarm() -> None:
    """Twenty are named, the rest is counted; the ledger has all of them."""
    state, effects = after(look({"1.000001": "Khác"}))
    assert list(alarms(effects)) == ["catalogue.procedure_gone"]
    assert f"và {len(OURS) - 20} mã khác" in alarms(effects)["catalogue.procedure_gone"]
    assert len(state.troubles) == len(OURS)


CODES = st.sampled_from([FIRST, SECOND, "1.000001", "1.000002", "1.000003"])
ROWS = st.dictionaries(CODES, st.sampled_from(["A", "B", OURS[FIRST]]), min_size=1)


@given(st.lists(ROWS, min_size=2, max_size=8))
@settings(max_examples=200, deadline=None)
def test_differences_lead_from_each_look_to_the_next(looks: list[dict[str, str]]) -> None:
    """Whoever applies what was told to what was known has what is there now; the same look twice is no difference."""
    for before, now in itertools.pairwise(looks):
        entries = look(before).rows
        difference = compared(entries, look(now))
        names: dict[str, Any] = {code: entry.name for code, entry in entries.items() if code not in difference.removed}
        names |= {code: after_name for code, (_, after_name) in difference.renamed.items()}
        assert set(names) | set(difference.added) == set(now)
        assert all(names[code] == now[code] for code in names)
        assert difference.nothing == (before == now)
    state, _ = after(*(look(rows) for rows in looks))
    assert {code: entry.name for code, entry in state.rows.items()} == looks[-1]
    assert msgspec.json.decode(msgspec.json.encode(state), type=Standing) == state
