"""How a change is entered into the ledgers of the post: under which key it is recognised, and what of it says nothing new.

The same scan, command or decision has one key however often and by whichever way it comes. Where an order is in doubt or goes
out anew, each time counts, and so does what a statement says: it may be corrected and corrected back.
"""

from __future__ import annotations

import hashlib

import msgspec

from connectors.kit.contract import Change
from connectors.postal.changes import (
    CancelAnswered,
    CancelAsked,
    CodDecided,
    CodSettled,
    OrderAnew,
    OrderUnanswered,
    Scanned,
    ShipmentAsked,
    ShipmentChange,
    StateDecided,
    TimeCame,
)
from connectors.postal.feeds import PageRead
from connectors.postal.identity import FEEDS, SHIPMENTS, STRAYS, shipment_id_of
from connectors.postal.model import Scan
from connectors.postal.speaking import Sighting
from connectors.postal.strays import StraySeen
from mappings.codec import encode_sorted, plain

_LONGEST_CODE = 100
_LONGEST_TEXT = 500
_CODES = ("rank", "pos_code", "item_code", "cause_code", "solution_code", "raw_code")
_TEXTS = ("cause", "text", "note")


def change_of(shipment_id: str, change: ShipmentChange, dossier_code: str = "") -> Change:
    """A change as the house takes it, with the key that recognises it."""
    passing: tuple[str, ...] = ("at",)
    if isinstance(change, Scanned):
        change = msgspec.structs.replace(change, scan=storable(change.scan))
        # The same event has another time of reception, and other words around it, by each way that it comes.
        passing = ("at", "scan")
    return Change(
        ledger=SHIPMENTS,
        id=shipment_id,
        key=key_of(change),
        fields=plain(change),
        dossier_code=dossier_code,
        passing=passing,
    )


def key_of(change: ShipmentChange) -> str:
    """What makes a change recognisable: of a scan its event and what it said, of a command its request, of a decision its id."""
    match change:
        case ShipmentAsked():
            return f"asked/{_digest([change.asked_by, change.request_id, change.body_sha256])}"
        case CancelAsked():
            return f"cancel_asked/{_digest([change.request_id, change.body_sha256])}"
        case CancelAnswered():
            return f"cancel_answered/{_digest([change.request_id, change.outcome, change.code])}"
        case Scanned(scan=scan):
            return f"scan/{_digest([scan.event_id, scan.raw_code])}"
        case CodDecided() | StateDecided():
            return f"{_tag(change)}/{change.decision_id}"
        case OrderUnanswered() | OrderAnew() | CodSettled() | TimeCame():
            return f"{_tag(change)}/{_digest(plain(change))}"
    lasting = {name: value for name, value in plain(change).items() if name != "at"}
    return f"{_tag(change)}/{_digest(lasting)}"


def page_read(carrier: str, page: PageRead, place: str) -> Change:
    """A page of a carrier's feed, for the ledger that counts its rounds.

    `place` names the page: the poller's cursor before it, which counts rounds, since a quiet feed is asked at one place again
    and again. Asked for once more it is the same page, whatever time it was then.
    """
    passing = ("at", "asked_at", "records", "unreadable", "more", "strays")
    return Change(ledger=FEEDS, id=carrier, key=f"page/{_digest(place)}", fields=plain(page), passing=passing)


def stray_of(carrier: str, sighting: Sighting) -> Change:
    """A sighting of a parcel that is not ours: its codes, and nothing that may be about people."""
    scan = storable(sighting.scan)
    number = sighting.order_number or scan.item_code
    seen = StraySeen(
        at=scan.received_at,
        carrier=carrier,
        order_number=_fit(number),
        event_id=scan.event_id,
        raw_code=scan.raw_code,
        occurred_at=scan.occurred_at,
        source=scan.source,
    )
    return Change(
        ledger=STRAYS,
        id=shipment_id_of(carrier, number),
        key=f"stray/{_digest([scan.event_id, scan.raw_code])}",
        fields=plain(seen),
        passing=("at", "occurred_at", "source"),
    )


def storable(scan: Scan) -> Scan:
    """A scan whose words fit into a ledger: nobody's text is so long, and no code holds signs that nobody can print."""
    fits = {name: _fit(getattr(scan, name)) for name in _CODES}
    texts = {name: getattr(scan, name)[:_LONGEST_TEXT] for name in _TEXTS}
    event_id = scan.event_id
    if not event_id or _fit(event_id) != event_id:
        event_id = _digest(event_id)
    return msgspec.structs.replace(scan, event_id=event_id, **fits, **texts)


def _fit(code: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in code[:_LONGEST_CODE])


def _digest(value: object) -> str:
    return hashlib.sha256(encode_sorted(value)).hexdigest()[:32]


def _tag(change: ShipmentChange) -> str:
    return str(change.__struct_config__.tag)
