"""What the simulated resolution system makes of a proposal about a parcel: its next snapshot, and an event where one follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from connectors.resolution.simulator_shipments import event_after, snapshot_after

if TYPE_CHECKING:
    from tests.connectors.resolution_simulator.conftest import OpenSystem, System

CODE = "000.00.00.G16-261120-0042"
FEE = {"id": "PHI-1", "name": "Phí thẩm định", "amount": 150_000, "kind": "charge"}
SNAPSHOT = {
    "schema_version": "1",
    "dossier_code": CODE,
    "version": 3,
    "state": "resolved",
    "fees": [FEE],
    "times": {"resolved_at": "2026-11-20T02:00:00Z"},
}
DELIVERED = {
    "shipment_id": "v7k2m9p0a1bcd",
    "request_id": "r-1",
    "direction": "deliver",
    "carrier": "vnpost",
    "order_number": f"{CODE}-T",
    "item_code": "RA473124829VN",
    "state": "delivered",
    "occurred_at": "2026-11-21T04:40:00+00:00",
    "cod": {
        "state": "collected",
        "amount": 150_000,
        "collected_at": "2026-11-21T04:41:00+00:00",
        "lines": [{"fee_id": "PHI-1", "name": "Phí thẩm định", "amount": 150_000}, {"fee_id": "PHI-9", "amount": 0}],
    },
}
REMITTED = DELIVERED | {"cod": {**DELIVERED["cod"], "state": "remitted"}}  # type: ignore[dict-item]
REF = {
    "shipment_id": "v7k2m9p0a1bcd",
    "direction": "deliver",
    "order_number": f"{CODE}-T",
    "item_code": "RA473124829VN",
    "state": "delivered",
}


def _proposal(proposal: str, fields: Mapping[str, object]) -> dict[str, object]:
    return {"type": "dossier.change_proposed", "data": {"dossier_code": CODE, "proposal": proposal, "fields": fields}}


async def _registered(system: System) -> None:
    await system.control("POST", "register", [SNAPSHOT])
    await system.settled("registrations", 1)


async def test_a_result_that_was_delivered_stands_in_the_snapshot_and_is_told_as_returned(
    open_system: OpenSystem,
) -> None:
    """Version, parcel and the moment of delivery, then state returned; money that the carrier still holds is no payment."""
    async with open_system() as system:
        await _registered(system)
        assert (await system.push(_proposal("shipment_delivered", DELIVERED), "w-1"))[0] == 200
        await system.settled("events", 1)
        [_, snapshot, told] = [seen.json for seen in system.gateway.seen]
        assert (snapshot["version"], snapshot["shipments"]) == (4, [REF | {"cod_state": "collected"}])
        assert snapshot["times"] == {"resolved_at": "2026-11-20T02:00:00Z", "returned_at": "2026-11-21T04:40:00+00:00"}
        assert "payments" not in snapshot
        assert (told["state"], told["sequence"]) == ("returned", 1)


async def test_money_becomes_a_payment_when_the_carrier_pays_it_over(open_system: OpenSystem) -> None:
    """Paid at the moment of its collection; the same parcel stands once, and so does its payment however often it is told."""
    async with open_system() as system:
        await _registered(system)
        await system.push(_proposal("shipment_delivered", DELIVERED), "w-1")
        for webhook_id in ("w-2", "w-2", "w-3"):
            await system.push(_proposal("shipment_cod_remitted", REMITTED), webhook_id)
        await system.settled("registrations", 4)
        await system.settled("events", 3)
        last = [seen.json for seen in system.gateway.seen if "version" in seen.json][-1]
        assert last["shipments"] == [REF | {"cod_state": "remitted"}]
        assert last["payments"] == [
            {
                "id": "COD-v7k2m9p0a1bcd",
                "method": "postal_cod",
                "state": "paid",
                "amount": 150_000,
                "fee_ids": ["PHI-1"],
                "provider_txn": "RA473124829VN",
                "paid_at": "2026-11-21T04:41:00+00:00",
            }
        ]
        states = [seen.json["state"] for seen in system.gateway.seen if "sequence" in seen.json]
        assert states == ["returned"] * 3


async def test_a_parcel_that_came_back_is_in_the_snapshot_and_moves_nothing(open_system: OpenSystem) -> None:
    """A person decides what becomes of the result."""
    async with open_system() as system:
        await _registered(system)
        back = DELIVERED | {"state": "returned", "cod": {"state": "waived", "amount": 0, "lines": []}}
        await system.push(_proposal("shipment_returned", back), "w-1")
        await system.settled("registrations", 2)
        last = system.gateway.seen[-1].json
        assert last["shipments"] == [REF | {"state": "returned", "cod_state": "waived"}]
        assert ("returned_at" in last["times"], "payments" in last) == (False, False)
        assert (await system.control("GET", "counts"))["events"]["total"] == 0


@pytest.mark.parametrize("options", [{"answer_shipments": False}, {}])
async def test_a_proposal_is_only_kept_where_it_is_not_to_be_answered(
    open_system: OpenSystem, options: dict[str, Any]
) -> None:
    """Switched off, or about a dossier that was never registered here."""
    async with open_system(**options) as system:
        if options:
            await _registered(system)
        assert (await system.push(_proposal("shipment_delivered", DELIVERED), "w-1"))[0] == 200
        await system.settled("registrations", int(bool(options)))
        assert (await system.control("GET", "counts"))["events"]["total"] == 0
        [held] = (await system.control("GET", "dossiers"))["dossiers"]
        assert held["pushes"][0]["proposal"] == "shipment_delivered"


@pytest.mark.parametrize(
    ("state", "proposal", "direction", "following"),
    [
        ("resolved", "shipment_delivered", "deliver", "returned"),
        ("stopped", "shipment_delivered", "deliver", "returned"),
        ("processing", "shipment_delivered", "deliver", None),
        ("returned", "shipment_delivered", "deliver", None),
        ("submitted", "shipment_delivered", "collect", None),
        ("resolved", "shipment_returned", "deliver", None),
        ("submitted", "shipment_cod_remitted", "collect", None),
        ("awaiting_payment", "shipment_cod_remitted", "deliver", "processing"),
        ("returned", "shipment_cod_remitted", "deliver", "returned"),
    ],
)
def test_only_lawful_steps_are_told(state: str, proposal: str, direction: str, following: str | None) -> None:
    """What is not resolved cannot be given back, and papers that came by post are received by a person (facts 7)."""
    told = event_after(None, state, {"proposal": proposal, "fields": DELIVERED | {"direction": direction}})
    assert (told["state"] if told is not None else None) == following


def test_giving_back_repeats_a_grant_and_nothing_else() -> None:
    """A refusal repeated would want its reasons again."""
    proposed = {"proposal": "shipment_delivered", "fields": DELIVERED}
    outcomes = [event_after({"outcome": outcome}, "resolved", proposed) for outcome in ("granted", "refused")]
    assert [told and told["outcome"] for told in outcomes] == ["granted", "none"]


@pytest.mark.parametrize(
    "fields", [{}, {"shipment_id": ""}, DELIVERED | {"order_number": 7}, DELIVERED | {"state": None}]
)
def test_a_proposal_that_names_no_parcel_changes_nothing(fields: Mapping[str, object]) -> None:
    """Whoever sent it."""
    assert snapshot_after(SNAPSHOT, "shipment_delivered", fields, {}) is None
