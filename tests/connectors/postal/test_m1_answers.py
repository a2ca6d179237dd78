"""What the answer to a question about an order says of its parcel, where its newest status hides the one before (facts 3.2)."""

from __future__ import annotations

import json

import pytest

from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.speaking import Finds, Sighting

from .donhang import data_of
from .m1_orders import account, answer, order

DELIVERED_AT = "21/11/2026 09:00:00"


def _told(**members: object) -> tuple[Sighting, ...]:
    dialogue = PROFILE.open(account(PROFILE))
    assert isinstance(dialogue, Finds)
    found = dialogue.found(order(), answer([json.loads(data_of(**members))]))
    assert isinstance(found, tuple)
    return found[1]


@pytest.mark.parametrize("code", [110, 120])
def test_an_answer_about_money_still_tells_that_the_parcel_was_delivered(code: int) -> None:
    """The notice of the delivery may have been lost, and 110 and 120 move only the money (postal facts 6.1)."""
    ended, money = _told(OrderStatusId=code, IsDeliverable=True, DeliveryTime=DELIVERED_AT)
    assert (ended.scan.means, ended.scan.raw_code, ended.scan.cod_amount) == ("delivered", "deliverable", None)
    assert ended.scan.occurred_at <= money.scan.occurred_at and money.scan.raw_code == str(code)


def test_both_answers_about_money_tell_of_one_delivery() -> None:
    """Asked twice, it was delivered once: the event is the same."""
    told = [_told(OrderStatusId=code, IsDeliverable=True, DeliveryTime=DELIVERED_AT)[0].scan for code in (110, 120)]
    assert told[0].event_id == told[1].event_id and told[0].occurred_at == told[1].occurred_at


@pytest.mark.parametrize(
    "members",
    [
        {"OrderStatusId": 100, "IsDeliverable": True, "DeliveryTime": DELIVERED_AT},
        {"OrderStatusId": 110, "IsDeliverable": False, "DeliveryTime": DELIVERED_AT},
        {"OrderStatusId": 110, "IsDeliverable": True, "DeliveryTime": None},
    ],
)
def test_nothing_is_made_of_an_answer_that_says_its_state_or_says_no_end(members: dict[str, object]) -> None:
    """Only what stands there: one sighting, that of the status."""
    [only] = _told(**members)
    assert only.scan.raw_code == str(members["OrderStatusId"])
