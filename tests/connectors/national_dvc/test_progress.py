"""Progress rows: the event's own, the two that the on-time formula needs, and none that was acknowledged before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Delivery
from connectors.kit.errors import CannotMap
from connectors.national_dvc.history import plan
from connectors.national_dvc.profiles._mapi.messages import DongTienDo
from connectors.national_dvc.profiles._mapi.progress import map_rows
from connectors.national_dvc.profiles._mapi.rules import Rules
from mappings.canonical import Actor, Carried, Dossier, Reason, Step, Supplement
from mappings.codes import DossierStatus, Outcome

Make = Callable[..., Carried]
RULES = Rules()
STEPS = (
    (DossierStatus.RECEIVED, "20241014093000", Step(Actor("Trần Thị B"), "Tiếp nhận hồ sơ")),
    (DossierStatus.PROCESSING, "20241014100000", Step(Actor("Lê Văn C"), "Chuyển phòng chuyên môn thẩm định")),
    (DossierStatus.RESOLVED, "20241018160000", Step(Actor("Phạm Văn D"), "Ký số và phát hành kết quả")),
    (DossierStatus.RETURNED, "20241018163000", Step(Actor("Trần Thị B"), "Trả kết quả điện tử")),
)


def statuses(carried: Carried, *acknowledged: str, rules: Rules = RULES) -> list[str]:
    """The statuses of the rows of one event."""
    return [row.TrangThai for row in map_rows(carried, rules, frozenset(acknowledged))]


def test_the_example_of_the_facts_is_reproduced(make: Make, example: Callable[[str], dict[str, Any]]) -> None:
    """Four events give the four rows of the example, word for word, and nothing is added."""
    rows: list[DongTienDo] = []
    known: set[str] = set()
    for sequence, (state, moment, step) in enumerate(STEPS, 1):
        rows += map_rows(make(state, moment, step=step, sequence=sequence), RULES, frozenset(known))
        known.update(row.TrangThai for row in rows)
    assert json.loads(msgspec.json.encode(rows)) == example("03-cap-nhat-tien-do.json")["message"]["data"]


def test_rows_2_and_9_are_added_where_no_event_reported_them(make: Make) -> None:
    """A system that reports only milestones still gives the portal its start and its finish, at their own times."""
    rows = map_rows(make(DossierStatus.RETURNED, "20241018163000"), RULES)
    assert [(row.TrangThai, row.ThoiDiemXuLy) for row in rows] == [
        ("2", "20241014093000"),
        ("9", "20241018160000"),
        ("10", "20241018163000"),
    ]
    assert rows[0].NguoiXuLy == "Bộ phận Một cửa"
    assert rows[1].NguoiXuLy == "Cục ví dụ - Bộ Văn hóa, Thể thao và Du lịch"


def test_an_acknowledged_row_is_not_made_again(make: Make) -> None:
    """What the lane remembers is left out; the event's own row always goes."""
    assert statuses(make(DossierStatus.RETURNED, "20241018163000"), "2", "4", "9") == ["10"]
    assert statuses(make(DossierStatus.PROCESSING, "20241014100000"), "2") == ["4"]


def test_nothing_is_added_before_reception_or_without_its_time(make: Make, dossier: Dossier) -> None:
    """A supplement asked for before reception is no reception; a time that is not known is not made up."""
    assert statuses(make(DossierStatus.SUBMITTED, "20241014081500")) == ["1"]
    assert statuses(make(DossierStatus.AWAITING_SUPPLEMENT, "20241014090000")) == ["5"]
    timeless = replace(dossier, times=replace(dossier.times, received_at=None, resolved_at=None))
    assert statuses(make(DossierStatus.RETURNED, "20241018163000", dossier=timeless)) == ["10"]


def test_a_late_predecessor_adds_its_own_row_only(make: Make) -> None:
    """It is history with its own time, not a state from which anything follows."""
    late = make(DossierStatus.PROCESSING, "20241014100000", state_applies=False)
    assert [(row.TrangThai, row.ThoiDiemXuLy) for row in map_rows(late, RULES)] == [("4", "20241014100000")]


def test_no_row_9_is_added_to_a_case_that_was_refused_under_8(make: Make) -> None:
    """Where a refusal is an 8, a 9 would contradict it."""
    rules = msgspec.convert({"refused_state": "8"}, Rules)
    returned = make(DossierStatus.RETURNED, "20241018163000", outcome=Outcome.REFUSED)
    assert statuses(returned, "2", rules=rules) == ["10"]


def test_the_reason_stands_in_the_content(make: Make) -> None:
    """A supplement or a refusal tells the applicant why (QĐ 3036 Điều 8.2)."""
    reason = Reason("thieu_giay_to", "Thiếu bản sao chứng chỉ.")
    row = map_rows(make(DossierStatus.AWAITING_SUPPLEMENT, "20241014090000", reason=reason), RULES)[-1]
    assert row.NoiDungXuLy == "Xử lý hồ sơ. Lý do: Thiếu bản sao chứng chỉ."
    wordless = make(DossierStatus.AWAITING_SUPPLEMENT, "20241014090000", reason=reason, step=Step(Actor("A"), ""))
    assert map_rows(wordless, RULES)[-1].NoiDungXuLy == "Lý do: Thiếu bản sao chứng chỉ."


