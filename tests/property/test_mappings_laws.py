"""Laws of the mappings that hold for every input, not for examples alone."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mappings.canonical import Actor, Reason, StatusEvent, Step
from mappings.codec import decode, encode
from mappings.codes import DossierStatus, FeeKind, Outcome
from mappings.dates import from_portal_time, to_portal_time
from mappings.explain import explain
from mappings.faults import CannotUnderstand
from mappings.lifecycle import Verdict, event_faults, event_flags, judge_transition, transition_faults
from mappings.reading import pointer_of
from mappings.sector import to_dossier, to_event
from mappings.tables import TableDeclaration, UnknownCode, load_table, parse_table
from mappings.text import is_blank, length, nfc, shorten

STATES = st.sampled_from(DossierStatus)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WORDS = TEXTS.filter(lambda text: not is_blank(text))
# What an event can say lies between the years 1 and 9999 in every zone.
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive by contract
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.none() | STATES, STATES, st.dates())
def test_every_step_on_every_day_gets_exactly_one_verdict(
    start: DossierStatus | None, end: DossierStatus, day: date
) -> None:
    """Total and unambiguous: one verdict, from at most one row, the same each time."""
    verdict = judge_transition(start, end, day)
    rows = [
        row
        for row in load_table("transitions").at(day)
        if (row["from_state"], row["to_state"]) == (start.value if start else "new", end.value)
    ]
    assert len(rows) == (0 if verdict.verdict is Verdict.REFUSE else 1)
    assert [row.number for row in rows] == ([verdict.row] if rows else [])
    assert judge_transition(start, end, day) == verdict


@given(STATES, st.sampled_from(Outcome), st.none() | STATES, st.integers(0, 3), st.booleans())
def test_an_event_is_never_judged_by_an_exception(
    state: DossierStatus, outcome: Outcome, before: DossierStatus | None, earlier: int, reasoned: bool
) -> None:
    """Faults and flags are values for every combination; a reason never adds a fault."""
    bare = StatusEvent(
        "e", "S", "d", 1, datetime(2026, 1, 1, tzinfo=UTC), state, Step(Actor("a"), "c"), outcome=outcome
    )
    given_reason = Reason("K", "vì") if reasoned else None
    event = StatusEvent("e", "S", "d", 1, bare.occurred_at, state, bare.step, outcome=outcome, reason=given_reason)
    assert set(event_faults(event)) <= set(event_faults(bare))
    assert set(event_flags(event, before, earlier)) <= set(event_flags(bare, before, earlier))
    assert all(fault.code == "thieu_ly_do" for fault in transition_faults(event, before))


@given(MOMENTS)
def test_portal_times_come_back_to_the_second(moment: datetime) -> None:
    """Writing and reading loses the fraction of a second and nothing else."""
    assert from_portal_time(to_portal_time(moment)) == moment.replace(microsecond=0)


@given(TEXTS, st.integers(3, 60))
def test_a_shortened_text_fits_and_begins_alike(text: str, limit: int) -> None:
    """Never too long, always a beginning of the original, never a lone mark after the cut."""
    short = shorten(text, limit, limit - 3)
    assert length(short) <= limit
    if short != text:
        assert short.endswith("...")
        kept = short[:-3]
        assert text.startswith(kept)
        rest = text[len(kept) :]
        assert not kept or not unicodedata.category(rest[0]).startswith("M")


@given(TEXTS)
def test_normal_form_is_reached_once(text: str) -> None:
    """NFC of anything is NFC, and both spellings of one text meet."""
    assert unicodedata.is_normalized("NFC", nfc(text))
    assert nfc(nfc(text)) == nfc(text)
    assert nfc(unicodedata.normalize("NFD", text)) == nfc(text)


FEES = st.builds(
    lambda id_, name, amount, kind: {"id": id_, "name": name, "amount": amount, "kind": kind},
    WORDS, WORDS, st.integers(0, 2**63 - 1), st.sampled_from([kind.value for kind in FeeKind]),
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {
        "event_id": WORDS,
        "dossier_code": WORDS,
        "sequence": st.integers(0, 2**63 - 1),
        "occurred_at": MOMENTS.map(lambda moment: moment.isoformat()),
        "state": st.sampled_from([state.value for state in DossierStatus]),
        "step": st.fixed_dictionaries(
            {
                "actor": st.fixed_dictionaries({"name": WORDS}, optional={"title": TEXTS, "unit": TEXTS}),
                "content": WORDS,
            }
        ),
    },
    optional={
        "outcome": st.sampled_from([outcome.value for outcome in Outcome]),
        "sub_state": TEXTS,
        "previous_sequence": st.none() | st.integers(0, 2**63 - 1),
        "reason": st.fixed_dictionaries({"code": WORDS, "text_vi": WORDS}),
        "fees": st.lists(FEES, max_size=3),
    },
)


@given(EVENTS)
def test_every_event_of_the_published_shape_is_understood_and_survives(tree: dict[str, Any]) -> None:
    """What fits the shape maps; what was mapped encodes, decodes and is the same; all its texts are NFC."""
    event = to_event(tree, "SEC-X").event
    assert decode(encode(event), StatusEvent) == event
    assert event.sequence == tree["sequence"]
    assert event.occurred_at == datetime.fromisoformat(tree["occurred_at"])
    assert event.step.content == unicodedata.normalize("NFC", tree["step"]["content"])
    assert [fee.amount for fee in event.fees] == [fee["amount"] for fee in tree.get("fees", ())]


@given(EVENTS)
def test_both_unicode_spellings_of_an_event_are_one_event(tree: dict[str, Any]) -> None:
    """A sender on another operating system does not make another event."""

    def spelled(value: Any, form: Any) -> Any:
        if isinstance(value, str):
            return unicodedata.normalize(form, value)
        if isinstance(value, dict):
            return {key: spelled(inner, form) for key, inner in value.items()}
        return [spelled(inner, form) for inner in value] if isinstance(value, list) else value

    assert to_event(spelled(tree, "NFD"), "S").event == to_event(spelled(tree, "NFC"), "S").event


@given(EVENTS, st.data())
def test_each_broken_member_is_blamed_at_its_own_place(tree: dict[str, Any], data: st.DataObject) -> None:
    """Break any subset of the required members: exactly those pointers are blamed for form, all at once."""
    broken = data.draw(st.sets(st.sampled_from(["event_id", "sequence", "occurred_at", "state", "step"]), min_size=1))
    for key in broken:
        tree[key] = data.draw(st.sampled_from([[], {}, 1.5, False]))
    try:
        to_event(tree, "S")
    except CannotUnderstand as refused:
        blamed = {fault.pointer.split("/")[1] for fault in refused.faults}
        content = {"reason", "supplement", "fees", "results", "outcome"}
        assert broken <= blamed
        assert blamed - broken <= content
    else:
        raise AssertionError("a broken event was understood")


@given(JSON)
def test_no_json_value_makes_the_mapping_fall_over(tree: Any) -> None:
    """Whatever comes in: a value or `CannotUnderstand`, for both shapes; the explanation never raises."""
    for read in (lambda: to_event(tree, "S"), lambda: to_dossier(tree)):
        try:
            read()
        except CannotUnderstand as refused:
            assert refused.faults
    assert explain(tree)


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_pointer_can_be_read_back(keys: list[str]) -> None:
    """RFC 6901: unescaping the steps of a pointer gives the keys."""
    steps = pointer_of(keys).split("/")[1:]
    assert [step.replace("~1", "/").replace("~0", "~") for step in steps] == keys


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 4000)), max_size=5
    ),
    st.dates(date(1999, 1, 1), date(2045, 1, 1)),
)
def test_a_lookup_finds_a_row_that_holds_or_says_that_there_is_none(
    rows: list[tuple[str, date, int]], day: date
) -> None:
    """For any table and any day: the row found holds on that day, and none is found only when none holds."""
    text = "code,valid_from,valid_to,source,confidence\n"
    for code, start, span in rows:
        end = date.fromordinal(start.toordinal() + span)
        text += f"{code},{start},{end},q,doc\n"
    table = parse_table(text.encode(), TableDeclaration("t"))
    holding = {row.number for row in table.at(day) if row["code"] == "a"}
    try:
        assert table.find("a", at=day).number in holding
    except UnknownCode:
        assert not holding


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_named_fault(raw: bytes) -> None:
    """A damaged file is reported by its name, never by a stack trace of the CSV reader."""
    try:
        parse_table(raw, TableDeclaration("t"))
    except ValueError as fault:
        assert "Bảng t" in str(fault)
