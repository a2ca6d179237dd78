"""The journal against its pure model: random work, failures, expired leases, orders and kills (delivery-engine 5, 1).

Every step is done on the store on disk and on the memory journal, and everything that can be read is compared after it.
A kill is a copy of the files as they stand at that moment, taken inside the writer's thread at a named crash point or
between two operations: the copy is opened instead, as a new process would find it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.clock import Clock
from gateway.errors import Conflict
from gateway.evidence.log import Link, chain, walk
from gateway.journal.books import JournalFault
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import Lane, MemoryStore
from gateway.journal.model import (
    TERMINAL,
    Accepted,
    AttemptWrite,
    AuditWrite,
    Claim,
    Counts,
    Decision,
    DeliveryRow,
    DeliveryState,
    FeedRow,
    InboundStatus,
    InboundWrite,
    Intake,
    LaneOrder,
    LaneRow,
    Leaf,
    MessageSettlement,
    NewDelivery,
    OrderKind,
    RecordKey,
    RecordWrite,
    Settlement,
    Signed,
    Situation,
    UpstreamOrder,
    UpstreamRow,
)
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from gateway.observe import crash

T = TypeVar("T")

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DOSSIERS = ("000.00.00.G00-261120-0001", "000.00.00.G00-261120-0002", "000.00.00.G00-261120-0003")
SOURCES = ("SEC-A", "SEC-B")
UPSTREAMS = ("portal", "resolution")
OPERATIONS = (("portal", "sync"), ("portal", "progress"), ("resolution", "push"))
LEASE = timedelta(seconds=30)
KEK = bytes(range(32))
EVERYTHING = 1_000_000

SETTLED = (
    DeliveryState.DELIVERED,
    DeliveryState.DELIVERED,
    DeliveryState.WAITING,
    DeliveryState.UNKNOWN,
    DeliveryState.HELD,
    DeliveryState.REFUSED,
    DeliveryState.SUPERSEDED,
    DeliveryState.READY,
)
POINTS = tuple(
    point for point in crash.POINTS if point.startswith(("accept.", "claim.", "settle.")) and point.endswith("_commit")
)
CLAIMABLE = frozenset({DeliveryState.READY, DeliveryState.WAITING, DeliveryState.UNKNOWN})


def vouched(leaf: Leaf) -> tuple[bytes, ...]:
    """What a leaf vouches for besides rows, which the model has none of; nothing where only the lanes moved."""
    _, _, _, names, *_ = msgspec.json.decode(leaf.about)
    return leaf.covers[: len(leaf.covers) - len(names) - 1]


class Wish(msgspec.Struct, frozen=True):
    """What an event asks for: where it goes, whether a person has to look at it first, and whether a newer record says it all."""

    to: tuple[tuple[str, str], ...]
    doubtful: bool = False
    passing: bool = False


class Errand(msgspec.Struct, frozen=True):
    """What is no event: tasks with a content of their own, each in the lane of the dossier it names, and a plain record."""

    name: str
    to: tuple[tuple[str, str], ...]


def deliveries(source: str, event_id: str, wish: Wish) -> tuple[NewDelivery, ...]:
    """The deliveries of an event."""
    due = START + timedelta(days=len(wish.to))
    return tuple(
        NewDelivery(
            f"{source}/{event_id}/{upstream}/{operation}",
            upstream,
            operation,
            event_id,
            source,
            due,
            supersedes=operation == "sync",
            replaceable=operation == "sync" and wish.passing,
        )
        for upstream, operation in wish.to
    )


def decide(situation: Situation, intake: Intake) -> Decision:
    """A small intake: known, reused, stale, waiting for a gap or a person, or applied with what waited behind it."""
    if situation.known_receipt is not None:
        same = situation.known_digest == intake.digest
        return Decision(situation.known_receipt if same else b"key reused", 200 if same else 409, store=False)
    if situation.same_sequence is not None:
        return Decision(b"sequence reused", 409, store=False)
    if isinstance(intake.subject, Errand):
        return _errand(situation, intake.subject)
    if intake.sequence is None:
        return _snapshot(situation, intake)
    wish = intake.subject
    assert isinstance(wish, Wish)
    last = situation.last_sequence or 0
    if intake.sequence <= last:
        return _answer(intake, InboundStatus.STALE, msgspec.json.encode(wish))
    if wish.doubtful:
        return _answer(intake, InboundStatus.PARKED_CONFLICT, msgspec.json.encode(wish))
    if intake.sequence > last + 1:
        return _answer(intake, InboundStatus.PARKED_GAP, msgspec.json.encode(wish))
    return _apply(situation, intake, wish)


def _answer(intake: Intake, status: InboundStatus, carried: bytes, **more: Any) -> Decision:
    assert intake.sequence is not None
    own = InboundWrite(intake.key, intake.sequence, status, intake.digest, intake.raw, carried)
    told = (AuditWrite(f"event.{status}", intake.source, intake.dossier, intake.key, b"{}", feed=True),)
    audit = told if intake.sequence % 3 else ()  # an event without an audit row has a position of its own
    inbound = (own, *more.pop("inbound", ()))
    return Decision(f"{intake.key}: {status}".encode(), 202, inbound=inbound, audit=audit, **more)


def _apply(situation: Situation, intake: Intake, wish: Wish) -> Decision:
    """The event is next: it goes out, and so does all that waited for it alone."""
    assert intake.sequence is not None
    last = intake.sequence
    moved: list[InboundWrite] = []
    following = list(deliveries(intake.source, intake.key, wish))
    for parked in situation.parked:
        if parked.status is InboundStatus.PARKED_GAP and parked.sequence == last + 1:
            last = parked.sequence
            moved.append(InboundWrite(parked.event_id, last, InboundStatus.ACCEPTED))
            following += deliveries(parked.source, parked.event_id, msgspec.json.decode(parked.carried, type=Wish))
    return _answer(
        intake,
        InboundStatus.ACCEPTED,
        msgspec.json.encode(wish),
        inbound=moved,
        deliveries=tuple(following),
        last_sequence=last,
    )


def _errand(situation: Situation, errand: Errand) -> Decision:
    """One task for each dossier that is named, and how often that name was used."""
    known = situation.records.get(RecordKey("note", "errands"))
    count = 1 + (known.version if known else 0)
    tasks = tuple(
        NewDelivery(
            f"{errand.name}/{upstream}/{dossier}",
            upstream,
            "task",
            f"{errand.name}/{dossier}",
            "upstream:portal",
            dossier=dossier,
            content=msgspec.json.encode((errand, upstream, dossier)),
        )
        for upstream, dossier in errand.to
    )
    record = RecordWrite(RecordKey("note", "errands"), count, b'{"n":%d}' % count)
    told = AuditWrite("ledger.changed", "upstream:portal", "", "", b"{}")
    return Decision(b'{"done":true,"n":%d}' % count, 200, records=(record,), deliveries=tasks, audit=(told,))


def _snapshot(situation: Situation, intake: Intake) -> Decision:
    """A snapshot is one version newer, and lets go of everything that waited, of every source."""
    key = RecordKey("dossier", intake.dossier)
    known = situation.records.get(key)
    version = 1 + (known.version if known else 0)
    last: dict[str, int] = {}
    for parked in situation.parked:
        last[parked.source] = max(parked.sequence, last.get(parked.source, 0))
    return Decision(
        b"version %d" % version,
        200,
        inbound=tuple(
            InboundWrite(parked.event_id, parked.sequence, InboundStatus.APPLIED_LATE, source=parked.source)
            for parked in situation.parked
        ),
        deliveries=tuple(
            delivery
            for parked in situation.parked
            for delivery in deliveries(parked.source, parked.event_id, msgspec.json.decode(parked.carried, type=Wish))
        ),
        records=(RecordWrite(key, version, b'{"version":%d}' % version, intake.dossier),),
        other_sequences=last,
        audit=(AuditWrite("dossier.snapshot", intake.source, intake.dossier, "", b"{}", feed=version % 2 == 0),),
    )


def event(source: str, dossier: str, sequence: int, event_id: str, wish: Wish) -> Intake:
    """An event as the journal takes it."""
    raw = msgspec.json.encode((source, dossier, sequence, event_id, wish))
    return Intake("event", source, event_id, dossier, hashlib.sha256(raw).digest(), raw, wish, sequence)


@dataclass
class Recorder:
    """`decide`, and every situation that it saw."""

    seen: list[Situation] = field(default_factory=list)

    def __call__(self, situation: Situation, intake: Intake) -> Decision:
        self.seen.append(situation)
        return decide(situation, intake)


@dataclass
class Disk:
    """A store on disk that can die: the copy taken at a crash point is what its successor opens."""

    home: Path
    clock: Clock
    saw: Recorder = field(default_factory=Recorder)
    lives: int = 0
    armed: str = ""
    died: bool = False
    decided: int = 0

    def open(self) -> SqliteJournal:
        """Open the store of this life."""
        # An image of the files needs no fsync: what a power cut takes away is proven elsewhere.
        options = StoreOptions("node-1", KEK, synchronous="NORMAL", reach=self._reach)
        return SqliteJournal.open(self._folder(), options, decide=self.saw, chain=chain, clock=self.clock)

    def _folder(self) -> Path:
        return self.home / f"life-{self.lives}"

    def _reach(self, point: str) -> None:
        if point == self.armed and not self.died:
            self.keep_image()

    def keep_image(self) -> None:
        """What a process that is killed now leaves behind: the database and its log, without any checkpoint."""
        self.died, self.decided = True, len(self.saw.seen)
        source, self.lives = self._folder(), self.lives + 1
        self._folder().mkdir()
        for name in ("journal.db", "journal.db-wal"):
            if (source / name).exists():
                shutil.copyfile(source / name, self._folder() / name)


@dataclass(frozen=True)
class Shown:
    """Everything that can be read of a journal, except the names of chains."""

    deliveries: Sequence[DeliveryRow]
    lanes: Sequence[LaneRow]
    counts: Counts
    trail: Sequence[FeedRow]
    rest: Sequence[object]


async def shown(journal: Journal) -> Shown:
    """Read everything, at the same time, because nothing writes meanwhile."""
    reads: list[Awaitable[Any]] = [journal.deliveries_of(dossier) for dossier in DOSSIERS]
    reads += [journal.lanes(limit=EVERYTHING), journal.counts(), journal.feed(0, EVERYTHING, feed_only=False)]
    reads += [journal.feed(0, EVERYTHING)]
    for dossier in DOSSIERS:
        reads += [journal.events_of(dossier), journal.record(RecordKey("dossier", dossier))]
    for upstream in UPSTREAMS:
        reads += [journal.next_due(upstream), journal.upstream(upstream)]
    reads += [journal.records(kind) for kind in ("note", "decision", "nothing")]
    found = await asyncio.gather(*reads)
    rows = [row for some in found[: len(DOSSIERS)] for row in some]
    lanes, counts, trail, *rest = found[len(DOSSIERS) :]
    return Shown(rows, sorted(lanes, key=lambda lane: (lane.dossier, lane.upstream)), counts, trail, rest)


class JournalMachine(RuleBasedStateMachine):
    """The store on disk (`disk`) does what the model (`model`) does."""

    make_store: type[Disk] = Disk
    make_model: type[MemoryJournal] = MemoryJournal
    made_room = 0

    def __init__(self) -> None:
        super().__init__()
        self.moment = START
        self.runner = asyncio.Runner()
        self.home = Path(tempfile.mkdtemp(prefix="journal-model-"))
        clock = Clock(now=lambda: self.moment, instant=lambda: self.moment.timestamp(), chance=lambda: 0.5)
        self.kept = MemoryStore()
        self.model_saw = Recorder()
        self.clock = clock
        self.store = self.make_store(self.home, clock)
        self.disk = self.store.open()
        self.model = self._remember()
        self.sent: list[Intake] = []
        self.claims: list[Claim] = []
        self.leases: dict[int, Claim] = {}
        self.ended: dict[str, DeliveryState] = {}
        self.ids = itertools.count(1)
        self.position = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on this machine's own loop."""
        return self.runner.run(work)

    def _remember(self) -> MemoryJournal:
        return self.make_model(self.kept, decide=self.model_saw, chain=chain, clock=self.clock, node="node-1")

    # -- accept ------------------------------------------------------------------------------------------------------

    def _next(self, source: str, dossier: str) -> int:
        return 1 + self.kept.sequences.get((source, dossier), 0)

    def _accept(self, intakes: Sequence[Intake]) -> list[Accepted]:
        """At the same time, so that they meet in one transaction."""

        async def together(journal: Journal) -> list[Accepted]:
            return list(await asyncio.gather(*(journal.accept(intake) for intake in intakes)))

        real, expected = self.run(together(self.disk)), self.run(together(self.model))
        assert real == expected
        assert self.store.saw.seen == self.model_saw.seen, "decide saw something else than in the model"
        self.store.saw.seen.clear()
        self.model_saw.seen.clear()
        for accepted in real:
            if accepted.stored:
                assert accepted.position > self.position, "positions strictly increase"
                self.position = accepted.position
        return real

    def _event(self, place: tuple[str, str], ahead: int, wish: Wish) -> Intake:
        source, dossier = place
        sequence = max(1, self._next(source, dossier) + ahead)
        made = event(source, dossier, sequence, f"ev-{next(self.ids)}", wish)
        self.sent.append(made)
        return made

    places = st.tuples(st.sampled_from(SOURCES), st.sampled_from(DOSSIERS))
    wishes = st.builds(
        Wish,
        st.just((("portal", "progress"),))
        | st.lists(st.sampled_from(OPERATIONS), unique=True, min_size=1, max_size=3).map(tuple),
        passing=st.booleans(),
    )

    @initialize(place=places, wish=wishes)
    def first_events(self, place: tuple[str, str], wish: Wish) -> None:
        """Something to begin with."""
        assert [accepted.status for accepted in self._accept([self._event(place, n, wish) for n in (0, 1)])] == [
            202
        ] * 2

    @rule(place=places, wish=wishes, count=st.integers(1, 5))
    def accept_the_next(self, place: tuple[str, str], wish: Wish, count: int) -> None:
        """The next events of a source. In one transaction each sees what the one before it left, in the order they came."""
        self._accept([self._event(place, ahead, wish) for ahead in range(count)])

    @rule(place=places, count=st.integers(2, 4), passing=st.booleans())
    def accept_a_record_and_its_successors(self, place: tuple[str, str], count: int, passing: bool) -> None:
        """Full records with their rows, of which each replaces the one before it."""
        wish = Wish((("portal", "sync"), ("portal", "progress")), passing=passing)
        self._accept([self._event(place, ahead, wish) for ahead in range(count)])

    @rule(place=places, wish=wishes, ahead=st.sampled_from([-2, -1, 1, 1, 2]), doubtful=st.booleans())
    def accept_out_of_order(self, place: tuple[str, str], wish: Wish, ahead: int, doubtful: bool) -> None:
        """Late, reused, with a gap before it, or for a person to look at."""
        self._accept([self._event(place, ahead, Wish(wish.to, doubtful, wish.passing))])

    @precondition(lambda self: bool(self.sent))
    @rule(which=st.integers(0, 1_000), times=st.integers(1, 3), changed=st.booleans())
    def repeat(self, which: int, times: int, changed: bool) -> None:
        """The same key again, with the same bytes or with others."""
        before = self.sent[which % len(self.sent)]
        assert before.sequence is not None
        wish = Wish((("portal", "changed"),)) if changed else before.subject
        assert isinstance(wish, Wish)
        again = event(before.source, before.dossier, before.sequence, before.key, wish)
        known = self.kept.receipts.get((before.source, before.key))
        for accepted in self._accept([again] * times):
            if known is not None:
                assert (accepted.status, accepted.stored) == (200 if known.digest == again.digest else 409, False)

    @rule(dossier=st.sampled_from(DOSSIERS))
    def snapshot(self, dossier: str) -> None:
        """A snapshot lets parked events go; it has no key, so each one is stored."""
        raw = b"snapshot"
        key = RecordKey("dossier", dossier)
        digest = hashlib.sha256(raw).digest()
        self._accept([Intake("dossier", "RES", "", dossier, digest, raw, None, None, reads=(key,))])

    @rule(
        to=st.lists(st.tuples(st.sampled_from(UPSTREAMS), st.sampled_from(DOSSIERS)), unique=True, max_size=3),
        by=st.none() | st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.booleans()),
    )
    def run_an_errand(self, to: list[tuple[str, str]], by: tuple[int, str, bool] | None) -> None:
        """Tasks of a ledger; or a person's signed decision, which is carried out once, or refused for a used id."""
        raw, signed = b"errand", None if by is None else self._signed("errand", *by)
        subject, reads = Errand(f"er-{next(self.ids)}", tuple(to)), (RecordKey("note", "errands"),)
        digest = hashlib.sha256(raw).digest()
        intake = Intake("errand", "upstream:portal", "", "", digest, raw, subject, None, reads, signed)
        self._alike(lambda journal: journal.accept(intake))
        assert self.store.saw.seen == self.model_saw.seen, "decide saw something else than in the model"
        self.store.saw.seen.clear()
        self.model_saw.seen.clear()

    def _signed(self, what: str, number: int, words: str, last: bool) -> Signed:
        """A decision that may have been taken before, with these words or with others."""
        proof = (AuditWrite("decision.taken", "officer-1", "", "", b'{"by":%d}' % number),)
        note = RecordWrite(RecordKey("note", f"proof-{number}"), 1, b'"%s"' % words.encode())
        digest = hashlib.sha256(f"{what}/{words}".encode()).hexdigest()
        return Signed(f"d-{number}", digest, proof, (note,), last)

    def _alike(self, work: Callable[[Journal], Awaitable[Any]]) -> None:
        """Both do the same, or both refuse it as a fault."""

        async def told(journal: Journal) -> object:
            try:
                return await work(journal)
            except (JournalFault, Conflict) as error:
                return type(error)

        assert self.run(told(self.disk)) == self.run(told(self.model))

    # -- claim and settle --------------------------------------------------------------------------------------------

    def _claim(self, upstream: str, limit: int, batch: int, now: datetime) -> list[Claim]:
        sizes = {"progress": batch, "push": batch}

        async def ask(journal: Journal) -> list[Claim]:
            return list(await journal.claim(upstream, limit=limit, batch=sizes, lease=LEASE, now=now))

        real, expected = self.run(ask(self.disk)), self.run(ask(self.model))
        assert real == expected
        for claim in expected:
            self._check_claim(claim, now)
        self._forget_lanes_taken_out(now)
        return real

    def _forget_lanes_taken_out(self, now: datetime) -> None:
        """A hold that was ordered meanwhile takes a lane out of scheduling when a claim finds its lease run out."""
        for number in [number for number, claim in self.leases.items() if claim.lease_until <= now]:
            if self.kept.lanes[number].block_reason:
                del self.leases[number]

    def _check_claim(self, claim: Claim, now: datetime) -> None:
        held = self.leases.get(claim.lane_id)
        assert held is None or held.lease_until <= now, "two live leases on one lane"
        assert held is None or held.epoch < claim.epoch
        self.leases[claim.lane_id] = claim
        first = claim.deliveries[0].sequence
        rows = [row for row in self.run(self.disk.deliveries_of(claim.dossier)) if row.upstream == claim.upstream]
        for row in rows:
            assert row.sequence >= first or row.state in TERMINAL, "something waits before what is sent"
        numbers = [delivery.sequence for delivery in claim.deliveries]
        assert numbers == list(range(first, first + len(numbers))), "a claim is contiguous"

    outcomes = st.lists(st.sampled_from(SETTLED), max_size=6)
    waits = st.sampled_from([None, 0.0, 5.0, 3_600.0])

    @rule(limit=st.integers(1, 3), batch=st.sampled_from([1, 3, 10]), later=st.sampled_from([0.0, 0.0, 31.0]))
    def claim(self, limit: int, batch: int, later: float) -> None:
        """Lease what is due; later, when the leases of others have run out, theirs as well."""
        self.moment += timedelta(seconds=later)
        for upstream in UPSTREAMS:
            self.claims += self._claim(upstream, limit, batch, self.moment)

    @rule(fates=st.lists(outcomes, min_size=1, max_size=4), batch=st.sampled_from([1, 3, 10]), wait=waits)
    def send(self, fates: list[list[DeliveryState]], batch: int, wait: float | None) -> None:
        """What a dispatcher does all day: claim, send, settle."""
        for upstream in UPSTREAMS:
            claims = self._claim(upstream, len(fates), batch, self.moment)
            self.claims += claims
            for claim, states in zip(claims, fates, strict=False):
                assert self._settle(claim, self._any_settlement(claim, states, wait, follow=len(states) == 1))

    def _settlement(self, claim: Claim, states: Sequence[DeliveryState], **more: Any) -> Settlement:
        attempt = AttemptWrite(self.moment, self.moment, "outcome", 200, "0", "ghi chú", b"request", b"response")
        messages = tuple(
            MessageSettlement(
                delivery.sequence, state, attempt, b"receipt" if state is DeliveryState.DELIVERED else b""
            )
            for delivery, state in zip(claim.deliveries, states, strict=False)
        )
        return Settlement(claim.lane_id, claim.epoch, messages, **more)

    def _settle(self, claim: Claim, settlement: Settlement) -> bool:
        live = self.leases.get(claim.lane_id)
        current = live is not None and live.epoch == claim.epoch
        before = None if current else self.run(shown(self.disk))
        real, expected = self.run(self.disk.settle(settlement)), self.run(self.model.settle(settlement))
        assert real == expected == current, "only the last claim of a lane, and only once"
        if before is not None:
            assert self.run(shown(self.disk)) == before, "a settlement of an old epoch changed something"
        else:
            del self.leases[claim.lane_id]
        return real

    @precondition(lambda self: bool(self.leases))
    @rule(which=st.integers(0, 1_000), states=outcomes, wait=waits, follow=st.booleans())
    def settle(self, which: int, states: list[DeliveryState], wait: float | None, follow: bool) -> None:
        """A live claim, with any outcome for any part of it; without one, its attempt is given back."""
        claim = self.leases[sorted(self.leases)[which % len(self.leases)]]
        assert self._settle(claim, self._any_settlement(claim, states, wait, follow))

    @precondition(lambda self: bool(self.claims))
    @rule(which=st.integers(0, 1_000), states=outcomes, wait=waits)
    def settle_again(self, which: int, states: list[DeliveryState], wait: float | None) -> None:
        """Any claim that was ever made: most of them were settled, or taken over, long ago."""
        claim = self.claims[which % len(self.claims)]
        self._settle(claim, self._any_settlement(claim, states, wait, follow=True))

    @rule(states=outcomes, batch=st.sampled_from([1, 3]))
    def wake_up_after_the_lease(self, states: list[DeliveryState], batch: int) -> None:
        """F2b: a worker slept past its lease, another took over, and the sleeper settles first."""
        sleepers = [claim for upstream in UPSTREAMS for claim in self._claim(upstream, 2, batch, self.moment)]
        self.moment += LEASE
        taken = [claim for upstream in UPSTREAMS for claim in self._claim(upstream, 10, batch, self.moment)]
        heirs = {claim.lane_id for claim in taken}
        self.claims += [*sleepers, *taken]
        for sleeper in sleepers:
            settled = self._settle(sleeper, self._any_settlement(sleeper, states, None, follow=False))
            assert not settled or sleeper.lane_id not in heirs, "who lost its lease has settled"

    def _any_settlement(
        self, claim: Claim, states: Sequence[DeliveryState], wait: float | None, follow: bool
    ) -> Settlement:
        head = claim.deliveries[0]
        name = f"{head.source}/{head.event_id}/portal/sync"
        own = b"" if head.source in SOURCES else b"what a task brings along"
        more = (NewDelivery(name, "portal", "sync", head.event_id, head.source, content=own),)
        return self._settlement(
            claim,
            states,
            next_due=None if wait is None else self.moment + timedelta(seconds=wait),
            block_reason="mã thủ tục không tồn tại" if len(states) % 2 else "",
            memory={"claim": str(claim.epoch)} if states else {},
            give_back=not states,
            follow_ups=more if follow else (),
            audit=(AuditWrite("delivery.held", "gateway", claim.dossier, head.event_id, b"{}"),) if states else (),
        )

    @rule(seconds=st.sampled_from([0.001, 1.0, 6.0, 29.0, 31.0, 3_700.0]))
    def turn_the_clock(self, seconds: float) -> None:
        """Backoffs end, leases expire."""
        self.moment += timedelta(seconds=seconds)

    # -- people ------------------------------------------------------------------------------------------------------

    def _order(self, order: LaneOrder) -> None:
        real, expected = self.run(self.disk.order(order, self.moment)), self.run(self.model.order(order, self.moment))
        assert real == expected

    def _say(self, kind: OrderKind, lane: Lane, delivery_id: str = "") -> None:
        audit = (AuditWrite(f"lane.{kind}", "officer-1", lane.dossier, "", b"{}"),)
        self._order(LaneOrder(kind, lane.upstream, lane.dossier, "theo lệnh", "officer-1", delivery_id, audit))

    @rule(kind=st.sampled_from(OrderKind), which=st.integers(0, 1_000), named=st.booleans())
    def order(self, kind: OrderKind, which: int, named: bool) -> None:
        """A person holds, releases, skips or replays, sensibly or not."""
        lanes = [self.kept.lanes[number] for number in sorted(self.kept.lanes)]
        lane = lanes[which % len(lanes)] if lanes else Lane("portal", DOSSIERS[0])
        named = named and bool(lane.messages)
        self._say(kind, lane, lane.messages[which % len(lane.messages)].delivery_id if named else "")

    @rule(
        kind=st.sampled_from([OrderKind.HOLD, OrderKind.RELEASE, OrderKind.REPLAY]),
        which=st.integers(0, 1_000),
        by=st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.booleans()),
    )
    def sign_an_order(self, kind: OrderKind, which: int, by: tuple[int, str, bool]) -> None:
        """A signed order about a lane, or about an upstream; the same one again changes nothing."""
        lanes = [self.kept.lanes[number] for number in sorted(self.kept.lanes)]
        lane, signed = lanes[which % len(lanes)] if lanes else Lane("portal", DOSSIERS[0]), self._signed(kind, *by)
        audit = (AuditWrite("lane.signed", "officer-1", lane.dossier, "", b"{}"),)
        order = LaneOrder(kind, lane.upstream, lane.dossier, "theo lệnh", "officer-1", audit=audit, signed=signed)
        paused = UpstreamOrder((UpstreamRow(lane.upstream, paused="bảo trì"),), audit, "đã dừng", signed)
        if kind is OrderKind.REPLAY:
            self._alike(lambda journal: journal.switch(paused))
        else:
            self._alike(lambda journal: journal.order(order, self.moment))
        if RecordKey("decision", signed.decision_id) in self.kept.records:
            before = self.run(shown(self.disk))
            again = replace(signed, last=True)
            if kind is OrderKind.REPLAY:
                self._alike(lambda journal: journal.switch(replace(paused, signed=again)))
            else:
                self._alike(lambda journal: journal.order(replace(order, signed=again), self.moment))
            assert self.run(shown(self.disk)) == before, "what was taken is not taken again"

    @precondition(lambda self: any(lane.head is None for lane in self.kept.lanes.values()))
    @rule(which=st.integers(0, 1_000), wish=wishes)
    def hold_before_the_next_event(self, which: int, wish: Wish) -> None:
        """A person stops a dossier of which nothing waits; what comes next is held, wherever it goes."""
        idle = sorted((lane.dossier, lane.upstream) for lane in self.kept.lanes.values() if lane.head is None)
        dossier, upstream = idle[which % len(idle)]
        self._say(OrderKind.HOLD, Lane(upstream, dossier))
        self._accept([self._event((SOURCES[which % 2], dossier), 0, wish)])

    @precondition(lambda self: any(lane.block_reason for lane in self.kept.lanes.values()))
    @rule(kind=st.sampled_from([OrderKind.RELEASE, OrderKind.SKIP]))
    def decide_about_what_is_held(self, kind: OrderKind) -> None:
        """A person looks at everything that is blocked."""
        for lane in [lane for lane in self.kept.lanes.values() if lane.block_reason]:
            self._say(kind, lane)

    @precondition(lambda self: bool(self.ended))
    @rule(which=st.integers(0, 1_000))
    def replay(self, which: int) -> None:
        """A person sends something again that had come to its end."""
        wanted = sorted(self.ended)[which % len(self.ended)]
        for lane in self.kept.lanes.values():
            if any(message.delivery_id == wanted for message in lane.messages):
                self._say(OrderKind.REPLAY, lane, wanted)

    @rule(upstream=st.sampled_from(UPSTREAMS), opened=st.booleans(), paused=st.sampled_from(["", "bảo trì"]))
    def remember_an_upstream(self, upstream: str, opened: bool, paused: str) -> None:
        """Breaker and pause are remembered; a pause is audited."""
        until = self.moment + timedelta(seconds=30) if opened else None
        row = UpstreamRow(upstream, "open" if opened else "closed", until, paused)
        audit = (AuditWrite("upstream.paused", "officer-1", "", "", b"{}"),) if paused else ()
        for journal in (self.disk, self.model):
            if audit:
                self.run(journal.switch(UpstreamOrder((row,), audit)))
            else:
                self.run(journal.remember_upstream(row))

    # -- death -------------------------------------------------------------------------------------------------------

    def _reopen(self) -> None:
        """The old life ends without a word; what it would still have written goes to files that nobody opens again."""
        self.run(self.disk.close())
        self.store.died, self.store.armed = False, ""
        self.store.saw.seen.clear()
        self.model_saw.seen.clear()
        self.disk = self.store.open()
        self.run(self.model.close())
        self.model = self._remember()

    @rule(image=st.booleans())
    def die_between_two_operations(self, image: bool) -> None:
        """By SIGKILL, or in good order."""
        if image:
            self.store.keep_image()
        self._reopen()

    @rule(place=places, wish=wishes, point=st.sampled_from(POINTS), which=st.integers(0, 1_000))
    def die_at_a_crash_point(self, place: tuple[str, str], wish: Wish, point: str, which: int) -> None:
        """Before a commit nothing was done, after it all of it; in either case nobody was told."""
        operation, _, moment = point.partition(".")
        if operation == "settle" and not self.leases:
            return
        self.store.armed = point
        die = {"accept": self._die_accepting, "claim": self._die_claiming, "settle": self._die_settling}[operation]
        again = die(
            [self._event(place, ahead, wish) for ahead in range(1 + which % 3)], which, moment == "after_commit"
        )
        assert self.store.died, "the crash point was not passed"
        self._reopen()
        for intake in again:
            known = self.run(self.disk.event(intake.source, intake.key)) is not None
            (accepted,) = self._accept([intake])
            assert accepted.stored <= (not known)

    def _die_accepting(self, intakes: list[Intake], _which: int, committed: bool) -> list[Intake]:
        """What was decided is there when it was committed, or nothing of it; the producer repeats all of it."""

        async def unanswered(journal: Journal, some: Sequence[Intake]) -> None:
            await asyncio.gather(*(journal.accept(intake) for intake in some))

        self.run(unanswered(self.disk, intakes))
        if committed:
            # The writer may have taken the first before the others came: then they were not in that transaction.
            self.run(unanswered(self.model, intakes[: self.store.decided]))
            self.position = self.kept.position
        return intakes

    def _die_claiming(self, _intakes: list[Intake], which: int, committed: bool) -> list[Intake]:
        """The leases are there and nobody has them: they run out."""
        sizes, upstream = {"progress": 1 + which % 5, "push": 1}, UPSTREAMS[which % 2]
        self.run(self.disk.claim(upstream, limit=3, batch=sizes, lease=LEASE, now=self.moment))
        if committed:
            for claim in self.run(self.model.claim(upstream, limit=3, batch=sizes, lease=LEASE, now=self.moment)):
                self.leases[claim.lane_id] = claim
                self.claims.append(claim)
            self._forget_lanes_taken_out(self.moment)
        return []

    def _die_settling(self, _intakes: list[Intake], which: int, committed: bool) -> list[Intake]:
        """The outcome is known for good, or the claim is still open."""
        claim = self.leases[sorted(self.leases)[which % len(self.leases)]]
        settlement = self._settlement(claim, [SETTLED[which % len(SETTLED)]] * len(claim.deliveries))
        self.run(self.disk.settle(settlement))
        if committed:
            assert self.run(self.model.settle(settlement))
            del self.leases[claim.lane_id]
        return []

    # -- what must hold after every step -----------------------------------------------------------------------------

    @invariant()
    def the_store_shows_what_the_model_shows(self) -> None:
        """Everything that can be read is equal; and the laws hold for it."""
        real = self.run(shown(self.disk))
        assert real == self.run(shown(self.model))
        self._terminal_is_final(real.deliveries)
        self._every_lane_has_a_next_step(real.lanes)
        self._only_records_make_room(real.deliveries)
        recount = Counter((row.upstream, row.state) for row in real.deliveries)
        assert real.counts.messages == dict(recount)
        positions = [row.position for row in real.trail]
        assert all(one < two for one, two in itertools.pairwise(positions))

    def _terminal_is_final(self, rows: Sequence[DeliveryRow]) -> None:
        for row in rows:
            assert self.ended.get(row.delivery_id, row.state) is row.state, "a terminal message moved"
            if row.state in TERMINAL:
                self.ended[row.delivery_id] = row.state

    def _only_records_make_room(self, rows: Sequence[DeliveryRow]) -> None:
        """What made room was a record that nobody ever tried, behind one that was delivered, for a newer one of its lane."""
        of_lane: dict[tuple[str, str, str], list[DeliveryRow]] = {}
        for row in rows:
            of_lane.setdefault((row.dossier, row.upstream, row.operation), []).append(row)
        for row in rows:
            if not row.superseded_by:
                continue
            JournalMachine.made_room += 1
            assert (row.state, row.operation, row.attempts) == (DeliveryState.SUPERSEDED, "sync", ())
            same = of_lane[row.dossier, row.upstream, row.operation]
            assert any(one.state is DeliveryState.DELIVERED for one in same)
            assert any(one.delivery_id == row.superseded_by and one.sequence > row.sequence for one in same)

    def _every_lane_has_a_next_step(self, lanes: Sequence[LaneRow]) -> None:
        """Claimable at a time, held for a person, or in flight with a lease that ends: nothing in limbo."""
        for lane in lanes:
            if lane.state in CLAIMABLE:
                assert lane.due is not None and not lane.block_reason
            elif lane.state is DeliveryState.HELD:
                assert lane.block_reason and lane.due is None
            elif lane.state is DeliveryState.SENDING:
                assert any((c.upstream, c.dossier) == (lane.upstream, lane.dossier) for c in self.leases.values())
            else:
                assert lane.state is None and lane.depth == 0 and lane.block_reason

    @invariant()
    def the_evidence_can_be_recomputed(self) -> None:
        """This start's chain walks, and its leaves cover exactly what the model says."""
        self._walk(self.disk.writer)
        real = self.run(self.disk.leaves(self.disk.writer, limit=EVERYTHING))
        expected = self.run(self.model.leaves(self.model.writer, limit=EVERYTHING))
        # The first leaf covers the opening record, which names this start's chain.
        assert [told for leaf in real[1:] if (told := vouched(leaf))] == [leaf.covers for leaf in expected[1:]]

    def _walk(self, writer: str) -> None:
        leaves = self.run(self.disk.leaves(writer, limit=EVERYTHING))
        assert walk((Link(leaf.n, leaf.covers, leaf.digest) for leaf in leaves), first=1) is None

    def teardown(self) -> None:
        """From wherever the run ended, everything can still be brought to its end: nothing acknowledged is stuck."""
        try:
            self._finish()
        finally:
            self.run(self.disk.close())
            self.runner.close()
            shutil.rmtree(self.home)

    def _finish(self) -> None:
        self.moment += timedelta(days=1)
        for head in self.run(self.disk.leaves(limit=EVERYTHING)):
            self._walk(head.writer)
        rounds = 1 + len(self.kept.lanes) + sum(len(lane.messages) for lane in self.kept.lanes.values())
        while rounds and self.run(self.disk.lanes()):
            rounds -= 1
            for lane in self.run(self.disk.lanes(blocked_only=True)):
                self._order(LaneOrder(OrderKind.RELEASE, lane.upstream, lane.dossier, "mở lại", "officer-1"))
            for upstream in UPSTREAMS:
                for claim in self._claim(upstream, 100, 3, self.moment):
                    assert self._settle(claim, self._settlement(claim, [DeliveryState.DELIVERED] * 3))
        assert self.run(self.disk.lanes()) == ()
        for dossier in DOSSIERS:
            assert {row.state for row in self.run(self.disk.deliveries_of(dossier))} <= TERMINAL


