"""The inward mapping of events: from a JSON tree to the canonical event, every fault at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from mappings.canonical import StatusEvent
from mappings.codec import decode, encode
from mappings.codes import DossierStatus, Outcome, SignatureFormat
from mappings.faults import CannotUnderstand
from mappings.lifecycle import event_faults
from mappings.sector import load_profile, to_event
from mappings.tables import TableUnreadable
from tests.effort import effort

Tree = dict[str, Any]
WriteTables = Callable[[Mapping[str, str]], Path]


def _faults(tree: Mapping[str, object], system: str = "SEC-DEMO") -> dict[str, str]:
    with pytest.raises(CannotUnderstand) as caught:
        to_event(tree, system)
    return {fault.pointer: fault.code for fault in caught.value.faults}


def test_the_example_of_the_facts_is_understood(event_tree: Tree) -> None:
    """Dossier-model facts 4.4, field by field where the shapes differ."""
    event, versions = to_event(event_tree, "SEC-DEMO")
    assert event.occurred_at == datetime(2026, 11, 20, 8, 4, 5, tzinfo=UTC)
    assert event.occurred_at.tzinfo is UTC
    assert (event.state, event.outcome) == (DossierStatus.RESOLVED, Outcome.GRANTED)
    assert event.step.actor.name == "Trần Văn Mẫu"
    (result,) = event.results
    assert result.signature_format is SignatureFormat.PADES
    assert (result.issued_on, result.file.size) == (date(2026, 11, 20), 184_320)
    assert event_faults(event) == ()
    assert [version.split("@")[0] for version in versions] == ["default"]


def test_the_event_survives_the_journal_and_comes_back(event_tree: Tree) -> None:
    """Encoding and decoding the canonical event changes nothing."""
    event = to_event(event_tree, "SEC-DEMO").event
    assert decode(encode(event), StatusEvent) == event


def test_texts_in_decomposed_form_become_composed(event_tree: Tree) -> None:
    """NFD names from a Mac or an old system are the same names as everybody's NFC."""
    composed = to_event(event_tree, "SEC-DEMO").event
    event_tree["step"]["actor"]["name"] = unicodedata.normalize("NFD", "Trần Văn Mẫu")
    event_tree["results"][0]["name"] = unicodedata.normalize("NFD", "Giấy phép")
    assert event_tree["step"]["actor"]["name"] != "Trần Văn Mẫu"
    assert to_event(event_tree, "SEC-DEMO").event == composed


@pytest.mark.parametrize("name", ["\u200b\u200b", "\u3164", "\u2800 \u200d"])
def test_a_name_of_invisible_signs_is_blank(event_tree: Tree, name: str) -> None:
    """Who did the step must be readable on the portal."""
    event_tree["step"]["actor"]["name"] = name
    assert _faults(event_tree) == {"/step/actor/name": "de_trong"}


@pytest.mark.parametrize("key", ["occurred_at", "sent_at"])
def test_a_time_without_zone_is_refused(event_tree: Tree, key: str) -> None:
    """Seven hours of doubt are not guessed away."""
    event_tree[key] = "2026-11-20T15:04:05"
    assert _faults(event_tree) == {f"/{key}": "thieu_mui_gio"}


