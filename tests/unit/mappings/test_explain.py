"""The explanation: field by field, with table and row, and without personal data."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.explain import ExplainRow, explain, title_of
from mappings.tables import load_table

Tree = dict[str, Any]


def _by_pointer(rows: tuple[ExplainRow, ...]) -> dict[str, ExplainRow]:
    return {row.pointer: row for row in rows}


def test_every_member_of_an_event_has_its_row(event_tree: Tree) -> None:
    """Pointer, canonical field and result of values at every depth; the portal's code comes last, with its row."""
    rows = explain(event_tree)
    shown = _by_pointer(rows[:-1])
    assert shown["/occurred_at"].result == "2026-11-20T08:04:05+00:00"
    assert shown["/results/0/signature/format"].field == "results[0].signature_format"
    assert shown["/results/0/file/size"].result == "184320"
    assert len(shown) == 25
    status = rows[-1]
    assert (status.field, status.table, status.result) == ("TrangThaiHoSo", "portal_status", "9 (Đã xử lý xong)")
    table = load_table("portal_status")
    assert [row["state"] for row in table.rows if row.number == status.row] == ["resolved"]


def test_a_resolved_raw_state_names_its_code_list(event_tree: Tree) -> None:
    """Without a state the row of the sector's own list is shown."""
    del event_tree["state"]
    row = explain(event_tree)[-2]
    assert (row.pointer, row.value, row.field, row.table, row.result) == (
        "/raw_state", "09", "state", "raw_states", "resolved",
    )  # fmt: skip
    assert row.row > 1


def test_a_dossier_shows_the_portal_codes_of_its_words(dossier_tree: Tree) -> None:
    """Channel, party kind, result form, fee: each with the outward table and row; an identity without code says so."""
    shown = _by_pointer(explain(dossier_tree))
    assert shown["/origin"].result == "online_national → KenhThucHien 2 (Trực tuyến)"
    assert shown["/applicant/kind"].table == "portal_party_kind"
    assert shown["/delivery/result_method"].result.startswith("post → HinhThuc 1")
    assert shown["/fees/0/collection_time"].row == 2
    assert shown["/applicant/id/type"].row == 0
    assert "không có mã" in shown["/applicant/id/type"].result
    assert shown["/state"].result == "4 (Đang xử lý)"


def test_no_personal_data_is_shown(dossier_tree: Tree, event_tree: Tree) -> None:
    """Names, numbers, addresses and free text stay out of the explanation, faulty ones too."""
    event_tree["step"]["content"] = "Ông Nguyễn Văn Mẫu, số 0900000001"
    dossier_tree["agency"]["name"] = ["Nguyễn Văn Mẫu"]
    dossier_tree["other"] = "Nguyễn Văn Mẫu"
    dossier_tree["components"].append("Nguyễn Văn Mẫu")
    text = repr(explain(dossier_tree)) + repr(explain(event_tree)) + repr(explain(dossier_tree | {"applicant": "Mẫu"}))
    for secret in ("Mẫu", "0900000001", "001099000001", "0100000001", "a@example.vn", "1 Phố", "1990-01-02"):
        assert secret not in text


def test_faults_and_warnings_stand_at_their_place(event_tree: Tree) -> None:
    """A fault of a value stands in its row, that of a missing value in a row of its own; a warning says so."""
    event_tree |= {"state": "processing", "outcome": "none", "new_due_at": "2026-12-01T00:00:00+07:00"}
    assert any(row.result.startswith("CẢNH BÁO") for row in explain(event_tree))
    event_tree |= {"state": "stopped", "sequence": "x"}
    shown = _by_pointer(explain(event_tree))
    assert shown["/sequence"].result.startswith("LỖI")
    assert (shown["/reason"].field, shown["/reason"].result[:4]) == ("", "LỖI:")


def test_members_that_nobody_reads_are_named(event_tree: Tree) -> None:
    """A misspelt member is the usual reason for a value that does not arrive."""
    event_tree["step"]["note"] = "x"
    assert _by_pointer(explain(event_tree))["/step/note"].result.startswith("không dùng")


def test_a_draft_has_no_portal_status(event_tree: Tree) -> None:
    """The explanation says that nothing would go out, instead of failing."""
    event_tree |= {"state": "draft", "outcome": "none", "results": []}
    assert explain(event_tree)[-1].row == 0


@pytest.mark.parametrize("tree", [None, [], "x", 5, {}, {"event_id": []}, {"sequence": {}}, {"times": 3}])
def test_any_json_value_can_be_explained(tree: object) -> None:
    """The command is for finding out what is wrong; it must not fail on what is wrong."""
    rows = explain(tree)
    assert rows
    assert any(row.result.startswith("LỖI") for row in rows)


def test_what_is_personal_is_shown_in_the_forms_of_masking(dossier_tree: Tree) -> None:
    """As sent and as understood: enough to compare with a paper in the hand (identity facts 5)."""
    rows = _by_pointer(explain(dossier_tree))
    assert {(row.value, row.result) for row in rows.values() if row.pointer == "/submitter/name"} == {("N. V. M.",) * 2}
    assert rows["/submitter/id/number"].result == "*********001"
    assert rows["/submitter/date_of_birth"].result == "1990"
    assert rows["/applicant/email"].result == "***@example.vn"
    assert rows["/applicant/address/full_text"].result == "***"


def test_a_fault_of_content_names_the_row_of_the_requirements(event_tree: Tree) -> None:
    """An office that keeps the table finds the line that refused the event."""
    event_tree["state"], event_tree["outcome"] = "stopped", "none"
    row = _by_pointer(explain(event_tree))["/reason"]
    assert row.table == "requirements" and row.result.startswith("LỖI: Thiếu lý do")
    assert [line["state"] for line in load_table("requirements").rows if line.number == row.row] == ["stopped"]


def test_tables_have_titles_for_people() -> None:
    """Our tables and the sectors' code lists are named in Vietnamese; a table of a connector keeps its name."""
    assert title_of("requirements").startswith("Điều kiện") and "trạng thái" in title_of("raw_states")
    assert title_of("outcomes") == "outcomes"
