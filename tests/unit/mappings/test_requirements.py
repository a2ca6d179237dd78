"""What an event must carry by itself: every fault that does not depend on history, told at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mappings.canonical import Actor, Fee, FileRef, Reason, ResultDocument, StatusEvent, Step, Supplement
from mappings.codes import DossierStatus, Outcome
from mappings.lifecycle import event_faults, event_flags, transition_faults

AT = datetime(2026, 11, 20, 8, 4, 5, tzinfo=UTC)
REASON = Reason("KHAC", "Thiếu giấy tờ", "QĐ 3036 Điều 8.2")
SUPPLEMENT = Supplement("BS-1", "Cán bộ", "Bổ sung đơn", AT)
FEE = Fee("P-1", "Phí thẩm định", 500_000)
RESULT = ResultDocument("GP-1", "Giấy phép", FileRef("gp.pdf", "application/pdf", 1, "0" * 64))


def _event(state: DossierStatus, outcome: Outcome = Outcome.NONE) -> StatusEvent:
    return StatusEvent(
        event_id="e",
        system_code="SEC-DEMO",
        dossier_code="d",
        sequence=1,
        occurred_at=AT,
        state=state,
        outcome=outcome,
        step=Step(Actor("Cán bộ"), "Việc"),
    )


def _codes(event: StatusEvent) -> set[tuple[str, str]]:
    return {(fault.code, fault.pointer) for fault in event_faults(event)}


@pytest.mark.parametrize("state", [DossierStatus.INTAKE_REFUSED, DossierStatus.STOPPED])
def test_a_refusal_or_stop_without_a_reason_is_refused(state: DossierStatus) -> None:
    """QĐ 3036 Điều 4.5, 8.2: the code is `thieu_ly_do`, and a reason mends it."""
    assert _codes(_event(state)) == {("thieu_ly_do", "/reason")}
    assert _codes(replace(_event(state), reason=REASON)) == set()


def test_a_reason_without_words_is_no_reason() -> None:
    """Blank text does not satisfy the duty to give reasons."""
    event = replace(_event(DossierStatus.STOPPED), reason=Reason("KHAC", " \u00a0 "))
    assert _codes(event) == {("thieu_ly_do", "/reason")}


def test_a_supplement_request_needs_its_content_and_a_reason() -> None:
    """Both are missing, both are told."""
    event = _event(DossierStatus.AWAITING_SUPPLEMENT)
    assert _codes(event) == {("thieu_ly_do", "/reason"), ("thieu_yeu_cau_bo_sung", "/supplement")}
    assert _codes(replace(event, reason=REASON, supplement=SUPPLEMENT)) == set()


def test_a_fee_request_names_its_fees() -> None:
    """`awaiting_payment` without a fee cannot be paid."""
    assert _codes(_event(DossierStatus.AWAITING_PAYMENT)) == {("thieu_khoan_thu", "/fees")}
    assert _codes(replace(_event(DossierStatus.AWAITING_PAYMENT), fees=(FEE,))) == set()


@pytest.mark.parametrize("outcome", [Outcome.NONE, Outcome.WITHDRAWN, Outcome.CANCELLED])
def test_a_resolved_dossier_was_granted_or_refused(outcome: Outcome) -> None:
    """Any other outcome of `resolved` is a fault."""
    assert _codes(_event(DossierStatus.RESOLVED, outcome)) == {("thieu_ket_qua_giai_quyet", "/outcome")}


def test_granting_needs_a_result() -> None:
    """At least one result document goes with a grant."""
    granted = _event(DossierStatus.RESOLVED, Outcome.GRANTED)
    assert _codes(granted) == {("thieu_giay_to_ket_qua", "/results")}
    assert _codes(replace(granted, results=(RESULT,))) == set()


def test_a_refused_outcome_needs_a_reason_in_every_state() -> None:
    """The outcome counts, not the state; with two rules the fault is told once."""
    for state in DossierStatus:
        faults = event_faults(_event(state, Outcome.REFUSED))
        assert [fault.code for fault in faults].count("thieu_ly_do") == 1


@pytest.mark.parametrize("state", [DossierStatus.SUBMITTED, DossierStatus.RECEIVED, DossierStatus.PROCESSING])
def test_rejecting_a_withdrawal_needs_a_reason(state: DossierStatus) -> None:
    """Only the state before tells that going on means rejecting the withdrawal."""
    event = _event(state)
    assert event_faults(event) == ()
    assert [fault.code for fault in transition_faults(event, DossierStatus.WITHDRAWAL_REQUESTED)] == ["thieu_ly_do"]
    assert transition_faults(replace(event, reason=REASON), DossierStatus.WITHDRAWAL_REQUESTED) == ()
    assert transition_faults(event, DossierStatus.RECEIVED) == ()
    assert transition_faults(event, None) == ()


def test_a_second_supplement_request_is_flagged_and_not_refused() -> None:
    """Once and complete is the law; a second request still goes out, and is shown."""
    event = replace(_event(DossierStatus.AWAITING_SUPPLEMENT), reason=REASON, supplement=SUPPLEMENT)
    assert event_flags(event) == ()
    assert [flag.code for flag in event_flags(event, supplements_before=1)] == ["bo_sung_lan_hai"]
    assert event_faults(event) == ()


def test_a_new_due_date_without_a_reason_is_flagged() -> None:
    """An extension should say why (NĐ 61/2018 Điều 19.9); a first due date on reception need not."""
    extended = replace(_event(DossierStatus.PROCESSING), new_due_at=AT)
    assert [flag.code for flag in event_flags(extended)] == ["gia_han_thieu_ly_do"]
    assert event_flags(replace(extended, reason=REASON)) == ()
    assert event_flags(replace(_event(DossierStatus.RECEIVED), new_due_at=AT)) == ()


def test_an_approved_withdrawal_should_say_withdrawn() -> None:
    """Stopping after a withdrawal request without that outcome is shown to a person."""
    stopped = replace(_event(DossierStatus.STOPPED), reason=REASON)
    flags = event_flags(stopped, DossierStatus.WITHDRAWAL_REQUESTED)
    assert [flag.code for flag in flags] == ["nen_ghi_ket_qua_rut"]
    withdrawn = replace(stopped, outcome=Outcome.WITHDRAWN)
    assert event_flags(withdrawn, DossierStatus.WITHDRAWAL_REQUESTED) == ()
