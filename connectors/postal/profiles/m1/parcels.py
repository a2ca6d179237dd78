"""A parcel as donhang tells of it, read into the words of the post: which order it is, where it is, what was collected.

Postal facts 3.2, 4.3, 4.4 and 6.2. The status decides; only where a message bears none do the flags of the delivery speak (truth
table of facts 3.2). A status that no table knows is kept as unmapped and never guessed from the flags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from connectors.postal.answers import (
    Json,
    code_of,
    count_of,
    flag_of,
    moment_of,
    text_of,
    whole_of,
    words_of,
)
from connectors.postal.model import Meaning, Placed, Scan, ShipmentState
from connectors.postal.profiles.m1.options import DonhangOptions
from connectors.postal.speaking import Account, Sighting
from connectors.postal.statuses import load_statuses
from mappings.codec import encode_sorted

NAME: Final = "m1"
NO_ID: Final = "00000000-0000-0000-0000-000000000000"
NO_STATUS: Final = frozenset({"", "0"})
"""`OrderStatusId` of a message that has none: .NET writes its empty number as 0."""

Members: TypeAlias = Mapping[str, Json]

_WARNINGS: Final = {"province": "IsWarningTinhThanh", "district": "IsWarningQuanHuyen", "ward": "IsWarningPhuongXa"}
_HAPPENED: Final = {
    ShipmentState.DELIVERED: "DeliveryTime",
    ShipmentState.FAILED_ATTEMPT: "DeliveryTime",
    ShipmentState.CANCELLED: "CancelTime",
}
"""What tells when it happened; `LastUpdateTime` is when it was written down, which may be hours later."""
_STEPS: Final = (
    "",
    *(ShipmentState.CREATED, ShipmentState.ACCEPTED, ShipmentState.COLLECTING, ShipmentState.COLLECTED),
    *(ShipmentState.IN_TRANSIT, ShipmentState.AT_OFFICE, ShipmentState.OUT_FOR_DELIVERY, ShipmentState.FAILED_ATTEMPT),
    *(ShipmentState.DELIVERED, ShipmentState.RETURNING, ShipmentState.RETURNED, ShipmentState.CANCELLED),
    *(ShipmentState.EXCEPTION, Meaning.COD_COLLECTED, Meaning.COD_REMITTED),
)
"""What follows what where nothing else tells (postal facts 6.1); money after the parcel that it was paid for."""
_ENDS: Final = frozenset({"deliverable", "return_delivered"})
_MONEY: Final = frozenset({Meaning.COD_COLLECTED, Meaning.COD_REMITTED})


@dataclass(frozen=True, slots=True)
class Told:
    """How a parcel was told of: `source` webhook or query, received at `at`; `sent_at` is what the message itself bears.

    `evidence` is the digest of the text that told of it.
    """

    source: str
    at: datetime
    sent_at: datetime | None = None
    evidence: str = ""


def id_of(parcel: Members) -> str:
    """The carrier's id, "" for none."""
    found = code_of(parcel, "Id")
    return "" if found in (NO_ID, "unreadable") else found


def item_of(parcel: Members) -> str:
    """The carrier's code of the parcel, "" for none. What is no code names no parcel: two would be found by the same word."""
    found = code_of(parcel, "ItemCode")
    return "" if found == "unreadable" else found


def is_ours(parcel: Members, account: Account) -> bool:
    """Whether the parcel is of our customer code. One key signs for every customer, and each may choose our order numbers.

    A message that names no customer is not doubted for that.
    """
    code = text_of(parcel, "CustomerCode")
    return not code or code.casefold() == account.customer.casefold()


def placed_of(parcel: Members, *, duplicate: bool = False) -> Placed:
    """What the carrier says of the order itself."""
    freight = whole_of(parcel, "TotalFreightIncludeVatEvaluation")
    return Placed(
        carrier_ref=id_of(parcel),
        item_code=item_of(parcel),
        freight=freight if freight is not None else whole_of(parcel, "TotalFreightIncludeVat"),
        duplicate=duplicate,
        warnings=tuple(part for part, member in _WARNINGS.items() if flag_of(parcel, member)),
        code=code_of(parcel, "OrderStatusId"),
    )


def sighting_of(parcel: Members, account: Account, options: DonhangOptions, told: Told) -> Sighting | None:
    """What a message says of a parcel; None where it is about none (a test of the address: all is null)."""
    number, item = text_of(parcel, "OrderCode"), item_of(parcel)
    raw_code = status_of(parcel, options)
    if not (number or item) or not raw_code:
        return None
    means = load_statuses(NAME).meaning(raw_code, told.at, account.statuses)
    written = _written(parcel, options)
    money = means in _MONEY
    scan = Scan(
        event_id=f"{account.name}:{_event(parcel, number or item, raw_code, written)}",
        occurred_at=_occurred(parcel, options, means, written, told),
        received_at=told.at,
        raw_code=raw_code,
        means=means,
        source=told.source,
        rank=_rank(parcel, means, written),
        pos_code=_office(parcel, means),
        item_code=item,
        cause_code=code_of(parcel, "CauseCode"),
        cause=words_of(parcel, "CauseName"),
        solution_code=code_of(parcel, "SolutionCode"),
        attempts=count_of(parcel, "DeliveryTimes"),
        cod_amount=whole_of(parcel, "CodAmount") if money else None,
        cod_paid_over_at=_paid_over(parcel, options) if means == Meaning.COD_REMITTED else None,
        text=words_of(parcel, "SolutionName") or words_of(parcel, "CancelStatusDesc"),
        note=words_of(parcel, "DeliveryNote") or words_of(parcel, "CancelNotes"),
        evidence=told.evidence,
    )
    return Sighting(order_number=number, scan=scan, carrier_ref=id_of(parcel), ours=is_ours(parcel, account))


