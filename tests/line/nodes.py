"""Several nodes of one installation on one PostgreSQL: the same configuration, a name, a port and a folder for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import Ports
from tests.line.program import Finished, Program
from tests.line.running import Line, lay

FIRST = "gateway"


@dataclass
class Nodes:
    """The nodes of an installation; `line` speaks with the first of them, and with the simulators."""

    line: Line
    dsn: str
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The first node listens where the simulators expect the gateway."""
        self.ports[FIRST] = self.line.ports.gateway

    def start(self, *names: str, how: Sequence[str] = ("serve",)) -> None:
        """Start these nodes at the same moment and wait until they answer."""
        for name in names:
            if name not in self.ports:
                (self.ports[name],) = free_ports(1)
            self.line.program.start(name, [*how, "--config", str(self.line.config)], extra=self.environment(name))
        for name in names:
            self.line.program.await_ready(name, f"http://127.0.0.1:{self.ports[name]}/readyz")

    def environment(self, name: str) -> Mapping[str, str]:
        """What is a node's own."""
        return {
            "GATEWAY__NODE": name,
            "GATEWAY__LISTEN__INTERNAL__PORT": str(self.ports[name]),
            "GATEWAY__STORAGE__DATA_DIR": str(self.line.folder / f"data-{name}"),
        }

    def command(self, name: str, *words: str | Path) -> Finished:
        """An operator's command beside a node."""
        program = self.line.program
        own = Program(program.folder, {**program.environment, **self.environment(name)})
        return own.run(*words, "--config", self.line.config)

    def at(self, name: str) -> Line:
        """The line as callers of this node see it."""
        line = self.line
        ports = Ports(self.ports[name], line.ports.portal, line.ports.resolution)
        return Line(line.program, ports, line.keys, line.codes)


@contextlib.contextmanager
def several(folder: Path, environment: Mapping[str, str], dsn: str, *names: str, **settings: str) -> Iterator[Nodes]:
    """Nodes of these names (the first one is called `gateway`) with both simulators; at the end no process is left."""
    shared = {
        "GATEWAY__STORAGE__POSTGRES__DSN": "env:JOURNAL_DSN",
        "JOURNAL_DSN": dsn,
        **{f"GATEWAY__{name.upper()}": value for name, value in settings.items()},
    }
    line = lay(folder, {**environment, **shared})
    nodes = Nodes(line, dsn)
    try:
        line.start("national_dvc", "resolution")
        nodes.start(*names)
        yield nodes
    finally:
        line.program.close()
