"""Laws of the translation to the portal, for all dossiers and events."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from connectors.kit.contract import Budget, Delivery
from connectors.kit.errors import CannotMap
from connectors.national_dvc.generations import GENERATIONS
from connectors.national_dvc.history import plan
from connectors.national_dvc.profiles._mapi.messages import STAMP, read_answer
from connectors.national_dvc.profiles._mapi.outcomes import Family, Operation, load_outcomes
from connectors.national_dvc.profiles._mapi.rules import IdentityPlaceholder, Rules
from connectors.national_dvc.profiles.mapi_2019 import messages as mapi_2019
from connectors.national_dvc.profiles.mapi_2023 import messages as mapi_2023
from connectors.national_dvc.simulator_rules import dossier_fault
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Component,
    Dossier,
    DossierTimes,
    Fee,
    FileRef,
    Identity,
    Party,
    Payment,
    Procedure,
    Reason,
    Reuse,
    StatusEvent,
    Step,
)
from mappings.codes import (
    CollectionTime,
    ComponentForm,
    ComponentSource,
    Database,
    DossierStatus,
    FeeKind,
    IdentityType,
    Origin,
    Outcome,
    PartyKind,
    PaymentMethod,
    PaymentState,
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
NUMBERS = st.one_of(st.sampled_from(["001099000001", "012345678"]), WORDS)
IDENTITIES = st.one_of(
    st.just(Identity(IdentityType.CCCD, "001099000001", verified=True, verified_by="VNeID")),
    st.builds(Identity, st.sampled_from(IdentityType), NUMBERS),
)
PARTIES = st.builds(
    Party,
    st.sampled_from(PartyKind),
    WORDS,
    IDENTITIES,
    phone=WORDS,
    portal_account_id=st.sampled_from(["", "11111111-2222-4333-8444-555555555555"]),
)
FILES = st.builds(
    FileRef,
    st.one_of(WORDS.filter(str.strip), st.text("Ăb", min_size=3_990, max_size=4_010)),
    st.just("application/pdf"),
    st.integers(0, 99),
    st.just("ab" * 32),
    url=st.sampled_from(["https://gateway.example.gov.vn/f/1", "https://gateway.example.gov.vn/f/2", ""]),
)
COMPONENTS = st.lists(
    st.builds(
        Component,
        st.just("C"),
        st.just("Đơn"),
        form=st.sampled_from(ComponentForm),
        file=st.none() | FILES,
        deleted=st.booleans(),
        digitised=st.booleans(),
        source=st.sampled_from(ComponentSource),
        reuse=st.none() | st.builds(Reuse, st.sampled_from(["", " ", "KQ.G16.000123"])),
    ),
    max_size=3,
).map(tuple)
PAYMENTS = st.lists(
    st.builds(
        Payment,
        st.just("P"),
        st.sampled_from(PaymentMethod),
        st.sampled_from(PaymentState),
        st.integers(0, 10**9),
    ),
    max_size=3,
).map(tuple)
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
    components=COMPONENTS,
    payments=PAYMENTS,
    databases=st.lists(st.sampled_from(Database), max_size=3).map(tuple),
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
    connected_databases=st.sampled_from([("7",), ("7",), ()]),
    database_codes=st.sampled_from([{}, {"population": "1"}]),
    identity_placeholder=st.sampled_from([None, None, IdentityPlaceholder(kind="2", number="000000001")]),
)


def mended(carried: Carried) -> Carried:
    """The same dossier with what is mandatory filled in: most of what an office sends is complete."""
    dossier, day = carried.dossier, carried.event.occurred_at
    procedure, owner, times = dossier.procedure, dossier.applicant, dossier.times
    whole = replace(
        dossier,
        procedure=replace(
            procedure,
            national_code="1.004528",
            name=procedure.name.strip() or "Tên",
            field_code=procedure.field_code.strip() or "G16-DL01",
            field_name=procedure.field_name.strip() or "Du lịch",
        ),
        agency=replace(dossier.agency, name=dossier.agency.name.strip() or "Cục"),
        applicant=replace(
            owner, name=owner.name.strip() or "Nguyễn Văn A", id=Identity(IdentityType.CCCD, "001099000001")
        ),
        times=replace(times, submitted_at=times.submitted_at or day, received_at=times.received_at or day),
        summary=dossier.summary.strip() or "Trích yếu",
        fees=tuple(replace(fee, name=fee.name.strip() or "Phí", amount=max(fee.amount, 0)) for fee in dossier.fees),
    )
    return replace(carried, event=replace(carried.event, fees=()), dossier=whole, state_applies=True)


GENERATION = st.sampled_from(["mapi-2019", "mapi-2023"])
MANDATORY = {"mapi-2019": mapi_2019.MANDATORY, "mapi-2023": mapi_2023.MANDATORY}
MEMORY = st.sampled_from([{}, {}, {"created": "1", "state": "4"}, {"created": "1", "state": "10"}])


@given(GENERATION, st.one_of(CARRIED, CARRIED.map(mended), CARRIED.map(mended)), RULES, MEMORY)
@settings(max_examples=240, deadline=None)
def test_a_dossier_is_complete_and_accepted_or_its_faults_are_named(
    generation: str, carried: Carried, rules: Rules, memory: dict[str, str]
) -> None:
    """Every mandatory field says something and every date has the portal's form; or there are findings with pointers.

    What maps is accepted by the simulated portal of that generation, which demands what the fact book says in code of its
    own: no pre-flight may know less than it.
    """
    try:
        dossier = GENERATIONS[generation].map_dossier(carried, rules, None, memory).dossier
    except CannotMap as refused:
        assert refused.findings
        assert all(fault.code and fault.pointer.startswith("/") and fault.message_vi for fault in refused.findings)
        return
    wire = msgspec.to_builtins(dossier)
    assert all(wire[name].strip() for name in MANDATORY[generation])
    dates = {name: value for name, value in wire.items() if name.startswith("Ngay")}
    assert len(dates) == 6
    assert all(value == "" or re.fullmatch(STAMP, value) for value in dates.values())
    assert dossier.DanhSachGiayToKetQua == ()
    assert len(wire["TrichYeuHoSo"]) <= 1_000
    assert all(len(file["TenTepDinhKem"]) <= 4_000 for file in wire["TaiLieuNop"])
    if wire["TrangThaiHoSo"] in ("2", "4", "9", "10"):
        assert wire["NgayTiepNhan"]
    if wire["TrangThaiHoSo"] in ("3", "7", "8", "9", "10"):
        assert wire["NgayKetThucXuLy"]
    sent = msgspec.json.decode(msgspec.json.encode(dossier))
    assert dossier_fault(sent, full_2023=generation == "mapi-2023", reception_always=False) == ""


@given(st.one_of(CARRIED, CARRIED.map(mended)), RULES)
@settings(max_examples=150, deadline=None)
def test_every_missing_field_of_2023_is_named_at_once(carried: Carried, rules: Rules) -> None:
    """What the dossier lacks is found by looking at the dossier alone: the findings name all of it, and nothing else of it."""
    dossier, stand_in = carried.dossier, rules.identity_placeholder is not None
    owner = dossier.applicant
    coded = any(database in rules.database_codes for database in dossier.databases)
    lacking = {
        "missing_procedure_name": not dossier.procedure.name.strip(),
        "missing_field_code": not dossier.procedure.field_code.strip(),
        "missing_field_name": not dossier.procedure.field_name.strip(),
        "missing_handling_unit": not (dossier.agency.handling_unit.strip() or dossier.agency.name.strip()),
        "missing_applicant_name": not owner.name.strip(),
        "missing_identity": not owner.id.number.strip() and not stand_in,
        "missing_submitted_at": dossier.times.submitted_at is None,
        "missing_databases": not rules.connected_databases and not coded,
    }
    try:
        GENERATIONS["mapi-2023"].map_dossier(carried, rules, None, {})
        named: set[str] = set()
    except CannotMap as refused:
        named = {finding.code for finding in refused.findings}
    assert {code for code, missing in lacking.items() if missing} == named & set(lacking)


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


@given(st.lists(CARRIED, min_size=1, max_size=12), RULES, st.sets(st.sampled_from(["2", "4", "9"])), st.integers(3, 10))
@settings(max_examples=60, deadline=None)
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


@given(
    st.integers(-99, 99) | st.text(max_size=6),
    st.text(max_size=60),
    st.sampled_from(Operation),
    st.sampled_from(["mapi_2019", "mapi_2023"]),
)
def test_every_answer_has_a_meaning_and_only_zero_is_success(
    code: int | str, message: str, operation: Operation, folder: str
) -> None:
    """The table is total; a code other than 0 is never a success, and an envelope without code is none."""
    body = msgspec.json.encode({"error_code": code, "message": message})
    if not str(code).strip():
        return
    answer = read_answer(body)
    conclusion = load_outcomes(folder).conclude(operation, answer, datetime(2026, 11, 21, tzinfo=UTC).date())
    assert conclusion.meaning_vi
    if answer.code != "0":
        assert conclusion.family is not Family.DONE
