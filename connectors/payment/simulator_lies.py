"""Lies by order: what the simulated intermediaries, or somebody in their name, say wrongly when the control plane tells them to.

    PUT /_simulator/lies    {"orders": [{"lie": "amount_lowered", "times": 1, "provider": "vnpay"}]}

replaces every earlier order; `times` 0 never wears out, an empty `provider` means whichever speaks next. The cases are those
of payment facts 6; each lie names the one that it plays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connectors.kit import lies

Pairs = list[tuple[str, str | int]]
"""The fields of a message in the order of the wire; a number stays one."""


class Lie(StrEnum):
    """What may be said wrongly, by where it is said.

    Of a notice, signed like the truth: `other_amount` (A2), `other_merchant` (A12), `reused_txn` the number of another
    order's transaction (A13), `blank_ref` and `zero_width_ref` (A33), `future_time` and `past_time` (A30), `contrary` a
    failure of what is paid (A7), `contradictory` two signs of success that disagree (facts 8.3).
    Of a notice, after it was signed: `amount_lowered` (A1), `status_flipped` (A3, A4), `doubled_field` (A15),
    `legacy_hash` (A16), `strangers_key`, `no_signature`, `empty_signature`, `short_signature`, `not_hex` and
    `upper_signature` (A17; the last is no lie to everybody), `escaped` and `reserialised` (A19), `huge` and `wrong_type` (A28).
    Of an answer: `answer_other_ref` and `answer_other_amount` (A25), `answer_bad_signature`, `answer_not_found` an order that
    is there, `stranger_url` a payer's page at a stranger's (A26), `other_beneficiary` on a bill (A22).
    Of money that goes back: `refund_rejected`, `refund_stuck` under way for ever.
    """

    OTHER_AMOUNT = "other_amount"
    OTHER_MERCHANT = "other_merchant"
    REUSED_TXN = "reused_txn"
    BLANK_REF = "blank_ref"
    ZERO_WIDTH_REF = "zero_width_ref"
    FUTURE_TIME = "future_time"
    PAST_TIME = "past_time"
    CONTRARY = "contrary"
    CONTRADICTORY = "contradictory"
    AMOUNT_LOWERED = "amount_lowered"
    STATUS_FLIPPED = "status_flipped"
    DOUBLED_FIELD = "doubled_field"
    LEGACY_HASH = "legacy_hash"
    STRANGERS_KEY = "strangers_key"
    NO_SIGNATURE = "no_signature"
    EMPTY_SIGNATURE = "empty_signature"
    SHORT_SIGNATURE = "short_signature"
    NOT_HEX = "not_hex"
    UPPER_SIGNATURE = "upper_signature"
    ESCAPED = "escaped"
    RESERIALISED = "reserialised"
    HUGE = "huge"
    WRONG_TYPE = "wrong_type"
    ANSWER_OTHER_REF = "answer_other_ref"
    ANSWER_OTHER_AMOUNT = "answer_other_amount"
    ANSWER_BAD_SIGNATURE = "answer_bad_signature"
    ANSWER_NOT_FOUND = "answer_not_found"
    STRANGER_URL = "stranger_url"
    OTHER_BENEFICIARY = "other_beneficiary"
    REFUND_REJECTED = "refund_rejected"
    REFUND_STUCK = "refund_stuck"


LieOrders = lies.LieOrders[Lie]
Lies = lies.Lies[Lie]


@dataclass(frozen=True, slots=True)
class Names:
    """What a lie must know of a provider's notice: the names of its fields and the values that mean success.

    `contradiction` is the field and value that disagree with success where two signs of it exist.
    """

    ref: str
    amount: str
    merchant: str
    txn: str
    success: Mapping[str, str | int]
    contradiction: tuple[str, str | int] | None = None


STRANGER = "KHACHLA1"
"""A merchant that is not ours."""

STRANGE_SECRET = "khoa-cua-nguoi-la"
"""A key that nobody was given."""

_ZERO_WIDTH = "\u200b"

OF_NOTICES = tuple(
    lie
    for lie in Lie
    if not lie.value.startswith(("answer_", "refund_")) and lie not in (Lie.STRANGER_URL, Lie.OTHER_BENEFICIARY)
)
"""The lies that a notice can tell."""


def changed(pairs: Pairs, name: str, change: Callable[[str | int], str | int]) -> Pairs:
    """The same fields but one."""
    return [(key, change(value) if key == name else value) for key, value in pairs]


def halved(value: str | int) -> str | int:
    """Half of an amount, as it is written there."""
    half = max(1, int(value) // 2)
    return half if isinstance(value, int) else str(half)


def before_signing(lie: Lie | None, pairs: Pairs, names: Names, strange_txn: str) -> Pairs:
    """The fields with a lie that is signed like the truth."""
    match lie:
        case Lie.OTHER_AMOUNT:
            return changed(pairs, names.amount, halved)
        case Lie.OTHER_MERCHANT:
            return changed(pairs, names.merchant, lambda old: 999_999 if isinstance(old, int) else STRANGER)
        case Lie.REUSED_TXN if strange_txn:
            return changed(pairs, names.txn, lambda old: int(strange_txn) if isinstance(old, int) else strange_txn)
        case Lie.BLANK_REF:
            return changed(pairs, names.ref, lambda old: f"{old} ")
        case Lie.ZERO_WIDTH_REF:
            return changed(pairs, names.ref, lambda old: f"{old}{_ZERO_WIDTH}")
        case Lie.CONTRADICTORY if names.contradiction is not None:
            field_name, value = names.contradiction
            return changed(pairs, field_name, lambda _: value)
        case _:
            return pairs


def after_signing(lie: Lie | None, pairs: Pairs, names: Names) -> Pairs:
    """The fields with a lie that the signature does not know of."""
    match lie:
        case Lie.AMOUNT_LOWERED:
            return changed(pairs, names.amount, halved)
        case Lie.STATUS_FLIPPED:
            return [(key, names.success.get(key, value)) for key, value in pairs]
        case Lie.DOUBLED_FIELD:
            return [*pairs, *((key, halved(value)) for key, value in pairs if key == names.amount)]
        case _:
            return pairs


def signature_told(lie: Lie | None, signature: str) -> str | None:
    """The signature as it is sent; None for not at all."""
    match lie:
        case Lie.NO_SIGNATURE:
            return None
        case Lie.EMPTY_SIGNATURE:
            return ""
        case Lie.SHORT_SIGNATURE:
            return signature[:-1]
        case Lie.NOT_HEX:
            return "zz" + signature[2:]
        case Lie.UPPER_SIGNATURE:
            return signature.upper()
        case _:
            return signature
