"""Marks of ledgers on a real journal of each driver: found in order, written with their ledger, and only once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.kit.contract import Change
from gateway.intake.ledgers import LedgerFault
from tests.integration.ledgers.conftest import OTHER, Drivers, change
from tests.toys.toy_registry.profiles.v1.ledger import Loan, Loans


def _lent(loan: str, at: int, key: str = "") -> Change:
    return change(key or f"m-{loan}-{at}", id=loan, fields={"what": "lent", "toy": "tàu hỏa", "at": at})


async def test_ledgers_are_found_by_their_marks_in_order_and_page_by_page(driver: Drivers) -> None:
    """By the moment, then by the ledger; a reader goes on from the place where it stopped, also after a restart."""
    async with driver.books() as books:
        page = [_lent(loan, at) for loan, at in (("L-3", 30), ("L-1", 10), ("L-2", 10), ("L-4", 400))]
        await books.taker.take("toys", page)
    async with driver.books() as books:
        first = await books.marked(limit=2)
        assert [loan for _, loan in first] == ["L-1", "L-2"]
        rest = await books.marked(after=first[-1][0], until="out/000400")
        assert [loan for _, loan in rest] == ["L-3"], "what is not due yet is not found"


async def test_a_mark_stays_when_its_ledger_no_longer_gives_it(driver: Drivers) -> None:
    """An index that only grows needs no reading before a change; who follows a mark looks at the ledger."""
    async with driver.books() as books:
        await books.taker.take("toys", [change(), change("m-2", "returned"), change("m-3")])
        assert await books.marked() == [("out/000001/L-1", "L-1")]
        loan = await books.loan()
        assert loan is not None and loan.version == 3


async def test_a_change_that_is_refused_leaves_no_mark(driver: Drivers) -> None:
    """Nothing of it stands but the refusal."""
    async with driver.books() as books:
        later = {"what": "lent", "toy": "x", "at": 7}
        await books.taker.take("toys", [change(), change("m-2", dossier_code=OTHER, fields=later)])
        assert [loan for loan, _ in await books.marked()] == ["out/000001/L-1"]


async def test_marks_of_one_kind_do_not_show_those_of_another_upstream(driver: Drivers) -> None:
    """Each reader sees its own upstream."""
    async with driver.books() as books:
        await books.taker.take("toys", [change()])
        assert await books.marked(after="out/000001/L-1") == []
        kind = "ledger_mark:others:loans"
        assert await books.journal.records_between(kind, "", "~", 10) == ()


class Unreadable(Loans):
    """A ledger whose mark is no code."""

    def marks(self, state: Loan) -> Sequence[str]:
        """With a line end."""
        return ("out/\n",)


class Empty(Loans):
    """A ledger whose mark says nothing."""

    def marks(self, state: Loan) -> Sequence[str]:
        """The empty mark."""
        return ("",)


@pytest.mark.parametrize("ledger", [Unreadable(), Empty()], ids=["unprintable", "empty"])
async def test_a_mark_that_is_no_code_leaves_nothing_behind(driver: Drivers, ledger: Loans) -> None:
    """A fault of the connector: neither the change nor the mark stands."""
    async with driver.books(ledger=ledger) as books:
        with pytest.raises(LedgerFault):
            await books.taker.take("toys", [change()])
        assert await books.loan() is None and await books.marked() == []
