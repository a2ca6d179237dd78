"""The settings of cash on delivery: where statements of carriers come from, how each is written, when money is late.

No carrier has published the layout of its statements, so each is data: which column is what, how its text becomes a value,
what its words mean. Without one a statement has our own layout (docs/doi-soat.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import ClassVar

import msgspec

from connectors.kit.settlement.layouts import TableLayout
from mappings.settlement_words import Kind, Standing

FIELDS = ("seq", "kind", "order_number", "item_code", "amount", "fee", "net", "status", "paid_at", "note")
"""The columns of a `D` row, in order; `amount` is what is paid over for the parcel, `note` may name people and is never kept."""


class CodLayout(TableLayout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a statement of a carrier is written.

    A table must say where the amount stands and which column names the parcel: our order number, or the carrier's item code.
    `kinds` and `statuses` translate the words that stand there (without regard to case); a word that is in neither list makes
    the file bad.
    """

    fields: ClassVar[tuple[str, ...]] = FIELDS
    needed: ClassVar[frozenset[str]] = frozenset({"amount"})

    kinds: dict[str, Kind] = msgspec.field(default_factory=dict)
    statuses: dict[str, Standing] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses a layout by which no parcel could be found."""
        TableLayout.__post_init__(self)
        if self.form == "table" and not {"order_number", "item_code"} & set(self.columns):
            raise ValueError("columns: cần order_number hoặc item_code")
        if any("reference" in column.steps for column in self.columns.values()):
            raise ValueError(
                "columns: không có bước «reference» ở đây; số hiệu đơn hoặc mã bưu gửi phải đứng riêng một cột"
            )


class CodStatements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The statements of one carrier. `side_file`: each must have the SHA-256 of its content beside it."""

    layout: CodLayout = CodLayout()
    side_file: bool = False


class CodSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settlement of cash on delivery. `statements_dir` is the drop folder; empty: no statement is taken.

    A file is taken once it has not changed for `quiet_s` seconds, or at once where its side file agrees. `part_rows` rows are
    matched in one transaction. Money that a postman collected and nobody paid over after `remit_days` business days is late
    (`holidays` are none). What is open is looked at again every `review_every_s` seconds, for `window_days` days.
    """

    statements_dir: str = ""
    quiet_s: float = 30.0
    part_rows: int = 200
    longest_bytes: int = 64 * 1024 * 1024
    remit_days: int = 7
    window_days: int = 92
    holidays: tuple[date, ...] = ()
    review_every_s: float = 600.0
    carriers: dict[str, CodStatements] = {}

    def __post_init__(self) -> None:
        """Refuses what types cannot."""
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    def of(self, carrier: str) -> CodStatements:
        """The statements of one carrier."""
        return self.carriers.get(carrier) or CodStatements()

    def _faults(self) -> Iterable[str]:
        if self.statements_dir and not self.statements_dir.startswith("/"):
            yield "cod.statements_dir: phải là đường dẫn tuyệt đối"
        if self.quiet_s < 0 or self.review_every_s <= 0 or not 1 <= self.part_rows <= 1_000:
            yield "cod: quiet_s không âm, review_every_s lớn hơn 0; part_rows từ 1 đến 1000"
        if not 1_024 <= self.longest_bytes <= 1024 * 1024 * 1024:
            yield "cod.longest_bytes: từ 1 KiB đến 1 GiB"
        if not 1 <= self.remit_days <= 60 or not self.remit_days * 2 <= self.window_days <= 366:
            yield "cod: remit_days từ 1 đến 60 ngày làm việc; window_days ít nhất gấp đôi và nhiều nhất 366"
