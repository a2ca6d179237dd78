"""Laws of the intake that hold for every order in which events may come (dossier-model 4.2, 4.3)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal.model import InboundStatus
from mappings.canonical import Cause
from mappings.codes import DossierStatus
from mappings.lifecycle import Verdict, judge_transition

_ROUNDS = settings(max_examples=120, deadline=None)


def _lawful(words: Any) -> dict[str, list[str]]:
    """From each state, the states that the table allows without a person, by their own words."""
    day = words.now.date()
    return {
        start: [
            end.value
            for end in DossierStatus
            if end is not DossierStatus.DRAFT
            and judge_transition(DossierStatus(start), end, day).verdict is Verdict.ALLOW
        ]
        for start in DossierStatus
    }


@st.composite
def _courses(draw: Any, words: Any, longest: int = 7) -> list[str]:
    """A lawful course from `submitted`; a withdrawal is never taken back, which would need a reason of its own."""
    allowed, state, course = _lawful(words), "submitted", []
    for _ in range(draw(st.integers(1, longest))):
        following = [end for end in allowed[state] if state != "withdrawal_requested" or end in ("stopped", "returned")]
        if not following:
            break
        state = draw(st.sampled_from(following))
        course.append(state)
    return course or ["received"]


@_ROUNDS
@given(data=st.data())
def test_any_order_of_arrival_ends_with_every_event_applied_in_order(
    data: st.DataObject, worlds: Callable[..., Any], words: Any
) -> None:
    """Permuted, repeated, over gaps: once all have come, all are applied, and the lane holds them in sequence."""
    course = data.draw(_courses(words))
    numbers = list(
        itertools.accumulate(data.draw(st.lists(st.integers(1, 5), min_size=len(course), max_size=len(course))))
    )
    named = numbers != list(range(1, len(course) + 1)) or data.draw(st.booleans())
    arrivals = data.draw(st.permutations(range(len(course))))
    repeats = data.draw(st.lists(st.sampled_from(arrivals), max_size=4))
    world = worlds()
    world.put()
    for index in [*arrivals, *repeats]:
        previous = (numbers[index - 1] if index else 0) if named else None
        status, _ = world.push("SEC-A", numbers[index], course[index], previous_sequence=previous)
        assert status in (200, 202)
    assert [row.write.status for row in world.rows.values()] == [InboundStatus.ACCEPTED] * len(course)
    assert world.sent("resolution") == [(words.event_id("SEC-A", number), "push") for number in numbers]
    assert world.sequences["SEC-A"] == numbers[-1] and world.course().view("SEC-A").state == course[-1]


@_ROUNDS
@given(data=st.data())
def test_a_duplicate_changes_nothing_at_any_moment(data: st.DataObject, worlds: Callable[..., Any], words: Any) -> None:
    """Whatever was said before, saying it again answers 200 with the first receipt and writes no row."""
    states = data.draw(st.lists(st.sampled_from(list(DossierStatus)[1:]), min_size=1, max_size=6))
    world, receipts = worlds(), {}
    world.put()
    for sequence in data.draw(st.permutations(range(1, len(states) + 1))):
        status, body = world.push("SEC-A", sequence, states[sequence - 1].value)
        if status in (200, 202):
            receipts[sequence] = body
        again = data.draw(st.sampled_from([*receipts, None]))
        if again is not None:
            before = (len(world.audits), len(world.deliveries), dict(world.records), dict(world.sequences))
            status, body = world.push("SEC-A", again, states[again - 1].value, fresh=data.draw(st.booleans()))
            assert (status, body["status"], body["original"]) == (200, "duplicate", receipts[again])
            assert before == (len(world.audits), len(world.deliveries), dict(world.records), dict(world.sequences))


@_ROUNDS
@given(data=st.data())
def test_two_sectors_and_the_owners_echoes_never_park_a_lawful_course(
    data: st.DataObject, worlds: Callable[..., Any], words: Any
) -> None:
    """A lawful course split over two sectors in any way, with echoes as late as they like, is applied to its last step."""
    course = data.draw(_courses(words, longest=8))
    world, counters, echoes, echoed = worlds(), {"SEC-A": 0, "SEC-B": 0}, [], 0
    world.put()
    for state in course:
        source = data.draw(st.sampled_from(["SEC-A", "SEC-B"]))
        counters[source] += 1
        assert world.push(source, counters[source], state)[1]["status"] == "accepted"
        echoes.append((state, Cause(source, words.event_id(source, counters[source]))))
        while echoed < len(echoes) and data.draw(st.booleans()):
            echoed = _echo(world, echoes, echoed)
    while echoed < len(echoes):
        echoed = _echo(world, echoes, echoed)
    assert world.course().state() == course[-1]
    assert len(world.sent("national")) == 2 * len(course)


def _echo(world: Any, echoes: list[tuple[str, Cause]], index: int) -> int:
    state, cause = echoes[index]
    assert world.push("RES", index + 1, state, caused_by=cause)[1]["status"] == "accepted"
    return index + 1


@_ROUNDS
@given(data=st.data())
def test_two_sectors_with_courses_of_their_own_never_park_each_other(
    data: st.DataObject, worlds: Callable[..., Any], words: Any
) -> None:
    """Each is judged against what it can know, however the two interleave before the owner decides anything."""
    left = {source: data.draw(_courses(words, longest=5)) for source in ("SEC-A", "SEC-B")}
    said = dict.fromkeys(left, 0)
    world = worlds()
    world.put()
    while any(left.values()):
        source = data.draw(st.sampled_from([name for name, course in left.items() if course]))
        said[source] += 1
        assert world.push(source, said[source], left[source].pop(0))[1]["status"] == "accepted"


@_ROUNDS
@given(data=st.data())
def test_nothing_that_was_answered_202_is_left_without_a_next_step(
    data: st.DataObject, worlds: Callable[..., Any], words: Any
) -> None:
    """From any heap of parked events an operator can always move something, until nothing waits (delivery-engine 9, F5)."""
    world = worlds()
    world.put()
    states = list(DossierStatus)[1:]
    for sequence in data.draw(st.lists(st.integers(1, 12), unique=True, min_size=1, max_size=8)):
        previous = data.draw(st.one_of(st.none(), st.integers(0, sequence - 1)))
        world.push("SEC-A", sequence, data.draw(st.sampled_from(states)).value, previous_sequence=previous)
    for _ in range(40):
        waiting = sorted(
            (row.write.sequence, row.write.event_id, row.write.status)
            for row in world.rows.values()
            if row.write.status in (InboundStatus.PARKED_GAP, InboundStatus.PARKED_CONFLICT)
        )
        if not waiting:
            return
        _, first, status = waiting[0]
        if status is InboundStatus.PARKED_GAP:
            assert world.skip_gap("SEC-A")[0] == 200
        else:
            assert world.resolve("SEC-A", first, apply=data.draw(st.booleans()))[0] == 200
    raise AssertionError("something still waits")
