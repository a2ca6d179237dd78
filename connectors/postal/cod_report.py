"""Cash on delivery of one day as tables for people: what was collected that day, and what the statement of that day paid over.

The tables are the report: JSON, CSV and XLSX show the same. They are made of codes and sums; nobody's parcel is opened for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from connectors.kit.contract import LedgerReader
from connectors.kit.settlement.asking import day_of, local
from connectors.kit.settlement.reading import head_of, parts_of
from connectors.kit.settlement.state import Difference, Part, Settlement, part_id
from connectors.kit.settlement.tables import Cell, Table, as_objects
from connectors.postal.cod_days import COD, COD_DAYS, CodDay, CodParcel, cod_day_id, sums_of
from connectors.postal.cod_words_vi import ACTIONS, CLOSED, DETAILS, FALLBACK, FILES, KINDS, OUTCOMES, STATES
from connectors.postal.model import CodState
from mappings.codec import decode
from mappings.settlement_sums import Count

TableName = Literal["collected", "parcels", "fees", "summary", "differences", "files"]
TABLES: tuple[TableName, ...] = ("collected", "parcels", "fees", "summary", "differences", "files")


@dataclass(frozen=True, slots=True)
class CodReport:
    """A day of a carrier: the money collected on it, the statement of it, and the day on which it is looked at."""

    carrier: str
    day: str
    collected: CodDay
    head: Settlement
    parts: tuple[Part, ...]
    today: date

    def table(self, name: TableName) -> Table:
        """One of the tables."""
        match name:
            case "collected":
                return self._collected()
            case "parcels":
                return self._parcels()
            case "fees":
                return self._fees()
            case "summary":
                return self._summary()
            case "differences":
                return self._differences()
            case "files":
                return self._files()

    def _collected(self) -> Table:
        """What was collected on the day, by how its money stands now."""
        parcels = self.collected.parcels
        groups = [
            (STATES[state], [one for one in parcels if one.state is state])
            for state in CodState
            if any(one.state is state for one in parcels)
        ]
        return Table(
            "collected",
            "Thu trong ngày",
            ("state", "count", "due", "collected", "paid_over", "remaining"),
            ("Tình trạng", "Số bưu gửi", "Phải thu (đồng)", "Đã thu (đồng)", "Đã trả (đồng)", "Còn lại (đồng)"),
            tuple((word, *_sums(found)) for word, found in [*groups, ("Cộng", list(parcels))]),
        )

    def _parcels(self) -> Table:
        return Table(
            "parcels",
            "Bưu gửi",
            (
                "order_number",
                "item_code",
                "dossier_code",
                "collected_at",
                "due",
                "collected",
                "paid_over",
                "remaining",
                "state",
                "paid_at",
                "shipment_id",
            ),
            (
                "Số hiệu đơn",
                "Mã bưu gửi",
                "Mã hồ sơ",
                "Thu lúc",
                "Phải thu (đồng)",
                "Đã thu (đồng)",
                "Đã trả (đồng)",
                "Còn lại (đồng)",
                "Tình trạng",
                "Ngày trả",
                "Mã trong cổng",
            ),
            tuple(
                (
                    one.order_number,
                    one.item_code,
                    one.dossier_code,
                    local(one.collected_at),
                    one.due,
                    one.collected,
                    one.paid_over,
                    one.collected - one.paid_over,
                    STATES[one.state],
                    local(one.paid_at)[:10],
                    one.shipment_id,
                )
                for one in self.collected.parcels
            ),
        )

    def _fees(self) -> Table:
        """The fees that were collected on the day, by name: what of each is paid over with its whole parcel."""
        sums: dict[str, list[int]] = {}
        for parcel in self.collected.parcels:
            for line in parcel.lines:
                row = sums.setdefault(line.name, [0, 0, 0])
                row[0] += 1
                row[1] += line.amount
                row[2] += line.amount if parcel.state is CodState.REMITTED else 0
        return Table(
            "fees",
            "Khoản thu hộ",
            ("name", "count", "due", "remitted", "remaining"),
            ("Tên khoản thu", "Số khoản", "Phải thu (đồng)", "Thuộc bưu gửi đã trả đủ (đồng)", "Còn lại (đồng)"),
            tuple((name, count, due, paid, due - paid) for name, (count, due, paid) in sorted(sums.items())),
        )

    def _summary(self) -> Table:
        """What the statement of the day pays over, by outcome."""
        rows: list[tuple[Cell, ...]] = []
        for side, sums in (("Trả", self.head.sums.pay), ("Thu lại", self.head.sums.back)):
            if not sums and side != "Trả":
                continue
            total = Count()
            for outcome, count in sums.items():
                rows.append((side, OUTCOMES.get(outcome, outcome), *_money(count)))
                total = total.plus(count)
            rows.append((side, "Cộng", *_money(total)))
        return Table(
            "summary",
            "Bảng kê trả tiền",
            ("side", "outcome", "count", "theirs", "ours", "difference"),
            ("Chiều", "Kết quả", "Số dòng", "Bưu chính trả (đồng)", "Cổng ghi đã thu (đồng)", "Chênh (đồng)"),
            tuple(rows),
        )

    def _differences(self) -> Table:
        return Table(
            "differences",
            "Chênh lệch",
            (
                "outcome",
                "detail",
                "action",
                "kind",
                "order_number",
                "item_code",
                "dossier_code",
                "theirs",
                "ours",
                "difference",
                "state",
                "age_days",
                "shipment_id",
                "part",
                "place",
            ),
            (
                "Kết quả",
                "Lý do",
                "Đề xuất",
                "Loại",
                "Số hiệu đơn",
                "Mã bưu gửi",
                "Mã hồ sơ",
                "Bưu chính trả (đồng)",
                "Cổng ghi đã thu (đồng)",
                "Chênh (đồng)",
                "Tình trạng",
                "Số ngày mở",
                "Mã trong cổng",
                "Mã phần",
                "Vị trí",
            ),
            tuple(
                (*self._difference(one), part_id(part.provider, part.business_date, part.sha256, part.number), place)
                for part in self.parts
                for place, one in enumerate(part.differences)
            ),
        )

    def _difference(self, one: Difference) -> tuple[Cell, ...]:
        found = one.pairing
        return (
            OUTCOMES.get(found.outcome, found.outcome),
            DETAILS.get(found.detail, found.detail),
            ACTIONS.get(found.outcome, FALLBACK) if not one.closed else "Không phải làm gì",
            KINDS[found.kind],
            found.bank_txn_id,
            found.txn_id,
            found.dossier_code,
            found.theirs,
            found.ours,
            found.theirs - found.ours,
            CLOSED.get(one.closed, one.closed),
            0 if one.closed else max(0, (self.today - day_of(self.day)).days),
            found.payment_id,
        )

    def _files(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for file in self.head.files:
            told: tuple[Cell, ...] = (
                file.name,
                file.seq,
                FILES[file.state],
                local(file.at),
                file.rows,
                file.figures[1] if file.figures else 0,
                file.figures[4] if file.figures else 0,
                file.sha256,
            )
            faults = [
                f"Dòng {fault.line}: {fault.message_vi}" if fault.line else fault.message_vi for fault in file.faults
            ]
            rows += [(*told, fault) for fault in faults or [""]]
        return Table(
            "files",
            "Tệp bảng kê",
            ("name", "seq", "state", "at", "rows", "paid_over", "fees", "sha256", "fault"),
            (
                "Tên tệp",
                "Số thứ tự",
                "Tình trạng",
                "Nhận lúc",
                "Số dòng",
                "Tổng trả (đồng)",
                "Phí dịch vụ (đồng)",
                "SHA-256",
                "Lỗi",
            ),
            tuple(rows),
        )


async def read_report(ledgers: LedgerReader, carrier: str, day: str, today: date) -> CodReport | None:
    """The report of a day (`yyyymmdd`), None where nothing was collected on it and no statement of it ever came."""
    head = await head_of(ledgers, COD, carrier, day)
    entry = await ledgers.read(COD_DAYS, cod_day_id(carrier, day))
    if head is None and entry is None:
        return None
    return CodReport(
        carrier=carrier,
        day=day,
        collected=decode(entry.state, CodDay) if entry is not None else CodDay(carrier=carrier, day=day),
        head=head or Settlement(provider=carrier, business_date=day),
        parts=await parts_of(ledgers, COD, head) if head is not None else (),
        today=today,
    )


def as_tree(report: CodReport, names: Sequence[TableName]) -> Mapping[str, object]:
    """The report for programs: rows as objects. Words are the same Vietnamese ones that people see."""
    seen = report.collected.looked_at
    return {
        "carrier": report.carrier,
        "date": report.day,
        "settled": bool(report.head.current),
        "open_differences": sum(not one.closed for part in report.parts for one in part.differences),
        "open_parcels": len(report.collected.open),
        "looked_at": seen.isoformat() if seen is not None else None,
        "late_since": report.collected.late_since.isoformat() if report.collected.late_since is not None else None,
        **as_objects([report.table(name) for name in names]),
    }


def _sums(parcels: Iterable[CodParcel]) -> tuple[int, int, int, int, int]:
    count, due, collected, paid_over = sums_of(parcels)
    return count, due, collected, paid_over, collected - paid_over


def _money(count: Count) -> tuple[int, int, int, int]:
    return count.count, count.theirs, count.ours, count.theirs - count.ours
