"""What a shipment is called: our order number at the carrier, and the id that follows from it without any index."""

from __future__ import annotations

import base64
import hashlib

from connectors.postal.model import Direction
from mappings.codec import encode_sorted

SHIPMENTS = "shipments"
"""The kind of the ledger of parcels."""

FEEDS = "feeds"
"""The kind of the ledger that counts the rounds of each carrier's feed; its id is the carrier's name in the settings."""

STRAYS = "strays"
"""The kind of the ledger of what was said about parcels that are not ours; its id is that of the parcel, had it been ours."""

_SUFFIX = {Direction.COLLECT: "N", Direction.DELIVER: "T"}
_LETTERS = 13


def order_number_of(dossier_code: str, direction: Direction, ordinal: int) -> str:
    """The number of the dossier's parcel that way: `<code>-T`, then `<code>-T2` and so on (postal facts 7)."""
    return f"{dossier_code}-{_SUFFIX[direction]}{ordinal if ordinal > 1 else ''}"


def shipment_id_of(carrier: str, order_number: str) -> str:
    """The id of the shipment with this number at a carrier of the settings: 13 letters, the same for ever."""
    digest = hashlib.sha256(encode_sorted(["shipment", carrier, order_number])).digest()
    return base64.b32hexencode(digest).decode("ascii").lower()[:_LETTERS]
