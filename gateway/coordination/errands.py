"""What is done to Redis beside coordinating through it: everything under a prefix that nobody uses any more is removed."""

from __future__ import annotations

import asyncio

from gateway.coordination.contact import LOST, RedisOptions, connections
from gateway.coordination.lines import exchanged, hang_up

_PAGE = 500


async def emptied(options: RedisOptions) -> bool:
    """Remove every name under the prefix of `options`; whether all of it is gone. A Redis that is away keeps what it has.

    Raises `ValueError` for an address that is none.
    """
    line = connections(options)()
    try:
        async with asyncio.timeout(options.connect_s + options.answer_s):
            cursor = b""
            while cursor != b"0":
                words = ("SCAN", cursor or b"0", "MATCH", f"{options.prefix}:*", "COUNT", _PAGE)
                cursor, names = await exchanged(line, *words)
                if names:
                    await exchanged(line, "DEL", *names)
        return True
    except LOST:
        return False
    finally:
        await hang_up(line)
