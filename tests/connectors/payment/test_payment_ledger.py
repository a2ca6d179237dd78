"""The state machine of payments: payment facts 2.3, transition by transition."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from connectors.kit.contract import Ledger
from connectors.kit.ledgers import Marked
from connectors.kit.receipting import ReceiptAnswer
from connectors.payment import guards
from connectors.payment.changes import (
    AttemptAsked,
    CancelAsked,
    Confirmed,
    CounterPaid,
    PayerTold,
    RefundAsked,
    RefundByTransfer,
    RefundDeclined,
    RefundSaid,
    RefundTransferred,
    Said,
    TimeCame,
    Unanswered,
)
from connectors.payment.ledger import NoSuchPayment, Payments, attempts_to_ask, may_be_created, refunds_to_ask
from connectors.payment.model import Source, State, Verdict
from connectors.payment.references import attempt_ref, refund_ref

from .fees import AMOUNT, DOSSIER, ID, T0, Story, answered, approved, fee, later, made, refund_word, told, word

_RAISING = ("commanding", "judging", "ledger", "refunding", "standing", "turn")


def _paid(*before: Any) -> Story:
    return Story(fee(), made(), *before, told(60, word()))


def _cancel(seconds: float = 30, request_id: str = "huy-1") -> CancelAsked:
    return CancelAsked(
        at=later(seconds), request_id=request_id, asked_by="GQHS", reason="Rút hồ sơ", body_sha256="c" * 64
    )


def again(seconds: float, provider: str = "momo", request_id: str = "lan-2") -> AttemptAsked:
    """Another attempt."""
    return AttemptAsked(at=later(seconds), request_id=request_id, provider=provider, expires_at=later(seconds + 900))


def _counter(seconds: float = 100, amount: int = AMOUNT) -> CounterPaid:
    return CounterPaid(
        at=later(seconds),
        request_id="quay-1",
        method="cash",
        officer="CB01",
        receipt_no="0000123",
        received_at=later(seconds - 20),
        amount=amount,
    )


def asked_back(
    seconds: float, amount: int, refund_id: str = "hoan-1", attempt: int = 0, request_id: str = ""
) -> RefundAsked:
    """The resolution system wants money back."""
    return RefundAsked(
        at=later(seconds),
        refund_id=refund_id,
        request_id=request_id or f"yc-{refund_id}",
        asked_by="GQHS",
        amount=amount,
        reason="Nộp thừa",
        attempt=attempt,
    )


def test_it_is_a_ledger_that_the_house_can_hold() -> None:
    """It offers what the house asks of a ledger, marks included."""
    offered: object = Payments()
    assert isinstance(offered, Ledger)
    assert isinstance(offered, Marked)


def test_a_fee_is_written_down_before_anybody_is_called() -> None:
    """The first state holds the attempt under its reference; the call is a task, and the fee is found by its dossier."""
    story = Story(fee())
    assert (story.payment().state, story.payment().attempts[0].ref) == (State.CREATED, attempt_ref(ID, 1))
    assert [dict(task.fields) for task in story.tasks("create")] == [{"payment_id": ID, "attempt": 1}]
    assert f"dossier/{DOSSIER}" in Payments().marks(story.payment())


def test_the_same_fee_asked_for_twice_is_one() -> None:
    """A repeated request begins nothing a second time."""
    story = Story(fee())
    assert (story.then(fee(at=later(5))), story.payment().created_at) == ([], T0)


def test_a_change_of_a_payment_that_nobody_asked_for_is_refused() -> None:
    """A ledger does not begin with what an intermediary says."""
    with pytest.raises(NoSuchPayment):
        Payments().apply(None, told(1, word()))


def test_a_verified_success_pays_once_and_proposes_what_came_in() -> None:
    """Paid: one proposal with lines, transaction and the times; the day of its money is a mark."""
    story = Story(fee(), made(), told(60, word(paid_at=later(55), time_text="20260921143100")))
    payment, [proposal] = story.payment(), story.proposals("payment_received")
    assert (payment.state, payment.stands_on, payment.paid_by) == (State.PAID, 1, Source.NOTICE)
    assert (payment.completed_at, payment.provider_paid_at) == (later(60), later(55))
    assert proposal.fields["provider_txn"] == "14000001" and proposal.fields["fee_ids"] == ["phi-1", "phi-2"]
    assert proposal.fields["method"] == "bank" and proposal.fields["amount"] == AMOUNT
    assert "paid/vnpay/20260921" in Payments().marks(payment) and payment.due is None


def test_a_notice_before_our_own_response_is_taken() -> None:
    """The answer to `create` that comes after the notice only adds where the payer went."""
    story = Story(fee(), told(1, word()), made(2))
    assert (story.payment().state, story.payment().attempts[0].made.pay_url) == (State.PAID, "https://pay.example/x")


def test_what_got_no_answer_is_unknown_and_asked_about_at_once() -> None:
    """A time-out after sending: unknown, asked about after five seconds, thirty, two minutes; never made anew."""
    story = Story(fee(), Unanswered(at=later(60), attempt=1))
    assert (story.payment().state, story.payment().due) == (State.UNKNOWN, later(65))
    story.then(Unanswered(at=later(65), attempt=1, query=True))
    assert story.payment().due == later(95)
    story.then(Unanswered(at=later(95), attempt=1, query=True))
    assert story.payment().due == later(215) and len(story.tasks("create")) == 1


def test_what_was_never_sent_is_in_no_doubt() -> None:
    """Not one byte left: the lane repeats it, nothing is asked."""
    story = Story(fee(), Unanswered(at=later(3), attempt=1, sent=False))
    assert story.payment().state is State.CREATED


@pytest.mark.parametrize(("verdict", "state"), [(Verdict.FAILED, State.FAILED), (Verdict.EXPIRED, State.EXPIRED)])
def test_a_verified_final_failure_ends_the_attempt(verdict: Verdict, state: State) -> None:
    """Failed or expired, told in the feed, nothing more to ask; the next attempt may begin."""
    story = Story(fee(), made(), told(60, word(verdict)))
    assert (story.payment().state, story.payment().due, story.feed()) == (state, None, [f"payment.{state}"])
    story.then(again(70))
    assert story.payment().attempts[1].ref == attempt_ref(ID, 2) and story.payment().state is State.CREATED


def test_no_second_attempt_while_the_first_may_succeed() -> None:
    """Who may still pay the first way is not asked to pay a second way."""
    story = Story(fee(), made(), again(60))
    assert len(story.payment().attempts) == 1 and story.payment().commands[-1].code == "attempt_open"


def test_it_expires_when_its_time_is_over_and_a_query_says_not_found() -> None:
    """The schedule looks when the grace ends; before that, `not found` is no expiry."""
    story = Story(fee(), made(), answered(600, Verdict.NOT_FOUND))
    assert story.payment().state is State.PENDING
    story.then(answered(1795, Verdict.NOT_FOUND))
    assert story.payment().due == later(1800)
    story.then(answered(1800, Verdict.NOT_FOUND))
    assert (story.payment().state, story.payment().due) == (State.EXPIRED, None)


def test_still_pending_after_its_time_is_unknown_and_an_alarm_after_a_day() -> None:
    """Asked about every hour; one alarm after 24 hours; a case for people after 72."""
    story = Story(fee(), made(), answered(1801, Verdict.PENDING))
    assert story.payment().state is State.UNKNOWN and story.alarms() == []
    story.then(answered(1801 + 86_400, Verdict.PENDING), answered(1801 + 90_000, Verdict.PENDING))
    assert story.alarms() == ["payment.unknown"] and story.payment().due is not None
    story.then(answered(1801 + 3 * 86_400, Verdict.UNKNOWN))
    assert story.payment().attempts[0].held == "unresolved" and story.payment().due is None


def test_who_says_for_three_days_that_nothing_is_complete_was_not_paid() -> None:
    """A clear word to the end is an expiry, not a case for people; unless somebody ever said that money moved."""
    story = Story(fee(), made(), answered(1801, Verdict.PENDING), answered(1801 + 3 * 86_400, Verdict.PENDING))
    assert (story.payment().state, story.payment().due) == (State.EXPIRED, None)
    claimed = Story(fee(), made(), told(60, word(trusted=False)), answered(1801 + 3 * 86_400, Verdict.PENDING))
    assert claimed.payment().attempts[0].held == "unresolved"


def _open_after_expiry(seconds: float, **fields: Any) -> Said:
    """What an intermediary says of an order that was abandoned, where it lets nobody pay after the expiry that it was sent."""
    return structs.replace(answered(seconds, Verdict.PENDING, **fields), expiry_enforced=True)


def test_an_abandoned_payment_is_no_alarm_where_nobody_can_pay_it_any_more() -> None:
    """Open after expiry and grace is not paid, where the intermediary itself closes the order: expired, and told so, at once."""
    story = Story(fee(), made(), _open_after_expiry(1799))
    assert story.payment().state is State.PENDING
    story.then(_open_after_expiry(1800))
    payment = story.payment()
    assert payment.state is State.EXPIRED and payment.attempts[0].watched and payment.due == later(1800 + 3600)
    assert story.feed() == ["payment.expired"]
    looks = 0
    while (due := story.payment().due) is not None:
        story.then(_open_after_expiry((due - T0).total_seconds()))
        looks += 1
    assert (looks, story.payment().state, story.alarms()) == (4, State.EXPIRED, [])


def test_money_of_an_abandoned_payment_is_a_late_success_all_the_same() -> None:
    """Whether a look or a notice finds it; and the payer may have begun anew meanwhile."""
    found = Story(fee(), made(), _open_after_expiry(1800), answered(5400, Verdict.PAID))
    assert (found.payment().state, found.payment().flags, found.payment().due) == (State.PAID, ("late_success",), None)
    anew = Story(fee(), made(), _open_after_expiry(1800), again(1900))
    assert len(anew.payment().attempts) == 2
    anew.then(told(2000, word(provider="momo", ref=attempt_ref(ID, 2), txn_id="9"), 2), told(2100, word()))
    assert [refund.cause for refund in anew.payment().refunds] == ["duplicate_payment"]


def test_an_abandoned_payment_stays_in_doubt_where_money_was_named_or_the_expiry_is_not_enforced() -> None:
    """The flag is the intermediary's; a notice's word proves no more, and suspected money is for people."""
    claimed = Story(fee(), made(), told(60, word(trusted=False)), _open_after_expiry(1800))
    assert claimed.payment().state is State.UNKNOWN
    noticed = structs.replace(told(1800, word(Verdict.PENDING)), expiry_enforced=True)
    assert Story(fee(), made(), noticed).payment().state is State.UNKNOWN


def test_refusals_do_not_make_a_payment_grow() -> None:
    """A caller may try as often as it likes: what was taken is kept for ever, of what was refused the newest."""
    story = Story(fee(), made(), _cancel())
    story.then(*(again(60 + n, request_id=f"thu-{n}") for n in range(200)))
    assert story.payment().commands[0].kind == "cancel" and len(story.payment().commands) == 52


def test_a_fee_that_nobody_tried_to_pay_expires_by_time_alone() -> None:
    """Only for the counter: it is due when its time is over."""
    story = Story(fee(provider=""))
    assert story.payment().due == later(1800)
    story.then(TimeCame(at=later(1799)))
    assert story.payment().state is State.CREATED
    story.then(TimeCame(at=later(1800)))
    assert (story.payment().state, story.payment().due) == (State.EXPIRED, None)


def test_an_intermediary_that_cannot_be_asked_expires_by_time() -> None:
    """No notice, no question: over when it is over; a notice that nobody can verify is for people."""
    silent = Story(fee(), made(), Unanswered(at=later(1800), attempt=1, query=True, code="cannot_ask"))
    assert silent.payment().state is State.EXPIRED
    told_so = Story(fee(), made(), told(60, word(trusted=False)))
    told_so.then(Unanswered(at=later(1800), attempt=1, query=True, code="cannot_ask"))
    assert (told_so.payment().state, told_so.payment().attempts[0].held) == (State.PENDING, "unverified_notice")
    assert "payment.unverified_notice" in told_so.alarms()


def test_a_refusal_for_our_own_defect_is_an_alarm() -> None:
    """Class C at `create`: failed, and somebody must look."""
    story = Story(fee(), told(1, word(Verdict.CONFIGURATION, source=Source.CREATE)))
    assert (story.payment().state, story.alarms()) == (State.FAILED, ["payment.configuration"])


def test_a_suspected_payment_is_left_to_people_and_two_of_them_decide() -> None:
    """Class H: unknown and held; one signature changes nothing, two pay it."""
    story = Story(fee(), made(), told(60, word(Verdict.HOLD)))
    assert (story.payment().state, story.payment().attempts[0].held) == (State.UNKNOWN, "suspected")
    story.then(answered(90, Verdict.FAILED))
    assert story.payment().state is State.UNKNOWN
    confirmation = Confirmed(
        at=later(100),
        attempt=1,
        paid=True,
        txn_id="14000001",
        evidence="SK-01",
        decided_by="lan",
        approved_by="lan",
        decision_id="d1",
    )
    story.then(confirmation)
    assert story.payment().state is State.UNKNOWN
    story.then(Confirmed(**{**_fields(confirmation), "approved_by": "minh", "decision_id": "d2"}))
    assert (story.payment().state, story.payment().paid_by) == (State.PAID, Source.OPERATOR)


def test_people_who_say_that_nothing_came_end_the_case() -> None:
    """Whatever its state was: nothing is held any more, and the payer may try again."""
    less = word(amount=1_000)
    story = Story(fee(), made(), answered(1800, Verdict.NOT_FOUND), told(1900, less), again(1901))
    assert story.payment().commands[-1].code == "attempt_held"
    no = Confirmed(
        at=later(2000),
        attempt=1,
        paid=False,
        txn_id="",
        evidence="SK-01",
        decided_by="lan",
        approved_by="minh",
        decision_id="d1",
    )
    story.then(no, again(2001, request_id="lan-3"))
    assert story.payment().attempts[0].held == "" and len(story.payment().attempts) == 2


def test_a_refund_that_an_intermediary_refused_may_go_by_a_bank() -> None:
    """With two signatures and the bank's reference, and only while that money has not gone back otherwise."""
    story = _paid()
    story.then(asked_back(100, AMOUNT), approved(110, "hoan-1"))
    rejected = refund_word(refund_ref(ID, 1), Verdict.REFUND_REJECTED, code="95")
    story.then(RefundSaid(at=later(120), refund_id="hoan-1", statement=rejected), asked_back(130, 1, "hoan-2"))
    by_bank = RefundTransferred(
        at=later(400),
        refund_id="hoan-1",
        bank_reference="FT1",
        account_name="NGUYEN VAN A",
        account="0011",
        bank="VCB",
        decided_by="lan",
        approved_by="minh",
        decision_id="d2",
    )
    story.then(by_bank)
    assert story.payment().refunds[0].state == "failed", "another refund has a part of it"
    story.then(
        RefundDeclined(at=later(500), refund_id="hoan-2", decided_by="lan", reason="", decision_id="d3"), by_bank
    )
    assert story.payment().state is State.REFUNDED


