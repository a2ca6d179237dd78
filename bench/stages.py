"""Where the time goes: each stage of one event, run alone in this process with the real parts, in CPU time of all threads.

The stages follow the event from the socket to the settlement (architecture 3). What the whole gateway spends beyond their
sum is the price of running them side by side: each stage finds the caches full of the others' code and rows, where alone it
runs hot; then handlers, tasks and counters. Running the writer inside the event loop instead of its thread did not lower it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import ground
import uvloop

from connectors.kit import registry
from connectors.kit.contract import Budget, Delivery, Kit, Receipt
from connectors.kit.errors import Exchange
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest
from connectors.resolution.client import ed25519_signer
from connectors.resolution.profiles.push_v1.mapping import map_push
from gateway import bootstrap
from gateway.bootstrap.enrolment import open_register
from gateway.clock import Clock
from gateway.config import Loaded, load
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.attempt import Desk, Ticket, attempt
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, OperationTraits, UpstreamLine
from gateway.dispatch.worker import guarded
from gateway.intake.accept import Door, understand
from gateway.intake.authenticate import Authenticator, Caller
from gateway.intake.decide import EventSubject, event_intake
from gateway.intake.entitlement import Proof
from gateway.intake.register import Register
from gateway.intake.signature import SigningKey, as_request, sign_request
from gateway.intake.validate import Limits, validate_event
from gateway.journal.kept import KeptJournal
from gateway.journal.model import Claim, Intake, Settlement, UpstreamRow
from gateway.observe import crash
from mappings.codec import encode

UPSTREAM = "resolution"
BATCH = 32


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage and what it costs, in microseconds of CPU for one event."""

    name: str
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Scenery:
    """A stopped installation to measure in: its folder, the bare server's port, registered dossiers, their last sequence."""

    folder: Path
    bare_port: int
    codes: Sequence[str]
    sequence: int
    key: SigningKey


def measure(scenery: Scenery) -> list[Stage]:
    """The stages in the order of the flow, without the HTTP server, which the bare server itself measures."""
    return uvloop.run(_measure(scenery))


async def _measure(scenery: Scenery) -> list[Stage]:
    loaded = load(scenery.folder / "gateway.toml")
    clock = Clock()
    register = Register.load(loaded)
    journal = bootstrap.open_journal(loaded, register, clock, crash.never)
    try:
        await open_register(journal, register)
        intake = _Intake(loaded, journal, clock, register)
        # One event for each dossier: a lane gives out one message at a time.
        requests = [_signed(scenery, code) for code in scenery.codes]
        stages, intakes = await intake.stages(requests)
        return stages + await _Outward(loaded, journal, clock, scenery.bare_port).stages(intakes)
    finally:
        await journal.close()


def _signed(scenery: Scenery, code: str) -> tuple[dict[str, str], bytes]:
    """The next event of a dossier with its signed headers."""
    body = ground.event(ground.SECTOR, code, scenery.sequence + 1)
    return sign_request("POST", "/v1/events", body, scenery.key, int(time.time())), body


async def _cost(name: str, batches: Sequence[Callable[[], Awaitable[int]]]) -> Stage:
    """The median over batches of CPU time per event; each batch says how many events it was."""
    costs = []
    for batch in batches:
        begun = time.process_time()
        events = await batch()
        costs.append((time.process_time() - begun) / events)
    return Stage(name, statistics.median(costs) * 1e6)


async def _each(name: str, work: Callable[[Any], object], items: Sequence[Any]) -> Stage:
    """The cost of plain work on each item."""

    def batch(part: Sequence[Any]) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            for item in part:
                work(item)
            return len(part)

        return run

    return await _cost(name, [batch(items[at : at + BATCH]) for at in range(0, len(items), BATCH)])


class _Intake:
    """The stages of the intake line."""

    def __init__(self, loaded: Loaded, journal: KeptJournal, clock: Clock, register: Register) -> None:
        self.journal, self.clock = journal, clock
        self.door = Door(Authenticator.load(loaded, register), Limits.of(loaded.settings.intake), journal, clock)
        proof = Proof(f"{ground.SECTOR}-1")
        record = register[ground.SECTOR]
        self.caller = Caller(ground.SECTOR, "sector", proof.key_id, fresh=True, record=record, proof=proof)

    async def stages(self, requests: list[tuple[dict[str, str], bytes]]) -> tuple[list[Stage], list[Intake]]:
        """Signature, shape, meaning, journal; and what was accepted."""
        door, now = self.door, self.clock.now()
        intakes = [self._understood(body) for _, body in requests]
        trees = [validate_event(body, "application/json", door.limits).tree for _, body in requests]
        stages = [
            await _each(
                "rsa-pss-sha512 signature and digest checked",
                lambda item: door.authenticator.authenticate(as_request("POST", "/v1/events", item[0]), item[1], now),
                requests,
            ),
            await _each(
                "strict JSON and schema",
                lambda item: validate_event(item[1], "application/json", door.limits),
                requests,
            ),
            await _each(
                "meaning: canonical event, its encoding",
                lambda tree: encode(understand(door, tree, self.caller)[0]),
                trees,
            ),
            await _cost(
                "journal: accept",
                [self._accept(intakes[at : at + BATCH]) for at in range(0, len(intakes), BATCH)],
            ),
        ]
        return stages, intakes

    def _understood(self, body: bytes) -> Intake:
        submission = validate_event(body, "application/json", self.door.limits)
        event, versions = understand(self.door, submission.tree, self.caller)
        subject = EventSubject(event, encode(event), versions, fresh=True, proof=self.caller.proof)
        return event_intake(ground.SECTOR, submission.raw, submission.digest, subject)

    def _accept(self, intakes: Sequence[Intake]) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            answers = await asyncio.gather(*(self.journal.accept(intake) for intake in intakes))
            if {answer.status for answer in answers} != {202}:
                raise SystemExit(f"not accepted: {[answer.answer for answer in answers][:1]}")
            return len(intakes)

        return run


