"""Wire types of a bank's feed of movements on our account, by which VietQR transfers are seen (payment facts 3.13).

[assumed] No bank's layout is public: this is ours, told to the bank or made by a converter in front of it. A line comes by
itself in a signed notice, and in answer to a question about a reference.
"""

from __future__ import annotations

import msgspec


class BankLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement [assumed]. `amount` in đồng, > 0; `direction` C came in, D went out; `booked_at` `yyyyMMddHHmmss`, +07:00.

    `text` is what the bank kept of the payer's words: our reference stands in it.
    """

    txn_id: str
    bank_bin: str
    account: str
    direction: str
    amount: int | str
    currency: str
    text: str
    booked_at: str


class FeedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `GET feed?reference=...&from=yyyyMMdd` [assumed]: every line whose text holds the reference.

    `more`: there are others that were not told.
    """

    lines: tuple[BankLine, ...]
    more: bool = False


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice is answered with [assumed]: HTTP 200 once it need not come again."""

    accepted: bool
    reason: str
