"""Our parcels beside a carrier's statement: their money in the words of settlement, and what a shipment hears of it. Pure.

What is matched is what was paid over against what was collected: `mappings.settlement` does the matching, with a parcel for a
payment and the day of the statement for its day. Another statement that paid for the parcel already is taken off first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from connectors.kit.contract import Change
from connectors.postal.changes import CodSettled
from connectors.postal.identity import SHIPMENTS
from connectors.postal.model import CodState
from connectors.postal.shipment import Shipment
from mappings.codec import plain
from mappings.dates import VIETNAM
from mappings.settlement_words import Kind, OurAttempt, OurInflow, OurPayment, Outcome, Pairing, Row, Share, Standing

SETTLED = frozenset({CodState.REMITTED, CodState.WAIVED, CodState.NONE})
"""Where nothing more of the money of a parcel is waited for."""


def statement_id_of(carrier: str, business_date: str) -> str:
    """What a carrier's statement of a day is called in the ledger of a parcel; a corrected file of the day has the same."""
    return f"{carrier}-{business_date}"


def our_parcel(shipment: Shipment, statement: Statement, *, paid_for: bool) -> OurPayment:
    """The money of a parcel in the words of settlement, for one statement.

    Unless it is `paid_for` there, what was collected is none of this statement's business: a later one will pay it.
    """
    others = sum(one.amount for one in shipment.cod_settlements if one.statement_id != statement.statement_id)
    collected, due = shipment.cod_collected, shipment.cod_due
    left = max(0, (collected or 0) - others)
    inflows: tuple[OurInflow, ...] = ()
    if left and paid_for and shipment.cod_collected_at is not None:
        came = shipment.cod_collected_at
        inflows = (OurInflow(txn_id="", amount=left, day=statement.day, paid_at=came, counts=collected == due),)
    return OurPayment(
        payment_id=shipment.shipment_id,
        dossier_code=shipment.dossier_code,
        attempts=(
            OurAttempt(
                ref=shipment.shipment_id, provider=shipment.carrier, amount=max(0, due - others), inflows=inflows
            ),
        ),
        # Paid over by another statement: what comes once more is money that nobody was owed.
        at_counter=others > 0 and not left,
        shares=tuple(Share(kind="cod", code="", name=line.name, amount=line.amount) for line in shipment.cod_lines),
    )


def paid_by(rows: Iterable[Row]) -> int:
    """What rows of one parcel say is paid over for it, in đồng: less what is taken back."""
    came = sum(row.amount for row in rows if row.kind is Kind.PAY and row.standing is Standing.PAID)
    gone = (Standing.REFUNDED, Standing.REVERSED)
    return came - sum(row.amount for row in rows if row.kind is not Kind.PAY and row.standing in gone)


def settled_change(shipment: Shipment, rows: Sequence[Row], statement: Statement) -> Change:
    """What a shipment hears of one file of a statement. A file that names it no more says 0, and counts for nothing."""
    moments = [row.paid_at for row in rows if row.paid_at is not None]
    told = CodSettled(
        at=statement.at,
        statement_id=statement.statement_id,
        paid_over=paid_by(rows),
        paid_at=max(moments, default=midnight(statement.day)),
    )
    # The file is part of the key: a third file may say again what the first one said, and the second did not.
    key = f"cod_settled/{statement.statement_id}/{statement.sha256[:32]}"
    return Change(
        SHIPMENTS, shipment.shipment_id, key, plain(told), dossier_code=shipment.dossier_code, passing=("at",)
    )


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Which file speaks, when it was read, and of which day it is."""

    statement_id: str
    sha256: str
    at: datetime
    day: date


def midnight(day: date) -> datetime:
    """The moment that stands for a day of payment of which no more is known."""
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)


def closing(pairing: Pairing, shipment: Shipment | None) -> str:
    """How a difference has closed by what the ledger says now; "" while it is open. People close the rest."""
    if shipment is None:
        return ""
    paid = sum(one.amount for one in shipment.cod_settlements)
    even = paid == shipment.cod_due and shipment.cod_collected in (None, paid)
    match pairing.outcome:
        case Outcome.PAID_AT_PROVIDER_ONLY if even and shipment.cod_collected is not None:
            return "collected_now"
        case Outcome.AMOUNT_DIFF | Outcome.STATUS_DIFF | Outcome.DUPLICATE if even and paid:
            return "evened_out"
        case Outcome.AMOUNT_DIFF if shipment.cod_decision:
            return "decided"
    return ""
