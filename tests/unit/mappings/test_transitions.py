"""The one transition table: the two source tables, transcribed here by hand, joined and compared with what is shipped."""

from __future__ import annotations

from datetime import date

import pytest

from mappings.codes import DossierStatus
from mappings.lifecycle import Verdict, judge_transition

TODAY = date(2026, 11, 21)

# dossier-model facts 3, row by row; "previous" is spelled out by the states from which the pause can be entered there.
DOSSIER_MODEL: dict[str, str] = {
    "draft": "submitted",
    "submitted": "received intake_refused awaiting_payment awaiting_supplement withdrawal_requested",
    "received": "processing awaiting_supplement awaiting_payment withdrawal_requested",
    "processing": "awaiting_supplement awaiting_payment processing stopped resolved withdrawal_requested",
    "awaiting_supplement": "submitted received processing stopped",
    "awaiting_payment": "submitted received processing stopped",
    "withdrawal_requested": "stopped submitted received processing",
    "stopped": "processing",
    "resolved": "returned resolved",
    "returned": "returned processing",
    "intake_refused": "",
}

# national-portal facts 3.1, "From \ To": `y` allowed, `w` warn, `-` not.
PORTAL_STATES = (
    "submitted", "received", "intake_refused", "processing", "awaiting_supplement",
    "awaiting_payment", "withdrawal_requested", "stopped", "resolved", "returned",
)  # fmt: skip
PORTAL: dict[str, str] = {
    #                        1 2 3 4 5 6 7 8 9 10
    "new":                  "y y - - - - - - - -",
    "submitted":            "- y y - y y y - - -",
    "received":             "- - w y y y y y y -",
    "processing":           "- - - y y y y y y -",
    "awaiting_supplement":  "y y y y - - y y - -",
    "awaiting_payment":     "y y - y - - y y y -",
    "withdrawal_requested": "- - - y - - - y - y",
    "stopped":              "- - - w - - - - - y",
    "resolved":             "- - - w - - - - - y",
    "intake_refused":       "- - - - - - - - - -",
    "returned":             "- - - - - - - - - -",
}  # fmt: skip

# What neither table says in so many words. The main line may be skipped forward (dossier-model 3, last sentence).
MAIN_LINE = ("new", "draft", "submitted", "received", "processing", "resolved", "returned")
# Our own reading, each doubtful and therefore shown to a person: a branch whose step before was not reported; a rejected
# withdrawal that goes back to a pause; and reopening a returned dossier, which needs an operator.
DOUBTFUL = {
    ("returned", "processing"),
    ("submitted", "stopped"),
    ("awaiting_supplement", "resolved"),
    ("awaiting_supplement", "returned"),
    ("awaiting_payment", "returned"),
    ("awaiting_supplement", "awaiting_payment"),
    ("awaiting_payment", "awaiting_supplement"),
    ("withdrawal_requested", "awaiting_supplement"),
    ("withdrawal_requested", "awaiting_payment"),
    *(
        (start, branch)
        for start in ("new", "draft")
        for branch in ("intake_refused", "awaiting_supplement", "awaiting_payment", "withdrawal_requested", "stopped")
    ),
}


def _expected(start: str, end: str) -> Verdict:
    mark = dict(zip(PORTAL_STATES, PORTAL.get(start, "").split(), strict=False)).get(end, "-")
    if mark == "w" or (start, end) in DOUBTFUL:
        return Verdict.WARN
    if mark == "y" or end in DOSSIER_MODEL.get(start, "").split() or (start, end) == ("new", "draft"):
        return Verdict.ALLOW
    forward = start in MAIN_LINE and end in MAIN_LINE and MAIN_LINE.index(start) < MAIN_LINE.index(end)
    return Verdict.ALLOW if forward else Verdict.REFUSE


@pytest.mark.parametrize("end", DossierStatus)
@pytest.mark.parametrize("start", [None, *DossierStatus])
def test_the_shipped_table_is_the_join_of_both_sources(start: DossierStatus | None, end: DossierStatus) -> None:
    """Allowed by either means allowed, doubtful means warn, all else is refused: for all 132 pairs."""
    verdict = judge_transition(start, end, TODAY)
    assert verdict.verdict is _expected(start.value if start is not None else "new", end.value)


def test_a_verdict_carries_its_row_source_and_sentence() -> None:
    """Whoever asks why gets the line of the table, where it comes from, and a Vietnamese sentence."""
    verdict = judge_transition(DossierStatus.RECEIVED, DossierStatus.INTAKE_REFUSED, TODAY)
    assert verdict.verdict is Verdict.WARN
    assert verdict.row > 1
    assert "national-portal 3.1 (2 → 3)" in verdict.source
    assert "tiếp nhận" in verdict.message_vi
    assert verdict.table.startswith("transitions@")
    assert verdict.possible


def test_a_refusal_says_so_in_words() -> None:
    """An impossible step names both states; it has no row."""
    verdict = judge_transition(DossierStatus.RETURNED, DossierStatus.SUBMITTED, TODAY)
    assert (verdict.verdict, verdict.row, verdict.possible) == (Verdict.REFUSE, 0, False)
    assert "returned" in verdict.message_vi
    assert "submitted" in verdict.message_vi


def test_only_three_states_may_follow_themselves() -> None:
    """Extending, and correcting a result: no other self-transition stands in the texts."""
    selves = {state for state in DossierStatus if judge_transition(state, state, TODAY).possible}
    assert selves == {DossierStatus.PROCESSING, DossierStatus.RESOLVED, DossierStatus.RETURNED}


def test_a_refused_dossier_stays_refused() -> None:
    """`intake_refused` is terminal: filing again makes a new dossier."""
    assert not any(judge_transition(DossierStatus.INTAKE_REFUSED, end, TODAY).possible for end in DossierStatus)


def test_reopening_names_the_guard_that_no_event_can_show() -> None:
    """Reopening a returned dossier is an operator's order; a stopped one only while it has no outcome."""
    assert judge_transition(DossierStatus.RETURNED, DossierStatus.PROCESSING, TODAY).guards == ("operator",)
    assert judge_transition(DossierStatus.STOPPED, DossierStatus.PROCESSING, TODAY).guards == ("no_outcome",)


def test_nothing_is_allowed_before_the_table_holds() -> None:
    """A date before the first row gets a verdict too: refused."""
    assert judge_transition(None, DossierStatus.SUBMITTED, date(2001, 1, 1)).verdict is Verdict.REFUSE
