"""The table of donhang's answers: every row is what some answer is read by, and none stands behind another for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Placed
from connectors.postal.outcomes import Answered, load_outcomes
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.profiles.m1.mapping import Donhang
from connectors.postal.speaking import Absent, CancelSaid, Refused
from mappings.tables import TableRow

from .donhang import GUID
from .m1_orders import NOW, NUMBER, account, answer, order

ROWS = tuple(row for row, _ in load_outcomes("m1").rows)
_SENTENCES = {"trùng": "Đơn hàng bị trùng", "thu gom": "Bưu gửi đã được thu gom"}
_BODIES: dict[tuple[str, str], tuple[object, int]] = {
    ("order", "ok"): ({"Id": GUID, "OrderCode": NUMBER, "IsSuccess": True}, 200),
    ("cancel", "cancelled"): (b"", 204),
    ("cancel", "requested"): ({"OrderStatusId": 61}, 200),
    ("cancel", "too_late"): ({"IsSuccess": False, "IsCancelable": False}, 200),
    ("find", "found"): ([{"Id": GUID, "OrderCode": NUMBER}], 200),
    ("find", "absent"): ([], 200),
    ("price", "ok"): ([{"MaDichVu": "EMS", "TongCuocSauVAT": 1_000}], 200),
    ("price", "none"): ([], 200),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}-{row['operation']}-{row['code']}")
def test_every_row_is_what_some_answer_is_read_by(row: TableRow) -> None:
    """By its own operation and code, with a sentence of its pattern; rows of any operation by that of an order."""
    operation: Any = "order" if row["operation"] == "*" else row["operation"]
    code = {"*": "unreadable", "http-5*": "http-502"}.get(row["code"], row["code"])
    sentence = next((text for sign, text in _SENTENCES.items() if sign in row["pattern"]), "Không hợp lệ")
    concluded = load_outcomes("m1").conclude(Answered(operation, code, sentence), NOW)
    assert (concluded.number, concluded.means) == (row.number, row["means"])
    assert _means(_told(operation, _answer(operation, code, sentence))) == row["means"]


def test_an_answer_that_no_row_names_may_have_happened() -> None:
    """A redirection, a status nobody knows: neither done nor refused."""
    for status in (302, 418, 507, 100):
        assert _means(_told("order", answer(b"", status))) == "unreadable"
        assert _means(_told("cancel", answer(b"", status))) == "in_doubt"


def _answer(operation: str, code: str, sentence: str) -> HttpAnswer:
    if code.startswith("http-"):
        return answer(sentence.encode(), int(code.removeprefix("http-")))
    if code == "refused":
        return answer({"IsSuccess": False, "Message": sentence})
    body, status = _BODIES.get((operation, code), (b"<html>", 200))
    return answer(body, status)


def _told(operation: str, said: HttpAnswer) -> object:
    spoken = PROFILE.open(account(PROFILE))
    assert isinstance(spoken, Donhang)
    wanted = order(carrier_ref=GUID)
    match operation:
        case "cancel":
            return spoken.cancelled(wanted, said)
        case "find":
            return spoken.found(wanted, said)
        case "price":
            return spoken.priced(said)
    return spoken.placed(wanted, said)


def _means(told: object) -> str:
    match told:
        case Refused():
            return told.kind
        case CancelSaid():
            return told.outcome
        case Absent():
            return "absent"
        case Placed():
            return "duplicate" if told.duplicate else "done"
    return "done"
