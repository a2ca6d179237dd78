"""The files of one day: what stands, stands, however many others come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.kit.settlement.ledgers import SettlementLedger, may_take
from connectors.kit.settlement.state import FileRefused, FileTaken, HeadChange, PartCounted, Settlement
from connectors.payment.settlement_kinds import KINDS
from mappings.settlement_sums import Sums

T0 = datetime(2026, 9, 22, 1, tzinfo=UTC)


def _after(*changes: HeadChange) -> Settlement:
    state: Settlement | None = None
    for change in changes:
        state, _ = SettlementLedger(KINDS).apply(state, change)
    assert state is not None
    return state


def _settled(sha256: str, seq: int) -> tuple[HeadChange, HeadChange]:
    taken = FileTaken(
        at=T0,
        provider="vnpay",
        business_date="20260921",
        sha256=sha256,
        name=f"recon_{seq}.csv",
        seq=seq,
        rows=1,
        parts=1,
        figures=(1, 2, 0, 0, 0, 2),
    )
    return taken, PartCounted(at=T0, sha256=sha256, number=0, sums=Sums())


def test_bad_files_without_end_drive_out_no_result_that_stands() -> None:
    """A job that sends a bad file every quarter of an hour: the day keeps its result, and an older file stays old."""
    bad = [
        FileRefused(
            at=T0 + timedelta(minutes=15 * n),
            provider="vnpay",
            business_date="20260921",
            sha256=f"{n:064x}",
            name="recon_2.csv",
            seq=9,
            faults=(),
        )
        for n in range(1, 120)
    ]
    state = _after(*_settled("a" * 64, 2), *bad)
    current = state.file(state.current)
    assert current is not None and current.state == "settled" and len(state.files) == 50
    assert state.files[-1].sha256 == bad[-1].sha256
    assert may_take(state, "a" * 64, 2) == "known"
    assert may_take(state, "b" * 64, 1) == "not_newer" and may_take(state, "b" * 64, 3) == ""
    many = [change for n in range(80) for change in _settled(f"{n:064x}", n)]
    assert may_take(_after(*many), "c" * 64, 78) == "not_newer" and len(_after(*many).files) == 50
