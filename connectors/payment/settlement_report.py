"""The settlement of a day as a report: what both sides count, by outcome, fee and budget code, and every difference. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.kit.contract import LedgerReader
from connectors.payment.settlement_state import PARTS, Part, Settlement, part_id
from mappings.codec import decode


async def parts_of(ledgers: LedgerReader, head: Settlement) -> Sequence[Part]:
    """The parts of the result that stands."""
    file = head.file(head.current)
    found: list[Part] = []
    for number in range(file.parts if file is not None else 0):
        entry = await ledgers.read(PARTS, part_id(head.provider, head.business_date, head.current, number))
        if entry is not None:
            found.append(decode(entry.state, Part))
    return found
