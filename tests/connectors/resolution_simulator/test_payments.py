"""What the simulated resolution system makes of a proposal about a payment: its next snapshot, then its own event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from connectors.resolution.simulator_payments import event_after, snapshot_after

if TYPE_CHECKING:
    from tests.connectors.resolution_simulator.conftest import OpenSystem, System

CODE = "000.00.00.G16-261120-0042"
FEE = {"id": "PHI-1", "name": "Phí thẩm định", "amount": 450_000, "kind": "charge"}
SNAPSHOT = {"schema_version": "1", "dossier_code": CODE, "version": 3, "state": "received", "fees": [FEE]}
RECEIVED = {
    "payment_id": "4q7k2m9p0a1bc",
    "method": "portal",
    "amount": 450_000,
    "fee_ids": ["PHI-1", "unknown"],
    "provider_txn": "14000001",
    "completed_at": "2026-11-20T08:00:00+07:00",
    "receipt_no": "",
}


def _proposal(proposal: str, fields: Mapping[str, object]) -> dict[str, object]:
    return {"type": "dossier.change_proposed", "data": {"dossier_code": CODE, "proposal": proposal, "fields": fields}}


async def _registered(system: System) -> None:
    await system.control("POST", "register", [SNAPSHOT])
    await system.settled("registrations", 1)


async def test_a_fee_that_was_paid_stands_in_the_next_snapshot_before_the_event_that_tells_of_it(
    open_system: OpenSystem,
) -> None:
    """Version and payments, then a step; the fee that nobody asked for here is not named."""
    async with open_system() as system:
        await _registered(system)
        own = {
            "dossier_code": CODE,
            "state": "awaiting_payment",
            "fees": [{"id": "PHI-2", "name": "Lệ phí", "amount": 1}],
        }
        await system.control("POST", "events", [own])
        assert (await system.push(_proposal("payment_received", RECEIVED), "w-1"))[0] == 200
        await system.settled("events", 2)
        [first, asked, snapshot, told] = [seen.json for seen in system.gateway.seen]
        assert (first["version"], asked["state"]) == (3, "awaiting_payment")
        assert (snapshot["version"], [fee["id"] for fee in snapshot["fees"]]) == (4, ["PHI-1", "PHI-2"])
        assert snapshot["payments"] == [
            {
                "id": "4q7k2m9p0a1bc",
                "method": "portal",
                "state": "paid",
                "amount": 450_000,
                "fee_ids": ["PHI-1"],
                "provider_txn": "14000001",
                "paid_at": "2026-11-20T08:00:00+07:00",
            }
        ]
        assert (told["state"], told["sequence"], told["previous_sequence"]) == ("processing", 2, 1)


async def test_the_same_push_again_is_taken_over_once(open_system: OpenSystem) -> None:
    """A lost answer makes the gateway push again."""
    async with open_system() as system:
        await _registered(system)
        for _ in range(2):
            assert (await system.push(_proposal("payment_received", RECEIVED), "w-1"))[0] == 200
        await system.settled("events", 1)
        assert [seen.json.get("version") for seen in system.gateway.seen] == [3, 4, None]


async def test_what_was_paid_and_goes_back_stands_in_the_snapshot_as_refunded(open_system: OpenSystem) -> None:
    """Whole: refunded; in part: less stays paid; of a payment that nobody told of: nothing."""
    async with open_system() as system:
        await _registered(system)
        await system.push(_proposal("payment_refunded", {"payment_id": "other", "amount": 1, "whole": True}), "w-0")
        await system.push(_proposal("payment_received", RECEIVED), "w-1")
        part = {"payment_id": RECEIVED["payment_id"], "amount": 50_000, "refunded_total": 50_000, "whole": False}
        await system.push(_proposal("payment_refunded", part), "w-2")
        await system.push(_proposal("payment_refunded", part | {"amount": 400_000, "whole": True}), "w-3")
        await system.settled("registrations", 4)
        snapshots = [seen.json for seen in system.gateway.seen if "version" in seen.json]
        paid = [[(one["state"], one["amount"]) for one in each.get("payments", ())] for each in snapshots]
        assert paid == [[], [("paid", 450_000)], [("paid", 400_000)], [("refunded", 400_000)]]


@pytest.mark.parametrize("options", [{"answer_payments": False}, {}])
async def test_a_proposal_is_only_kept_where_it_is_not_to_be_answered(
    open_system: OpenSystem, options: dict[str, Any]
) -> None:
    """Switched off, or about a dossier that was never registered here."""
    async with open_system(**options) as system:
        if options:
            await _registered(system)
        assert (await system.push(_proposal("payment_received", RECEIVED), "w-1"))[0] == 200
        await system.settled("registrations", int(bool(options)))
        assert (await system.control("GET", "counts"))["events"]["total"] == 0
        [held] = (await system.control("GET", "dossiers"))["dossiers"]
        assert held["pushes"][0]["proposal"] == "payment_received"


@pytest.mark.parametrize(
    ("state", "proposal", "following"),
    [
        ("submitted", "payment_received", "received"),
        ("processing", "payment_received", "processing"),
        ("awaiting_supplement", "payment_received", None),
        ("stopped", "payment_received", None),
        ("awaiting_payment", "payment_refunded", None),
        ("processing", "payment_refunded", "processing"),
    ],
)
def test_only_lawful_steps_are_told(state: str, proposal: str, following: str | None) -> None:
    """Where none is, the snapshot waits for the next own event (dossier-model 3)."""
    told = event_after(None, state, proposal)
    assert (told["state"] if told is not None else None) == following


def test_a_correction_of_what_is_resolved_repeats_its_results() -> None:
    """An event that grants something without naming it would be refused."""
    last = {"state": "resolved", "outcome": "granted", "results": [{"id": "KQ1"}], "reason": {"code": "x"}}
    told = event_after(last, "resolved", "payment_received")
    assert told is not None
    assert (told["outcome"], told["results"], "reason" in told) == ("granted", [{"id": "KQ1"}], False)


def test_a_proposal_that_names_no_payment_changes_nothing() -> None:
    """Whoever sent it."""
    assert snapshot_after(SNAPSHOT, "payment_received", {"amount": 1}, {}) is None
