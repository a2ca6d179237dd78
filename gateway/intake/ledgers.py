"""The decision about what changes ledgers: a notice, a call of an endpoint, or a polled page with its cursor. Pure.

It runs inside the accept transaction: each change that is new is applied to its ledger, and the ledger's record, the
change, its marks, its audit rows and whatever the ledger asks for commit together with the cursor, or none of it does
(delivery-engine 4.2). The same key twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from connectors.kit.contract import LedgerEntry
from connectors.kit.ledgers import word_of
from gateway.audit.events import audit
from gateway.intake.ledger_effects import carry_out
from gateway.intake.ledger_page import Bound as Bound
from gateway.intake.ledger_page import CursorMove as CursorMove
from gateway.intake.ledger_page import Input as Input
from gateway.intake.ledger_page import InputsSubject as InputsSubject
from gateway.intake.ledger_page import LedgerFault as LedgerFault
from gateway.intake.ledger_page import Moment, Page
from gateway.intake.ledger_page import Told as Told
from gateway.journal.model import Decision, Intake, RecordKey, Signed, Situation
from gateway.records import courses, dossiers, ledgers
from gateway.records.ledgers import KeptChange, KeptCursor, KeptTask
from mappings.codec import decode, encode

INPUTS = "inputs"


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
        page = Page(situation, subject)
        cursor = subject.cursor
        if cursor is not None and not self._move(page, cursor):
            return Decision(encode(Told(moved=False)), 409, store=False)
        for item in subject.inputs:
            self._take(page, item)
        page.records.extend(
            ledgers.write_entry(key, entry, sealed_for=(entry.dossier_code or page.actor) if self._sealed(key) else "")
            for key, entry in page.standing.items()
        )
        page.records.extend(page.marks.values())
        page.records.extend(ledgers.write_claim(key, kept) for key, kept in page.claims.items())
        told = Told(page.changed, tuple(page.alarms))
        if subject.decided and not page.changed:
            return Decision(encode(told), 409, store=False)
        return Decision(
            answer=encode(told),
            status=200,
            store=bool(page.records or page.audits),
            records=tuple(page.records),
            deliveries=tuple(page.deliveries),
            audit=tuple(page.audits),
        )

    def _move(self, page: Page, cursor: CursorMove) -> bool:
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

    def _take(self, page: Page, item: Input) -> None:
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
        before = page.stands(ledger_key)
        dossier = before.dossier_code if before is not None and before.dossier_code else change.dossier_code
        if change.dossier_code and change.dossier_code != dossier:
            self._refuse(page, item, "another_dossier")
            return
        if bound.spec.sealed and not dossier and bound.spec.of == "dossier":
            self._refuse(page, item, "dossier_missing")
            return
        if page.held_elsewhere(change):
            self._refuse(page, item, "claimed_elsewhere")
            return
        page.taken[key] = item.digest
        page.claim(change)
        state = decode(before.state, bound.ledger.state_type) if before is not None else None
        after, effects = bound.ledger.apply(state, item.meaning)
        moment = Moment(change, bound, before.version + 1 if before is not None else 1, dossier)
        page.standing[ledger_key] = LedgerEntry(moment.version, dossier, encode(after))
        page.changed += 1
        page.mark(moment, state, after)
        page.tell(moment, "ledger.changed", effects=[word_of(effect) for effect in effects])
        tasks: list[KeptTask] = []
        for number, effect in enumerate(effects, start=1):
            tasks.extend(carry_out(page, moment, effect, number, self._proposals))
        kept = KeptChange(
            moment.version, page.situation.now, item.digest, change, page.subject.original, tasks=tuple(tasks)
        )
        page.records.append(ledgers.write_change(key, kept, sealed_for=dossier or page.actor))

    def _refuse(self, page: Page, item: Input, code: str) -> None:
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


_REFUSED = {
    "key_reused": "khóa của thay đổi đã được dùng với nội dung khác; thay đổi này không được ghi.",
    "another_dossier": "thay đổi nêu hồ sơ khác với hồ sơ của sổ; thay đổi này không được ghi.",
    "claimed_elsewhere": "mã mà thay đổi nêu đã thuộc về một sổ khác; thay đổi này không được ghi.",
    "dossier_missing": "sổ được niêm phong theo hồ sơ nhưng thay đổi không nêu mã hồ sơ; thay đổi này không được ghi.",
}


def inputs_intake(
    subject: InputsSubject, dossier_codes: Mapping[RecordKey, str], signed: Signed | None = None
) -> Intake:
    """Changes as the journal takes them: each names the records that its decision must see.

    `dossier_codes`: the dossier of each ledger that stands already, read before; it never changes once it is set.
    """
    reads: dict[RecordKey, None] = {}
    for item in subject.inputs:
        key = ledgers.ledger_key(subject.upstream, item.change)
        reads[key] = reads[ledgers.change_key(subject.upstream, item.change)] = None
        reads[ledgers.change_key(subject.upstream, item.change, f"!{item.digest}")] = None
        reads.update((ledgers.claim_key(subject.upstream, claim), None) for claim in item.change.claims)
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
        signed=signed,
    )
