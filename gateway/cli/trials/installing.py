"""A whole installation on trial: laid out in a folder of its own with its simulators, and nothing of it left at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.demo import scene_of, simulators
from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import DIALECTS, SYSTEMS
from gateway.cli.demonstration.nodes import Node, NodePorts
from gateway.cli.demonstration.play import Scene
from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import Ports, lay_out
from gateway.config import Storage


@dataclass(frozen=True, slots=True)
class Laid:
    """An installation of which nothing runs yet. `behind` are ports for nodes that stand behind its address."""

    folder: Path
    ports: Ports
    scene: Scene
    behind: tuple[NodePorts, ...]

    def alone(self, storage: Storage) -> Node:
        """Its gateway as one process on an embedded store, kept as `storage` says."""
        config = self.folder / "gateway.toml"
        # The disk of a trial may be smaller than what files leave free of one.
        words = f'[files]\nkeep_free_bytes = 0\n\n[storage]\nsynchronous = "{storage.synchronous}"\n'
        told = config.read_text(encoding="utf-8")
        if told.count("[storage]\n") != 1:
            raise ValueError(f"{config}: [storage] does not stand there once")
        config.write_text(told.replace("[storage]\n", words), encoding="utf-8")
        return Node("gateway", config, self.scene.admin, NodePorts(self.ports.gateway))


@contextmanager
def laid_out(place: Path, behind: int = 0) -> Iterator[Laid]:
    """An installation in a fresh folder of `place`, which is gone at the end, whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix="v", dir=place))  # short: a Unix socket's path below it must be
    try:
        gateway, portal, resolution, *rest = free_ports(3 + behind)
        ports = Ports(gateway, portal, resolution)
        lay_out(folder, ports, SYSTEMS, DIALECTS)
        yield Laid(folder, ports, scene_of(folder, ports), tuple(map(NodePorts, rest)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def staged(laid: Laid) -> AsyncIterator[stage.Stage]:
    """Its stage with both simulators; whatever runs on it is stopped at the end."""
    async with stage.opened(laid.folder) as boards:
        for name, arguments, ready in simulators(laid.folder, laid.ports):
            await boards.start(name, arguments, ready)
        yield boards
