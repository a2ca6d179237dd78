"""What may change a shipment: the inputs of its ledger, one type for each, told apart by `type`.

All are facts that happened and commands that were given, with their moment; what they mean is decided in `ledger.py`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.postal.model import CodLine, Contact, Direction, Placed, Scan


class ShipmentAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="asked"):
    """The resolution system orders a collection or a delivery. `body_sha256` is of the request's body.

    `carrier` is the name in the settings, `profile` its dialect. `register`: the dossier is registered with the carrier first
    (`document/post`). `cancellable` names the states in which the carrier still takes an order back.
    """

    at: datetime
    shipment_id: str
    asked_by: str
    request_id: str
    body_sha256: str
    dossier_code: str
    procedure_code: str
    procedure_name: str
    direction: Direction
    carrier: str
    profile: str
    order_number: str
    sender: Contact
    receiver: Contact
    contents: str
    note: str
    weight_g: int
    service: str
    cod_lines: tuple[CodLine, ...] = ()
    components: tuple[str, ...] = ()
    register: bool = False
    cancellable: tuple[str, ...] = ("created", "accepted", "collecting")
    quiet_after_s: int = 432_000


class OrderPlaced(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="placed"):
    """The carrier has the order: it said so when it was sent, or when it was asked afterwards."""

    at: datetime
    placed: Placed


class OrderRefused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refused"):
    """The carrier refused the order for good. `code` is the carrier's own, `message_vi` ours."""

    at: datetime
    code: str
    message_vi: str


class OrderUnanswered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="unanswered"):
    """The order was sent and nobody answered: it is in doubt from now on."""

    at: datetime


class OrderAnew(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="anew"):
    """An order in doubt is sure not to be with the carrier, so it goes out again under the same number.

    The answer to the enquiry that says so brings it along, before anything is sent: what is sent afterwards and not answered
    is in doubt again.
    """

    at: datetime


class DossierRegistered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="registered"):
    """The carrier answered the registration of the dossier (`document/post`): with no `code` it has it, else it refused."""

    at: datetime
    code: str = ""


class CancelAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cancel_asked"):
    """The resolution system wants the parcel no more."""

    at: datetime
    request_id: str
    asked_by: str
    reason: str
    body_sha256: str = ""


class CancelAnswered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cancel_answered"):
    """What the carrier said to it. `outcome`: cancelled, requested (it will see), too_late, refused, unknown_order, in_doubt."""

    at: datetime
    request_id: str
    outcome: str
    code: str = ""


class Scanned(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="scanned"):
    """A carrier said something of the parcel, by whichever way."""

    at: datetime
    scan: Scan


class HandedOver(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="handed_over"):
    """A handover list that both sides signed names this parcel. `line_status`: ok, missing, damaged (postal facts 7)."""

    at: datetime
    handover_id: str
    line_status: str
    handed_at: datetime


class CodSettled(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cod_settled"):
    """A statement of the carrier names what it paid over for this parcel, in đồng (short where less than was due).

    `supersedes` names statements that this one stands for: what they said counts no more.
    """

    at: datetime
    statement_id: str
    paid_over: int
    paid_at: datetime
    supersedes: tuple[str, ...] = ()


class CodDecided(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cod_decided"):
    """Operators decided about the money of this parcel: `waive` or `close_short`, with their reason."""

    at: datetime
    decision: str
    reason: str
    decided_by: str
    approved_by: str
    decision_id: str


class StateDecided(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state_decided"):
    """Operators say how a parcel stands that nobody else can tell of: `delivered`, `returned`, `exception`, or whether the
    order that is in doubt is with the carrier (`placed`, `not_placed`).
    """

    at: datetime
    state: str
    evidence: str
    decided_by: str
    approved_by: str
    decision_id: str


class TimeCame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="time_came"):
    """`due` of the shipment has passed: what time alone brings about (a parcel that nobody has seen for days)."""

    at: datetime


ShipmentChange = (
    ShipmentAsked
    | OrderPlaced
    | OrderRefused
    | OrderUnanswered
    | OrderAnew
    | DossierRegistered
    | CancelAsked
    | CancelAnswered
    | Scanned
    | HandedOver
    | CodSettled
    | CodDecided
    | StateDecided
    | TimeCame
)
"""Every input of the ledger `shipments`."""
