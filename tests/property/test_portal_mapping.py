"""Laws of the translation to the portal, for all dossiers and events."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from connectors.kit.contract import Budget, Delivery
from connectors.kit.errors import CannotMap
from connectors.national_dvc.history import plan
from connectors.national_dvc.profiles.mapi_2019.mapping import map_dossier
from connectors.national_dvc.profiles.mapi_2019.messages import MANDATORY, STAMP, read_answer
from connectors.national_dvc.profiles.mapi_2019.outcomes import Family, Operation, load_outcomes
from connectors.national_dvc.profiles.mapi_2019.rules import Rules
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Dossier,
    DossierTimes,
    Fee,
    Identity,
    Party,
    Procedure,
    Reason,
    StatusEvent,
    Step,
)
from mappings.codes import (
    CollectionTime,
    DossierStatus,
    FeeKind,
    IdentityType,
    Origin,
    Outcome,
    PartyKind,
    ResultMethod,
)

SAID = st.sampled_from(["Nguyễn Văn A", "Cục Di sản văn hóa", "x"])
# Mostly something, seldom nothing: a dossier has a dozen of these, and both sides of every law must be met.
WORDS = st.integers(0, 40).flatmap(
    lambda n: st.sampled_from(["", "  "]) if n == 0 else SAID if n < 30 else st.text("Ăb 1", min_size=1)
)
LONG = st.one_of(WORDS, st.text("Ăb 1", min_size=900, max_size=1_200))
MOMENTS = st.integers(1_575_800_000, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
MAYBE = st.one_of(MOMENTS, MOMENTS, st.none())
SELDOM = st.integers(0, 20).map(lambda n: n == 0)
CODE = "000.00.00.G16-241014-0001"

PROCEDURES = st.builds(
    Procedure,
    st.just("BVH-01"),
    SELDOM.map(lambda odd: "TS_lop1" if odd else "1.004528"),
    WORDS,
    field_code=WORDS,
    field_name=WORDS,
)
PARTIES = st.builds(
    Party, st.sampled_from(PartyKind), WORDS, st.builds(Identity, st.sampled_from(IdentityType), WORDS), phone=WORDS
)
FEES = st.lists(
    st.builds(
        Fee,
        st.text("ab", min_size=1, max_size=2),
        WORDS,
        SELDOM.map(lambda odd: -1 if odd else 500_000),
        kind=st.sampled_from(FeeKind),
        collection_time=st.sampled_from(CollectionTime),
    ),
    max_size=3,
).map(tuple)
DOSSIERS = st.builds(
    Dossier,
    dossier_code=st.just(CODE),
    version=st.just(1),
    origin=st.sampled_from(Origin),
    procedure=PROCEDURES,
    agency=st.builds(Agency, st.just("G16"), WORDS, handling_unit=WORDS),
    applicant=PARTIES,
    state=st.sampled_from(DossierStatus),
    summary=LONG,
    outcome=st.sampled_from(Outcome),
    times=st.builds(DossierTimes, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE),
    fees=FEES,
    result_method=st.sampled_from(ResultMethod),
)
EVENTS = st.builds(
    StatusEvent,
    event_id=st.uuids().map(str),
    system_code=st.just("RES"),
    dossier_code=st.just(CODE),
    sequence=st.integers(1, 10**6),
    occurred_at=MOMENTS,
    state=st.sampled_from(DossierStatus),
    step=st.builds(Step, st.builds(Actor, LONG, WORDS, WORDS), LONG, MAYBE, MAYBE),
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.builds(Reason, st.just("x"), WORDS),
    new_due_at=MAYBE,
    fees=FEES,
)
CARRIED = st.builds(Carried, EVENTS, DOSSIERS, SELDOM.map(lambda late: not late))
RULES = st.builds(
    Rules,
    refused_state=st.sampled_from(["8", "9"]),
    allow_regress=st.booleans(),
    mandatory_2023=st.booleans(),
    summary_from_procedure=st.booleans(),
)
MEMORY = st.sampled_from([{}, {}, {"created": "1", "state": "4"}, {"created": "1", "state": "10"}])


@given(CARRIED, RULES, MEMORY)
@settings(max_examples=400, deadline=None)
def test_a_dossier_is_complete_or_its_faults_are_named(carried: Carried, rules: Rules, memory: dict[str, str]) -> None:
    """Every mandatory field says something and every date has the portal's form; or there are findings with pointers."""
    try:
        dossier = map_dossier(carried, rules, None, memory).dossier
    except CannotMap as refused:
        assert refused.findings
        assert all(fault.code and fault.pointer.startswith("/") and fault.message_vi for fault in refused.findings)
        return
    wire = msgspec.to_builtins(dossier)
    assert all(wire[name].strip() for name in MANDATORY)
    dates = {name: value for name, value in wire.items() if name.startswith("Ngay")}
    assert len(dates) == 6
    assert all(value == "" or re.fullmatch(STAMP, value) for value in dates.values())
    assert dossier.DanhSachGiayToKetQua == ()
    assert len(wire["TrichYeuHoSo"]) <= 1_000
    if wire["TrangThaiHoSo"] in ("2", "4", "9", "10"):
        assert wire["NgayTiepNhan"]
    if wire["TrangThaiHoSo"] in ("3", "7", "8", "9", "10"):
        assert wire["NgayKetThucXuLy"]


