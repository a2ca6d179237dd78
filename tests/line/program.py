"""`python -m gateway …` as processes, HTTP as callers speak it, and waiting for what another process does."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.planted import hear

HEARING = ("env", "--default-signal=INT,TERM,HUP")
"""Words before a command that is to hear signals: what is ignored where the tests were begun, as under nohup, stays ignored."""
_START_LIMIT_S = 120.0  # a machine that others keep busy takes long; nobody waits longer than needed


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def tree(self) -> Any:
        """Standard output as one JSON document."""
        return msgspec.json.decode(self.out)


OBSERVERS: list[Callable[[str, str, Answer], None]] = []
"""Who looks at every answer besides the test that asked: method, address and answer."""


def ask(method: str, url: str, body: bytes | Iterator[bytes] = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """One HTTP exchange; an iterator of chunks is sent chunked. The target goes out as it is written."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # Who is refused early may not get all of its bytes out; the answer is there all the same.
            connection.request(method, target, body or None, dict(headers or {}))
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        for look in OBSERVERS:
            look(method, url, answer)
        return answer
    finally:
        connection.close()


def until(met: Callable[[], Any], what: str | Callable[[], str], limit_s: float = 60.0) -> Any:
    """Wait for something that happens in another process, and give it back; fails with `what`, as it is then, otherwise."""
    end = time.monotonic() + limit_s
    while True:
        found = met()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s:.0f} s: {what() if callable(what) else what}")
        time.sleep(0.02)


@dataclass
class Program:
    """`python -m gateway …` as a process, in one folder."""

    folder: Path
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    entry: tuple[str, ...] = ("-m", "gateway")

    def run(self, *words: str | Path, limit_s: float = 60.0) -> Finished:
        """Run a command to its end."""
        done = subprocess.run(
            self._line(words),
            capture_output=True,
            env=dict(self.environment) | {"COLUMNS": "200"},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
        )
        finished = Finished(done.returncode, done.stdout.decode(), done.stderr.decode())
        hear(f"printed by gateway {words[0] if words else ''}".rstrip(), finished.out + finished.err)
        return finished

    def start(
        self, name: str, words: Sequence[str | Path], ready_url: str = "", extra: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command that stays, with its output in NAME.log, and wait until `ready_url` answers 200.

        `extra` are variables of its environment alone.
        """
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._line(words),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**self.environment, **(extra or {})},
                cwd=self.folder,
                start_new_session=True,
            )
        self.running[name] = process
        if ready_url:
            self.await_ready(name, ready_url)
        return process

    def await_ready(self, name: str, url: str) -> None:
        """Wait until a started command answers 200 at `url`."""
        process = self.running[name]

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}: {self.log(name)[-2000:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask("GET", url).status == 200
            return False

        until(ready, lambda: f"{name} answers: {self.log(name)[-2000:]}", _START_LIMIT_S)

    def log(self, name: str) -> str:
        """What a started command printed so far."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def stop(self, name: str, number: int = signal.SIGTERM, limit_s: float = 60.0) -> int:
        """Signal a started command and wait for its end; its exit code."""
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(limit_s)

    def ended(self, name: str, limit_s: float = 60.0) -> int:
        """Wait until a started command ends by itself; its exit code, negative for a signal."""
        return self.running.pop(name).wait(limit_s)

    def close(self) -> None:
        """End everything that was started."""
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def _line(self, words: Sequence[str | Path]) -> list[str]:
        return [sys.executable, *self.entry, *map(str, words)]


def processes_of(session: int) -> list[int]:
    """The living processes of a session, which is what a started command and its children are."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(place.name))
    return found
