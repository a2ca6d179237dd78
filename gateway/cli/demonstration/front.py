"""What stands before several nodes in a play: one address, each new connection led to the next node that takes it.

It plays the reverse proxy of a ministry for whoever calls; it reads nothing of what passes. A caller whose node dies loses its
connection, and the next one leads to another node.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

_PIECE = 1 << 16
_CONNECTS_S = 1.0


class Relay:
    """Leads connections on, each in a task of its own, until it is closed; where to is for the kinds of it to say."""

    def __init__(self) -> None:
        """Nothing listens yet."""
        self._links: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            await self.lead(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the other side is gone, or the play is over
        finally:
            self._links.discard(task)
            writer.close()

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what comes and what is answered until either side ends."""
        raise NotImplementedError

    async def close(self) -> None:
        """Hang up on everybody."""
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)


class Front(Relay):
    """Leads connections to `behind`, loopback ports, in turn."""

    def __init__(self, behind: Sequence[int]) -> None:
        """Nothing listens yet."""
        super().__init__()
        self._behind = tuple(behind)
        self._turn: Iterator[int] = itertools.cycle(range(len(self._behind)))

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """To the next node that takes it; hung up where nobody is there, and the caller tries again."""
        found = await self._next()
        if found is not None:
            await _joined((reader, writer), found)

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turn)
        for step in range(len(self._behind)):
            port = self._behind[(first + step) % len(self._behind)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECTS_S):
                    return await asyncio.open_connection("127.0.0.1", port)
        return None


@asynccontextmanager
async def before(port: int, behind: Sequence[int]) -> AsyncIterator[None]:
    """Listen on a loopback port for nodes on other ports, until the end of the block."""
    front = Front(behind)
    server = await asyncio.start_server(front.take, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await front.close()
        await server.wait_closed()


Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _joined(caller: Link, node: Link) -> None:
    """Carry bytes both ways until either side ends."""
    ways = [asyncio.create_task(_carry(caller[0], node[1])), asyncio.create_task(_carry(node[0], caller[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        node[1].close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
