"""Notices of the simulated intermediaries on their way to the merchant: schedules, loss, repetition, order and forgery.

Schedules of payment facts 4.5 (VNPAY: ten calls five minutes apart, ZaloPay: three more after `return_code` 0, the others
[assumed]), scaled by the pace. Every attempt and what was answered is kept for the control plane.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import aiohttp
import msgspec
from yarl import URL

from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_books import News
from connectors.payment.simulator_lies import Lie

_PATIENCE = aiohttp.ClientTimeout(total=15.0, connect=5.0)
_KEPT_ANSWER = 500
_MOST_KEPT = 100_000


@dataclass(frozen=True, slots=True, repr=False)
class Parcel:
    """A notice as bytes: `query` is the raw text after the question mark."""

    method: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def posted(lie: Lie | None, told: Sequence[tuple[str, object]], filler: str = "note") -> Parcel:
    """A notice that is a POST of one JSON object, with the lies that stand outside of what is signed."""
    members = [*told, (filler, "x" * 100_000)] if lie is Lie.HUGE else told
    text = wire.object_text(members, spaced=lie is Lie.RESERIALISED, escaped=lie is Lie.ESCAPED)
    kind = "text/plain" if lie is Lie.WRONG_TYPE else "application/json"
    return Parcel("POST", body=text.encode(), content_type=kind)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds between tries, unscaled, when an answer does not settle it."""

    again_s: tuple[float, ...] = ()


class Voice(Protocol):
    """How one intermediary tells its news, and what it takes for an answer."""

    name: str
    schedule: Schedule

    def parcel(self, news: News, lie: Lie | None) -> Parcel | None:
        """The notice, or None where this intermediary says nothing of such news."""
        ...

    def settled(self, status: int, body: bytes) -> bool:
        """Whether this answer ends the tries."""
        ...


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How notices travel: `hold` keeps them until they are released; by chance from `seed` some are lost or come again.

    `lose`, `repeat`: probabilities from 0 to 1; a repeated notice comes `copies` times more, at the same moment.
    """

    hold: bool = False
    seed: int = 0
    lose: float = 0.0
    repeat: float = 0.0
    copies: int = 1


@dataclass(slots=True)
class Attempt:
    """One try: when, the HTTP status (0: no answer) and the beginning of what was answered."""

    at: datetime
    status: int
    answer: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice with its address and what it is about."""

    provider: str
    ref: str
    txn_id: str
    lie: str
    url: str = field(repr=False)
    parcel: Parcel = field(repr=False)


@dataclass(slots=True)
class Sent:
    """One notice and what became of it.

    `state`: held, waiting, settled (the merchant's answer ended it), given_up (tries used up), lost (never sent).
    """

    number: int
    letter: Letter
    state: str = "waiting"
    attempts: list[Attempt] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def shown(self) -> dict[str, object]:
        """The notice for the control plane."""
        return {
            "number": self.number,
            "provider": self.letter.provider,
            "ref": self.letter.ref,
            "txn_id": self.letter.txn_id,
            "lie": self.letter.lie,
            "state": self.state,
            "attempts": [{"at": one.at, "status": one.status, "answer": one.answer} for one in self.attempts],
        }

    def end(self, state: str) -> None:
        """Nothing more will be tried."""
        self.state = state
        self.ended.set()


