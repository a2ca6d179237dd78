"""PostgreSQL at an earlier moment, as docs/operations.md says: base backup, archived WAL, a target, what comes then."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.cli.demonstration.servers import PostgresServer, hand_over, unprivileged
from tests.line.program import until
from tests.postgres import Server, served
from tests.unit.moving.houses import DOSSIERS, Place, Worker

ARCHIVING = {
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_command": "test ! -f ../archive/%f && cp %p ../archive/%f.tmp && mv ../archive/%f.tmp ../archive/%f",
    "fsync": "off",
}


@contextmanager
def restored(source: Server, target: str) -> Iterator[PostgresServer]:
    """The base backup of a server that is gone, brought forward to a restore point by its archive."""
    folder = source.folder / "restored"
    (folder / "pg" / "recovery.signal").touch()
    hand_over(folder)
    settings = {
        **source.settings,
        "archive_mode": "off",
        "restore_command": f"cp {source.folder}/archive/%f %p",
        "recovery_target_name": target,
        "recovery_target_action": "promote",
    }
    server = PostgresServer(folder, source.program, settings)
    try:
        server.start()
        until(lambda: server.say("SELECT pg_is_in_recovery()") == "f", "the server has recovered")
        yield server
    finally:
        server.crash()


def test_what_was_sent_after_the_moment_is_asked_about_before_it_is_sent_again(home: Place, tmp_path: Path) -> None:
    """The restored store is noticed by itself, its evidence holds, and no message that it takes for new is sent unasked."""
    home.leave(tmp_path / "out")
    with served(**ARCHIVING) as server:
        for folder in (server.folder / "archive", server.folder / "restored"):
            folder.mkdir()
            hand_over(folder)
        place = Place(tmp_path / "node", home.lively, server.database())
        assert place.arrive(tmp_path / "out").holds
        copy = [str(server.program / "pg_basebackup"), "-d", server.dsn(), "-D", str(server.folder / "restored" / "pg")]
        subprocess.run([*unprivileged(), *copy, "-X", "none", "-c", "fast"], check=True, capture_output=True, cwd="/")

        async def before() -> None:
            journal = place.open()
            await home.lively.event(journal, "HS-50", 1)
            await journal.close()

        asyncio.run(before())
        server.say("SELECT pg_create_restore_point('before')")
        lost = Worker(place)

        async def after() -> None:
            journal = place.open()
            await lost.deliver(journal)
            await home.lively.event(journal, "HS-51", 1)
            await journal.close()

        asyncio.run(after())
        last = server.say("SELECT pg_walfile_name(pg_switch_wal())")
        until(lambda: (server.folder / "archive" / last).exists(), "the log is archived")
        name = place.dsn.rpartition("/")[2]
        server.crash()
        with restored(server, "before") as again:
            back = Place(tmp_path / "node", home.lively, again.dsn(name))
            worker = Worker(back)

            async def look() -> None:
                journal = back.open()
                rows = await journal.feed(0, 10_000, feed_only=False)
                (told,) = [json.loads(row.fields) for row in rows if row.kind == "store.restored"]
                assert told["sign"] == "server"
                assert await journal.deliveries_of("HS-50"), "accepted before the moment"
                assert not await journal.deliveries_of("HS-51"), "lost: its sector system pushes it again"
                await worker.deliver(journal)
                for dossier in DOSSIERS:
                    await journal.deliveries_of(dossier)
                await journal.close()

            asyncio.run(look())
            sent = {one for one, _, _ in worker.sent}
            assert sent >= {one for one, _, _ in lost.sent if not one.startswith("HS-51")}
            assert sent == set(worker.doubted)
            report = back.check()
            assert report.faults == []
            assert report.holds


def test_a_node_at_work_notices_that_its_commits_are_gone(home: Place, tmp_path: Path) -> None:
    """As after a failover to a standby that lagged behind: it goes on without a restart, asks before it sends, and says so."""
    home.leave(tmp_path / "out")
    with served(fsync="off") as server:
        place = Place(tmp_path / "node", home.lively, server.database())
        assert place.arrive(tmp_path / "out").holds
        before = server.folder / "before"
        lost, worker = Worker(place), Worker(place)

        async def work() -> None:
            journal = place.open()
            await home.lively.event(journal, "HS-60", 1)
            server.crash()
            shutil.copytree(server.folder / "pg", before)
            server.start()  # from this thread: the server ends with who started it
            await lost.deliver(journal)
            await home.lively.event(journal, "HS-61", 1)
            server.crash()
            (server.folder / "pg").rename(server.folder / "gone")
            before.rename(server.folder / "pg")
            for path in ((server.folder / "pg"), *(server.folder / "pg").rglob("*")):
                shutil.chown(path, *_owner(server.folder / "gone"))
            server.start()  # from this thread: the server ends with who started it
            assert await journal.ready() == ""
            await worker.deliver(journal)
            rows = await journal.feed(0, 10_000, feed_only=False)
            (told,) = [json.loads(row.fields) for row in rows if row.kind == "store.restored"]
            assert told["sign"] == "failover"
            assert not await journal.deliveries_of("HS-61")
            await journal.close()

        asyncio.run(work())
        assert worker.sent
        assert {one for one, _, _ in worker.sent} == set(worker.doubted)
        assert place.check().faults == []


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid
