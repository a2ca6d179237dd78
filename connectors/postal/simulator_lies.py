"""Lies by order: what the simulated carriers, or somebody in their name, say wrongly when the control plane tells them to.

    PUT /_simulator/lies    {"orders": [{"lie": "overlap", "times": 1, "provider": "h2"}]}

replaces every earlier order; `times` 0 never wears out, an empty `provider` means whichever speaks next.
"""

from __future__ import annotations

from enum import StrEnum

from connectors.kit import lies


class Lie(StrEnum):
    """What may be said wrongly, by where it is said.

    Of an answer to an order: `strange_status` a `Status` that nobody listed although the order was taken, `empty_answer` 201
    without a body, `not_subscribed` the gateway's 403 with 900908 and nothing was done.
    Of the feed: `bad_record` a record that cannot be read comes first on the page, `overlap` the page begins with the record
    that was read last, `short_page` one record although more are there, `wrong_counts`, `feed_page` a page of a proxy in
    place of JSON, `future_event` its times lie a year ahead.
    Of an answer to a question: `not_found` an order that is there (m1), `no_price` an empty price (h3).
    Of a notice, after it was signed: `changed_data`, `changed_date`, `strangers_key`, `no_signature`, `short_signature`,
    `reserialised` (the same members with other spaces); before: `old_date` it was sent two days ago. `huge` and `malformed`.
    """

    STRANGE_STATUS = "strange_status"
    EMPTY_ANSWER = "empty_answer"
    NOT_SUBSCRIBED = "not_subscribed"
    BAD_RECORD = "bad_record"
    OVERLAP = "overlap"
    SHORT_PAGE = "short_page"
    WRONG_COUNTS = "wrong_counts"
    FEED_PAGE = "feed_page"
    FUTURE_EVENT = "future_event"
    NO_PRICE = "no_price"
    NOT_FOUND = "not_found"
    CHANGED_DATA = "changed_data"
    CHANGED_DATE = "changed_date"
    STRANGERS_KEY = "strangers_key"
    NO_SIGNATURE = "no_signature"
    SHORT_SIGNATURE = "short_signature"
    RESERIALISED = "reserialised"
    OLD_DATE = "old_date"
    HUGE = "huge"
    MALFORMED = "malformed"


LieOrders = lies.LieOrders[Lie]
Lies = lies.Lies[Lie]

OF_NOTICES = (
    *(Lie.CHANGED_DATA, Lie.CHANGED_DATE, Lie.STRANGERS_KEY, Lie.NO_SIGNATURE, Lie.SHORT_SIGNATURE),
    *(Lie.RESERIALISED, Lie.OLD_DATE, Lie.HUGE, Lie.MALFORMED),
)
"""The lies that a notice can tell."""