def test_the_papers_that_are_asked_for_stand_in_the_content(make: Make, moment: Callable[[str], datetime]) -> None:
    """The portal has no other place for a supplement request; what is said twice is written once."""
    wanted = Supplement("S1", "Trần Thị B", "Bản sao chứng chỉ hành nghề.", moment("20241014090000"))
    reason = Reason("thieu_giay_to", "Hồ sơ thiếu thành phần bắt buộc.")
    row = map_rows(make(DossierStatus.AWAITING_SUPPLEMENT, "20241014090000", supplement=wanted, reason=reason), RULES)[
        -1
    ]
    assert row.NoiDungXuLy == (
        "Xử lý hồ sơ. Yêu cầu bổ sung: Bản sao chứng chỉ hành nghề. Lý do: Hồ sơ thiếu thành phần bắt buộc."
    )
    same = Reason("thieu_giay_to", "Bản sao chứng chỉ hành nghề")
    row = map_rows(make(DossierStatus.AWAITING_SUPPLEMENT, "20241014090000", supplement=wanted, reason=same), RULES)[-1]
    assert row.NoiDungXuLy == "Xử lý hồ sơ. Yêu cầu bổ sung: Bản sao chứng chỉ hành nghề."


@pytest.mark.parametrize("state", [DossierStatus.INTAKE_REFUSED, DossierStatus.STOPPED])
def test_why_a_dossier_ended_reaches_the_citizen(make: Make, state: DossierStatus) -> None:
    """A refusal at reception and a stop say why."""
    row = map_rows(make(state, "20241014090000", reason=Reason("x", "Không thuộc thẩm quyền")), RULES)[-1]
    assert row.NoiDungXuLy.endswith("Lý do: Không thuộc thẩm quyền")


def test_an_officer_and_a_content_are_required_not_invented(make: Make) -> None:
    """Both faults at once; with configured words those are used."""
    mute = make(DossierStatus.PROCESSING, "20241014100000", step=Step(Actor(" "), ""))
    with pytest.raises(CannotMap) as caught:
        map_rows(mute, RULES)
    assert [finding.code for finding in caught.value.findings] == ["missing_step_content", "missing_officer"]
    row = map_rows(mute, Rules(officer_placeholder="Chuyên viên", content_placeholder="Đang xử lý"))[-1]
    assert (row.NguoiXuLy, row.NoiDungXuLy) == ("Chuyên viên", "Đang xử lý")


def test_a_long_officer_name_is_cut_to_fit(make: Make) -> None:
    """At most 50 characters: 46 and three dots (facts 2.7)."""
    row = map_rows(make(DossierStatus.PROCESSING, "20241014100000", step=Step(Actor("Ă" * 80), "x")), RULES)[-1]
    assert row.NguoiXuLy == "Ă" * 46 + "..."


def test_contiguous_events_share_calls_of_at_most_ten_rows(make: Make, delivery: Callable[..., Delivery]) -> None:
    """Thirteen events and the two rows before the first: every call within the limit, order kept, nothing twice."""
    deliveries = [
        delivery("progress", make(DossierStatus.PROCESSING, f"202410{15 + n}100000", sequence=n + 1)) for n in range(13)
    ]
    calls = list(plan(deliveries, RULES).calls(10))
    sizes = [sum(len(item.rows) for item in call) for call in calls]
    assert sizes == [10, 4]
    flat = [item.delivery.delivery_id for call in calls for item in call]
    assert flat == [one.delivery_id for one in deliveries]
    assert calls[-1][-1].memory["rows"] == "2,4"


def test_a_fault_in_the_middle_leaves_what_stands_before_it(make: Make, delivery: Callable[..., Delivery]) -> None:
    """Deliveries before the faulty one can be sent; the fault is its own."""
    good = delivery("progress", make(DossierStatus.PROCESSING, "20241014100000"))
    bad = delivery("progress", make(DossierStatus.PROCESSING, "20241014110000", sequence=2, step=Step(Actor(""), "x")))
    planned = plan([good, bad, good], RULES)
    assert len(planned.ready) == 1
    assert planned.fault is not None


def test_the_memory_of_a_lane_stays_small(make: Make, delivery: Callable[..., Delivery]) -> None:
    """A dossier of a thousand steps remembers the last two hundred events."""
    deliveries = [
        delivery("progress", make(DossierStatus.PROCESSING, "20241014100000", sequence=n + 1)) for n in range(1_000)
    ]
    assert len(plan(deliveries, RULES).ready[-1].memory["events"].split(",")) == 200
