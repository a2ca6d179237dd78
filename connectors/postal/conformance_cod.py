"""The course of cash on delivery for the conformance suite: days looked at, files received, settled, replaced, differences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.kit.contract import Change
from connectors.kit.settlement.state import (
    DifferenceClosed,
    FileFault,
    FileReceived,
    FileRefused,
    FileTaken,
    HeadChange,
    PartChange,
    PartCounted,
    PartMatched,
    Reviewed,
)
from connectors.postal.cod_days import COD, COD_DAYS, CodDayChange, CodParcel, ParcelsLooked, ParcelsTouched
from connectors.postal.model import CodLine, CodState
from mappings.codec import plain
from mappings.settlement_sums import Count, Sums
from mappings.settlement_words import Kind, Outcome, Pairing

CARRIER, DAY = "vnpost", "20261121"
FIRST, SECOND = "1" * 64, "2" * 64
SHIPMENT = "0123456789abc"


def cod_course(ledger: str, at: datetime) -> Sequence[Change]:
    """What may come to one of the ledgers of cash on delivery, in an order that is likely."""
    told: Sequence[HeadChange | PartChange | CodDayChange] = (
        _day(at) if ledger == COD_DAYS else _head(at) if ledger == COD.heads else _part(at)
    )
    return tuple(
        Change(ledger, f"{CARRIER}-{DAY}", f"{number}", plain(change), passing=("at",))
        for number, change in enumerate(told, start=1)
    )


def _day(at: datetime) -> Sequence[CodDayChange]:
    parcel = CodParcel(
        shipment_id=SHIPMENT,
        order_number="000.00.00.G11-261121-000001-T",
        item_code="RA473124829VN",
        dossier_code="000.00.00.G11-261121-000001",
        due=150_000,
        collected=150_000,
        collected_at=at,
        paid_over=0,
        state=CodState.COLLECTED,
        over=False,
        lines=(CodLine(fee_id="phi-1", name="Phí thẩm định", amount=150_000),),
    )
    paid = msgspec.structs.replace(parcel, paid_over=150_000, paid_at=at, state=CodState.REMITTED, over=True)
    return (
        ParcelsLooked(at=at, carrier=CARRIER, day=DAY, parcels=(parcel,)),
        ParcelsLooked(at=at, carrier=CARRIER, day=DAY, late=True),
        ParcelsTouched(at=at, carrier=CARRIER, day=DAY, shipment_ids=(SHIPMENT,)),
        ParcelsLooked(at=at, carrier=CARRIER, day=DAY, parcels=(paid,)),
        ParcelsLooked(at=at, carrier=CARRIER, day=DAY, gone=(SHIPMENT,)),
    )


def _head(at: datetime) -> Sequence[HeadChange]:
    def taken(sha256: str, seq: int) -> FileTaken:
        return FileTaken(
            at=at,
            provider=CARRIER,
            business_date=DAY,
            sha256=sha256,
            name=_name(seq),
            seq=seq,
            rows=1,
            parts=1,
            figures=(1, 150_000, 0, 0, 0, 0),
        )

    sums = Sums(pay={Outcome.MATCHED: Count(1, 150_000, 150_000)})
    fault = FileFault(code="trailer", line=0, message_vi="Thiếu dòng tổng (T).")
    return (
        FileReceived(at=at, provider=CARRIER, business_date=DAY, sha256=FIRST, name=_name(1), seq=1, rows=1, by="HTGQ"),
        taken(FIRST, 1),
        PartCounted(at=at, sha256=FIRST, number=0, sums=sums),
        FileRefused(at=at, provider=CARRIER, business_date=DAY, sha256="3" * 64, name=_name(3), seq=3, faults=(fault,)),
        taken(SECOND, 2),
        PartCounted(at=at, sha256=SECOND, number=0, sums=sums),
    )


def _part(at: datetime) -> Sequence[PartChange]:
    short = Pairing(
        outcome=Outcome.AMOUNT_DIFF,
        kind=Kind.PAY,
        ref=SHIPMENT,
        payment_id=SHIPMENT,
        theirs=100_000,
        ours=150_000,
    )
    return (
        PartMatched(at=at, provider=CARRIER, business_date=DAY, sha256=FIRST, number=0, differences=(short, short)),
        Reviewed(at=at, closed=((1, "evened_out"),)),
        DifferenceClosed(at=at, place=0, decided_by="op1", decision_id="d1"),
        Reviewed(at=at, closed=((0, "evened_out"),)),
    )


def _name(seq: int) -> str:
    return f"cod_{CARRIER}_CONF_{DAY}_{seq}.csv"
