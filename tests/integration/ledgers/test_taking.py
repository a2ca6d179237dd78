"""Changes of ledgers in the accept transaction: each once, with all that it sets off, or not at all. Both drivers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.contract import Change, DeliverTask, Effect, Task
from connectors.kit.declarations import LedgerSpec
from connectors.kit.errors import ContractChanged
from gateway.intake.ledgers import CursorMove, LedgerFault
from gateway.journal.memory_rows import MemoryStore
from gateway.records import ledgers
from mappings.codec import decode
from tests.integration.ledgers.conftest import CODE, NOW, OTHER, Drivers, change
from tests.toys.toy_registry.profiles.v1.ledger import Loan, Loans, Moved


async def _claimed(books: Any, upstream: str) -> list[tuple[str, str, Task]]:
    """What waits for an upstream: dossier, operation, task."""
    claims = await books.journal.claim(upstream, limit=10, batch={}, lease=timedelta(seconds=30), now=books.moment[0])
    return [(c.dossier, d.operation, decode(d.payload, Task)) for c in claims for d in c.deliveries]


async def test_a_change_moves_its_ledger_and_what_it_asks_for_is_in_the_lane(driver: Drivers) -> None:
    """State, version, audit row and the delivery with its own content, in one transaction."""
    async with driver.books() as books:
        told = await books.taker.take("toys", [change()])
        assert (told.changed, books.woken) == (1, [("toys",)])
        loan = await books.loan()
        assert loan is not None and (loan.version, loan.dossier_code) == (1, CODE)
        assert decode(loan.state, Loan) == Loan(out=True, toy="tàu hỏa", lent=1, at=1)
        [(dossier, operation, task)] = await _claimed(books, "toys")
        assert (dossier, operation, task.kind, task.reported_by) == (CODE, "remind", "remind", "toys")
        assert (task.ledger, task.ledger_id, task.version, task.asked_at) == ("loans", "L-1", 1, NOW)
        assert task.fields == {"toy": "tàu hỏa", "turn": 1}
        [row] = await books.told("ledger.changed")
        assert (row.actor, row.dossier) == ("upstream:toys", CODE) and b"h\xe1\xbb\x8fa" not in row.fields


async def test_a_proposal_goes_to_the_resolution_system_and_the_feed_tells(driver: Drivers) -> None:
    """Through the lane of its dossier, like an event; the dossier itself is not moved."""
    async with driver.books() as books:
        await books.taker.take("toys", [change(), change("m-2", "returned")])
        [(dossier, operation, task)] = await _claimed(books, "resolution")
        assert (dossier, operation, task.kind) == (CODE, "proposal", "toy_returned")
        [row] = await books.journal.feed(0, 100)
        assert row.kind == "ledger.told" and msgspec.json.decode(row.fields)["facts"] == ["turn=1"]


async def test_an_alarm_is_raised_after_it_is_stored(driver: Drivers) -> None:
    """Whoever listens hears it, and the trail keeps it."""
    async with driver.books() as books:
        await books.taker.take("toys", [change(what="lost")])
        assert books.alarms == [("toy.lost", "toys")]
        assert len(await books.told("ledger.alarm")) == 1


async def test_the_same_key_twice_changes_nothing(driver: Drivers) -> None:
    """Within one page, and after a restart."""
    async with driver.books() as books:
        assert (await books.taker.take("toys", [change(), change()])).changed == 1
        assert books.alarms == [] and await books.told("ledger.refused") == [], "a repetition is no contradiction"
    async with driver.books() as books:
        leaves = len(await books.told())
        assert (await books.taker.take("toys", [change()])).changed == 0
        assert len(await books.told()) == leaves
        assert len(await _claimed(books, "toys")) == 1


async def test_when_it_was_brought_makes_no_other_change_of_it(driver: Drivers) -> None:
    """The same key with other passing fields is a repetition; with another lasting one it is a contradiction."""
    first = change(passing=("at",))
    later = change(fields={**first.fields, "at": 2}, passing=("at",))
    async with driver.books() as books:
        assert (await books.taker.take("toys", [first, later])).changed == 1
        assert (await books.taker.take("toys", [later])).changed == 0 and books.alarms == []
        await books.taker.take("toys", [change(fields={**later.fields, "toy": "con quay"}, passing=("at",))])
        assert books.alarms == [("ledger.key_reused", "toys")]


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (change(what="returned"), "key_reused"),
        (change(dossier_code=OTHER), "key_reused"),
        (change("m-2", dossier_code=OTHER), "another_dossier"),
        (change("m-3", id="L-2", dossier_code=""), "dossier_missing"),
    ],
)
async def test_a_contradiction_changes_nothing_and_is_told_once(driver: Drivers, second: Change, code: str) -> None:
    """Kept, audited and an alarm the first time; silence when it is repeated."""
    async with driver.books() as books:
        await books.taker.take("toys", [change()])
        before = await books.loan()
        for page in ([second, second], [second]):
            assert (await books.taker.take("toys", page)).changed == 0
        assert await books.loan() == before
        assert [msgspec.json.decode(row.fields)["code"] for row in await books.told("ledger.refused")] == [code]
        assert books.alarms == [(f"ledger.{code}", "toys")]


async def test_a_change_that_names_no_dossier_belongs_to_the_ledgers_own(driver: Drivers) -> None:
    """The first change that names one settles it; a carrier's later notice knows only the parcel."""
    async with driver.books() as books:
        await books.taker.take("toys", [change()])
        await books.taker.take("toys", [change("m-2", "returned", dossier_code="")])
        loan = await books.loan()
        assert loan is not None and (loan.version, loan.dossier_code) == (2, CODE)
        assert [dossier for dossier, _, _ in await _claimed(books, "resolution")] == [CODE]