@pytest.mark.parametrize(
    "text",
    [
        "20261120T150405+07:00",
        "2026-11-20T15:04+07:00",
        "2026-11-20",
        "2026-W47-5T15:04:05+07:00",
        "2026-02-30T15:04:05+07:00",
        "2026-11-20T24:00:00+07:00",
        "2026-11-20T15:04:60+07:00",
        "2026-11-20T15:04:05+25:00",
        "0001-01-01T00:00:00+07:00",
        "0000-00-00T00:00:00.000+07:00",
        "2026-11-20T15:04:05+07:00 ",
        "２０２６-11-20T15:04:05+07:00",
        "",
    ],
)
def test_a_time_that_is_not_rfc_3339_is_refused(event_tree: Tree, text: str) -> None:
    """Other spellings, impossible moments and sentinels are faults, never a crash."""
    event_tree["occurred_at"] = text
    assert _faults(event_tree) == {"/occurred_at": "sai_thoi_diem"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20t08:04:05z", datetime(2026, 11, 20, 8, 4, 5, tzinfo=UTC)),
        ("2026-11-20 08:04:05Z", datetime(2026, 11, 20, 8, 4, 5, tzinfo=UTC)),
        ("2026-11-20T08:04:05.5-00:00", datetime(2026, 11, 20, 8, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-11-20T15:04:05.123456789+07:00", datetime(2026, 11, 20, 8, 4, 5, 123_456, tzinfo=UTC)),
    ],
)
def test_every_spelling_of_rfc_3339_is_read(event_tree: Tree, text: str, expected: datetime) -> None:
    """Lower case, a blank for T, and up to nine digits of a second."""
    event_tree["occurred_at"] = text
    assert to_event(event_tree, "SEC-DEMO").event.occurred_at == expected


def test_every_fault_is_reported_at_once(event_tree: Tree) -> None:
    """Faults of form at all depths, and the faults of content beside them, in one answer."""
    event_tree |= {
        "sequence": "7",
        "previous_sequence": -1,
        "occurred_at": 5,
        "outcome": "maybe",
        "step": {"actor": {"title": 1}, "content": " "},
        "results": [{"id": "", "name": "x", "file": {"name": "f", "media_type": "m", "size": True, "sha256": "zz"}}, 3],
        "schema_version": "9",
        "fees": {},
        "caused_by": {"system": "RES"},
    }
    assert _faults(event_tree, "SEC-OTHER") == {
        "/sequence": "sai_kieu",
        "/previous_sequence": "ngoai_pham_vi",
        "/occurred_at": "sai_kieu",
        "/outcome": "gia_tri_khong_co",
        "/step/actor/title": "sai_kieu",
        "/step/actor/name": "thieu_truong",
        "/step/content": "de_trong",
        "/results/0/id": "de_trong",
        "/results/0/file/size": "sai_kieu",
        "/results/0/file/sha256": "sai_dinh_dang",
        "/results/1": "sai_kieu",
        "/schema_version": "sai_phien_ban",
        "/fees": "sai_kieu",
        "/caused_by/event_id": "thieu_truong",
        "/system_code": "sai_he_thong",
    }


def test_faults_of_content_join_faults_of_form(event_tree: Tree) -> None:
    """A sender that mends the form must not then learn that a reason is missing too."""
    event_tree |= {"state": "awaiting_supplement", "outcome": "none", "sequence": None, "results": []}
    assert _faults(event_tree) == {
        "/sequence": "thieu_truong",
        "/reason": "thieu_ly_do",
        "/supplement": "thieu_yeu_cau_bo_sung",
    }


def test_an_unknown_state_is_refused_with_the_list(event_tree: Tree) -> None:
    """An unknown code is a fault that shows what would have been allowed."""
    event_tree["state"] = "xong"
    with pytest.raises(CannotUnderstand) as caught:
        to_event(event_tree, "SEC-DEMO")
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.code) == ("/state", "gia_tri_khong_co")
    assert "resolved" in fault.message_vi


def test_a_raw_state_is_resolved_through_the_declared_list(event_tree: Tree) -> None:
    """Without `state` the system's own code list decides, and its version is part of the evidence."""
    del event_tree["state"]
    event, versions = to_event(event_tree, "SEC-DEMO")
    assert (event.state, event.raw_state) == (DossierStatus.RESOLVED, "09")
    assert [version.split("@")[0] for version in versions] == ["default", "raw_states"]


@pytest.mark.parametrize(("raw", "system"), [("99", "SEC-DEMO"), ("09", "SEC-OTHER")])
def test_an_undeclared_raw_state_is_refused(event_tree: Tree, raw: str, system: str) -> None:
    """A code of nobody's list, and a code of another system's list, are equally unknown."""
    del event_tree["state"]
    event_tree |= {"raw_state": raw, "system_code": system}
    assert _faults(event_tree, system) == {"/raw_state": "ma_rieng_chua_khai_bao"}


def test_a_raw_state_is_read_at_the_day_of_the_event(event_tree: Tree, write_tables: WriteTables) -> None:
    """A code that meant something else last year still means that for last year's event, outcome included."""
    columns = "system_code,raw_state,state,outcome,valid_from,valid_to,source,confidence\n"
    folder = write_tables(
        {
            "raw.csv": columns
            + "SEC-DEMO,09,returned,,2020-01-01,2025-12-31,x,doc\nSEC-DEMO,09,resolved,refused,2026-01-01,,x,doc\n",
            "tables.toml": '[raw]\nkeys = ["system_code", "raw_state"]\n',
            "own.toml": 'name = "own"\ntitle_vi = "t"\npublication = "p"\nowner_vi = "o"\n[raw_state]\ntable = "raw"\n',
        }
    )
    profile = load_profile("own", folder)
    del event_tree["state"], event_tree["outcome"]
    event = to_event(event_tree, "SEC-DEMO", profile).event
    assert (event.state, event.outcome) == (DossierStatus.RESOLVED, Outcome.REFUSED)
    event_tree["occurred_at"] = "2025-12-31T23:59:59+07:00"
    event = to_event(event_tree, "SEC-DEMO", profile).event
    assert (event.state, event.outcome) == (DossierStatus.RETURNED, Outcome.NONE)
    event_tree["outcome"] = "granted"
    assert to_event(event_tree, "SEC-DEMO", profile).event.outcome is Outcome.GRANTED


def test_neither_state_nor_raw_state_is_refused(event_tree: Tree) -> None:
    """An event without any state says nothing."""
    del event_tree["state"], event_tree["raw_state"]
    assert _faults(event_tree) == {"/state": "thieu_truong"}


def test_a_dossier_must_be_named_one_way_or_the_other(event_tree: Tree) -> None:
    """The sector's own number is enough; nothing is not."""
    del event_tree["dossier_code"]
    event = to_event(event_tree, "SEC-DEMO").event
    assert (event.dossier_code, event.sector_dossier_id) == ("", "LH-2026-000917")
    del event_tree["sector_dossier_id"]
    assert _faults(event_tree) == {"/dossier_code": "thieu_truong"}


