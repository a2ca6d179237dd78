"""Payment against the truth: notices and answers shuffled, repeated, delayed, forged and dropped, crashes, and every command.

The intermediary keeps books of its own, which nobody forges. After each step the four laws of the issue hold, and at the end,
after everything was asked about and settled, both books say the same, to the last đồng.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connectors.kit.contract import DeliverTask
from connectors.payment.changes import (
    AttemptAsked,
    AttemptMade,
    CancelAsked,
    Confirmed,
    CounterPaid,
    PayerTold,
    PaymentChange,
    RefundApproved,
    RefundAsked,
    RefundDeclined,
    RefundSaid,
    RefundTransferred,
    Said,
    TimeCame,
    Unanswered,
)
from connectors.payment.commanding import CREATE
from connectors.payment.guards import Weight, weigh
from connectors.payment.ledger import attempts_to_ask, may_be_created, refunds_to_ask
from connectors.payment.model import PAID_LIKE, Made, Statement, Verdict
from connectors.payment.payment import Attempt, Payment, RefundState
from connectors.payment.refunding import REFUND, UNDER_WAY
from connectors.payment.schedule import OPEN

from .payment_world import AMOUNT, IDS, PROVIDER, T0, House, Intermediary, asked, refund_said, said

WAITS = st.sampled_from([1, 5, 40, 600, 1_900, 7_200, 90_000, 300_000])
WHICH = st.sampled_from(IDS)
NUMBER = st.integers(0, 30)
RESERVING = UNDER_WAY | {"asked", "done"}


class PaymentWorld(RuleBasedStateMachine):
    """What may happen to two fees."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.house, self.theirs = House(), Intermediary()
        self.wire: list[Statement] = []  # notices on their way; whoever sends them may send them again
        self.answers: list[tuple[str, PaymentChange]] = []  # answers on their way, which a crash loses
        self.vouched: set[str] = set()  # what people took responsibility for: a counter, a confirmation
        self.commands, self.askable = 0, True

    # --- the house ----------------------------------------------------------------------------------------------------

    @initialize(begun=st.integers(0, 3), askable=st.integers(0, 3))
    def fees_are_asked_for(self, begun: int, askable: int) -> None:
        """Two of them; most often the intermediary has both, and can be asked about them."""
        self.askable = bool(askable)
        for payment_id in IDS:
            self.house.enter(payment_id, asked(payment_id))
            if begun:
                self._carry(self.house.lane[0], "answered", Verdict.REFUND_DONE)

    @rule(seconds=WAITS)
    def time_passes(self, seconds: int) -> None:
        """Everything that waits gets older."""
        self.now += timedelta(seconds=seconds)

    @rule()
    def crash(self) -> None:
        """What was not stored is gone; the stores, the lanes and the intermediary's notices are not."""
        self.answers.clear()

    @precondition(lambda self: self.house.lane)
    @rule(number=NUMBER, fate=st.sampled_from(["not_sent", "lost", "answered", "answered", "late"]), verdict=st.data())
    def a_task_is_carried(self, number: int, fate: str, verdict: Any) -> None:
        """Lanes go on: the call never leaves, its answer is lost, or comes, at once or later."""
        wanted = verdict.draw(st.sampled_from([Verdict.REFUND_DONE, Verdict.REFUNDING, Verdict.REFUND_REJECTED]))
        for task in (*self.house.lane[number % len(self.house.lane) :], self.house.lane[0]):
            if task in self.house.lane:
                self._carry(task, fate, wanted)

    @rule(which=WHICH, fate=st.sampled_from(["answered", "answered", "late", "lost"]))
    def what_is_due_is_asked_about(self, which: str, fate: str) -> None:
        """As the poller does: the attempts and refunds that are due, or that time has come."""
        for change in self._questions(which, lost=fate == "lost"):
            if fate == "late":
                self.answers.append((which, change))
            else:
                self.house.enter(which, change)

    @precondition(lambda self: self.answers)
    @rule(number=NUMBER)
    def an_answer_arrives(self, number: int) -> None:
        """In any order, and about a world that has gone on since."""
        which, change = self.answers.pop(number % len(self.answers))
        self.house.enter(which, change)

    # --- payers and notices -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.theirs.orders)
    @rule(number=NUMBER, amount=st.sampled_from([*[AMOUNT] * 6, AMOUNT - 1_000, AMOUNT + 1]))
    def a_payer_pays(self, number: int, amount: int) -> None:
        """Once or again, in time or late, the right amount or another one."""
        ref = list(self.theirs.orders)[number % len(self.theirs.orders)]
        txn = self.theirs.pay(ref, amount)
        self.wire.append(said(ref, Verdict.PAID, txn_id=txn, amount=amount))

    @precondition(lambda self: self.theirs.orders)
    @rule(number=NUMBER)
    def a_payer_gives_up(self, number: int) -> None:
        """The intermediary says that it failed, which may come after a success."""
        ref = list(self.theirs.orders)[number % len(self.theirs.orders)]
        self.theirs.orders[ref].failed = True
        self.wire.append(said(ref, Verdict.FAILED))

    @precondition(lambda self: self.wire)
    @rule(number=NUMBER, times=st.integers(1, 3), drop=st.booleans())
    def a_notice_arrives(self, number: int, times: int, drop: bool) -> None:
        """Any of them, once or several times; or it never comes."""
        notice = self.wire[number % len(self.wire)]
        for _ in range(0 if drop and times == 3 else times):
            self._hear(notice)
        if drop:
            self.wire.remove(notice)

    @rule(which=WHICH, number=NUMBER, how=st.sampled_from(["untrusted", "not_ours", "other_ref", "other_currency"]))
    def a_notice_is_forged(self, which: str, number: int, how: str) -> None:
        """Success, says somebody who cannot know."""
        attempts = self.house.payment(which).attempts
        ref = attempts[number % len(attempts)].ref
        forged: dict[str, dict[str, Any]] = {
            "untrusted": {"trusted": False},
            "not_ours": {"ours": False},
            "other_ref": {"ref": f"{ref} "},
            "other_currency": {"currency": "USD"},
        }
        words = {"ref": ref, "txn_id": f"f{number}", "amount": AMOUNT, **forged[how]}
        self._hear(said(words.pop("ref"), Verdict.PAID, **words), attempt=attempts[number % len(attempts)])

    @rule(number=NUMBER)
    def a_transaction_is_told_of_another_payment(self, number: int) -> None:
        """A defect of the intermediary: a transaction that pays one fee is said to pay the other one (G7)."""
        held = [(claim.rsplit("/", 1)[1], owner) for claim, owner in self.house.claims.items()]
        if held:
            txn, owner = held[number % len(held)]
            other = self.house.payment(IDS[1 - IDS.index(owner)]).attempts[0]
            self._hear(said(other.ref, Verdict.PAID, txn_id=txn))

    # --- commands and decisions ---------------------------------------------------------------------------------------

    @rule(which=WHICH, repeat=st.booleans())
    def another_attempt_is_asked_for(self, which: str, repeat: bool) -> None:
        """Taken only where no earlier one may still succeed."""
        for _ in range(1 + repeat):
            self.house.enter(
                which,
                AttemptAsked(
                    at=self.now,
                    request_id=self._request(),
                    provider=PROVIDER,
                    expires_at=self.now + timedelta(minutes=15),
                ),
            )

    @rule(which=WHICH, seldom=st.integers(0, 3))
    def it_is_cancelled(self, which: str, seldom: int) -> None:
        """The dossier was withdrawn."""
        if seldom:
            return
        self.house.enter(which, CancelAsked(at=self.now, request_id=self._request(), asked_by="GQHS", reason="Rút"))

    @rule(which=WHICH, amount=st.sampled_from([AMOUNT, AMOUNT, AMOUNT - 1]), seldom=st.integers(0, 5))
    def it_is_paid_at_the_counter(self, which: str, amount: int, seldom: int) -> None:
        """Cash at the agency."""
        if seldom:
            return
        receipt = CounterPaid(
            at=self.now,
            request_id=self._request(),
            method="cash",
            officer="CB01",
            receipt_no="0000123",
            received_at=self.now,
            amount=amount,
        )
        self.house.enter(which, receipt)
        if self.house.payment(which).counter is not None:
            self.vouched.add(which)

    @rule(which=WHICH, number=NUMBER, amount=st.sampled_from([1, 1_000, 200_000, AMOUNT, AMOUNT + 1]))
    def money_is_asked_back(self, which: str, number: int, amount: int) -> None:
        """Of any attempt, any amount."""
        payment = self.house.payment(which)
        if payment.state not in PAID_LIKE and number % 4:
            return
        request = self._request()
        attempt = number % (len(payment.attempts) + 1) if number % 3 == 0 else payment.stands_on
        self.house.enter(
            which,
            RefundAsked(
                at=self.now,
                refund_id=request,
                request_id=request,
                asked_by="GQHS",
                amount=amount,
                reason="Nộp thừa",
                attempt=attempt,
            ),
        )

    @rule(which=WHICH, number=NUMBER, second=st.sampled_from(["minh", "minh", "minh", "lan", ""]), no=st.booleans())
    def operators_decide_about_a_refund(self, which: str, number: int, second: str, no: bool) -> None:
        """Two of them, or one who would like to be two."""
        for refund in self.house.payment(which).refunds:
            self.house.enter(which, self._decision(refund, second, decline=no and number % 3 == 0))

    @rule(which=WHICH, second=st.sampled_from(["minh", "minh", "lan"]))
    def operators_look_at_a_held_case(self, which: str, second: str) -> None:
        """They see the books of the intermediary, and say what stands there."""
        for attempt in self.house.payment(which).attempts:
            if attempt.held:
                order = self.theirs.orders.get(attempt.ref)
                right = [txn for txn, amount in (order.txns if order else {}).items() if amount == AMOUNT]
                self.house.enter(
                    which,
                    Confirmed(
                        at=self.now,
                        attempt=attempt.number,
                        paid=bool(right),
                        txn_id=right[0] if right else "",
                        evidence="SK",
                        decided_by="lan",
                        approved_by=second,
                        decision_id=self._request(),
                    ),
                )

    @rule(which=WHICH)
    def the_payer_sees_our_page(self, which: str) -> None:
        """It tells what is stored."""
        if self.house.payment(which).state in PAID_LIKE:
            self.house.enter(which, PayerTold(at=self.now))

    # --- laws ---------------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_paid_that_nobody_paid(self) -> None:
        """Law: never paid without a verified source. The intermediary's own books, or people, stand behind every paid fee."""
        for payment in self._payments():
            for attempt in payment.attempts:
                order = self.theirs.orders.get(attempt.ref)
                assert all(order is not None and order.txns[i.txn_id] == i.amount for i in attempt.inflows)
            counting = [i for attempt in payment.attempts for i in attempt.inflows if i.counts]
            assert all(inflow.amount == AMOUNT for inflow in counting)
            assert (payment.state in PAID_LIKE) == bool(counting or payment.payment_id in self.vouched)

    @invariant()
    def what_came_twice_has_a_refund_task(self) -> None:
        """Law: never two paid attempts of one intent without a refund task."""
        for payment in self._payments():
            for attempt in payment.attempts:
                for inflow in attempt.inflows:
                    stands = payment.stands_on == attempt.number and attempt.txn_id == inflow.txn_id
                    tasks = [
                        r for r in payment.refunds if (r.attempt, r.paid_txn_id) == (attempt.number, inflow.txn_id)
                    ]
                    assert stands or not inflow.counts or any(r.cause == "duplicate_payment" for r in tasks)
            if payment.cancel_asked_at is not None and "late_success" in payment.flags and payment.stands_on:
                was_cancelled = self._was_cancelled(payment.payment_id)
                assert not was_cancelled or any(r.cause == "late_success" for r in payment.refunds)

    @invariant()
    def no_more_goes_back_than_came_in(self) -> None:
        """Law: the sum of refunds is at most what was paid, of each transaction and at the intermediary; each by two people."""
        for payment in self._payments():
            back: Counter[tuple[int, str]] = Counter()
            for refund in payment.refunds:
                if refund.state in RESERVING:
                    back[refund.attempt, refund.paid_txn_id] += refund.amount
                if refund.state in UNDER_WAY | {"done"}:
                    assert refund.decided_by and refund.approved_by not in ("", refund.decided_by)
            paid = {(a.number, i.txn_id): i.amount for a in payment.attempts for i in a.inflows}
            if payment.counter is not None:
                paid[0, payment.counter.bank_reference] = payment.counter.amount
            assert all(amount <= paid[place] for place, amount in back.items())

    @invariant()
    def everything_happens_once(self) -> None:
        """One proposal, one call for each attempt, one reference for each refund; no key was ever used for two things."""
        for payment in self._payments():
            payment_id = payment.payment_id
            assert len(self.house.proposals(payment_id, "payment_received")) == (payment.state in PAID_LIKE)
            created = [task.fields["attempt"] for task in self.house.tasks(payment_id, CREATE)]
            assert len(created) == len(set(created)) == len(payment.attempts)
            refs = [refund.refund_ref for refund in payment.refunds]
            assert len(refs) == len(set(refs))
            sent = [task.fields["refund_id"] for task in self.house.tasks(payment_id, REFUND)]
            assert len(sent) == len(set(sent))
            receipts = [task.fields["fkey"] for task in self.house.tasks(payment_id, "receipt")]
            assert len(receipts) == len(set(receipts))
        assert "key_reused" not in self.house.refused

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """What may still become paid, and every refund under way, is due at some time, or with people."""
        for payment in self._payments():
            for attempt in payment.attempts:
                assert attempt.state not in OPEN or attempt.due is not None or attempt.held
            for refund in payment.refunds:
                known = refund.approved_at is None or self.now - refund.approved_at > timedelta(days=30)
                assert refund.state not in ("sending", "unknown", "to_repeat") or refund.due is not None or known
            moments = [attempt.due for attempt in payment.attempts] + [refund.due for refund in payment.refunds]
            assert payment.due is not None or not any(moments)

    def teardown(self) -> None:
        """Settlement: the lanes run dry, everything due is asked about, the statement is read; both books are one."""
        if not self.house.stored:
            return
        for _ in range(200):
            while self.house.lane:
                self._carry(self.house.lane[0], "answered", Verdict.REFUND_DONE)
            open_cases = [which for which in IDS if self.house.payment(which).due is not None]
            if not open_cases:
                break
            self.now = max(self.now, min(self._due(which) for which in open_cases))
            self._settle_refunds()
            for which in open_cases:
                for change in self._questions(which, lost=False):
                    self.house.enter(which, change)
        else:
            raise AssertionError("questions that never end")
        for line in self.theirs.statement():
            self._hear(line)
        self._compare()
        for law in (
            self.nothing_is_paid_that_nobody_paid,
            self.what_came_twice_has_a_refund_task,
            self.no_more_goes_back_than_came_in,
            self.everything_happens_once,
        ):
            law()

    # --- what the rules are made of -----------------------------------------------------------------------------------

    def _compare(self) -> None:
        theirs = Counter((o.ref, txn, amount) for o in self.theirs.orders.values() for txn, amount in o.txns.items())
        ours = Counter(
            (attempt.ref, inflow.txn_id, inflow.amount)
            for payment in self._payments()
            for attempt in payment.attempts
            for inflow in attempt.inflows
        )
        assert ours == theirs
        back = {ref: r.amount for ref, r in self.theirs.refunds.items() if r.state is Verdict.REFUND_DONE}
        known = {
            refund.refund_ref: refund.amount
            for payment in self._payments()
            for refund in payment.refunds
            if refund.state == "done" and not refund.bank_reference
        }
        assert known == back

    def _settle_refunds(self) -> None:
        """What the intermediary has under way comes to its end."""
        for refund in self.theirs.refunds.values():
            if refund.state is Verdict.REFUNDING:
                refund.state = Verdict.REFUND_DONE

    def _carry(self, task: DeliverTask, fate: str, wanted: Verdict) -> None:
        """A call; without an answer the task stays in its lane, and is enquired about before it is made again."""
        which = str(task.fields["payment_id"])
        change: PaymentChange
        if fate == "not_sent":
            number = int(str(task.fields.get("attempt", 0)))
            refund_id = str(task.fields.get("refund_id", ""))
            self.house.enter(which, Unanswered(at=self.now, attempt=number, refund_id=refund_id, sent=False))
            return
        change = self._create(which, task) if task.operation == CREATE else self._refund(which, task, wanted)
        if fate == "lost":
            number = int(str(task.fields.get("attempt", 0)))
            self.house.enter(
                which,
                Unanswered(at=self.now, attempt=number, refund_id=str(task.fields.get("refund_id", ""))),
            )
        elif fate == "late":
            self.answers.append((which, change))
        else:
            self.house.lane.remove(task)
            self.house.enter(which, change)

    def _create(self, which: str, task: DeliverTask) -> PaymentChange:
        payment = self.house.payment(which)
        attempt = next(a for a in payment.attempts if a.number == task.fields["attempt"])
        if not may_be_created(payment, attempt, self.now):
            # Nothing is called any more: what is known of it is asked about when it is due.
            return TimeCame(at=T0)
        self.theirs.make(attempt.ref)
        return AttemptMade(at=self.now, attempt=attempt.number, made=Made(pay_url="https://pay.example/x"))

    def _refund(self, which: str, task: DeliverTask, wanted: Verdict) -> PaymentChange:
        payment = self.house.payment(which)
        refund = next(r for r in payment.refunds if r.refund_id == task.fields["refund_id"])
        ref = next(a.ref for a in payment.attempts if a.number == refund.attempt)
        verdict = self.theirs.refund(refund.refund_ref, ref, refund.amount, wanted)
        return RefundSaid(at=self.now, refund_id=refund.refund_id, statement=refund_said(refund.refund_ref, verdict))

    def _questions(self, which: str, *, lost: bool) -> list[PaymentChange]:
        payment = self.house.payment(which)
        told: list[PaymentChange] = []
        if payment.due is None or payment.due > self.now:
            return told
        for attempt in attempts_to_ask(payment, self.now) if self.askable else ():
            told.append(
                Unanswered(at=self.now, attempt=attempt.number, query=True)
                if lost
                else Said(at=self.now, attempt=attempt.number, statement=self.theirs.says(attempt.ref))
            )
        for refund in refunds_to_ask(payment, self.now):
            known = self.theirs.refunds.get(refund.refund_ref)
            told.append(
                Unanswered(at=self.now, refund_id=refund.refund_id, query=True)
                if lost or known is None
                else RefundSaid(
                    at=self.now,
                    refund_id=refund.refund_id,
                    statement=refund_said(refund.refund_ref, known.state),
                )
            )
        return told or [TimeCame(at=self.now)]

    def _hear(self, notice: Statement, attempt: Attempt | None = None) -> None:
        """As `notices.py` does: what is about nothing of ours never reaches a ledger."""
        for payment in self._payments():
            for one in payment.attempts:
                if attempt is not None and one.ref != attempt.ref:
                    continue
                if weigh(payment, one, notice) not in (Weight.NOT_OURS, Weight.OTHER_REFERENCE):
                    self.house.enter(payment.payment_id, Said(at=self.now, attempt=one.number, statement=notice))

    def _payments(self) -> list[Payment]:
        return [self.house.payment(which) for which in self.house.stored]

    def _was_cancelled(self, which: str) -> bool:
        return any(getattr(effect, "code", "") == "payment.cancelled" for effect in self.house.effects[which])

    def _due(self, which: str) -> Any:
        due = self.house.payment(which).due
        assert due is not None
        return due

    def _decision(self, refund: RefundState, second: str, *, decline: bool) -> PaymentChange:
        signed: dict[str, Any] = {
            "at": self.now,
            "refund_id": refund.refund_id,
            "decided_by": "lan",
            "decision_id": self._request(),
        }
        if decline:
            return RefundDeclined(**signed, reason="")
        signed["approved_by"] = second
        if refund.state in ("to_transfer", "failed"):
            return RefundTransferred(**signed, bank_reference="FT1", account_name="", account="0011", bank="VCB")
        return RefundApproved(**signed)

    def _request(self) -> str:
        self.commands += 1
        return f"c{self.commands}"


def test_the_four_laws_hold_whatever_happens_and_the_books_are_one_after_settlement() -> None:
    """Whatever is shuffled, repeated, delayed, forged, dropped or interrupted."""
    run_state_machine_as_test(
        PaymentWorld,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
