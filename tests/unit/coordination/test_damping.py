"""A server that is lost again and again is counted on later and later, and is forgiven in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.coordination.damping import LONGEST_S, WINDOW_S, Damping


def test_two_losses_are_followed_at_once_and_more_of_them_later_and_later() -> None:
    """A restart and one more cost nothing; who flaps waits 10, 20, 40, 60 seconds."""
    damping, waits = Damping(), []
    for at in range(7):
        waits.append(damping.rest_s(at))
        damping.lost(at)
    assert waits == [0.0, 0.0, 0.0, 10.0, 20.0, 40.0, 60.0]


@given(st.lists(st.floats(0, 1_000), max_size=40))
def test_no_course_of_losses_is_held_against_it_for_ever(losses: list[float]) -> None:
    """The wait is bounded, and a quiet minute ends it."""
    damping = Damping()
    for at in sorted(losses):
        damping.lost(at)
        assert 0.0 <= damping.rest_s(at) <= LONGEST_S
    assert damping.rest_s(1_000 + WINDOW_S) == 0.0