class _Stored:
    """A journal that takes note of settlements and nothing else."""

    def __init__(self) -> None:
        self.settlements: list[Settlement] = []

    async def settle(self, settlement: Settlement) -> bool:
        self.settlements.append(settlement)
        return True


class _Answers:
    """A connector that has its answer at hand; it keeps what it was given."""

    def __init__(self, clock: Clock) -> None:
        self.deliveries: list[Delivery] = []
        self._clock = clock

    async def deliver(self, delivery: Delivery) -> Receipt:
        self.deliveries.append(delivery)
        exchange = Exchange(b"x" * 1_500, b'{"status":"ok","reference":"0123456789"}', 202, "202")
        return Receipt("0123456789", self._clock.now(), exchange, message="Đã nhận")

    async def close(self) -> None:
        """Nothing to close."""


class _Outward:
    """The stages of the delivery line."""

    def __init__(self, loaded: Loaded, journal: KeptJournal, clock: Clock, bare_port: int) -> None:
        self.journal, self.clock = journal, clock
        self.settings = loaded.settings.upstreams[UPSTREAM]
        manifest = registry.discover()[self.settings.connector]
        traits = {
            name: OperationTraits(spec.idempotent, spec.enquirable, spec.skippable, spec.batch)
            for name, spec in manifest.operations.items()
        }
        self.connector, self.stored = _Answers(clock), _Stored()
        self.line = UpstreamLine(UPSTREAM, self.settings, self.connector, traits)
        self.pem = (loaded.base / "keys/webhook.pem").read_text()
        kit = Kit(UPSTREAM, clock.now, clock.instant, MemoryCoordination(clock), lambda _name: "")
        options = HttpOptions(allow_plain=("127.0.0.1",))
        self.http = HttpClient(base_url=f"http://127.0.0.1:{bare_port}", kit=kit, options=options)

    async def stages(self, accepted: Sequence[Intake]) -> list[Stage]:
        """Claim, the delivery line around the connector, mapping and signing, HTTP, settle."""
        batches = range(0, len(accepted), BATCH)
        claims: list[Claim] = []
        claim = await _cost("journal: claim", [self._claim(claims) for _ in batches])
        around = await _cost(
            "dispatch: open, judge, audit row", [self._attempt(claims[at : at + BATCH]) for at in batches]
        )
        signer = ed25519_signer(self.pem)
        deliveries = self.connector.deliveries
        signing = await _each(
            "push mapped and signed (ed25519)",
            lambda delivery: signer.headers(delivery.delivery_id, 1_800_000_000, encode(map_push(delivery.carried))),
            deliveries,
        )
        pushes = []
        for delivery in deliveries:
            body = encode(map_push(delivery.carried))
            headers = {"Content-Type": "application/json", **signer.headers(delivery.delivery_id, 1_800_000_000, body)}
            pushes.append(HttpRequest("POST", "/v1/events", headers, body))
        # The first batch opens the connections.
        sending = await _cost(
            "push sent, answer read (HTTP client)", [self._send(pushes[at : at + BATCH]) for at in batches]
        )
        await self.http.close()
        settlements = self.stored.settlements
        settle = await _cost("journal: settle", [self._settle(settlements[at : at + BATCH]) for at in batches])
        return [claim, around, signing, sending, settle]

    def _claim(self, claims: list[Claim]) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            # One upstream's lanes are leased one message each; a long lease lets the stages be measured one by one.
            leased = await self.journal.claim(
                UPSTREAM, limit=BATCH, batch={}, lease=timedelta(minutes=10), now=self.clock.now()
            )
            claims.extend(leased)
            return len(leased)

        return run

    def _attempt(self, claims: Sequence[Claim]) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            hooks = Hooks()
            standing = Standing(self.line, self.clock, hooks, UpstreamRow(UPSTREAM))
            stored: Any = self.stored
            for claim in claims:
                ticket = Ticket(self.line, claim, self.clock.instant())
                await attempt(ticket, Desk(stored, self.clock, hooks, guarded, standing, lambda: None))
            return len(claims)

        return run

    def _send(self, pushes: Sequence[HttpRequest]) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            places = asyncio.Semaphore(16)

            async def one(push: HttpRequest) -> None:
                async with places:
                    await self.http.call(push, Budget(self.clock.instant() + 30.0, 10.0))

            await asyncio.gather(*(one(push) for push in pushes))
            return len(pushes)

        return run

    def _settle(self, settlements: Sequence[Settlement]) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            done = await asyncio.gather(*(self.journal.settle(settlement) for settlement in settlements))
            if not all(done):
                raise SystemExit("a settlement was refused")
            return len(settlements)

        return run
