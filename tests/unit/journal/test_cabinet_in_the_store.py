"""The cabinet in the shared store: any node hands on what another took; no crash, sweep or edit makes half a file a whole one."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from gateway.errors import JournalUnavailable
from gateway.evidence.check import check_shared
from gateway.evidence.log import chain
from gateway.journal.cabinet import Draft
from gateway.journal.cabinet_folder import FolderCabinet
from gateway.journal.cabinet_shared import PIECE, SILENT_S, SharedCabinet
from gateway.journal.chunks import CHUNK
from gateway.journal.model import Beat, Decision, InboundStatus, InboundWrite, Intake, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.sealing import SealBroken
from gateway.journal.session import DatabaseOptions
from gateway.records import files
from gateway.records.files import StoredFile, Swept, sweep
from tests.postgres import Server

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Turned

KEK = bytes(range(32))
DOSSIER, DIGEST = "000.00.00.G00-261120-0042", "aa" * 32
LABEL = files.label(DOSSIER, DIGEST)
DAY = 86_400.0


def decide(_situation: Situation, intake: Intake) -> Decision:
    """The test decides."""
    assert isinstance(intake.subject, Decision)
    return intake.subject


@dataclass
class House:
    """Nodes on one database, each start with its journal and its cabinet."""

    server: Server
    dsn: str
    turned: Turned
    opened: list[tuple[PostgresJournal, SharedCabinet]] = field(default_factory=list)

    def start(self, node: str) -> tuple[PostgresJournal, SharedCabinet]:
        """A start of a node, not swept yet."""
        options = DatabaseOptions(node, self.dsn, KEK, connect_s=2.0)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=self.turned.clock())
        made = journal, SharedCabinet(options, journal.writer)
        self.opened.append(made)
        return made

    async def close(self) -> None:
        """All of them."""
        for journal, cabinet in self.opened:
            await journal.close()
            await asyncio.to_thread(cabinet.close)

    async def do(self, sql: str) -> list[Any]:
        """Something by hand."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()


@pytest.fixture
async def house(database_server: Server, turned: Turned) -> AsyncIterator[House]:
    """A fresh database."""
    made = House(database_server, database_server.database(), turned)
    yield made
    await made.close()
    database_server.drop(made.dsn)


async def beat(journal: PostgresJournal) -> None:
    """Say that this start lives."""
    await journal.beat(Beat())


async def named(journal: PostgresJournal, draft: Draft) -> None:
    """The row that names a file."""
    kept = StoredFile(draft.place, draft.key, "application/pdf", draft.size, b"signed")
    record = files.write(DOSSIER, DIGEST, kept, 1)
    decision = Decision(b"{}", 200, records=(record,))
    await journal.accept(Intake("file", "SRC", draft.place, DOSSIER, hashlib.sha256(b"").digest(), b"", decision))


async def stored(cabinet: SharedCabinet, content: bytes) -> Draft:
    """A whole file."""
    draft = await cabinet.run(cabinet.draft, LABEL)
    for at in range(0, len(content), 300_000):
        await cabinet.run(draft.write, content[at : at + 300_000])
    await cabinet.run(draft.finish)
    return draft


async def read(cabinet: SharedCabinet, draft: Draft) -> bytes:
    """All that a file holds."""
    file = cabinet.content(draft.place, draft.key, LABEL)
    whole = bytearray()
    try:
        while chunk := await cabinet.run(file.next_chunk):
            whole += chunk
    finally:
        await cabinet.run(file.close)
    return bytes(whole)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, PIECE - 100, PIECE, 3 * PIECE + 5])
