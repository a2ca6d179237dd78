"""The commands of moving, backing up and restoring on an installation, as an operator types them; exit codes are an interface."""

from __future__ import annotations

import base64
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from gateway.bootstrap.ground import RESTORED, open_footing, open_ground
from gateway.cli.program import main
from gateway.cli.screen import EX_CONFIG, EX_OK, EX_REFUSED, EX_UNAVAILABLE
from gateway.config import load
from gateway.journal.backing_up import Places, back_up, restore
from tests.postgres import Server
from tests.unit.evidence.lively import KEK
from tests.unit.moving.houses import Place

REASON = ("--reason", "Phục hồi máy ảo sau hỏng đĩa")


@dataclass
class Desk:
    """An operator in front of two configurations: the embedded store, and a database for the same house."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    embedded: Path
    shared: Path

    def says(self, *words: str | Path, config: Path | None = None) -> tuple[int, str]:
        """Exit code, and what was printed."""
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--config", str(config or self.embedded)])
        printed = self.capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, printed.out + printed.err


@pytest.fixture
def desk(home: Place, tmp_path: Path, database_server: Server, capsys: pytest.CaptureFixture[str]) -> Desk:
    """An installation with the lively store in it."""
    folder = tmp_path / "installation"
    with pytest.raises(SystemExit):
        main(["init", str(folder)])
    (folder / "keys/kek").write_bytes(base64.b64encode(KEK) + b"\n")
    shutil.rmtree(folder / "data")
    shutil.copytree(home.folder, folder / "data")
    (folder / "keys/dsn").write_text(database_server.database())
    (folder / "keys/dsn").chmod(0o600)
    text = (folder / "gateway.toml").read_text(encoding="utf-8")
    assert "[storage]\n" in text
    more = text.replace("[storage]\n", '[storage.postgres]\ndsn = "file:keys/dsn"\n\n[storage]\ndata_dir = "node"\n', 1)
    more = "\n".join(line for line in more.splitlines() if line.strip() != 'data_dir = "data"')
    (folder / "shared.toml").write_text(more, encoding="utf-8")
    capsys.readouterr()
    return Desk(folder, capsys, folder / "gateway.toml", folder / "shared.toml")


def test_a_store_is_backed_up_lost_and_restored(desk: Desk) -> None:
    """The copy is examined; the restored store says what it is; nothing is put over a store that is there."""
    copy, data = desk.folder / "copy", desk.folder / "data"
    code, told = desk.says("backup", copy, "--json")
    assert code == EX_OK, told
    assert msgspec.json.decode(told)["holds"] is True
    code, told = desk.says("restore", copy)
    assert code == EX_UNAVAILABLE
    assert "đã có kho" in told
    data.rename(desk.folder / "data.hong")
    assert desk.says("restore", copy)[0] == EX_OK
    code, told = desk.says("restored", *REASON, "--json")
    assert code == EX_OK, told
    assert msgspec.json.decode(told)["deliveries"] == 0, "its opening has brought everything into doubt already"
    assert desk.says("evidence", "check")[0] == EX_OK
    assert desk.says("restored", "--reason", "ngắn")[0] == EX_REFUSED
    shutil.rmtree(data)
    (desk.folder / "keys/kek").write_bytes(base64.b64encode(bytes(32)) + b"\n")
    code, told = desk.says("restore", copy)
    assert code == EX_CONFIG
    assert "khóa này không mở được" in told


async def test_a_gateway_that_starts_on_a_restored_store_raises_an_alarm(desk: Desk) -> None:
    """Once: the next start is one like any other."""
    copy = desk.folder / "copy"
    back_up(Places(desk.folder / "data", desk.folder / "data" / "content"), copy, "2026-11-22T00:00:00+00:00")
    shutil.rmtree(desk.folder / "data")
    restore(copy, Places(desk.folder / "data", desk.folder / "data" / "content"))
    loaded = load(desk.embedded)
    for told in (1.0, None):
        async with open_footing(loaded) as footing, open_ground(loaded, footing) as ground:
            labels = {"code": RESTORED, "upstream": ""}
            assert ground.metrics.registry.get_sample_value("gateway_alarms_total", labels) == told


def test_a_store_moves_to_postgresql_and_back_by_command(desk: Desk, database_server: Server) -> None:
    """Said in Vietnamese, with what travels separately; a second import is refused, and so is an export beside a live node."""
    out, back = desk.folder / "out", desk.folder / "back"
    code, told = desk.says("export", out)
    assert code == EX_OK, told
    assert "KHÔNG nằm trong bản xuất" in told
    assert desk.says("export", out)[0] == EX_OK, "once more: nothing is left to do"
    code, told = desk.says("restored", *REASON)
    assert code == EX_CONFIG
    assert "đã được xuất để chuyển nhà" in told, "two stores at work would send every message twice"
    code, told = desk.says("import", out, config=desk.shared)
    assert code == EX_OK, told
    assert desk.says("evidence", "check", config=desk.shared)[0] == EX_OK
    code, told = desk.says("import", out, config=desk.shared)
    assert code == EX_UNAVAILABLE
    assert "chỉ nhập được vào kho mới" in told
    assert desk.says("backup", desk.folder / "copy", config=desk.shared)[0] == EX_REFUSED
    database = (desk.folder / "keys/dsn").read_text().rpartition("/")[2]
    alive = "start = 'x', beat = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    database_server.execute(database, f"UPDATE node SET {alive}")
    for words in (("export", back), ("restored", *REASON)):
        code, told = desk.says(*words, config=desk.shared)
        assert code == EX_UNAVAILABLE
        assert "gateway-1" in told
    database_server.execute(database, "UPDATE node SET start = ''")
    assert desk.says("restored", *REASON, config=desk.shared)[0] == EX_OK
    assert desk.says("export", desk.folder / "look", "--stay", config=desk.shared)[0] == EX_OK
    assert desk.says("restored", *REASON, config=desk.shared)[0] == EX_OK, "it was a copy only"
    assert desk.says("export", back, config=desk.shared)[0] == EX_OK
    code, told = desk.says("restored", *REASON, config=desk.shared)
    assert code == EX_UNAVAILABLE
    assert "đã được xuất để chuyển nhà" in told
    (desk.folder / "data").rename(desk.folder / "data.cu")
    assert desk.says("import", back)[0] == EX_OK
    assert desk.says("evidence", "check")[0] == EX_OK


def test_an_altered_export_is_refused_in_plain_words(desk: Desk) -> None:
    """The file is named, and the empty store stays an empty one."""
    out = desk.folder / "out"
    assert desk.says("export", out)[0] == EX_OK
    part = next((out / "rows").glob("*-msg-*"))
    raw = part.read_bytes()
    part.write_bytes(raw.replace(b"HS-1", b"HS-2", 1))
    code, told = desk.says("import", out, config=desk.shared)
    assert code == EX_UNAVAILABLE
    assert part.name in told
    part.write_bytes(raw)
    assert desk.says("import", out, config=desk.shared)[0] == EX_OK


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence_and_the_store_stays(desk: Desk) -> None:
    """With the path and the reason of the system, and the exit code of a file that is not available."""
    inside = desk.embedded / "copy"  # a file is no folder
    for command in ("backup", "export"):
        code, told = desk.says(command, inside)
        assert code == EX_UNAVAILABLE, command
        assert f"{inside}" in told.replace(".part", "") and "Not a directory" in told and "hãy kiểm tra" in told
    assert desk.says("restored", *REASON)[0] == EX_OK, "the store is still open to its gateway"
