"""`gateway …` as people and programs run it: an installation made by `gateway init`, its processes, its commands."""

from __future__ import annotations

import getpass
import shlex
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import Ports
from gateway.intake.signature import SigningKey
from tests.line.program import Finished, Program
from tests.line.running import Line
from tests.line.words import RESOLUTION, SECTOR

ME = getpass.getuser()
SECOND = "truongca"
REASON = "Đơn vị vận hành đã xác minh"


@dataclass(frozen=True)
class Office:
    """An installation as `gateway init` made it, and an operator in front of it."""

    line: Line
    printed: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it stands."""
        return self.line.folder

    def command(self, *words: str | Path) -> Finished:
        """A command on this installation; whatever it answers, it never shows a stack."""
        done = self.line.command(*words)
        if "Traceback" in done.err or "lỗi nội bộ" in done.err:
            raise AssertionError(f"{words}: {done.err}\n{self.line.program.log('gateway')[-4000:]}")
        return done

    def decide(self, *words: str | Path, reason: str = REASON) -> Any:
        """A decision with its reason, as JSON; a second operator signs what needs one. Fails unless it was done."""
        done = self.said(*words, reason=reason)
        assert done.code == 0, done
        assert done.tree["done"] is True
        return done.tree

    def said(self, *words: str | Path, reason: str = REASON) -> Finished:
        """What came of a decision, by both operators where it needs both."""
        done = self.command(*words, "--reason", reason, "--json", *self.as_first)
        return self.approve(done.tree["proposal"]) if done.code == 1 and "proposal" in done.tree else done

    @property
    def as_first(self) -> tuple[str, str]:
        """Who decides, since there are two keys."""
        return ("--as", ME)

    def approve(self, proposal: str) -> Finished:
        """The second operator agrees."""
        return self.command("decisions", "approve", proposal, "--reason", REASON, "--json", "--as", SECOND)

    def with_second(self) -> Office:
        """A second operator beside the one that `init` made."""
        words = ("operators", "add", SECOND, "--new-key", "--person", "CB-002", "--role", "supervisor")
        done = self.command(*words, "--reason", "Bổ sung người trực thứ hai", "--json", *self.as_first)
        assert done.code == 0, done
        return self

    def audit(self, kind: str, dossier: str = "") -> list[dict[str, Any]]:
        """The fields of the audit rows of a kind, with their actor, from the store itself."""
        with closing(sqlite3.connect(f"file:{self.folder}/data/journal.db?mode=ro", uri=True)) as store:
            rows = store.execute(
                "SELECT actor, fields FROM audit WHERE kind = ? AND dossier = ? ORDER BY position", (kind, dossier)
            ).fetchall()
        return [{"actor": actor, **msgspec.json.decode(fields)} for actor, fields in rows]

    def write(self, name: str, content: object) -> Path:
        """A file beside the installation: bytes as they are, anything else as JSON."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else msgspec.json.encode(content))
        return path


def _made(folder: Path, environment: Mapping[str, str]) -> Office:
    """`gateway init` on free ports."""
    program, ports = Program(folder.parent, environment), Ports(*free_ports(3))
    words = ["--gateway-port", ports.gateway, "--portal-port", ports.portal, "--resolution-port", ports.resolution]
    done = program.run("init", folder, *map(str, words))
    assert done.code == 0, done
    keys = {
        name: SigningKey.load((folder / f"keys/{name}.pem").read_bytes(), f"{name}-1", "ed25519")
        for name in (SECTOR, RESOLUTION)
    }
    printed = tuple(line.strip() for line in done.out.splitlines() if line.startswith("  gateway "))
    return Office(Line(Program(folder, environment), ports, keys), printed)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Program:
    """The program in an empty folder."""
    return Program(tmp_path_factory.mktemp("program"), program_environment)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Office]:
    """An installation of which a test starts what it needs."""
    office = _made(tmp_path_factory.mktemp("cli") / "still", program_environment)
    yield office
    office.line.program.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Office]:
    """A running installation."""
    made = _made(tmp_path_factory.mktemp("cli") / "office", program_environment)
    try:
        made.with_second().line.start()
        yield made
    finally:
        made.line.program.close()


@pytest.fixture(scope="session")
def words_of() -> Any:
    """A printed command line as words, without the program's name."""
    return lambda line: shlex.split(line)[1:]


@pytest.fixture(scope="module")
def at_once(program: Program) -> Any:
    """Several commands side by side, since each of them is a process that mostly starts."""

    def run(commands: Sequence[Sequence[str | Path]]) -> list[Finished]:
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda words: program.run(*words), commands))

    return run
