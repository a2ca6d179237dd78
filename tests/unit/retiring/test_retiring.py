"""Old months go by order, whole or not at all; what needs them keeps them; every reader says "no longer kept" afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import resources

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # the library brings no types

from gateway.admin.coverage import CoverageDesk
from gateway.bootstrap.retirement import RetirementRefused, refuse_young
from gateway.clock import from_micros, to_micros
from gateway.config import CallerRecord
from gateway.config import Intake as IntakePolicy
from gateway.errors import NoLongerKept
from gateway.intake.validate import Limits
from gateway.intake.views import delivery_view
from gateway.journal.examining import Retired
from gateway.journal.kept import KeptJournal
from gateway.journal.model import DeliveryState, InboundStatus, LaneOrder, OrderKind
from gateway.journal.retired import RETIRED
from tests.unit.evidence.lively import KEK, PORTAL, SOURCE
from tests.unit.retiring.years import (
    APRIL_2021,
    DONE,
    FEBRUARY_2020,
    HELD,
    LATER,
    MARCH_2020,
    OLD,
    SKIPPED,
    WHO,
    Years,
)


def test_a_month_with_an_open_message_stays_and_says_whose_it_is(years: Years) -> None:
    """Neither its payload nor its attempts go; a later month of payloads may, one of attempts waits for the earlier."""
    done = years.retire(APRIL_2021)
    kept = {(hold.partition.table, hold.partition.month): hold for hold in done.kept}
    for table in ("attempt", "payload"):
        hold = kept[table, "2020-02"]
        assert (hold.code, hold.count) == ("open_messages", 1)
        assert HELD in hold.examples[0] and PORTAL in hold.examples[0]
    assert kept["attempt", "2021-03"].code == "earlier_month"
    assert "payload_2021_03" not in {hold.partition.name for hold in done.kept} and not years.there("payload_2021_03")
    assert all(years.there(name) for name in (*OLD, "attempt_2021_03"))
    assert years.check().faults == []


def test_a_parked_event_keeps_its_payload(years: Years) -> None:
    """What waits for its predecessor has not been applied: its content is still to be sent."""
    asyncio.run(years.let_held_go())
    now = years.turned.moment
    years.turned.moment = now.replace(year=2020, month=2)
    years.looked(lambda journal: years.event(journal, "HS-GAP", 5, status=InboundStatus.PARKED_GAP, to=()))
    years.turned.moment = now
    done = years.retire()
    assert [(hold.partition.name, hold.code, hold.count) for hold in done.kept] == [
        ("payload_2020_02", "parked_events", 1)
    ]
    assert not years.there("attempt_2020_02") and years.there("payload_2020_02")


def test_an_open_repair_keeps_what_may_be_sent_again(years: Years) -> None:
    """A person still sees to a difference of this dossier: the content may have to go once more."""
    asyncio.run(years.let_held_go())
    years.open_a_repair()
    assert {(hold.partition.name, hold.code) for hold in years.retire().kept} == {
        (name, "open_repairs") for name in OLD
    }
    assert all(map(years.there, OLD))


def test_what_went_is_said_to_be_no_longer_kept(years: Years) -> None:
    """Receipts, attempts, originals, replays; the answer to a repeated request is still the first one; the evidence holds."""
    asyncio.run(years.let_held_go())
    before = years.looked(lambda journal: journal.event(SOURCE, f"{DONE}-1"))
    done = years.retire()
    assert [one.partition.name for one in done.gone] == list(OLD) and done.kept == ()
    assert all(one.rows > 0 for one in done.gone) and not any(map(years.there, OLD))

    async def look(journal: KeptJournal) -> None:
        (row,) = await journal.deliveries_of(DONE)
        assert row.state is DeliveryState.DELIVERED and row.receipt == b"" and row.attempts == ()
        assert {part.what for part in row.gone} == {"receipt", "attempts"}
        view = delivery_view(row)
        assert [part["code"] for part in view["no_longer_kept"]] == ["no_longer_kept"] * 2  # type: ignore[attr-defined]
        schema = json.loads((resources.files("gateway.intake") / "schemas" / "event-view.json").read_text("utf-8"))
        Draft202012Validator({**schema, "$ref": "#/$defs/delivery", "required": [], "properties": {}}).validate(
            json.loads(msgspec.json.encode(view))
        )
        assert all("02/2020" in part.told_vi and WHO[0] not in part.told_vi for part in row.gone)
        (later,) = await journal.deliveries_of(LATER)
        assert later.receipt and later.attempts and later.gone == ()
        with pytest.raises(NoLongerKept, match=WHO[0]) as told:
            await journal.original(SOURCE, f"{DONE}-1")
        assert (told.value.status, told.value.code) == (410, "no_longer_kept")
        for dossier in (DONE, SKIPPED, HELD):
            with pytest.raises(NoLongerKept, match="02/2020"):
                await years.order(journal, OrderKind.REPLAY, dossier)
        assert (await journal.lanes(dossier=DONE)) == ()
        assert (await years.order(journal, OrderKind.REPLAY, LATER)).done
        assert await journal.event(SOURCE, f"{DONE}-1") == before
        await years.event(journal, DONE)  # the same request once more
        assert len(await journal.events_of(DONE)) == 1
        await years.event(journal, DONE, 2)

    years.looked(look)
    report = years.check()
    assert report.faults == [] and report.retired == sum(one.rows for one in done.gone)
    assert len(report.dropped) == 2 and all(WHO[0] in part for part in report.dropped)


def test_the_order_is_in_the_trail_and_in_its_record(years: Years) -> None:
    """Who, why, which month, how many rows."""
    asyncio.run(years.let_held_go())
    done = years.retire()

    async def look(journal: KeptJournal) -> None:
        rows = [row for row in await journal.feed(0, 10_000, feed_only=False) if row.kind == "partition.retired"]
        told = [json.loads(row.fields) for row in rows]
        assert {(one["table"], one["month"], one["reason"]) for one in told} == {
            ("attempt", "2020-02", WHO[1]),
            ("payload", "2020-02", WHO[1]),
        }
        assert all(row.actor == WHO[0] for row in rows)
        assert sorted(one["rows"] for one in told) == sorted(one.rows for one in done.gone)
        assert len(await journal.records(RETIRED)) == 2

    years.looked(look)
    again = years.retire()
    assert again.gone == () and again.kept == ()


def test_a_month_that_is_dropped_without_the_order_is_found(years: Years) -> None:
    """Also where somebody writes a record of it by hand: no leaf vouches for that."""
    asyncio.run(years.let_held_go())
    years.asked("DROP TABLE payload_2020_02")
    assert years.check().count > 3
    low = FEBRUARY_2020 << 40
    forged = {"table": "payload", "low": low, "high": low + (1 << 40)}
    years.record(RETIRED, f"payload/{low}", forged)
    assert years.check().count == 1


@pytest.mark.parametrize("point", ["retire.before_commit", "retire.after_commit"])
def test_a_run_that_dies_leaves_a_month_whole_or_gone_and_is_run_again(years: Years, point: str) -> None:
    """Before the commit nothing has happened, after it everything: table, record and trail never differ."""
    asyncio.run(years.let_held_go())

    def die(name: str) -> None:
        if name == point:
            raise SystemExit(name)

    with pytest.raises(SystemExit):
        years.retire(reach=die)
    went = point == "retire.after_commit"
    assert years.there("attempt_2020_02") is not went and years.there("payload_2020_02")
    assert years.asked(f"SELECT count(*) FROM record WHERE kind = '{RETIRED}'") == int(went)
    assert years.check().faults == []
    assert len(years.retire().gone) == (1 if went else 2)
    assert not any(map(years.there, OLD)) and years.check().faults == []


def test_a_run_that_is_killed_holds_nobody_up(years: Years) -> None:
    """SIGKILL with the table dropped and nothing committed: the server takes it back, nodes go on, the next run does it."""
    asyncio.run(years.let_held_go())
    body = (
        "from gateway.bootstrap.retirement import carried_out\nfrom gateway.clock import Clock\n"
        "from gateway.journal.session import DatabaseOptions\nfrom gateway.observe.crash import killer\n"
        f"options = DatabaseOptions('retire', {years.dsn!r}, {KEK!r}, migrate=False, reach=killer('retire.before_commit'))\n"
        f"carried_out(options, {MARCH_2020}, {WHO!r}, Clock(), lambda _s: None)\n"
    )
    assert subprocess.run([sys.executable, "-c", body], check=False).returncode == -signal.SIGKILL
    years.looked(lambda journal: years.event(journal, "HS-AFTER"))
    assert all(map(years.there, OLD)) and years.check().faults == []
    assert len(years.retire().gone) == 2 and years.check().faults == []


def test_a_long_reader_makes_it_give_up_and_nobody_waits_meanwhile(years: Years) -> None:
    """While a dump reads the table the month stays; a node whose patience with locks is two seconds accepts all the time."""
    asyncio.run(years.let_held_go())
    journal = years.open()

    async def run() -> None:
        ended = asyncio.Event()

        async def work() -> int:
            number = 0
            while not ended.is_set():
                number += 1
                await years.event(journal, f"HS-{number}")
            return number

        reader = await asyncpg.connect(years.dsn)
        async with reader.transaction():
            await reader.execute("LOCK TABLE payload, attempt IN ACCESS SHARE MODE")
            working = asyncio.create_task(work())
            done = await asyncio.to_thread(years.retire)
            assert {hold.code for hold in done.kept} == {"busy"} and done.gone == ()
        await reader.close()
        assert len((await asyncio.to_thread(years.retire)).gone) == 2, "beside a node at work"
        ended.set()
        assert await working > 10
        # The statements that this node had prepared still find what is left.
        (row,) = await journal.deliveries_of(DONE)
        assert row.gone and len(await journal.deliveries_of("HS-1")) == 1
        await journal.close()

    asyncio.run(run())
    assert not any(map(years.there, OLD)) and years.check().faults == []


def test_a_replay_and_a_drop_at_one_moment_never_leave_a_message_without_its_content(years: Years) -> None:
    """Whoever comes first: the month stays for the message, or the replay is refused."""
    asyncio.run(years.let_held_go())
    journal = years.open()

    async def run() -> None:
        async def replay() -> bool:
            wanted = LaneOrder(OrderKind.REPLAY, PORTAL, DONE, "gửi lại theo yêu cầu", "o", f"{DONE}-1/{PORTAL}")
            with suppress(NoLongerKept):
                return (await journal.order(wanted, years.turned.now())).done
            return False

        again, done = await asyncio.gather(replay(), asyncio.to_thread(years.retire))
        assert again is any(hold.partition.table == "payload" for hold in done.kept)
        for claim in await years.lively.claims(journal, PORTAL):
            assert claim.deliveries[0].payload == b'{"carried":1}'
        await journal.close()

    asyncio.run(run())
    assert years.check().faults == []


def test_what_is_younger_than_must_be_kept_is_refused(years: Years) -> None:
    """In November 2026 with sixty months to keep, the last month that may go is October 2021."""
    now = to_micros(years.turned.moment)
    refuse_young(51 * 12 + 10, 60, now)
    with pytest.raises(RetirementRefused, match="2021-11"):
        refuse_young(51 * 12 + 11, 60, now)


@given(before=integers(600, 1_100), keep=integers(12, 240), now=integers(1_577_836_800, 2_840_140_800))
def test_no_month_goes_before_its_time(before: int, keep: int, now: int) -> None:
    """Whatever is let through between 2020 and 2060: the month before `before` has been over for `keep` whole months."""
    with suppress(RetirementRefused):
        refuse_young(before, keep, now * 1_000_000)
        at, over = from_micros(now * 1_000_000), before + keep
        assert (1970 + over // 12, over % 12 + 1) <= (at.year, at.month)


def test_field_coverage_counts_what_is_no_longer_kept(years: Years) -> None:
    """A report over originals is of those that are there, and says how many are not."""
    asyncio.run(years.let_held_go())
    assert years.retire(APRIL_2021).kept == ()

    async def look(journal: KeptJournal) -> None:
        desk = CoverageDesk(journal, {SOURCE: CallerRecord("sector")}, Limits.of(IntakePolicy()))
        assert (await desk.report(SOURCE, 10, "officer-1"))["no_longer_kept"] == 4

    years.looked(look)


def test_rows_outside_of_every_month_are_never_dropped(years: Years) -> None:
    """The default partition has no bounds; what stands there stays."""
    names = {hold.partition.name for hold in years.retire(APRIL_2021 + 1_000).kept}
    assert not {"payload_other", "attempt_other"} & names and years.there("payload_other")


def test_what_came_from_an_embedded_store_is_never_offered(years: Years) -> None:
    """Its small references would be of January 1970; its partition is no month's, whatever month is named."""
    years.asked("INSERT INTO payload (ref, dossier, sealed) VALUES (7, 'd', 'x')")
    months = {done.partition.name for done in years.retire(APRIL_2021 + 1_000).gone}
    kept = {hold.partition.name for hold in years.retire(APRIL_2021 + 1_000).kept}
    assert months and "payload_moved" not in months | kept
    assert years.asked("SELECT count(*) FROM payload_moved WHERE ref = 7") == 1


def test_a_record_names_its_month() -> None:
    """Of payloads the numbers are references, of attempts times."""
    assert Retired("payload", FEBRUARY_2020 << 40, MARCH_2020 << 40).month == "2020-02"
    assert Retired("attempt", 1_580_515_200_000_000, 1_583_020_800_000_000).month == "2020-02"