@dataclass(slots=True)
class Postman:
    """Carries notices. `now` gives the time in UTC, `pace` scales schedules; `voices` say what settles a notice."""

    voices: Mapping[str, Voice]
    now: Callable[[], datetime]
    pace: float
    tls: ssl.SSLContext | None = None
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    delivery: Delivery = Delivery()
    sent: list[Sent] = field(default_factory=list)
    _chance: random.Random = field(default_factory=lambda: random.Random(0))
    _count: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None

    def travel(self, delivery: Delivery) -> None:
        """Let notices travel so from now on; what is held stays held."""
        self.delivery, self._chance = delivery, random.Random(delivery.seed)

    def send(self, news: News, url: str, lie: Lie | None = None) -> list[Sent]:
        """Tell news to `url`; what was made of it, nothing where this intermediary says nothing of it."""
        voice = self.voices[news.charge.provider]
        parcel = voice.parcel(news, lie)
        if parcel is None or not url:
            return []
        lost = self._chance.random() < self.delivery.lose
        copies = 1 + (self.delivery.copies if self._chance.random() < self.delivery.repeat else 0)
        txn_id = news.txn.txn_id if news.txn else ""
        letter = Letter(voice.name, news.charge.ref, txn_id, lie or "", url, parcel)
        made = [self._kept(letter) for _ in range(copies)]
        for one in made:
            if lost:
                one.end("lost")
            elif self.delivery.hold:
                one.state = "held"
            else:
                self._start(one)
        return made

    def release(self, order: str, seed: int) -> list[Sent]:
        """Send what is held: as_made, reversed or shuffled (from `seed`)."""
        held = [one for one in self.sent if one.state == "held"]
        if order == "reversed":
            held.reverse()
        elif order == "shuffled":
            random.Random(seed).shuffle(held)
        for one in held:
            one.state = "waiting"
        if held:
            self._keep(asyncio.create_task(self._in_order(held)))
        return held

    async def ended(self, notices: Sequence[Sent]) -> None:
        """Wait until nothing more will be tried of these; those that are held are not waited for."""
        for one in notices:
            if one.state != "held":
                await one.ended.wait()

    def again(self, number: int) -> Sent | None:
        """The same bytes once more."""
        found = next((one for one in self.sent if one.number == number), None)
        if found is None:
            return None
        copy = self._kept(found.letter)
        self._start(copy)
        return copy

    def forget(self) -> None:
        """Stop trying and lose the list."""
        for task in self._tasks:
            task.cancel()
        for one in self.sent:
            one.end("lost")
        self.sent.clear()

    async def close(self) -> None:
        """Stop for good."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _kept(self, letter: Letter) -> Sent:
        self._count += 1
        one = Sent(self._count, letter)
        self.sent.append(one)
        if len(self.sent) > _MOST_KEPT:
            del self.sent[: _MOST_KEPT // 10]
        return one

    def _start(self, one: Sent) -> None:
        one.state = "waiting"
        self._keep(asyncio.create_task(self._deliver(one)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_order(self, notices: Sequence[Sent]) -> None:
        """The first try of each one after the other, so that the order is the one that was asked for."""
        for one in notices:
            if not await self._tried(one):
                self._keep(asyncio.create_task(self._retry(one)))

    async def _deliver(self, one: Sent) -> None:
        if not await self._tried(one):
            await self._retry(one)

    async def _retry(self, one: Sent) -> None:
        for pause in self.voices[one.letter.provider].schedule.again_s:
            await self.sleep(pause * self.pace)
            if await self._tried(one):
                return
        one.end("given_up")

    async def _tried(self, one: Sent) -> bool:
        """One try; whether it settled the notice."""
        at, status, answer = self.now(), 0, b""
        letter, parcel = one.letter, one.letter.parcel
        headers = {**parcel.headers, **({"Content-Type": parcel.content_type} if parcel.content_type else {})}
        address = f"{letter.url}?{parcel.query}" if parcel.query else letter.url
        try:
            # What is signed is what is sent: the query is not encoded again.
            url = URL(address, encoded=True)
            async with self._http().request(
                parcel.method, url, data=parcel.body or None, headers=headers, allow_redirects=False
            ) as got:
                status, answer = got.status, await got.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            answer = type(error).__name__.encode()
        one.attempts.append(Attempt(at, status, answer[:_KEPT_ANSWER].decode("utf-8", "replace")))
        settled = status != 0 and self.voices[letter.provider].settled(status, answer)
        if settled:
            one.end("settled")
        return settled

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self.tls if self.tls is not None else True)
            self._session = aiohttp.ClientSession(timeout=_PATIENCE, connector=connector)
        return self._session
