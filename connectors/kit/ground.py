"""The ground that conformance checks stand on: a fresh simulator, a fresh connector, and ears for everything that is said."""

from __future__ import annotations

import itertools
import json
import logging
import ssl
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import aiohttp
from aiohttp import web

from connectors.kit import registry
from connectors.kit.books import MemoryBooks
from connectors.kit.case import Case, ConformanceCase, Sample, SignOnSample
from connectors.kit.contract import (
    Budget,
    Connector,
    Deliverer,
    Delivery,
    Enquirer,
    Enquiry,
    Found,
    Kit,
    LedgerReader,
    Ledgers,
    NoLedgers,
    Receipt,
)
from connectors.kit.errors import DeliveryError, Exchange, OutcomeUnknown, Retryable
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.kit.inspect import profiles
from connectors.kit.lone import LoneCoordination as LoneCoordination
from connectors.kit.manifest import Manifest
from connectors.kit.signing_on import SignOn, SignOnRefused
from connectors.kit.simulation import SIMULATION, Door, Simulation, opened

RECEIPT = "receipt"
REFUSED = "refused"
"""How a sign-on ends that was refused: no `DeliveryError`, because nothing is in doubt."""
Faults = list[str]
CALL_S = 10.0
# Any fixed namespace will do: delivery ids must be the same each time a sample is delivered.
_NO_LEDGERS = NoLedgers()
_NAMESPACE = uuid.UUID("6f9bd7a4-51c4-4a38-9a63-04a2a9ed1b52")


@dataclass(frozen=True, slots=True)
class Subject:
    """The connector under examination."""

    name: str
    manifest: Manifest
    folder: Path
    case: Case
    variant: str = ""


def variants(name: str) -> Mapping[str, Case]:
    """The cases of connector `name`: `CASES` of its conformance module, or its one `case` under an empty name."""
    module = registry.conformance_module(name)
    cases: Mapping[str, Case] | None = getattr(module, "CASES", None)
    return {"": module.case} if cases is None else cases


def subject(name: str, variant: str | None = None) -> Subject:
    """Connector `name` with its manifest and one of its cases; without a variant the first."""
    cases = variants(name)
    chosen = next(iter(cases)) if variant is None else variant
    return Subject(name, registry.discover()[name], registry.folders()[name][1], cases[chosen], chosen)


def examined(chosen: Subject) -> tuple[Path, ...]:
    """The profile folders that the case of `chosen` answers for."""
    wanted = chosen.case("http://127.0.0.1:9").profiles
    return tuple(folder for folder in profiles(chosen.folder) if not wanted or folder.name in wanted)


@dataclass(slots=True)
class Ears:
    """Everything that was logged or said in an error while a check ran, and what was kept as evidence."""

    said: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def error(self, error: DeliveryError) -> None:
        """Take note of an error, as a log with its stack trace would."""
        self.said.extend(traceback.format_exception(error))
        self.said.extend([repr(error), error.message_vi])
        self.said.extend(f"{finding.code} {finding.pointer} {finding.message_vi}" for finding in error.findings)
        self.exchanges.append(error.exchange)

    def receipt(self, receipt: Receipt) -> None:
        """Take note of what a receipt says to people."""
        self.said.extend([receipt.message, *receipt.findings])
        self.exchanges.append(receipt.exchange)

    def leaks(self, case: ConformanceCase) -> tuple[str, ...]:
        """Which planted texts were said, and which secrets were kept; they are named by place, never repeated."""
        said = "\n".join(self.said)
        kept = [body for exchange in self.exchanges for body in (exchange.request, exchange.response)]
        faults = [
            f"planted[{number}] xuất hiện trong nhật ký hoặc lời báo lỗi"
            for number, text in enumerate(case.planted)
            if any(form in said for form in _spellings(text))
        ]
        for reference, secret in case.secrets.items():
            forms = _spellings(secret)
            if any(form in said for form in forms):
                faults.append(f"bí mật {reference} xuất hiện trong nhật ký hoặc lời báo lỗi")
            if any(form.encode() in body for body in kept for form in forms):
                faults.append(f"bí mật {reference} còn trong Exchange lưu làm bằng chứng")
        return tuple(faults)


def _spellings(text: str) -> frozenset[str]:
    """`text` as it looks in a log: as it is, as the repr of bytes, as escaped JSON, percent-encoded."""
    return frozenset({text, repr(text.encode())[2:-1], json.dumps(text)[1:-1], quote(text), quote(text, safe="")})


class _Listening(logging.Handler):
    def __init__(self, ears: Ears) -> None:
        super().__init__(logging.DEBUG)
        self._ears = ears
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        extra = {key: value for key, value in vars(record).items() if key not in ("msg", "args", "message")}
        self._ears.said.append(f"{self.format(record)} {extra}")