def sightings_of(parcel: Members, account: Account, options: DonhangOptions, told: Told) -> tuple[Sighting, ...]:
    """What an answer says of a parcel: one status hides the one before it. Where it is about money, the members of postal
    facts 3.2 still tell how the way ended; the notice about that may never have come.
    """
    seen = sighting_of(parcel, account, options, told)
    if seen is None:
        return ()
    code, ended_at = _by_members(parcel, options, ""), moment_of(parcel, "DeliveryTime", options.times)
    if seen.scan.means not in _MONEY or code not in _ENDS or ended_at is None:
        return (seen,)
    means = load_statuses(NAME).meaning(code, told.at, account.statuses)
    name = seen.order_number or seen.scan.item_code
    ended = msgspec.structs.replace(
        seen.scan,
        event_id=f"{account.name}:{_event(parcel, name, code, ended_at)}",
        occurred_at=min(ended_at, seen.scan.occurred_at),
        raw_code=code,
        means=means,
        rank=_rank(parcel, means, ended_at),
        cod_amount=None,
        cod_paid_over_at=None,
    )
    return (replace(seen, scan=ended), seen)


def status_of(parcel: Members, options: DonhangOptions) -> str:
    """The code that the table of statuses is asked for, "" where the message says nothing of where the parcel is."""
    code = code_of(parcel, "OrderStatusId")
    return code if code not in NO_STATUS else _by_members(parcel, options, code)


def _by_members(parcel: Members, options: DonhangOptions, code: str) -> str:
    """The word for what the members say (postal facts 3.2), `code` where they say nothing."""
    delivered_at = moment_of(parcel, "DeliveryTime", options.times)
    if flag_of(parcel, "IsReturn"):
        return "return_delivered" if delivered_at is not None else "return"
    if flag_of(parcel, "IsDeliverable"):
        return "deliverable"
    tried = delivered_at is not None or count_of(parcel, "DeliveryTimes") or text_of(parcel, "CauseCode")
    return "not_deliverable" if tried else code


def _written(parcel: Members, options: DonhangOptions) -> datetime | None:
    """When the carrier wrote it down."""
    for name in ("LastUpdateTime", "BccpLastUpdateTime"):
        moment = moment_of(parcel, name, options.times)
        if moment is not None:
            return moment
    return None


def _occurred(parcel: Members, options: DonhangOptions, means: str, written: datetime | None, told: Told) -> datetime:
    """When it happened: its own time where the message has one, never later than it was written down.

    Nothing of it depends on when we heard of it, or the order of a history would; a carrier's clock that runs ahead is an alarm.
    """
    latest = written or told.sent_at or told.at
    own = next((name for state, name in _HAPPENED.items() if state == means), "")
    moment = moment_of(parcel, own, options.times) if own else None
    return moment if moment is not None and moment <= latest else latest


def _rank(parcel: Members, means: str, written: datetime | None) -> str:
    """Tells apart what bears the same moment, since times are of whole seconds: when it was written, then what follows what."""
    said = written.isoformat() if written is not None else ""
    step = _STEPS.index(means) if means in _STEPS else 0
    return f"{said}#{count_of(parcel, 'DeliveryTimes'):05}.{step:02}"


def _paid_over(parcel: Members, options: DonhangOptions) -> datetime | None:
    moment = moment_of(parcel, "PaypostTransferDate", options.times)
    return moment if moment is not None else moment_of(parcel, "PaypostTracedate", options.times)


def _office(parcel: Members, means: str) -> str:
    """The post office that it is about: the accepting one until the parcel is on its way, else where it goes."""
    first = "AcceptancePoscode" if means in (ShipmentState.CREATED, ShipmentState.COLLECTED) else "ToPOSCode"
    return next((code for name in (first, "DestinationPoscode") if (code := code_of(parcel, name))), "")


def _event(parcel: Members, parcel_name: str, raw_code: str, written: datetime | None) -> str:
    """What recognises the event, by whichever way it comes: parcel, status and when it was written down (facts 4.4).

    A message without that time is recognised by all that it says.
    """
    said: object = (
        ["event", parcel_name, raw_code, written.isoformat(), count_of(parcel, "DeliveryTimes")]
        if written is not None
        else ["event", _plain(dict(parcel))]
    )
    return hashlib.sha256(encode_sorted(said)).hexdigest()[:24]


def _plain(value: Json) -> object:
    """The value with numbers as text: 0.0 and 0.00 may be the same sum, but nobody says so."""
    match value:
        case Decimal():
            return str(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
    return value
