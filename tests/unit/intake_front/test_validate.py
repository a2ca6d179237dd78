"""Shape: every fault at once, by pointer, in Vietnamese, and no value repeated."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from gateway.config import Intake
from gateway.errors import ConfigError, Invalid
from gateway.intake.strict_json import MAX_FAULTS
from gateway.intake.validate import (
    PATTERNS,
    Kind,
    Limits,
    Submission,
    schema,
    validate_dossier,
    validate_event,
)
from mappings import codes

JSON = "application/json"
Tree = dict[str, Any]


def raw_of(tree: Tree) -> bytes:
    """The tree as a sender writes it."""
    return json.dumps(tree, ensure_ascii=False).encode()


def check(tree: Tree, limits: Limits, kind: Kind = "event") -> set[tuple[str, str]]:
    """Codes and pointers of the faults of a tree; empty when there is none."""
    try:
        (validate_event if kind == "event" else validate_dossier)(raw_of(tree), JSON, limits)
    except Invalid as error:
        assert (error.status, error.code) == (422, "invalid")
        return {(fault.code, fault.pointer) for fault in error.faults}
    return set()


def test_a_lawful_event_keeps_its_bytes(event: Tree, limits: Limits) -> None:
    """A submission holds the bytes that were signed, their digest and the tree, and shows none of it."""
    raw = raw_of(event)
    submission = validate_event(raw, JSON, limits, idempotency_key=event["event_id"])
    assert submission == Submission("event", raw, event, hashlib.sha256(raw).digest())
    assert "Mẫu" not in repr(submission)


def test_a_lawful_snapshot(dossier: Tree, limits: Limits) -> None:
    """The snapshot of a dossier passes, and must stand under its own address."""
    raw = raw_of(dossier)
    assert validate_dossier(raw, JSON, limits, path_code=dossier["dossier_code"]).kind == "dossier"
    with pytest.raises(Invalid) as caught:
        validate_dossier(raw, JSON, limits, path_code="000.00.00.G16-261120-0043")
    assert [fault.code for fault in caught.value.faults] == ["ma_ho_so_khac_duong_dan"]


def test_all_faults_at_once(event: Tree, limits: Limits) -> None:
    """Missing, wrong, unknown, and crossed fields are told in one answer."""
    del event["occurred_at"], event["step"]["actor"]["name"]
    event |= {"sequence": "7", "state": "xong", "mau_sac": "đỏ", "sent_at": "2026-11-20T15:04:07"}
    event["results"][0]["file"]["sha256"] = "ABC"
    expected = {
        ("thieu_truong", "/occurred_at"),
        ("thieu_truong", "/step/actor/name"),
        ("sai_kieu", "/sequence"),
        ("gia_tri_khong_co", "/state"),
        ("truong_khong_biet", "/mau_sac"),
        ("thieu_mui_gio", "/sent_at"),
        ("sai_dinh_dang", "/results/0/file/sha256"),
    }
    assert check(event, limits) == expected


def test_faults_repeat_no_value(dossier: Tree, limits: Limits) -> None:
    """Names, numbers and addresses of people never come back in an error."""
    dossier["applicant"] |= {"phone": 900000001, "kind": "Nguyễn Thị Thử", "date_of_birth": "31/01/1990"}
    dossier["applicant"]["id"]["number"] = "001099000001" * 10
    with pytest.raises(Invalid) as caught:
        validate_dossier(raw_of(dossier), JSON, limits)
    told = " ".join(fault.pointer + fault.message_vi for fault in caught.value.faults) + str(caught.value)
    assert len(caught.value.faults) == 4
    assert not any(secret in told for secret in ("Nguyễn", "0900000001", "900000001", "001099", "1990"))


@pytest.mark.parametrize("birth", ["1950", "1950-03", "1950-03-31"])
def test_a_birth_may_be_sent_as_far_as_it_is_known(dossier: Tree, limits: Limits, birth: str) -> None:
    """Many papers of the elderly hold a year alone."""
    dossier["applicant"]["date_of_birth"] = birth
    assert validate_dossier(raw_of(dossier), JSON, limits).tree["applicant"]["date_of_birth"] == birth


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-11-20T15:04:05", "thieu_mui_gio"),
        ("2026-11-20 15:04", "thieu_mui_gio"),
        ("2026-11-20T15:04:05+0700", "sai_thoi_diem"),
        ("2026-02-30T15:04:05+07:00", "sai_thoi_diem"),
        ("2026-11-20T24:00:00+07:00", "sai_thoi_diem"),
        ("2026-11-20T15:04:60+07:00", "sai_thoi_diem"),
        ("2026-11-20T15:04:05+25:00", "sai_thoi_diem"),
        ("0000-00-00T00:00:00.000+07:00", "sai_thoi_diem"),
        ("0001-01-01T00:00:00+07:00", "sai_thoi_diem"),
        ("20261120150405", "sai_thoi_diem"),
        ("hôm qua", "sai_thoi_diem"),
        ("", "sai_thoi_diem"),
        ("２026-11-20T15:04:05Z", "sai_thoi_diem"),
    ],
)
def test_date_without_zone_and_other_impossible_times(event: Tree, limits: Limits, text: str, code: str) -> None:
    """A time is RFC 3339 with a zone, and exists."""
    event["occurred_at"] = text
    assert check(event, limits) == {(code, "/occurred_at")}


@pytest.mark.parametrize("text", ["2026-11-20T08:04:05Z", "2026-11-20T15:04:05.123456+07:00", "2024-02-29T00:00:00Z"])
def test_times_with_zone(event: Tree, limits: Limits, text: str) -> None:
    """Every zone is as good as ours."""
    event["occurred_at"] = text
    assert check(event, limits) == set()


def test_impossible_day(event: Tree, limits: Limits) -> None:
    """A day exists in the calendar."""
    for text in ("2026-02-29", "20/11/2026", "2026-11-20T00:00:00Z"):
        event["results"][0]["issued_on"] = text
        assert check(event, limits) == {("sai_ngay", "/results/0/issued_on")}


def test_nfd_names_are_taken(event: Tree, limits: Limits) -> None:
    """Decomposed names are lawful Unicode: the mapping composes them later, the raw bytes stay as they were signed."""
    name = unicodedata.normalize("NFD", "Trần Văn Mẫu")
    event["step"]["actor"]["name"] = name
    assert validate_event(raw_of(event), JSON, limits).tree["step"]["actor"]["name"] == name


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("sequence", 0, "qua_nho"),
        ("sequence", -1, "qua_nho"),
        ("sequence", True, "sai_kieu"),
        ("sequence", 7.5, "sai_kieu"),
        ("sequence", 8.0, "sai_kieu"),
        ("sequence", [7], "sai_kieu"),
        ("sequence", 2**53, "qua_lon"),
        ("event_id", "7", "sai_uuid"),
        ("event_id", "019A0F5E-7B1C-7C40-9A51-2F1D6C0A1111", "sai_uuid"),
        ("event_id", 7, "sai_kieu"),
        ("schema_version", "2", "gia_tri_khong_co"),
        ("system_code", "SEC DEMO", "sai_dinh_dang"),
        ("system_code", "SEC-DEMO\n", "sai_dinh_dang"),
        ("state", 9, "sai_kieu"),
        ("outcome", "", "gia_tri_khong_co"),
        ("step", [], "sai_kieu"),
        ("results", {}, "sai_kieu"),
        ("raw_state", "x" * 65, "qua_dai"),
    ],
)
def test_wrong_types_and_unknown_codes(event: Tree, limits: Limits, field: str, value: object, code: str) -> None:
    """One wrong value, one fault."""
    event.pop("previous_sequence")
    event[field] = value
    assert check(event, limits) == {(code, f"/{field}")}


def test_blank_name(event: Tree, limits: Limits) -> None:
    """A mandatory text holds at least one visible character."""
    event["step"]["actor"]["name"] = " \u00a0 "
    assert check(event, limits) == {("de_trong", "/step/actor/name")}


def test_unknown_fields_below_the_top(event: Tree, limits: Limits) -> None:
    """Nothing is silently dropped, at any depth; the pointer is escaped."""
    event["step"]["a/b"] = 1
    event["results"][0]["file"]["content"] = "AAAA"
    assert check(event, limits) == {
        ("truong_khong_biet", "/step/a~1b"),
        ("truong_khong_biet", "/results/0/file/content"),
    }


def test_null_says_that_a_field_does_not_apply(event: Tree, limits: Limits) -> None:
    """Senders that write absent fields as null are understood; a mandatory field must still be there."""
    event |= {"previous_sequence": None, "reason": None, "fees": None}
    event["results"][0]["issued_on"] = None
    tree = validate_event(raw_of(event), JSON, limits).tree
    assert {"previous_sequence", "reason", "fees"}.isdisjoint(tree) and "issued_on" not in tree["results"][0]
    event["step"] = None
    assert check(event, limits) == {("thieu_truong", "/step")}


@pytest.mark.parametrize("absent", [{}, {"raw_state": ""}, {"state": None, "raw_state": " "}])
def test_event_without_any_state(event: Tree, limits: Limits, absent: Tree) -> None:
    """A canonical state or one of the sender's own list: at least one."""
    del event["state"], event["raw_state"]
    assert check(event | absent, limits) == {("thieu_mot_trong", "")}
    assert check(event | {"raw_state": "09"}, limits) == set()


