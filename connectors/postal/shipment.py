"""A shipment as its ledger keeps it: what was ordered, all that was said of it, and what follows from that."""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.postal.history import Course
from connectors.postal.model import (
    CodLine,
    CodState,
    Contact,
    Direction,
    OrderState,
    Placed,
    Scan,
    ShipmentState,
)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was taken, so that the same request again gets the same answer. `code`: what became of it, "" for good."""

    request_id: str
    kind: str
    body_sha256: str
    code: str = ""


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody wants the parcel no more, and how that went: `outcome` as in `CancelAnswered`, "" while it is asked."""

    request_id: str
    asked_by: str
    asked_at: datetime
    reason: str
    outcome: str = ""
    code: str = ""
    answered_at: datetime | None = None


class CodSettlement(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement said was paid over for this parcel."""

    statement_id: str
    amount: int
    paid_at: datetime


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel.

    `history` holds every scan once, in the order of (`occurred_at`, `rank`, `event_id`), whichever order they came in; `state`,
    `attempts`, `delivered_at`, `item_code` and the axis of money follow from it and from what was commanded. `proposed` is
    the state that the resolution system was last told of. `unmapped` are codes that the status table does not know. `base` is
    what the `dropped` oldest scans came to, once there were too many; `course` what the whole history says. `flags` are what
    people must see, and what is remembered of it.
    """

    shipment_id: str
    dossier_code: str
    procedure_code: str
    procedure_name: str
    direction: Direction
    carrier: str
    profile: str
    order_number: str
    asked_by: str
    request_id: str
    body_sha256: str
    asked_at: datetime
    sender: Contact
    receiver: Contact
    contents: str
    note: str
    weight_g: int
    service: str
    state: ShipmentState = ShipmentState.CREATED
    order: OrderState = OrderState.ASKED
    placed: Placed | None = None
    placed_at: datetime | None = None
    refusal: tuple[str, str] | None = None
    doubt_since: datetime | None = None
    item_code: str = ""
    attempts: int = 0
    delivered_at: datetime | None = None
    returned_at: datetime | None = None
    history: tuple[Scan, ...] = ()
    dropped: int = 0
    unmapped: tuple[str, ...] = ()
    cod: CodState = CodState.NONE
    cod_lines: tuple[CodLine, ...] = ()
    cod_collected: int | None = None
    cod_collected_at: datetime | None = None
    cod_settlements: tuple[CodSettlement, ...] = ()
    cod_decision: str = ""
    components: tuple[str, ...] = ()
    register: bool = False
    cancel: Cancel | None = None
    cancellable: tuple[str, ...] = ("created", "accepted", "collecting")
    handovers: tuple[tuple[str, str], ...] = ()
    commands: tuple[Command, ...] = ()
    proposed: str = ""
    flags: tuple[str, ...] = ()
    base: Course = Course()
    course: Course = Course()
    quiet_after_s: int = 432_000
    due: datetime | None = None

    @property
    def cod_due(self) -> int:
        """What the postman has to collect, in đồng."""
        return sum(line.amount for line in self.cod_lines)

    def __repr__(self) -> str:
        """Nothing of people."""
        return f"Shipment({self.shipment_id!r}, {self.state.value!r})"
