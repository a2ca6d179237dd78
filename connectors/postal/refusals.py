"""What the endpoints of the post refuse: stable codes with their words; one of the ledger (too_late) begins with shipment_."""

from __future__ import annotations

from connectors.kit import refusals
from connectors.kit.refusals import RefusalTable

TABLE = RefusalTable("connectors.postal", "shipment")
"""The codes, with their words."""


class Refused(refusals.Refused):
    """Yêu cầu về bưu gửi không được nhận."""

    table = TABLE