class Lists:
    """A ledger of no dossier: it remembers the last toy."""

    kind = "loans"
    state_type = str
    change_type = Moved

    def apply(self, _state: str | None, change: Moved) -> tuple[str, Sequence[Effect]]:
        """The toy."""
        return change.toy, ()


async def test_a_ledger_of_no_dossier_is_sealed_under_the_name_of_its_upstream(tmp_path: Path) -> None:
    """What names people of many dossiers is read back, and nothing of it lies in the store in the clear."""
    spec = LedgerSpec(sealed=True, of="upstream")
    driver = Drivers("sqlite", tmp_path / "store", MemoryStore())
    async with driver.books(spec, Lists()) as books:
        assert (await books.taker.take("toys", [change(dossier_code="")])).changed == 1
        loan = await books.loan()
        assert loan is not None and (loan.dossier_code, decode(loan.state, str)) == ("", "tàu hỏa")
        assert await books.told("ledger.refused") == []
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"loans" in stored and "tàu hỏa".encode() not in stored


def test_a_ledger_of_no_dossier_may_have_nothing_carried_for_one() -> None:
    """There is no lane that it could stand in."""
    with pytest.raises(ValueError, match="upstream"):
        LedgerSpec(of="upstream", effects=("deliver",))


async def test_one_page_may_be_about_many_dossiers(driver: Drivers) -> None:
    """Each task stands in the lane of its own dossier."""
    async with driver.books() as books:
        page = [change(), change("m-2", id="L-2", dossier_code=OTHER), change("m-3", id="L-3", dossier_code=OTHER)]
        assert (await books.taker.take("toys", page)).changed == 3
        rows = [row for code in (CODE, OTHER) for row in await books.journal.deliveries_of(code)]
        assert [(row.dossier, row.sequence) for row in rows] == [(CODE, 1), (OTHER, 1), (OTHER, 2)]
        assert len({row.delivery_id for row in rows}) == 3


class Greedy(Loans):
    """A ledger that asks for what it may not."""

    def apply(self, state: Loan | None, change: Moved) -> tuple[Loan, Sequence[Effect]]:
        """The second change asks for an operation that nobody has."""
        after, effects = super().apply(state, change)
        return after, [DeliverTask("steal")] if change.what == "returned" else effects