def test_the_caller_says_who_speaks_and_not_the_tree(event_tree: Tree) -> None:
    """The system of the event is the authenticated one; a tree that claims another is refused."""
    assert _faults(event_tree, "SEC-FORGER") == {"/system_code": "sai_he_thong"}
    del event_tree["system_code"]
    assert to_event(event_tree, "SEC-TRUE").event.system_code == "SEC-TRUE"


def test_null_means_absent(event_tree: Tree) -> None:
    """A serializer that writes null for what it does not have is understood."""
    expected = to_event(event_tree, "SEC-DEMO").event
    event_tree |= {"reason": None, "new_due_at": None, "supplement": None}
    event_tree["results"][0] |= {"valid": None, "replaces": None}
    assert to_event(event_tree, "SEC-DEMO").event == expected


def test_the_tree_is_left_as_it_was(event_tree: Tree) -> None:
    """Mapping reads; the tree that was signed is not touched."""
    before = repr(event_tree)
    to_event(event_tree, "SEC-DEMO")
    assert repr(event_tree) == before


def test_a_profile_of_another_dialect_needs_no_code(event_tree: Tree, write_tables: WriteTables) -> None:
    """QĐ 3036 Điều 5.8: a sector system may publish its own form; a file of places is all that this takes."""
    profile_text = (
        'name = "khac"\ntitle_vi = "Hệ khác"\npublication = "Chuẩn của hệ khác, bản 2"\nowner_vi = "Cục Ví Dụ"\n'
        '[fields.StatusEvent]\noccurred_at = "thoi_diem"\nstep = "buoc"\n'
        '[fields.Step]\ncontent = "noi_dung.van_ban|noi_dung_cu"\n'
    )
    profile = load_profile("khac", write_tables({"khac.toml": profile_text}))
    expected = to_event(event_tree, "SEC-DEMO").event
    for result in event_tree["results"]:
        result["signature_format"] = result.pop("signature")["format"]
    step = event_tree.pop("step")
    event_tree["thoi_diem"] = event_tree.pop("occurred_at")
    event_tree["buoc"] = {"actor": step["actor"], "noi_dung": {"van_ban": step["content"]}}
    assert to_event(event_tree, "SEC-DEMO", profile).event == expected
    event_tree["buoc"] = {"actor": step["actor"], "noi_dung_cu": step["content"]}
    assert to_event(event_tree, "SEC-DEMO", profile).event == expected
    event_tree["buoc"] = {"actor": step["actor"], "noi_dung": {"van_ban": 5}}
    with pytest.raises(CannotUnderstand) as caught:
        to_event(event_tree, "SEC-DEMO", profile)
    assert [fault.pointer for fault in caught.value.faults] == ["/buoc/noi_dung/van_ban"]
    del event_tree["state"]
    event_tree["buoc"] = step
    with pytest.raises(CannotUnderstand) as caught:
        to_event(event_tree, "SEC-DEMO", profile)
    assert "/state" in {fault.pointer for fault in caught.value.faults}


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        'name = "other"\ntitle_vi = "t"\npublication = "p"\nowner_vi = "o"\n',
        'name = "p"\ntitle_vi = "t"\n',
        'name = "p"\ntitle_vi = "t"\npublication = "p"\nowner_vi = "o"\nsurprise = 1\n',
        'name = "p"\ntitle_vi = "t"\npublication = "p"\nowner_vi = "o"\n[fields.Dossier]\nno_such_field = "x"\n',
        'name = "p"\ntitle_vi = "t"\npublication = "p"\nowner_vi = "o"\n[raw_state]\ntable = "missing"\n',
    ],
)
def test_a_malformed_profile_is_refused(write_tables: WriteTables, text: str) -> None:
    """A profile that cannot be what its author meant does not load."""
    with pytest.raises(TableUnreadable):
        load_profile("p", write_tables({"p.toml": text}))


def test_a_missing_profile_is_named() -> None:
    """A profile that a caller's record names but nobody shipped."""
    with pytest.raises(TableUnreadable, match="khong_co"):
        load_profile("khong_co")


def test_the_exception_shows_places_and_no_values(event_tree: Tree) -> None:
    """What ends up in a log names pointers and codes; no name, number or text of a person."""
    event_tree["step"]["actor"] = {"name": ["Nguyễn Thị Riêng Tư"], "unit": 5}
    with pytest.raises(CannotUnderstand) as caught:
        to_event(event_tree, "SEC-DEMO")
    everything = str(caught.value) + repr(caught.value) + "".join(fault.message_vi for fault in caught.value.faults)
    assert "Riêng" not in everything
    assert "/step/actor/name: sai_kieu" in str(caught.value)


def test_mapping_is_quick_enough_for_the_door(event_tree: Tree) -> None:
    """The 4.4 example takes tens of microseconds (aim: 60 on an idle core); a hundred of them cost about one unit of effort."""

    def hundred() -> None:
        for _ in range(100):
            to_event(event_tree, "SEC-DEMO")

    hundred()
    assert median(effort(hundred) for _ in range(5)) < 10
