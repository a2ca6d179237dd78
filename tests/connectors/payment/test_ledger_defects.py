"""Ways in which money was once forgotten, or could have gone back twice: each stays mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from connectors.payment.changes import CancelAsked, Confirmed, RefundDeclined, RefundSaid, Settled, Unanswered
from connectors.payment.model import RefundStatement, Source, State, Verdict
from connectors.payment.schedule import TRIES

from .fees import AMOUNT, T0, Story, answered, approved, fee, later, made, refund_word, told, word
from .test_payment_ledger import asked_back


def _queried(seconds: float, statement: RefundStatement, refund_id: str = "hoan-1") -> RefundSaid:
    return RefundSaid(at=later(seconds), refund_id=refund_id, statement=statement, query=True)


def _going_back() -> tuple[Story, str]:
    """A paid fee whose whole refund was sent and got no answer."""
    story = Story(fee(), made(), told(60, word()), asked_back(100, AMOUNT), approved(110, "hoan-1"))
    story.then(Unanswered(at=later(120), refund_id="hoan-1"))
    return story, story.payment().refunds[0].refund_ref


def test_a_refused_question_about_a_refund_frees_none_of_its_money() -> None:
    """A wall in between, or our own key, refused the question: the refund may be made, so nothing goes back a second time."""
    story, ref = _going_back()
    story.then(_queried(200, refund_word(ref, Verdict.CONFIGURATION, code="http-403")))
    assert story.payment().refunds[0].state == "unknown" and story.payment().due is not None
    story.then(asked_back(210, 1, "hoan-2"))
    assert [command.code for command in story.payment().commands if command.code] == ["refund_above_remainder"]
    story.then(_queried(300, refund_word(ref, Verdict.REFUND_DONE, amount=AMOUNT)))
    assert story.payment().state is State.REFUNDED


def test_a_refund_that_never_arrived_is_sent_again_under_the_same_reference() -> None:
    """Whoever asks about it for a month instead leaves the payer without the money; one that is on its way is left alone."""
    story, ref = _going_back()
    story.then(_queried(200, refund_word(ref, Verdict.NOT_FOUND, code="42")))
    assert story.payment().refunds[0].state == "to_repeat" and len(story.payment().refunds) == 1
    fresh = Story(fee(), made(), told(60, word()), asked_back(100, AMOUNT), approved(110, "hoan-1"))
    fresh.then(_queried(170, refund_word(ref, Verdict.NOT_FOUND, code="42")))
    assert fresh.payment().refunds[0].state == "unknown"


def test_money_that_went_back_stays_gone_when_its_transaction_is_named_later() -> None:
    """A notice without a transaction, a refund of it, a query that names it: the same money, not new money to go back."""
    story = Story(fee(), made(), told(60, word(txn_id="")), asked_back(100, AMOUNT), approved(110, "hoan-1"))
    ref = story.payment().refunds[0].refund_ref
    story.then(_queried(200, refund_word(ref, Verdict.REFUND_DONE, amount=AMOUNT)))
    story.then(told(300, word(txn_id="14000001", source=Source.STATEMENT)))
    assert (story.payment().state, story.payment().refunds[0].paid_txn_id) == (State.REFUNDED, "14000001")
    story.then(asked_back(400, AMOUNT, "hoan-2"))
    assert story.payment().commands[-1].code == "refund_above_remainder"


def test_a_cancelled_fee_gets_no_receipt_by_declining_the_refund_of_another_payment() -> None:
    """Only who declines the refund of what the fee stands on keeps the fee."""
    story = Story(fee(receipts="bienlai"), made())
    cancel = CancelAsked(at=later(30), request_id="huy", asked_by="GQHS", reason="Rút", body_sha256="c" * 64)
    story.then(cancel, answered(40, Verdict.PENDING))
    assert story.payment().state is State.CANCELLED
    story.then(told(60, word()), told(70, word(txn_id="14000002")))
    first, second = story.payment().refunds
    decline = RefundDeclined(
        at=later(80), refund_id=second.refund_id, decided_by="lan", reason="chờ sao kê", decision_id="d1"
    )
    story.then(decline)
    assert story.payment().receipts == () and story.tasks("receipt") == []
    story.then(structs.replace(decline, at=later(90), refund_id=first.refund_id, decision_id="d2"))
    assert len(story.tasks("receipt")) == 2


@pytest.mark.parametrize("seconds", [30.0, 60.0, 7_200.0])
def test_a_moment_that_is_over_is_never_what_a_payment_waits_for(seconds: float) -> None:
    """The mark of a moment that is over lies behind whoever follows: the payment would be forgotten until a sweep."""
    story = Story(fee(), Unanswered(at=later(5), attempt=1))
    due = story.payment().due
    assert due is not None
    story.then(Unanswered(at=due + timedelta(seconds=seconds), attempt=1))  # unknown already: nothing else changes
    assert story.payment().due == due + timedelta(seconds=seconds + 2)


def test_an_attempt_that_nobody_can_be_asked_about_hides_no_refund() -> None:
    """Two things are due at once and one of them is only a matter of time: the other is asked about all the same."""
    story, ref = _going_back()
    story.then(Settled(at=later(130), provider="vnpay", business_date="20260921", outcome="status_diff", ask=True))
    story.then(_queried(200, refund_word(ref, Verdict.REFUNDING)))
    assert story.payment().attempts[0].due == later(132), "nobody could be asked"
    assert story.payment().due == later(202)


def test_a_late_payment_is_not_forgotten_because_one_question_got_no_answer() -> None:
    """A callback that nobody signs, after expiry: what it calls paid is asked about until an answer is clear, for a day."""
    story = Story(fee(), made(), answered(1800, Verdict.EXPIRED), told(5000, word(trusted=False)))
    asked = 0
    while (due := story.payment().due) is not None and asked < 25:
        seconds, asked = (due - T0).total_seconds(), asked + 1
        lost = Unanswered(at=due, attempt=1, query=True)
        story.then(lost if asked % 2 else answered(seconds, Verdict.UNKNOWN, trusted=False))
    assert asked == 25 and story.payment().state is State.EXPIRED
    last = (story.payment().due or T0) - T0
    story.then(answered(last.total_seconds(), Verdict.PAID))
    assert (story.payment().state, story.payment().due) == (State.PAID, None)
    assert story.payment().flags == ("late_success",)


def test_a_question_about_what_is_over_has_an_end() -> None:
    """An intermediary that never answers is not asked for ever, and one clear answer is enough."""
    story = Story(fee(), made(), answered(1800, Verdict.EXPIRED), told(5000, word(trusted=False)))
    asked = 0
    while (due := story.payment().due) is not None:
        asked += 1
        story.then(Unanswered(at=due, attempt=1, query=True))
    assert asked == TRIES + 1
    clear = Story(fee(), made(), told(60, word()), told(70, word(Verdict.FAILED)))
    assert clear.payment().due == later(72)
    clear.then(Unanswered(at=later(72), attempt=1, query=True))
    assert clear.payment().due == later(102)
    clear.then(answered(102, Verdict.PAID))
    assert clear.payment().due is None


def _confirmed(amount: int) -> Story:
    """Another amount than the fee came in, and two people called it paid."""
    story = Story(fee(), made(), told(60, word(amount=amount)))
    return Story(fee(), made(), told(60, word(amount=amount)), _people_say_paid(story))


def _people_say_paid(story: Story) -> Confirmed:
    assert story.payment().attempts[0].held == "amount_differs"
    return Confirmed(
        at=later(90),
        attempt=1,
        paid=True,
        txn_id="14000001",
        evidence="sao kê",
        decided_by="lan",
        approved_by="minh",
        decision_id="d1",
        provider="vnpay",
    )


def _back(story: Story, amount: int, number: int = 1) -> Story:
    seconds = 100.0 * number + 100
    story.then(asked_back(seconds, amount, f"hoan-{number}"), approved(seconds + 1, f"hoan-{number}"))
    ref = story.payment().refunds[-1].refund_ref
    story.then(_queried(seconds + 2, refund_word(ref, Verdict.REFUND_DONE, amount=amount), f"hoan-{number}"))
    return story


def test_no_more_goes_back_than_came_in_where_people_called_too_little_paid() -> None:
    """The books have what came, not what was owed; all of it gone back is a fee refunded whole."""
    story = _confirmed(AMOUNT - 10_000)
    assert [inflow.amount for inflow in story.payment().attempts[0].inflows] == [AMOUNT - 10_000]
    story.then(asked_back(100, AMOUNT, "tat-ca"))
    assert story.payment().commands[-1].code == "refund_above_remainder"
    _back(story, AMOUNT - 10_000)
    assert story.payment().state is State.REFUNDED
    assert story.proposals("payment_refunded")[-1].fields["whole"] is True


def test_what_was_paid_too_much_can_go_back_and_leaves_the_fee_paid() -> None:
    """The excess goes first and is no refund of the fee; the fee itself can go back after it."""
    story = _back(_confirmed(AMOUNT + 10_000), 10_000)
    assert story.payment().state is State.PAID and story.proposals("payment_refunded") == []
    _back(story, AMOUNT, 2)
    assert story.payment().state is State.REFUNDED
    proposed = story.proposals("payment_refunded")
    assert [(one.fields["amount"], one.fields["whole"]) for one in proposed] == [(AMOUNT, True)]
    story.then(asked_back(900, 1, "hoan-3"))
    assert story.payment().commands[-1].code == "refund_above_remainder"
