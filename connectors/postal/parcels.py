"""A shipment read from its ledger, and put into the order that a carrier is asked to carry."""

from __future__ import annotations

from connectors.kit.contract import Kit
from connectors.postal.identity import SHIPMENTS
from connectors.postal.model import Order
from connectors.postal.shipment import Shipment
from mappings.codec import decode

MOST_OF_A_DOSSIER = 50
"""How many parcels one dossier may have each way: more is a caller that went astray."""


def read_shipment(state: bytes) -> Shipment:
    """The shipment in the state of its ledger."""
    return decode(state, Shipment)


async def shipment_of(kit: Kit, shipment_id: str) -> Shipment | None:
    """The shipment with that id, None where there is none."""
    entry = await kit.ledgers.read(SHIPMENTS, shipment_id)
    return read_shipment(entry.state) if entry is not None else None


async def parcels_of(kit: Kit, dossier_code: str, direction: str) -> tuple[Shipment, ...]:
    """The parcels of a dossier one way, in the order of their numbers."""
    begin = f"dossier/{dossier_code}/{direction}/"
    marks = await kit.ledgers.marked(SHIPMENTS, begin, f"{begin}~", 2 * MOST_OF_A_DOSSIER)
    found = [await shipment_of(kit, ledger_id) for ledger_id in dict.fromkeys(mark.ledger_id for mark in marks)]
    return tuple(shipment for shipment in found if shipment is not None)


def order_of(shipment: Shipment) -> Order:
    """What the carrier is asked, the same at every attempt; `carrier_ref` and `item_code` once they are known."""
    placed = shipment.placed
    return Order(
        order_number=shipment.order_number,
        direction=shipment.direction,
        dossier_code=shipment.dossier_code,
        sender=shipment.sender,
        receiver=shipment.receiver,
        contents=shipment.contents,
        note=shipment.note,
        weight_g=shipment.weight_g,
        cod_amount=shipment.cod_due,
        service=shipment.service,
        item_code=shipment.item_code,
        carrier_ref=placed.carrier_ref if placed is not None else "",
    )
