"""How an embedded store is kept: what the composition root decides, whatever the driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.journal.books import unsigned
from gateway.journal.model import Vouch
from gateway.observe.crash import Reach, never


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How the store is kept. `kek` is the 32-byte key-encryption key; sealed bytes above `inline_bytes` go to files.

    `queue_limit` bounds the accepts that wait. `synchronous` other than FULL is for negative controls of tests.
    `max_pages` bounds the database file, in pages of 4096 bytes (0: only the disk does). `reach` marks crash points; `vouch`
    signs the opening of the evidence chain.
    """

    node: str
    kek: bytes = field(repr=False)
    inline_bytes: int = 65_536
    queue_limit: int = 4_096
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    max_pages: int = 0
    reach: Reach = never
    vouch: Vouch = unsigned
