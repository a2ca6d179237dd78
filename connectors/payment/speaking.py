"""What every intermediary's dialect offers: messages made and read, signed and verified; it opens no connection.

A dialect is a folder under `profiles/` whose package has one name, `PROFILE`, of type `Dialect`. `client.py` does the calling,
`ledger.py` judges; a dialect only speaks. Adding an intermediary is adding a folder (and its name to `[listener]`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Statement
from mappings.codes import PaymentMethod


@dataclass(frozen=True, slots=True)
class Key:
    """A secret with the time that it is good for; several of one role overlap while they are exchanged (abuse case A34).

    Messages are signed with the newest that is in force and verified with every one in force.
    """

    id: str
    value: str = field(repr=False)
    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Ours at an intermediary. `keys` by role (`main`, `second`, `access`), as references were resolved at this moment.

    `merchant` is the code that stands in messages (partner, terminal, app id). `endpoints` are absolute addresses by the
    dialect's own name of the call. `options` is of the dialect's `options_type`.
    """

    name: str
    merchant: str
    keys: Callable[[str], Sequence[Key]]
    endpoints: Mapping[str, str]
    options: msgspec.Struct
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP call to make: `endpoint` is one of the account's; `read_s` the read time-out of payment facts 4.5."""

    endpoint: str
    method: Literal["GET", "POST"]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    read_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer to `create` that is no order: `statement.verdict` says whether for good (F, C), to ask (U) or to repeat (R)."""

    statement: Statement
    message_vi: str = ""


class Ack(StrEnum):
    """The columns of payment facts 4.4: what a notice is acknowledged with."""

    TAKEN = "taken"
    DUPLICATE = "duplicate"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_REFERENCE = "unknown_reference"
    AMOUNT_DIFFERS = "amount_differs"
    NOT_OURS = "not_ours"
    REFUSED_SOURCE = "refused_source"
    MALFORMED = "malformed"
    UNSTORED = "unstored"


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice, read from its raw bytes. `statement` None: it is no notice of a payment, only acknowledged.

    `echo` is what an acknowledgement repeats of it. `ack` other than `TAKEN` refuses it: nothing else of it is used.
    """

    ack: Ack
    statement: Statement | None = None
    echo: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """What a browser brought back: shown, never believed (decision D2). `ref` is ours, "" where none can be read.

    `signed`: the parameters verify; `claims_paid`: they say success. Neither moves money; who brings no signature where the
    dialect signs its returns is shown no payment.
    """

    ref: str
    signed: bool = False
    claims_paid: bool = False


@dataclass(frozen=True, slots=True)
class Billed:
    """An intermediary's bill beside what we ordered (abuse case A22): the names of what differs, () where all agrees.

    `differences` are among `beneficiary_account`, `beneficiary_bank`, `fee_lines`. `readable` False: there is no bill, or it is
    a document for people; nothing follows from it.
    """

    readable: bool
    differences: tuple[str, ...] = ()


class Dialogue(Protocol):
    """A dialect with an account: pure functions of what they are given, the account and its clock."""

    def create(self, order: Order) -> Call | Made:
        """The call that puts an attempt before the intermediary, or what is made without one (a signed address, a QR text).

        Raises `CannotMap` for what it cannot say (an amount out of bounds, a text that cannot be written).
        """
        ...

    def created(self, order: Order, answer: HttpAnswer) -> Made | Refused:
        """What its answer means. An answer that cannot be read is `Refused` with verdict U, never an exception."""
        ...

    def query(self, asked: Asked) -> Call | None:
        """The question about an attempt; None where the intermediary cannot be asked."""
        ...

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """The answer, verified or checked by its echo; anything unclear is verdict U, anything foreign `trusted` False."""
        ...

    def refund(self, order: RefundOrder) -> Call | None:
        """The call that asks for a refund; None: it is made by bank transfer and told by people."""
        ...

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """What its answer means; anything unclear is verdict U."""
        ...

    def query_refund(self, order: RefundOrder) -> Call | None:
        """The question about a refund; None where the intermediary cannot be asked."""
        ...

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The answer."""
        ...

    def hear(self, notice: Notice) -> Heard:
        """Read a notice: authenticity first, over the bytes received, in constant time. Raises nothing."""
        ...

    def returned(self, query: str) -> Returned:
        """Read what a browser brought back, from the raw query text. Raises nothing."""
        ...

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """The acknowledgement in this intermediary's own form (payment facts 4.4)."""
        ...


@runtime_checkable
class Bills(Protocol):
    """What a dialogue adds whose intermediary shows the bill that nobody signed: a hop may have changed it (abuse case A22)."""

    def bill(self, asked: Asked) -> Call | None:
        """The question for the bill of an attempt; None where it cannot be asked."""
        ...

    def billed(self, order: Order, answer: HttpAnswer) -> Billed:
        """The bill compared with the order."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """A folder of `profiles/` for the rest of the connector.

    `roles` are the keys that it needs, `endpoints` the addresses that it needs; `more_roles` and `more_endpoints` it can
    use besides, and anything else is a slip of whoever configured it. `notices`: it has an address for them, called
    by `methods`. `signs_returns`: what a payer's browser brings back is signed. `minimum`, `maximum` in đồng (facts 4.3).
    `expiry_enforced`: it takes no money after the expiry that an order was sent with, so what it calls open then is not paid;
    the settings of an intermediary may say otherwise [assumed].
    """

    name: str
    title_vi: str
    method: PaymentMethod
    options_type: type[msgspec.Struct]
    open: Callable[[Account], Dialogue]
    roles: tuple[str, ...]
    endpoints: tuple[str, ...]
    notices: bool = True
    signs_returns: bool = False
    methods: tuple[Literal["GET", "POST"], ...] = ("POST",)
    minimum: int = 1
    maximum: int = 9_999_999_999
    expiry_enforced: bool = False
    more_roles: tuple[str, ...] = ()
    more_endpoints: tuple[str, ...] = ()
