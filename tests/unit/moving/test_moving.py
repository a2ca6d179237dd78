"""Moving house: from one store to another and back nothing changes, and nothing that was altered on the way is let in."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import asyncpg
import msgspec
import pytest

from gateway.journal import carried
from gateway.journal.arriving import HalfImported
from gateway.journal.cabinet_shared import SharedCabinet
from gateway.journal.carried import MANIFEST, BadExport
from gateway.journal.model import DeliveryState
from gateway.journal.sealing import WrongKey
from gateway.journal.shared_tables import session
from gateway.journal.statements import migrations
from gateway.journal.unpacking import NotEmpty
from tests.postgres import off_loop
from tests.unit.moving.houses import Place, Worker, everything

Places = Callable[[str], Place]
STAYS = {"upstream_slot", "newest_chain", "shelf", "content", "content_piece"}
"""Tables that no row moves in: seats, which start may write; sealed bodies and uploaded files, which move as files."""


def read(place: Place) -> dict[str, object]:
    """Everything that the journal there tells."""

    async def look() -> dict[str, object]:
        journal = place.open()
        try:
            return await everything(journal)
        finally:
            await journal.close()

    return asyncio.run(look())


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of an export, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def delivered(place: Place) -> Worker:
    """Open it and let a worker deliver what it can."""
    worker = Worker(place)

    async def work() -> None:
        journal = place.open()
        await worker.deliver(journal)
        await journal.close()

    asyncio.run(work())
    return worker


async def stand(place: Place) -> set[str]:
    """In which partitions there are payloads."""
    connection = await asyncpg.connect(place.dsn)
    try:
        return {row[0] for row in await connection.fetch("SELECT DISTINCT tableoid::regclass::text FROM payload")}
    finally:
        await connection.close()


def test_a_store_moves_to_postgresql_and_back_and_every_read_tells_the_same(
    home: Place, elsewhere: Places, database: Places, tmp_path: Path
) -> None:
    """Deliveries, lanes, the feed from every cursor, records, originals, counts; the evidence holds at each stop."""
    shared, back = database("shared"), elsewhere("back")
    home.leave(tmp_path / "out")
    before = read(home)
    assert shared.arrive(tmp_path / "out").holds
    assert asyncio.run(stand(shared)) == {"payload_moved"}, "no new month reads through what moved, nor goes with it"
    assert read(shared) == before
    assert shared.check().faults == []
    cabinet = SharedCabinet(shared.options, "gateway-1/next")
    assert cabinet.bring_in(shared.folder / "content") == 2, "as its first start does"
    cabinet.close()
    shared.leave(tmp_path / "again")
    assert back.arrive(tmp_path / "again").holds
    assert read(back) == before
    assert back.check().faults == []
    content = {name: raw for name, raw in files_of(home.folder).items() if name.startswith(("content", "files"))}
    assert {name: raw for name, raw in files_of(back.folder).items() if name in content} == content
    assert len(content) >= 3, "sealed files and files of the cabinet"


def test_the_evidence_holds_through_many_moves_with_work_between_them(
    home: Place, elsewhere: Places, database: Places, tmp_path: Path
) -> None:
    """Rows are written over in each house: which leaf is the last of a row stays known, and old chains stay whole."""
    place = home
    for number in range(4):
        delivered(place)
        out = tmp_path / f"out-{number}"
        place.leave(out)
        place = database(f"d-{number}") if number % 2 == 0 else elsewhere(f"e-{number}")
        assert place.arrive(out).holds

        async def more(place: Place = place, number: int = number) -> None:
            journal = place.open()
            await place.lively.event(journal, "HS-1", 10 + number)
            await place.lively.event(journal, f"HS-3{number}", 1, carried=b"long" * 500)
            rows = await journal.feed(0, 10_000, feed_only=False)
            assert [row.kind for row in rows].count("store.moved") == number + 1
            positions = [row.position for row in rows]
            assert positions == sorted(set(positions))
            assert rows[-1].dossier == f"HS-3{number}", "the newest row is the last: no cursor misses it"
            await journal.close()

        asyncio.run(more())
        assert place.check().faults == []


def test_the_worker_goes_on_where_it_stopped(home: Place, database: Places, tmp_path: Path) -> None:
    """Nothing is sent twice that was settled, each lane keeps its order, what was under way comes back in doubt."""
    home.leave(tmp_path / "out")
    shared, here = database("shared"), Place(home.folder, home.lively)
    assert shared.arrive(tmp_path / "out").holds
    there = delivered(shared)
    stayed = delivered(here)
    assert sorted(there.sent) == sorted(stayed.sent), "the same messages, each as often"
    assert len(set(there.sent)) == len(there.sent) > 5
    assert sorted(there.doubted) == sorted(stayed.doubted) != []
    for upstream in {name for _, name, _ in there.sent}:
        for dossier in {one.split("-")[1] for one, _, _ in there.sent}:
            order = [n for one, name, n in there.sent if name == upstream and one.split("-")[1] == dossier]
            assert order == sorted(order)
    assert shared.check().faults == []


@pytest.mark.parametrize("kind", ["embedded", "shared"])
def test_an_import_that_was_killed_at_any_part_goes_on_and_ends_the_same(
    kind: str, home: Place, elsewhere: Places, database: Places, tmp_path: Path
) -> None:
    """Until it is whole the store opens for nobody; a part is never put twice."""

    class Killed(BaseException):
        """The process is gone here."""

    home.leave(tmp_path / "out")
    before = read(home)
    target = elsewhere("new") if kind == "embedded" else database("new")
    left = [0]

    def reach(_point: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    parts = len(carried.read_manifest(tmp_path / "out").parts)
    for at in range(1, parts + 1):
        left[0] = 2  # one part is kept, the next is lost before its commit
        if at < parts:
            with pytest.raises(Killed):
                target.arrive(tmp_path / "out", reach=reach)
            with pytest.raises(HalfImported, match=f"{at}/{parts}"):
                target.open()
    assert target.arrive(tmp_path / "out").holds
    assert read(target) == before
    assert target.check().faults == []
    with pytest.raises(NotEmpty):
        target.arrive(tmp_path / "out")


def test_an_export_that_was_killed_with_sigkill_goes_on_and_ends_the_same(home: Place, tmp_path: Path) -> None:
    """Parts that are there are not written again; half of a part is none."""
    home.leave(tmp_path / "whole")
    code = (
        "import sys; from pathlib import Path; from gateway.journal import embedded_tables as e; "
        "from gateway.journal.packing import House, pack; from gateway.observe.crash import killer\n"
        "home, out, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]\n"
        "with e.read(home) as t:\n"
        "    pack(House(t, home / 'files', home / 'content', '2026-11-22T00:00:00+00:00'), out, lambda p: None, "
        "killer(f'export.part:{at}'))\n"
    )
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for at in (1, 6, 5):
        words = [sys.executable, "-c", code, str(home.folder), str(tmp_path / "out"), str(at)]
        assert subprocess.run(words, env=where, check=False).returncode == -signal.SIGKILL
    packed = home.leave(tmp_path / "out")
    assert packed.resumed == 9, "of 1 + 6 + 5 parts the last of each run was not noted"
    assert not packed.restarted
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def test_an_import_that_was_killed_with_sigkill_goes_on_and_ends_the_same(
    home: Place, elsewhere: Places, tmp_path: Path
) -> None:
    """The real thing: the process is gone between two parts, in the transaction of one."""
    home.leave(tmp_path / "out")
    code = (
        "import sys; from pathlib import Path; from gateway.journal import embedded_tables as e; "
        "from gateway.journal.sealing import KeyRing; from gateway.journal.unpacking import NewHouse, Unpacking; "
        "from gateway.observe.crash import killer\n"
        "out, new, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]\n"
        "with e.new(new, 5) as t:\n"
        "    u = Unpacking(out, NewHouse(t, new / 'files', new / 'content'), killer(f'import.part:{at}'))\n"
        "    u.load(u.check(KeyRing(b'k' * 32)))\n"
    )
    where, target = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, elsewhere("new")
    for at in (1, 6, 5):
        words = [sys.executable, "-c", code, str(tmp_path / "out"), str(target.folder), str(at)]
        assert subprocess.run(words, env=where, check=False).returncode == -signal.SIGKILL
        with pytest.raises(HalfImported):
            target.open()
    assert target.arrive(tmp_path / "out").holds
    assert read(target) == read(home)


def test_an_export_begins_anew_when_the_store_has_moved_on(home: Place, tmp_path: Path) -> None:
    """Two moments never stand in one export."""

    class Killed(BaseException):
        """The process is gone here."""

    def reach(_point: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        home.leave(tmp_path / "out", reach)
    asyncio.run(home.open().close())
    packed = home.leave(tmp_path / "out")
    assert packed.restarted
    assert packed.resumed == 0
    assert home.leave(tmp_path / "out").manifest == packed.manifest, "called once more it is what it was"
    asyncio.run(home.open().close())
    with pytest.raises(BadExport, match="thời điểm khác"):
        home.leave(tmp_path / "out")


def test_one_altered_byte_anywhere_is_refused_by_name(home: Place, elsewhere: Places, tmp_path: Path) -> None:
    """In a row, in a sealed file, in a file of the cabinet, in the manifest: and nothing of it has come in."""
    out = tmp_path / "out"
    home.leave(out)
    names = files_of(out)
    assert len(names) > 18
    for name, raw in names.items():
        for at in {0, len(raw) // 3, len(raw) - 1}:
            (out / name).write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
            with pytest.raises(BadExport) as refused:
                elsewhere("new").arrive(out)
            assert name.rpartition("/")[2] in str(refused.value)
        (out / name).unlink()
        with pytest.raises(BadExport, match=name.rpartition("/")[2]):
            elsewhere("new").arrive(out)
        (out / name).write_bytes(raw)
    assert elsewhere("new").arrive(out).holds


def reseal(out: Path, part: str, raw: bytes) -> None:
    """Make the digests of an export fit what somebody has written into a part."""
    manifest = carried.read_manifest(out)
    (out / "rows" / part).write_bytes(raw)
    parts = [
        msgspec.structs.replace(one, sha256=hashlib.sha256(raw).hexdigest()) if one.name == part else one
        for one in manifest.parts
    ]
    (out / MANIFEST).write_bytes(msgspec.json.encode(carried.sealed(manifest.store, parts)))


@pytest.mark.parametrize("kind", ["embedded", "shared"])
def test_who_alters_a_row_and_mends_every_digest_is_found_by_the_evidence(
    kind: str, home: Place, elsewhere: Places, database: Places, tmp_path: Path
) -> None:
    """The store stays shut."""
    out = tmp_path / "out"
    home.leave(out)
    part = "09-audit-00001"
    raw = (out / "rows" / part).read_bytes()
    assert raw.count(b"officer-1") > 1
    reseal(out, part, raw.replace(b"officer-1", b"officer-2", 1))
    target = elsewhere("new") if kind == "embedded" else database("new")
    report = target.arrive(out)
    assert [fault.row.startswith('["audit",') for fault in report.faults] == [True]
    with pytest.raises(HalfImported):
        target.open()


def test_a_sealed_file_that_came_along_is_examined_in_its_new_place(
    home: Place, database: Places, tmp_path: Path
) -> None:
    """What rows name by its digest stands in a table there; altered or gone, it is named, and its reader is told."""
    home.leave(tmp_path / "out")
    place = database("shared")
    assert place.arrive(tmp_path / "out").holds
    asyncio.run(place.open().close())

    async def touch(sql: str) -> None:
        connection = await asyncpg.connect(place.dsn)
        await connection.execute(sql)
        await connection.close()

    for sql in (
        "UPDATE shelf SET sealed = sealed || 'x' WHERE name = (SELECT min(name) FROM shelf)",
        "DELETE FROM shelf",
    ):
        off_loop(touch(sql))
        faults = place.check().faults
        assert faults
        assert all(fault.row.startswith(('["payload",', '["receipt",', '["record",')) for fault in faults)
    worker, whole = delivered(place), delivered(home)
    missing = {one for one, _, _ in whole.sent} - {one for one, _, _ in worker.sent}
    assert "HS-20-1/national_dvc" in missing, "its lane is held, and says why"


def test_every_line_is_what_a_leaf_covers(home: Place, tmp_path: Path) -> None:
    """The bytes before the TAB, by SHA-256: whoever has the export can check it without this program."""
    out = tmp_path / "out"
    home.leave(out)
    covered = set()
    for raw in (out / "rows" / "15-leaf-00001").read_bytes().splitlines():
        (_, _, _, _, covers, _) = json.loads(raw)
        whole = msgspec.convert(covers, bytes, strict=False)
        covered |= {whole[at : at + 32] for at in range(0, len(whole), 32)}
    for part in carried.read_manifest(out).parts:
        if part.table not in {"leaf", "tally", "shelf", "content", carried.CABINET}:
            for raw in (out / "rows" / part.name).read_bytes().splitlines():
                assert hashlib.sha256(raw.partition(b"\t")[0]).digest() in covered, raw


def test_what_is_not_for_this_store_is_refused(
    home: Place, elsewhere: Places, database: Places, tmp_path: Path
) -> None:
    """Another key, a newer format, another export half taken in, a store with rows."""
    out, other = tmp_path / "out", tmp_path / "other"
    home.leave(out)
    with pytest.raises(WrongKey):
        elsewhere("new").arrive(out, kek=bytes(32))
    with pytest.raises(NotEmpty):
        home.arrive(out)
    shutil.copytree(out, other)
    manifest = carried.read_manifest(out)
    newer = msgspec.structs.replace(manifest.store, version=carried.VERSION + 1)
    (other / MANIFEST).write_bytes(msgspec.json.encode(carried.sealed(newer, manifest.parts)))
    with pytest.raises(BadExport, match="mới hơn"):
        elsewhere("new").arrive(other)
    later = msgspec.structs.replace(manifest.store, made_at="later")
    (other / MANIFEST).write_bytes(msgspec.json.encode(carried.sealed(later, manifest.parts)))
    target = database("new")
    assert target.arrive(out).holds
    with pytest.raises(NotEmpty):
        target.arrive(other)


def test_every_table_and_column_moves_or_is_named_here(database: Places) -> None:
    """A table that somebody adds later cannot be forgotten; bytes are known as bytes."""
    fresh = apsw.Connection(":memory:")
    for step in migrations():
        fresh.execute(step.sql)
    tables = {str(row[0]) for row in fresh.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    moving = {one.name: one for one in carried.tables(shared=False)}
    assert tables - STAYS == moving.keys()
    for name, one in moving.items():
        for column in fresh.execute(f"PRAGMA table_info({name})"):
            told, kind = str(column[1]), str(column[2])
            if told in one.columns:
                assert (kind == "BLOB") == (told in carried.bytes_of(name)), (name, told)
            elif told not in one.more:
                assert name == "node", (name, told)
    place = database("new")

    with session(place.options, 5):
        pass

    async def shared() -> dict[str, set[str]]:
        connection = await asyncpg.connect(place.dsn)
        found = await connection.fetch(
            "SELECT c.relname AS t, a.attname AS a FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
            "AND a.attnum > 0 AND NOT a.attisdropped"
        )
        await connection.close()
        made: dict[str, set[str]] = {}
        for row in found:
            made.setdefault(row["t"], set()).add(row["a"])
        return made

    stands = off_loop(shared())
    assert stands.keys() - STAYS == moving.keys()
    for one in carried.tables(shared=True):
        left = stands[one.name] - set(one.columns) - set(one.more)
        assert left == set() or one.name in {"node", "tally", "migration"}, (one.name, left)


def test_the_states_of_the_lively_store_are_all_there(home: Place) -> None:
    """What moves in these tests is not a store at rest."""
    seen = read(home)
    messages = seen["messages"]
    assert isinstance(messages, dict)
    assert {state for _, state in messages} == set(DeliveryState)
    assert seen["parked"] != ()
