"""The Vietnamese guide, done from top to bottom by a stranger with a shell: every block runs, every result shown is true.

A ```sh block is run by bash in the order of the text, in one session and an empty folder. A ```text block right behind one
says what is seen; each of its lines must stand in the output, `...` standing for anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli.demonstration.servers import free_ports

_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LIMIT_S = 240


@dataclass(frozen=True)
class Step:
    """One block of commands, and the lines that the guide shows of its output."""

    commands: str
    shown: tuple[str, ...]


def _steps(guide: str) -> list[Step]:
    found: list[Step] = []
    for kind, text in _BLOCK.findall(guide):
        if kind == "sh":
            found.append(Step(text, ()))
        else:
            found[-1] = Step(found[-1].commands, tuple(line for line in text.splitlines() if line.strip()))
    return found


def _on_free_ports(guide: str) -> str:
    for stated, free in zip(("8080", "9101", "9102"), free_ports(3), strict=True):
        guide = guide.replace(stated, str(free))
    return guide


def _environment(place: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """`gateway` on the path, and nothing else of ours."""
    tools = place / "bin"
    tools.mkdir()
    program = tools / "gateway"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return {**environment, "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "COLUMNS": "100"}


def _run(steps: list[Step], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """The output of each step; fails with the last of it when a command fails or nothing moves any more."""
    script = "set -euo pipefail\n" + "".join(f"echo '@@step'\n{step.commands}\n" for step in steps)
    (folder / "guide.sh").write_text(script, encoding="utf-8")
    with (folder / "guide.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "guide.sh"], cwd=folder, env=dict(environment), stdout=log, stderr=log, start_new_session=True
        )
        try:
            code = process.wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # whatever the guide left behind
            process.wait()
    output = (folder / "guide.log").read_text(encoding="utf-8", errors="replace")
    assert code == 0, f"the guide stopped ({code}) in step {output.count('@@step')}: {output[-3000:]}"
    return output.split("@@step\n")[1:]


def _is_shown(line: str, output: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in line.strip().split("..."))
    return re.search(pattern, output) is not None


@pytest.fixture(scope="module")
def guide(project: Path) -> str:
    """The guide as it is published."""
    return (project / "docs/huong-dan-ket-noi.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_stranger_with_only_the_guide_gets_an_event_accepted_and_sees_it_delivered(
    guide: str, tmp_path: Path, program_environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every block of commands in order, in a clean folder; every result that the guide shows is the real one."""
    steps = _steps(_on_free_ports(guide))
    folder = tmp_path / "stranger"
    folder.mkdir()
    started = time.monotonic()
    outputs = _run(steps, folder, _environment(tmp_path, program_environment))
    seconds = time.monotonic() - started
    assert len(outputs) == len(steps) >= 15
    for step, output in zip(steps, outputs, strict=True):
        for line in step.shown:
            assert _is_shown(line, output), f"the guide shows {line!r}; this was seen: {output[-2000:]}"
    commands = sum(1 for step in steps for line in step.commands.splitlines() if line and not line.startswith(" "))
    with capsys.disabled():
        sys.stdout.write(
            f"\nguide: {len(steps)} blocks, {commands} lines of commands, {seconds:.0f} s of machine time\n"
        )


def test_the_signer_of_the_guide_is_the_signer_of_the_examples(guide: str, project: Path) -> None:
    """One script, in two places, word for word."""
    script = (project / "docs/examples/signing/shell/signer.sh").read_text(encoding="utf-8")
    assert guide.split("cat > signer.sh <<'HET'\n")[1].split("HET\n")[0] == script


def test_what_the_guide_shows_would_be_missed(guide: str) -> None:
    """The negative control: lines that are not in an output are not found in it."""
    shown = [line for step in _steps(guide) for line in step.shown]
    assert len(shown) > 20
    assert not [line for line in shown if _is_shown(line, '{"status":"refused"}')]


def test_every_code_that_the_guide_names_is_published(guide: str) -> None:
    """A renamed code must not survive in the guide."""
    from gateway.intake.problems import FAULTS, PROBLEMS

    told = re.findall(r'Bị từ chối \(\d+ ([a-z_]+)\)|"code":"([a-z_]+)"', guide)
    assert len(told) > 8
    assert {one or other for one, other in told} <= set(PROBLEMS) | set(FAULTS)


def test_readme_leads_to_the_guide(project: Path) -> None:
    """From its Vietnamese summary."""
    assert "docs/huong-dan-ket-noi.md" in (project / "README.md").read_text(encoding="utf-8").split("---")[0]