async def test_what_one_node_took_another_reads_when_the_first_is_gone(house: House, size: int) -> None:
    """Byte by byte, on both sides of every border; no piece is larger than one piece, and nothing of it stands in the clear."""
    content = (b"GIAY PHEP MAU " * (size // 14 + 1))[:size]
    first, ours = house.start("node-1")
    draft = await stored(ours, content)
    assert (draft.size, draft.digest()) == (size, hashlib.sha256(content).digest())
    await named(first, draft)
    await ours.run(ours.settle, draft.place)
    await house.close()
    house.opened.clear()
    _, theirs = house.start("node-2")
    assert await theirs.run(theirs.has, draft.place)
    assert await read(theirs, draft) == content
    ((most, clear),) = await house.do(
        "SELECT max(octet_length(sealed)), count(*) FILTER (WHERE position('GIAY PHEP'::bytea IN sealed) > 0) FROM content_piece"
    )
    assert most <= PIECE and clear == 0


STEPS = ("begun", "half", "sent", "whole", "named", "settled")


async def fallen(house: House, step: str) -> Draft:
    """An upload at a node that falls right after a step."""
    journal, cabinet = house.start("node-1")
    await beat(journal)
    draft = await cabinet.run(cabinet.draft, LABEL)
    if step != "begun":
        await cabinet.run(draft.write, os.urandom(PIECE + 300_000))
    if step in STEPS[2:]:
        await cabinet.run(draft.write, os.urandom(PIECE))
    if step in STEPS[3:]:
        await cabinet.run(draft.finish)
    if step in STEPS[4:]:
        await named(journal, draft)
    if step == "settled":
        await cabinet.run(cabinet.settle, draft.place)
    return draft


WHAT_IS_FOUND = {
    "begun": (Swept(parts=1), False),
    "half": (Swept(parts=1), False),
    "sent": (Swept(parts=1), False),
    "whole": (Swept(young=1), True),
    "named": (Swept(settled=1), True),
    "settled": (Swept(), True),
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_between_any_two_steps_is_put_right_at_the_next_start(house: House, step: str) -> None:
    """What never became whole goes, what a row names is settled, what came without a row waits until it is old, then goes."""
    draft = await fallen(house, step)
    found, stays = WHAT_IS_FOUND[step]
    journal, cabinet = house.start("node-1")
    assert await sweep(cabinet, journal, DAY) == found
    assert await cabinet.run(cabinet.has, draft.place) is stays
    assert await sweep(cabinet, journal, DAY) == (Swept(young=1) if step == "whole" else Swept()), "once is enough"
    if step == "whole":
        assert await sweep(cabinet, journal, 0.0) == Swept(orphans=1)
        stays = False
    ((count,),) = await house.do("SELECT count(*) FROM content_piece")
    assert bool(count) is stays
    if stays:
        assert len(await read(cabinet, draft)) == draft.size


async def test_no_start_takes_from_another_node_what_it_is_receiving(house: House) -> None:
    """However long it takes: who beats is receiving. Who has been silent is not, and its late piece is refused."""
    first, receiving = house.start("node-1")
    await beat(first)
    draft = await receiving.run(receiving.draft, LABEL)
    await receiving.run(draft.write, os.urandom(PIECE))
    await house.do("UPDATE content SET touched = 0")
    second, other = house.start("node-2")
    assert await sweep(other, second, 0.0) == Swept(), "old, but its receiver lives"
    await receiving.run(draft.write, os.urandom(PIECE))
    await house.do(f"UPDATE node SET beat = beat - {round(SILENT_S * 1_000_000) + 1}")
    assert await sweep(other, second, 0.0) == Swept(), "silent, but something came just now"
    await house.do("UPDATE content SET touched = 0")
    assert await sweep(other, second, 0.0) == Swept(parts=1)
    with pytest.raises(JournalUnavailable):
        await receiving.run(draft.write, os.urandom(2 * PIECE))
    with pytest.raises(JournalUnavailable):
        await receiving.run(draft.finish)
    await receiving.run(draft.drop)
    assert not await other.run(other.has, draft.place)


ALTERED = {
    "a bit": "UPDATE content_piece SET sealed = set_byte(sealed, 900000, get_byte(sealed, 900000) # 1) WHERE n = 1",
    "a piece that is gone": "DELETE FROM content_piece WHERE n = 1",
    "two pieces in each other's place": "UPDATE content_piece p SET sealed = o.sealed FROM content_piece o "
    "WHERE p.n IN (0, 1) AND o.n = 1 - p.n",
    "an end that is cut off": "UPDATE content SET pieces = 2",
    "a piece put behind": "INSERT INTO content_piece SELECT place, 3, sealed FROM content_piece WHERE n = 1; "
    "UPDATE content SET pieces = 4",
    "everything gone": "DELETE FROM content",
    "the head": "UPDATE content_piece SET sealed = set_byte(sealed, 3, 0) WHERE n = 0",
}


@pytest.mark.parametrize("change", sorted(ALTERED))
async def test_a_file_that_was_altered_in_the_database_is_not_given_out_as_whole(house: House, change: str) -> None:
    """Each chunk opens in its place only, and an end that is no end is noticed."""
    _, cabinet = house.start("node-1")
    draft = await stored(cabinet, os.urandom(2 * PIECE + 900_000))
    connection = await asyncpg.connect(house.dsn)
    await connection.execute(ALTERED[change])
    await connection.close()
    with pytest.raises(SealBroken):
        await read(cabinet, draft)


async def test_a_connection_that_breaks_off_is_made_again_and_no_server_is_told_as_busy(house: House) -> None:
    """Every statement may be said twice; nothing is doubled by it. Where nothing answers, the caller is to repeat."""
    _, cabinet = house.start("node-1")
    content = os.urandom(2 * PIECE + 5)
    draft = await cabinet.run(cabinet.draft, LABEL)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for at in range(0, len(content), PIECE):
        await house.do(cut)
        await cabinet.run(draft.write, content[at : at + PIECE])
    await house.do(cut)
    await cabinet.run(draft.finish)
    await house.do(cut)
    assert await read(cabinet, draft) == content
    nowhere = SharedCabinet(DatabaseOptions("node-1", house.dsn + "_gone", KEK, connect_s=2.0), "node-1/x")
    for work in (lambda: nowhere.draft(LABEL), lambda: nowhere.has(draft.place), nowhere.leftovers, nowhere.drop_parts):
        with pytest.raises(JournalUnavailable):
            await nowhere.run(work)
    with pytest.raises(JournalUnavailable):
        await read(nowhere, draft)
    await nowhere.run(nowhere.discard, draft.place)  # left to the next sweep
    await asyncio.to_thread(nowhere.close)


async def test_what_is_refused_leaves_nothing(house: House) -> None:
    """Dropped in the middle, or whole and without a row; what a row names is not dropped by mistake."""
    _, cabinet = house.start("node-1")
    half = await cabinet.run(cabinet.draft, LABEL)
    await cabinet.run(half.write, os.urandom(PIECE + 300_000))
    await cabinet.run(half.drop)
    await cabinet.run(half.write, b"more")
    await cabinet.run(half.finish)
    whole = await stored(cabinet, b"whole")
    await cabinet.run(whole.drop)
    assert await house.do("SELECT 1 FROM content UNION ALL SELECT 1 FROM content_piece") == []
    kept = await stored(cabinet, b"kept")
    await cabinet.run(cabinet.settle, kept.place)
    await cabinet.run(kept.drop)
    assert await read(cabinet, kept) == b"kept"


async def test_files_of_a_folder_are_brought_in_under_their_places(house: House, tmp_path: Path) -> None:
    """A store that moved here names them; a crash midway is made good, and what is in the store has left the folder."""
    folder = FolderCabinet(tmp_path)
    drafts = []
    for content in (b"", os.urandom(PIECE + 1), b"paper"):
        draft = await folder.run(folder.draft, LABEL)
        await folder.run(draft.write, content)
        await folder.run(draft.finish)
        await folder.run(folder.settle, draft.place)
        drafts.append((draft, content))
    await asyncio.to_thread(folder.close)
    journal, cabinet = house.start("node-1")
    await cabinet.run(lambda: cabinet.ask("content.begin", drafts[1][0].place, "node-0/crashed"))
    await cabinet.run(lambda: cabinet.ask("content.piece", drafts[1][0].place, 0, b"half of it"))
    assert await cabinet.run(cabinet.bring_in, tmp_path) == 3
    assert [await read(cabinet, draft) for draft, _ in drafts] == [content for _, content in drafts]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert await cabinet.run(cabinet.bring_in, tmp_path) == 0
    assert await sweep(cabinet, journal, 0.0) == Swept(), "they are settled"


async def test_a_large_body_stands_in_its_row_and_is_found_whole_by_the_evidence(house: House) -> None:
    """24 MB of an original, in one transaction."""
    journal, _ = house.start("node-1")
    raw = os.urandom(24 * 1024 * 1024)
    digest = hashlib.sha256(raw).digest()
    written = InboundWrite("large", 1, InboundStatus.ACCEPTED, digest, raw, b"{}")
    await journal.accept(
        Intake("event", "SRC", "large", DOSSIER, digest, raw, Decision(b"{}", 202, inbound=(written,)), 1)
    )
    assert await journal.original("SRC", "large") == raw
    auditor = DatabaseOptions("auditor", house.dsn, b"")
    assert (await asyncio.to_thread(check_shared, auditor)).holds
    touched = "set_byte(sealed, 20000000, 255 - get_byte(sealed, 20000000))"
    await house.do(f"UPDATE payload SET sealed = {touched} WHERE length(sealed) > 99999")
    assert (await asyncio.to_thread(check_shared, auditor)).count == 1