def test_event_without_a_subject(event: Tree, limits: Limits) -> None:
    """A dossier code or the sector's own id: at least one."""
    del event["dossier_code"], event["sector_dossier_id"]
    assert check(event, limits) == {("thieu_mot_trong", "")}
    assert check(event | {"dossier_code": "", "sector_dossier_id": "LH-1"}, limits) == set()


@pytest.mark.parametrize(
    "code",
    ["000.00.00.G16-241014-0001", "H15.50.05.13-261008-0975", "H15.50.05.13-261008-160123", "G09.20-20260609-0092637"],
)
def test_dossier_codes_of_every_regime(event: Tree, limits: Limits, code: str) -> None:
    """The forms of national-portal facts 4.1."""
    event["dossier_code"] = code
    assert check(event, limits) == set()


@pytest.mark.parametrize(
    "code",
    [
        "HS-1",
        "000.00.00.G16-241014-001",
        "000.00.00.G16-241014-0001\n",
        "000.00.00.Z16-241014-0001",
        "000.00.00.g16-241014-0001",
        "../000.00.00.G16-241014-0001",
        "G16" + ".0000" * 7 + "-241014-0001",
        "٠٠٠.00.00.G16-241014-0001"[:3] + "x",
    ],
)
def test_dossier_code_of_no_regime(event: Tree, limits: Limits, code: str) -> None:
    """A code that the gateway could not carry on is refused; so is a unit of more than 35 characters."""
    event["dossier_code"] = code
    assert check(event, limits) == {("ma_ho_so_sai", "/dossier_code")}


