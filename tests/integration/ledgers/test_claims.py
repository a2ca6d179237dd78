"""What one ledger alone may hold, and what it may ask of other upstreams. Both drivers."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Change
from connectors.kit.errors import ContractChanged
from gateway.intake.ledgers import LedgerFault
from gateway.records import ledgers
from mappings.codec import encode_sorted
from tests.integration.ledgers.conftest import OTHER, Drivers, change
from tests.toys.toy_registry.profiles.v1.ledger import Loan, Loans

TXN = "txn/vnpay/14226112"


def _claims(loan: str, key: str, *claims: str, **fields: Any) -> Change:
    return change(key, id=loan, claims=claims, **fields)


async def test_a_name_belongs_to_the_first_ledger_that_claims_it(driver: Drivers) -> None:
    """The transaction of a bank pays one fee only: the second is refused, kept, audited once, an alarm, and changes nothing."""
    async with driver.books() as books:
        assert (await books.taker.take("toys", [_claims("L-1", "m-1", TXN)])).changed == 1
        thief = _claims("L-2", "m-2", TXN, dossier_code=OTHER)
        for _ in range(2):
            assert (await books.taker.take("toys", [thief])).changed == 0
        assert await books.loan("L-2") is None
        [row] = await books.told("ledger.refused")
        told = msgspec.json.decode(row.fields)
        assert (told["code"], told["ledger_id"], told["key"]) == ("claimed_elsewhere", "L-2", "m-2")
        assert books.alarms == [("ledger.claimed_elsewhere", "toys")]
        key = ledgers.change_key("toys", thief, f"!{_digest(thief)}")
        kept = await books.journal.record(key)
        assert kept is not None and ledgers.read_change(kept).change == thief


def _digest(one: Change) -> str:
    return hashlib.sha256(encode_sorted((one.dossier_code, one.fields, sorted(one.claims)))).hexdigest()


async def test_who_holds_a_name_may_claim_it_again(driver: Drivers) -> None:
    """Notice, query and statement tell of the same transaction; also after a restart."""
    async with driver.books() as books:
        await books.taker.take("toys", [_claims("L-1", "m-1", TXN)])
    async with driver.books() as books:
        assert (await books.taker.take("toys", [_claims("L-1", "m-2", TXN, "txn/other")])).changed == 1
        assert (await books.taker.take("toys", [_claims("L-2", "m-3", "txn/other")])).changed == 0


async def test_one_page_cannot_give_a_name_twice(driver: Drivers) -> None:
    """The first of the page holds it, the rest of the page stands."""
    async with driver.books() as books:
        page = [_claims("L-1", "m-1", TXN), _claims("L-2", "m-2", TXN), _claims("L-3", "m-3")]
        assert (await books.taker.take("toys", page)).changed == 2
        assert await books.loan("L-2") is None and await books.loan("L-3") is not None


async def test_two_that_claim_at_the_same_moment_cannot_both_hold(driver: Drivers) -> None:
    """The transaction that comes second sees the claim of the first, whichever that is."""
    async with driver.books() as books:
        both = (books.taker.take("toys", [_claims(f"L-{n}", f"m-{n}", TXN)]) for n in range(8))
        told = await asyncio.gather(*both)
        assert sorted(one.changed for one in told) == [0] * 7 + [1]
        assert [await books.loan(f"L-{n}") is not None for n in range(8)].count(True) == 1


async def test_a_change_that_is_refused_holds_nothing(driver: Drivers) -> None:
    """Who contradicts itself about its dossier does not take a name away from the right one."""
    async with driver.books() as books:
        await books.taker.take("toys", [_claims("L-1", "m-1")])
        assert (await books.taker.take("toys", [_claims("L-1", "m-2", TXN, dossier_code=OTHER)])).changed == 0
        assert (await books.taker.take("toys", [_claims("L-2", "m-3", TXN)])).changed == 1


async def test_the_same_key_with_other_claims_is_a_contradiction(driver: Drivers) -> None:
    """A claim is part of what a change says."""
    async with driver.books() as books:
        await books.taker.take("toys", [_claims("L-1", "m-1", TXN)])
        await books.taker.take("toys", [_claims("L-1", "m-1", "txn/other")])
        assert books.alarms == [("ledger.key_reused", "toys")]
        assert (await books.taker.take("toys", [_claims("L-2", "m-2", "txn/other")])).changed == 1


@pytest.mark.parametrize("claim", ["", "x" * 201, "txn/\n"])
async def test_a_claim_that_is_no_code_is_refused_before_the_journal(driver: Drivers, claim: str) -> None:
    """It is shown to operators."""
    async with driver.books() as books:
        with pytest.raises(ContractChanged):
            await books.taker.take("toys", [_claims("L-1", "m-1", claim)])


async def test_a_task_goes_to_the_other_upstream_that_was_named(driver: Drivers) -> None:
    """In a lane of its own, so that it never waits for the upstream that asked, nor that one for it."""
    async with driver.books(ledger=Loans(reminded_by="others")) as books:
        await books.taker.take("toys", [change()])
        assert books.woken == [("others",)]
        lease = timedelta(seconds=30)
        [claim] = await books.journal.claim("others", limit=10, batch={}, lease=lease, now=books.moment[0])
        assert [delivery.operation for delivery in claim.deliveries] == ["remind"]
        assert await books.journal.claim("toys", limit=10, batch={}, lease=lease, now=books.moment[0]) == ()


class Wanderer(Loans):
    """A ledger that asks where it did not say that it would."""

    def elsewhere(self) -> list[tuple[str, str]]:
        """Another operation of the same upstream."""
        return [("others", "open_card")]

    def marks(self, state: Loan) -> list[str]:
        """None."""
        return []


async def test_a_task_for_an_upstream_that_was_not_named_is_a_fault(driver: Drivers) -> None:
    """A start could not check it, so it is not done; nothing of the change stands."""
    async with driver.books(ledger=Wanderer(reminded_by="others")) as books:
        with pytest.raises(LedgerFault):
            await books.taker.take("toys", [change()])
        assert await books.loan() is None