def _fields(change: Any) -> dict[str, Any]:
    return {name: getattr(change, name) for name in change.__struct_fields__}


def test_it_is_cancelled_once_a_query_says_that_it_is_not_paid() -> None:
    """Asked for: due now, not cancelled yet; the answer decides."""
    story = Story(fee(), made(), _cancel(30))
    assert story.payment().state is State.PENDING and attempts_to_ask(story.payment(), later(32))
    story.then(Unanswered(at=later(33), attempt=1, query=True))
    assert story.payment().state is State.PENDING
    story.then(answered(63, Verdict.PENDING))
    assert story.payment().state is State.CANCELLED and story.feed() == ["payment.cancelled"]
    story.then(again(70))
    assert story.payment().commands[-1].code == "cancelled"


def test_a_cancelled_fee_that_is_paid_late_is_paid_and_goes_back() -> None:
    """Late success: paid, flagged, and a refund that waits for two operators; no receipt for what goes back."""
    story = Story(fee(receipts="bien-lai"), made(), _cancel(), answered(40, Verdict.PENDING), told(100, word()))
    [refund] = story.payment().refunds
    assert (story.payment().state, story.payment().flags) == (State.PAID, ("late_success",))
    assert (refund.cause, refund.state, refund.amount) == ("late_success", "asked", AMOUNT)
    assert story.tasks("receipt") == [] and story.tasks("refund") == []
    declined = RefundDeclined(
        at=later(200), refund_id=refund.refund_id, decided_by="lan", reason="Vẫn thu", decision_id="d1"
    )
    story.then(declined)
    assert len(story.tasks("receipt")) == 2


