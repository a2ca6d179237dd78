"""deploy/bin/gateway, the operators' command on an installed machine, before a systemd that only writes down what it is told."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.line.program import HEARING, until

_SYSTEMD_RUN = """#!/bin/sh
printf '%s\\n' "$@" > "$SAID/run"
if [ -n "${STAYS:-}" ]; then
  trap '' INT TERM HUP
  mkfifo "$SAID/end"
  : > "$SAID/runs"
  cat "$SAID/end" > /dev/null
  echo $$ > "$SAID/ended"
  exit 143
fi
cat > "$SAID/stdin"
exit 3
"""
_SYSTEMCTL = """#!/bin/sh
printf '%s\\n' "$@" > "$SAID/systemctl"
: > "$SAID/end"
# As the real one it comes back when the unit is down, so whoever waited for the unit may be gone before.
until [ -s "$SAID/ended" ] && ! grep -q '^State:[[:space:]]*[^Z]' "/proc/$(cat "$SAID/ended")/status" 2> /dev/null; do :; done
"""


@dataclass(frozen=True)
class Machine:
    """Where the command is installed; `said` is what systemd was told, a word on each line."""

    folder: Path
    environment: dict[str, str]

    @property
    def etc(self) -> Path:
        """Where configurations lie."""
        return self.folder / "etc"

    def said(self, name: str) -> list[str]:
        """The words of a call; none, when there was no call."""
        path = self.folder / "said" / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The command to its end, with a line on its standard input."""
        line = ["/bin/sh", str(self.folder / "gateway"), *words]
        environment = {**self.environment, **more}
        return subprocess.run(
            line, env=environment, input="a line\n", capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One node's configuration, and programs of the system that only listen."""
    programs = {
        "systemd-run": _SYSTEMD_RUN,
        "systemctl": _SYSTEMCTL,
        "id": '#!/bin/sh\n[ "$1" = -u ] && echo 0 || echo root\n',
        "logname": "#!/bin/sh\nexit 1\n",
    }
    for folder in ("bin", "etc", "said"):
        (tmp_path / folder).mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    text = (Path(__file__).parents[3] / "deploy/bin/gateway").read_text(encoding="utf-8")
    assert "\netc=/etc/tthc-gateway\n" in text
    placed = text.replace("\netc=/etc/tthc-gateway\n", f"\netc={tmp_path / 'etc'}\n")
    (tmp_path / "gateway").write_text(placed, encoding="utf-8")
    (tmp_path / "etc/gateway-1.toml").write_text("", encoding="utf-8")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return Machine(tmp_path, {"PATH": path, "SAID": str(tmp_path / "said")})


@pytest.mark.parametrize("command", ("serve", "worker"))
def test_what_systemd_runs_is_not_run_beside_it(machine: Machine, command: str) -> None:
    """With the node's own configuration a second process would take the name from the one that runs."""
    done = machine.run(command, "--config", "x.toml")
    assert (done.returncode, machine.said("run")) == (64, [])
    assert "systemctl start tthc-gateway" in done.stderr


def test_the_only_configuration_is_taken_and_of_several_one_must_be_named(machine: Machine) -> None:
    """`gateway.toml` before all others; where one is named, or only help is asked for, nothing stands in the way."""
    machine.run("lanes")
    assert f"GATEWAY_CONFIG={machine.etc}/gateway-1.toml" in machine.said("run")
    (machine.folder / "said/run").unlink()
    (machine.etc / "worker-1.toml").write_text("", encoding="utf-8")
    refused = machine.run("lanes")
    assert (refused.returncode, machine.said("run")) == (64, [])
    assert "hãy nêu --config" in refused.stderr
    assert all(f"{machine.etc}/{name}.toml" in refused.stderr for name in ("gateway-1", "worker-1"))
    assert machine.run("lanes", "--config", "x.toml").returncode == 3
    assert machine.run("lanes", "--help").returncode == 3
    machine.run("lanes", GATEWAY_CONFIG="y.toml")
    assert "GATEWAY_CONFIG=y.toml" in machine.said("run")
    (machine.etc / "gateway.toml").write_text("", encoding="utf-8")
    machine.run("lanes")
    assert f"GATEWAY_CONFIG={machine.etc}/gateway.toml" in machine.said("run")


def test_who_called_is_told_to_the_program(machine: Machine) -> None:
    """Who called sudo; else who logged in, and where nobody did (a timer), who runs it."""
    machine.run("retire", SUDO_USER="nguyenvana")
    assert "GATEWAY_ORDERED_BY=nguyenvana" in machine.said("run")
    machine.run("retire")
    assert "GATEWAY_ORDERED_BY=root" in machine.said("run")
    (machine.folder / "bin/logname").write_text("#!/bin/sh\necho tranthib\n", encoding="utf-8")
    machine.run("retire")
    assert "GATEWAY_ORDERED_BY=tranthib" in machine.said("run")


def test_input_words_and_exit_code_pass_through(machine: Machine) -> None:
    """Words with blanks stay whole; the exit code is the program's."""
    done = machine.run("pause", "national_dvc", "--reason", "Nhận lại sự kiện")
    assert done.returncode == 3
    assert machine.said("stdin") == ["a line"]
    assert machine.said("run")[-4:] == ["pause", "national_dvc", "--reason", "Nhận lại sự kiện"]
    assert machine.said("systemctl") == []


@pytest.mark.parametrize("name", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_a_signal_stops_the_unit_and_its_end_is_waited_for(machine: Machine, name: signal.Signals) -> None:
    """systemd-run itself hands no signal on: without this the unit would run on, unseen."""
    process = subprocess.Popen(
        [*HEARING, "/bin/sh", str(machine.folder / "gateway"), "reconcile"],
        env={**machine.environment, "STAYS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until((machine.folder / "said/runs").exists, "the unit runs")
        # To the whole group, as a terminal does.
        os.killpg(process.pid, name)
        assert process.wait(timeout=60) == 143
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    (unit,) = (word.removeprefix("--unit=") for word in machine.said("run") if word.startswith("--unit="))
    assert machine.said("systemctl") == ["stop", unit]
