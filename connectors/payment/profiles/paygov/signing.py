"""What PayGov and we sign (payment facts 3.4): lower-case SHA-256 of the secret and the values, with nothing between them.

Without separators a digit may move from one value into the next and keep the checksum (vectors paygov-concat-ambiguity-*), so
order and request bear the same reference and every value is compared with what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connectors.payment.canonical import Algorithm, Place, Recipe

CREATE: Final = Recipe(
    Algorithm.SHA_256,
    names=("accessKey", "partnerCode", "orderId", "requestCode", "amount"),
    separator="",
    place=Place.PREFIX,
)


def callback_of(names: Sequence[str], separator: str) -> Recipe:
    """The recipe of a callback as the contract names it; no public client verifies one (payment facts 9)."""
    return Recipe(Algorithm.SHA_256, names=tuple(names), separator=separator, place=Place.PREFIX)
