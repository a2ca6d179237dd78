"""The settings of settlement: where statements come from, how each intermediary writes them, how far they are believed.

Layouts of intermediaries are not public, so each is data (payment facts 5 and 9: `recon.layouts.{provider}`): which column is
what, how its text becomes a value, what its words mean. Without one a statement has our own layout.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import ClassVar, Literal

import msgspec

from connectors.kit.secrets import SecretRef
from connectors.kit.settlement.layouts import Column as Column
from connectors.kit.settlement.layouts import TableLayout
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


class Layout(TableLayout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a statement is written: `form` "own" has the rows H, D, T of payment facts 5.

    `kinds` and `statuses` translate the words that stand there (without regard to case); a word that is in neither list makes
    the file bad.
    """

    fields: ClassVar[tuple[str, ...]] = FIELDS
    needed: ClassVar[frozenset[str]] = NEEDED

    kinds: dict[str, Kind] = msgspec.field(default_factory=dict)
    statuses: dict[str, Standing] = msgspec.field(default_factory=dict)


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
    token: SecretRef = SecretRef("")
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