@contextmanager
def listening() -> Iterator[Ears]:
    """Hear every log record of every logger, at every level."""
    ears = Ears()
    root = logging.getLogger()
    handler, level = _Listening(ears), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield ears
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@dataclass(frozen=True, slots=True)
class Ended:
    """How one call ended: `code` is `receipt` or the code of the error."""

    code: str
    receipt: Receipt | None = None
    error: DeliveryError | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """How a delivery ended after the line followed it up: `done`, or held for a person; doubtful repeats are counted."""

    done: bool
    counted_repeats: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery that can be made now, and what went wrong on the way there."""

    sample: Sample
    delivery: Delivery
    faults: tuple[str, ...]
    number: int


@dataclass(slots=True)
class Ground:
    """One simulator and one connector, both fresh."""

    subject: Subject
    case: ConformanceCase
    ears: Ears
    door: Door
    simulation: Simulation
    connector: Connector
    base_url: str
    books: MemoryBooks = field(default_factory=MemoryBooks)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def sample(self, operation: str) -> tuple[int, Sample]:
        """A delivery of a dossier that nobody has seen yet."""
        number = next(self._numbers)
        return number, self.case.sample(operation, number, 0)

    def delivery(self, sample: Sample, number: int, step: int = 0, timeout_s: float = CALL_S) -> Delivery:
        """`sample` as the line would hand it over."""
        return Delivery(
            delivery_id=str(uuid.uuid5(_NAMESPACE, f"{sample.operation}/{number}/{step}")),
            upstream=self.subject.name,
            operation=sample.operation,
            dossier_code=sample.carried.dossier.dossier_code,
            sequence=len(sample.before) + step + 1,
            attempt=1,
            carried=sample.carried,
            accepted_at=datetime.now(UTC),
            budget=fresh_budget(timeout_s),
            memory=dict(sample.memory),
        )

    async def prepared(self, operation: str, timeout_s: float = CALL_S) -> Prepared:
        """A delivery whose predecessors were delivered, on a connector that has logged in already.

        A delivery of another dossier goes first, so that a log-in does not stand in the way of a fault.
        """
        faults = list((await self._carried_out(operation)).faults)
        number, sample = self.sample(operation)
        memory = await self.predecessors(sample, number, faults)
        delivery = replace(self.delivery(sample, number, timeout_s=timeout_s), memory=memory)
        return Prepared(sample, delivery, tuple(faults), number)

    async def _carried_out(self, operation: str) -> Prepared:
        """One delivery of `operation` from beginning to end."""
        faults: list[str] = []
        number, sample = self.sample(operation)
        memory = await self.predecessors(sample, number, faults)
        delivery = replace(self.delivery(sample, number), memory=memory)
        ended = await self.deliver(delivery)
        if ended.receipt is None:
            faults.append(f"{operation}: không giao được khi không có lỗi nào ({ended.code})")
        return Prepared(sample, delivery, tuple(faults), number)

    async def predecessors(self, sample: Sample, number: int, faults: list[str]) -> dict[str, str]:
        """Deliver what must come before `sample`; what the lane remembers afterwards."""
        memory = dict(sample.memory)
        for position, before in enumerate(sample.before):
            first = self.delivery(replace(sample, operation=before, before=()), number)
            ended = await self.deliver(replace(first, sequence=position + 1, memory=dict(memory)))
            if ended.receipt is None:
                faults.append(f"{before} (trước {sample.operation}): không giao được ({ended.code})")
            else:
                memory.update(ended.receipt.memory)
        return memory

    async def deliver(self, delivery: Delivery) -> Ended:
        """Deliver, and say how it ended."""
        assert isinstance(self.connector, Deliverer)
        try:
            receipt = await self.connector.deliver(delivery)
        except DeliveryError as error:
            self.ears.error(error)
            return Ended(error.code, error=error)
        self.ears.receipt(receipt)
        return Ended(RECEIPT, receipt=receipt)

    async def enquire(self, delivery: Delivery) -> Enquiry | DeliveryError:
        """Enquire; a connector that cannot enquire cannot tell."""
        if not isinstance(self.connector, Enquirer):
            return Enquiry(Found.CANNOT_TELL)
        try:
            enquiry = await self.connector.enquire(delivery)
        except DeliveryError as error:
            self.ears.error(error)
            return error
        self.ears.said.append(enquiry.reason_vi)
        if enquiry.receipt is not None:
            self.ears.receipt(enquiry.receipt)
        return enquiry

    async def follow(self, delivery: Delivery, ended: Ended) -> Followed:
        """What the line makes of an outcome, without its waiting: enquire before any doubtful repeat (delivery-engine 4.6)."""
        repeats = 0
        for attempt in range(2, 6):
            if ended.receipt is not None:
                return Followed(True, repeats)
            if isinstance(ended.error, OutcomeUnknown):
                enquiry = await self.enquire(replace(delivery, attempt=attempt, budget=fresh_budget()))
                if isinstance(enquiry, Enquiry) and enquiry.found is Found.DONE:
                    return Followed(True, repeats)
                if isinstance(enquiry, DeliveryError) or (
                    enquiry.found is Found.CANNOT_TELL and not enquiry.repeat_allowed
                ):
                    return Followed(False, repeats)
                repeats += enquiry.found is Found.CANNOT_TELL
            elif not isinstance(ended.error, Retryable):
                return Followed(False, repeats)
            ended = await self.deliver(replace(delivery, attempt=attempt, budget=fresh_budget()))
        return Followed(False, repeats)

    def play(self, fault: FaultKind, operation: str, seconds: float = 0.0, times: int = 1) -> None:
        """Let the next calls of what `operation` does upstream meet `fault`."""
        match = self.case.fault_operation.get(operation, "*")
        self.simulation.plan = FaultPlan(
            script=(ScriptedFault(fault=fault, match=match, times=times, seconds=seconds),)
        )

    def calm(self) -> None:
        """No more faults."""
        self.simulation.plan = FaultPlan()

    async def walked(self, sample: SignOnSample, address: str) -> dict[str, str]:
        """The query of the callback, after the simulator did what a person does with a browser at `address`."""
        order = sample.walk(address)
        async with (
            aiohttp.ClientSession() as session,
            session.request(order.method, self.base_url + order.path, data=order.body, ssl=False) as answer,
        ):
            answer.raise_for_status()
            told = await answer.json()
        return dict(parse_qsl(urlsplit(told["location"]).query, keep_blank_values=True))

    async def state(self) -> object:
        """What the simulator holds."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.base_url + self.case.state_path, ssl=False) as answer,
        ):
            answer.raise_for_status()
            held: object = await answer.json()
            return held

    async def effects(self, sample: Sample) -> int:
        """How many times the simulator shows the effect of `sample`."""
        return self.case.effects(await self.state(), sample)