def test_a_cancellation_that_finds_the_fee_paid_cancels_nothing() -> None:
    """Paid while it was asked about: paid, and the caller is told that it was not cancelled."""
    story = Story(fee(), made(), _cancel(), answered(40, Verdict.PAID))
    assert story.payment().state is State.PAID and "payment.not_cancelled" in story.feed()


def test_a_receipt_of_the_counter_closes_the_fee_to_online_payment() -> None:
    """Cash at the agency pays it; what is paid online all the same is a duplicate."""
    story = Story(fee(), made(), _counter(), again(110))
    assert (story.payment().state, story.payment().completed_at) == (State.PAID, later(80))
    assert story.payment().commands[-1].code == "already_paid"
    assert story.proposals("payment_received")[0].fields["method"] == "cash"
    story.then(told(200, word()))
    assert [refund.cause for refund in story.payment().refunds] == ["duplicate_payment"]
    assert story.payment().attempts[0].state is State.PAID and story.payment().stands_on == 0


def test_a_receipt_of_the_counter_for_another_amount_is_refused() -> None:
    """The agency cannot take a part of a fee."""
    story = Story(fee(), _counter(amount=AMOUNT - 1))
    assert story.payment().state is State.CREATED and story.payment().commands[-1].code == "amount_differs"


def test_money_of_the_counter_goes_back_by_hand() -> None:
    """There is no intermediary: signed refunds are transferred, and done with the bank's reference."""
    story = Story(fee(), _counter(), asked_back(200, AMOUNT), approved(300, "hoan-1"))
    assert (story.payment().state, story.payment().refunds[0].state) == (State.REFUNDING, "to_transfer")
    assert story.tasks("refund") == []
    transferred = RefundTransferred(
        at=later(400),
        refund_id="hoan-1",
        bank_reference="FT1",
        account_name="NGUYEN VAN A",
        account="0011",
        bank="VCB",
        decided_by="lan",
        approved_by="minh",
        decision_id="d2",
    )
    story.then(transferred)
    assert story.payment().state is State.REFUNDED