class Forgetful(Disk):
    """A store that answers before it commits (F1): the negative control."""

    def _reach(self, point: str) -> None:
        super()._reach(point.replace("before_commit", "after_commit"))


class ForgetfulMachine(JournalMachine):
    """Must be caught: what it acknowledged is not there after a kill."""

    make_store = Forgetful


class Unfenced(MemoryJournal):
    """A journal that settles whatever it is told, whoever holds the lane by now (F2b): the negative control."""

    async def settle(self, settlement: Settlement) -> bool:
        """As if the epoch were the lane's."""
        lane = self.store.lanes.get(settlement.lane_id)
        return await super().settle(settlement if lane is None else replace(settlement, epoch=lane.epoch))


class UnfencedMachine(JournalMachine):
    """Must be caught: a settlement that comes too late counts."""

    make_model = Unfenced


BOUNDED = settings(
    max_examples=50,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.slow
@pytest.mark.timeout(600)  # it takes half a minute; making a failure small takes longer
def test_the_store_on_disk_does_what_the_model_does() -> None:
    """No sequence of accepts, claims, settlements, orders, expiries and kills tells the store from its model."""
    run_state_machine_as_test(JournalMachine, settings=BOUNDED)


def test_a_record_makes_room_in_the_store_as_in_the_model() -> None:
    """Within the walks' reach, but chance may miss it: one record is delivered, then three come that each say it all."""
    machine, before = JournalMachine(), JournalMachine.made_room
    place, record = (SOURCES[0], DOSSIERS[0]), Wish((("portal", "sync"),))
    try:
        machine.first_events(place, record)
        machine.send([[DeliveryState.DELIVERED] * 2], 1, None)
        machine.accept_a_record_and_its_successors(place, 3, True)
        machine.the_store_shows_what_the_model_shows()
        assert JournalMachine.made_room > before
    finally:
        machine.teardown()


@pytest.mark.parametrize("defective", [ForgetfulMachine, UnfencedMachine])
def test_the_model_test_can_fail(defective: type[JournalMachine]) -> None:
    """The same walk finds a store that forgets and a journal without a fence."""
    until_found = settings(BOUNDED, phases=(Phase.generate,), database=None, report_multiple_bugs=False)
    with pytest.raises((AssertionError, JournalFault)):
        run_state_machine_as_test(defective, settings=until_found)
