"""The course of a settlement for the conformance suite: files received, refused, settled, replaced; differences looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.kit.contract import Change
from connectors.kit.settlement.state import (
    DifferenceClosed,
    FileFault,
    FileMissing,
    FileReceived,
    FileRefused,
    FileTaken,
    HeadChange,
    PartChange,
    PartCounted,
    PartMatched,
    Reviewed,
)
from connectors.payment.settlement_kinds import HEADS
from mappings.codec import plain
from mappings.settlement_sums import Count, Sums
from mappings.settlement_words import Kind, Outcome, Pairing

PROVIDER, DAY = "momo", "20261121"
FIRST, SECOND = "1" * 64, "2" * 64


def settlement_course(ledger: str, at: datetime) -> Sequence[Change]:
    """What may come to one day of one intermediary, or to one part of its file, in an order that is likely."""
    told = _head(at) if ledger == HEADS else _part(at)
    return tuple(
        Change(ledger, f"{PROVIDER}-{DAY}", f"{number}", plain(change), passing=("at",))
        for number, change in enumerate(told, start=1)
    )


def _head(at: datetime) -> Sequence[HeadChange]:
    def taken(sha256: str, seq: int) -> FileTaken:
        return FileTaken(
            at=at,
            provider=PROVIDER,
            business_date=DAY,
            sha256=sha256,
            name=_name(seq),
            seq=seq,
            rows=2,
            parts=1,
            figures=(2, 2_000, 0, 0, 0, 2_000),
        )

    sums = Sums(pay={Outcome.PAID_HERE_ONLY: Count(1, 0, 1_000)})
    fault = FileFault(code="trailer", line=0, message_vi="Thiếu dòng tổng (T).")
    return (
        FileMissing(at=at, provider=PROVIDER, business_date=DAY),
        FileReceived(
            at=at, provider=PROVIDER, business_date=DAY, sha256=FIRST, name=_name(1), seq=1, rows=2, by="HTGQ"
        ),
        taken(FIRST, 1),
        PartCounted(at=at, sha256=FIRST, number=0, sums=sums),
        FileRefused(
            at=at, provider=PROVIDER, business_date=DAY, sha256="3" * 64, name=_name(3), seq=3, faults=(fault,)
        ),
        taken(SECOND, 2),
        PartCounted(at=at, sha256=SECOND, number=0, sums=sums),
        PartCounted(at=at, sha256=FIRST, number=0, sums=sums),
    )


def _part(at: datetime) -> Sequence[PartChange]:
    missing = Pairing(outcome=Outcome.PAID_HERE_ONLY, kind=Kind.PAY, ref="0123456789abca1", ours=1_000)
    late = Pairing(outcome=Outcome.LATE_SUCCESS, kind=Kind.PAY, ref="0123456789abca2", theirs=1_000, ours=1_000)
    return (
        PartMatched(
            at=at,
            provider=PROVIDER,
            business_date=DAY,
            sha256=FIRST,
            number=0,
            differences=(missing, late),
            closed=((1, "fee_still_owed"),),
        ),
        Reviewed(at=at, overdue=(0,)),
        DifferenceClosed(at=at, place=0, decided_by="op1", decision_id="d1"),
        Reviewed(at=at, closed=((0, "in_other_statement"),)),
    )


def _name(seq: int) -> str:
    return f"recon_{PROVIDER}_CONFMOMO_{DAY}_{seq}.csv"
