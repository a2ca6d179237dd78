"""`gateway init` makes an installation whose printed commands work as they are printed."""

from __future__ import annotations

import getpass
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.line.program import Program, until

pytestmark = pytest.mark.xdist_group("cli-first-steps")


@pytest.fixture(scope="module")
def started(still: Any, words_of: Callable[[str], list[str]]) -> Iterator[Any]:
    """The installation with the three printed processes running, started exactly as printed."""
    line = still.line
    for name, printed in zip(("national_dvc", "resolution", "gateway"), still.printed, strict=False):
        path = "/readyz" if name == "gateway" else "/_simulator/health"
        line.program.start(name, words_of(printed), line.url(name) + path)
    yield still


def test_init_writes_every_file_with_secrets_for_the_owner_alone(still: Any) -> None:
    """gateway.toml for everybody; private keys, the key-encryption key and the portal's account with mode 0600."""
    modes = {
        str(path.relative_to(still.folder)): stat.S_IMODE(path.stat().st_mode)
        for path in still.folder.rglob("*")
        if path.name.endswith((".pem", ".toml", ".json", "kek", ".username", ".password"))
    }
    assert modes == {
        "gateway.toml": 0o644,
        "dossier.json": 0o644,
        "event.json": 0o644,
        "keys/SEC-DEMO.pem": 0o600,
        "keys/SEC-DEMO.pub.pem": 0o644,
        "keys/RES-VHTTDL.pem": 0o600,
        "keys/RES-VHTTDL.pub.pem": 0o644,
        "keys/webhook.pem": 0o600,
        "keys/webhook.pub.pem": 0o644,
        "keys/kek": 0o600,
        f"keys/operators/{getpass.getuser()}.pem": 0o600,
        f"keys/operators/{getpass.getuser()}.pub.pem": 0o644,
        "keys/portal.username": 0o600,
        "keys/portal.password": 0o600,
        "simulators/national_dvc.toml": 0o600,
        "simulators/resolution.toml": 0o600,
    }
    for folder in ("keys", "keys/operators", "data", "simulators"):
        assert stat.S_IMODE((still.folder / folder).stat().st_mode) == 0o700


def test_init_leaves_no_temporary_file(still: Any) -> None:
    """Files are written beside, synced and renamed; nothing of that remains."""
    assert list(still.folder.rglob(".*")) == []


def test_init_does_not_overwrite_an_installation(still: Any) -> None:
    """A second init is refused with 2 and changes no byte."""
    before = {path: path.read_bytes() for path in (still.folder / "keys").rglob("*") if path.is_file()}
    done = still.line.program.run("init", still.folder)
    assert done.code == 2 and "đã có" in done.err and done.out == ""
    assert {path: path.read_bytes() for path in (still.folder / "keys").rglob("*") if path.is_file()} == before


def test_init_where_nothing_can_be_written_says_so(program: Program, tmp_path: Path) -> None:
    """69 and a sentence, no stack."""
    (tmp_path / "file").write_text("")
    done = program.run("init", tmp_path / "file/inside")
    assert done.code == 69 and "không tạo được" in done.err and "Traceback" not in done.err


def test_the_configuration_of_init_is_on_loopback_and_valid(still: Any) -> None:
    """`config check` agrees, and nothing listens beyond this machine."""
    checked = still.command("config", "check", "--json")
    assert checked.code == 0 and checked.tree == {"ok": True, "faults": [], "warnings": []}
    text = (still.folder / "gateway.toml").read_text(encoding="utf-8")
    hosts = {urlsplit(word.strip('"')).hostname for word in text.split() if word.startswith('"http')}
    assert hosts == {"127.0.0.1"} and 'host = "127.0.0.1"' in text


def test_the_printed_commands_carry_the_sample_event_to_the_portal(
    started: Any, words_of: Callable[[str], list[str]]
) -> None:
    """Register, push, look: word for word what was printed, and the portal holds the state."""
    register, push, lanes = started.printed[3:]
    program: Program = started.line.program
    registered = program.run(*words_of(register))
    assert registered.code == 0 and "registered" in registered.out
    pushed = program.run(*words_of(push))
    assert pushed.code == 0 and "accepted" in pushed.out
    held = started.line.portal_has("000.00.00.G16-261120-0001", ["2"])
    assert held["fields"]["MaTTHC"] == "1.999001"
    until(lambda: program.run(*words_of(lanes)).code == 0, "nothing waits any more")
    again = program.run(*words_of(push))
    assert again.code == 0 and "duplicate" in again.out


def test_a_second_serve_on_the_same_store_is_refused(started: Any) -> None:
    """One process owns the store; the other one is told by whom, and the first goes on."""
    done = started.command("serve")
    owner = started.line.program.running["gateway"].pid
    assert done.code == 75 and "đang được một tiến trình khác sử dụng" in done.err and str(owner) in done.err
    assert "Traceback" not in done.err
    assert started.line.get("/v1/feed").status == 200
    assert started.command("lanes").code == 0, "the admin socket of the first one is still there"


def test_a_second_simulator_on_the_same_port_is_refused(started: Any, words_of: Callable[[str], list[str]]) -> None:
    """A taken port is named, without a stack."""
    done = started.line.program.run(*words_of(started.printed[0]))
    assert done.code == 69 and str(started.line.ports.portal) in done.err and "Traceback" not in done.err
