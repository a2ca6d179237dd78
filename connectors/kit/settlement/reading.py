"""Reads settlements back: the head of a day, and the parts of the result that stands."""

from __future__ import annotations

from connectors.kit.ledgers import LedgerReader
from connectors.kit.settlement.state import Kinds, Part, Settlement, head_id, part_id
from mappings.codec import decode


async def head_of(ledgers: LedgerReader, kinds: Kinds, provider: str, day: str) -> Settlement | None:
    """A day (`yyyymmdd`) of one sender, None where nothing of it ever came."""
    entry = await ledgers.read(kinds.heads, head_id(provider, day))
    return decode(entry.state, Settlement) if entry is not None else None


async def parts_of(ledgers: LedgerReader, kinds: Kinds, head: Settlement) -> tuple[Part, ...]:
    """The parts of the result that stands."""
    file = head.file(head.current)
    found: list[Part] = []
    for number in range(file.parts if file is not None else 0):
        entry = await ledgers.read(kinds.parts, part_id(head.provider, head.business_date, head.current, number))
        if entry is not None:
            found.append(decode(entry.state, Part))
    return tuple(found)
