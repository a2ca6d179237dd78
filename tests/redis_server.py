"""The product's own launcher of Redis, for tests: it can be frozen, and is spoken to beside the port that the gateway knows.

It keeps nothing on disk, so every stop is a wipe. Without `redis-server` the tests that need it are skipped.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli.demonstration.servers import RedisServer, redis_program


@dataclass
class Server(RedisServer):
    """A server that can be frozen, emptied, stopped and started again on the same port and socket."""

    @property
    def unix_socket(self) -> Path:
        """The Unix socket, by which the tests themselves speak to it, also where the port asks for TLS."""
        return self.folder / "redis.sock"

    def words(self) -> Sequence[str]:
        """The same server, on its Unix socket as well."""
        return [*super().words(), "--unixsocket", str(self.unix_socket)]

    def line(self) -> socket.socket:
        """A connection by the Unix socket."""
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(10)
            line.connect(str(self.unix_socket))
        except OSError:
            line.close()
            raise
        return line

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on, with everything that was sent to it meanwhile."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill_clients(self) -> None:
        """Cut every connection except the one that says so."""
        self.say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.say("CLIENT", "KILL", "TYPE", "pubsub")


@contextmanager
def served(**settings: str) -> Iterator[Server]:
    """A server for as long as the block lasts; `settings` are those of redis.conf, a dash written as an underscore."""
    if redis_program() is None:
        pytest.skip("redis-server is not installed (scripts/setup dev)")
    with Server.served({name.replace("_", "-"): value for name, value in settings.items()}) as server:
        yield server
