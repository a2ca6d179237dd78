"""Foreign dialects, feature by feature: what a profile can say of a message, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mappings.dialect import Dialect
from mappings.dialect_file import load_dialect, parse_dialect
from mappings.lint import lint_profiles
from mappings.tables import TableUnreadable
from mappings.translate import MAX_LEAVES, translate
from mappings.translation import Fate, Translation

WriteTables = Callable[[Mapping[str, str]], Path]
Tree = dict[str, Any]

TABLE = """code,state,outcome,valid_from,valid_to,source,confidence
A,processing,,2024-01-01,2025-12-31,x,assumed
A,received,,2026-01-01,,x,assumed
X,resolved,refused,2024-01-01,,x,assumed
S,awaiting_supplement,,2024-01-01,,x,assumed
"""
TABLES = """[states]
keys = ["code"]
columns = ["code", "state", "outcome"]
total = true
total_from = 2024-01-01
[states.domains]
code = ["A", "X", "S"]
"""
PROFILE = """name = "p"
title_vi = "Chuẩn thử"
owner_vi = "Đơn vị thử"
publication = {number = "1", date = 2026-01-01, title_vi = "Chuẩn thử"}
event_id = {keys = ["id", "n"]}
sequence = "n"
[message]
format = "json"
absent = ["", "0000-00-00T00:00:00.000+0700"]
examples = ["p.json"]
[times]
time = ["iso", "dd/MM/yyyy[ HH:mm]", "yyyyMMddHHmmss"]
day = "dd/MM/yyyy"
zone = "Asia/Ho_Chi_Minh"
z_means_local = true
[fields]
dossier_code = "code"
occurred_at = "at"
raw_state = "st"
state = {from = "st", table = "states", also = {outcome = "outcome"}}
"step.actor.name" = ["who", "by"]
"step.content" = "what"
"reason.code" = {constant = "K"}
"reason.text_vi" = "why"
"supplement.id" = "sup.id"
"supplement.requester" = "sup.by"
"supplement.content" = "sup.what"
"supplement.requested_at" = "sup.at"
"fees[].id" = "groups[].fees[].id"
"fees[].name" = "groups[].fees[].name"
"fees[].amount" = {from = "groups[].fees[].sum", as = "amount"}
"fees[].mandatory" = {from = "groups[].fees[].must", true = ["yes", "1"], false = ["no"]}
"results[].id" = "paper.id"
"results[].name" = "paper.name"
"results[].issued_on" = "paper.day"
"results[].file.name" = "paper.name"
"results[].file.media_type" = {constant = "application/pdf"}
"results[].file.size" = "paper.size"
"results[].file.sha256" = "paper.sha"
[when]
supplement = ["awaiting_supplement"]
[expected]
version = ["1", "2"]
[ignored]
extra = "không dùng"
"""
MESSAGE: Tree = {
    "id": "M-1", "n": "3", "code": "000.00.00.G16-261120-0042", "at": "20/11/2026 15:04", "st": "A",
    "who": "Lê Mẫu", "what": "Bước",
}  # fmt: skip
DIGEST = hashlib.sha256(b"x").digest()


@pytest.fixture
def profile(write_tables: WriteTables) -> Callable[..., Dialect]:
    """The profile above, or one with some of its text replaced."""

    def make(*changes: tuple[str, str]) -> Dialect:
        text = PROFILE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        folder = write_tables(
            {"states.csv": TABLE, "tables.toml": TABLES, "p.json": json.dumps(MESSAGE), "p.toml": text}
        )
        return parse_dialect("p", text.encode(), folder)

    return make


def told(dialect: Dialect, **changes: Any) -> Translation:
    """The message with changes; None takes a member out."""
    tree = {key: value for key, value in (MESSAGE | changes).items() if value is not None}
    return translate(tree, dialect, "SEC-X", DIGEST)


def faults(translation: Translation) -> set[tuple[str, str]]:
    """Code and place of each fault."""
    return {(fault.code, fault.pointer) for fault in translation.faults}


def fate(translation: Translation, pointer: str) -> Fate:
    """What became of one leaf."""
    return next(leaf.fate for leaf in translation.leaves if leaf.place.pointer == pointer)


def test_a_message_takes_our_own_form(profile: Callable[..., Dialect]) -> None:
    """Every field under the name of our published message, and nothing that was not said."""
    translation = told(profile())
    assert translation.faults == ()
    tree = dict(translation.tree)
    assert uuid.UUID(str(tree.pop("event_id"))).version == 5
    assert tree == {
        "schema_version": "1", "system_code": "SEC-X", "dossier_code": MESSAGE["code"], "sequence": 3, "raw_state": "A",
        "occurred_at": "2026-11-20T15:04:00+07:00", "state": "received", "step": {"actor": {"name": "Lê Mẫu"}, "content": "Bước"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-11-20T15:04:05+09:00", "2026-11-20T15:04:05+09:00"),
        ("2026-11-20T15:04:05+0930", "2026-11-20T15:04:05+09:30"),
        ("2026-11-20T15:04:05.123456789", "2026-11-20T15:04:05.123456+07:00"),
        ("2026-11-20T15:04:05Z", "2026-11-20T15:04:05+07:00"),
        ("20/11/2026", "2026-11-20T00:00:00+07:00"),
        ("20261120150405", "2026-11-20T15:04:05+07:00"),
        (20261120150405, "2026-11-20T15:04:05+07:00"),
    ],
)
def test_every_published_form_of_a_time_is_read(profile: Callable[..., Dialect], sent: object, moment: str) -> None:
    """An offset counts; without one, and with a literal Z, the time is local."""
    assert told(profile(), at=sent).tree["occurred_at"] == moment


@pytest.mark.parametrize(
    ("sent", "code"),
    [("2026-02-30T00:00:00", "sai_thoi_diem"), ("20/13/2026", "sai_thoi_diem"), ("hôm qua", "sai_thoi_diem"),
     (["20/11/2026"], "sai_kieu"), ({"d": 1}, "sai_kieu"), (True, "sai_thoi_diem"), ("٢٠/11/2026", "sai_thoi_diem")],
)  # fmt: skip
def test_what_is_no_published_time_is_refused(profile: Callable[..., Dialect], sent: object, code: str) -> None:
    """By its own place; nothing else is blamed for it."""
    assert faults(told(profile(), at=sent)) == {(code, "/at")}


def test_a_time_without_zone_needs_one_from_the_profile(profile: Callable[..., Dialect]) -> None:
    """Without `zone` a time must carry its offset, and Z is UTC."""
    strict = profile(('zone = "Asia/Ho_Chi_Minh"\nz_means_local = true\n', ""))
    assert faults(told(strict, at="2026-11-20T15:04:05")) == {("thieu_mui_gio", "/at")}
    assert told(strict, at="2026-11-20T15:04:05Z").tree["occurred_at"] == "2026-11-20T15:04:05+00:00"


def test_a_sentinel_is_no_value(profile: Callable[..., Dialect]) -> None:
    """The impossible date, an empty text and null say that nothing is there; where a value is needed it is missing."""
    translation = told(profile(), why="", what="0000-00-00T00:00:00.000+0700")
    assert "reason" not in translation.tree
    assert fate(translation, "/why") is fate(translation, "/what") is Fate.ABSENT


def test_tables_are_read_at_the_day_of_the_event(profile: Callable[..., Dialect]) -> None:
    """A code that changed its meaning keeps the old one for old events; the row decides the outcome too."""
    assert told(profile(), at="31/12/2025").tree["state"] == "processing"
    assert told(profile(), at="01/01/2026").tree["state"] == "received"
    refused = told(profile(), st="X", why="Không đủ điều kiện")
    assert (refused.tree["state"], refused.tree["outcome"]) == ("resolved", "refused")
    assert faults(told(profile(), st="Q")) == {("ma_rieng_chua_khai_bao", "/st")}
    assert faults(told(profile(), st="A", at="31/12/2023")) == {("ma_rieng_chua_khai_bao", "/st")}


def test_lists_inside_lists_become_one_list_in_their_order(profile: Callable[..., Dialect]) -> None:
    """Amounts with dots, booleans as words, and pointers that name the item."""
    groups: list[Any] = [
        {"fees": [{"id": "a", "name": "A", "sum": "1.250.000", "must": "no"}]},
        {"fees": [{"id": "b", "name": "B", "sum": 5, "must": 1}, {"id": "c", "name": "C", "sum": "0"}]},
    ]
    translation = told(profile(), groups=groups)
    assert translation.tree["fees"] == [
        {"id": "a", "name": "A", "amount": 1_250_000, "mandatory": False},
        {"id": "b", "name": "B", "amount": 5, "mandatory": True},
        {"id": "c", "name": "C", "amount": 0},
    ]
    assert translation.whence.locate("/fees/2/amount") == "/groups/1/fees/1/sum"
    assert translation.whence.locate("/fees/1") == "/groups/1/fees/0"
    groups[1]["fees"][1] |= {"sum": "1.25", "must": "maybe"}
    assert faults(told(profile(), groups=groups)) == {
        ("sai_dinh_dang", "/groups/1/fees/1/sum"), ("gia_tri_khong_co", "/groups/1/fees/1/must"),
    }  # fmt: skip


def test_one_result_without_a_list_is_a_list_of_one(profile: Callable[..., Dialect]) -> None:
    """With a constant that stands only where its object does."""
    paper = {"id": "GP", "name": "Giấy", "day": "20/11/2026", "size": "7", "sha": "A" * 64}
    results = told(profile(), paper=paper).tree["results"]
    assert isinstance(results, list) and len(results) == 1
    assert results[0] == {
        "id": "GP", "name": "Giấy", "issued_on": "2026-11-20",
        "file": {"name": "Giấy", "media_type": "application/pdf", "size": 7, "sha256": "a" * 64},
    }  # fmt: skip
    assert "results" not in told(profile()).tree and "reason" not in told(profile()).tree


def test_a_group_is_fed_in_its_states_only(profile: Callable[..., Dialect]) -> None:
    """In another state the group is refused, not dropped."""
    sup = {"id": "1", "by": "Lê Mẫu", "what": "Thiếu", "at": "20/11/2026"}
    assert told(profile(), st="S", sup=sup, why="Thiếu").tree["supplement"]
    assert faults(told(profile(), sup=sup)) == {("truong_khong_biet", f"/sup/{name}") for name in sup}


def test_two_places_of_one_field_must_agree(profile: Callable[..., Dialect]) -> None:
    """Either is enough; both with one value too; a contradiction is named."""
    assert told(profile(), who=None, by="Lê Mẫu").tree["step"] == told(profile(), by="Lê Mẫu").tree["step"]
    assert faults(told(profile(), by="Người khác")) == {("gia_tri_mau_thuan", "/by")}


def test_expected_values_are_compared_and_ignored_places_are_not_read(profile: Callable[..., Dialect]) -> None:
    """A version that was not published is refused; anything may stand at an ignored place."""
    good = told(profile(), version=2, extra={"a": [1, {"b": None}]})
    assert good.faults == () and fate(good, "/version") is Fate.EXPECTED
    assert fate(good, "/extra/a/0") is fate(good, "/extra/a/1/b") is Fate.IGNORED
    assert faults(told(profile(), version="3")) == {("gia_tri_khong_co", "/version")}


def test_unknown_fields_are_refused_or_reported_as_the_profile_says(profile: Callable[..., Dialect]) -> None:
    """One name for the whole unknown part, a fate for each of its leaves."""
    odd = {"x": 1, "y": [True, None], "z": {}}
    assert faults(told(profile(), odd=odd)) == {("truong_khong_biet", "/odd")}
    report = told(profile(('format = "json"', 'format = "json"\nunknown = "report"')), odd=odd)
    assert report.faults == () and report.unknown == ("/odd",)
    unknown = {leaf.place.pointer for leaf in report.leaves if leaf.fate is Fate.UNKNOWN}
    assert unknown == {"/odd/x", "/odd/y/0", "/odd/y/1", "/odd/z"}


def test_ids_are_derived_from_what_the_profile_says(profile: Callable[..., Dialect]) -> None:
    """The same words give the same id, other words or another system another one; a missing part is named."""
    assert told(profile()).tree["event_id"] == told(profile(), what="khác").tree["event_id"]
    assert told(profile()).tree["event_id"] != told(profile(), id="M-2").tree["event_id"]
    other = translate(MESSAGE, profile(), "SEC-Y", DIGEST)
    assert told(profile()).tree["event_id"] != other.tree["event_id"]
    assert faults(told(profile(), id=None)) == {("thieu_truong", "/id")}
    body = profile(
        ('{keys = ["id", "n"]}', '"body"'), ('extra = "không dùng"', 'extra = "không dùng"\nid = "không dùng"')
    )
    again = translate(MESSAGE, body, "SEC-X", hashlib.sha256(b"y").digest())
    assert told(body).tree["event_id"] == told(body, what="khác").tree["event_id"] != again.tree["event_id"]
    own = profile(('{keys = ["id", "n"]}', '{uuid = "id"}'))
    assert (
        told(own, id="019A0F5E-7B1C-7C40-9A51-2F1D6C0A1111").tree["event_id"] == "019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111"
    )
    assert faults(told(own)) == {("sai_uuid", "/id")}


def test_nobody_is_identified_by_words_that_could_be_cut_otherwise(profile: Callable[..., Dialect]) -> None:
    """("1", "23") and ("12", "3") are two events."""
    ids = {told(profile(), id=first, n=second).tree["event_id"] for first, second in (("1", "23"), ("12", "3"))}
    assert len(ids) == 2


def test_what_the_law_asks_is_told_beside_faults_of_form(profile: Callable[..., Dialect]) -> None:
    """A refusal without its reason and a broken amount: both at once, each by its own place."""
    groups = [{"fees": [{"id": "a", "name": "A", "sum": "x"}]}]
    assert faults(told(profile(), st="X", groups=groups)) == {
        ("thieu_ly_do", "/why"), ("sai_dinh_dang", "/groups/0/fees/0/sum"),
    }  # fmt: skip
    assert faults(told(profile(), st="X", why=5)) == {("sai_kieu", "/why")}


def test_a_message_without_end_is_refused_at_once(profile: Callable[..., Dialect]) -> None:
    """The work that a stranger can cause is bounded."""
    translation = told(profile(), odd=list(range(MAX_LEAVES)))
    assert faults(translation) == {("qua_nhieu", "")} and len(translation.leaves) <= MAX_LEAVES + 1


BAD: dict[str, tuple[str, str]] = {
    "another name": ('name = "p"', 'name = "q"'),
    "unknown key": ("[times]", "[times]\nsurprise = 1"),
    "unknown top key": ('sequence = "n"', 'sequence = "n"\nsurprise = 1'),
    "unknown field": ('dossier_code = "code"', 'dossier_kode = "code"'),
    "field of nobody": ('dossier_code = "code"', 'system_code = "code"'),
    "both from and constant": ('{constant = "K"}', '{constant = "K", from = "k"}'),
    "neither from nor constant": ('{constant = "K"}', "{}"),
    "unknown reader": ('as = "amount"', 'as = "money"'),
    "unknown table": ('table = "states"', 'table = "stakes"'),
    "unknown column": ('outcome = "outcome"}', 'outcome = "outkome"}'),
    "bad time": ('"yyyyMMddHHmmss"]', '"yyyyMMdd HHQ"]'),
    "time without day": ('day = "dd/MM/yyyy"', 'day = "MM/yyyy"'),
    "unbalanced form": ('"dd/MM/yyyy[ HH:mm]"', '"dd/MM/yyyy[ HH:mm"'),
    "unknown zone": ("Asia/Ho_Chi_Minh", "Asia/Saigon"),
    "z without zone": ('zone = "Asia/Ho_Chi_Minh"\n', ""),
    "unknown state": ('["awaiting_supplement"]', '["waiting"]'),
    "list into a single field": ('"step.content" = "what"', '"step.content" = "what[]"'),
    "list from two lists": ('"groups[].fees[].name"', '"others[].name"'),
    "empty step": ('dossier_code = "code"', 'dossier_code = "a..b"'),
    "read and ignored": ('extra = "không dùng"', 'code = "không dùng"'),
    "read below ignored": ('extra = "không dùng"', 'sup = "không dùng"'),
    "id from a list": ('{keys = ["id", "n"]}', '{keys = ["groups[].id"]}'),
    "no id": ('{keys = ["id", "n"]}', "{}"),
    "unknown answer": ('format = "json"', 'format = "json"\nanswer = "csv"'),
    "root for json": ('format = "json"', 'format = "json"\nroot = "a"'),
    "xml without root": ('format = "json"', 'format = "xml"'),
    "unknown policy": ('format = "json"', 'format = "json"\nunknown = "drop"'),
    "no publication": ('publication = {number = "1", date = 2026-01-01, title_vi = "Chuẩn thử"}\n', ""),
    "publication with more": ('title_vi = "Chuẩn thử"}', 'title_vi = "Chuẩn thử", x = 1}'),
    "no order": ('sequence = "n"\n', ""),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_a_profile_that_cannot_be_meant_does_not_load(profile: Callable[..., Dialect], what: str) -> None:
    """No line of a profile is without effect."""
    with pytest.raises(TableUnreadable):
        profile(BAD[what])


DEFECTS: dict[str, tuple[tuple[str, str], str]] = {
    "publication without number": (('number = "1"', 'number = " "'), "no_publication"),
    "publication without date": ((", date = 2026-01-01", ""), "no_publication"),
    "ignored without reason": (('extra = "không dùng"', 'extra = " "'), "no_reason"),
    "required field unfed": (('"step.content" = "what"\n', ""), "unfed"),
    "required part of a group unfed": (('"supplement.id" = "sup.id"\n', ""), "unfed"),
    "required part of a list unfed": (('"results[].file.size" = "paper.size"\n', ""), "unfed"),
    "no dossier": (('dossier_code = "code"\n', ""), "unfed"),
    "no state": (('state = {from = "st", table = "states", also = {outcome = "outcome"}}\n', ""), "unfed"),
    "bad constant": (('"fees[].id" =', '"fees[].kind" = {constant = "gift"}\n"fees[].id" ='), "bad_constant"),
    "bad cell": (('table = "states", also', 'table = "states", column = "outcome", also'), "bad_cell"),
    "no example": (('examples = ["p.json"]', "examples = []"), "no_example"),
    "example missing": (('"p.json"', '"q.json"'), "no_example"),
    "idle condition": (('supplement = ["awaiting_supplement"]', 'new_due_at = ["stopped"]'), "idle_condition"),
    "not NFC": (("Đơn vị thử", "Đơn vi\u0323 thử"), "not_nfc"),
}


@pytest.mark.parametrize("what", sorted(DEFECTS))
def test_each_defect_of_a_profile_has_its_finding(
    profile: Callable[..., Dialect], write_tables: WriteTables, what: str
) -> None:
    """`gateway mappings lint` names it; the same profile without the defect is clean."""
    change, code = DEFECTS[what]
    profile()
    assert lint_profiles(write_tables({})) == ()
    profile(change)
    found = {finding.code for finding in lint_profiles(write_tables({}))}
    assert code in found and found <= {code, "bad_cell"}


def test_codes_of_a_publication_must_be_copied(profile: Callable[..., Dialect], write_tables: WriteTables) -> None:
    """A table without the published list of codes cannot be held against it."""
    profile()
    folder = write_tables({"tables.toml": TABLES.replace("total = true\ntotal_from = 2024-01-01\n", "")})
    fresh = folder / "fresh"
    fresh.mkdir()
    for file in ("states.csv", "tables.toml", "p.toml", "p.json"):
        (fresh / file).write_bytes((folder / file).read_bytes())
    assert {finding.code for finding in lint_profiles(fresh)} == {"no_list"}


def test_a_profile_that_nobody_shipped_is_named() -> None:
    """Neither a missing file nor the default profile is a foreign dialect."""
    for name in ("khong_co", "default"):
        with pytest.raises(TableUnreadable, match=name):
            load_dialect(name)
