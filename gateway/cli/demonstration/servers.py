"""PostgreSQL and Redis for a play or a test: on free loopback ports, in folders of their own, never as root, gone at the end.

Both can be killed and started again on what they left on disk. Nothing here speaks their protocols: a server is started, asked
whether it answers, and ended.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from gateway.errors import GatewayError

OLDEST_POSTGRES = 15
_STARTS_S = 60.0
_ENDS_S = 30.0
_PATIENCE_S = 10.0
_OWNER = "nobody"
PORTS = range(18_000, 32_000)
"""What `free_ports` gives from; processes side by side may each keep to a part of it."""
_GIVEN: set[int] = set()

POSTGRES_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "log_min_messages": "fatal",
}
"""What every server of ours is told; who starts one adds to it. Nothing here weakens what a commit means."""


class ServerMissing(GatewayError):
    """Máy này chưa có PostgreSQL 15 trở lên hoặc Redis; hãy chạy scripts/setup."""


class ServerFailed(GatewayError):
    """Máy chủ PostgreSQL hoặc Redis của buổi diễn không khởi động được."""


def postgres_programs() -> Path | None:
    """Where the newest PostgreSQL of Debian stands, if one is new enough."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    able = [path for path in found if path.parent.name.isdecimal() and int(path.parent.name) >= OLDEST_POSTGRES]
    return max(able, key=lambda path: int(path.parent.name), default=None)


def redis_program() -> Path | None:
    """Where the Redis server stands, if there is one."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free now, all different, below those that the system gives to outgoing connections.

    Whoever listens on one a little later must not find a client's end of some connection there, nor somebody of this process
    who was given it before.
    """
    if len(_GIVEN) > len(PORTS) // 2:
        _GIVEN.clear()
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = PORTS[secrets.randbelow(len(PORTS))]
            if port in _GIVEN:
                continue
            _GIVEN.add(port)
            probe = held.enter_context(closing(socket.socket()))
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
        return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


def unprivileged(ends_by: str = "INT") -> list[str]:
    """Words before a command: it runs as nobody where we are root, and gets this signal when the thread that started it ends."""
    words = ["setpriv", f"--pdeathsig={ends_by}"]
    if os.getuid() == 0:
        user = pwd.getpwnam(_OWNER)
        words += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return words


def hand_over(folder: Path) -> None:
    """Give a folder to who runs the servers, and to nobody else."""
    folder.chmod(0o700)
    if os.getuid() == 0:
        user = pwd.getpwnam(_OWNER)
        os.chown(folder, user.pw_uid, user.pw_gid)


