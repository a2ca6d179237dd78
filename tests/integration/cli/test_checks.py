"""Commands that look and do not touch: config check, connectors check, mappings lint and explain, doctor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import doctor
from gateway.cli.signer import make_key
from gateway.config import Loaded, check
from tests.line.pki import Authority
from tests.line.program import Program
from tests.line.words import SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("cli-usage")

CODE = "000.00.00.G16-261120-0001"


def _bent(still: Any, name: str, *changes: tuple[str, str]) -> Path:
    """The configuration of `init` with some lines exchanged, beside the original."""
    text = (still.folder / "gateway.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path: Path = still.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_config_check_names_every_wrong_key_at_once(still: Any, program: Program) -> None:
    """Unknown keys at any depth, all in one run, each with its path; exit 78."""
    config = _bent(
        still,
        "unknown.toml",
        ('node = "gateway-1"', 'node = "gateway-1"\ncolour = "blue"'),
        ("[storage]", "[storage]\nsize = 3"),
        ("[upstreams.resolution.retry]", "[upstreams.resolution.retry]\ntries = 10"),
        ('role = "resolution"', 'role = "resolution"\nrank = 1'),
    )
    done = program.run("config", "check", "--config", config, "--json")
    assert done.code == 78 and done.tree["ok"] is False
    named = {fault.split(":")[0] for fault in done.tree["faults"]}
    assert named == {"colour", "storage.size", "upstreams.resolution.retry.tries", "callers.RES-VHTTDL.rank"}
    spoken = program.run("config", "check", "--config", config)
    assert spoken.code == 78 and spoken.err.count("✗") == 4 and spoken.out == ""


def test_config_check_names_faults_that_types_cannot_see(still: Any, program: Program) -> None:
    """A lease shorter than the timeout, a route to nowhere, a sector without consent."""
    config = _bent(
        still,
        "semantic.toml",
        ("lease_s = 4.0", "lease_s = 1.0"),
        ('to = ["national_dvc"]', 'to = ["nowhere"]'),
        ('consent_no = "01/VHTTDL-ĐY"', 'consent_no = ""'),
    )
    done = program.run("config", "check", "--config", config, "--json")
    assert done.code == 78
    assert {fault.split(":")[0] for fault in done.tree["faults"]} == {
        "upstreams.resolution.lease_s",
        "routes[0].to",
        "callers.SEC-DEMO",
    }


def test_config_check_names_faults_of_connectors_and_keys(still: Any, program: Program) -> None:
    """The connector's own settings, and a caller's key file that cannot be used."""
    config = _bent(
        still,
        "connector.toml",
        ('madonvi = "000.00.00.G16"', 'madonvi = "000.00.00.G16"\nmadonvy = "x"'),
        ('file = "keys/SEC-DEMO.pub.pem"', 'file = "keys/nobody.pem"'),
    )
    done = program.run("config", "check", "--config", config)
    assert done.code == 78 and "upstreams.national_dvc.settings" in done.err and "madonvy" in done.err
    mended = _bent(still, "key.toml", ('file = "keys/SEC-DEMO.pub.pem"', 'file = "keys/nobody.pem"'))
    done = program.run("config", "check", "--config", mended)
    assert done.code == 78 and "callers.SEC-DEMO.keys.SEC-DEMO-1" in done.err
    assert program.run("serve", "--config", mended).code == 78, "serving says the same"


def test_config_check_does_not_print_secrets(still: Any, program: Program) -> None:
    """A plain secret is refused when it is needed; not a letter of it is said."""
    config = _bent(still, "secret.toml", ('password = "file:keys/portal.password"', 'password = "geheim-123"'))
    for command in (("config", "check"), ("serve",)):
        done = program.run(*command, "--config", config)
        assert "geheim" not in done.out + done.err
    assert done.code == 78 and "settings.password" in done.err and "env:TÊN, file:ĐƯỜNG_DẪN" in done.err


def test_connectors_check_passes_and_speaks_json(program: Program) -> None:
    """Both folders are in order; a folder that is not there is a finding."""
    done = program.run("connectors", "check", "--json")
    assert done.code == 0 and done.tree == {"ok": True, "findings": []}
    assert "✓" in program.run("connectors", "check", "resolution").out
    missing = program.run("connectors", "check", "land_registry", "--json")
    assert missing.code == 1 and missing.tree["findings"][0]["code"] == "unknown_connector"


def test_mappings_lint_passes_and_speaks_json(program: Program) -> None:
    """Every table is total, unambiguous, dated and sourced."""
    done = program.run("mappings", "lint", "--json")
    assert done.code == 0 and done.tree == {"ok": True, "findings": []}
    assert "✓" in program.run("mappings", "lint").out


def test_mappings_explain_shows_table_and_row_of_an_event(still: Any, program: Program) -> None:
    """The state of a sector's own code list, and what it becomes at the portal, with the row that decided."""
    told = event(SECTOR, CODE, 1, "received", raw_state="02")
    del told["state"]
    done = program.run("mappings", "explain", still.write("raw.json", told), "--json")
    assert done.code == 0
    decided = [row for row in done.tree if row["pointer"] == "/raw_state" and row["table"]]
    assert decided and all(row["row"] > 0 for row in decided)
    assert {row["table"].split("@")[0] for row in decided} & {"raw_states", "sectors/raw_states"}
    assert "Trần Văn Mẫu" not in done.out, "names are masked"


