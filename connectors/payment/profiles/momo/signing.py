"""What MoMo and we sign: names sorted, `name=value` of raw values joined by `&`, HMAC-SHA256 in lower-case hex (facts 3.6)."""

from __future__ import annotations

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