def test_a_refund_goes_from_two_signatures_to_done() -> None:
    """Asked, signed, sent once, followed, done: partly, then whole; each told to the resolution system."""
    story = _paid(asked_back(1, 1, "hoan-0"))
    assert story.payment().commands[-1].code == "not_paid"
    story.then(asked_back(100, 200_000), approved(110, "hoan-1"))
    [task] = story.tasks("refund")
    assert dict(task.fields) == {"payment_id": ID, "refund_id": "hoan-1", "repeat": 0}
    assert story.payment().state is State.REFUNDING
    story.then(
        RefundSaid(at=later(120), refund_id="hoan-1", statement=refund_word(refund_ref(ID, 1), Verdict.REFUNDING))
    )
    assert refunds_to_ask(story.payment(), later(3600))
    done = refund_word(refund_ref(ID, 1), Verdict.REFUND_DONE, amount=200_000)
    story.then(RefundSaid(at=later(3600), refund_id="hoan-1", statement=done))
    assert story.payment().state is State.PARTIALLY_REFUNDED
    story.then(asked_back(4000, 300_000, "hoan-2"), approved(4010, "hoan-2"))
    story.then(
        RefundSaid(at=later(4020), refund_id="hoan-2", statement=refund_word(refund_ref(ID, 2), Verdict.REFUND_DONE))
    )
    assert (story.payment().state, story.payment().due) == (State.REFUNDED, None)
    assert [p.fields["whole"] for p in story.proposals("payment_refunded")] == [False, True]


