"""What fails or changes while old months go, and what somebody wrote by hand: nothing is lost, nothing is told wrongly."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest

from gateway.bootstrap.retirement import Retirement, RetirementRefused
from gateway.errors import JournalUnavailable
from gateway.journal.retired import RETIRED, Retired, read
from gateway.journal.session import Unreachable
from tests.postgres import apart
from tests.unit.retiring.years import DONE, OLD, Years


@dataclass
class Wire:
    """Between a run and the server; what the server answers to the first commit never arrives."""

    port: int
    broken: int = 0
    deaf: bool = False

    def break_(self, point: str) -> None:
        """A crash point: all that the server says from the first one on is lost, and the connection with it."""
        self.deaf = self.deaf or (point == "retire.before_commit" and not self.broken)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        back, forth = await asyncio.open_connection("127.0.0.1", self.port)
        asking = asyncio.create_task(self._ask(reader, forth))
        while heard := await back.read(65_536):
            if self.deaf:
                self.deaf, self.broken = False, self.broken + 1
                break
            writer.write(heard)
        asking.cancel()
        writer.close()
        forth.close()

    async def _ask(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        while said := await reader.read(65_536):
            forth.write(said)
        forth.write_eof()


def test_a_repair_that_is_opened_while_a_month_is_waited_for_keeps_it(years: Years) -> None:
    """What needs a month is asked for in the transaction of the drop, not as it was when the run began."""
    asyncio.run(years.let_held_go())
    turns = []

    def lose(point: str) -> None:
        turns.append(point)
        if len(turns) == 1:
            raise Unreachable("the first turn comes to nothing")

    done = years.retire(reach=lose, pause=lambda _s: apart(lambda: years.open_a_repair()))
    assert {(hold.partition.name, hold.code) for hold in done.kept} >= {(OLD[0], "open_repairs")}
    assert turns == ["retire.before_commit"] and done.gone == () and all(map(years.there, OLD))


def test_a_month_whose_commit_was_not_answered_is_told_as_gone(years: Years) -> None:
    """The next turn finds it gone by the record that this run wrote; a connection stands between that swallows the answer."""
    asyncio.run(years.let_held_go())
    wire = Wire(int(years.dsn.rpartition(":")[2].partition("/")[0]))

    async def run() -> Retirement:
        relay = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
        async with relay:
            port = relay.sockets[0].getsockname()[1]
            through = years.dsn.replace(f":{wire.port}/", f":{port}/")
            return await asyncio.to_thread(years.retire, reach=wire.break_, dsn=through)

    done = asyncio.run(run())
    assert wire.broken == 1 and done.broken_vi == "" and done.kept == ()
    assert [one.partition.name for one in done.gone] == list(OLD) and all(one.rows > 0 for one in done.gone)
    assert years.check().faults == [] and years.asked(f"SELECT count(*) FROM record WHERE kind = '{RETIRED}'") == 2


@pytest.mark.parametrize("failure", [Unreachable("gone"), JournalUnavailable()])
def test_what_ends_a_run_is_told_with_what_went_before(years: Years, failure: Exception) -> None:
    """Attempts went, then the database fails for good: that is no table in use, and what went is not forgotten."""
    asyncio.run(years.let_held_go())
    commits = []

    def fail(point: str) -> None:
        commits.append(point)
        if len(commits) > 2:
            raise failure

    done = years.retire(reach=fail)
    assert [one.partition.name for one in done.gone] == [OLD[0]] and done.kept == ()
    assert "hãy chạy lại" in done.broken_vi
    assert years.there(OLD[1]) and len(years.retire().gone) == 1


def test_who_does_not_own_the_tables_is_told_so(years: Years) -> None:
    """Another user reads and writes rows, and cannot drop their table; the answer names the setting."""
    asyncio.run(years.let_held_go())
    role = "not_the_owner"
    for sql in (
        f"CREATE ROLE {role} LOGIN",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ):
        years.asked(sql)
    try:
        with pytest.raises(RetirementRefused, match="migrate_dsn"):
            years.retire(dsn=years.dsn.replace("gateway@", f"{role}@"))
        assert all(map(years.there, OLD)) and years.check().faults == []
    finally:
        years.asked(f"DROP OWNED BY {role}")
        years.asked(f"DROP ROLE {role}")


def test_attempts_that_are_older_than_a_month_keep_it_also_in_the_default_partition(years: Years) -> None:
    """What is left of a delivery must not look like all of it; content of the month goes."""
    asyncio.run(years.let_held_go())
    years.asked(
        "INSERT INTO attempt_other SELECT (jsonb_populate_record(a, jsonb_build_object('n', 9, 'ended', 1500000000000000))).* "
        "FROM attempt a WHERE a.ended >= 1580515200000000 LIMIT 1"
    )
    done = years.retire()
    assert [(hold.partition.name, hold.code) for hold in done.kept] == [(OLD[0], "earlier_month")]
    assert [one.partition.name for one in done.gone] == [OLD[1]]


FAR = 999_999_999_999_999_999
FORGED = (
    {"table": "attempt", "low": FAR, "high": FAR + 1},
    {"table": "attempt", "low": -FAR, "high": FAR},
    {"table": "attempt", "low": 0, "high": 1_700_000_000_000_000, "at": FAR},
    {"table": "payload", "low": FAR * 1_000, "high": FAR * 1_001},
)


def test_a_forged_record_of_a_month_is_a_finding_and_hinders_nobody(years: Years) -> None:
    """Numbers that are no time retire nothing: the examination reports each row as added, a dossier is shown."""
    asyncio.run(years.let_held_go())
    assert len(years.retire().gone) == 2
    for number, state in enumerate(FORGED):
        years.record(RETIRED, f"{state['table']}/{number}", state)
        assert read(json.dumps(state).encode()) == Retired("", 0, 0)
    report = years.check()
    assert report.count == len(FORGED) and all("đã bị thêm" in fault.reason_vi for fault in report.faults)
    assert len(report.dropped) == 2 and report.retired > 3
    (row,) = years.looked(lambda journal: journal.deliveries_of(DONE))
    assert {part.what for part in row.gone} == {"receipt", "attempts"}
