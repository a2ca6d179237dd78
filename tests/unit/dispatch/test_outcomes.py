"""From answers to a settlement: laws that hold for every batch, whatever its connector answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.contract import Receipt
from connectors.kit.errors import (
    Busy,
    CannotMap,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    NoAnswer,
    NotSent,
    Rejected,
    UpstreamFault,
)
from gateway.clock import Clock
from gateway.config import Upstream
from gateway.dispatch.outcomes import Answered, Conclusion, Scene, conclude
from gateway.dispatch.retry import ENQUIRY_MARGIN
from gateway.dispatch.upstreams import OperationTraits, UpstreamLine, no_follow_ups
from gateway.journal.model import Claim, ClaimedDelivery, DeliveryState

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(seconds=40)
Outcome = Receipt | DeliveryError


class Closed:
    """A connector that is never called here."""

    async def close(self) -> None:
        """Nothing is open."""


def received(number: int) -> Receipt:
    """A receipt that remembers its number."""
    return Receipt("R", NOW, Exchange(), memory={"row": str(number)})


outcomes = st.lists(
    st.one_of(
        st.integers(1, 9).map(received),
        st.sampled_from(
            [NotSent(), Busy(), NoAnswer(), UpstreamFault(), Rejected(), CannotMap(), CredentialsRefused()]
        ),
    ),
    min_size=1,
    max_size=8,
)


def settle(answers: Sequence[Outcome], *, skippable: bool, open_until: datetime | None) -> Conclusion:
    """The conclusion about a batch with these answers."""
    claimed = [
        ClaimedDelivery(f"D-{n}", n, "status", f"E-{n}", "SEC", 1, False, NOW, None, b"") for n in range(len(answers))
    ]
    line = UpstreamLine("A", Upstream(connector="test"), Closed(), {"status": OperationTraits(skippable=skippable)})
    claim = Claim(7, "A", "D", 3, DEADLINE, {}, tuple(claimed))
    clock = Clock(now=lambda: NOW, instant=lambda: 0.0, chance=lambda: 0.5)
    answered = [Answered(item, None, answer, DEADLINE) for item, answer in zip(claimed, answers, strict=True)]
    return conclude(answered, Scene(line, claim, clock, NOW, open_until, no_follow_ups))


@given(outcomes, st.booleans(), st.sampled_from([None, NOW + timedelta(seconds=30)]))
def test_a_lane_advances_over_contiguous_successes_only(
    answers: list[Outcome], skippable: bool, open_until: datetime | None
) -> None:
    """Behind the first failure only what really happened, or may have happened, is named."""
    settlement = settle(answers, skippable=skippable, open_until=open_until).settlement
    states = {message.sequence: message.state for message in settlement.messages}
    passed = (DeliveryState.DELIVERED, DeliveryState.REFUSED)
    first = next((n for n in range(len(answers)) if states.get(n) not in passed), len(answers))
    behind = {state for n, state in states.items() if n > first}
    assert behind <= {DeliveryState.DELIVERED, DeliveryState.UNKNOWN}
    for n, answer in enumerate(answers):
        assert (states.get(n) is DeliveryState.DELIVERED) is isinstance(answer, Receipt)


@given(outcomes, st.booleans(), st.sampled_from([None, NOW + timedelta(seconds=30)]))
def test_nothing_in_doubt_is_due_before_its_calls_deadline(
    answers: list[Outcome], skippable: bool, open_until: datetime | None
) -> None:
    """Wherever in the batch the doubt is, the lane waits for the deadline, or for a person."""
    settlement = settle(answers, skippable=skippable, open_until=open_until).settlement
    states = [message.state for message in settlement.messages]
    if DeliveryState.UNKNOWN in states and DeliveryState.HELD not in states:
        assert settlement.next_due is not None
        assert settlement.next_due >= DEADLINE + ENQUIRY_MARGIN


@given(outcomes, st.booleans(), st.sampled_from([None, NOW + timedelta(seconds=30)]))
def test_attempts_are_given_back_only_when_nothing_was_achieved(
    answers: list[Outcome], skippable: bool, open_until: datetime | None
) -> None:
    """A settlement either names what happened, with an attempt for each, or gives the attempt back."""
    settlement = settle(answers, skippable=skippable, open_until=open_until).settlement
    assert settlement.give_back is (settlement.messages == ())
    assert all(message.attempt is not None for message in settlement.messages)


@given(outcomes)
def test_a_hold_always_says_why(answers: list[Outcome]) -> None:
    """A lane never waits for a person without a reason."""
    conclusion = settle(answers, skippable=False, open_until=None)
    held = any(message.state is DeliveryState.HELD for message in conclusion.settlement.messages)
    assert held is bool(conclusion.settlement.block_reason)
    assert held is bool(conclusion.held_vi)


@given(outcomes)
def test_every_named_message_is_audited_and_counted_once(answers: list[Outcome]) -> None:
    """Audit and metrics know as much as the journal."""
    conclusion = settle(answers, skippable=False, open_until=None)
    named = len(conclusion.settlement.messages)
    assert (len(conclusion.settlement.audit), len(conclusion.settled)) == (named, named)


@given(outcomes)
def test_memory_is_that_of_the_receipts_in_order(answers: list[Outcome]) -> None:
    """The last receipt speaks last."""
    receipts = [answer for answer in answers if isinstance(answer, Receipt)]
    memory = settle(answers, skippable=False, open_until=None).settlement.memory
    assert memory == (receipts[-1].memory if receipts else {})
