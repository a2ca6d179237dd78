"""Reconciliation on real stores: each dossier is looked at once, each difference is told once, no delivery is touched."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.contract import Believed, Budget, Connector, ReadBack, Sight
from connectors.kit.declarations import ReadBackSpec
from connectors.kit.errors import DeliveryError, NoAnswer, NotSent
from gateway.admin.reconciling import ReadLine, ReconcileDesk, Reconciler, first_position
from gateway.admin.repairs import RepairDesk, Seeing
from gateway.admin.words import Words
from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.config import Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.replay import Switch
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.errors import Conflict, Invalid, NotFound
from gateway.evidence.log import chain
from gateway.intake.recording import Recording, decide_recording
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import (
    AttemptWrite,
    Decision,
    DeliveryState,
    FeedRow,
    InboundStatus,
    InboundWrite,
    Intake,
    MessageSettlement,
    NewDelivery,
    Settlement,
    Situation,
)
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal

PORTAL = "portal"
NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
QUICK = Upstream(connector="portal", rate_per_s=1e6, burst=1_000_000)


@dataclass
class Shown:
    """An upstream: what it shows of each dossier; a list of trouble is raised first, one for each call."""

    lost: set[str] = field(default_factory=set)
    trouble: list[DeliveryError] = field(default_factory=list)
    asked: list[Believed] = field(default_factory=list)
    after: int = 1 << 30

    async def read_back(self, believed: Believed, _budget: Budget) -> ReadBack | None:
        """What is there; never an answer after `after` calls, as if the power went."""
        self.asked.append(believed)
        if len(self.asked) > self.after:
            await asyncio.Event().wait()
        if self.trouble:
            raise self.trouble.pop(0)
        if believed.dossier_code in self.lost:
            return ReadBack(Sight.MISSING, ("state",), "Tra cứu không thấy.")
        return ReadBack(Sight.AGREES)

    async def close(self) -> None:
        """Nothing to close."""


def decide(situation: Situation, intake: Intake) -> Decision:
    """Events are accepted, records are written as everywhere."""
    if isinstance(intake.subject, Recording):
        return decide_recording(situation, intake.subject)
    assert intake.sequence is not None
    event = InboundWrite(intake.key, intake.sequence, InboundStatus.ACCEPTED, intake.digest, intake.raw, b"{}")
    delivery = NewDelivery(f"{intake.key}/state", PORTAL, "state", intake.key, intake.source)
    return Decision(b"{}", 202, inbound=(event,), deliveries=(delivery,), last_sequence=intake.sequence)


@dataclass
class Hall:
    """A store, an upstream that can be read back, and who reconciles."""

    journal: Journal
    shown: Shown
    moment: list[datetime]
    clock: Clock
    alarms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put up the worker, the reconciler and the desk."""
        line = UpstreamLine(PORTAL, QUICK, cast("Connector", self.shown), {})
        coordination = MemoryCoordination(self.clock)
        self.worker = Worker({PORTAL: line}, self.journal, coordination, self.clock)
        hooks = Hooks(alarm=lambda code, _upstream, _told: self.alarms.append(code))
        self.line = ReadLine(PORTAL, QUICK, self.shown)
        desk = ReconcileDesk(self.journal, self.worker, coordination, self.clock, hooks)
        self.reconciler = Reconciler({PORTAL: self.line}, desk)
        seeing = {PORTAL: Seeing("Cổng", ReadBackSpec(sees=("hồ sơ có hay không",))), "blind": Seeing("Mù", None)}
        self.desk = RepairDesk(self.reconciler, seeing, self.journal, self.clock)

    async def acknowledged(self, *dossiers: str, sequence: int = 1) -> None:
        """Events of dossiers, accepted and delivered."""
        for dossier in dossiers:
            raw, key = f"{dossier}/{sequence}".encode(), f"{dossier}-{sequence}"
            await self.journal.accept(
                Intake("event", "SEC", key, dossier, hashlib.sha256(raw).digest(), raw, None, sequence)
            )
        lease = timedelta(seconds=30)
        for claim in await self.journal.claim(PORTAL, limit=999, batch={}, lease=lease, now=self.moment[0]):
            attempt = AttemptWrite(self.moment[0], self.moment[0], "delivered")
            (one,) = claim.deliveries
            told = audit(
                "delivery.delivered", "gateway", claim.dossier, "", upstream=PORTAL, delivery_id=one.delivery_id
            )
            done = MessageSettlement(one.sequence, DeliveryState.DELIVERED, attempt, b"receipt")
            assert await self.journal.settle(Settlement(claim.lane_id, claim.epoch, (done,), audit=(told,)))

    async def reconciled(self, days: int = 1) -> dict[str, object]:
        """A run from beginning to end; what is shown of it."""
        await self.begun(PORTAL, self.moment[0] - timedelta(days=days))
        await self.reconciler.turn(self.line)
        return await self.told()

    async def begun(self, upstream: str, since: datetime) -> None:
        """An operator has a run begun."""
        await self.desk.begin(Words("binh", "đối chiếu theo lịch", upstream=upstream, details={"since": since}))

    async def told(self) -> dict[str, object]:
        """What operators see of the upstream."""
        (one,) = cast("list[dict[str, object]]", (await self.desk.shown(PORTAL, 100))["upstreams"])
        return one

    async def kinds(self, kind: str) -> list[str]:
        """The dossiers in the audit rows of a kind."""
        rows = await self.journal.feed(0, 10_000, feed_only=False)
        return [row.dossier for row in rows if row.kind == kind]


def waiting(told: dict[str, object]) -> list[tuple[str, str, int]]:
    """The open repairs."""
    rows = cast("list[dict[str, object]]", told["repairs"])
    return sorted((str(one["dossier"]), str(one["sight"]), cast("int", one["times"])) for one in rows)


def last(told: dict[str, object]) -> dict[str, object]:
    """The figures of the last run."""
    return cast("dict[str, object]", told["last"])


@dataclass(frozen=True)
class Place:
    """Where the halls of a test stand: the same store, however often it is opened."""

    driver: str
    folder: Path
    kept: MemoryStore
    moment: list[datetime]

    @asynccontextmanager
    async def hall(self, shown: Shown) -> AsyncIterator[Hall]:
        """One life of the process."""
        clock = Clock(now=lambda: self.moment[0], chance=lambda: 0.5)
        journal: Journal
        if self.driver == "memory":
            journal = MemoryJournal(self.kept, decide=decide, chain=chain, clock=clock)
        else:
            options = StoreOptions(node="node-1", kek=bytes(range(32)), synchronous="NORMAL")
            journal = SqliteJournal.open(self.folder, options, decide=decide, chain=chain, clock=clock)
        try:
            yield Hall(journal, shown, self.moment, clock)
        finally:
            await journal.close()


@pytest.fixture(params=["sqlite", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each driver in turn."""
    return Place(request.param, tmp_path / "store", MemoryStore(), [NOW])


async def test_each_dossier_is_looked_at_once_and_what_is_missing_becomes_a_repair(place: Place) -> None:
    """Two deliveries of one dossier are one look; the deliveries stand as they stood; the alarm is raised once."""
    shown = Shown({"HS-2"})
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1", "HS-2", "HS-3")
        await hall.acknowledged("HS-1", sequence=2)
        before = [await hall.journal.deliveries_of(code) for code in ("HS-1", "HS-2", "HS-3")]
        told = await hall.reconciled()
        assert waiting(told) == [("HS-2", "missing", 1)]
        assert {name: last(told)[name] for name in ("looked", "agrees", "missing")} == {
            "looked": 3,
            "agrees": 2,
            "missing": 1,
        }
        assert sorted(one.dossier_code for one in shown.asked) == ["HS-1", "HS-2", "HS-3"]
        assert [await hall.journal.deliveries_of(code) for code in ("HS-1", "HS-2", "HS-3")] == before
        assert hall.alarms == ["reconciliation.differs"]
        assert await hall.kinds("repair.opened") == ["HS-2"]


async def test_a_repair_that_is_seen_again_is_counted_and_one_that_agrees_ends_by_itself(place: Place) -> None:
    """An open repair is looked at in each run, however long ago its dossier was acknowledged."""
    shown = Shown({"HS-1"})
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1")
        await hall.reconciled()
        hall.moment[0] += timedelta(days=40)
        assert waiting(await hall.reconciled()) == [("HS-1", "missing", 2)]
        shown.lost.clear()
        told = await hall.reconciled()
        assert (waiting(told), told["open_repairs"]) == ([], 0)
        assert await hall.kinds("repair.opened") == await hall.kinds("repair.agreed") == ["HS-1"]
        shown.lost.add("HS-1")
        await hall.acknowledged("HS-1", sequence=2)
        assert waiting(await hall.reconciled()) == [("HS-1", "missing", 1)], "a new difference is a new repair"


async def test_what_was_acknowledged_before_the_moment_is_not_asked_about(place: Place) -> None:
    """`since` bounds the run."""
    shown = Shown()
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-OLD")
        hall.moment[0] += timedelta(days=2)
        await hall.acknowledged("HS-NEW")
        await hall.reconciled(days=1)
        assert [one.dossier_code for one in shown.asked] == ["HS-NEW"]


async def test_silence_is_never_taken_for_missing(place: Place) -> None:
    """An upstream that gives no answer, three times, leaves no repair; a dossier that was asked again in time agrees."""
    shown = Shown(trouble=[NoAnswer(), NotSent("x"), NoAnswer(), NotSent("x")])
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1", "HS-2")
        told = await hall.reconciled()
        assert (last(told)["failed"], last(told)["agrees"], waiting(told)) == (1, 1, [])


async def test_a_run_that_was_cut_off_goes_on_where_it_stood(place: Place) -> None:
    """The process dies in the middle of the third page; the next one ends the run, and each repair is opened once."""
    codes = [f"HS-{number:03}" for number in range(130)]
    lost = {"HS-000", "HS-060", "HS-129"}
    shown = Shown(set(lost), after=110)
    async with place.hall(shown) as hall:
        await hall.acknowledged(*codes)
        await hall.begun(PORTAL, NOW - timedelta(days=1))
        dying = asyncio.create_task(hall.reconciler.turn(hall.line))
        while len(shown.asked) <= 110:
            await asyncio.sleep(0)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    again = Shown(set(lost))
    async with place.hall(again) as hall:
        await hall.reconciler.turn(hall.line)
        told = await hall.told()
        assert len(again.asked) < 60, "the pages that were written are not looked at again"
        assert last(told)["looked"] == 130
        assert [code for code, *_ in waiting(told)] == sorted(lost)
        assert sorted(await hall.kinds("repair.opened")) == sorted(lost)


async def test_nothing_is_asked_of_an_upstream_that_is_paused(place: Place) -> None:
    """The run waits until the upstream is resumed."""
    shown = Shown()
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1")
        await hall.worker.switch(Switch((PORTAL,), True, "bảo trì máy chủ", "an"))
        await hall.begun(PORTAL, NOW - timedelta(days=1))
        waiting_for = asyncio.create_task(hall.reconciler.turn(hall.line))
        done, _ = await asyncio.wait({waiting_for}, timeout=0.2)
        assert not done and not shown.asked
        await hall.worker.switch(Switch((PORTAL,), False, "xong bảo trì", "an"))
        await asyncio.wait_for(waiting_for, 60)
        assert len(shown.asked) == 1


class Meanwhile(MemoryCoordination):
    """Something happens while the rate is asked; what is given back is noted."""

    def __init__(self, clock: Clock, happens: Callable[[], Awaitable[object]]) -> None:
        super().__init__(clock)
        self._happens, self.back = happens, asyncio.Event()

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        """As ever."""
        if wanted < 0:
            self.back.set()
        else:
            await self._happens()
        return await super().take(upstream, wanted, rate_per_s, burst)


async def test_a_pause_that_comes_while_the_rate_is_asked_holds_for_the_look_too(place: Place) -> None:
    """The upstream is looked at once more after the rate was had; what was taken is given back."""
    shown = Shown()
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1")
        pause = Switch((PORTAL,), True, "bảo trì máy chủ", "an")
        around = Meanwhile(hall.clock, lambda: hall.worker.switch(pause))
        reconciler = Reconciler({PORTAL: hall.line}, ReconcileDesk(hall.journal, hall.worker, around, hall.clock))
        await hall.begun(PORTAL, NOW - timedelta(days=1))
        running = asyncio.create_task(reconciler.turn(hall.line))
        async with asyncio.timeout(60):
            await around.back.wait()
        assert not shown.asked
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_who_loses_the_right_in_the_middle_of_a_page_looks_no_further(place: Place) -> None:
    """It is asked for before every look, for as long as the look may take; whoever has it next takes the page up again."""
    shown = Shown({"HS-3"})
    async with place.hall(shown) as hall:
        await hall.acknowledged(*(f"HS-{n}" for n in range(10)))
        asked: list[float] = []

        def alone(_name: str, for_s: float) -> bool:
            asked.append(for_s)
            return len(shown.asked) != 5 or len(asked) > 20

        around = MemoryCoordination(hall.clock)
        desk = ReconcileDesk(hall.journal, hall.worker, around, hall.clock, alone=alone)
        reconciler = Reconciler({PORTAL: hall.line}, desk)
        await hall.begun(PORTAL, NOW - timedelta(days=1))
        await reconciler.turn(hall.line)
        assert len(shown.asked) == 5 and min(asked) > QUICK.timeout_s
        asked.extend([0.0] * 20)
        await reconciler.turn(hall.line)
        told = await hall.told()
        assert (last(told)["looked"], waiting(told)) == (10, [("HS-3", "missing", 1)])


async def test_the_daily_run_begins_once_when_its_time_has_come(place: Place) -> None:
    """02:30 in Viet Nam; never at the first start, once each day, also after a restart."""
    shown = Shown()
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1")
        await hall.reconciler.turn(hall.line)
        assert shown.asked == []
        hall.moment[0] = datetime(2026, 11, 20, 19, 29, tzinfo=UTC)
        await hall.reconciler.turn(hall.line)
        assert shown.asked == []
        hall.moment[0] += timedelta(minutes=2)
        await hall.reconciler.turn(hall.line)
        await hall.reconciler.turn(hall.line)
        assert len(shown.asked) == 1
    async with place.hall(shown) as hall:
        await hall.reconciler.turn(hall.line)
        assert len(shown.asked) == 1
        hall.moment[0] += timedelta(days=1)
        await hall.reconciler.turn(hall.line)
        assert len(shown.asked) == 2


async def test_a_person_closes_a_difference_with_a_reason_and_nobody_closes_it_twice(place: Place) -> None:
    """The reason stands in the trail; what is not open cannot be closed."""
    shown = Shown({"HS-1"})
    async with place.hall(shown) as hall:
        await hall.acknowledged("HS-1")
        await hall.reconciled()
        words = Words("binh", "Cổng đã chuyển hồ sơ sang mã khác", upstream=PORTAL, dossier="HS-1")
        assert (await hall.desk.close(words))["done"] is True
        assert (await hall.told())["open_repairs"] == 0
        assert await hall.kinds("repair.closed") == ["HS-1"]
        with pytest.raises(NotFound):
            await hall.desk.close(words)


async def test_what_makes_no_sense_is_refused_with_the_reason(place: Place) -> None:
    """No such upstream, one that shows nothing, a moment to come, a second run beside the first."""
    async with place.hall(Shown()) as hall:
        with pytest.raises(NotFound):
            await hall.begun("nobody", NOW)
        with pytest.raises(Invalid, match="Không đối chiếu được blind"):
            await hall.begun("blind", NOW)
        with pytest.raises(Invalid, match="quá khứ"):
            await hall.begun(PORTAL, NOW + timedelta(hours=1))
        await hall.begun(PORTAL, NOW - timedelta(hours=1))
        with pytest.raises(Conflict):
            await hall.begun(PORTAL, NOW - timedelta(hours=1))


@dataclass
class Trail:
    """A feed alone."""

    rows: Sequence[FeedRow]

    async def feed(self, after: int, limit: int, *, feed_only: bool = True) -> Sequence[FeedRow]:
        """Rows behind a position."""
        assert feed_only
        return [row for row in self.rows if row.position > after][:limit]


@given(st.lists(st.tuples(st.integers(1, 5_000_000), st.integers(0, 50)), max_size=30), st.integers(0, 50))
def test_everything_from_a_moment_on_stands_behind_the_position_that_is_found(
    steps: list[tuple[int, int]], wanted: int
) -> None:
    """Whatever gaps positions have; and what was before is left out, but for one row at most."""
    rows, position = [], 0
    for (gap, _), minute in zip(steps, sorted(minute for _, minute in steps), strict=True):
        position += gap
        rows.append(FeedRow(position, NOW + timedelta(minutes=minute), "x", "", "", "", b"{}"))
    moment = NOW + timedelta(minutes=wanted)
    found = asyncio.run(first_position(cast("Journal", Trail(rows)), moment))
    assert all(row.position > found for row in rows if row.at >= moment)
    assert sum(row.position > found for row in rows if row.at < moment) <= 1
