"""Several nodes made of one installation: each with a configuration, ports and a data folder; keys and servers shared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.installation import write_safely

_CONFIGURATION = "gateway.toml"
_DSN, _REDIS = "keys/postgres.dsn", "keys/redis.url"


@dataclass(frozen=True, slots=True)
class NodePorts:
    """Loopback ports of one node; `edge` 0 where the installation has none."""

    internal: int
    edge: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """How all nodes reach what they share. Without `redis` each keeps to its share of every limit.

    `storage` and `coordination` are further lines of `[storage.postgres]` and `[coordination]`.
    """

    dsn: str
    redis: str = ""
    storage: str = ""
    coordination: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of an installation: its name, its configuration, its admin socket, its address."""

    name: str
    config: Path
    admin: Path
    ports: NodePorts

    @property
    def url(self) -> str:
        """Where its internal listener answers."""
        return f"http://127.0.0.1:{self.ports.internal}"

    @property
    def serve(self) -> list[str]:
        """The command that runs it."""
        return ["serve", "--config", str(self.config)]


def lay_out_nodes(folder: Path, shared: Shared, ports: Sequence[NodePorts]) -> tuple[Node, ...]:
    """Write a configuration for each node beside the one of `folder`, which says what all have in common.

    The ports of that one are left to who stands in front. It becomes that of the first node, so that every command of an
    operator which names it reaches a node.
    """
    whole = (folder / _CONFIGURATION).read_text(encoding="utf-8")
    write_safely(folder / _DSN, f"{shared.dsn}\n".encode())
    if shared.redis:
        write_safely(folder / _REDIS, f"{shared.redis}\n".encode())
    nodes = tuple(_node(folder, number, own) for number, own in enumerate(ports, start=1))
    for node in nodes:
        (folder / node.admin.parent.name).mkdir(mode=0o700, exist_ok=True)
        write_safely(node.config, _of(whole, node, shared).encode(), mode=0o644)
    return nodes


def _node(folder: Path, number: int, ports: NodePorts) -> Node:
    # The first keeps the name and the folder of the installation: commands find its socket there.
    config = _CONFIGURATION if number == 1 else f"gateway-{number}.toml"
    data = "data" if number == 1 else f"data-{number}"
    return Node(f"gateway-{number}", folder / config, folder / data / "admin.sock", ports)


def _of(whole: str, node: Node, shared: Shared) -> str:
    """The configuration of one node."""
    told = _put(whole, r'(?m)^node = ".*"$', f'node = "{node.name}"')
    told = _put(told, r'(?m)^(\[listen\.internal\]\nhost = ".*"\nport = )\d+$', rf"\g<1>{node.ports.internal}")
    if node.ports.edge:
        told = _put(told, r'(?m)^(\[listen\.edge\]\nhost = ".*"\nport = )\d+$', rf"\g<1>{node.ports.edge}")
    told = _put(told, r'(?m)^data_dir = "data"$', f'data_dir = "{node.admin.parent.name}"')
    coordination = f'\n[coordination]\nredis = "file:{_REDIS}"\n{shared.coordination}' if shared.redis else ""
    store = f'key_file = "keys/kek"\n\n[storage.postgres]\ndsn = "file:{_DSN}"\n{shared.storage}{coordination}'
    return _put(told, r'(?m)^key_file = "keys/kek"\n', store.replace("\\", r"\\"))


def _put(told: str, pattern: str, words: str) -> str:
    """`told` with the one place that fits replaced."""
    changed, places = re.subn(pattern, words, told)
    if places != 1:
        raise ValueError(f"{places} places fit {pattern}")
    return changed
