"""What the statements that change a lane or a message make of its row: as queries.sql says it, for rows that are at hand.

Only a saving of round trips (decision 0028): a shared store changes the rows that it holds here, and sends them together.
`tests/property/test_effects.py` compares each of these with its statement, on rows that are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.journal.bound import SHARED
from gateway.journal.states import TERMINAL, DeliveryState

Values = Sequence[Any]  # those of the statement, the first at 0
Columns = dict[str, Any]
Effect = Callable[[Columns, Values], Mapping[str, Any]]

LANE: tuple[str, ...] = (*SHARED["lane"].key, *SHARED["lane"].rest)
MESSAGE: tuple[str, ...] = (*SHARED["msg"].key, *SHARED["msg"].rest)
_FINAL = frozenset(state.value for state in TERMINAL)


def ended(state: str) -> bool:
    """A message in this state is behind its lane."""
    return state in _FINAL


def _extend(lane: Columns, new: Values) -> Mapping[str, Any]:
    return {"next_seq": new[1], "legal_due": lane["legal_due"] if new[2] is None else new[2]}


def _wake(lane: Columns, new: Values) -> Mapping[str, Any]:
    return {**_extend(lane, new), "head_at": new[3], "due": new[4], "attempts": 0}


def _advance(_lane: Columns, new: Values) -> Mapping[str, Any]:
    return {"head_seq": new[1], "head_at": new[2], "attempts": 0}


def _rest(lane: Columns, new: Values) -> Mapping[str, Any]:
    return {
        "head_seq": new[1],
        "head_at": new[2],
        "due": new[3],
        "lease_until": None,
        "owner": "",
        "block_reason": new[4],
        "hold_reason": "",
        "memory": new[5],
        "attempts": lane["attempts"] - new[6] if lane["head_seq"] == new[1] else 0,
    }


def _lease(lane: Columns, new: Values) -> Mapping[str, Any]:
    counted = {"epoch": lane["epoch"] + 1, "attempts": lane["attempts"] + 1}
    return {"due": None, "lease_until": new[1], "owner": new[2], **counted}


def _hold(_message: Columns, new: Values) -> Mapping[str, Any]:
    return {"state": DeliveryState.HELD.value, "hold_reason": new[2]}


def _supersede(_message: Columns, new: Values) -> Mapping[str, Any]:
    return {"state": DeliveryState.SUPERSEDED.value, "supersede_class": new[2]}


def _send(message: Columns, new: Values) -> Mapping[str, Any]:
    first = message["first_attempt_at"]
    return {
        "prior": message["state"],
        "state": DeliveryState.SENDING.value,
        "attempts": message["attempts"] + 1,
        "unsettled": message["unsettled"] + 1,
        "first_attempt_at": new[2] if first is None else first,
    }


def _settle(message: Columns, new: Values) -> Mapping[str, Any]:
    _, _, state, doubtful, hold_reason, receipt_ref, given_back = new
    attempts, taken_back = message["attempts"], given_back > 0 and message["attempts"] <= given_back
    return {
        "state": state,
        "prior": "",
        "doubtful": doubtful,
        "unsettled": 0,
        "hold_reason": hold_reason,
        "supersede_class": message["supersede_class"] if state == DeliveryState.READY else "",
        "receipt_ref": receipt_ref or message["receipt_ref"],
        "first_attempt_at": None if taken_back else message["first_attempt_at"],
        "attempts": max(attempts - given_back, 0),
    }


ON_LANES: Mapping[str, Effect] = {
    "lane.extend": _extend,
    "lane.wake": _wake,
    "lane.advance": _advance,
    "lane.rest": _rest,
    "claim.lane": _lease,
}
"""Their first value is the lane's number."""

ON_MESSAGES: Mapping[str, Effect] = {
    "msg.hold": _hold,
    "append.supersede": _supersede,
    "claim.send": _send,
    "settle.msg": _settle,
}
"""Their first two values are the lane's number and the message's."""
