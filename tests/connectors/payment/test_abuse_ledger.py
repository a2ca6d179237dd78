"""Abuse cases of payment facts 6 that the ledger alone decides: order, time, double payment, refunds, free transfers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from connectors.payment.changes import (
    BillDiffers,
    CancelAsked,
    Confirmed,
    PayerTold,
    PaymentChange,
    RefundApproved,
    RefundAsked,
    RefundSaid,
    TimeCame,
    Unanswered,
)
from connectors.payment.ledger import refunds_to_ask
from connectors.payment.model import Source, State, Verdict
from connectors.payment.references import attempt_ref, refund_ref

from .fees import AMOUNT, ID, Story, answered, approved, fee, later, made, refund_word, told, word
from .test_payment_ledger import again, asked_back


def test_a07_success_is_never_taken_back() -> None:
    """A failure after success: an alarm, a question, and it stays paid whatever the answer is."""
    story = Story(fee(), made(), told(60, word()), told(70, word(Verdict.FAILED)))
    assert (story.payment().state, story.payment().flags) == (State.PAID, ("contrary_notice",))
    assert story.payment().due == later(72)
    story.then(answered(73, Verdict.FAILED), told(80, word(Verdict.EXPIRED)))
    assert (story.payment().state, story.payment().due) == (State.PAID, None)
    assert story.alarms() == ["payment.contrary_notice"] and len(story.proposals("payment_received")) == 1


def test_a07_success_after_failure_is_late_and_paid() -> None:
    """What failed is paid when a verified success says so, and the flag says how."""
    story = Story(fee(), made(), told(60, word(Verdict.FAILED)), told(70, word()))
    assert (story.payment().state, story.payment().flags) == (State.PAID, ("late_success",))
    assert story.proposals("payment_received")[0].fields["flags"] == ["late_success"]


def test_a08_a_notice_before_the_answer_to_create_is_not_undone_by_it() -> None:
    """The order of the two changes nothing, not even when our own call is said to have got no answer."""
    both: tuple[PaymentChange, ...] = (told(1, word()), made(1))
    for first, second in itertools.permutations(both):
        assert Story(fee(), first, second).payment().state is State.PAID
    assert Story(fee(), told(1, word()), Unanswered(at=later(60), attempt=1)).payment().state is State.PAID


def test_a09_what_is_shown_to_the_payer_depends_on_the_store_alone() -> None:
    """Redirect before, after or without a notice: the page decides nothing, the state is the same."""
    page, notice = PayerTold(at=later(65)), told(60, word())
    states = [Story(fee(), made(), *changes).payment().state for changes in ((page, notice), (notice, page), (notice,))]
    assert states == [State.PAID] * 3
    assert Story(fee(), made(), page).payment().state is State.PENDING


def test_a10_success_after_expiry_is_late_and_paid() -> None:
    """Expired, then paid all the same: paid and flagged, and nothing goes back by itself."""
    story = Story(fee(), made(), answered(1800, Verdict.NOT_FOUND), told(5000, word()))
    assert (story.payment().state, story.payment().flags, story.payment().refunds) == (
        State.PAID,
        ("late_success",),
        (),
    )


def test_a10_success_after_the_dossier_was_withdrawn_goes_back() -> None:
    """Cancelled, then paid all the same: paid, flagged, and a refund that waits for two operators."""
    cancel = CancelAsked(at=later(30), request_id="h", asked_by="GQHS", reason="Rút hồ sơ")
    story = Story(fee(), made(), cancel, answered(40, Verdict.NOT_FOUND), told(5000, word()))
    [refund] = story.payment().refunds
    assert (refund.cause, refund.state, refund.amount, refund.paid_txn_id) == (
        "late_success",
        "asked",
        AMOUNT,
        "14000001",
    )


@pytest.mark.parametrize("same_attempt", [True, False])
def test_a11_paid_twice_the_first_keeps_and_the_second_goes_back(same_attempt: bool) -> None:
    """Two transactions of one attempt, or two attempts: one payment, one refund task for what came second."""
    story = Story(fee(), made(), told(60, word(Verdict.FAILED)), again(70), told(80, _second(2), 2))
    story.then(told(90, word()) if not same_attempt else told(90, _second(2, txn_id="99"), 2))
    payment, [refund] = story.payment(), story.payment().refunds
    assert (payment.state, payment.stands_on) == (State.PAID, 2)
    assert (refund.cause, refund.state) == ("duplicate_payment", "asked")
    assert (refund.attempt, refund.paid_txn_id) == ((2, "99") if same_attempt else (1, "14000001"))
    assert len(story.proposals("payment_received")) == 1 and "payment.duplicate" in story.alarms()
    story.then(approved(100, refund.refund_id))
    done = refund_word(refund.refund_ref, Verdict.REFUND_DONE)
    story.then(RefundSaid(at=later(110), refund_id=refund.refund_id, statement=done))
    assert story.payment().state is State.PAID, "what pays the fee was not touched"
    assert story.proposals("payment_refunded") == []


def _second(attempt: int, txn_id: str = "15000001") -> Any:
    return word(provider="momo", ref=attempt_ref(ID, attempt), txn_id=txn_id)


def test_a22_a_bill_that_a_hop_changed_pays_nothing_before_people_have_looked() -> None:
    """Held at once, success or not; two operators can say that it reached us after all."""
    differs = BillDiffers(at=later(30), attempt=1, differences=("beneficiary_account",))
    story = Story(fee(), made(), differs, told(60, word()))
    assert (story.payment().state, story.payment().attempts[0].held) == (State.PENDING, "bill_differs")
    assert story.alarms() == ["payment.bill_differs"] and story.proposals("payment_received") == []
    story.then(
        Confirmed(
            at=later(90),
            attempt=1,
            paid=True,
            txn_id="14000001",
            evidence="SK-01",
            decided_by="lan",
            approved_by="minh",
            decision_id="d1",
        )
    )
    assert story.payment().state is State.PAID and len(story.payment().attempts[0].inflows) == 1
    late = Story(fee(), made(), told(60, word()), differs)
    assert late.payment().state is State.PAID and late.alarms() == ["payment.bill_differs"]


def test_a23_no_refund_is_above_what_is_left() -> None:
    """Above the remainder, zero, negative, of what is unpaid, the same id with another amount: each refused by its code."""
    unpaid = Story(fee(), made(), asked_back(10, 1))
    assert unpaid.payment().commands[-1].code == "not_paid" and unpaid.payment().refunds == ()
    story = Story(fee(), made(), told(60, word()), asked_back(70, 300_000))
    refused: list[tuple[RefundAsked, str]] = [
        (asked_back(80, 200_001, "hoan-2"), "refund_above_remainder"),
        (asked_back(81, 0, "hoan-3"), "refund_above_remainder"),
        (asked_back(82, -5, "hoan-4"), "refund_above_remainder"),
        (asked_back(83, 200_000, "hoan-1", request_id="khac"), "refund_conflict"),
    ]
    for change, code in refused:
        story.then(change)
        assert story.payment().commands[-1].code == code
    assert [refund.amount for refund in story.payment().refunds] == [300_000]
    story.then(asked_back(90, 200_000, "hoan-5"))
    assert [refund.amount for refund in story.payment().refunds] == [300_000, 200_000]


def test_a23_two_refunds_at_once_share_one_remainder() -> None:
    """What is asked for reserves the money before anybody signs: the second of two that are too much is refused."""
    story = Story(fee(), made(), told(60, word()), asked_back(70, 400_000), asked_back(70, 400_000, "hoan-2"))
    assert len(story.payment().refunds) == 1 and story.payment().commands[-1].code == "refund_above_remainder"


def test_a23_one_operator_moves_no_money() -> None:
    """The same name twice, or one name alone: the refund stays asked for."""
    story = Story(fee(), made(), told(60, word()), asked_back(70, AMOUNT))
    for second in ("lan", ""):
        story.then(approved(80, "hoan-1", "lan", second))
    assert story.payment().refunds[0].state == "asked" and story.tasks("refund") == []
    story.then(approved(90, "hoan-1"), approved(91, "hoan-1", "hoa", "binh"))
    assert len(story.tasks("refund")) == 1, "signed once, sent once"


def test_a24_a_refund_without_an_answer_keeps_its_reference() -> None:
    """Time-out: asked about in a minute, five, thirty; no second reference, and no second refund of that money."""
    story = Story(fee(), made(), told(60, word()), asked_back(70, AMOUNT), approved(80, "hoan-1"))
    story.then(Unanswered(at=later(140), refund_id="hoan-1"))
    assert story.payment().refunds[0].state == "unknown" and story.payment().due == later(200)
    story.then(asked_back(150, AMOUNT, "hoan-2"))
    assert story.payment().commands[-1].code == "refund_above_remainder"
    for at, following in ((200, 500), (500, 2300)):
        assert refunds_to_ask(story.payment(), later(at))
        story.then(Unanswered(at=later(at), refund_id="hoan-1", query=True))
        assert story.payment().due == later(following)
    assert len(story.tasks("refund")) == 1 and story.payment().refunds[0].refund_ref == refund_ref(ID, 1)
    strange = refund_word(refund_ref(ID, 2), Verdict.REFUND_DONE)
    story.then(RefundSaid(at=later(2300), refund_id="hoan-1", statement=strange))
    assert story.payment().refunds[0].state == "unknown", "what is said of another refund says nothing of this one"


def test_a24_a_refund_that_nobody_knows_of_for_a_month_is_for_people() -> None:
    """Asked about for 31 days, daily at the end; then an alarm, and still no second refund."""
    story = Story(fee(), made(), told(60, word()), asked_back(70, AMOUNT), approved(80, "hoan-1"))
    questions = 0
    while story.payment().due is not None:
        due = story.payment().due
        assert due is not None
        questions += 1
        story.then(Unanswered(at=due, refund_id="hoan-1", query=True))
    assert 50 < questions < 70 and "payment.refund_unresolved" in story.alarms()
    assert story.payment().state is State.REFUNDING and len(story.payment().refunds) == 1


@pytest.mark.parametrize("wrong", [{"trusted": False}, {"amount": AMOUNT + 1}, {"ref": attempt_ref(ID, 2)}])
def test_a25_an_answer_that_echoes_something_else_pays_nothing(wrong: dict[str, Any]) -> None:
    """Another reference, an unsigned answer, another amount: unknown or held, asked again, never paid."""
    story = Story(fee(), made(), told(60, word(source=Source.QUERY, **wrong)))
    assert story.payment().state in (State.UNKNOWN, State.PENDING) and story.payment().due is not None
    assert story.proposals("payment_received") == []
    if not wrong.get("trusted", True):
        assert story.payment().state is State.UNKNOWN


@pytest.mark.parametrize("paid_at", [later(-86_400 * 400), later(86_400 * 400)])
def test_a30_the_intermediary_s_clock_orders_nothing(paid_at: Any) -> None:
    """Far in the past or the future: taken, flagged, and complete when we knew it."""
    story = Story(fee(), made(), told(60, word(paid_at=paid_at)), told(70, word(Verdict.FAILED, paid_at=later(999))))
    assert story.payment().state is State.PAID and "clock_skew" in story.payment().flags
    assert story.payment().completed_at == later(60)


def test_a32_a_free_transfer_of_another_amount_is_evidence_and_pays_nothing() -> None:
    """Less or more than the fee: kept, flagged, left to people, whose refund of it is possible though nothing is paid."""
    for amount, flag in ((AMOUNT - 1_000, "underpaid"), (AMOUNT + 1_000, "overpaid")):
        line = word(source=Source.STATEMENT, provider="vietqr", amount=amount, txn_id="FT1")
        story = Story(fee(provider="vietqr"), made(), told(60, line))
        payment = story.payment()
        assert (payment.state, payment.flags, payment.attempts[0].held) == (State.PENDING, (flag,), "amount_differs")
        story.then(asked_back(70, amount + 1, attempt=1), asked_back(71, amount, "hoan-2", attempt=1))
        assert [refund.amount for refund in story.payment().refunds] == [amount]


def test_a32_a_question_that_finds_another_amount_keeps_it_as_evidence() -> None:
    """The bank's feed, asked, says that less came in (class H): the same evidence, flag and case for people."""
    less = word(Verdict.HOLD, source=Source.QUERY, provider="vietqr", amount=AMOUNT - 1_000, txn_id="FT1")
    story = Story(fee(provider="vietqr"), made(), told(60, less))
    attempt = story.payment().attempts[0]
    assert (attempt.held, [inflow.amount for inflow in attempt.inflows]) == ("amount_differs", [AMOUNT - 1_000])
    assert story.payment().flags == ("underpaid",) and story.payment().state is State.PENDING


