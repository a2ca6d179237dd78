"""Taking changes on: what a notice, an endpoint or a poller brought, made durable before anybody is answered.

The decision stands in `ledgers.py`; here is what surrounds it: the changes are read into their ledgers' own types first, so
that nothing inside the transaction can fail to understand them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import msgspec

from connectors.kit.contract import Change, LedgerEntry, Mark
from connectors.kit.errors import ContractChanged
from gateway.intake.ledger_page import LONGEST_CODE
from gateway.intake.ledgers import CursorMove, Input, InputsSubject, LedgerBook, Told, inputs_intake
from gateway.journal.model import RecordKey, Signed
from gateway.journal.store import Journal
from gateway.records import ledgers
from mappings.codec import convert, decode, encode_sorted


class Taker:
    """Takes changes on behalf of the connectors. `alarm(code, upstream, detail_vi)` and `wake(upstreams)` come afterwards."""

    def __init__(
        self,
        journal: Journal,
        book: LedgerBook,
        wake: Callable[[tuple[str, ...]], None],
        alarm: Callable[[str, str, str], None],
    ) -> None:
        self._journal, self._book, self._wake, self._alarm = journal, book, wake, alarm

    async def take(
        self, upstream: str, changes: Sequence[Change], *, original: bytes = b"", cursor: CursorMove | None = None
    ) -> Told:
        """Apply what is new; durable when this returns. Nothing is asked of the journal when there is nothing to take.

        Raises `ContractChanged` for a change that no ledger of the upstream understands, `JournalUnavailable`.
        """
        inputs = tuple(self._understood(upstream, change) for change in changes)
        if not inputs and cursor is None:
            return Told()
        return await self._taken(InputsSubject(upstream, inputs, original, cursor), None)

    async def decide(self, upstream: str, change: Change, signed: Signed | None) -> Told:
        """Apply what a person decided, with its proof; where `Told` says that nothing changed, nothing was stored.

        Raises `ContractChanged` for a change that its ledger does not understand, `JournalUnavailable`.
        """
        return await self._taken(InputsSubject(upstream, (self._understood(upstream, change),), decided=True), signed)

    async def _taken(self, subject: InputsSubject, signed: Signed | None) -> Told:
        dossier_codes = await self._dossiers(subject.upstream, [item.change for item in subject.inputs])
        accepted = await self._journal.accept(inputs_intake(subject, dossier_codes, signed))
        told = decode(accepted.answer, Told)
        self._wake(accepted.upstreams)
        if accepted.stored or not subject.decided:
            for code, detail_vi in told.alarms:
                self._alarm(code, subject.upstream, detail_vi)
        return told

    async def _dossiers(self, upstream: str, changes: Sequence[Change]) -> dict[RecordKey, str]:
        """The dossier of each ledger that a change leaves unnamed. Once set it stays, so it may be read beforehand."""
        found: dict[RecordKey, str] = {}
        for change in changes:
            key = ledgers.ledger_key(upstream, change)
            if not change.dossier_code and key not in found:
                record = await self._journal.record(key)
                found[key] = ledgers.entry(record).dossier_code if record is not None else ""
        return found

    def _understood(self, upstream: str, change: Change) -> Input:
        bound = self._book.of(upstream, change.ledger)
        if bound is None:
            raise ContractChanged(f"Đầu nối đưa thay đổi cho sổ {change.ledger!r} mà nó không có.")
        for name, code in (("id", change.id), ("key", change.key), *(("claims", claim) for claim in change.claims)):
            if not (code and len(code) <= LONGEST_CODE and code.isprintable()):
                raise ContractChanged(f"Thay đổi của sổ {change.ledger}: {name} phải có từ 1 đến {LONGEST_CODE} ký tự.")
        try:
            meaning = convert(change.fields, bound.ledger.change_type)
        except msgspec.ValidationError:
            # The text of the error may quote what was sent.
            raise ContractChanged(f"Thay đổi của sổ {change.ledger} không đúng kiểu đã khai báo.") from None
        lasting = {name: value for name, value in change.fields.items() if name not in change.passing}
        meant = (change.dossier_code, lasting)
        # What was stored before there were claims keeps its digest.
        content = encode_sorted((*meant, sorted(change.claims)) if change.claims else meant)
        return Input(change, meaning, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class SealedRead:
    """A ledger that was read and is sealed, so what it says of its dossier may be personal."""

    ledger: str
    ledger_id: str
    dossier: str


SEALED_READS: ContextVar[list[SealedRead] | None] = ContextVar("sealed_reads", default=None)
"""What the call under way has read of sealed ledgers; None where nobody answers a call (a poller, a delivery)."""


class Shelf:
    """Reads the ledgers of one upstream, for its connector's endpoints. Its journal is given when that is open."""

    def __init__(self, upstream: str, open_kinds: frozenset[str] = frozenset()) -> None:
        """`open_kinds` are the ledgers whose state is declared to be no secret."""
        self._upstream, self._open = upstream, open_kinds
        self.journal: Journal | None = None

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """See `connectors.kit.contract.LedgerReader`."""
        if self.journal is None:
            return None
        record = await self.journal.record(ledgers.entry_key(self._upstream, ledger, ledger_id))
        if record is None:
            return None
        entry, reads = ledgers.entry(record), SEALED_READS.get()
        if reads is not None and ledger not in self._open:
            reads.append(SealedRead(ledger, ledger_id, entry.dossier_code))
        return entry

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """See `connectors.kit.contract.LedgerReader`."""
        if self.journal is None:
            return ()
        kind = ledgers.mark_kind(self._upstream, ledger)
        return tuple(map(ledgers.read_mark, await self.journal.records_between(kind, after, until, limit)))