@dataclass
class LocalServer:
    """A server in a folder, on a port. The subclasses say with which words, and what an answer is."""

    folder: Path
    program: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    ends_by: ClassVar[str] = "INT"
    """The signal that it gets when the thread that started it ends."""

    def words(self) -> Sequence[str]:
        """The command that runs the server in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it takes work now."""
        raise NotImplementedError

    def launch(self) -> None:
        """Start it, without waiting. From a thread that lives as long as the server may: its end is the server's."""
        self.process = subprocess.Popen(
            [*unprivileged(self.ends_by), *self.words()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def start(self) -> None:
        """Start it and wait until it answers; raises `ServerFailed`."""
        self.launch()
        end = time.monotonic() + _STARTS_S
        while not self.answers():
            if self.process is None or self.process.poll() is not None or time.monotonic() > end:
                raise ServerFailed(f"{ServerFailed.__doc__} ({self.program})")
            time.sleep(0.02)

    def pids(self) -> list[int]:
        """The server and its children."""
        if self.process is None:
            return []
        return [self.process.pid, *_children(self.process.pid)]

    def kill(self) -> None:
        """SIGKILL to every process of it: nothing is flushed, nobody says goodbye."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            self.process = None  # it ended by itself: its number may be somebody else's by now
            return
        # The parent first and stopped, or it would start children anew while they are killed.
        os.kill(self.process.pid, signal.SIGSTOP)
        left = self.pids()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(_ENDS_S)
        self.process = None
        end = time.monotonic() + _ENDS_S
        # Whoever is started on the same folder must not meet what is still dying.
        while any(_lives(pid) for pid in left) and time.monotonic() < end:
            time.sleep(0.005)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal, and wait."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None


class PostgresServer(LocalServer):
    """PostgreSQL; `program` is the folder of its programs, the cluster lies in `folder`/pg."""

    @classmethod
    @contextmanager
    def served(cls, settings: Mapping[str, str] | None = None) -> Iterator[Self]:
        """One in a fresh cluster for as long as the block lasts; raises `ServerMissing`, `ServerFailed`."""
        programs = postgres_programs()
        if programs is None:
            raise ServerMissing
        with _folder("tthc-pg-") as folder:
            server = cls(folder, programs, {**POSTGRES_SETTINGS, **(settings or {})})
            try:
                server.make()
                server.start()
                yield server
            finally:
                server.crash()

    def make(self) -> None:
        """Make the cluster, with checksums; its only user is `gateway`, who is trusted on loopback. Raises `ServerFailed`."""
        hand_over(self.folder)
        told = ["-D", str(self.folder / "pg"), "-U", "gateway", "-A", "trust", "-E", "UTF8"]
        more = ["--locale=C", "--no-sync", "--data-checksums"]
        command = [*unprivileged(), str(self.program / "initdb"), *told, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise ServerFailed(f"{ServerFailed.__doc__} {done.stderr.strip()}")

    def words(self) -> Sequence[str]:
        """The postmaster with the settings."""
        told = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.program / "postgres"), "-D", str(self.folder / "pg"), "-p", str(self.port), *told]

    def answers(self) -> bool:
        """Whether it takes connections."""
        asked = [str(self.program / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self, number: int = signal.SIGINT) -> None:
        """The server's own fast shutdown; the usual signal would wait until everybody has hung up."""
        super().stop(number)

    def crash(self) -> None:
        """The server's own immediate shutdown: no checkpoint, as after a crash."""
        self.stop(signal.SIGQUIT)

    def dsn(self, database: str = "postgres") -> str:
        """How a database of this server is reached."""
        return f"postgresql://gateway@127.0.0.1:{self.port}/{database}"

    def say(self, sql: str, database: str = "postgres") -> str:
        """Run statements by psql; what it printed, columns parted by `|`. Raises `ServerFailed` with the server's words."""
        command = [
            str(self.program / "psql"),
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            self.dsn(database),
        ]
        done = subprocess.run([*command, "-c", sql], capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise ServerFailed(done.stderr.strip())
        return done.stdout.strip()


class RedisServer(LocalServer):
    """Redis without any persistence: what it held is gone with it."""

    ends_by = "KILL"  # it has nothing to put down, and one that is frozen heeds nothing else

    @classmethod
    @contextmanager
    def served(cls, settings: Mapping[str, str] | None = None) -> Iterator[Self]:
        """One, empty, for as long as the block lasts; raises `ServerMissing`, `ServerFailed`."""
        program = redis_program()
        if program is None:
            raise ServerMissing
        with _folder("tthc-redis-") as folder:
            hand_over(folder)
            server = cls(folder, program, dict(settings or {}))
            try:
                server.start()
                yield server
            finally:
                server.stop()

    def words(self) -> Sequence[str]:
        """The server in the foreground, with the settings."""
        own = {"bind": "127.0.0.1", "port": str(self.port), "dir": str(self.folder), "save": "", "appendonly": "no"}
        return [str(self.program), *(w for k, v in {**own, **self.settings}.items() for w in (f"--{k}", v))]

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it at once, whatever it is doing."""
        super().stop(number)

    def answers(self) -> bool:
        """Whether it takes commands."""
        with suppress(OSError, ServerFailed):
            return self.say("PING") == "+PONG"
        return False

    def wipe(self) -> None:
        """Everything that it holds is gone."""
        self.say("FLUSHALL")

    def say(self, *words: str) -> str:
        """One command beside everything else; the first line of the answer. Raises `OSError`, and `ServerFailed` for an error."""
        with self.line() as line, line.makefile("rb") as told:
            parts = [word.encode() for word in words]
            line.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts))
            first = told.readline().decode(errors="replace").strip()
        if not first or first.startswith("-"):
            raise ServerFailed(first or f"{self.program}: {' '.join(words)}")
        return first

    def line(self) -> socket.socket:
        """A connection of our own to it; raises `OSError`."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S)

    def url(self, database: int = 0) -> str:
        """How a database of this server is reached."""
        return f"redis://127.0.0.1:{self.port}/{database}"


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _children(parent: int) -> list[int]:
    """The living children of a process."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(place.name))
        if fields and int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(place.name))
    return found


def _lives(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
