"""docs/operations.md is read at 3 a.m.: what it and deploy/README.md tell to run or to watch is what the program has."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

import gateway
from gateway.bootstrap.duties import ABSENT
from gateway.bootstrap.ground import RESTORED
from gateway.cli.program import COMMANDS, parser
from gateway.dispatch.agreement import APART
from gateway.identity.trouble import NEEDS_PERSON
from gateway.intake.result_watch import OVERDUE
from gateway.observe.gaps import CODE as GAP
from gateway.observe.metrics import Metrics
from tests.unit.moving.test_point_in_time import ARCHIVING

GUIDE = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
INSTALLING = (Path(__file__).parents[3] / "deploy/README.md").read_text(encoding="utf-8")
LINES = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip().startswith("gateway ")]
LINES += [line.strip() for line in INSTALLING.splitlines() if line.strip().startswith("gateway ")]
SPOKEN = [words for words in re.findall(r"`(gateway [^`]+)`", GUIDE + INSTALLING) if "…" not in words]


def _known(line: str) -> None:
    words = shlex.split(line)[1:]
    assert words[0] in COMMANDS, line
    parser(words[0]).parse_args(words)


@pytest.mark.parametrize("line", LINES)
def test_every_command_line_is_one_that_the_program_takes(line: str) -> None:
    """With its arguments as they stand; wrong usage would end this test."""
    _known(line)


def test_every_command_that_is_spoken_of_exists() -> None:
    """In the text a command may stand without what it needs, but its words and options are those of the program."""
    assert len(LINES) >= 10
    for line in SPOKEN:
        name, *rest = shlex.split(line)[1:]
        assert name in COMMANDS, line
        told = parser(name).format_help() if not rest else _help(name)
        for word in rest:
            if word.startswith("--"):
                assert word in told, line


def _help(name: str) -> str:
    for action in parser(name)._actions:
        if action.choices is not None and name in action.choices:
            return str(dict(action.choices)[name].format_help())
    raise AssertionError(name)


def test_every_metric_that_is_watched_is_measured() -> None:
    """By the name that Prometheus sees."""
    told = Metrics().render().decode()
    named = set(re.findall(r"`(gateway_[a-z_]+)`", GUIDE))
    assert len(named) >= 8
    for name in sorted(named):
        assert f"# TYPE {name} " in told or f"# TYPE {name.removesuffix('_total')}" in told, name


def test_every_alarm_of_the_house_is_told_with_what_to_do() -> None:
    """By its code, as the metric and the log name it; a code that the program does not know is not in the list either."""
    sources = [path.read_text(encoding="utf-8") for path in Path(gateway.__file__).parent.rglob("*.py")]
    raised = {code for source in sources for code in re.findall(r"""\balarm\(\s*"([a-z_]+\.[a-z_]+)\"""", source)}
    raised |= {ABSENT, APART, RESTORED, NEEDS_PERSON, OVERDUE, GAP}
    assert len(raised) >= 13
    told = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", GUIDE, re.MULTILINE))
    assert told == raised


def test_the_settings_of_the_restore_that_is_tested_are_those_of_the_guide() -> None:
    """What the guide tells to set is what the test of a point-in-time restore sets."""
    for name in ("wal_level", "archive_mode", "archive_command"):
        assert name in ARCHIVING
        assert re.search(rf"^{name} = ", GUIDE, re.MULTILINE), name
    for name in ("restore_command", "recovery_target_action"):
        assert re.search(rf"^{name} = ", GUIDE, re.MULTILINE), name


def test_the_newest_seven_nightly_backups_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    """However old they are: while the timer fails, nothing goes; what a person named stays, and so does a part."""
    (line,) = (line for block in BLOCKS for line in block.splitlines() if "xargs -r rm -r" in line)
    unit = (Path(__file__).parents[3] / "deploy/systemd/tthc-gateway-backup.service").read_text(encoding="utf-8")
    assert "/var/backups/tthc-gateway/$(date +%%Y-%%m-%%d-%%H%%M)" in unit
    line = line.replace("/var/backups/tthc-gateway", shlex.quote(str(tmp_path)))
    nightly = [f"2026-11-{day:02}-0115" for day in range(1, 11)]
    others = ["truoc-nang-cap", "2026-11-01-0115.part", "2026-10-01-truoc-nang-cap"]
    for name in (*nightly, *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal.db").write_bytes(b"")
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", line], check=True, timeout=60)
        assert {path.name for path in tmp_path.iterdir()} == {*nightly[-7:], *others}
