"""After a restore to an earlier moment: what stands open may have been delivered since, in the time that this store has lost.

So every open message comes into doubt, as after an answer that never came: its connector asks the upstream first; where
nobody can tell and a repeat would do harm, a person decides (`dispatch.resolve`). Nothing that was acknowledged is dropped.
Positions of the lost time were seen by readers of the feed, so the numbers leap over them, and no cursor hides what is new.
How a restore is noticed: a copy made by `gateway backup` says that it is one; a PostgreSQL server has another system
identifier or timeline than the one that wrote last; and for everything else a person says so (`gateway restored`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.clock import from_micros
from gateway.journal.books import Books
from gateway.journal.model import AuditWrite, DeliveryState
from mappings.codec import encode_sorted

SERVER = "server"  # the cursor with the server that wrote last: system identifier / timeline
DOUBTED_ON = "doubted_on"  # the cursor with the server on which what stood open came into doubt
RESTORED_AT = "restored_at"  # the cursor with the last time of a restore, in µs
_LANES = 500
_LOG = logging.getLogger("gateway.journal")
_KEEPS = (DeliveryState.HELD, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore as it was noticed. Messages accepted up to `until` (µs) come into doubt.

    `sign`: backup, server (at an opening), failover (a node at work finds another server), operator. `server` is the one that
    was found, where that is how it was noticed.
    """

    sign: str
    until: int
    reason: str = ""
    actor: str = "gateway"
    server: str = ""


@dataclass(frozen=True, slots=True)
class Doubted:
    """What came of it: how many deliveries came into doubt, in how many lanes."""

    deliveries: int
    lanes: int


def doubt(books: Books, restored: Restored, sent: Callable[[], object] = lambda: None) -> Doubted:
    """Bring every open message into doubt, and tell so in the trail; all in the transaction at hand, bound by its leaves.

    `sent` is called now and then, so that what waits to be written takes no memory.
    """
    books.what = "restored"
    books.leap()
    deliveries = lanes = last = 0
    while page := books.rows("restore.lanes", last, _LANES):
        first, last = last, int(page[-1][0])
        lanes += len(page)
        for upstream, state, n in books.rows("restore.open", first, last, restored.until):
            deliveries += int(n)
            if state not in _KEEPS:
                books.move(upstream, state, DeliveryState.UNKNOWN, int(n))
        books.run("restore.doubt", first, last, restored.until)
        sent()
    if restored.server:
        books.run("cursor.put", DOUBTED_ON, restored.server)
    books.run("cursor.put", RESTORED_AT, str(books.now))
    books.audit(_told(restored, deliveries))
    books.end()
    sent()
    _LOG.error("store restored", extra={"found": {"sign": restored.sign, "deliveries": deliveries, "lanes": lanes}})
    return Doubted(deliveries, lanes)


def _told(restored: Restored, deliveries: int) -> AuditWrite:
    fields: dict[str, Any] = {
        "sign": restored.sign,
        "until": from_micros(restored.until).isoformat(),
        "deliveries": deliveries,
        "reason": restored.reason,
    }
    return AuditWrite("store.restored", restored.actor, "", "", encode_sorted(fields))


def server_changed(books: Books, here: str) -> bool:
    """Note which server writes from now on, in the leaf that comes next; True when another one wrote before."""
    row = books.one("cursor.get", SERVER)
    if row is not None and row[0] == here:
        return False
    books.run("cursor.put", SERVER, here)
    return row is not None