def test_mappings_explain_of_a_dossier_masks_people(still: Any, program: Program) -> None:
    """A snapshot is explained field by field, without its applicant."""
    done = program.run("mappings", "explain", still.write("snapshot.json", dossier(CODE)))
    assert done.code == 0 and "KenhThucHien" in done.out
    assert "Nguyễn Văn Mẫu" not in done.out and "001099000001" not in done.out


def test_mappings_explain_tells_faults_where_they_stand(still: Any, program: Program) -> None:
    """An unknown code of the sector is a fault of its field; rubbish is exit 3."""
    told = event(SECTOR, CODE, 1, "received", raw_state="99")
    del told["state"]
    done = program.run("mappings", "explain", still.write("fault.json", told), "--json")
    assert any(row["pointer"] == "/raw_state" and "LỖI" in row["result"] for row in done.tree)
    assert program.run("mappings", "explain", still.write("rubbish.json", b"{")).code == 3
    assert program.run("mappings", "explain", still.folder / "absent.json").code == 3


def test_doctor_looks_at_the_machine_and_finds_a_loose_key(still: Any) -> None:
    """Clock, disk, SQLite, permissions: well after `init`; a key that others may read is found, exit 1."""
    done = still.command("doctor", "--json")
    assert done.code == 0 and all(finding["ok"] for finding in done.tree)
    assert {"đồng hồ", "fsync", "SQLite", "synchronous", "tệp keys/kek", "cổng"} <= {f["check"] for f in done.tree}
    kek = still.folder / "keys/kek"
    kek.chmod(0o644)
    try:
        loose = still.command("doctor")
        assert loose.code == 1 and "0644" in loose.out
    finally:
        kek.chmod(0o600)


def test_doctor_looks_at_the_keys_of_operators(still: Any) -> None:
    """The one of `init` is registered; a loose one, a stranger's and one without its public part are named, exit 1."""
    folder = still.folder / "keys/operators"
    (first,) = (path for path in folder.glob("*.pem") if not path.name.endswith(".pub.pem"))
    fine = {row["check"]: row for row in still.command("doctor", "--json").tree}
    assert fine["sổ người vận hành"]["ok"] and fine[f"khóa keys/operators/{first.name}"]["ok"]
    stranger, bare = folder / "ke-la.pem", folder / "tran.pem"
    make_key(stranger)
    shutil.copy(first, bare)
    first.chmod(0o640)
    try:
        done = still.command("doctor", "--json")
        bad = {(row["check"], row["seen_vi"][:9]) for row in done.tree if not row["ok"]}
        assert done.code == 1
        assert bad == {
            (f"khóa keys/operators/{first.name}", "quyền 064"),
            ("khóa keys/operators/ke-la.pem", "chưa được"),
            ("khóa keys/operators/tran.pem", "không đọc"),
        }
    finally:
        first.chmod(0o600)
        for path in (stranger, stranger.with_suffix(".pub.pem"), bare):
            path.unlink()


def test_doctor_looks_at_the_files_of_tls(still: Any, program: Program, tmp_path: Path) -> None:
    """Only when TLS is on: a loose key and a key of another certificate are named, for either listener."""
    authority = Authority.found(tmp_path, "ca")
    (cert, key), (_, other) = authority.issue("gateway", server=True), authority.issue("somebody", server=True)
    config = still.folder / "tls.toml"
    plain = (still.folder / "gateway.toml").read_text(encoding="utf-8")

    def looked(*keys: Path) -> set[tuple[str, bool]]:
        """The looks at TLS keys where the listeners, internal first, have these."""
        tls = (
            f'[listen.{place}.tls]\ncert_file = "{cert}"\nkey_file = "{file}"\n'
            for place, file in zip(("internal", "edge"), keys, strict=False)
        )
        config.write_text("\n".join((plain, *tls)), encoding="utf-8")
        rows = program.run("doctor", "--config", config, "--json").tree
        return {(row["check"].split(".")[-1], row["ok"]) for row in rows if row["check"].startswith("khóa TLS")}

    assert looked() == set()
    key.chmod(0o600)
    other.chmod(0o600)
    assert looked(key, other) == {("internal", True), ("edge", True), ("edge", False)}
    key.chmod(0o644)
    assert looked(key) == {("internal", False)}


@pytest.mark.parametrize(
    ("admins", "marked", "ok"), [(1, False, True), (2, False, False), (2, True, True)], ids=["one", "two", "marked"]
)
def test_doctor_asks_for_four_eyes_over_the_register_once_there_are_two_admins(
    tmp_path: Path, admins: int, marked: bool, ok: bool
) -> None:
    """One admin alone cannot be asked for a second signature; with two, adding operators is to be marked."""
    words = ["skip", "operator-add"] if marked else ["skip"]
    loaded = Loaded(settings=check({"operators": {"second_key_for": words}}), base=tmp_path)
    register = [{"in_force": True, "roles": ["admin"]}] * admins + [{"in_force": False, "roles": ["admin"]}]
    found = doctor._four_eyes(loaded, register)
    assert found.ok is ok
    assert ("operator-add" in found.seen_vi) is not ok
