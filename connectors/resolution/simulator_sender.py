"""How the simulated resolution system reaches the gateway: in order per dossier, the same bytes until acknowledged.

Its queue lives in memory, as this process plays an outside system that stays up while the gateway may not. An
acknowledgement is a 2xx or a final 4xx (dossier-model facts 4.2); everything else waits and is sent again, and only its
own dossier waits with it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from connectors.resolution.simulator_signing import MessageSigner

# 4xx that ask for the same request again later (dossier-model facts 4.2: 429 busy).
_PASSING = frozenset({408, 425, 429})
_KEPT_ANSWER = 2_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the gateway is pressed: requests under way, and seconds between tries (doubling up to a cap)."""

    concurrency: int = 8
    retry_base_s: float = 0.2
    retry_cap_s: float = 3.0
    timeout_s: float = 15.0

    def delay(self, attempts: int, retry_after_s: float) -> float:
        """Seconds before the next try; the gateway's Retry-After counts as far as the cap."""
        grown = self.retry_base_s * 2.0 ** min(attempts - 1, 16)
        return min(max(grown, retry_after_s), self.retry_cap_s)


@dataclass(slots=True)
class Message:
    """One request to the gateway and what became of it. `at` and `settled_at` in seconds since the epoch.

    `kind` is registration, event, file (uploaded before the event that names it) or fetch (a file read back, once). What a
    fetch brings must have the SHA-256 `wanted`; of its content nothing is kept.
    """

    kind: str
    dossier_code: str
    method: str
    path: str
    body: bytes
    key: str
    label: dict[str, object]
    at: float
    attempts: int = 0
    http_status: int = 0
    answer: str = ""
    outcome: str = "waiting"
    settled_at: float = 0.0
    media_type: str = "application/json"
    wanted: str = ""

    def shown(self) -> dict[str, object]:
        """The message with the gateway's answer, for the control plane."""
        return {
            **self.label,
            "kind": self.kind,
            "at": self.at,
            "attempts": self.attempts,
            "http_status": self.http_status,
            "outcome": self.outcome,
            "answer": self.answer,
            "settled_at": self.settled_at,
        }


@dataclass(slots=True)
class Sender:
    """Sends messages of one dossier strictly one after the other, several dossiers at once.

    `now` gives seconds since the epoch. The queue of a dossier stands in `_ready` at most once: while its head message
    is under way or waits for its next try, the queue is elsewhere.
    """

    gateway_url: str
    signer: MessageSigner
    pace: Pace
    now: Callable[[], float]
    sent: dict[str, list[Message]] = field(default_factory=dict)
    _queues: dict[str, deque[Message]] = field(default_factory=dict)
    _ready: asyncio.Queue[deque[Message]] = field(default_factory=asyncio.Queue)
    _timers: set[asyncio.TimerHandle] = field(default_factory=set)
    _workers: list[asyncio.Task[None]] = field(default_factory=list)
    _session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session and start the workers."""
        timeout = aiohttp.ClientTimeout(total=self.pace.timeout_s)
        connector = aiohttp.TCPConnector(limit=self.pace.concurrency)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        self._workers = [asyncio.create_task(self._work(self._session)) for _ in range(self.pace.concurrency)]

    async def close(self) -> None:
        """Stop; what was not acknowledged stays unsent."""
        for timer in self._timers:
            timer.cancel()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def enqueue(self, message: Message) -> None:
        """Put a message behind the others of its dossier."""
        code = message.dossier_code
        self.sent.setdefault(code, []).append(message)
        queue = self._queues.setdefault(code, deque())
        queue.append(message)
        if len(queue) == 1:
            self._ready.put_nowait(queue)

    def forget(self) -> None:
        """Drop every message; those under way end without a successor."""
        self.sent.clear()
        for queue in self._queues.values():
            queue.clear()
        self._queues.clear()

    def waiting(self) -> int:
        """How many messages are not settled."""
        return sum(len(queue) for queue in self._queues.values())

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            queue = await self._ready.get()
            if not queue:
                continue  # Everything was forgotten meanwhile.
            message = queue[0]
            retry_after_s = await self._try(session, message)
            if message.outcome == "waiting":
                self._again(queue, self.pace.delay(message.attempts, retry_after_s))
                continue
            if queue:
                queue.popleft()
            if queue:
                self._ready.put_nowait(queue)

    def _again(self, queue: deque[Message], delay_s: float) -> None:
        def put() -> None:
            self._timers.discard(timer)
            self._ready.put_nowait(queue)

        timer = asyncio.get_running_loop().call_later(delay_s, put)
        self._timers.add(timer)

    async def _try(self, session: aiohttp.ClientSession, message: Message) -> float:
        """One attempt; the body never changes, the signature is as young as the attempt. Returns Retry-After."""
        message.attempts += 1
        headers = self.signer.headers(message.method, message.path, message.body, int(self.now()), message.media_type)
        if message.key:
            headers["Idempotency-Key"] = message.key
        url = URL(self.gateway_url + message.path, encoded=True)  # What is signed is what is sent.
        try:
            async with session.request(message.method, url, data=message.body or None, headers=headers) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0.0
        message.http_status = response.status
        message.answer = answer[:_KEPT_ANSWER].decode("utf-8", "replace")
        if 200 <= response.status < 300:
            if message.wanted:
                if hashlib.sha256(answer).hexdigest() != message.wanted:
                    return 0.0  # Not what was asked for: asked for again.
                message.answer = ""
            self._settle(message, "acknowledged")
        elif 400 <= response.status < 500 and response.status not in _PASSING:
            self._settle(message, "refused")
        return _seconds(response.headers.get("Retry-After", ""))

    def _settle(self, message: Message, outcome: str) -> None:
        message.outcome, message.settled_at = outcome, self.now()


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