def test_a32_the_right_transfer_after_a_wrong_one_pays() -> None:
    """Two transfers: the whole one pays the fee, the other one can go back."""
    wrong = word(source=Source.STATEMENT, provider="vietqr", amount=1_000, txn_id="FT1")
    right = word(source=Source.STATEMENT, provider="vietqr", txn_id="FT2")
    story = Story(fee(provider="vietqr"), made(), told(60, wrong), told(70, right), asked_back(80, 1_000, attempt=1))
    [refund] = story.payment().refunds
    assert (story.payment().state, refund.paid_txn_id, refund.amount) == (State.PAID, "FT1", 1_000)


@pytest.mark.parametrize("blank", [" {}", "{} ", "\u200b{}", "{}\n"])
def test_a33_what_is_said_of_a_reference_with_blanks_is_said_of_nothing(blank: str) -> None:
    """References are compared exactly, wherever a statement comes from."""
    story = Story(fee(), made(), told(60, word(ref=blank.format(attempt_ref(ID, 1)))))
    assert story.payment().state is State.PENDING and story.payment().attempts[0].said == ()


@pytest.mark.parametrize(
    "strange",
    [
        told(60, word(), attempt=7),
        told(60, word(ours=False)),
        told(60, word(provider="momo")),
        told(60, word(currency="USD")),
        told(60, word(amount=None)),
        RefundApproved(at=later(60), refund_id="x", decided_by="a", approved_by="b", decision_id="d"),
        Unanswered(at=later(60), attempt=9),
        Unanswered(at=later(60), refund_id="x"),
        TimeCame(at=later(60)),
    ],
)
def test_what_is_about_nothing_of_ours_pays_nothing(strange: PaymentChange) -> None:
    """Another attempt, another account, another currency, no amount, an unknown refund: no money moves, nothing breaks."""
    story = Story(fee(), made(), strange)
    assert story.payment().state is State.PENDING and story.proposals("payment_received") == []
