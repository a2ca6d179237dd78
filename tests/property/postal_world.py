"""A world of the post without wires: the simulated carriers, and a house that keeps ledgers, lanes and cursors as ours does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from connectors.kit.contract import (
    Budget,
    Change,
    DeliverTask,
    Effect,
    Enquiry,
    Found,
    Kit,
    LedgerEntry,
    Mark,
    NotGenuine,
    Notice,
    Page,
    Poller,
    Reading,
    Receipt,
    Task,
    TaskDelivery,
)
from connectors.kit.errors import DeliveryError, Exchange, NoAnswer, NotSent, OutcomeUnknown, Retryable
from connectors.kit.http_answers import HttpAnswer
from connectors.kit.ledgers import Ledger
from connectors.kit.lone import LoneCoordination
from connectors.postal.client import Carrier, Carriers, dialect_of
from connectors.postal.feeds import FeedRounds
from connectors.postal.following import FeedFollowing, SilenceFollowing
from connectors.postal.identity import SHIPMENTS
from connectors.postal.ledger import Shipments
from connectors.postal.notices import Notices, voices_of
from connectors.postal.settings import CarrierSettings, NoticeLimits, TrackingSettings
from connectors.postal.shipment import Shipment
from connectors.postal.speaking import Account, Call
from connectors.postal.strays import Strays
from connectors.postal.tasks import Tasks
from mappings.codec import convert, decode, encode, encode_sorted

T = TypeVar("T")

INTERVAL_S = 300.0
LEDGERS: Mapping[str, Ledger[Any, Any]] = {one.kind: one for one in (Shipments(), FeedRounds(), Strays())}


class Killed(Exception):
    """The process died."""


@dataclass(slots=True)
class Wire:
    """What becomes of the next call: answered, not_sent, lost (it was done, nobody answers), dies_before, dies_after."""

    fate: str = "answered"


class WireCarrier(Carrier):
    """A carrier whose calls go into the simulation as they are, by the fate of the wire. Tokens and sockets are no part of it."""

    __slots__ = ("answering", "wire")
    wire: Wire
    answering: Any

    async def call(self, call: Call, budget: Budget) -> HttpAnswer:
        """The simulated carrier's answer."""
        del budget
        fate = self.wire.fate
        if fate == "not_sent":
            raise NotSent("not sent").teaching(partial=True)
        if fate == "dies_before":
            raise Killed
        response: web.Response = self.answering(call)
        if fate == "lost":
            raise NoAnswer("lost").teaching(partial=True)
        if fate == "dies_after":
            raise Killed
        body = response.body or b""
        assert isinstance(body, bytes)
        return HttpAnswer(response.status, dict(response.headers), body, 0.0)

    def exchange(self, call: Call, answer: HttpAnswer | None, code: str = "") -> Exchange:
        """Nothing is kept as evidence here."""
        return Exchange(upstream_code=code)


class _WireCarriers(Carriers):
    def __init__(self, carrier: Carrier) -> None:
        self._by_name = {carrier.name: carrier}


@dataclass
class Delivery:
    """A task in its lane. `state`: ready, sending (a process died with it), unknown, held."""

    task: DeliverTask
    shipment_id: str
    dossier_code: str
    state: str = "ready"
    attempts: int = 0