def test_a_rejected_refund_leaves_it_paid() -> None:
    """The money stays; the refund is failed and an alarm, and what it reserved is free again."""
    story = _paid()
    story.then(asked_back(100, AMOUNT), approved(110, "hoan-1"))
    rejected = refund_word(refund_ref(ID, 1), Verdict.REFUND_REJECTED, code="95")
    story.then(RefundSaid(at=later(120), refund_id="hoan-1", statement=rejected))
    assert (story.payment().state, story.payment().refunds[0].state) == (State.PAID, "failed")
    assert "payment.refund_failed" in story.alarms()
    story.then(asked_back(200, AMOUNT, "hoan-2"))
    assert story.payment().commands[-1].code == ""


def test_a_refund_that_the_intermediary_wants_repeated_is_the_same_call() -> None:
    """Class R: after an hour the very same refund again, and after five times people."""
    story = _paid()
    story.then(asked_back(100, AMOUNT), approved(110, "hoan-1"))
    said, at = refund_word(refund_ref(ID, 1), Verdict.REPEAT, code="1080"), 120.0
    for _ in range(5):
        story.then(RefundSaid(at=later(at), refund_id="hoan-1", statement=said))
        due = story.payment().due
        assert due is not None and due - later(at) == timedelta(hours=1)
        story.then(TimeCame(at=due))
        at += 7200
    assert [task.fields["repeat"] for task in story.tasks("refund")] == [0, 1, 2, 3, 4, 5]
    story.then(RefundSaid(at=later(at), refund_id="hoan-1", statement=said))
    assert story.payment().refunds[0].state == "failed" and len(story.payment().refunds) == 1


