"""What a settlement adds up to: counts and sums by outcome, by fee and by budget code, and the lines to transfer. Pure.

Phí and lệ phí go to the treasury apart (payment facts 7.3: NĐ 120/2016 Điều 3), so one payment with both makes two transfers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mappings.settlement_words import TRANSFERABLE, Kind, OurPayment, Outcome, Pairing, Share

LONGEST_REFERENCE = 210
"""Characters of ASCII that a transfer may say (payment facts 7.4)."""

_DVQHNS = re.compile(r"[12378]\d{6}", re.ASCII)
_CHAPTER = re.compile(r"\d{3}", re.ASCII)
_SUB_ITEM = re.compile(r"\d{4}", re.ASCII)


class Count(msgspec.Struct, frozen=True):
    """How many, and what each side counts for them, in đồng."""

    count: int = 0
    theirs: int = 0
    ours: int = 0

    def plus(self, other: Count) -> Count:
        """Both together."""
        return Count(self.count + other.count, self.theirs + other.theirs, self.ours + other.ours)


class ShareSum(msgspec.Struct, frozen=True, kw_only=True):
    """What was collected for one fee and one place in the State budget; `held`: what of it may not be transferred yet."""

    share: Share
    count: int
    amount: int
    held: int = 0


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One line to transfer to the treasury. `reference` is "" and `held` says why, where it may not go yet."""

    ref: str
    dossier_code: str
    txn_id: str
    share: Share
    reference: str = ""
    held: str = ""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of some pairings: money in (`pay`), money back (`back`), and what was collected by share."""

    pay: Mapping[str, Count] = {}
    back: Mapping[str, Count] = {}
    shares: tuple[ShareSum, ...] = ()


def tally(pairings: Iterable[Pairing], transfers: Iterable[Transfer]) -> Sums:
    """The sums of pairings and of their transfers."""
    pay: dict[str, Count] = {}
    back: dict[str, Count] = {}
    for found in pairings:
        side = pay if found.kind is Kind.PAY else back
        side[found.outcome] = side.get(found.outcome, Count()).plus(Count(1, found.theirs, found.ours))
    shares = [
        ShareSum(
            share=_place(line.share), count=1, amount=line.share.amount, held=line.share.amount if line.held else 0
        )
        for line in transfers
    ]
    return Sums(pay=dict(sorted(pay.items())), back=dict(sorted(back.items())), shares=_added(shares))


def add(one: Sums, other: Sums) -> Sums:
    """Both together: the sums of the pairings of both."""
    return Sums(
        pay=_merged(one.pay, other.pay), back=_merged(one.back, other.back), shares=_added((*one.shares, *other.shares))
    )


def transfers(pairings: Iterable[Pairing], payments: Mapping[str, OurPayment]) -> list[Transfer]:
    """The lines to transfer for money that came in and that both sides agree about, a line for each share of its fee.

    Money of which something went back, or is on its way back, stays until a person has looked at it.
    """
    lines: list[Transfer] = []
    for found in pairings:
        payment = payments.get(found.payment_id)
        if payment is None or found.kind is not Kind.PAY or not found.theirs or found.outcome not in TRANSFERABLE:
            continue
        held = "refund" if any(refund.attempt_ref == found.ref for refund in payment.refunds) else ""
        lines.extend(_line(found, share, held) for share in payment.shares)
    return lines


def transfer_reference(share: Share, dossier_code: str, txn_id: str) -> str:
    """What a transfer says (payment facts 7.4): `DVQHNS;CHUONG;TIEUMUC;MaHoSo;provider_txn_id`.

    "" where a code is missing or none, or where it would not fit: then nobody may guess.
    """
    codes_hold = (
        _DVQHNS.fullmatch(share.dvqhns) and _CHAPTER.fullmatch(share.chapter) and _SUB_ITEM.fullmatch(share.sub_item)
    )
    text = ";".join((share.dvqhns, share.chapter, share.sub_item, dossier_code, txn_id))
    fits = text.isascii() and text.isprintable() and len(text) <= LONGEST_REFERENCE
    unambiguous = ";" not in dossier_code + txn_id
    return text if codes_hold and fits and unambiguous else ""


def _line(found: Pairing, share: Share, held: str) -> Transfer:
    reference = transfer_reference(share, found.dossier_code, found.txn_id)
    return Transfer(
        ref=found.ref,
        dossier_code=found.dossier_code,
        txn_id=found.txn_id,
        share=share,
        reference=reference if not held else "",
        held=held or ("" if reference else "budget"),
    )


def _place(share: Share) -> Share:
    """A share without its amount: what sums are added under."""
    return msgspec.structs.replace(share, amount=0)


def _merged(one: Mapping[str, Count], other: Mapping[str, Count]) -> dict[str, Count]:
    return {key: one.get(key, Count()).plus(other.get(key, Count())) for key in sorted({*one, *other})}


def _added(shares: Sequence[ShareSum]) -> tuple[ShareSum, ...]:
    sums: dict[Share, ShareSum] = {}
    for each in shares:
        before = sums.get(each.share)
        if before is not None:
            each = ShareSum(
                share=each.share,
                count=before.count + each.count,
                amount=before.amount + each.amount,
                held=before.held + each.held,
            )
        sums[each.share] = each
    return tuple(sums[share] for share in sorted(sums, key=msgspec.structs.astuple))


def open_outcomes(sums: Sums) -> int:
    """How many differences are counted, other than those that explain themselves."""
    closed = {Outcome.MATCHED, Outcome.DATE_SHIFT}
    return sum(
        count.count for side in (sums.pay, sums.back) for outcome, count in side.items() if outcome not in closed
    )