@dataclass
class House:
    """The stores of the gateway, which survive every crash, and the process in front of them, which does not.

    `now` is the clock of both worlds. `held` are the shipments whose lane stopped for a person, with how often.
    """

    settings: CarrierSettings
    answering: Any
    now: Any
    entries: dict[tuple[str, str], LedgerEntry] = field(default_factory=dict)
    keys: dict[tuple[str, str, str], str] = field(default_factory=dict)
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    lanes: dict[str, list[Delivery]] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    effects: dict[str, list[Effect]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    wire: Wire = field(default_factory=Wire)

    def __post_init__(self) -> None:
        """The first start."""
        self.loop = asyncio.new_event_loop()
        self.began = self.now()
        self.start()

    def start(self) -> None:
        """A process begins: nothing is remembered but what is stored."""
        kit = Kit(
            upstream="postal",
            now=self.now,
            instant=lambda: (self.now() - self.began).total_seconds(),
            coordination=LoneCoordination(),
            secret=lambda reference: reference,
            ledgers=self,
        )
        dialect = dialect_of(self.settings.profile)
        account = Account(
            name=self.settings.name,
            customer=self.settings.customer,
            secret=lambda role: role,
            options=dialect.options_type(),
            now=self.now,
            statuses=self.settings.statuses,
            public_keys=self.settings.public_keys,
        )
        carrier = WireCarrier(self.settings, dialect, dialect.open(account), kit, {})
        carrier.wire, carrier.answering = self.wire, self.answering
        tracking = TrackingSettings(interval_s=INTERVAL_S, page_size=4)
        carriers = _WireCarriers(carrier)
        self.notices = Notices(kit, voices_of(carriers), NoticeLimits())
        self.tasks = Tasks(carriers, tracking, kit)
        self.pollers: dict[str, Poller] = {
            "feed": FeedFollowing(self.settings.profile, carriers, tracking, kit),
            "due": SilenceFollowing(carriers, kit),
        }

    def close(self) -> None:
        """Nothing stays open."""
        self.loop.close()

    # --- what is stored -----------------------------------------------------------------------------------------------

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """A ledger as it stands."""
        return self.entries.get((ledger, ledger_id))

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """Marks in the order of their places."""
        known = self.places.get(ledger, {})
        return [Mark(place, known[place]) for place in sorted(known) if after < place < until][:limit]

    def take(self, changes: Sequence[Change]) -> None:
        """Store changes as `gateway.intake.ledgers` does: each once by its key, and an alarm where a key means two things."""
        for change in changes:
            lasting = {name: value for name, value in change.fields.items() if name not in change.passing}
            content = hashlib.sha256(encode_sorted(lasting)).hexdigest()
            place = (change.ledger, change.id, change.key)
            if place in self.keys:
                if self.keys[place] != content:
                    self.refused.append(change.key)
                continue
            self.keys[place] = content
            self._apply(change)

    def shipment(self, shipment_id: str) -> Shipment:
        """A parcel as it is stored."""
        return decode(self.entries[SHIPMENTS, shipment_id].state, Shipment)

    def _apply(self, change: Change) -> None:
        ledger, key = LEDGERS[change.ledger], (change.ledger, change.id)
        known = self.entries.get(key)
        state = decode(known.state, ledger.state_type) if known is not None else None
        after, effects = ledger.apply(state, convert(change.fields, ledger.change_type))
        dossier = known.dossier_code if known is not None else change.dossier_code
        version = known.version + 1 if known is not None else 1
        self.entries[key] = LedgerEntry(version, dossier, encode(after))
        if isinstance(ledger, Shipments):
            for mark in ledger.marks(after):
                self.places.setdefault(change.ledger, {})[f"{mark}/{change.id}"] = change.id
        self.effects.setdefault(change.id, []).extend(effects)
        for effect in effects:
            if isinstance(effect, DeliverTask):
                self.lanes.setdefault(dossier, []).append(Delivery(effect, change.id, dossier))

    # --- the process --------------------------------------------------------------------------------------------------

    def carry(self, dossier_code: str, fate: str) -> None:
        """The head of a lane goes on by one step: sent, or enquired about where nobody knows what became of it."""
        lane = self.lanes.get(dossier_code, [])
        if not lane or lane[0].state == "held":
            return
        head = lane[0]
        self.wire.fate = "answered" if fate == "dies_learned" else fate
        try:
            ended = self._sent(head) if head.state == "ready" else self._enquired(head)
            if fate == "dies_learned":
                raise Killed
            if ended:
                lane.pop(0)
        except Killed:
            self.start()
        finally:
            self.wire.fate = "answered"

    def poll(self, name: str, fate: str) -> bool:
        """A poller's next page, with its cursor in one transaction; whether there is more at once."""
        self.wire.fate = fate if fate in ("not_sent", "lost", "dies_before", "dies_after") else "answered"
        cursor = self.cursors.get(name, "")
        try:
            page: Page = self._run(self.pollers[name].poll(cursor))
            if fate == "dies_learned":
                raise Killed
        except Killed:
            self.start()
            return False
        except DeliveryError:
            return False
        finally:
            self.wire.fate = "answered"
        self.take(page.inputs)
        self.cursors[name] = page.cursor
        return page.more

    def hear(self, notice: Notice, fate: str) -> bool:
        """A notice of the carrier; whether it was acknowledged, so that it does not come again."""
        try:
            reading: Reading = self._run(self.notices.read(notice))
            if fate.startswith("dies"):
                raise Killed
        except Killed:
            self.start()
            return False
        except NotGenuine:
            return False
        self.take(reading.inputs)
        return True

    def release(self, dossier_code: str) -> None:
        """A person lets a lane go on."""
        for head in self.lanes.get(dossier_code, [])[:1]:
            head.state = "ready" if head.state == "held" else head.state

    def _sent(self, head: Delivery) -> bool:
        head.state, head.attempts = "sending", head.attempts + 1
        try:
            receipt: Receipt = self._run(self.tasks.deliver(self._delivery(head)))
        except DeliveryError as error:
            self._failed(head, error)
            return False
        self.take(receipt.inputs)
        return True

    def _enquired(self, head: Delivery) -> bool:
        head.state = "unknown"
        try:
            enquiry: Enquiry = self._run(self.tasks.enquire(self._delivery(head)))
        except DeliveryError as error:
            self.take(error.inputs)
            return False
        if enquiry.receipt is not None:
            self.take(enquiry.receipt.inputs)
            return True
        self.take(enquiry.inputs)
        if enquiry.found is Found.NOT_FOUND or enquiry.repeat_allowed:
            head.state = "ready"
        else:
            self._hold(head)
        return False

    def _failed(self, head: Delivery, error: DeliveryError) -> None:
        self.take(error.inputs)
        if isinstance(error, OutcomeUnknown):
            head.state = "unknown"
        elif isinstance(error, Retryable):
            head.state = "ready"
        else:
            self._hold(head)

    def _hold(self, head: Delivery) -> None:
        head.state = "held"
        self.held[head.shipment_id] = self.held.get(head.shipment_id, 0) + 1

    def _delivery(self, head: Delivery) -> TaskDelivery:
        task = Task(
            kind=head.task.operation,
            reported_by="postal",
            ledger=SHIPMENTS,
            ledger_id=head.shipment_id,
            version=1,
            dossier_code=head.dossier_code,
            asked_at=self.began,
            fields=head.task.fields,
        )
        return TaskDelivery(
            delivery_id=f"{head.shipment_id}/{head.task.operation}",
            upstream="postal",
            operation=head.task.operation,
            dossier_code=head.dossier_code,
            sequence=1,
            attempt=head.attempts,
            task=task,
            accepted_at=self.began,
            budget=Budget(1e12, 30.0),
        )

    def _run(self, work: Awaitable[T]) -> T:
        async def working() -> T:
            return await work

        return self.loop.run_until_complete(working())
