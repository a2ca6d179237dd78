"""Ledgers: the pure state machines that a connector brings along, what changes them, and what they may ask for.

The gateway stores the state of a ledger as a record, in the very transaction that stores the change and whatever the ledger
asks for because of it (delivery-engine 4.2). A ledger knows no store, no clock and no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from connectors.kit.declarations import EffectWord
from mappings.canonical import Dossier

State = TypeVar("State")
Input = TypeVar("Input")
State_contra = TypeVar("State_contra", contravariant=True)

PROPOSAL = "proposal"
"""The operation, of trigger `effect`, by which a resolution system takes a proposed change."""

RECEIPT = "receipt"
"""The operation, of trigger `effect`, by which a service issues an electronic receipt: see `connectors.kit.receipting`."""

RESULTS = "results"
"""The operation, of trigger `effect`, by which an outside system takes judged results: a `Task` of that kind whose field
`results` lists every result of the dossier that may be shown (`mappings.canonical.VerifiedResult`), with its newest snapshot."""


@dataclass(frozen=True, slots=True)
class Change:
    """One input of a ledger: from a notice, an endpoint or a polled page.

    `ledger` is the ledger's kind, `id` which one of them (a payment, a parcel). `key` makes the change recognisable: the
    same key twice for the same ledger changes nothing, whoever brings it. `fields` are plain JSON values, read into the
    ledger's `change_type`. `dossier_code` names the dossier that the ledger belongs to; the first change that names one
    settles it. `id` and `key` are codes that may be shown in the audit trail: no personal data.

    `claims` are names that this ledger alone may hold, within its upstream (the transaction id of a bank): where another
    ledger holds one, the change is refused, kept, audited and an alarm, and changes nothing. A claim is never given back.

    `passing` names top-level fields that say when or by whom it was brought, not what: with the same key, a change that
    differs in them only is the same change.

    `here`, among the inputs of a receipt, an enquiry or an error: the ledger is one of the upstream that was called, where a
    ledger of another upstream asked. Elsewhere it says nothing.
    """

    ledger: str
    id: str
    key: str
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)
    dossier_code: str = ""
    claims: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    here: bool = False


@dataclass(frozen=True, slots=True)
class DeliverTask:
    """Carry an operation (trigger `effect`) of this very upstream, for the ledger's dossier, through its lane.

    `fields` are what the operation needs to know, plain JSON values; they are sealed with the dossier. `to` is the code of
    another upstream whose operation it is (a service for receipts; see `Elsewhere`); empty: this very one.
    """

    operation: str
    fields: Mapping[str, object] = field(default_factory=dict)
    to: str = ""


@dataclass(frozen=True, slots=True)
class ProposeChange:
    """Propose a change of the ledger's dossier to the resolution system, which alone may move it (architecture 1).

    `proposal` says what is proposed (`payment_received`); it is pushed through the lane like an event.
    """

    proposal: str
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Something that a person must see: stable code, Vietnamese sentence without personal data."""

    code: str
    detail_vi: str


@dataclass(frozen=True, slots=True)
class TellFeed:
    """A row of `GET /v1/feed`: stable code and facts for programs (codes, numbers, times; no personal data)."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)


Effect = DeliverTask | ProposeChange | RaiseAlarm | TellFeed
"""All that a ledger may ask for. The list is closed: whatever is not here, a ledger cannot cause."""


def word_of(effect: Effect) -> EffectWord:
    """The manifest's word for an effect."""
    match effect:
        case DeliverTask():
            return "deliver"
        case ProposeChange():
            return "propose"
        case RaiseAlarm():
            return "alarm"
        case TellFeed():
            return "tell"


@dataclass(frozen=True, slots=True)
class Task:
    """What a ledger asked to be carried: the content of a delivery that is no event.

    `kind` is the operation, or what is proposed. `reported_by` is the upstream whose ledger it is; `version` the ledger's
    version that asked for it. `dossier` is the registered snapshot at that moment, None where none is registered.
    """

    kind: str
    reported_by: str
    ledger: str
    ledger_id: str
    version: int
    dossier_code: str
    asked_at: datetime
    fields: Mapping[str, object] = field(default_factory=dict)
    dossier: Dossier | None = None


@runtime_checkable
class Ledger(Protocol[State, Input]):
    """A pure state machine. `kind` is its name inside its connector; the two types are what state and change are read into.

    Both types are written as JSON and read back without loss: frozen dataclasses or `msgspec.Struct`s of plain values.
    """

    @property
    def kind(self) -> str:
        """The name that changes call it by."""
        ...

    @property
    def state_type(self) -> type[State]:
        """What its state is read into."""
        ...

    @property
    def change_type(self) -> type[Input]:
        """What the `fields` of a change are read into."""
        ...

    def apply(self, state: State | None, change: Input) -> tuple[State, Sequence[Effect]]:
        """The state after `change` (None: the first), and what must be done about it.

        The same arguments always give the same answer. Raises nothing for a change that is merely late.
        """
        ...


@runtime_checkable
class Marked(Protocol[State_contra]):
    """What a ledger adds that wants to be found by more than its id: by a moment, a day, a number of its own.

    Marks are an index that only grows: a mark that the state no longer gives stays in it, so whoever follows one reads the
    ledger and looks whether it still holds. Each is a path of codes, such as `due/2026-11-22T05:00:00Z`; no personal data.
    """

    def marks(self, state: State_contra) -> Sequence[str]:
        """The marks of a state. Pure."""
        ...


@runtime_checkable
class Elsewhere(Protocol):
    """What a ledger adds that asks for operations of other upstreams: which ones, as it is configured.

    A start fails where one of them is not there, and at no other place may a `DeliverTask.to` point.
    """

    def elsewhere(self) -> Sequence[tuple[str, str]]:
        """The pairs of an upstream's code and its operation of trigger `effect`; the same each time."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark and the ledger that it leads to. `place` is its place in the order of marks, to go on from."""

    place: str
    ledger_id: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A ledger as it stands: its version counts its changes, `state` is the JSON of its `state_type`."""

    version: int
    dossier_code: str
    state: bytes


class LedgerReader(Protocol):
    """How an endpoint of a connector reads the ledgers of its own upstream."""

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """The ledger as it stands, None when no change ever came."""
        ...

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """At most `limit` marks of a kind of ledger with `after` < place < `until`, in the order of their bytes."""
        ...


class NoLedgers:
    """Reads nothing: for a connector that stands alone, as in its conformance checks."""

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """There is none."""
        return None

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """There are none."""
        return ()
