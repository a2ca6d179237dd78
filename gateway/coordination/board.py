"""Wake-ups and news inside one process: who waits is woken, who listens hears, and neither makes the teller wait."""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakSet

_KEPT_NEWS = 256
MOST_NAMES = 1_024
"""Of upstreams that others may name before anybody here has waited for them."""


class News:
    """What is told of one topic, in order; whoever listens too slowly misses the oldest."""

    def __init__(self) -> None:
        self._told: deque[str] = deque(maxlen=_KEPT_NEWS)
        self._there = asyncio.Event()

    def hear(self, text: str) -> None:
        """Keep one piece of news until it is asked for."""
        self._told.append(text)
        self._there.set()

    def __aiter__(self) -> News:
        """Itself."""
        return self

    async def __anext__(self) -> str:
        """The oldest piece of news that was not asked for yet; waits for one without end."""
        while not self._told:
            self._there.clear()
            await self._there.wait()
        return self._told.popleft()


class Board:
    """Who waits for which upstream, and who listens to which topic."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}
        self._listeners: dict[str, WeakSet[News]] = {}

    def wake(self, upstream: str) -> None:
        """Say that there may be work for `upstream`; kept until somebody waits."""
        self._event(upstream).set()

    def wake_told(self, upstream: str) -> None:
        """The same as said by other nodes, or by who can write to their channel and says any name.

        A name that nobody here has waited for is kept as long as there are few; what is not kept comes with the time-out.
        """
        if upstream in self._events or len(self._events) < MOST_NAMES:
            self.wake(upstream)

    def __len__(self) -> int:
        """How many upstreams are known."""
        return len(self._events)

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        """Wait for `wake` or the time-out; True when woken. A wake-up that came before the wait is not lost."""
        event = self._event(upstream)
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

    def tell(self, topic: str, text: str) -> None:
        """Hand `text` to everybody who listens to `topic` in this process."""
        for news in tuple(self._listeners.get(topic, ())):
            news.hear(text)

    def news(self, topic: str) -> News:
        """Listen to `topic` from now on, for as long as somebody holds what is returned."""
        news = News()
        self._listeners.setdefault(topic, WeakSet()).add(news)
        return news

    def _event(self, upstream: str) -> asyncio.Event:
        return self._events.setdefault(upstream, asyncio.Event())
