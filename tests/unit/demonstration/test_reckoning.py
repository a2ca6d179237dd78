"""The reckoning can fail: money that is missing, counted twice or taken from nowhere is named (controls of the harness)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.demonstration.payers import Payer, Way, owing
from gateway.cli.demonstration.reckoning import (
    Reckoned,
    faults_of,
    judge_fees_outside,
    judge_lies,
    judge_receipts,
    reckoned_of,
)
from gateway.cli.demonstration.settlement import judge_statement, sums_of
from gateway.cli.demonstration.verdict import PORTAL_CODE, Verdict


def _payer(way: Way) -> Payer:
    return next(payer for payer in owing(late=True) if payer.way is way)


def _view(payer: Payer, **changed: Any) -> dict[str, Any]:
    whole = {
        "state": "paid",
        "amount": payer.amount,
        "refunds": [],
        "flags": [],
        "counter_receipt_no": "",
        "completed_at": "2026-11-22T05:00:00Z",
    }
    return whole | changed


def _order(*amounts: int, back: int = 0) -> dict[str, Any]:
    refunds = [{"amount": back}] if back else []
    return {"transactions": [{"amount": amount} for amount in amounts], "refunds": refunds}


def _reckoned(way: Way, *amounts: int, back: int = 0, **changed: Any) -> Reckoned:
    payer = _payer(way)
    return reckoned_of(payer, _view(payer, **changed), [_order(*amounts, back=back)] if amounts else [])


def test_what_was_paid_once_is_explained_and_anything_else_is_not() -> None:
    """A đồng too little, one too many, none at all: each is told."""
    fee = _payer(Way.ONCE).amount
    assert _reckoned(Way.ONCE, fee).explained
    for amounts in ((fee - 1,), (fee + 1,), (fee, fee), ()):
        assert not _reckoned(Way.ONCE, *amounts).explained
    assert not _reckoned(Way.ONCE, fee, state="pending").explained


def test_money_that_came_twice_is_explained_by_its_refund_and_by_nothing_else() -> None:
    """Owed, or gone back; a refund of another amount explains nothing."""
    fee = _payer(Way.TWICE).amount
    owed: dict[str, Any] = {"refunds": [{"state": "asked", "amount": fee}]}
    done: dict[str, Any] = {"refunds": [{"state": "done", "amount": fee}]}
    assert not _reckoned(Way.TWICE, fee, fee).explained
    assert _reckoned(Way.TWICE, fee, fee, **owed).words == "khoản nộp thừa chờ hoàn"
    assert _reckoned(Way.TWICE, fee, fee, back=fee, **done).words == "khoản nộp thừa đã hoàn, hai người ký"
    assert not _reckoned(Way.TWICE, fee, fee, **done).explained, "done here, and nothing went back there"
    assert not _reckoned(Way.TWICE, fee, fee, refunds=[{"state": "asked", "amount": 1}]).explained
    assert not _reckoned(Way.TWICE, fee, fee, refunds=[{"state": "declined", "amount": fee}]).explained


def test_cash_at_the_counter_counts_as_money() -> None:
    """Once: with money at an intermediary as well it is too much."""
    fee = _payer(Way.COUNTER).amount
    assert _reckoned(Way.COUNTER, counter_receipt_no="BL-1").explained
    assert not _reckoned(Way.COUNTER, fee, counter_receipt_no="BL-1").explained


@pytest.mark.parametrize(
    ("way", "changed", "named"),
    [
        (Way.FORGED, {}, "cổng nói paid"),
        (Way.ONCE, {"state": "pending"}, "cổng nói pending"),
        (Way.TWICE, {"refunds": [{}]}, "duplicate_payment"),
        (Way.TWICE, {"flags": ["duplicate_payment"]}, "0 đề nghị hoàn"),
        (Way.LATE, {}, "late_success"),
        (Way.ONCE, {"completed_at": None}, "thời điểm hoàn thành"),
    ],
)
def test_what_the_gateway_should_have_said_is_named(way: Way, changed: dict[str, Any], named: str) -> None:
    """Also where the sums would agree."""
    payer = _payer(way)
    assert any(named in fault for fault in faults_of(payer, _view(payer, **changed)))


def _receipts(payers: tuple[Payer, ...]) -> list[dict[str, Any]]:
    held: dict[tuple[str, str], int] = {}
    for payer in payers:
        if payer.way in (Way.FORGED, Way.COUNTER):
            continue
        for line in payer.lines:
            key = (payer.role.code, "26TAA" if line["kind"] == "charge" else "26TBB")
            held[key] = held.get(key, 0) + int(str(line["amount"]))
    return [{"dossier": code, "serial": serial, "amount": amount} for (code, serial), amount in held.items()]


def test_receipts_are_one_for_each_kind_of_fee_that_was_paid() -> None:
    """Missing, doubled, of another amount, or for somebody who has not paid."""
    payers = owing(late=True)
    good = _receipts(payers)
    forged = {"dossier": _payer(Way.FORGED).role.code, "serial": "26TAA", "amount": 1}
    for held, sound in (
        (good, True),
        (good[1:], False),
        ([*good, good[0]], False),
        ([good[0] | {"amount": 1}, *good[1:]], False),
        ([*good, forged], False),
    ):
        verdict = Verdict()
        judge_receipts(payers, held, verdict)
        assert (verdict.faults == []) is sound


@pytest.mark.parametrize(
    ("answers", "sound"),
    [
        (['{"RspCode":"97"}'], True),
        (['{"RspCode":"99"}', '{"RspCode":"97"}'], True),
        (['{"RspCode":"97"}', '{"RspCode":"00"}'], False),
        (['{"RspCode":"99"}'], False),
        ([], False),
    ],
)
def test_a_forged_notice_must_be_refused_each_time(answers: list[str], sound: bool) -> None:
    """One that was never heard, or only put off while the store or Redis was away, proves nothing either way."""
    verdict, put_off = Verdict(), [{"status": status, "answer": ""} for status in (0, 429, 503)]
    judge_lies([{"attempts": [*put_off, *({"status": 200, "answer": answer} for answer in answers)]}], verdict)
    assert (verdict.faults == [], bool(verdict.checks)) == (sound, sound)


def test_the_portal_must_list_the_fees_and_say_how_they_were_paid() -> None:
    """A dossier whose lane a person holds is excused."""
    payer = _payer(Way.ONCE)
    codes = [PORTAL_CODE[state] for state in payer.role.states]
    fields = {
        "DanhSachLePhi": [{"Gia": str(line["amount"])} for line in payer.lines],
        "DuocThanhToanTrucTuyen": "1",
    }
    told = {
        "versions": [{"effect": "state", "state": code} for code in codes],
        "progress": [{"state": code, "repeat_of": -1} for code in codes],
    }
    for changed, held, sound in (
        ({}, {}, True),
        ({"DuocThanhToanTrucTuyen": "0"}, {}, False),
        ({"DanhSachLePhi": []}, {}, False),
        ({"DanhSachLePhi": []}, {payer.role.code: ["national_dvc"]}, True),
    ):
        verdict = Verdict()
        judge_fees_outside([payer], {payer.role.code: {**told, "fields": fields | changed}}, held, verdict)
        assert (verdict.faults == []) is sound


def _report(came: int, went: int, *differences: dict[str, str]) -> dict[str, Any]:
    totals = [
        {"side": side, "outcome": "Cộng", "theirs": sum_, "ours": sum_}
        for side, sum_ in (("Thu", came), ("Hoàn", went))
    ]
    return {"summary": totals, "differences": list(differences)}


_STATEMENT = (
    "\ufeffH,1,vnpay\r\nD,1,PAY,ref1,t1,b1,300,0\r\nD,2,REFUND,ref1,t2,b2,100,0\r\n"
    "D,3,PAY,ref2,t3,b3,50,0\r\nT,2,350,1,100\r\n"
)


def test_a_report_must_hold_every_dong_of_its_statement_and_no_strange_difference() -> None:
    """A sum that is off, or a difference that none of the payers made."""
    twice = {"outcome": "Thanh toán trùng", "ref": "r", "detail": "", "action": "Hoàn"}
    missing = {"outcome": "Thiếu: cổng có, trung gian không có", "ref": "r", "detail": "", "action": "Chờ"}
    assert sums_of(_STATEMENT) == (350, 100)
    for report, sound in (
        (_report(350, 100), True),
        (_report(350, 100, twice), True),
        (_report(349, 100), False),
        (_report(350, 0), False),
        (_report(350, 100, missing), False),
    ):
        verdict = Verdict()
        judge_statement("vnpay", _STATEMENT, report, verdict)
        assert (verdict.faults == []) is sound