def test_where_there_are_no_refunds_people_transfer_it() -> None:
    """A bank transfer ends it, with two signatures and the bank's reference; without one, nothing."""
    story = _paid()
    story.then(asked_back(100, AMOUNT), approved(110, "hoan-1"), RefundByTransfer(at=later(111), refund_id="hoan-1"))
    transferred: dict[str, Any] = {
        "at": later(400),
        "refund_id": "hoan-1",
        "bank_reference": "FT1",
        "account_name": "NGUYEN VAN A",
        "account": "0011",
        "bank": "VCB",
        "decided_by": "lan",
        "approved_by": "lan",
        "decision_id": "d2",
    }
    story.then(RefundTransferred(**transferred), RefundTransferred(**{**transferred, "bank_reference": ""}))
    assert story.payment().refunds[0].state == "to_transfer"
    story.then(RefundTransferred(**{**transferred, "approved_by": "minh"}))
    assert story.payment().state is State.REFUNDED


def test_receipts_are_ordered_by_kind_and_their_absence_is_an_alarm() -> None:
    """One for phí, one for lệ phí, each under its key; late after fifteen minutes, once."""
    story = Story(fee(receipts="bien-lai"), made(), told(60, word()))
    orders = story.tasks("receipt")
    assert [(task.to, task.fields["fkey"], task.fields["amount"]) for task in orders] == [
        ("bien-lai", f"{ID}-charge", 450_000),
        ("bien-lai", f"{ID}-fee", 50_000),
    ]
    assert orders[0].fields["amount_words"] == "Bốn trăm năm mươi nghìn đồng"
    assert orders[0].fields["receipt_rule"] == "ND254" and story.payment().due == later(960)
    story.then(ReceiptAnswer(fkey=f"{ID}-charge", issued=True, at=later(70), form="EBL01", symbol="26TAA", number="1"))
    story.then(TimeCame(at=later(960)), TimeCame(at=later(961)))
    assert story.alarms() == ["payment.receipt_late"] and story.payment().due is None
    story.then(ReceiptAnswer(fkey=f"{ID}-fee", issued=False, at=later(1000), code="ERR:20"))
    story.then(ReceiptAnswer(fkey=f"{ID}-fee", issued=True, at=later(1100), form="EBL01", symbol="26TAA", number="2"))
    story.then(ReceiptAnswer(fkey=f"{ID}-fee", issued=False, at=later(1200), code="ERR:5"))
    assert [receipt.state for receipt in story.payment().receipts] == ["issued", "issued"]
    assert story.feed().count("payment.receipt_issued") == 2


