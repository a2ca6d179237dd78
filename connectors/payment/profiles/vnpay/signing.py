"""What VNPAY and we sign, and in which order (payment facts 3.5 and 4.1): HMAC-SHA512 in lower-case hex.

The payment page and its notice: names sorted, empty values left out, url-encoded. The JSON calls: values alone, in a fixed
order, an absent one as an empty one. What comes in is verified over its raw text, whichever encoder wrote it.
"""

from __future__ import annotations

from typing import Final

from connectors.payment.canonical import Algorithm, Recipe
from connectors.payment.profiles.vnpay.messages import wire_name

PIPE: Final = "|"

PAGE: Final = Recipe(
    Algorithm.HMAC_SHA_512, by_name=True, pairs=True, separator="&", form=True, absent="skip", empty="skip"
)
"""The payment page, from decoded values."""

RAW: Final = Recipe(Algorithm.HMAC_SHA_512, by_name=True, pairs=True, separator="&", absent="skip", empty="skip")
"""A notice or a return, from its raw names and values."""


def _fixed(names: str) -> Recipe:
    return Recipe(Algorithm.HMAC_SHA_512, names=tuple(map(wire_name, names.split())))


_ANSWER = (
    "response_id command response_code message tmn_code txn_ref amount bank_code pay_date transaction_no "
    "transaction_type transaction_status order_info"
)
QUERY: Final = _fixed("request_id version command tmn_code txn_ref transaction_date create_date ip_addr order_info")
QUERY_ANSWER: Final = _fixed(f"{_ANSWER} promotion_code promotion_amount")
REFUND: Final = _fixed(
    "request_id version command tmn_code transaction_type txn_ref amount transaction_no transaction_date create_by "
    "create_date ip_addr order_info"
)
REFUND_ANSWER: Final = _fixed(_ANSWER)
