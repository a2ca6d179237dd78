"""The breaker is a pure state machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.errors import (
    Busy,
    CannotMap,
    CredentialsRefused,
    DeliveryError,
    NoAnswer,
    NotSent,
    Rejected,
    UpstreamFault,
)
from gateway.config import Breaker
from gateway.dispatch.breaker import (
    BreakerState,
    Circuit,
    Seen,
    Sign,
    allowance,
    judged,
    remembered,
    sign_of,
    started,
)
from gateway.journal.model import UpstreamRow

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
SETTINGS = Breaker(failures=3, open_s=30.0)


def after(circuit: Circuit, *signs: Sign, dossier: str = "", probe: bool = False) -> Circuit:
    """The circuit after some outcomes, each of another dossier unless one is named."""
    for number, sign in enumerate(signs):
        circuit = judged(circuit, Seen(sign, dossier or f"D{number}", NOW, probe), SETTINGS, 8)
    return circuit


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (None, Sign.ALIVE),
        (NotSent(), Sign.DOWN),
        (Busy(), Sign.DOUBTFUL),
        (NoAnswer(), Sign.DOUBTFUL),
        (UpstreamFault(), Sign.DOUBTFUL),
        (Rejected(), Sign.ALIVE),
        (CannotMap(), Sign.NOTHING),
        (CredentialsRefused(), Sign.NOTHING),
    ],
)
def test_each_family_says_its_own_about_the_upstream(error: DeliveryError | None, sign: Sign) -> None:
    """Only what speaks about the upstream feeds the breaker."""
    assert sign_of(error) is sign


def test_opens_after_failures_in_a_row() -> None:
    """The configured number opens it, for the configured time."""
    assert after(Circuit(), Sign.DOWN, Sign.DOWN).state is BreakerState.CLOSED
    opened = after(Circuit(), Sign.DOWN, Sign.DOUBTFUL, Sign.DOWN)
    assert (opened.state, opened.open_until) == (BreakerState.OPEN, NOW + timedelta(seconds=30))


def test_a_success_between_failures_starts_the_count_anew() -> None:
    """In a row means in a row."""
    assert after(Circuit(), Sign.DOWN, Sign.DOWN, Sign.ALIVE, Sign.DOWN, Sign.DOWN).state is BreakerState.CLOSED


@given(st.integers(1, 200))
def test_one_poisoned_dossier_never_opens_it(times: int) -> None:
    """An unanswered call may be the message's own fault, so one dossier counts once in a row."""
    circuit = after(Circuit(), *[Sign.DOUBTFUL] * times, dossier="POISON")
    assert (circuit.state, circuit.failures) == (BreakerState.CLOSED, 1)


def test_a_refused_connection_counts_every_time() -> None:
    """No message can cause it."""
    assert after(Circuit(), *[Sign.DOWN] * 3, dossier="D").state is BreakerState.OPEN


def test_what_says_nothing_changes_nothing() -> None:
    """Our own pre-flight and a wrong set-up are no news about the upstream."""
    circuit = after(Circuit(), Sign.DOWN, Sign.DOWN)
    assert after(circuit, Sign.NOTHING) == circuit


def test_open_lets_nothing_through_until_its_time_and_then_exactly_one() -> None:
    """Half-open is one probe."""
    opened = after(Circuit(), *[Sign.DOWN] * 3)
    later = NOW + timedelta(seconds=30)
    assert allowance(opened, later - timedelta(microseconds=1), 8, 0) == 0
    assert allowance(opened, later, 8, 0) == 1
    probing = started(opened)
    assert probing.state is BreakerState.PROBING
    assert allowance(probing, later + timedelta(days=1), 8, 0) == 0


def test_only_the_probe_decides_while_it_is_not_closed() -> None:
    """What was sent before the trouble says nothing about now."""
    opened = after(Circuit(), *[Sign.DOWN] * 3)
    assert after(opened, Sign.ALIVE, Sign.DOWN) == opened
    assert after(started(opened), Sign.ALIVE).state is BreakerState.PROBING


def test_a_successful_probe_closes_it_with_a_slow_start() -> None:
    """After an outage one at a time, then one more with each success, then all."""
    circuit = after(started(after(Circuit(), *[Sign.DOWN] * 3)), Sign.ALIVE, probe=True)
    allowed = []
    for _ in range(9):
        allowed.append(allowance(circuit, NOW, 8, 0))
        circuit = after(circuit, Sign.ALIVE)
    assert allowed == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert circuit == Circuit()


@given(st.integers(1, 64), st.integers(0, 64))
def test_the_slow_start_counts_what_is_under_way(concurrency: int, under_way: int) -> None:
    """Never more than the ramp allows, never a negative number."""
    assert allowance(Circuit(ramp=1), NOW, concurrency, under_way) == max(0, 1 - under_way)
    assert allowance(Circuit(), NOW, concurrency, under_way) == max(0, concurrency - under_way)


@pytest.mark.parametrize("sign", [Sign.DOWN, Sign.DOUBTFUL])
def test_a_failed_probe_opens_it_again(sign: Sign) -> None:
    """Whatever the probe failed with."""
    again = after(started(after(Circuit(), *[Sign.DOWN] * 3)), sign, probe=True)
    assert (again.state, again.open_until) == (BreakerState.OPEN, NOW + timedelta(seconds=30))


def test_a_probe_that_showed_nothing_may_be_repeated() -> None:
    """The message was at fault before anything was sent: the next lane probes at once."""
    opened = after(Circuit(), *[Sign.DOWN] * 3)
    again = after(started(opened), Sign.NOTHING, probe=True)
    assert again == opened


def test_a_failure_in_the_slow_start_keeps_the_ramp() -> None:
    """One failure after an outage does not open the gates."""
    assert allowance(after(Circuit(ramp=2), Sign.DOWN), NOW, 8, 0) == 2


@pytest.mark.parametrize("state", ["open", "probing"])
def test_a_restart_keeps_it_open(state: str) -> None:
    """A probe that was under way when the process died did not happen."""
    until = NOW + timedelta(seconds=7)
    assert remembered(UpstreamRow("A", state, until)) == Circuit(BreakerState.OPEN, open_until=until)
    assert remembered(UpstreamRow("A")) == Circuit()


def test_open_without_a_time_lets_a_probe_through() -> None:
    """A row of an older version cannot lock an upstream out."""
    assert allowance(remembered(UpstreamRow("A", "open", None)), NOW, 8, 0) == 1


@given(st.lists(st.sampled_from([*Sign])), st.integers(1, 16))
def test_from_every_state_something_can_be_sent_in_the_end(signs: list[Sign], concurrency: int) -> None:
    """No sequence of outcomes locks an upstream out for ever."""
    circuit = Circuit()
    for number, sign in enumerate(signs):
        circuit = started(circuit) if allowance(circuit, NOW + timedelta(days=1), concurrency, 0) else circuit
        seen = Seen(sign, f"D{number % 3}", NOW, probe=circuit.state is BreakerState.PROBING)
        circuit = judged(circuit, seen, SETTINGS, concurrency)
        assert allowance(circuit, NOW + timedelta(days=1), concurrency, 0) >= 1
