"""`gateway evidence check` on the real program: nothing is named while it works; an edited row is, with its leaf."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw

from tests.line.running import Line
from tests.line.words import SECTOR, event


def test_a_working_store_holds_and_an_edited_copy_is_named(line: Line, tmp_path: Path) -> None:
    """The running gateway's store is checked in use; in a copy an operator's tool edits one audit row by hand."""
    code = line.new_dossier()
    assert line.push(event(SECTOR, code, 1, "received")).status == 202
    checked = line.command("evidence", "check", "--json")
    assert (checked.code, checked.tree["holds"], checked.tree["faults"]) == (0, True, [])
    assert checked.tree["leaves"] >= 2
    line.portal_has(code, ["2"])
    line.settled(code)
    told = line.command("evidence", "check")
    assert told.code == 0 and "đúng như chuỗi bằng chứng" in told.out

    copy = tmp_path / "copy"
    shutil.copytree(line.folder / "data", copy, ignore=lambda _folder, names: [n for n in names if n.endswith(".sock")])
    connection = apsw.Connection(str(copy / "journal.db"))
    connection.execute("DROP TRIGGER audit_is_append_only")
    rows = list(connection.execute("SELECT min(position) FROM audit WHERE dossier = ?", (code,)))
    connection.execute("UPDATE audit SET actor = 'ai đó' WHERE position = ?", rows[0])
    connection.close()
    config = tmp_path / "gateway.toml"
    text = line.config.read_text(encoding="utf-8").replace('"keys/', f'"{line.folder}/keys/')
    config.write_text(
        text.replace("file:keys/", f"file:{line.folder}/keys/").replace('data_dir = "data"', 'data_dir = "copy"')
    )
    found = line.program.run("evidence", "check", "--config", config)
    assert found.code == 1
    assert "mắt xích" in found.err and code in found.err and "đã bị sửa" in found.err
    tree = line.program.run("evidence", "check", "--json", "--config", config).tree
    assert not tree["holds"] and tree["count"] == 2, "the row, and the trigger that kept it"
    assert tree["first"]["dossier"] == code and tree["first"]["n"] > 1 and tree["first"]["row"].startswith('["audit",')


def test_there_is_nothing_to_check_without_a_store(line: Line, tmp_path: Path) -> None:
    """A folder without a store is said to be one; nothing is made there."""
    config = tmp_path / "gateway.toml"
    config.write_text(line.config.read_text(encoding="utf-8").replace('data_dir = "data"', 'data_dir = "không có"'))
    shutil.copytree(line.folder / "keys", tmp_path / "keys")
    done = line.program.run("evidence", "check", "--config", config)
    assert done.code == 69 and not (tmp_path / "không có").exists()
