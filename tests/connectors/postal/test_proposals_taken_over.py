"""What the ledger of parcels proposes, taken over by the resolution system: the published snapshot that follows, read again."""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.kit.contract import ProposeChange
from connectors.postal.changes import ShipmentChange
from connectors.postal.model import CodLine, Direction
from connectors.resolution.simulator_shipments import event_after, snapshot_after
from gateway.config import Intake
from gateway.intake.validate import Limits, validate_dossier
from mappings.canonical import Dossier, Payment, ShipmentRef
from mappings.codes import CodState, DossierStatus, PaymentMethod, PaymentState, ShipmentDirection, ShipmentState
from mappings.sector import to_dossier
from tests.connectors.postal.shipments import DUE, Story, later, parcel, placed, scanned
from tests.line.words import dossier

FEES = [{"id": "phi-1", "name": "Phí thẩm định", "amount": DUE}]
LIMITS = Limits.of(Intake())


def _taken_over(story: Story, code: str) -> tuple[Dossier, list[dict[str, Any] | None]]:
    """The dossier after every proposal of the parcel, as our door reads its last snapshot, and the events that followed."""
    snapshot = dossier(code, state="resolved", outcome="granted", fees=FEES, delivery={"result_method": "post"})
    told = []
    for proposed in story.proposals():
        assert isinstance(proposed, ProposeChange)
        fields = msgspec.json.decode(msgspec.json.encode(proposed.fields))
        event = {"proposal": proposed.proposal, "fields": fields}
        told.append(event_after({"outcome": "granted"}, "resolved", event))
        following = snapshot_after(snapshot, proposed.proposal, fields, {})
        assert following is not None
        snapshot = following
    tree = validate_dossier(msgspec.json.encode(snapshot), "application/json", LIMITS).tree
    return to_dossier(tree).dossier, told


def _delivered() -> list[ShipmentChange]:
    return [parcel(), placed(), scanned(60, "in_transit"), scanned(120, "delivered", item_code="RA473124829VN")]


def test_a_delivered_result_is_in_the_snapshot_and_leads_to_state_returned() -> None:
    """The moment of its delivery is that of giving back; money that the postman holds is no payment yet."""
    story = Story(*_delivered())
    read, told = _taken_over(story, parcel().dossier_code)
    assert read.shipments == (
        ShipmentRef(
            story.shipment().shipment_id,
            ShipmentDirection.DELIVER,
            f"{parcel().dossier_code}-T",
            ShipmentState.DELIVERED,
            "RA473124829VN",
            CodState.COLLECTED,
        ),
    )
    assert (read.times.returned_at, read.payments) == (later(120 * 60), ())
    assert [one and one["state"] for one in told] == ["returned"]


def test_money_that_was_paid_over_is_a_payment_of_the_moment_of_its_collection() -> None:
    """Of the fee that it was collected for, by the post."""
    collected = scanned(121, "cod_collected", cod_amount=DUE)
    story = Story(*_delivered(), collected, scanned(4000, "cod_remitted", cod_amount=DUE))
    read, _ = _taken_over(story, parcel().dossier_code)
    [ref] = read.shipments
    assert (ref.state, ref.cod_state) == (ShipmentState.DELIVERED, CodState.REMITTED)
    assert read.payments == (
        Payment(
            f"COD-{ref.shipment_id}",
            PaymentMethod.POSTAL_COD,
            PaymentState.PAID,
            DUE,
            ("phi-1",),
            "RA473124829VN",
            later(121 * 60),
        ),
    )


def test_a_result_that_came_back_is_in_the_snapshot_and_moves_nothing() -> None:
    """Nor does it say that anybody got it."""
    story = Story(
        parcel(due=0), placed(), scanned(60, "failed_attempt"), scanned(90, "returning"), scanned(200, "returned")
    )
    read, told = _taken_over(story, parcel().dossier_code)
    [ref] = read.shipments
    assert (ref.state, ref.cod_state, read.times.returned_at) == (ShipmentState.RETURNED, CodState.NONE, None)
    assert told == [None]


def test_papers_that_came_in_by_post_move_nothing_by_themselves() -> None:
    """A person looks whether they are whole (postal facts 7)."""
    story = Story(parcel(Direction.COLLECT, due=0), placed(), scanned(60, "collected"), scanned(200, "delivered"))
    read, told = _taken_over(story, parcel().dossier_code)
    [ref] = read.shipments
    assert (ref.direction, ref.order_number[-2:], told) == (ShipmentDirection.COLLECT, "-N", [None])
    assert (read.state, read.times.returned_at) == (DossierStatus.RESOLVED, None)


def test_a_fee_that_the_dossier_does_not_know_is_not_named_as_paid() -> None:
    """The money is kept; for what, a person finds out."""
    lines = (CodLine(fee_id="phi-9", name="Phí khác", amount=DUE),)
    collected = scanned(121, "cod_collected", cod_amount=DUE)
    story = Story(parcel(cod_lines=lines), *_delivered()[1:], collected, scanned(4000, "cod_remitted", cod_amount=DUE))
    read, _ = _taken_over(story, parcel().dossier_code)
    assert [(one.amount, one.fee_ids) for one in read.payments] == [(DUE, ())]
