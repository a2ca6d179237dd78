"""After a restore nothing is sent a second time unasked: whatever the restored store holds open comes into doubt first."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from gateway.clock import to_micros
from gateway.journal import backing_up
from gateway.journal.backing_up import NOTE, BadBackup, Places, back_up, note_of, restore
from gateway.journal.kept import KeptJournal
from gateway.journal.model import DeliveryState, LaneOrder, OrderKind
from gateway.journal.restoring import Restored
from tests.postgres import off_loop
from tests.unit.evidence.lively import PUSHED
from tests.unit.moving.houses import Place, Worker, everything

MOMENT = "2026-11-22T00:00:00+00:00"


def saved(place: Place, folder: Path) -> Path:
    """A backup of an embedded store."""
    back_up(Places(place.folder, place.folder / "content"), folder, MOMENT)
    return folder


async def restored_rows(journal: KeptJournal) -> list[dict[str, object]]:
    """What the trail tells of restores."""
    rows = await journal.feed(0, 10_000, feed_only=False)
    return [json.loads(row.fields) for row in rows if row.kind == "store.restored"]


async def open_messages(journal: KeptJournal) -> set[str]:
    """The deliveries that are not over yet."""
    over = {DeliveryState.DELIVERED, DeliveryState.REFUSED, DeliveryState.SUPERSEDED}
    found = set()
    for number in (*range(1, 10), 20):
        found |= {row.delivery_id for row in await journal.deliveries_of(f"HS-{number}") if row.state not in over}
    return found


async def test_a_backup_is_taken_while_the_gateway_writes_and_holds(home: Place, tmp_path: Path) -> None:
    """One moment of the store, its files with it; what came later is not in it, and its evidence is whole."""
    journal = home.open()
    before = await everything(journal)
    stop = asyncio.Event()

    async def busy() -> None:
        number = 100
        while not stop.is_set():
            number += 1
            await home.lively.event(journal, f"HS-{number}", 1, carried=b"long" * 500)

    work = asyncio.create_task(busy())
    try:
        copies = [await asyncio.to_thread(saved, home, tmp_path / f"copy-{number}") for number in range(3)]
    finally:
        stop.set()
        await work
        await journal.close()
    for copy in copies:
        assert Place(copy, home.lively).check().faults == []
    place = Place(tmp_path / "again", home.lively)
    restore(copies[0], Places(place.folder, place.folder / "content"))
    opened = place.open()
    after = await everything(opened)
    await opened.close()
    for name in ("original ('SEC-DEMO', 'HS-20-1')", "events HS-20", "records course"):
        assert str(before[name])[:200] == str(after[name])[:200]
    assert (place.folder / "content" / "a1" / "a1f0").read_bytes() == b"a1/a1f0" * 1_000


async def test_a_restored_backup_asks_about_everything_that_was_open_before_it_sends(
    home: Place, tmp_path: Path
) -> None:
    """What was delivered after the backup is open again in it: nothing of that is sent unasked, and what comes later is."""
    copy = saved(home, tmp_path / "copy")
    journal = home.open()
    lost = Worker(home)
    await lost.deliver(journal)
    assert lost.sent
    await journal.close()
    place = Place(tmp_path / "again", home.lively)
    restore(copy, Places(place.folder, place.folder / "content"))
    journal = place.open()
    try:
        (told,) = await restored_rows(journal)
        assert told["sign"] == "backup"
        assert journal.doubted is not None, "the gateway raises an alarm"
        assert journal.doubted.deliveries == told["deliveries"]
        was_open = await open_messages(journal)
        assert {one for one, _, _ in lost.sent} <= was_open
        await home.lively.event(journal, "HS-77", 1)
        worker = Worker(place)
        await worker.deliver(journal)
        sent = {one for one, _, _ in worker.sent}
        assert {one for one, _, _ in lost.sent} <= sent
        assert sent - set(worker.doubted) == {"HS-77-1/national_dvc", "HS-77-1/resolution"}
    finally:
        await journal.close()
    assert place.check().faults == []
    assert not (place.folder / NOTE).exists()
    again = place.open()
    assert len(await restored_rows(again)) == 1, "once"
    assert again.doubted is None
    await again.close()


async def test_no_cursor_of_the_feed_hides_what_comes_after_a_restore(home: Place, tmp_path: Path) -> None:
    """A reader saw rows of the lost time; their numbers are not given again, and what was left out is no hole."""
    copy = saved(home, tmp_path / "copy")
    journal = home.open()
    for sequence in range(1, 6):
        await home.lively.event(journal, "HS-79", sequence)
    cursor = (await journal.feed(0, 10_000))[-1].position
    await journal.close()
    place = Place(tmp_path / "again", home.lively)
    restore(copy, Places(place.folder, place.folder / "content"))
    for number in (1, 2):
        journal = place.open()
        await home.lively.event(journal, f"HS-8{number}", 1)
        assert [row.dossier for row in await journal.feed(cursor, 10_000) if row.dossier] == [f"HS-8{number}"]
        cursor = (await journal.feed(0, 10_000))[-1].position
        assert cursor < 1 << 53
        await journal.restored(Restored("operator", to_micros(home.lively.turned.now()), "phục hồi máy ảo"))
        await journal.close()
        assert place.check().faults == []


async def test_a_held_message_stays_held_and_is_asked_about_when_it_is_released(home: Place) -> None:
    """A person's decision is not undone by a restore, nor does a release send what may have been sent."""
    journal = home.open()
    try:
        held = [row for row in await journal.lanes(blocked_only=True) if row.state is DeliveryState.HELD]
        assert held
        now = to_micros(home.lively.turned.now())
        told = await journal.restored(Restored("operator", now, "phục hồi máy ảo", "officer-1"))
        assert told.deliveries > 0
        assert [row for row in await journal.lanes(blocked_only=True) if row.state is DeliveryState.HELD] == held
        for row in held:
            order = LaneOrder(OrderKind.RELEASE, row.upstream, row.dossier, "đã xem xét xong", "officer-1")
            assert "tra cứu" in (await journal.order(order, home.lively.turned.now())).message_vi
        counts = await journal.counts()
        assert sum(n for (_, state), n in counts.messages.items() if state is DeliveryState.READY) == 0
    finally:
        await journal.close()
    assert home.check().faults == []


