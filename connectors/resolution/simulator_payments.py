"""How the simulated resolution system answers proposals about payments: a new snapshot, and an own event where one is due.

It alone moves the dossier (architecture 1): what it takes over of a proposal stands in the snapshot's `payments`, and the portal
hears of it by the event. Pure; a reading of its own of what ledgers propose (`payment_received`, `payment_refunded`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Tree = Mapping[str, Any]

RECEIVED, REFUNDED = "payment_received", "payment_refunded"

_METHODS = frozenset({"bank", "ewallet", "portal", "cash", "postal_cod"})
# Where a fee that came in leads (dossier-model 3): what waited for it goes on, what runs takes one more step of the same kind.
_NEXT = {
    "draft": "submitted",
    "submitted": "received",
    "received": "processing",
    "awaiting_payment": "processing",
    "processing": "processing",
    "resolved": "resolved",
    "returned": "returned",
}
_STAYS = {state: state for state in ("processing", "resolved", "returned")}
_KEPT = ("outcome", "results")
_CONTENT = {RECEIVED: "Ghi nhận đã nộp phí, lệ phí", REFUNDED: "Ghi nhận đã hoàn phí, lệ phí"}
_CLERK = {"name": "Bộ phận Tài chính - Kế toán", "unit": "Văn phòng"}


def is_about_payment(event: Tree) -> bool:
    """Whether a push proposes something that is answered here."""
    return event.get("proposal") in (RECEIVED, REFUNDED) and isinstance(event.get("fields"), dict)


def snapshot_after(snapshot: Tree, proposal: str, fields: Tree, fees: Mapping[str, Tree]) -> dict[str, Any] | None:
    """The next version of a snapshot; None where the proposal names no payment, or one that this system does not know of.

    `fees` are those that were asked for since, by id: a snapshot lists every fee that it says is paid.
    """
    payment_id = fields.get("payment_id")
    if not isinstance(payment_id, str) or not payment_id:
        return None
    payments = {str(one["id"]): dict(one) for one in snapshot.get("payments", ())}
    known = {str(one["id"]): one for one in snapshot.get("fees", ())} | dict(fees)
    if proposal == RECEIVED:
        payments[payment_id] = _paid(payment_id, fields, known)
    elif payment_id not in payments:
        return None
    else:
        payments[payment_id] |= _refunded(payments[payment_id], fields)
    listed = {"fees": list(known.values())} if known else {}
    return {**snapshot, **listed, "version": int(snapshot["version"]) + 1, "payments": list(payments.values())}


def event_after(last: Tree | None, state: str, proposal: str) -> dict[str, Any] | None:
    """The own event by which others hear of it; None where no step is lawful now: the next own event carries the snapshot."""
    following = (_NEXT if proposal == RECEIVED else _STAYS).get(state)
    if following is None:
        return None
    # A correction of what is resolved already repeats its outcome and results.
    kept = {name: last[name] for name in _KEPT if last and name in last and following == state}
    return {"state": following, "outcome": "none", **kept, "step": {"actor": _CLERK, "content": _CONTENT[proposal]}}


def fees_of(*events: Tree) -> dict[str, Tree]:
    """The fees that events ask for, by id."""
    named: Sequence[Any] = [fee for event in events for fee in event.get("fees") or ()]
    return {fee["id"]: fee for fee in named if isinstance(fee, dict) and isinstance(fee.get("id"), str)}


def _paid(payment_id: str, fields: Tree, known: Mapping[str, Tree]) -> dict[str, Any]:
    method = fields.get("method")
    paid: dict[str, Any] = {
        "id": payment_id,
        "method": method if method in _METHODS else "bank",
        "state": "paid",
        "amount": fields.get("amount", 0),
        "fee_ids": [one for one in fields.get("fee_ids", ()) if one in known],
        "provider_txn": fields.get("provider_txn") or "",
        "paid_at": fields.get("completed_at") or fields.get("provider_paid_at"),
        "receipt_no": fields.get("receipt_no") or "",
    }
    return {name: value for name, value in paid.items() if value not in (None, "", [])}


def _refunded(payment: Tree, fields: Tree) -> dict[str, Any]:
    """All of it went back, or less stays paid."""
    if fields.get("whole"):
        return {"state": "refunded"}
    return {"amount": max(0, int(payment["amount"]) - int(fields.get("amount", 0)))}