def test_the_page_that_tells_the_payer_moves_no_completion_that_stands() -> None:
    """Completed when we knew it first; the page is kept beside it, and says nothing of what is not paid."""
    story = Story(fee(), made(), PayerTold(at=later(30)))
    assert story.payment().payer_notified_at is None
    story.then(told(60, word()), PayerTold(at=later(70)), PayerTold(at=later(80)))
    assert (story.payment().payer_notified_at, story.payment().completed_at) == (later(70), later(60))


def test_by_configuration_the_time_of_the_intermediary_counts() -> None:
    """`provider_time`: its own time, unless its clock is plainly wrong."""
    story = Story(fee(completed_rule="provider_time"), made(), told(60, word(paid_at=later(50))))
    assert story.payment().completed_at == later(50)
    wrong = Story(fee(completed_rule="provider_time"), made(), told(60, word(paid_at=later(86_400))))
    assert (wrong.payment().completed_at, wrong.payment().flags) == (later(60), ("clock_skew",))


def test_what_may_still_be_put_before_an_intermediary() -> None:
    """Not what is over, paid or wanted no more."""
    fresh = Story(fee()).payment()
    assert may_be_created(fresh, fresh.attempts[0], later(1))
    assert not may_be_created(fresh, fresh.attempts[0], later(900))
    for story in (Story(fee(), _cancel()), Story(fee(), _counter()), Story(fee(), told(1, word()))):
        assert not may_be_created(story.payment(), story.payment().attempts[0], later(110))


def test_a_command_repeated_changes_nothing() -> None:
    """The same request again has had its answer."""
    story = Story(fee(), made(), told(60, word(Verdict.FAILED)), again(70), again(80))
    assert len(story.payment().attempts) == 2 and len(story.payment().commands) == 1


def test_nothing_that_is_printed_of_a_payment_names_a_person() -> None:
    """Neither the request, nor the state, nor what people signed of a person's account."""
    transferred = RefundTransferred(
        at=later(1),
        refund_id="hoan-1",
        bank_reference="FT1",
        account_name="NGUYEN VAN A",
        account="0011998877",
        bank="VCB",
        decided_by="lan",
        approved_by="minh",
        decision_id="d",
    )
    printed = f"{fee()!r} {Story(fee(), made()).payment()!r} {transferred!r}"
    assert [word for word in ("Nguyễn", "NGUYEN VAN", "0010900", "0011998877") if word in printed] == []


def test_every_alarm_stands_in_the_book_of_operators() -> None:
    """Whatever the ledger can raise, README says what it means and what to do."""
    folder = Path(guards.__file__).parent
    told = (folder / "README.md").read_text(encoding="utf-8")
    sources = "".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in _RAISING)
    raised = set(re.findall(r'\.(?:alarm|held)\((?:turn, )?(?:attempt, )?"([a-z_]+)"', sources))
    raised |= {str(weight) for weight in guards.MONEY_TROUBLE}
    assert len(raised) > 15
    assert [code for code in sorted(raised) if f"`payment.{code}`" not in told] == []
