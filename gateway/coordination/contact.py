"""Staying in touch with one Redis: connect, listen, say, look whether it still answers; from the beginning when it does not.

The only module that knows redis-py. No caller waits longer than one short deadline, and a connection whose answer was not read
whole is closed, so nobody reads what was meant for another (failure catalogue F17).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar, cast

from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.exceptions import NoScriptError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.clock import Clock
from gateway.coordination.damping import Damping
from gateway.coordination.lines import Connected, Lines, exchanged, hang_up

T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_LOOK_S = 1.0

_log = logging.getLogger("gateway.coordination")

Told = Callable[[str, str], None]
"""Told of each call: its name, and what came of it (`answered`, `failed`, `away`, `share`); `connect` is one of the names."""


def _unheard(_call: str, _outcome: str) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """How Redis is reached. `url` holds the password; `key` seals what is kept there. Times in seconds.

    `ca_file` holds trust anchors for `rediss://` in place of the machine's.
    """

    url: str = field(repr=False)
    key: bytes = field(repr=False)
    prefix: str = "tthc"
    connect_s: float = 2.0
    answer_s: float = 1.0
    ca_file: str = ""
    told: Told = _unheard


class Unanswered(Exception):
    """Redis gave no answer that could be used; the caller does without."""


LOST = (RedisError, OSError, TimeoutError, Unanswered)
# Whatever else an answer or a message may set off here: none of it may end the keeper, for then nobody would see Redis go.
_FAULTS = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def connections(options: RedisOptions) -> Callable[[], Connected]:
    """What makes connections to this address; raises `ValueError` for one that is none."""
    found: dict[str, Any] = dict(parse_url(options.url))
    made = found.pop("connection_class", Connection)
    if made is SSLConnection:
        found |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        if options.ca_file:
            found["ssl_ca_certs"] = options.ca_file
    found |= {"protocol": 2, "socket_timeout": None, "socket_connect_timeout": options.connect_s, "driver_info": None}
    found["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return lambda: cast(Connected, made(**found))


@dataclass(frozen=True, slots=True)
class Partner:
    """For whom contact is kept.

    `probe` asks something that only a server that works can answer. `heard` takes in a message of the channel, `saying` waits
    for some to be said there. `without` is told whether Redis is away, or not to be counted on yet.
    """

    probe: Callable[[], Coroutine[Any, Any, None]]
    heard: Callable[[bytes], None]
    saying: Callable[[], Coroutine[Any, Any, list[bytes]]]
    without: Callable[[bool], None]


class Contact:
    """One Redis, as long as it answers. `script` is the one that `run` runs there."""

    def __init__(self, options: RedisOptions, clock: Clock, script: str, partner: Partner) -> None:
        """Raises `ValueError` for an address that is none."""
        self._options, self._clock, self._script, self._partner = options, clock, script, partner
        self._lines = Lines(connections(options))
        self._digest = ""
        self._up = False
        self._damping = Damping()
        self._suspect = asyncio.Event()
        self._tried = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begin to keep in touch; returns after the first attempt, whatever came of it."""
        self._keeper = asyncio.create_task(self._keep(), name="redis")
        await self._tried.wait()

    async def close(self) -> None:
        """Let go of every connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        self._up = False
        await self._lines.drop()

    def is_up(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._up

    async def asked(self, call: str, ask: Callable[[], Awaitable[T]]) -> T:
        """One call within its deadline; raises `Unanswered`, at once while Redis is known to be away."""
        if not self._up:
            self._options.told(call, "away")
            raise Unanswered
        try:
            async with asyncio.timeout(self._options.answer_s):
                answer = await ask()
        except LOST as error:
            self._suspect.set()
            self._options.told(call, "failed")
            raise Unanswered from error
        self._options.told(call, "answered")
        return answer

    async def run(self, keys: Sequence[str], *arguments: object) -> list[Any]:
        """Run the script; it is sent whole to a server that does not know it."""
        async with self._lines.line() as line:
            if not self._digest:
                self._digest = (await exchanged(line, "SCRIPT LOAD", self._script)).decode()
            try:
                answer = await exchanged(line, "EVALSHA", self._digest, len(keys), *keys, *arguments)
            except NoScriptError:
                answer = await exchanged(line, "EVAL", self._script, len(keys), *keys, *arguments)
        return list(answer)

    async def exchange(self, *command: object) -> Any:
        """One command and its answer."""
        async with self._lines.line() as line:
            return await exchanged(line, *command)

    async def _keep(self) -> None:
        """Stay in touch until cancelled: connect, serve until something fails, wait a little longer each time."""
        pause_s = _FIRST_PAUSE_S
        while True:
            began = self._clock.instant()
            try:
                await self._serve()
            except* LOST as group:
                self._away(group)
            except* _FAULTS as group:
                _log.error("what redis said could not be understood (%s)", _kinds(group))
                self._away(group)
            if self._clock.instant() - began > _LOOK_S + self._options.connect_s + self._options.answer_s:
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s * (0.5 + self._clock.chance() / 2))
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    def _away(self, group: BaseExceptionGroup[BaseException]) -> None:
        """Redis is not to be had: the node says so, and its callers are told at once."""
        if self._up or not self._tried.is_set():
            _log.warning("redis does not answer (%s)", _kinds(group))
        if self._up:
            self._damping.lost(self._clock.instant())
        self._up = False
        self._partner.without(True)
        self._tried.set()

    async def _serve(self) -> None:
        """Connect, then listen, send and look until one of them fails."""
        await self._lines.drop()
        self._suspect.clear()
        listening = self._lines.new()
        try:
            async with asyncio.timeout(self._options.connect_s):
                await self._partner.probe()
                await listening.connect()
                await listening.send_command("SUBSCRIBE", self._channel())
                await listening.read_response(timeout=inf)
            self._options.told("connect", "answered")
            _log.info("redis answers")
            self._up = True
            rest_s = self._damping.rest_s(self._clock.instant())
            await _first_to_fail(self._listen(listening), self._send(), self._look(), self._counted_on(rest_s))
        finally:
            await hang_up(listening)

    async def _counted_on(self, rest_s: float) -> None:
        """One that was lost again and again keeps values and says news at once, but budgets only when it has held for a while."""
        if rest_s:
            _log.warning("redis was lost again and again: budgets are kept there again in %.0f s", rest_s)
            await asyncio.sleep(rest_s)
        self._partner.without(False)
        self._tried.set()  # whoever waits for the first attempt finds its outcome said; what was lost before was tried before
        await asyncio.Event().wait()

    async def _look(self) -> None:
        """Ask whether Redis still answers: each second, and at once when a call found that it did not."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._suspect.wait()
            except TimeoutError:
                pass
            self._suspect.clear()
            async with asyncio.timeout(self._options.answer_s / 2):
                await self._partner.probe()

    async def _listen(self, listening: Connected) -> None:
        """Hand on what the other nodes say."""
        while True:
            kind, *rest = await listening.read_response(timeout=inf)
            if kind == b"message":
                self._partner.heard(rest[1])

    async def _send(self) -> None:
        """Say to the other nodes what was said here."""
        while True:
            for message in await self._partner.saying():
                async with asyncio.timeout(self._options.answer_s):
                    await self.exchange("PUBLISH", self._channel(), message)

    def _channel(self) -> str:
        return f"{self._options.prefix}:news"


def _kinds(group: BaseExceptionGroup[BaseException]) -> str:
    return ", ".join(sorted({type(one).__name__ for one in _flat(group)}))


async def _first_to_fail(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of them until one ends, then end the others; raises what it raised.

    No task group: in Python before 3.11.4 one that was left by a failure can keep its task marked as cancelled, and the next
    time-out in it would then end the task instead of the wait.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _flat(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found
