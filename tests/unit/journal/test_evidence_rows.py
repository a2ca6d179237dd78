"""What a store writes for the evidence: a chain that can be recomputed, digests that name the rows, history that stays."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.books import MOST_ROWS, row_digest
from gateway.journal.bound import BOUND, UNREGISTERED, written
from gateway.journal.model import DeliveryState, Leaf, OrderKind, RecordKey, RecordWrite
from gateway.journal.statements import load

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk

on_disk = pytest.mark.parametrize("driver", ["sqlite"], indirect=True)


def rows_of(leaf: Leaf) -> dict[tuple[Any, ...], bytes]:
    """The rows that a leaf covers, by name, with the digest it has for each; its last digest is that of the names."""
    *_, names = msgspec.json.decode(leaf.about)
    assert leaf.covers[-1] == hashlib.sha256(leaf.about).digest()
    return dict(zip(map(tuple, names), leaf.covers[-1 - len(names) : -1], strict=True))


def standing(folder: Path, table: str) -> dict[tuple[Any, ...], bytes]:
    """The rows of a table as they stand, by name, with their digests."""
    bound = BOUND[table]
    connection = apsw.Connection(str(folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(f"SELECT {bound.columns} FROM {table}").fetchall()
    connection.close()
    return {(table, *row[: len(bound.key)]): row_digest(table, *row) for row in rows}


async def test_the_chain_can_be_recomputed_from_its_leaves(desk: Desk) -> None:
    """Each leaf follows from the head before it and the digests it covers; numbers have no hole."""
    await desk.accept(desk.event(1))
    await desk.settle(await desk.claim_one(), DeliveryState.HELD)
    await desk.order(OrderKind.SKIP)
    (head,) = await desk.journal.leaves()
    leaves = await desk.journal.leaves(head.writer)
    assert [leaf.n for leaf in leaves] == list(range(1, head.n + 1))
    assert len(leaves) >= 4
    before = b""
    for leaf in leaves:
        before = hashlib.sha256(before + b"".join(leaf.covers)).digest()
        assert leaf.digest == before
    assert await desk.journal.leaves(head.writer, after=2, limit=1) == (leaves[2],)


async def test_the_first_leaf_covers_the_opening_record(desk: Desk) -> None:
    """Who has the opening record can tell which chain it opens."""
    (head,) = await desk.journal.leaves()
    opening = await desk.journal.record(RecordKey("chain_opening", head.writer))
    assert opening is not None
    assert head.covers[0] == hashlib.sha256(opening.state).digest()


async def test_an_accept_covers_the_request_and_the_answer(desk: Desk) -> None:
    """Digest of the raw bytes, digest of the answer, in front of everything else."""
    event = desk.event(1, operations=((desk.portal, "a"), (desk.portal, "b")))
    answered = await desk.accept(event)
    (head,) = await desk.journal.leaves()
    assert head.covers[:2] == (event.intake().digest, hashlib.sha256(answered.answer).digest())


@on_disk
async def test_an_accept_covers_every_row_it_writes(desk: Desk) -> None:
    """Event, audit row, sequence, lane, messages, payloads, data key and receipt, each with every column as it stands."""
    await desk.accept(desk.event(1, operations=((desk.portal, "a"), (desk.portal, "b"))))
    (head,) = await desk.journal.leaves()
    covered = rows_of(head)
    kinds = ("audit", "inbound", "source_seq", "lane", "msg", "payload", "receipt")
    for table in kinds:
        rows = standing(desk.folder, table)
        assert rows and rows.items() <= covered.items(), table
    assert {name[0] for name in covered} == {*kinds, "record"}
    assert msgspec.json.decode(head.about)[:3] == ["accept", msgspec.json.decode(head.about)[1], desk.dossier]


@on_disk
@pytest.mark.parametrize("beside", [-1, 0, 1])
async def test_a_receipt_names_the_leaf_that_covers_it_however_many_rows_came_with_it(desk: Desk, beside: int) -> None:
    """One leaf covers only so many rows; the receipt stands in the leaf that it names also where the bound falls on it."""
    await desk.accept(desk.event(1))
    first = desk.event(2)
    await desk.accept(first)
    (head,) = await desk.journal.leaves()
    count = MOST_ROWS - len(rows_of(head)) + beside
    many = tuple(RecordWrite(RecordKey("note", str(n)), 1, b"{}") for n in range(count))
    event = desk.event(3)
    await desk.journal.accept(replace(event.intake(), subject=replace(event.decision(), records=many)))
    connection = apsw.Connection(str(desk.folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    ((named,),) = connection.execute("SELECT leaf FROM receipt WHERE key = ?1", (event.event_id,)).fetchall()
    connection.close()
    (leaf,) = [leaf for leaf in await desk.journal.leaves(head.writer) if leaf.digest == named]
    assert ("receipt", event.source, event.event_id) in rows_of(leaf)


@on_disk
async def test_a_claim_and_a_settlement_cover_what_they_changed(desk: Desk) -> None:
    """The lane and its message as claimed; then the attempt, what was sent and answered, and both as settled."""
    await desk.accept(desk.event(1))
    claim = await desk.claim_one()
    (head,) = await desk.journal.leaves()
    claimed = rows_of(head)
    assert {name[0] for name in claimed} == {"lane", "msg"}
    assert all(standing(desk.folder, table).items() <= claimed.items() for table in ("lane", "msg"))
    await desk.settle(claim, DeliveryState.DELIVERED)
    (head,) = await desk.journal.leaves()
    settled = rows_of(head)
    assert all(standing(desk.folder, table).items() <= settled.items() for table in ("lane", "msg", "attempt"))
    assert claimed.keys() <= settled.keys() and claimed.items() != settled.items()
    assert sum(name[0] == "payload" for name in settled) == 3, "request, response, receipt"


@on_disk
async def test_a_look_at_the_store_and_a_claim_of_nothing_make_no_leaf(desk: Desk) -> None:
    """What changes nothing proves nothing."""
    before = await desk.journal.leaves()
    assert await desk.journal.ready() == ""
    assert await desk.claim() == ()
    assert await desk.journal.leaves() == before


def test_every_statement_that_writes_a_bound_table_hands_back_all_of_its_columns() -> None:
    """No statement can change a row past the evidence, but those that are named."""
    tables = {name: sql.split()[2 if sql.startswith("INSERT") else 1] for name, sql in load("queries.sql").items()}
    gone = {name: sql for name, sql in load("queries.sql").items() if sql.startswith("DELETE")}
    assert gone == {"meta.unmark": "DELETE FROM meta WHERE name = 'importing'"}, (
        "the mark of an import, which no leaf covers"
    )
    writing = {name for name, sql in load("queries.sql").items() if sql.startswith(("INSERT", "UPDATE"))}
    assert {tables[name] for name in writing} - set(BOUND) == {"leaf", "tally"}
    for name in writing:
        sql = load("queries.sql")[name]
        writes = written(name, sql)
        if tables[name] in BOUND and name not in UNREGISTERED:
            assert writes is not None and writes.table is BOUND[tables[name]]
            assert writes.values != sql.endswith(f" RETURNING {BOUND[tables[name]].columns}")
        else:
            assert writes is None
    whole = {name for name in writing if (writes := written(name, load("queries.sql")[name])) and writes.values}
    assert whole >= {"payload.put", "audit.put", "record.put", "accept.inbound_put", "settle.attempt"}


@given(st.lists(st.one_of(st.integers(-(2**62), 2**62), st.text(), st.binary(), st.none()), max_size=4))
def test_rows_that_differ_have_different_digests(columns: list[object]) -> None:
    """The digest names table and columns without ambiguity."""
    assert row_digest("a", *columns) != row_digest("b", *columns)
    assert row_digest("a", *columns) != row_digest("a", *columns, None)
    assert row_digest("a", *columns) == row_digest("a", *columns)
    assert row_digest("a", "x", "y") != row_digest("a", "xy")
