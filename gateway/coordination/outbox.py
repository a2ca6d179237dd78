"""What this node has to say to the others: gathered, bounded, and forgotten rather than waited for."""

from __future__ import annotations

import asyncio
import json
from collections import deque

LONGEST = 4_096
"""Bytes of a message that is still read, and characters that are said: names, versions, a few words."""
_KEPT = 256
_GATHER_S = 0.02


class Outbox:
    """Wake-ups, each upstream once however often it was woken, and news in order."""

    def __init__(self) -> None:
        self._woken: dict[str, None] = {}
        self._news: deque[tuple[str, str]] = deque(maxlen=_KEPT)
        self._there = asyncio.Event()

    def wake(self, upstream: str) -> None:
        """There may be work for `upstream`, for whichever node has room."""
        if len(self._woken) < _KEPT:
            self._woken[upstream] = None
            self._there.set()

    def tell(self, topic: str, text: str) -> None:
        """A piece of news."""
        self._news.append((topic, text))
        self._there.set()

    async def taken(self, name: str) -> list[bytes]:
        """What there is, as messages signed with the name of this process; waits until there is something.

        A moment is left for more to gather: a busy node wakes itself hundreds of times a second.
        """
        while not self._woken and not self._news:
            self._there.clear()
            await self._there.wait()
        if not self._news:
            await asyncio.sleep(_GATHER_S)
        woken, self._woken = self._woken, {}
        told = list(self._news)
        self._news.clear()
        said = [*told, *(("", upstream) for upstream in woken)]
        return [json.dumps([name, topic, text]).encode() for topic, text in said]

    @staticmethod
    def read(message: bytes, name: str) -> tuple[str, str] | None:
        """Topic and text of another's message, with an empty topic for a wake-up; None for our own, and for what is none."""
        if len(message) > LONGEST:
            return None
        try:
            told = json.loads(message)
        except (ValueError, RecursionError):  # a bracket takes a level of the stack, however few bytes they are
            return None
        if not isinstance(told, list) or len(told) != 3 or not all(isinstance(word, str) for word in told):
            return None
        sender, topic, text = told
        return None if sender == name else (topic, text)
