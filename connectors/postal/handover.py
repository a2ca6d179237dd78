"""The ledger of handover lists: which parcels one side gave the other, in what state they arrived, and that both sides signed.

QĐ 45/2016/QĐ-TTg Điều 6 and 7 (postal facts 7: fields and rule are [assumed] where the law's text was not obtained). A list names
the parcels of many dossiers, so it belongs to none. It keeps codes, and who gave and who took; the names of applicants stay with
their parcels and are looked up when the list is printed. Pure.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from connectors.kit.contract import Change, Effect, RaiseAlarm, TellFeed
from connectors.postal.model import Direction
from mappings.codec import encode_sorted, plain
from mappings.dates import local_date

HANDOVERS = "handovers"
"""The kind of the ledger of handover lists."""

_LETTERS = 13


class LineStatus(StrEnum):
    """How a parcel of the list arrived (postal facts 7)."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


class Officer(msgspec.Struct, frozen=True, kw_only=True):
    """Who gives or takes: a clerk of the agency or a postman, with the number or account that the own side knows them by."""

    name: str
    staff_id: str

    def __repr__(self) -> str:
        return "Officer(...)"


class HandoverLine(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel of the list. `components`: how many papers lie in it; `sealed`: it was sealed in front of its giver."""

    shipment_id: str
    dossier_code: str
    procedure_code: str
    order_number: str
    item_code: str
    components: int
    sealed: bool
    cod_amount: int
    note: str = ""

    def __repr__(self) -> str:
        return f"HandoverLine({self.shipment_id!r})"


class LineSigned(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides wrote behind a line."""

    shipment_id: str
    status: LineStatus
    note: str = ""

    def __repr__(self) -> str:
        return f"LineSigned({self.shipment_id!r}, {self.status.value!r})"


class Countersign(msgspec.Struct, frozen=True, kw_only=True):
    """That the other side took the parcels, when, and what it wrote. `evidence_sha256`: of the paper with both signatures."""

    request_id: str
    body_sha256: str
    receiver: Officer
    handed_at: datetime
    lines: tuple[LineSigned, ...]
    evidence_sha256: str = ""


class HandoverMade(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="made"):
    """A list was drawn up."""

    at: datetime
    handover_id: str
    batch_no: str
    asked_by: str
    request_id: str
    body_sha256: str
    direction: Direction
    carrier: str
    agency_code: str
    pos_code: str
    deliverer: Officer
    lines: tuple[HandoverLine, ...]


class Countersigned(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="countersigned"):
    """The other side signed it."""

    at: datetime
    countersign: Countersign


HandoverChange = HandoverMade | Countersigned
"""Every input of the ledger `handovers`."""


class NoSuchHandover(ValueError):
    """Không có bảng kê này."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """One list. It is open until it is countersigned, once and for all: what went wrong goes into the next list."""

    handover_id: str
    batch_no: str
    asked_by: str
    request_id: str
    body_sha256: str
    direction: Direction
    carrier: str
    agency_code: str
    pos_code: str
    deliverer: Officer
    lines: tuple[HandoverLine, ...]
    made_at: datetime
    countersign: Countersign | None = None
    countersigned_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Handover({self.handover_id!r})"

    @property
    def stage(self) -> str:
        """How far it is: `made` or `countersigned`."""
        return "countersigned" if self.countersign is not None else "made"

    @property
    def components(self) -> int:
        """How many papers there are in all parcels together."""
        return sum(line.components for line in self.lines)

    @property
    def cod_amount(self) -> int:
        """What is to be collected for all parcels together, in đồng."""
        return sum(line.cod_amount for line in self.lines)

    def signed(self, shipment_id: str) -> LineSigned | None:
        """What was written behind a line, None while the list is open."""
        lines = self.countersign.lines if self.countersign is not None else ()
        return next((one for one in lines if one.shipment_id == shipment_id), None)


class Handovers:
    """The ledger. Each list has one making and one countersigning: whatever else comes changes nothing."""

    kind = HANDOVERS
    state_type = Handover
    change_type: Any = HandoverChange  # a union, which the type system does not take for a type

    def apply(self, state: Handover | None, change: HandoverChange) -> tuple[Handover, Sequence[Effect]]:
        """The list after a change. Raises `NoSuchHandover` where one is countersigned that nobody drew up."""
        if isinstance(change, HandoverMade):
            return (state, ()) if state is not None else (_begun(change), ())
        if state is None:
            raise NoSuchHandover
        if state.countersign is not None:
            return state, ()
        after = msgspec.structs.replace(state, countersign=change.countersign, countersigned_at=change.at)
        return after, tuple(_effects(after, change.countersign))

    def marks(self, state: Handover) -> Sequence[str]:
        """By its parcels, so that no parcel stands in two open lists."""
        return tuple(f"parcel/{line.shipment_id}" for line in state.lines)


def handover_id_of(asked_by: str, request_id: str) -> str:
    """The id of the list that a system asked for with that request: 13 letters, the same for ever."""
    digest = hashlib.sha256(encode_sorted(["handover", asked_by, request_id])).digest()
    return base64.b32hexencode(digest).decode("ascii").lower()[:_LETTERS]


def batch_no_of(handover_id: str, at: datetime) -> str:
    """The number that people call it by: the day, and the beginning of its id."""
    return f"BG{local_date(at):%y%m%d}-{handover_id[:6].upper()}"


def made(change: HandoverMade) -> Change:
    """A new list as the house takes it. The same request has the same key, so another body under it is refused and kept."""
    return _entered(change.handover_id, "made", change, ("at", "batch_no"))


def countersigned(handover_id: str, change: Countersigned) -> Change:
    """The countersigning of a list. There is one key for it: of two that race, one counts, for the list and for its parcels."""
    return _entered(handover_id, "countersigned", change, ("at",))


def _entered(handover_id: str, key: str, change: HandoverChange, passing: tuple[str, ...]) -> Change:
    return Change(ledger=HANDOVERS, id=handover_id, key=key, fields=plain(change), passing=passing)


def _begun(change: HandoverMade) -> Handover:
    return Handover(
        handover_id=change.handover_id,
        batch_no=change.batch_no,
        asked_by=change.asked_by,
        request_id=change.request_id,
        body_sha256=change.body_sha256,
        direction=change.direction,
        carrier=change.carrier,
        agency_code=change.agency_code,
        pos_code=change.pos_code,
        deliverer=change.deliverer,
        lines=change.lines,
        made_at=change.at,
    )


def _effects(handover: Handover, countersign: Countersign) -> Iterable[Effect]:
    counts = {status: sum(one.status is status for one in countersign.lines) for status in LineStatus}
    facts = {
        "handover_id": handover.handover_id,
        "batch_no": handover.batch_no,
        "direction": handover.direction.value,
        **{status.value: str(count) for status, count in counts.items()},
    }
    yield TellFeed("postal.handed_over", facts)
    bad = counts[LineStatus.MISSING] + counts[LineStatus.DAMAGED]
    if bad:
        told = f"Bảng kê bàn giao {handover.batch_no}: {counts[LineStatus.MISSING]} bưu gửi thiếu, "
        yield RaiseAlarm(
            "postal.handover_differs", f"{told}{counts[LineStatus.DAMAGED]} bưu gửi hư hỏng; cần lập biên bản."
        )
