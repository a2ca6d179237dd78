"""What ZaloPay and we sign: values joined by a pipe in a fixed order, HMAC-SHA256 in lower-case hex (payment facts 3.7).

Key 1 (`main`) signs what we send, key 2 (`second`) what comes to us. A callback is signed over the text of its `data`.
"""

from __future__ import annotations

from typing import Final

from connectors.payment.canonical import Algorithm, Place, Recipe

PIPE: Final = "|"


def _signed(names: str) -> Recipe:
    return Recipe(Algorithm.HMAC_SHA_256, names=tuple(names.split()))


CREATE: Final = _signed("app_id app_trans_id app_user amount app_time embed_data item")
QUERY: Final = Recipe(Algorithm.HMAC_SHA_256, names=("app_id", "app_trans_id"), place=Place.KEY_AND_SUFFIX)
REFUND: Final = _signed("app_id zp_trans_id amount description timestamp")
REFUND_WITH_FEE: Final = _signed("app_id zp_trans_id amount refund_fee description timestamp")
REFUND_QUERY: Final = _signed("app_id m_refund_id timestamp")
CALLBACK: Final = Recipe(Algorithm.HMAC_SHA_256)
"""Only `verified_text`: the text is given."""

REDIRECT: Final = _signed("appid apptransid pmcid bankcode amount discountamount status")
