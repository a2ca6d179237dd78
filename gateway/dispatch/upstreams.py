"""The outside systems as dispatch sees them, and what dispatch asks of the house around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.kit.contract import (
    BatchDeliverer,
    Change,
    Connector,
    Deliverer,
    Delivery,
    Enquirer,
    TaskDeliverer,
    TaskDelivery,
    TaskEnquirer,
)
from connectors.kit.errors import ContractChanged
from gateway.config import Upstream
from gateway.dispatch.seats import Seats
from gateway.dispatch.wallclock import Walls
from gateway.journal.model import DeliveryState, NewDelivery
from gateway.observe.crash import Reach, never


@dataclass(frozen=True, slots=True)
class OperationTraits:
    """What the manifest says of one operation.

    `idempotent`: a repeat is harmless. `enquirable`: the connector can find out whether it happened. `skippable`: a
    permanent refusal lets the lane go on. `batch`: how many contiguous deliveries of a lane one call may carry.
    `task`: a ledger asks for it, and what is carried is a task instead of an event.
    """

    idempotent: bool = False
    enquirable: bool = False
    skippable: bool = False
    batch: int = 1
    task: bool = False


# What an operation is taken for that the manifest does not name: nothing may be assumed of it.
CAREFUL = OperationTraits()


@dataclass(frozen=True, slots=True)
class UpstreamLine:
    """One outside system: its settings, its connector, and the traits of the connector's operations.

    What the connector can do is looked up once: such a look at a protocol costs as much as the rest of a small attempt.
    """

    code: str
    settings: Upstream
    connector: Connector
    operations: Mapping[str, OperationTraits]
    deliverer: Deliverer | None = field(init=False)
    batch_deliverer: BatchDeliverer | None = field(init=False)
    enquirer: Enquirer | None = field(init=False)
    task_deliverer: TaskDeliverer | None = field(init=False)
    task_enquirer: TaskEnquirer | None = field(init=False)

    def __post_init__(self) -> None:
        """Look up the capabilities."""
        able = self.connector
        object.__setattr__(self, "deliverer", able if isinstance(able, Deliverer) else None)
        object.__setattr__(self, "batch_deliverer", able if isinstance(able, BatchDeliverer) else None)
        object.__setattr__(self, "enquirer", able if isinstance(able, Enquirer) else None)
        object.__setattr__(self, "task_deliverer", able if isinstance(able, TaskDeliverer) else None)
        object.__setattr__(self, "task_enquirer", able if isinstance(able, TaskEnquirer) else None)

    def traits(self, operation: str) -> OperationTraits:
        """The traits of an operation; careful ones for an unknown name."""
        return self.operations.get(operation, CAREFUL)

    def batches(self) -> Mapping[str, int]:
        """How many deliveries one call may carry, for the operations where it is more than one."""
        if self.batch_deliverer is None:
            return {}
        return {name: traits.batch for name, traits in self.operations.items() if traits.batch > 1}

    def lease(self) -> timedelta:
        """How long a claim of this upstream is leased."""
        return timedelta(seconds=self.settings.lease())


@dataclass(frozen=True, slots=True)
class Settled:
    """One delivery after one attempt, for metrics: its new state and the attempt's outcome `code`.

    `repeated` says that a delivery of unknown outcome was sent again.
    """

    upstream: str
    operation: str
    state: DeliveryState
    code: str
    accepted_at: datetime
    at: datetime
    repeated: bool = False


Sending = Delivery | TaskDelivery
"""What is on its way: an event, or what a ledger asked for."""

FollowUps = Callable[[Delivery], tuple[NewDelivery, ...]]
"""What a delivered event sets off (routes with `outside: on_ack`). Pure; asked once for each delivery that was settled."""


def no_follow_ups(_delivery: Delivery) -> tuple[NewDelivery, ...]:
    """Nothing goes on by itself."""
    return ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an answer to a task taught the ledgers of `upstream`, which asked for it; `original` is the answer as it came."""

    upstream: str
    changes: tuple[Change, ...]
    original: bytes = field(default=b"", repr=False)


Learn = Callable[[Lesson], Awaitable[None]]
"""Makes a lesson durable. Raises `JournalUnavailable`, and `GatewayError` or `DeliveryError` where no ledger takes it."""


async def _untaught(_lesson: Lesson) -> None:
    """Nobody keeps ledgers here."""
    raise ContractChanged("Nơi này không có sổ nào để ghi điều hệ thống nhận trả lời.")


def _ignore_settled(_settled: Settled) -> None:
    """Nobody counts."""


def _ignore_alarm(_code: str, _upstream: str, _detail: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What dispatch tells the house, and what it asks: crash points, metrics, alarms, follow-ups, lessons of ledgers.

    And `seats` under which calls are made, `walls` by which it is noticed that the clock was set.

    `alarm(code, upstream, detail_vi)` is called once for each thing that a person must see. Codes: `upstream.paused`,
    `breaker.opened`, `delivery.held`, `dispatch.failed`.
    """

    reach: Reach = never
    on_settled: Callable[[Settled], None] = _ignore_settled
    alarm: Callable[[str, str, str], None] = _ignore_alarm
    follow_ups: FollowUps = no_follow_ups
    learn: Learn = _untaught
    seats: Seats | None = None
    walls: Walls | None = None
