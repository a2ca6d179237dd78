"""How the simulated resolution system answers proposals about parcels: a new snapshot, and an own event where one is due.

A result that was delivered was returned to the citizen, at the moment of its delivery; what came in by post is received by a
person who looks at the papers, who is not played here. Money that the postman collected is a payment once the carrier paid it
over, paid at the moment of its collection (postal facts 7). Pure; a reading of its own of what ledgers propose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.resolution import simulator_payments

Tree = Mapping[str, Any]

DELIVERED, RETURNED, REMITTED = "shipment_delivered", "shipment_returned", "shipment_cod_remitted"

_NAMED = ("shipment_id", "direction", "order_number", "item_code", "state")
_REQUIRED = ("shipment_id", "direction", "order_number", "state")
# From where a result may be given back (dossier-model 3: resolved; papers of what was withdrawn or stopped).
_MAY_RETURN = frozenset({"resolved", "stopped", "withdrawal_requested"})
# A fee that is paid moves no papers: whether they are whole a person sees (postal facts 7).
_NOT_RECEIVED = frozenset({"draft", "submitted"})
_CLERK = {"name": "Bộ phận Tiếp nhận và Trả kết quả", "unit": "Văn phòng"}
_DELIVERED_VI = "Đã trả kết quả qua dịch vụ bưu chính công ích"


def is_about_shipment(event: Tree) -> bool:
    """Whether a push proposes something that is answered here."""
    return event.get("proposal") in (DELIVERED, RETURNED, REMITTED) and isinstance(event.get("fields"), dict)


def snapshot_after(snapshot: Tree, proposal: str, fields: Tree, fees: Mapping[str, Tree]) -> dict[str, Any] | None:
    """The next version of a snapshot; None where the proposal names no parcel.

    `fees` are those that were asked for since, by id: a snapshot lists every fee that it says is paid.
    """
    if not all(isinstance(fields.get(name), str) and fields[name] for name in _REQUIRED):
        return None
    cod = fields.get("cod")
    money: Tree = cod if isinstance(cod, dict) else {}
    shipments = {str(one["shipment_id"]): one for one in snapshot.get("shipments", ())}
    named = {name: fields[name] for name in _NAMED if fields.get(name)}
    shipments[named["shipment_id"]] = named | {"cod_state": money.get("state", "none")}
    after: dict[str, Any] = {**snapshot, "version": int(snapshot["version"]) + 1, "shipments": list(shipments.values())}
    if proposal == DELIVERED and _to_citizen(fields) and fields.get("occurred_at"):
        after["times"] = {**snapshot.get("times", {}), "returned_at": fields["occurred_at"]}
    if money.get("state") == "remitted" and money.get("amount"):
        after |= _paid(snapshot, fields, money, fees)
    return after


def event_after(last: Tree | None, state: str, event: Tree) -> dict[str, Any] | None:
    """The own event by which others hear of it; None where nothing follows by itself, or no step is lawful now."""
    if event["proposal"] == REMITTED:
        paid = simulator_payments.event_after(last, state, simulator_payments.RECEIVED)
        return None if state in _NOT_RECEIVED else paid
    if event["proposal"] != DELIVERED or not _to_citizen(event["fields"]) or state not in _MAY_RETURN:
        return None
    # A refusal was told with its reasons; the step of giving back repeats no outcome but a grant.
    granted = last is not None and last.get("outcome") == "granted"
    outcome = "granted" if granted else "none"
    return {"state": "returned", "outcome": outcome, "step": {"actor": _CLERK, "content": _DELIVERED_VI}}


def _to_citizen(fields: Tree) -> bool:
    return fields.get("direction") == "deliver"


def _paid(snapshot: Tree, fields: Tree, money: Tree, fees: Mapping[str, Tree]) -> dict[str, Any]:
    """The money as a payment of its own, once: the same parcel again replaces what stands."""
    known = {str(one["id"]): one for one in snapshot.get("fees", ())} | dict(fees)
    payment_id = f"COD-{fields['shipment_id']}"
    named = [line.get("fee_id") for line in money.get("lines", ()) if isinstance(line, dict)]
    paid = {
        "id": payment_id,
        "method": "postal_cod",
        "state": "paid",
        "amount": money["amount"],
        "fee_ids": [fee_id for fee_id in named if fee_id in known],
        "provider_txn": fields.get("item_code") or fields["order_number"],
        "paid_at": money.get("collected_at") or money.get("remitted_at"),
    }
    payments = {str(one["id"]): one for one in snapshot.get("payments", ())}
    payments[payment_id] = {name: value for name, value in paid.items() if value not in (None, "", [])}
    listed = {"fees": list(known.values())} if known else {}
    return {**listed, "payments": list(payments.values())}
