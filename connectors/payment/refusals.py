"""What the endpoints of payment refuse: stable codes with their words; one of the ledger (already_paid) begins with payment_."""

from __future__ import annotations

from connectors.kit import refusals
from connectors.kit.refusals import RefusalTable

TABLE = RefusalTable("connectors.payment", "payment")
"""The codes, with their words."""


class Refused(refusals.Refused):
    """Yêu cầu về thanh toán không được nhận."""

    table = TABLE
