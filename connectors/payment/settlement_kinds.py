"""What payment calls the two ledgers of its settlement."""

from __future__ import annotations

from connectors.kit.settlement.state import Kinds

HEADS = "settlements"
"""One day of one intermediary: files and sums."""
PARTS = "settlement_parts"
"""Its differences one by one, and the lines to transfer."""
KINDS = Kinds(HEADS, PARTS, "payment")
