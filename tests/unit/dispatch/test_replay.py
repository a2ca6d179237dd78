"""A person's order: complete, reasoned, audited."""

from __future__ import annotations

import msgspec
import pytest

from gateway.dispatch.replay import LanePlace, checked_reason, lane_order
from gateway.errors import Invalid
from gateway.journal.model import OrderKind

PLACE = LanePlace("national_dvc", "G18.01-261102-0001", "D-1")
REASON = "Đã thống nhất với đơn vị vận hành Cổng"


@pytest.mark.parametrize(
    ("kind", "row", "names"),
    [
        (OrderKind.HOLD, "lane.held", {"upstream", "reason", "delivery_id"}),
        (OrderKind.RELEASE, "lane.released", {"upstream", "reason", "delivery_id"}),
        (OrderKind.SKIP, "delivery.refused", {"upstream", "reason", "delivery_id", "code"}),
        (OrderKind.REPLAY, "delivery.replayed", {"upstream", "reason", "replay_of"}),
    ],
)
def test_every_order_carries_its_audit_row(kind: OrderKind, row: str, names: set[str]) -> None:
    """Who, what, why: in the same transaction as the order."""
    order = lane_order(kind, PLACE, f"  {REASON} ", "vanhanh01")
    assert (order.kind, order.upstream, order.dossier, order.delivery_id) == (kind, *PLACE)
    assert order.reason == REASON
    (trace,) = order.audit
    assert (trace.kind, trace.actor, trace.dossier) == (row, "vanhanh01", PLACE.dossier)
    fields = msgspec.json.decode(trace.fields)
    assert set(fields) == names
    assert fields["reason"] == REASON


@pytest.mark.parametrize("reason", ["", "   ", "ok", "123456789", " quá ngắn "])
def test_a_short_reason_is_refused_in_vietnamese(reason: str) -> None:
    """Ten characters at least, blanks around them not counted."""
    with pytest.raises(Invalid) as caught:
        lane_order(OrderKind.RELEASE, PLACE, reason, "vanhanh01")
    (fault,) = caught.value.faults
    assert (fault.code, fault.pointer) == ("reason_too_short", "/reason")
    assert "lý do" in fault.message_vi


def test_everything_that_is_missing_is_named_at_once() -> None:
    """Nobody has to try five times."""
    with pytest.raises(Invalid) as caught:
        lane_order(OrderKind.REPLAY, LanePlace("", ""), "", " ")
    assert [fault.pointer for fault in caught.value.faults] == [
        "/upstream",
        "/dossier",
        "/delivery_id",
        "/reason",
        "/actor",
    ]


def test_only_a_replay_needs_the_delivery() -> None:
    """A lane has one head, so the other orders know what they mean."""
    order = lane_order(OrderKind.SKIP, LanePlace("national_dvc", "D"), REASON, "vanhanh01")
    assert order.delivery_id == ""


def test_an_order_about_an_upstream_needs_a_reason_and_a_name() -> None:
    """Pausing is a decision too."""
    assert checked_reason(f" {REASON} ", "vanhanh01") == REASON
    with pytest.raises(Invalid) as caught:
        checked_reason("vì", "")
    assert len(caught.value.faults) == 2