async def signed_on(here: Ground, provider: str, budget: Budget | None = None) -> str:
    """How a sign-on with a provider ends: `receipt` for an account, `refused`, or the code of a `DeliveryError`."""
    assert isinstance(here.connector, SignOn)
    sample = here.case.sign_ons[provider]
    try:
        address = await here.connector.begin(sample.errand, fresh_budget())
        params = await here.walked(sample, address)
        done = await here.connector.finish(sample.errand, params, budget or fresh_budget())
    except SignOnRefused as refused:
        here.ears.said.extend([*traceback.format_exception(refused), repr(refused), refused.message_vi])
        return REFUSED
    except DeliveryError as error:
        here.ears.error(error)
        return error.code
    here.ears.said.append(repr(done))
    return RECEIPT if done.account.subject_key else REFUSED


def fresh_budget(timeout_s: float = CALL_S) -> Budget:
    """A budget that begins now."""
    return Budget(send_before=time.monotonic() + 60.0, timeout_s=timeout_s)


def kit_of(name: str, secrets: Mapping[str, str], books: LedgerReader = _NO_LEDGERS) -> Kit:
    """A kit on real clocks; an unknown secret is a fault of the case and raises `KeyError`."""
    return Kit(name, lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), secrets.__getitem__, books)


@asynccontextmanager
async def ground(chosen: Subject, ears: Ears, tls: ssl.SSLContext | None = None) -> AsyncIterator[Ground]:
    """A fresh simulator behind its door and a fresh connector in front of it; both are closed at the end."""
    # The application is made after the port is known, because settings and options may depend on it.
    host = web.Application()
    async with opened(host, tls=tls) as door:
        port = door.port
    base_url = f"https://localhost:{port}" if tls is not None else f"http://127.0.0.1:{port}"
    case = chosen.case(base_url)
    app = registry.simulator(chosen.name)(case.simulator)
    async with opened(app, port, tls=tls) as door:
        books = MemoryBooks()
        connector = registry.create(chosen.name, case.settings, kit_of(chosen.name, case.secrets, books))
        books.ledgers = connector.ledgers() if isinstance(connector, Ledgers) else ()
        books.take(case.kept)
        try:
            yield Ground(chosen, case, ears, door, app[SIMULATION], connector, base_url, books)
        finally:
            await connector.close()
            ears.said.append(repr(connector))
