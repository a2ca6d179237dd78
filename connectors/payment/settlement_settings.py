"""The settings of settlement: where statements come from, how each intermediary writes them, how far they are believed.

Layouts of intermediaries are not public, so each is data (payment facts 5 and 9: `recon.layouts.{provider}`): which column is
what, how its text becomes a value, what its words mean. Without one a statement has our own layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from mappings.settlement_words import Kind, Standing

FIELDS = (
    "seq",
    "kind",
    "merchant_ref",
    "provider_txn_id",
    "bank_txn_id",
    "amount",
    "fee",
    "net",
    "status",
    "paid_at",
    "channel",
    "bank_code",
    "original_provider_txn_id",
    "dossier_no",
    "beneficiary_account",
    "note",
)
"""The columns of a `D` row, in order (payment facts 5); `note` may speak of persons and is never kept."""

NEEDED = frozenset({"merchant_ref", "amount", "paid_at"})
"""What a layout must say where to find."""

STEPS = ("trim", "digits", "/100", "epoch_ms", "reference")
"""The steps without an argument: see `Column`."""
STEPS_WITH = ("after", "before", "time")
"""The steps with an argument behind a colon."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of a foreign statement: its name in the header row, or its number from 1 where there is no such row.

    `steps` are applied in order: `trim` blanks; `digits` drops thousands separators (. , and blanks); `/100` divides an
    amount that is written times a hundred, exactly; `after:X`, `before:X` keep what stands behind or before the first X
    (ZaloPay's `yyMMdd_`); `reference` finds the single reference of ours in free text, without regard to case (a bank
    copies only the purpose of a transfer); `time:FORMAT` reads a time of Viet Nam, `epoch_ms` milliseconds.
    """

    source: str
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a step that does not exist."""
        for step in self.steps:
            name, colon, argument = step.partition(":")
            if step not in STEPS and not (name in STEPS_WITH and colon and argument):
                known = ", ".join((*STEPS, *(f"{name}:…" for name in STEPS_WITH)))
                raise ValueError(f"steps: không có bước «{step}» (có: {known})")


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a statement is written. `form` "own": rows H, D, T of payment facts 5; "table": one header row, then data rows.

    `header_line` is the line of the column names, 0 for none. `columns` by our names; `kinds` and `statuses` translate the
    words that stand there (without regard to case); a word that is in neither list makes the file bad. `trailer`: the text
    that a last, summing row begins with; it is read no further.
    """

    form: Literal["own", "table"] = "own"
    separator: Literal[",", ";", "|", "\t"] = ","
    header_line: int = 1
    columns: dict[str, Column] = {}
    kinds: dict[str, Kind] = {}
    statuses: dict[str, Standing] = {}
    trailer: str = ""

    def __post_init__(self) -> None:
        """Refuses a layout by which nothing could be read."""
        if self.form == "own":
            if self.columns:
                raise ValueError('columns: chỉ dùng với form = "table"')
            return
        strange = sorted(set(self.columns) - set(FIELDS))
        if strange:
            raise ValueError(f"columns: không có cột {', '.join(strange)} (có: {', '.join(FIELDS)})")
        missing = sorted(NEEDED - set(self.columns))
        if missing:
            raise ValueError(f"columns: còn thiếu {', '.join(missing)}")
        if self.header_line < 0:
            raise ValueError("header_line: không được âm")
        numbered = all(re.fullmatch(r"[1-9][0-9]{0,2}", column.source) for column in self.columns.values())
        if self.header_line == 0 and not numbered:
            raise ValueError("columns: khi header_line = 0, source là số thứ tự cột, từ 1")


class Statements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The statements of one intermediary.

    `trust` "query": money that only it knows of is asked about; "statement": its statement is proof enough, for those that
    cannot be asked (payment facts 3.4, 3.13). Then `side_file` should stay true: the SHA-256 of each file beside it. `url`
    fetches statements from an API (`{date}` stands for the day, `{merchant}` for our code), up to `days_back` days back;
    `token` references its bearer token. `expected`: that a
    day with payments has no statement after two business days is an alarm. What of `trust` and `side_file` is left out
    follows the intermediary, also where other keys of it are set: see `SettlementSettings.of`.
    """

    trust: Literal["query", "statement", ""] = ""
    side_file: bool | None = None
    layout: Layout = Layout()
    url: str = ""
    token: str = ""
    days_back: int = 3
    expected: bool = True

    def __post_init__(self) -> None:
        """Refuses what cannot be."""
        if not 1 <= self.days_back <= 31:
            raise ValueError("days_back: từ 1 đến 31 ngày")
        if self.url and "{date}" not in self.url:
            raise ValueError("url: phải có {date}, ngày cần lấy theo dạng yyyymmdd")


class SettlementSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settlement of all intermediaries. `statements_dir` is the drop folder; empty: nothing is settled.

    A file is taken once it has not changed for `quiet_s` seconds, or at once where its side file agrees. `part_rows` rows
    are matched in one transaction. `shift_minutes` around midnight. `holidays` are no business days. Open differences are
    looked at again every `review_every_s` seconds.
    """

    statements_dir: str = ""
    quiet_s: float = 30.0
    part_rows: int = 400
    longest_bytes: int = 512 * 1024 * 1024
    shift_minutes: int = 10
    holidays: tuple[date, ...] = ()
    review_every_s: float = 3_600.0
    providers: dict[str, Statements] = {}

    def __post_init__(self) -> None:
        """Refuses what types cannot."""
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    def of(self, provider: str) -> Statements:
        """The statements of one intermediary; those that cannot be asked are believed, where nothing else is said."""
        chosen, alone = self.providers.get(provider) or Statements(), provider in CANNOT_BE_ASKED
        return msgspec.structs.replace(
            chosen,
            trust=chosen.trust or ("statement" if alone else "query"),
            side_file=alone if chosen.side_file is None else chosen.side_file,
        )

    def _faults(self) -> Iterable[str]:
        if self.statements_dir and not self.statements_dir.startswith("/"):
            yield "statements_dir: phải là đường dẫn tuyệt đối"
        if self.quiet_s < 0 or self.review_every_s <= 0 or not 1 <= self.part_rows <= 2_000:
            yield "quiet_s không âm, review_every_s lớn hơn 0; part_rows từ 1 đến 2000"
        if not 1_024 <= self.longest_bytes <= 4 * 1024 * 1024 * 1024:
            yield "longest_bytes: từ 1 KiB đến 4 GiB"
        if not 0 <= self.shift_minutes <= 120:
            yield "shift_minutes: từ 0 đến 120"


CANNOT_BE_ASKED = frozenset({"paygov", "vietqr"})
"""Intermediaries without a query (payment facts 3.4, 3.13): their statement is the only word of theirs that is believed."""