async def test_whatever_a_ledger_does_wrong_leaves_nothing_behind(driver: Drivers) -> None:
    """Half a page is no page: neither its first change nor its cursor stands."""
    async with driver.books(ledger=Greedy()) as books:
        cursor = CursorMove("changes", "", "2")
        with pytest.raises(LedgerFault):
            await books.taker.take("toys", [change(), change("m-2", "returned")], cursor=cursor)
        assert await books.loan() is None and await books.told() == []
        assert await books.journal.record(ledgers.cursor_key("toys", "changes")) is None


async def test_an_effect_that_was_not_declared_is_a_fault(driver: Drivers) -> None:
    """The manifest is what an operator agreed to."""
    async with driver.books(spec=LedgerSpec(sealed=True, effects=("tell",))) as books:
        with pytest.raises(LedgerFault):
            await books.taker.take("toys", [change()])


@pytest.mark.parametrize(
    "wrong",
    [
        change(ledger="parcels"),
        change(id=""),
        change(key="x" * 201),
        change(id="L\n1"),
        change(fields={"what": "eaten", "toy": "x"}),
        change(fields={"what": "lent"}),
    ],
)
async def test_a_change_that_no_ledger_understands_is_refused_before_the_journal(
    driver: Drivers, wrong: Change
) -> None:
    """A fault of the connector or of its upstream's contract; what was sent is not repeated in the message."""
    async with driver.books() as books:
        with pytest.raises(ContractChanged) as refused:
            await books.taker.take("toys", [change("m-0"), wrong])
        assert "eaten" not in str(refused.value)
        assert await books.told() == []


async def test_a_cursor_that_was_moved_meanwhile_drops_the_page(driver: Drivers) -> None:
    """Another node stored that page already; nothing of ours is kept, and the next page begins at its end."""
    async with driver.books() as books:
        first = await books.taker.take("toys", [change()], cursor=CursorMove("changes", "", "1"))
        late = await books.taker.take("toys", [change("m-9", id="L-9")], cursor=CursorMove("changes", "", "7"))
        assert (first.moved, late.moved, await books.loan("L-9")) == (True, False, None)
        kept = ledgers.read_cursor(await books.journal.record(ledgers.cursor_key("toys", "changes")))
        assert kept is not None and kept.cursor == "1"


async def test_what_is_sealed_cannot_be_read_on_the_disk(driver: Drivers) -> None:
    """The state, the change with its notice, and the task: none of them shows in the store's files."""
    if driver.name == "memory":
        pytest.skip("memory has no disk")
    async with driver.books() as books:
        await books.taker.take("toys", [change()], original="thông báo của thư viện".encode())
    held = b"".join(path.read_bytes() for path in driver.folder.rglob("*") if path.is_file())
    assert "tàu hỏa".encode() not in held and "thông báo".encode() not in held
    async with driver.books() as books:
        record = await books.journal.record(ledgers.change_key("toys", change()))
        assert record is not None and ledgers.read_change(record).original == "thông báo của thư viện".encode()


MOVES = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["lent", "returned", "lost"]), st.sampled_from(["L-1", "L-2"])),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(MOVES, st.lists(st.integers(0, 11), max_size=12))
def test_repeats_in_any_place_change_nothing(moves: list[tuple[int, str, str]], repeats: list[int]) -> None:
    """A sender that repeats whatever it likes ends where one that never repeats ends, with the same deliveries."""
    changes = [change(f"k-{n}", what, id=loan) for n, (_, what, loan) in enumerate(moves)]

    async def ends(sent: list[Change]) -> tuple[object, ...]:
        async with Drivers("memory", Path(), MemoryStore()).books() as books:
            for one in sent:
                await books.taker.take("toys", [one])
            rows = await books.journal.deliveries_of(CODE)
            return await books.loan("L-1"), await books.loan("L-2"), [(r.upstream, r.delivery_id) for r in rows]

    repeated = list(changes)
    for place in repeats:
        if place < len(changes):
            repeated.insert(repeated.index(changes[place]) + 1 + place % 2, changes[place])
    assert asyncio.run(ends(changes)) == asyncio.run(ends(repeated))
