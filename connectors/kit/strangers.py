"""How often a source may say what nobody believes or knows: one budget for each source, in a memory that does not grow."""

from __future__ import annotations

import math
import zlib

from connectors.kit.contract import Kit

_PLACES = 4096  # sources share budgets by chance rather than fill the memory of those who count


async def must_wait_s(kit: Kit, budget: str, source: str, per_minute: float, burst: int) -> int:
    """For how many whole seconds a source has used up its budget of that name, 0 where it has not."""
    place = zlib.crc32(source.encode()) % _PLACES
    allowed, again_s = await kit.coordination.take(f"{kit.upstream}/{budget}/{place}", 1, per_minute / 60, burst)
    return 0 if allowed else max(1, math.ceil(again_s))
