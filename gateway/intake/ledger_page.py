"""What one decision about ledgers works with, and what it writes: changes in, rows in the making, what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.contract import Change, Elsewhere, Ledger, LedgerEntry, Marked
from connectors.kit.declarations import LedgerSpec
from gateway.audit.events import audit
from gateway.errors import GatewayError
from gateway.journal.model import AuditWrite, NewDelivery, RecordKey, RecordWrite, Situation
from gateway.records import ledgers
from gateway.records.ledgers import KeptClaim

LONGEST_CODE = 200
"""Of an id, a key, a claim or a mark, in characters."""


class LedgerFault(GatewayError):
    """Đầu nối làm trái khai báo của sổ; không có gì được ghi."""


@dataclass(frozen=True, slots=True)
class Input:
    """A change with what its fields mean to its ledger, and the SHA-256 (hex) of its content."""

    change: Change
    meaning: Any  # of the ledger's own `change_type`
    digest: str


@dataclass(frozen=True, slots=True)
class CursorMove:
    """The cursor of `poller` goes from `before` (empty: the very start) to `after`."""

    poller: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class InputsSubject:
    """Changes of the ledgers of one upstream, in order; with a polled page, its cursor. `original` is what brought them.

    `decided`: the one change is what a person decided, so it is taken as new, or nothing is stored at all.
    """

    upstream: str
    inputs: tuple[Input, ...]
    original: bytes = b""
    cursor: CursorMove | None = None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it: how many changes were new, the alarms to raise (code, Vietnamese), and whether the cursor stood.

    `moved` False: another run stored that page already, and nothing of this one was kept.
    """

    changed: int = 0
    alarms: tuple[tuple[str, str], ...] = ()
    moved: bool = True


@dataclass(frozen=True, slots=True)
class Bound:
    """A ledger of one upstream with its declaration, the operations of trigger `effect` that stand beside it.

    `elsewhere` are the operations of other upstreams that it may ask for: code and operation.
    """

    ledger: Ledger[Any, Any]
    spec: LedgerSpec
    operations: frozenset[str] = frozenset()
    elsewhere: frozenset[tuple[str, str]] = field(init=False, default=frozenset())
    marks: Callable[[Any], Sequence[str]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Look once what more the ledger can do; such a look costs as much as a small change."""
        if isinstance(self.ledger, Marked):
            object.__setattr__(self, "marks", self.ledger.marks)
        if isinstance(self.ledger, Elsewhere):
            object.__setattr__(self, "elsewhere", frozenset(self.ledger.elsewhere()))


@dataclass(slots=True)
class Page:
    """The rows in the making of one decision."""

    situation: Situation
    subject: InputsSubject
    standing: dict[RecordKey, LedgerEntry] = field(default_factory=dict)
    taken: dict[RecordKey, str] = field(default_factory=dict)  # the changes of this decision, with their digests
    marks: dict[RecordKey, RecordWrite] = field(default_factory=dict)
    claims: dict[RecordKey, KeptClaim] = field(default_factory=dict)
    records: list[RecordWrite] = field(default_factory=list)
    audits: list[AuditWrite] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    changed: int = 0

    @property
    def actor(self) -> str:
        """Who did it, in the trail and in the lanes."""
        return ledgers.owner(self.subject.upstream)

    def stands(self, key: RecordKey) -> LedgerEntry | None:
        """A ledger as this decision leaves it so far; None when no change ever came."""
        entry = self.standing.get(key)
        if entry is None and (record := self.situation.records.get(key)) is not None:
            entry = ledgers.entry(record)
        return entry

    def held_elsewhere(self, change: Change) -> bool:
        """Whether another ledger holds one of the names that a change claims."""
        for claim in change.claims:
            key = ledgers.claim_key(self.subject.upstream, claim)
            record, holder = self.situation.records.get(key), self.claims.get(key)
            if holder is None and record is not None:
                holder = ledgers.read_claim(record)
            if holder is not None and holder != KeptClaim(change.ledger, change.id):
                return True
        return False

    def claim(self, change: Change) -> None:
        """Let the change's ledger hold the names that it claims, from now on and for ever."""
        for claim in change.claims:
            key = ledgers.claim_key(self.subject.upstream, claim)
            if key not in self.situation.records:
                self.claims[key] = KeptClaim(change.ledger, change.id)

    def mark(self, moment: Moment, before: Any, after: Any) -> None:
        """Write the marks that a ledger has now and had not before. Raises `LedgerFault` for one that is no code."""
        give = moment.bound.marks
        if give is None:
            return
        change = moment.change
        known = frozenset(give(before)) if before is not None else frozenset()
        for mark in give(after):
            if mark in known:
                continue
            if not (mark and len(mark) <= LONGEST_CODE and mark.isprintable()):
                raise LedgerFault(f"Sổ {change.ledger}: dấu phải có từ 1 đến {LONGEST_CODE} ký tự in được.")
            key = ledgers.mark_key(self.subject.upstream, change.ledger, mark, change.id)
            self.marks[key] = ledgers.write_mark(key, change.id)

    def tell(self, moment: Moment, kind: str, **fields: Any) -> None:
        """An audit row about a change."""
        change = moment.change
        row = audit(
            kind,
            self.actor,
            moment.dossier,
            upstream=self.subject.upstream,
            ledger=change.ledger,
            ledger_id=change.id,
            version=moment.version,
            key=change.key,
            **fields,
        )
        self.audits.append(row)


@dataclass(frozen=True, slots=True)
class Moment:
    """One change being applied: the ledger before and after it, and the dossier that it belongs to."""

    change: Change
    bound: Bound
    version: int
    dossier: str
