"""What MoMo and we sign: names sorted, `name=value` of raw values joined by `&`, HMAC-SHA256 in lower-case hex (facts 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.payment.canonical import Algorithm, Recipe


def _signed(names: str) -> Recipe:
    return Recipe(
        Algorithm.HMAC_SHA_256, names=tuple(names.split()), by_name=True, pairs=True, separator="&", absent="empty"
    )


CREATE: Final = _signed(
    "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType"
)
NOTICE: Final = _signed(
    "accessKey amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime resultCode "
    "transId"
)
QUERY: Final = _signed("accessKey orderId partnerCode requestId")
"""Of a question about a payment and of one about a refund."""

REFUND: Final = _signed("accessKey amount description orderId partnerCode requestId transId")


def unambiguous(recipe: Recipe, fields: Mapping[str, str]) -> bool:
    """Whether no value holds `&name=` of a signed name: values are raw, so such a text could be cut in another place (A5)."""
    marks = [f"&{name}=" for name in recipe.names]
    return not any(mark in fields.get(name, "") for name in recipe.names for mark in marks)