def test_dossier_code_patterns_are_configuration(event: Tree) -> None:
    """The accepted forms come from the settings; a form without a named unit is fine."""
    own = Limits.of(Intake(dossier_code_patterns=(r"HS-\d+",)))
    event["dossier_code"] = "HS-1"
    assert check(event, own) == set()
    event["dossier_code"] = "HS-" + "1" * 50
    assert ("ma_ho_so_sai", "/dossier_code") in check(event, own)


def test_dossier_code_pattern_that_is_none() -> None:
    """A wrong pattern is named at start, not met by the first caller."""
    with pytest.raises(ConfigError, match="dossier_code_patterns"):
        Limits.of(Intake(dossier_code_patterns=("(",)))


def test_predecessor_that_does_not_precede(event: Tree, limits: Limits) -> None:
    """The predecessor has a smaller number; zero says that there was none."""
    for previous in (7, 8):
        assert check(event | {"previous_sequence": previous}, limits) == {("thu_tu_sai", "/previous_sequence")}
    assert check(event | {"previous_sequence": 0}, limits) == set()


def test_idempotency_key_of_another_event(event: Tree, limits: Limits) -> None:
    """The header repeats the event's id, bare or quoted; anything else is a fault beside the others."""
    raw = raw_of(event)
    for good in (event["event_id"], f'"{event["event_id"]}"', None):
        assert validate_event(raw, JSON, limits, idempotency_key=good).tree == event
    for bad in ("", '"', "019a0f5e-7b1c-7c40-9a51-2f1d6c0a2222", event["event_id"].upper()):
        with pytest.raises(Invalid) as caught:
            validate_event(raw, JSON, limits, idempotency_key=bad)
        assert [fault.code for fault in caught.value.faults] == ["khoa_khac_event_id"]


