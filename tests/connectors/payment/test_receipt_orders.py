"""Where receipts are ordered: at the service of today, and never in the way of what was paid."""

from __future__ import annotations

import pytest

from connectors.kit.contract import DeliverTask, RaiseAlarm
from connectors.payment.ledger import Payments
from connectors.payment.model import State

from .fees import Story, fee, made, told, word


@pytest.mark.parametrize(("today", "said"), [("bien-lai-moi", ("bien-lai-moi",) * 2), (None, ("bien-lai",) * 2)])
def test_receipts_are_ordered_where_they_are_issued_today(today: str | None, said: tuple[str, ...]) -> None:
    """A service that was renamed since the fee was asked for does not stand between a payer and "paid"."""
    story = Story(fee(receipts="bien-lai"), made())
    _, effects = Payments(today).apply(story.state, told(60, word()))
    assert tuple(effect.to for effect in effects if isinstance(effect, DeliverTask)) == said
    assert Payments(today).elsewhere() == (((today, "receipt"),) if today else ())


def test_a_fee_is_paid_although_nobody_issues_receipts_any_more() -> None:
    """And a person hears of the receipts that are owed."""
    state, effects = Payments("").apply(Story(fee(receipts="bien-lai"), made()).state, told(60, word()))
    assert state.state is State.PAID and not any(isinstance(effect, DeliverTask) for effect in effects)
    assert [effect.code for effect in effects if isinstance(effect, RaiseAlarm)] == ["payment.receipt_service_gone"] * 2
