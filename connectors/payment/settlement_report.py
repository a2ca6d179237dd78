"""The settlement of a day as tables for people: both sides by outcome, every difference, fees, transfers, files. Vietnamese.

The tables are the report: JSON, CSV and XLSX show the same. A text that a spreadsheet would take for a formula is neutralised
on its way into a file (payment facts 5); numbers stay numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from connectors.kit.contract import LedgerReader
from connectors.kit.settlement import reading
from connectors.kit.settlement.asking import day_of, local
from connectors.kit.settlement.state import Difference, Part, Settlement, part_id
from connectors.kit.settlement.tables import Cell, Table, as_objects
from connectors.payment.settlement_kinds import KINDS as LEDGERS
from connectors.payment.settlement_words_vi import ACTIONS, CLOSED, DETAILS, FEES, FILES, HELD, KINDS, OUTCOMES
from mappings.settlement_sums import Count, transfer_reference
from mappings.settlement_words import Action, Outcome

TableName = Literal["summary", "differences", "fees", "transfers", "files"]
TABLES: tuple[TableName, ...] = ("summary", "differences", "fees", "transfers", "files")


@dataclass(frozen=True, slots=True)
class Report:
    """A day of an intermediary: its head, its parts, the day on which it is looked at."""

    head: Settlement
    parts: tuple[Part, ...]
    today: date

    def table(self, name: TableName) -> Table:
        """One of the tables."""
        match name:
            case "summary":
                return self._summary()
            case "differences":
                return self._differences()
            case "fees":
                return self._fees()
            case "transfers":
                return self._transfers()
            case "files":
                return self._files()

    def _summary(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for side, sums in (("Thu", self.head.sums.pay), ("Hoàn", self.head.sums.back)):
            rows += [(side, OUTCOMES[outcome], *_money(count)) for outcome, count in sums.items()]
            total = Count()
            for count in sums.values():
                total = total.plus(count)
            rows.append((side, "Cộng", *_money(total)))
        return Table(
            "summary",
            "Tổng hợp",
            ("side", "outcome", "count", "theirs", "ours", "difference"),
            ("Chiều", "Kết quả", "Số khoản", "Trung gian (đồng)", "Cổng (đồng)", "Chênh (đồng)"),
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
                "ref",
                "txn_id",
                "bank_txn_id",
                "dossier_code",
                "theirs",
                "ours",
                "difference",
                "paid_at",
                "state",
                "age_days",
                "part",
                "place",
            ),
            (
                "Kết quả",
                "Lý do",
                "Đề xuất",
                "Loại",
                "Mã tham chiếu",
                "Mã giao dịch",
                "Mã giao dịch ngân hàng",
                "Mã hồ sơ",
                "Trung gian (đồng)",
                "Cổng (đồng)",
                "Chênh (đồng)",
                "Thời điểm",
                "Tình trạng",
                "Số ngày mở",
                "Mã phần",
                "Vị trí",
            ),
            tuple(
                (*self._difference(one), part_id(part.provider, part.business_date, part.sha256, part.number), place)
                for part in self.parts
                for place, one in enumerate(part.differences)
            ),
        )

    def differences(self) -> Iterator[Difference]:
        """Every difference, part by part."""
        for part in self.parts:
            yield from part.differences

    def _difference(self, one: Difference) -> tuple[Cell, ...]:
        found = one.pairing
        return (
            OUTCOMES[found.outcome],
            DETAILS[found.detail],
            ACTIONS[proposed(one)],
            KINDS[found.kind],
            found.ref,
            found.txn_id,
            found.bank_txn_id,
            found.dossier_code,
            found.theirs,
            found.ours,
            found.theirs - found.ours,
            local(found.paid_at),
            CLOSED[one.closed],
            0 if one.closed else max(0, (self.today - day_of(self.head.business_date)).days),
        )

    def _fees(self) -> Table:
        rows = tuple(
            (
                FEES.get(one.share.kind, one.share.kind),
                one.share.code,
                one.share.name,
                one.share.dvqhns,
                one.share.chapter,
                one.share.sub_item,
                one.share.treasury_code,
                one.share.treasury_account,
                one.count,
                one.amount,
                one.held,
                one.amount - one.held,
            )
            for one in self.head.sums.shares
        )
        return Table(
            "fees",
            "Phí, lệ phí",
            (
                "kind",
                "code",
                "name",
                "dvqhns",
                "chapter",
                "sub_item",
                "treasury_code",
                "treasury_account",
                "count",
                "amount",
                "held",
                "transferable",
            ),
            (
                "Loại",
                "Mã khoản thu",
                "Tên khoản thu",
                "Mã ĐVQHNS",
                "Chương",
                "Tiểu mục",
                "Mã KBNN",
                "Tài khoản KBNN",
                "Số khoản",
                "Đã thu (đồng)",
                "Giữ lại (đồng)",
                "Được chuyển (đồng)",
            ),
            rows,
        )

    def _transfers(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for part in self.parts:
            for line in part.lines:
                for place, amount in line.shares:
                    share = part.places[place]
                    text = "" if line.held else transfer_reference(share, line.dossier_code, line.txn_id)
                    held = HELD[line.held or ("" if text else "budget")]
                    kind = FEES.get(share.kind, share.kind)
                    rows.append((kind, share.code, line.dossier_code, line.ref, line.txn_id, amount, text, held))
        return Table(
            "transfers",
            "Chuyển kho bạc",
            ("kind", "code", "dossier_code", "ref", "txn_id", "amount", "reference", "held"),
            (
                "Loại",
                "Mã khoản thu",
                "Mã hồ sơ",
                "Mã tham chiếu",
                "Mã giao dịch",
                "Số tiền (đồng)",
                "Nội dung chuyển tiền",
                "Lý do giữ lại",
            ),
            tuple(rows),
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
                file.sha256,
            )
            faults = [
                f"Dòng {fault.line}: {fault.message_vi}" if fault.line else fault.message_vi for fault in file.faults
            ]
            rows += [(*told, fault) for fault in faults or [""]]
        return Table(
            "files",
            "Tệp đối soát",
            ("name", "seq", "state", "at", "rows", "sum_pay", "sha256", "fault"),
            ("Tên tệp", "Số thứ tự", "Tình trạng", "Nhận lúc", "Số dòng", "Tổng thu (đồng)", "SHA-256", "Lỗi"),
            tuple(rows),
        )


def proposed(one: Difference) -> Action:
    """What is proposed about a difference as it stands now."""
    if one.closed:
        return Action.CLOSE
    if one.overdue and one.pairing.outcome is Outcome.PAID_HERE_ONLY:
        return Action.HOLD_TRANSFER
    return one.pairing.action


async def read_report(ledgers: LedgerReader, provider: str, day: str, today: date) -> Report | None:
    """The report of a day (`yyyymmdd`), None where no statement of it ever came."""
    head = await reading.head_of(ledgers, LEDGERS, provider, day)
    if head is None:
        return None
    return Report(head, await reading.parts_of(ledgers, LEDGERS, head), today)


def as_tree(report: Report, names: Sequence[TableName]) -> Mapping[str, object]:
    """The report for programs: rows as objects. Words are the same Vietnamese ones that people see."""
    head = report.head
    return {
        "provider": head.provider,
        "business_date": head.business_date,
        "settled": bool(head.current),
        "open": sum(not one.closed for one in report.differences()),
        **as_objects([report.table(name) for name in names]),
    }


def _money(count: Count) -> tuple[int, int, int, int]:
    return count.count, count.theirs, count.ours, count.theirs - count.ours
