"""Ledgers in memory: they keep the promises of the house, so that what is examined on them holds there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.kit.books import MemoryBooks
from connectors.kit.contract import Change, Effect, TellFeed


@dataclass(frozen=True, slots=True)
class Count:
    """A state: how much was added."""

    total: int


@dataclass(frozen=True, slots=True)
class Add:
    """A change."""

    amount: int


class Counts:
    """A ledger that adds, and is found by its total."""

    kind = "counts"
    state_type = Count
    change_type = Add

    def apply(self, state: Count | None, change: Add) -> tuple[Count, Sequence[Effect]]:
        """Add."""
        after = Count((state.total if state else 0) + change.amount)
        return after, (TellFeed("counted", {"total": str(after.total)}),)

    def marks(self, state: Count) -> Sequence[str]:
        """Its total."""
        return (f"total/{state.total:03d}",)


def books() -> MemoryBooks:
    """Books with one kind of ledger."""
    return MemoryBooks((Counts(),))


def change(key: str, amount: int = 1, *, of: str = "a", claims: tuple[str, ...] = ()) -> Change:
    """One change."""
    return Change("counts", of, key, {"amount": amount}, "H01", claims)


def test_the_same_key_changes_nothing_twice() -> None:
    """However often it comes, and its effect comes once."""
    held = books()
    assert [held.take([change("k")]), held.take([change("k")]), held.take([change("l")])] == [1, 0, 1]
    entry = asyncio.run(held.read("counts", "a"))
    assert entry is not None and (entry.version, entry.dossier_code, entry.state) == (2, "H01", b'{"total":2}')
    assert len(held.effects) == 2


def test_a_name_that_another_ledger_holds_is_refused() -> None:
    """The first keeps it; the change that wanted it changes nothing."""
    held = books()
    assert held.take([change("k", claims=("txn/1",))]) == 1
    assert held.take([change("k", of="b", claims=("txn/1",))]) == 0
    assert held.take([change("l", claims=("txn/1",))]) == 1
    assert asyncio.run(held.read("counts", "b")) is None


def test_marks_are_followed_in_order_between_two_places() -> None:
    """Old marks stay; the page after the last place of a page goes on behind it."""
    held = books()
    held.take([change(f"k{number}", of=name) for number in range(3) for name in "ba"])
    first = asyncio.run(held.marked("counts", "total/", "total/~", 4))
    assert [mark.place for mark in first] == ["total/001/a", "total/001/b", "total/002/a", "total/002/b"]
    rest = asyncio.run(held.marked("counts", first[-1].place, "total/~", 4))
    assert [(mark.place, mark.ledger_id) for mark in rest] == [("total/003/a", "a"), ("total/003/b", "b")]
    assert not asyncio.run(held.marked("counts", "total/003/a", "total/003/b", 4))


def test_what_is_for_another_upstreams_ledger_is_left_to_it() -> None:
    """An answer teaches the ledger that asked, which may stand elsewhere."""
    held = books()
    assert held.take([Change("others", "a", "k", {"amount": 1}), change("k")]) == 1
