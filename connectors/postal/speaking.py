"""What every carrier's dialect offers: messages made and read, signed and verified; it opens no connection.

A dialect is a folder under `profiles/` whose package has one name, `PROFILE`, of type `Dialect`. `client.py` does the calling,
`ledger.py` judges; a dialect only speaks. Adding a carrier is adding a folder (and, where it calls us, its name to `[listener]`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.granted import Made
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Order, Placed, Price, Scan
from mappings.carrier_places import NO_CODES, PlaceCodes


@dataclass(frozen=True, slots=True)
class Account:
    """Ours at a carrier. `secret` resolves a role (`consumer_key`, `consumer_secret`, `token`, ...), "" where it has none.

    `customer` is the customer code that stands in messages. `public_keys` are those that the carrier signs with, as they were
    configured (RSAKeyValue or PEM). `statuses` stand above the shipped table: raw code -> value of `ShipmentState` or `Meaning`.
    `options` is of the dialect's `options_type`. `places` is the carrier's own table of places, for `outward.outward`.
    """

    name: str
    customer: str
    secret: Callable[[str], str]
    options: msgspec.Struct
    now: Callable[[], datetime]
    public_keys: Sequence[str] = ()
    statuses: Mapping[str, str] = field(default_factory=dict)
    places: PlaceCodes = NO_CODES


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP call to make. `path` is relative to the account's `base_url`; `token_url`: to that address instead.

    `authorised` False: no token is needed for it. `read_s` is the read time-out of postal facts 9.
    """

    method: Literal["GET", "POST"]
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    read_s: float = 30.0
    token_url: bool = False
    authorised: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier did not take it. `kind`: business (for good), busy (nothing was done: later), auth (token refused),
    unreadable (it may have happened), configuration (nothing will be better by itself).
    """

    kind: Literal["business", "busy", "auth", "unreadable", "configuration"]
    code: str
    message_vi: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The carrier, asked, says that it has no such order. Never made of a network error or of an answer that is unclear."""


CancelOutcome = Literal["cancelled", "requested", "too_late", "refused", "unknown_order", "in_doubt"]


@dataclass(frozen=True, slots=True)
class CancelSaid:
    """What the carrier answered to a cancellation. `in_doubt`: the answer says nothing; it must be looked at in the history."""

    outcome: CancelOutcome
    code: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A scan with the order that it is about. `order_number` is ours, "" where the carrier named only its own code.

    `carrier_ref` is the carrier's own id of the order, where it names one: another one than ours is another parcel's. `ours`
    False: it says itself that the parcel is another customer's.
    """

    order_number: str
    scan: Scan
    carrier_ref: str = ""
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Fed:
    """One page of a feed: what it says, in its order, and the cursor after it. `more`: a further page may be there now.

    `unreadable` counts records that could not be read (kept by nobody, told as an alarm), `foreign` those of another customer
    of the carrier; they move the cursor too.
    """

    sightings: tuple[Sighting, ...]
    cursor: str
    more: bool
    unreadable: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice, read from its raw bytes. `ack`: taken, bad_signature, malformed, replayed, refused_source.

    `fresh` False: it is genuine but was sent outside the window, so it is taken only where it says something new (facts 4.4).
    """

    ack: Literal["taken", "bad_signature", "malformed", "replayed", "refused_source"]
    sightings: tuple[Sighting, ...] = ()
    fresh: bool = True


class Dialogue(Protocol):
    """A dialect with an account: pure functions of what they are given, the account and its clock."""

    def place(self, order: Order) -> Call:
        """The call that puts an order. Raises `CannotMap` for what it cannot say (a place that the carrier has no code for)."""
        ...

    def placed(self, order: Order, answer: HttpAnswer) -> Placed | Refused:
        """What the answer means. An answer that cannot be read is `Refused` of kind unreadable, never an exception."""
        ...

    def cancel(self, order: Order) -> Call:
        """The call that takes an order back (`order.carrier_ref` where the carrier wants its own id)."""
        ...

    def cancelled(self, order: Order, answer: HttpAnswer) -> CancelSaid | Refused:
        """What the answer means; `Refused` only of the kinds busy, auth and configuration."""
        ...


@runtime_checkable
class Tokens(Protocol):
    """What a dialogue adds whose calls need a token that is fetched first."""

    def token(self) -> Call:
        """The call for a token."""
        ...

    def granted(self, answer: HttpAnswer) -> Made | None:
        """The token with its life in seconds; None where the answer holds none."""
        ...

    def authorised(self, call: Call, token: str) -> Call:
        """The call with its token."""
        ...


@runtime_checkable
class Finds(Protocol):
    """What a dialogue adds whose carrier can be asked for an order by our number."""

    def find(self, order: Order) -> Call:
        """The question."""
        ...

    def found(self, order: Order, answer: HttpAnswer) -> tuple[Placed, tuple[Sighting, ...]] | Absent | Refused:
        """The answer: that it is there (with what it says of the parcel), that it is not, or nothing (`Refused`)."""
        ...


@runtime_checkable
class Feeds(Protocol):
    """What a dialogue adds whose carrier has a feed of all events, followed by a cursor."""

    def feed(self, cursor: str, page_size: int) -> Call:
        """The question for what came after `cursor` ("" at the very start)."""
        ...

    def fed(self, cursor: str, answer: HttpAnswer) -> Fed | Refused:
        """The page."""
        ...


@runtime_checkable
class Registers(Protocol):
    """What a dialogue adds whose carrier wants the dossier registered (`document/post`)."""

    def register(self, order: Order, procedure: tuple[str, str], components: Sequence[str]) -> Call:
        """The call; `procedure` is its code and its name."""
        ...

    def registered(self, order: Order, answer: HttpAnswer) -> Placed | Refused:
        """What the answer means."""
        ...


@runtime_checkable
class Prices(Protocol):
    """What a dialogue adds whose carrier says prices."""

    def price(self, order: Order) -> Call:
        """The question; of the order only places, weight and cash on delivery count."""
        ...

    def priced(self, answer: HttpAnswer) -> tuple[Price, ...] | Refused:
        """The answer, cheapest first."""
        ...


@runtime_checkable
class Hears(Protocol):
    """What a dialogue adds whose carrier calls us."""

    def hear(self, notice: Notice) -> Heard:
        """Read a notice: authenticity first, over the bytes received. Raises nothing."""
        ...

    def acknowledge(self, heard: Heard) -> Reply:
        """The acknowledgement in the carrier's own form (postal facts 9)."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """A folder of `profiles/` for the rest of the connector. `roles` are the secrets that it needs, `more_roles` it can use.

    `methods` are those that the carrier calls us with. `numbers_unique`: the carrier is known to refuse a second order with the
    same number, so the same one may be sent again after no answer [assumed; the settings of a carrier say otherwise].
    """

    name: str
    title_vi: str
    options_type: type[msgspec.Struct]
    open: Callable[[Account], Dialogue]
    roles: tuple[str, ...]
    more_roles: tuple[str, ...] = ()
    methods: tuple[Literal["GET", "POST"], ...] = ("POST",)
    numbers_unique: bool = False