def _deliveries(events: list[Carried], memory: dict[str, str]) -> list[Delivery]:
    return [
        Delivery(
            delivery_id=str(number),
            upstream="portal",
            operation="progress",
            dossier_code=CODE,
            sequence=number,
            attempt=1,
            carried=carried,
            accepted_at=carried.event.occurred_at,
            budget=Budget(0.0, 1.0),
            memory=memory,
        )
        for number, carried in enumerate(events, 1)
    ]


@given(st.lists(CARRIED, min_size=1, max_size=14), RULES, st.sets(st.sampled_from(["2", "4", "9"])), st.integers(3, 10))
@settings(max_examples=150, deadline=None)
def test_calls_are_small_and_acknowledged_rows_are_never_sent_again(
    events: list[Carried], rules: Rules, known: set[str], limit: int
) -> None:
    """No call is too large, order is kept, and after the acknowledgement nothing of it is left to send."""
    memory = {"rows": ",".join(sorted(known))}
    deliveries = _deliveries(events, memory)
    planned = plan(deliveries, rules)
    calls = list(planned.calls(limit))
    assert all(sum(len(item.rows) for item in call) <= limit for call in calls)
    assert [item.delivery for call in calls for item in call] == deliveries[: len(planned.ready)]
    added = [row.TrangThai for item in planned.ready for row in item.rows[:-1]]
    assert len(added) == len(set(added)), "an added row is added once in the life of a lane"
    assert not known & set(added)
    rows = [row for item in planned.ready for row in item.rows]
    assert all(row.NguoiXuLy.strip() and row.NoiDungXuLy.strip() and len(row.NguoiXuLy) <= 50 for row in rows)
    assert all(re.fullmatch(STAMP, row.ThoiDiemXuLy) for row in rows)
    if planned.ready:
        after = {**memory, **planned.ready[-1].memory}
        again = plan(_deliveries(events[: len(planned.ready)], after), rules)
        assert all(item.rows == () for item in again.ready)


@given(st.integers(-99, 99) | st.text(max_size=6), st.text(max_size=60), st.sampled_from(Operation))
def test_every_answer_has_a_meaning_and_only_zero_is_success(
    code: int | str, message: str, operation: Operation
) -> None:
    """The table is total; a code other than 0 is never a success, and an envelope without code is none."""
    body = msgspec.json.encode({"error_code": code, "message": message})
    if not str(code).strip():
        return
    answer = read_answer(body)
    conclusion = load_outcomes().conclude(operation, answer, datetime(2026, 11, 21, tzinfo=UTC).date())
    assert conclusion.meaning_vi
    if answer.code != "0":
        assert conclusion.family is not Family.DONE
