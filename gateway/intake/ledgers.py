"""The decision about what changes ledgers: a notice, a call of an endpoint, or a polled page with its cursor. Pure.

It runs inside the accept transaction: each change that is new is applied to its ledger, and the ledger's record, the
change, its audit rows and whatever the ledger asks for commit together with the cursor, or none of it does
(delivery-engine 4.2). The same key twice changes nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.contract import (
    PROPOSAL,
    Change,
    DeliverTask,
    Effect,
    Ledger,
    LedgerEntry,
    ProposeChange,
    RaiseAlarm,
    Task,
    TellFeed,
)
from connectors.kit.declarations import LedgerSpec
from connectors.kit.ledgers import word_of
from gateway.audit.events import audit
from gateway.errors import GatewayError
from gateway.journal.model import AuditWrite, Decision, Intake, NewDelivery, RecordKey, RecordWrite, Situation
from gateway.records import courses, dossiers, ledgers
from gateway.records.ledgers import KeptChange, KeptCursor, KeptTask
from gateway.routes import delivery_id
from mappings.codec import decode, encode

INPUTS = "inputs"
# Any fixed name space will do: the same task must have the same id in every run and on every node.
_TASKS = uuid.UUID("0b7c7a52-5d51-5f0e-8f67-7f7f1b0a9c44")


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
    """Changes of the ledgers of one upstream, in order; with a polled page, its cursor. `original` is what brought them."""

    upstream: str
    inputs: tuple[Input, ...]
    original: bytes = b""
    cursor: CursorMove | None = None


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
    """A ledger of one upstream with its declaration, the operations of trigger `effect` that stand beside it."""

    ledger: Ledger[Any, Any]
    spec: LedgerSpec
    operations: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Page:
    """The rows in the making of one decision."""

    situation: Situation
    subject: InputsSubject
    standing: dict[RecordKey, LedgerEntry] = field(default_factory=dict)
    taken: dict[RecordKey, str] = field(default_factory=dict)  # the changes of this decision, with their digests
    records: list[RecordWrite] = field(default_factory=list)
    audits: list[AuditWrite] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    changed: int = 0

    @property
    def actor(self) -> str:
        """Who did it, in the trail and in the lanes."""
        return ledgers.owner(self.subject.upstream)


@dataclass(frozen=True, slots=True)
class _Moment:
    """One change being applied: the ledger before and after it, and the dossier that it belongs to."""

    change: Change
    bound: Bound
    version: int
    dossier: str


class LedgerBook:
    """Every ledger of every upstream, and the upstreams that take proposals. Holds configuration only, no state."""

    def __init__(self, ledgers: Mapping[tuple[str, str], Bound], proposals: tuple[str, ...] = ()) -> None:
        """`ledgers` by upstream and kind; `proposals`: where the resolution system takes proposed changes."""
        self._ledgers = ledgers
        self._proposals = proposals

    def of(self, upstream: str, kind: str) -> Bound | None:
        """A ledger of an upstream; None where its connector has none of that kind."""
        return self._ledgers.get((upstream, kind))

    def decide(self, situation: Situation, subject: InputsSubject) -> Decision:
        """The rows of everything that is new."""
        page = _Page(situation, subject)
        cursor = subject.cursor
        if cursor is not None and not self._move(page, cursor):
            return Decision(encode(Told(moved=False)), 409, store=False)
        for item in subject.inputs:
            self._take(page, item)
        page.records.extend(
            ledgers.write_entry(key, entry, sealed_for=entry.dossier_code if self._sealed(key) else "")
            for key, entry in page.standing.items()
        )
        told = Told(page.changed, tuple(page.alarms))
        return Decision(
            answer=encode(told),
            status=200,
            store=bool(page.records or page.audits),
            records=tuple(page.records),
            deliveries=tuple(page.deliveries),
            audit=tuple(page.audits),
        )

    def _move(self, page: _Page, cursor: CursorMove) -> bool:
        """Put the cursor on its new place; False when it does not stand where the page began."""
        key = ledgers.cursor_key(page.subject.upstream, cursor.poller)
        record = page.situation.records.get(key)
        kept = ledgers.read_cursor(record)
        if (kept.cursor if kept is not None else "") != cursor.before:
            return False
        version = record.version + 1 if record is not None else 1
        page.records.append(ledgers.write_cursor(key, version, KeptCursor(cursor.after, page.situation.now)))
        return True

    def _sealed(self, key: RecordKey) -> bool:
        _, upstream, kind = key.kind.split(":", 2)
        return self._ledgers[upstream, kind].spec.sealed

    def _take(self, page: _Page, item: Input) -> None:
        """Apply one change, unless it was taken before."""
        change, upstream = item.change, page.subject.upstream
        key = ledgers.change_key(upstream, change)
        known = page.situation.records.get(key)
        before_it = ledgers.read_change(known).digest if known is not None else page.taken.get(key)
        if before_it is not None:
            if before_it != item.digest:
                self._refuse(page, item, "key_reused")
            return
        bound = self._ledgers[upstream, change.ledger]
        ledger_key = ledgers.ledger_key(upstream, change)
        before = page.standing.get(ledger_key)
        if before is None and (record := page.situation.records.get(ledger_key)) is not None:
            before = ledgers.entry(record)
        dossier = before.dossier_code if before is not None and before.dossier_code else change.dossier_code
        if change.dossier_code and change.dossier_code != dossier:
            self._refuse(page, item, "another_dossier")
            return
        if bound.spec.sealed and not dossier:
            self._refuse(page, item, "dossier_missing")
            return
        page.taken[key] = item.digest
        state = decode(before.state, bound.ledger.state_type) if before is not None else None
        after, effects = bound.ledger.apply(state, item.meaning)
        moment = _Moment(change, bound, before.version + 1 if before is not None else 1, dossier)
        page.standing[ledger_key] = LedgerEntry(moment.version, dossier, encode(after))
        page.changed += 1
        self._tell(page, moment, "ledger.changed", effects=[word_of(effect) for effect in effects])
        tasks: list[KeptTask] = []
        for number, effect in enumerate(effects, start=1):
            tasks.extend(self._carry_out(page, moment, effect, number))
        kept = KeptChange(
            moment.version, page.situation.now, item.digest, change, page.subject.original, tasks=tuple(tasks)
        )
        page.records.append(ledgers.write_change(key, kept, sealed_for=dossier or page.actor))

    def _refuse(self, page: _Page, item: Input, code: str) -> None:
        """Keep a change that must change nothing, tell of it and raise an alarm: once, however often it comes."""
        change = item.change
        key = ledgers.change_key(page.subject.upstream, change, f"!{item.digest}")
        if key in page.situation.records or key in page.taken:
            return
        page.taken[key] = item.digest
        kept = KeptChange(0, page.situation.now, item.digest, change, page.subject.original, refused=code)
        page.records.append(ledgers.write_change(key, kept, sealed_for=change.dossier_code or page.actor))
        page.audits.append(
            audit(
                "ledger.refused",
                page.actor,
                change.dossier_code,
                upstream=page.subject.upstream,
                ledger=change.ledger,
                ledger_id=change.id,
                key=change.key,
                code=code,
            )
        )
        page.alarms.append((f"ledger.{code}", f"Sổ {change.ledger}: {_REFUSED[code]}"))

    def _carry_out(self, page: _Page, moment: _Moment, effect: Effect, number: int) -> tuple[KeptTask, ...]:
        """Do what the ledger asks for, in this very transaction; the tasks that it set off."""
        if word_of(effect) not in moment.bound.spec.effects:
            raise LedgerFault(
                f"Sổ {moment.change.ledger}: hiệu lực {word_of(effect)} chưa được khai báo trong manifest."
            )
        match effect:
            case DeliverTask(operation, fields):
                if operation not in moment.bound.operations:
                    raise LedgerFault(f"Sổ {moment.change.ledger}: không có thao tác effect tên {operation}.")
                return self._send(page, moment, (page.subject.upstream,), operation, _Asked(operation, fields, number))
            case ProposeChange(proposal, fields):
                return self._send(page, moment, self._proposals, PROPOSAL, _Asked(proposal, fields, number))
            case RaiseAlarm(code, detail_vi):
                self._tell(page, moment, "ledger.alarm", code=code, reason=detail_vi)
                page.alarms.append((code, detail_vi))
            case TellFeed(code, facts):
                self._tell(page, moment, "ledger.told", code=code, facts=[f"{k}={v}" for k, v in sorted(facts.items())])
        return ()

    def _send(
        self, page: _Page, moment: _Moment, upstreams: tuple[str, ...], operation: str, asked: _Asked
    ) -> tuple[KeptTask, ...]:
        """Append a task to the lane of the ledger's dossier, at each of `upstreams`."""
        if not moment.dossier:
            raise LedgerFault(f"Sổ {moment.change.ledger}: hiệu lực {operation} cần biết mã hồ sơ.")
        records, change = page.situation.records, moment.change
        snapshot = records.get(dossiers.key(moment.dossier))
        task = Task(
            kind=asked.kind,
            reported_by=page.subject.upstream,
            ledger=change.ledger,
            ledger_id=change.id,
            version=moment.version,
            dossier_code=moment.dossier,
            asked_at=page.situation.now,
            fields=asked.fields,
            dossier=dossiers.parse(snapshot) if snapshot is not None else None,
        )
        content = encode(task)
        name = f"{page.actor}/{len(change.id)}:{change.ledger}/{change.id}/{moment.version}/{asked.number}"
        event_id = str(uuid.uuid5(_TASKS, name))
        course = courses.read(records, moment.dossier)
        kept: list[KeptTask] = []
        for upstream in upstreams:
            wanted = NewDelivery(
                delivery_id=delivery_id(page.actor, event_id, upstream, operation),
                upstream=upstream,
                operation=operation,
                event_id=event_id,
                source=page.actor,
                legal_due=course.due_at if course is not None else None,
                dossier=moment.dossier,
                content=content,
            )
            page.deliveries.append(wanted)
            digest = hashlib.sha256(content).hexdigest()
            kept.append(KeptTask(wanted.delivery_id, upstream, operation, digest))
        return tuple(kept)

    def _tell(self, page: _Page, moment: _Moment, kind: str, **fields: Any) -> None:
        change = moment.change
        row = audit(
            kind,
            page.actor,
            moment.dossier,
            upstream=page.subject.upstream,
            ledger=change.ledger,
            ledger_id=change.id,
            version=moment.version,
            key=change.key,
            **fields,
        )
        page.audits.append(row)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a task is about: its kind, its fields, and which effect of its change asked for it."""

    kind: str
    fields: Mapping[str, object]
    number: int


_REFUSED = {
    "key_reused": "khóa của thay đổi đã được dùng với nội dung khác; thay đổi này không được ghi.",
    "another_dossier": "thay đổi nêu hồ sơ khác với hồ sơ của sổ; thay đổi này không được ghi.",
    "dossier_missing": "sổ được niêm phong theo hồ sơ nhưng thay đổi không nêu mã hồ sơ; thay đổi này không được ghi.",
}


def inputs_intake(subject: InputsSubject, dossier_codes: Mapping[RecordKey, str]) -> Intake:
    """Changes as the journal takes them: each names the records that its decision must see.

    `dossier_codes`: the dossier of each ledger that stands already, read before; it never changes once it is set.
    """
    reads: dict[RecordKey, None] = {}
    for item in subject.inputs:
        key = ledgers.ledger_key(subject.upstream, item.change)
        reads[key] = reads[ledgers.change_key(subject.upstream, item.change)] = None
        reads[ledgers.change_key(subject.upstream, item.change, f"!{item.digest}")] = None
        dossier = item.change.dossier_code or dossier_codes.get(key, "")
        if dossier:
            reads[dossiers.key(dossier)] = reads[courses.key(dossier)] = None
    if subject.cursor is not None:
        reads[ledgers.cursor_key(subject.upstream, subject.cursor.poller)] = None
    raw = subject.original or encode([item.change for item in subject.inputs])
    return Intake(
        kind=INPUTS,
        source=ledgers.owner(subject.upstream),
        key="",
        dossier="",
        digest=hashlib.sha256(raw).digest(),
        raw=raw,
        subject=subject,
        reads=tuple(reads),
    )