@pytest.mark.parametrize("value", ["", "text/plain", "application/xml", "application/json; charset=latin-1", "json"])
def test_content_that_is_not_declared_json(event: Tree, limits: Limits, value: str) -> None:
    """Only JSON in UTF-8 is read."""
    with pytest.raises(Invalid) as caught:
        validate_event(raw_of(event), value, limits)
    assert (caught.value.status, caught.value.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "value", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_content_declared_json(event: Tree, limits: Limits, value: str) -> None:
    """Case and an explicit UTF-8 do not matter."""
    assert validate_event(raw_of(event), value, limits).kind == "event"


def test_structure_comes_before_shape(limits: Limits) -> None:
    """A duplicate key is a 400 even where the schema would have refused as well."""
    with pytest.raises(Invalid) as caught:
        validate_event(b'{"state":"x","state":"y"}', JSON, limits)
    assert caught.value.status == 400


def test_nesting_limit_is_never_unbounded() -> None:
    """A generous setting does not let a body exhaust the stack."""
    generous = Limits.of(Intake(max_depth=1_000_000))
    with pytest.raises(Invalid) as caught:
        validate_event(b"[" * 100_000, JSON, generous)
    assert caught.value.faults[0].code == "json_qua_sau"


def test_the_list_of_faults_is_bounded(event: Tree, limits: Limits) -> None:
    """A thousand unknown fields do not make a thousand lines."""
    with pytest.raises(Invalid) as caught:
        validate_event(raw_of(event | {f"x{n}": n for n in range(1000)}), JSON, limits)
    assert len(caught.value.faults) == MAX_FAULTS


@pytest.mark.parametrize("value", ["javascript:alert(1)", "ftp://x/y", "//x", "http://a b"])
def test_result_address_that_is_no_web_address(event: Tree, limits: Limits, value: str) -> None:
    """An address, if there is one, is http or https."""
    event["results"][0]["file"]["url"] = value
    assert check(event, limits) == {("sai_dinh_dang", "/results/0/file/url")}


def _nodes(node: object) -> Iterator[Tree]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


KINDS: tuple[Kind, ...] = ("event", "dossier")


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_know_the_closed_lists(kind: Kind) -> None:
    """Every enumeration of the published schemas is a closed list of the canonical model, word for word."""
    known = {
        frozenset(member.value for member in listed)
        for listed in vars(codes).values()
        if isinstance(listed, type) and issubclass(listed, StrEnum) and listed is not StrEnum
    }
    lists = [frozenset(node["enum"]) for node in _nodes(schema(kind)) if isinstance(node.get("enum"), list)]
    assert len(lists) > 4
    assert all(found in known or found == {"1"} for found in lists)


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_closed_bounded_and_explained(kind: Kind) -> None:
    """Every object is closed, every free text and array bounded, every pattern has its Vietnamese sentence."""
    for node in _nodes(schema(kind)):
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
        if node.get("type") == "array":
            assert node["maxItems"]
        if node.get("type") == "string":
            assert {"maxLength", "enum", "format"} & set(node) or node["pattern"] != r"\S"
        if isinstance(node.get("pattern"), str):
            assert node["pattern"] in PATTERNS


def mutants(tree: Tree) -> Iterator[Tree]:
    """The tree with one member at a time replaced by something of the wrong kind."""
    kinds: tuple[object, ...] = (3, "", [], {}, True, "x" * 5000, [[]], [3])
    for key in tree:
        for wrong in kinds:
            yield tree | {key: wrong}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_of_a_schema_has_a_published_code(kind: Kind, limits: Limits, event: Tree, dossier: Tree) -> None:
    """Whatever is wrong, no fault falls through to the nameless one."""
    for mutant in mutants(event if kind == "event" else dossier):
        assert "khong_hop_le" not in {code for code, _ in check(mutant, limits, kind)}
