"""The decision of an operator about one difference of a settlement: looked at, and signed for. It moves no money."""

from __future__ import annotations

from connectors.kit.deciding import Decided
from connectors.kit.errors import CannotMap
from connectors.kit.ledgers import Change, LedgerReader
from connectors.kit.settlement.state import DifferenceClosed, Kinds, Part
from mappings.codec import decode, plain

CLOSE = "close_difference"
"""The decision's name; its ledger is a part of a settlement, its field `place` the difference in it."""


async def closed_difference(ledgers: LedgerReader, kinds: Kinds, decision: Decided) -> Change:
    """The change that closes a difference. Raises `CannotMap` with the reason."""
    entry = await ledgers.read(kinds.parts, decision.ledger_id)
    part = decode(entry.state, Part) if entry is not None else None
    place = decision.fields.get("place", "")
    if part is None or not (
        place.isascii() and place.isdigit() and len(place) < 8 and int(place) < len(part.differences)
    ):
        raise CannotMap("place: không có khoản chênh lệch này; mã phần và vị trí có ở báo cáo đối soát.")
    closed = DifferenceClosed(
        at=decision.at, place=int(place), decided_by=decision.decided_by, decision_id=decision.decision_id
    )
    before = part.differences[int(place)]
    if before.closed and before.closed_by != decision.decided_by:
        raise CannotMap("place: khoản chênh lệch này đã được đóng.")
    return Change(kinds.parts, decision.ledger_id, f"closed/{decision.decision_id}", plain(closed), passing=("at",))