async def test_only_what_was_accepted_before_the_moment_is_doubted_and_only_once(home: Place) -> None:
    """What came in after the restore cannot have been sent before it."""
    journal = home.open()
    try:
        until = to_micros(home.lively.turned.now())
        await home.lively.event(journal, "HS-78", 1)
        first = await journal.restored(Restored("operator", until, "phục hồi máy ảo"))
        second = await journal.restored(Restored("operator", until, "phục hồi máy ảo"))
        assert first.deliveries > 0
        assert second.deliveries == 0
        (row,) = await journal.lanes(upstream=PUSHED, dossier="HS-78")
        assert row.state is DeliveryState.READY
        assert [row["deliveries"] for row in await restored_rows(journal)] == [first.deliveries, 0]
    finally:
        await journal.close()
    assert home.check().faults == []


def test_a_server_that_was_restored_is_noticed_at_the_first_opening(
    home: Place, database: Callable[[str], Place], tmp_path: Path
) -> None:
    """Another system identifier or timeline than the one that wrote last; a store that moved house is none."""
    place = database("shared")
    home.leave(tmp_path / "out")
    assert place.arrive(tmp_path / "out").holds

    def trail() -> list[dict[str, object]]:
        async def look() -> list[dict[str, object]]:
            journal = place.open()
            try:
                return await restored_rows(journal)
            finally:
                await journal.close()

        return asyncio.run(look())

    assert trail() == []
    assert trail() == []

    async def elsewhere() -> None:
        connection = await asyncpg.connect(place.dsn)
        await connection.execute("UPDATE cursor SET value = '1/00000001' WHERE name = 'server'")
        await connection.close()

    off_loop(elsewhere())
    (told,) = trail()
    assert told["sign"] == "server"
    assert int(str(told["deliveries"])) > 5
    worker = Worker(place)

    async def deliver() -> None:
        journal = place.open()
        await worker.deliver(journal)
        await journal.close()

    asyncio.run(deliver())
    assert worker.sent
    assert set(worker.doubted) == {one for one, _, _ in worker.sent}


def test_a_backup_that_is_not_whole_or_was_altered_is_none(home: Place, tmp_path: Path) -> None:
    """Neither is it put in place of a store that is there."""
    copy = saved(home, tmp_path / "copy")
    places = Places(tmp_path / "again", tmp_path / "again" / "content")
    with pytest.raises(BadBackup, match="đã có"):
        restore(copy, Places(home.folder, home.folder / "content"))
    with pytest.raises(BadBackup, match="đã có"):
        saved(home, tmp_path / "copy")
    raw = (copy / "journal.db").read_bytes()
    (copy / "journal.db").write_bytes(raw[:5_000] + bytes([raw[5_000] ^ 1]) + raw[5_001:])
    with pytest.raises(BadBackup, match="thay đổi"):
        restore(copy, places)
    (copy / NOTE).unlink()
    with pytest.raises(BadBackup, match="không phải"):
        note_of(copy)
    assert not (places.store / "journal.db").exists()
    shutil.rmtree(copy)
    assert not backing_up.is_restored(home.folder)
