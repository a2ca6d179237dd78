"""Proofs are erased when their days are over: each once, nothing else, and a sweep that was cut off goes on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from gateway.bootstrap.questions import with_old_proofs
from gateway.clock import Clock, uuid7
from gateway.config import Intake as IntakePolicy
from gateway.errors import JournalUnavailable
from gateway.evidence.log import chain
from gateway.identity.retention import PLACE, ProofSweep
from gateway.intake.decide import Decider
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.records import identity_proofs
from gateway.records.identity_proofs import IdentityProof, ProofKind
from gateway.routes import Routes
from mappings.codes import IdentityType
from mappings.identity import AccountKind

NUMBER = "001090000000"
BEGIN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
KEEP = timedelta(days=90)


class House:
    """A store with a clock that a test turns, and the sweep of its proofs."""

    def __init__(self, folder: Path) -> None:
        self.now, self._made = BEGIN, itertools.count(1)
        self.clock = Clock(now=lambda: self.now)
        decide = Decider(Routes({}), {}, IntakePolicy())
        options = StoreOptions(node="n1", kek=bytes(32), synchronous="NORMAL")
        self.journal = SqliteJournal.open(folder, options, decide=decide, chain=chain, clock=self.clock)
        self.sweep = ProofSweep(self.journal, self.clock, KEEP)

    async def prove(self, at: datetime) -> str:
        """A proof that was made at a moment; its id."""
        made = uuid7(at, next(self._made).to_bytes(10))
        proof = IdentityProof(
            made, "RES", ProofKind.SIGN_ON, "vneid", "vneid", AccountKind.PERSON, at, IdentityType.CCCD, NUMBER
        )
        recording = Recording(records=(identity_proofs.write(proof),))
        answered(await self.journal.accept(recording_intake("test", "RES", recording)))
        return made

    async def holds(self, proof_id: str) -> bool:
        """Whether the proof can still be read."""
        key = identity_proofs.key(proof_id)
        record = await self.journal.record(key) if key is not None else None
        assert record is not None
        return identity_proofs.parse(record) is not None

    async def erased(self) -> list[dict[str, Any]]:
        """What the trail says of it."""
        rows = await self.journal.feed(0, 1_000, feed_only=False)
        return [msgspec.json.decode(row.fields) for row in rows if row.kind == "identity.erased"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A store that was swept for the first time."""
    made = House(tmp_path / "store")
    assert await made.sweep.look() == 0
    yield made
    await made.journal.close()


async def test_a_day_is_erased_when_it_is_over_and_not_before(house: House) -> None:
    """Kept 90 whole days; then the number is gone from the store, and the trail says how many."""
    early, late = await house.prove(BEGIN), await house.prove(BEGIN + timedelta(hours=15))
    house.now = BEGIN + KEEP + timedelta(hours=15)
    assert await house.sweep.look() == 0 and await house.holds(early)
    house.now = BEGIN + KEEP + timedelta(days=1)
    assert await house.sweep.look() == 2
    assert not await house.holds(early) and not await house.holds(late)
    assert await house.erased() == [{"day": "2026-11-22", "count": 2}]
    assert await house.sweep.look() == 0 and len(await house.erased()) == 1


async def test_a_gateway_that_stood_still_sweeps_every_day_that_it_missed(house: House) -> None:
    """Weeks later: all the days that are over, and none that is not."""
    proofs = [await house.prove(BEGIN + timedelta(days=day)) for day in range(5)]
    house.now = BEGIN + KEEP + timedelta(days=3)
    assert await house.sweep.look() == 3
    assert [await house.holds(proof) for proof in proofs] == [False, False, False, True, True]


async def test_a_full_day_is_erased_in_several_transactions(house: House) -> None:
    """So many at once that nobody waits behind them."""
    for second in range(450):
        await house.prove(BEGIN + timedelta(seconds=second))
    house.now = BEGIN + KEEP + timedelta(days=1)
    assert await house.sweep.look() == 450
    assert [row["count"] for row in await house.erased()] == [200, 200, 50]


class Failing:
    """The store, until it has taken so many intakes."""

    def __init__(self, journal: SqliteJournal, intakes: int) -> None:
        self._journal, self._left = journal, intakes
        self.record, self.records = journal.record, journal.records

    async def accept(self, intake: Any) -> Any:
        """Take it, or fail."""
        if not self._left:
            raise JournalUnavailable
        self._left -= 1
        return await self._journal.accept(intake)


async def test_a_sweep_that_was_cut_off_goes_on_where_it_was(house: House) -> None:
    """The store fails in the middle of the days: what was erased stays erased, the rest follows, nothing is told twice."""
    for day in range(3):
        await house.prove(BEGIN + timedelta(days=day))
    house.now = BEGIN + KEEP + timedelta(days=3)
    failing: Any = Failing(house.journal, 3)
    with pytest.raises(JournalUnavailable):
        await ProofSweep(failing, house.clock, KEEP).look()
    assert await house.sweep.look() == 1
    assert [row["day"] for row in await house.erased()] == ["2026-11-22", "2026-11-23", "2026-11-24"]


async def test_proofs_are_erased_also_where_identity_was_switched_off(house: House) -> None:
    """Whoever takes [identity] out of the configuration keeps nobody's number longer for that."""
    proof = await house.prove(BEGIN)
    house.now = BEGIN + KEEP + timedelta(days=1)
    parts: Any = SimpleNamespace(door=SimpleNamespace(journal=house.journal, clock=house.clock))
    async with AsyncExitStack() as running:
        await with_old_proofs(parts, running)
        while await house.holds(proof):
            await asyncio.sleep(0)
    assert await house.erased() == [{"day": "2026-11-22", "count": 1}]


async def test_where_no_proof_was_ever_kept_nothing_is_swept(house: House, tmp_path: Path) -> None:
    """An installation without [identity] gets no record of a sweep."""
    fresh = House(tmp_path / "fresh")
    parts: Any = SimpleNamespace(door=SimpleNamespace(journal=fresh.journal, clock=fresh.clock))
    async with AsyncExitStack() as running:
        await with_old_proofs(parts, running)
        await asyncio.sleep(0)
    assert await fresh.journal.record(PLACE) is None
    await fresh.journal.close()


@pytest.mark.parametrize(
    "text", ["", "x", "00000000-0000-4000-8000-000000000000", "019A0F5E-7B1C-7C40-9A51-2F1D6C0A1111", "../../x"]
)
def test_what_is_no_id_names_no_proof(text: str) -> None:
    """One spelling, version 7: what a caller sends never becomes the name of another record."""
    assert identity_proofs.key(text) is None


def test_the_day_of_a_proof_stands_in_its_id() -> None:
    """RFC 9562, 5.7: milliseconds since the epoch."""
    assert identity_proofs.day_of(uuid7(BEGIN)) == BEGIN.date()
    with pytest.raises(ValueError, match="UUIDv7"):
        identity_proofs.write(IdentityProof("x", "RES", ProofKind.SIGN_ON, "vneid", "vneid", AccountKind.PERSON, BEGIN))
