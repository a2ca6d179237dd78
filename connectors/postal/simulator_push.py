"""Notices of the simulated donhang on their way to us: in order, tried again, repeated by order, forged by order.

The first try of each notice comes after that of the one before, so that the order is the one in which things were told.
Every attempt and what was answered is kept for the control plane.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

_PATIENCE = aiohttp.ClientTimeout(total=15.0, connect=5.0)
_KEPT_ANSWER = 300
_MOST_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as bytes, with what it is about: codes only."""

    number: str
    code: int
    lie: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when, the HTTP status (0: no answer) and the beginning of what was answered."""

    at: datetime
    status: int
    answer: str


@dataclass(slots=True)
class Sent:
    """One notice and what became of it: waiting, settled (the answer was 200), given_up (tries used up), lost."""

    serial: int
    letter: Letter
    state: str = "waiting"
    attempts: list[Attempt] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def shown(self) -> dict[str, object]:
        """The notice for the control plane."""
        return {
            "serial": self.serial,
            "number": self.letter.number,
            "code": self.letter.code,
            "lie": self.letter.lie,
            "state": self.state,
            "attempts": [{"at": one.at, "status": one.status, "answer": one.answer} for one in self.attempts],
        }

    def end(self, state: str) -> None:
        """Nothing more will be tried."""
        self.state = state
        self.ended.set()


@dataclass(slots=True)
class Pusher:
    """Carries notices. `wall` gives the real time in UTC; `again_s` are the real pauses before each further try."""

    wall: Callable[[], datetime]
    again_s: Sequence[float]
    tls: ssl.SSLContext | None = None
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    sent: list[Sent] = field(default_factory=list)
    _count: int = 0
    _queue: deque[Sent] = field(default_factory=deque)
    _worker: asyncio.Task[None] | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None

    def send(self, letter: Letter) -> Sent:
        """Put it behind those that wait."""
        self._count += 1
        one = Sent(self._count, letter)
        self.sent.append(one)
        if len(self.sent) > _MOST_KEPT:
            del self.sent[: _MOST_KEPT // 10]
        self._queue.append(one)
        if self._worker is None or self._worker.done():
            self._worker = self._kept(self._work())
        return one

    def last(self, number: str) -> Sent | None:
        """The newest notice about an order that was no lie."""
        return next((one for one in reversed(self.sent) if one.letter.number == number and not one.letter.lie), None)

    def with_serial(self, serial: int) -> Sent | None:
        """The notice with that number."""
        return next((one for one in self.sent if one.serial == serial), None)

    async def ended(self, notices: Sequence[Sent]) -> None:
        """Wait until nothing more will be tried of these."""
        for one in notices:
            await one.ended.wait()

    def waiting(self) -> list[Sent]:
        """Those that are not at their end."""
        return [one for one in self.sent if not one.ended.is_set()]

    def forget(self) -> None:
        """Stop trying and lose the list."""
        self._queue.clear()
        for task in tuple(self._tasks):
            task.cancel()
        self._worker = None
        for one in self.sent:
            if not one.ended.is_set():
                one.end("lost")
        self.sent.clear()

    async def close(self) -> None:
        """Stop for good."""
        self._queue.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _kept(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self) -> None:
        while self._queue:
            one = self._queue.popleft()
            if not await self._tried(one):
                self._kept(self._again(one))

    async def _again(self, one: Sent) -> None:
        for pause in self.again_s:
            await self.sleep(pause)
            if await self._tried(one):
                return
        one.end("given_up")

    async def _tried(self, one: Sent) -> bool:
        """One try; whether it settled the notice."""
        at, status, answer = self.wall(), 0, b""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            async with self._http().post(
                one.letter.url, data=io.BytesIO(one.letter.body), headers=headers, allow_redirects=False
            ) as got:
                status, answer = got.status, await got.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            answer = type(error).__name__.encode()
        one.attempts.append(Attempt(at, status, answer[:_KEPT_ANSWER].decode("utf-8", "replace")))
        if status == 200:
            one.end("settled")
        return status == 200

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self.tls if self.tls is not None else True)
            self._session = aiohttp.ClientSession(timeout=_PATIENCE, connector=connector)
        return self._session
