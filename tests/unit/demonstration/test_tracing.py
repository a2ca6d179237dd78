"""The tracing of parcels: a difference between the carrier's books and the gateway is a fault with its name, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.demonstration.senders import ENDS, Sender, Way, sending
from gateway.cli.demonstration.tracing import judge_parcel, judge_portal
from gateway.cli.demonstration.verdict import NOTHING, Verdict

NUMBER = "X-T"


def _sender(way: Way) -> Sender:
    return next(sender for sender in sending() if sender.way is way)


def _view(way: Way = Way.CASH, **changes: Any) -> dict[str, Any]:
    history = [{"event_id": f"e{number}", "source": "feed"} for number in range(3)]
    money = {"state": "remitted", "due": 150_000, "collected": 150_000}
    view = {"order_number": NUMBER, "state": ENDS[way], "state_vi": "Đã phát", "attempts": 1, "history": history}
    return view | {"cod": money} | changes


def _books(**changes: Any) -> dict[str, dict[str, Any]]:
    history = [{"happening": one} for one in ("accepted", "failed_attempt", "delivered")]
    money = {"due": 150_000, "collected": 150_000, "remitted": 150_000}
    return {NUMBER: {"state": "delivered", "told": 3, "history": history, "cod": money} | changes}


def _faults(view: dict[str, Any], books: dict[str, dict[str, Any]]) -> list[str]:
    verdict = Verdict()
    judge_parcel(_sender(Way.CASH), view, books, verdict)
    return verdict.faults


def test_books_and_gateway_that_agree_leave_a_row_and_no_fault() -> None:
    """The row says what became of parcel and money."""
    verdict = Verdict()
    judge_parcel(_sender(Way.CASH), _view(), _books(), verdict)
    assert verdict.faults == []
    assert verdict.parcels[0][2:] == ("Đã phát", 1, 150_000, 150_000, "khớp sổ của bưu chính")


@pytest.mark.parametrize(
    ("view", "books", "word"),
    [
        ({"state": "in_transit"}, {}, "trạng thái"),
        ({"attempts": 2}, {}, "số lần phát"),
        ({"history": [{"event_id": "e1", "source": "feed"}]}, {}, "số chặng"),
        ({"history": [{"event_id": "e1", "source": "feed"}] * 3}, {"told": 1}, "chặng lặp lại"),
        ({}, {"cod": {"due": 150_000, "collected": 140_000, "remitted": 140_000}}, "tiền đã thu"),
        ({"cod": {"state": "collected", "due": 150_000, "collected": 150_000}}, {}, "tiền đã nộp"),
        ({}, {"state": "returned"}, "trạng thái"),
    ],
)
def test_each_difference_is_named(view: dict[str, Any], books: dict[str, Any], word: str) -> None:
    """A state, a step too few or twice, an attempt, a đồng."""
    [fault] = _faults(_view(**view), _books(**books))
    assert word in fault


def test_a_parcel_that_the_carrier_does_not_have_was_never_ordered() -> None:
    """What the gateway says of it is then worth nothing."""
    [fault] = _faults(_view(), {})
    assert NUMBER in fault


@pytest.mark.parametrize(
    ("channel", "method", "faults"), [("3", "1", 0), ("2", "1", 1), ("3", "0", 1), (None, None, 1)]
)
def test_the_portal_must_say_that_it_went_by_post(channel: str | None, method: str | None, faults: int) -> None:
    """KenhThucHien 3 and HinhThuc 1, whatever else it says."""
    sender = _sender(Way.DELIVERED)
    codes = ["2", "4", "9", "10"]
    seen = {
        **NOTHING,
        "versions": [{"state": code, "effect": "state"} for code in codes],
        "progress": [{"state": code, "repeat_of": -1} for code in codes],
        "fields": {"KenhThucHien": channel, "HinhThuc": method},
    }
    verdict = Verdict()
    judge_portal(sender, seen, verdict)
    assert len(verdict.faults) == faults


def test_one_comes_back_and_one_is_collected() -> None:
    """The cast has each way once, and only what was delivered to a citizen is given back at the portal."""
    ways = {sender.way: sender for sender in sending()}
    assert set(ways) == set(Way)
    assert {way for way, sender in ways.items() if "returned" in sender.role.states} == {Way.DELIVERED, Way.CASH}
