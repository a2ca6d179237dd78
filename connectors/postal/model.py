"""The words of the post: directions, states, parties, addresses, orders, and what a carrier says of a parcel.

Postal facts 6 (state machine and its separate axis of cash on delivery), 7 (two directions), 8 (identifiers, addresses).
Amounts are whole đồng. Moments are UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from mappings.codes import CodState as CodState
from mappings.codes import ShipmentDirection
from mappings.codes import ShipmentState as ShipmentState

Direction = ShipmentDirection
"""Which way a parcel goes, as the canonical dossier says it."""


class OrderState(StrEnum):
    """Whether the carrier has our order. `IN_DOUBT`: it was sent and nobody answered; never sent anew without asking."""

    ASKED = "asked"
    PLACED = "placed"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


class Meaning(StrEnum):
    """What a status code of a carrier means beside a state: the words of the column `means` of a `statuses.csv`.

    Any value of `ShipmentState` may stand there too. `KEEP` leaves the state as it is; `COLLECT_FAILED` is a collection that
    came to nothing, so the parcel is `accepted` again; `UNMAPPED` is kept, shown and an alarm, and changes nothing.
    """

    KEEP = "keep"
    COLLECT_FAILED = "collect_failed"
    COD_COLLECTED = "cod_collected"
    COD_REMITTED = "cod_remitted"
    UNMAPPED = "unmapped"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An address with the list that its codes are of (postal facts 8.3): a code without its list means nothing.

    `list_version` GSO-2025-07 (34 provinces, no districts) or GSO-2024 (63). `text` is the address in words, complete;
    `old_text` the same before the merger where somebody wrote it so. `carrier` holds the carrier's own codes where the
    caller knows them (`province`, `district`, `ward`).
    """

    list_version: str
    province: str
    text: str
    commune: str = ""
    district: str = ""
    old_text: str = ""
    carrier: dict[str, str] = {}

    def __repr__(self) -> str:
        """Nothing of where somebody lives."""
        return f"Place({self.list_version!r}, {self.province!r})"


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends or receives."""

    name: str
    phone: str
    place: Place
    email: str = ""

    def __repr__(self) -> str:
        """Nothing of the person."""
        return "Contact(...)"


class CodLine(msgspec.Struct, frozen=True, kw_only=True):
    """A sum that the postman collects for the agency: a fee of the dossier. Postage is never one of them (postal facts 7)."""

    fee_id: str
    name: str
    amount: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a carrier is asked to carry. `order_number` is ours and stays the same over all attempts.

    `contents` names the papers, `weight_g` grams; `cod_amount` the sum of the lines; `service` is the carrier's own code.
    """

    order_number: str
    direction: Direction
    dossier_code: str
    sender: Contact
    receiver: Contact
    contents: str
    note: str
    weight_g: int
    cod_amount: int
    service: str = ""
    item_code: str = ""
    carrier_ref: str = ""


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a carrier (or we) said of a parcel; together they are its history.

    `event_id` recognises it: the same event, however often and by whichever way it comes, has the same. `occurred_at` is the
    carrier's time and `rank` tells apart what bears the same (the source's own sequence, compared as text); `means` is a value
    of `ShipmentState` or of `Meaning`, as the status table said when it came; `raw_code` is kept as it came.
    `source`: feed, webhook, query, gateway, handover, operator. `cod_amount`: what was collected or paid over, where it says so.
    `text` is the carrier's own sentence and `note` a remark; both may name people. `evidence` is the SHA-256 of what the
    carrier sent, byte for byte (postal facts 10): of the record in a feed, of `Data` in a notice, of a whole answer.
    """

    event_id: str
    occurred_at: datetime
    received_at: datetime
    raw_code: str
    means: str
    source: str
    rank: str = ""
    pos_code: str = ""
    item_code: str = ""
    cause_code: str = ""
    cause: str = ""
    solution_code: str = ""
    attempts: int = 0
    cod_amount: int | None = None
    cod_paid_over_at: datetime | None = None
    text: str = ""
    note: str = ""
    evidence: str = ""

    def __repr__(self) -> str:
        """Nothing of what the carrier wrote about people."""
        return f"Scan({self.event_id!r}, {self.means!r})"


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The carrier has our order. `carrier_ref` is its own id (needed to cancel), `warnings` the parts of the address that it
    could not resolve (`province`, `district`, `ward`); `freight` in đồng where it says so. `duplicate`: it had it already.
    """

    carrier_ref: str = ""
    item_code: str = ""
    freight: int | None = None
    duplicate: bool = False
    warnings: tuple[str, ...] = ()
    code: str = ""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What one service of a carrier costs, in đồng with VAT."""

    service: str
    name: str
    amount: int
