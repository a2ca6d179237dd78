"""The seam between the line and the outside: what a connector may be asked, and what it answers.

A connector is built by `create(settings, kit)` in its `connector.py` and offers any of the capabilities below;
its manifest says which. The gateway knows connectors through this module only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from connectors.kit.budgets import Budget as Budget
from connectors.kit.deciding import Decided as Decided
from connectors.kit.deciding import Decides as Decides
from connectors.kit.errors import DeliveryError, Exchange
from connectors.kit.inbound import Audience as Audience
from connectors.kit.inbound import Endpoint as Endpoint
from connectors.kit.inbound import Endpoints as Endpoints
from connectors.kit.inbound import Listener as Listener
from connectors.kit.inbound import NotGenuine as NotGenuine
from connectors.kit.inbound import Notice as Notice
from connectors.kit.inbound import Page as Page
from connectors.kit.inbound import Poller as Poller
from connectors.kit.inbound import Polls as Polls
from connectors.kit.inbound import Reading as Reading
from connectors.kit.inbound import Reply as Reply
from connectors.kit.inbound import Sender as Sender
from connectors.kit.ledgers import PROPOSAL as PROPOSAL
from connectors.kit.ledgers import RECEIPT as RECEIPT
from connectors.kit.ledgers import RESULTS as RESULTS
from connectors.kit.ledgers import Change as Change
from connectors.kit.ledgers import DeliverTask as DeliverTask
from connectors.kit.ledgers import Effect as Effect
from connectors.kit.ledgers import Elsewhere as Elsewhere
from connectors.kit.ledgers import Ledger as Ledger
from connectors.kit.ledgers import LedgerEntry as LedgerEntry
from connectors.kit.ledgers import LedgerReader as LedgerReader
from connectors.kit.ledgers import Mark as Mark
from connectors.kit.ledgers import Marked as Marked
from connectors.kit.ledgers import NoLedgers as NoLedgers
from connectors.kit.ledgers import ProposeChange as ProposeChange
from connectors.kit.ledgers import RaiseAlarm as RaiseAlarm
from connectors.kit.ledgers import Task as Task
from connectors.kit.ledgers import TellFeed as TellFeed
from connectors.kit.papers import NoSigner, PaperSigner
from connectors.kit.papers import Signs as Signs
from connectors.kit.reading_back import Acknowledged as Acknowledged
from connectors.kit.reading_back import Believed as Believed
from connectors.kit.reading_back import ReadBack as ReadBack
from connectors.kit.reading_back import ReadsBack as ReadsBack
from connectors.kit.reading_back import Sight as Sight
from connectors.kit.secrets import SecretRef
from connectors.kit.showing import Look as Look
from connectors.kit.showing import Shows as Shows
from connectors.kit.showing import Table as Table
from connectors.kit.showing import View as View
from mappings.canonical import Carried


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one upstream. `delivery_id` never changes over attempts.

    `memory` is what earlier receipts of this lane (upstream and dossier) asked to be remembered.
    `attempt` counts from 1. `sequence` is the position in the lane, without gaps.
    """

    delivery_id: str
    upstream: str
    operation: str
    dossier_code: str
    sequence: int
    attempt: int
    carried: Carried
    accepted_at: datetime
    budget: Budget
    memory: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the upstream said: positive, parsed, and kept as it came.

    `duplicate` says that the upstream had it already. `memory` is merged into the lane's memory when this receipt
    is settled, in the same transaction. `inputs` are what the answer to a task taught the ledger that asked for it: they are
    durable before the task is settled, so a crash in between asks again, and the same keys change nothing twice.
    """

    reference: str
    at: datetime
    exchange: Exchange
    duplicate: bool = False
    message: str = ""
    memory: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    inputs: tuple[Change, ...] = ()


class Found(StrEnum):
    """The three answers of an enquiry."""

    DONE = "done"
    NOT_FOUND = "not_found"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Enquiry:
    """Whether an unanswered delivery happened.

    DONE carries a receipt. NOT_FOUND allows a repeat. CANNOT_TELL allows one only where `repeat_allowed`
    (the operation is naturally idempotent, or configuration allows a repeat for this status); otherwise a person decides.
    `inputs` are what an answer that is no receipt taught the ledger that asked.
    """

    found: Found
    receipt: Receipt | None = None
    repeat_allowed: bool = False
    reason_vi: str = ""
    inputs: tuple[Change, ...] = ()


@runtime_checkable
class Deliverer(Protocol):
    """Carries one delivery. Raises only `DeliveryError`."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """The upstream's receipt for this delivery."""
        ...


@runtime_checkable
class BatchDeliverer(Protocol):
    """Carries contiguous deliveries of one lane and one operation in one call (delivery-engine 4.4).

    The answer has one entry for each delivery, in order. A raised `DeliveryError` speaks for all of them.
    """

    async def deliver_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | DeliveryError]:
        """One outcome for each delivery, in order."""
        ...


@runtime_checkable
class Enquirer(Protocol):
    """Finds out whether a delivery of unknown outcome happened; has no effect upstream. Raises only `DeliveryError`."""

    async def enquire(self, delivery: Delivery) -> Enquiry:
        """Done, not found, or cannot tell."""
        ...


