"""Where an event goes, and which records a newer one may replace."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gateway.intake.fan_out import Going, fan_out, passing
from gateway.routes import EventOperation, Route
from mappings.canonical import Fee
from mappings.codes import DossierStatus

if TYPE_CHECKING:
    from tests.unit.intake_line.conftest import Words

PORTAL = Route("portal", (EventOperation("state", cumulative=True), EventOperation("progress", when_late=True)))
PLAIN = Route("plain", (EventOperation("state"),))


def test_a_step_of_processing_passes_and_nothing_else_does(words: Words) -> None:
    """What begins, stops or ends a case, or demands something, is always told."""
    assert [state for state in DossierStatus if passing(words.event("SEC", 2, state))] == [DossierStatus.PROCESSING]


@pytest.mark.parametrize("field", ["new_due_at", "fees"])
def test_a_step_that_brings_something_of_its_own_does_not_pass(words: Words, field: str) -> None:
    """A moved due date or a fee is said by this event alone."""
    plain = words.event("SEC", 2, "processing")
    brought: dict[str, Any] = {
        "new_due_at": plain.occurred_at + timedelta(days=9),
        "fees": (Fee("P-1", "Phí thẩm định", 100_000),),
    }
    assert passing(plain)
    assert not passing(words.event("SEC", 2, "processing", **{field: brought[field]}))


@pytest.mark.parametrize("step", [True, False])
def test_only_a_cumulative_operation_replaces_and_only_its_passing_events_are_replaced(step: bool) -> None:
    """Rows of a history never are, nor anything of an upstream where it is not switched on."""
    made = fan_out((PORTAL, PLAIN), Going("SEC", "e1", False, None, step))
    told = [(one.upstream, one.operation, one.supersedes, one.replaceable) for one in made]
    assert told == [
        ("portal", "state", True, step),
        ("portal", "progress", False, False),
        ("plain", "state", False, False),
    ]


def test_a_late_event_goes_only_where_its_history_is_wanted() -> None:
    """Its record would take the place of nothing: it is not sent."""
    made = fan_out((PORTAL, PLAIN), Going("SEC", "e1", True, None, True))
    assert [(one.operation, one.supersedes) for one in made] == [("progress", False)]
