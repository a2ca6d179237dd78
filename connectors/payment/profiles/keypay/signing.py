"""What KeyPay v3 and we sign (payment facts 3.2): lower-case HMAC-SHA256 over values piped in the order of their names.

We sign with key 1 (`main`), KeyPay with key 2 (`second`). `status` is outside every signature of a callback, so a callback,
even a verified one, only makes us ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connectors.payment.canonical import Algorithm, Recipe

PIPE: Final = "|"


def recipe_of(names: Sequence[str]) -> Recipe:
    """The recipe over some fields, as the configuration may name them for answers (payment facts 9)."""
    return Recipe(Algorithm.HMAC_SHA_256, names=tuple(names), by_name=True, separator=PIPE)


ORDER: Final = recipe_of(("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version"))
"""create with key 1, callback with key 2."""

DETAIL: Final = recipe_of(("client_id", "command", "transaction_id"))
REFUND: Final = recipe_of(("amount", "client_id", "command", "reason", "transaction_id"))
REFUND_DETAIL: Final = recipe_of(("client_id", "command", "transaction_refund_code"))