@dataclass(frozen=True, slots=True)
class TaskDelivery:
    """What a ledger asked for, on its way to one upstream; beside `Delivery`, which carries events. Same ids, same budget."""

    delivery_id: str
    upstream: str
    operation: str
    dossier_code: str
    sequence: int
    attempt: int
    task: Task
    accepted_at: datetime
    budget: Budget
    memory: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class TaskDeliverer(Protocol):
    """Carries what ledgers ask for: operations of trigger `effect`. Raises only `DeliveryError`."""

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """The upstream's receipt for this task."""
        ...


@runtime_checkable
class TaskEnquirer(Protocol):
    """Finds out whether a task of unknown outcome happened; has no effect upstream. Raises only `DeliveryError`."""

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """Done, not found, or cannot tell."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One lawful question: `purpose` and who asks are required, and audited.

    `subject` says whom or what it is about (a catalogue, a procedure; for a person nothing), `fields` with which words: of a
    person `full_name`, `personal_id` or `cmnd`, `birth`. `operation` is one of trigger `call`; `procedure_code` (the national
    one) and `dossier_code` are what it is asked for; `request_id` is the same however often one question is sent.
    """

    subject: str
    fields: Mapping[str, str] = field(repr=False)
    purpose: str
    officer: str
    unit: str
    dossier_code: str = ""
    operation: str = ""
    procedure_code: str = ""
    request_id: str = ""
    officer_account: str = ""
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The minimised answer to a `Question`; `found` False is a fact, never the result of a network error.

    `rows` are all that were found where there may be several (the members of a household); `fields` is the first of them.
    `as_of` is the moment that the upstream says its words are of, as it says it.
    """

    found: bool
    fields: Mapping[str, str] = field(repr=False)
    exchange: Exchange = Exchange()
    rows: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    as_of: str = ""


@runtime_checkable
class Lookup(Protocol):
    """Answers questions at once; audited, not journalled. Raises only `DeliveryError`."""

    async def ask(self, question: Question) -> Answer:
        """The answer, with personal data minimised to what the purpose needs."""
        ...


@runtime_checkable
class AboutPersons(Protocol):
    """What a `Lookup` that answers questions about persons adds: which of them it answers, as it is configured."""

    def operations(self) -> Collection[str]:
        """The operations that are switched on; empty: nobody is asked about through this connection."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe saw. `detail_vi` is for the operator."""

    ready: bool
    detail_vi: str
    latency_ms: float = 0.0


@runtime_checkable
class Probe(Protocol):
    """A cheap look at the upstream, with no effect there."""

    async def check(self) -> Health:
        """Whether the upstream answers."""
        ...


@runtime_checkable
class Ledgers(Protocol):
    """A connector with ledgers (capability `Ledger`)."""

    def ledgers(self) -> Sequence[Ledger[Any, Any]]:
        """The ledgers; the same each time."""
        ...


class Coordination(Protocol):
    """What nodes share and may lose: rate budgets, upstream news, wake-ups, a cache of sealed tokens.

    Wiping it makes the gateway slower and more careful, never wrong (delivery-engine 4.10).
    """

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        """How many of `wanted` sends are allowed now, and after how many seconds asking again makes sense.

        A negative `wanted` gives back sends that were allowed and not made.
        """
        ...

    def wake(self, upstream: str) -> None:
        """Say that there may be work for `upstream`."""
        ...

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        """Wait for `wake` or the time-out; True when woken."""
        ...

    def tell(self, topic: str, text: str) -> None:
        """Tell `text` to all who listen to `topic`, on every node; here at once, elsewhere soon or (seldom) never.

        News makes nodes quicker and is never the only way to learn something. It holds no secret and no personal data.
        """
        ...

    def news(self, topic: str) -> AsyncIterator[str]:
        """What is told of `topic` from this call on, in order, without end; who listens slowly misses the oldest.

        Listening ends when nobody holds the iterator any more.
        """
        ...

    async def remember(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep a short-lived value, such as a session of an upstream."""
        ...

    async def recall(self, key: str) -> str | None:
        """The value kept under `key`, if it has not run out."""
        ...

    async def forget(self, key: str) -> None:
        """Drop the value under `key`."""
        ...


def nobody_counts() -> None:
    """Outside the gateway nobody counts."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What the gateway hands to every connector. `instant` is a monotonic clock that counts suspend, in seconds.

    `ledgers` reads the ledgers of this very upstream, for the connector's endpoints. `signer` signs papers for them. `renewed` is
    told of each key (session, token) that was refused before its time: the call that met the refusal goes out once more.
    """

    upstream: str
    now: Callable[[], datetime]
    instant: Callable[[], float]
    coordination: Coordination
    secret: Callable[[SecretRef], str]
    ledgers: LedgerReader = NoLedgers()
    signer: PaperSigner = NoSigner()
    renewed: Callable[[], None] = nobody_counts


@runtime_checkable
class Connector(Protocol):
    """Every connector can be closed; what else it can do is said by the capabilities it implements."""

    async def close(self) -> None:
        """Release sockets; afterwards nothing is under way."""
        ...
