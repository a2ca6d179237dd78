"""`gateway retire` as an operator types it: exit codes are an interface; a store with retired months moves house."""

from __future__ import annotations

import asyncio
import base64
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from gateway.cli.program import main
from gateway.cli.screen import EX_CONFIG, EX_OK, EX_REFUSED, EX_UNAVAILABLE, EX_USAGE, EX_WRONG
from tests.unit.evidence.lively import KEK, SOURCE
from tests.unit.moving.houses import Place
from tests.unit.retiring.years import DONE, HELD, MARCH_2020, Years

REASON = ("--reason", "Hết thời hạn lưu giữ theo quyết định")


@dataclass
class Desk:
    """An operator in front of an installation."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def says(self, *words: str, config: str = "shared.toml") -> tuple[int, str]:
        """Exit code, and what was printed."""
        with pytest.raises(SystemExit) as ended:
            main([*words, "--config", str(self.folder / config)])
        printed = self.capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, printed.out + printed.err

    def keep(self, months: int) -> None:
        """Another `keep_months`."""
        text = (self.folder / "shared.toml").read_text(encoding="utf-8")
        more = text.replace("[storage.postgres]\n", f"[storage.postgres]\nkeep_months = {months}\n", 1)
        (self.folder / "shared.toml").write_text(more, encoding="utf-8")


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new installation, to be copied."""
    folder = tmp_path_factory.mktemp("retire") / "installation"
    with pytest.raises(SystemExit):
        main(["init", str(folder)])
    return folder


@pytest.fixture
def desk(years: Years, laid_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The store with old months, and an embedded one beside it."""
    folder = shutil.copytree(laid_out, tmp_path / "installation")
    (folder / "keys/kek").write_bytes(base64.b64encode(KEK) + b"\n")
    (folder / "keys/dsn").write_text(years.dsn)
    (folder / "keys/dsn").chmod(0o600)
    text = (folder / "gateway.toml").read_text(encoding="utf-8")
    more = text.replace("[storage]\n", '[storage.postgres]\ndsn = "file:keys/dsn"\n\n[storage]\n', 1)
    (folder / "shared.toml").write_text(more, encoding="utf-8")
    capsys.readouterr()
    return Desk(folder, capsys)


def test_the_command_looks_refuses_drops_and_tells(desk: Desk, years: Years) -> None:
    """First what would go, then what stays and why, then what went; the examination says by whose order."""
    code, told = desk.says("retire", "--before", "2020-03", "--dry-run", "--json")
    answer = msgspec.json.decode(told)
    assert code == EX_WRONG and answer["dry_run"] and answer["dropped"] == []
    assert {(one["table"], one["month"], one["code"], one["count"]) for one in answer["kept"]} == {
        ("attempt", "2020-02", "open_messages", 1),
        ("payload", "2020-02", "open_messages", 1),
    }
    code, told = desk.says("retire", "--before", "2020-03", *REASON)
    assert code == EX_WRONG and HELD in told and "gateway lanes" in told
    asyncio.run(years.let_held_go())
    code, told = desk.says("retire", "--before", "2020-03", "--dry-run")
    assert code == EX_OK and "Sẽ bỏ payload 2020-02" in told and years.there("payload_2020_02")
    code, told = desk.says("retire", "--before", "2020-03", *REASON, "--json")
    answer = msgspec.json.decode(told)
    assert code == EX_OK, told
    assert [(one["table"], one["month"]) for one in answer["dropped"]] == [
        ("attempt", "2020-02"),
        ("payload", "2020-02"),
    ]
    assert desk.says("retire", "--before", "2020-03", *REASON)[0] == EX_OK, "nothing is left to drop"
    code, told = desk.says("evidence", "check")
    assert code == EX_OK and "không còn để đối chiếu" in told and "payload 2020-02" in told


def test_what_must_not_be_is_refused(desk: Desk) -> None:
    """Too young, no reason, no month, a store that keeps everything, a setting below what must be kept."""
    code, told = desk.says("retire", "--before", "2999-01", *REASON)
    assert code == EX_REFUSED and "keep_months = 60" in told
    assert desk.says("retire", "--before", "2020-03", "--reason", "ngắn")[0] == EX_REFUSED
    assert desk.says("retire", "--before", "2020-13", *REASON)[0] == EX_USAGE
    code, told = desk.says("retire", "--before", "2020-03", *REASON, config="gateway.toml")
    assert code == EX_REFUSED and "SQLite" in told and "giữ tất cả" in told
    desk.keep(11)
    code, told = desk.says("retire", "--before", "2020-03", "--dry-run")
    assert code == EX_CONFIG and "storage.postgres.keep_months" in told


def test_what_went_before_the_database_failed_is_told(desk: Desk, years: Years) -> None:
    """Attempts go, payloads cannot: both are said, without what the server quotes of rows; the exit code is that of a failure."""
    asyncio.run(years.let_held_go())
    years.asked(
        "CREATE FUNCTION stay() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM pg_event_trigger_dropped_objects() WHERE object_name = 'payload_2020_02') THEN "
        "RAISE 'not this one' USING DETAIL = 'Nguyễn Văn A'; END IF; END $$"
    )
    years.asked("CREATE EVENT TRIGGER stay ON sql_drop EXECUTE FUNCTION stay()")
    code, told = desk.says("retire", "--before", "2020-03", *REASON)
    assert code == EX_UNAVAILABLE and "Đã bỏ attempt 2020-02" in told
    assert "not this one" in told and "Nguyễn" not in told and "hãy chạy lại" in told
    code, told = desk.says("retire", "--before", "2020-03", *REASON, "--json")
    answer = msgspec.json.decode(told)
    assert code == EX_UNAVAILABLE and answer["dropped"] == [] and "not this one" in answer["broken_vi"]
    assert years.there("payload_2020_02") and not years.there("attempt_2020_02")


def test_a_store_that_was_exported_is_left_alone(desk: Desk, years: Years) -> None:
    """Nobody writes it any more, a retirement neither."""
    asyncio.run(years.let_held_go())
    name = years.dsn.rpartition("/")[2]
    years.asked(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    code, told = desk.says("retire", "--before", "2020-03", *REASON)
    assert code == EX_UNAVAILABLE and "chỉ cho đọc" in told
    assert years.there("payload_2020_02") and years.there("attempt_2020_02")


@pytest.mark.parametrize("kind", ["shared", "embedded"])
def test_a_store_with_retired_months_moves_house(years: Years, tmp_path: Path, kind: str) -> None:
    """Its examination on arrival passes, and so does every later one; what went is no longer kept there either."""
    asyncio.run(years.let_held_go())
    years.retire(MARCH_2020)
    home = Place(tmp_path / "home", years.lively, years.dsn)
    home.leave(tmp_path / "export")
    there = Place(tmp_path / "there", years.lively, years.server.database() if kind == "shared" else "")
    try:
        report = there.arrive(tmp_path / "export")
        assert report.faults == [] and report.retired > 3

        async def look() -> None:
            journal = there.open()
            (row,) = await journal.deliveries_of(DONE)
            assert {part.what for part in row.gone} == {"receipt", "attempts"}
            assert await journal.event(SOURCE, f"{DONE}-1") is not None
            await years.event(journal, DONE, 2)
            await journal.close()

        asyncio.run(look())
        after = there.check()
        assert after.faults == [] and after.retired == report.retired and len(after.dropped) == 2
    finally:
        if there.dsn:
            years.server.drop(there.dsn)
