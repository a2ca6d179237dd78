"""How a change is entered into the ledger of payments: under which key it is recognised, and what it claims.

What was said or commanded twice in the same words has one key, whenever it was said; the answer to a question counts each time.
"""

from __future__ import annotations

import hashlib

import msgspec

from connectors.kit.contract import Change
from connectors.payment.changes import (
    AttemptAsked,
    CancelAsked,
    Confirmed,
    CounterPaid,
    PayerTold,
    PaymentAsked,
    PaymentChange,
    RefundAccountGiven,
    RefundApproved,
    RefundAsked,
    RefundDeclined,
    RefundSaid,
    RefundTransferred,
    Said,
)
from connectors.payment.model import Source, Statement, Verdict
from mappings.codec import encode_sorted, plain

LEDGER = "payments"
"""The kind of the ledger."""

REFUND_ID_LETTERS = 16

_LONGEST_CODE = 100
"""As in statements: no intermediary's own code is longer."""
_LEFT = {
    **dict.fromkeys(("txn_id", "bank_code", "time_text", "dossier_code"), ""),
    **dict.fromkeys(("currency", "code"), "unreadable"),
}
"""What is left of a text that does not fit; a currency that nobody can read is not ours (G4)."""


def refund_id_of(payment_id: str, request_id: str) -> str:
    """The id of the refund that is asked for with a request: the same for ever."""
    return hashlib.sha256(encode_sorted(["refund", payment_id, request_id])).hexdigest()[:REFUND_ID_LETTERS]


def change_of(payment_id: str, change: PaymentChange, dossier_code: str = "") -> Change:
    """A change as the house takes it: with the key that recognises it, and a success with the claim on its transaction (G7)."""
    if isinstance(change, Said):
        change = msgspec.structs.replace(change, statement=storable(change.statement))
    elif isinstance(change, RefundSaid) and not _fits(change.statement.txn_id):
        change = msgspec.structs.replace(change, statement=msgspec.structs.replace(change.statement, txn_id=""))
    return Change(
        ledger=LEDGER,
        id=payment_id,
        key=key_of(change),
        fields=plain(change),
        dossier_code=dossier_code,
        claims=claims_of(change),
        passing=("at",),
    )


def storable(said: Statement) -> Statement:
    """A statement whose texts fit into a ledger: a code without end, or with signs that nobody can print, is left out.

    An answer of one intermediary must not stop the page that the answers of all others stand on. A success whose transaction
    cannot be named cannot be told from another (G7), so people look at it.
    """
    unfit = {name: left for name, left in _LEFT.items() if not _fits(getattr(said, name))}
    if not unfit:
        return said
    held = "txn_id" in unfit and said.verdict is Verdict.PAID
    return msgspec.structs.replace(said, **unfit, verdict=Verdict.HOLD if held else said.verdict)


def _fits(text: str) -> bool:
    return len(text) <= _LONGEST_CODE and text.isprintable()


def key_of(change: PaymentChange) -> str:
    """What makes a change recognisable.

    A command is its request and its body, a decision its id, a notice or a line of a statement its meaning. Everything else
    is told by its moment: the same answer may be given to two questions.
    """
    match change:
        case PaymentAsked():
            return f"asked/{change.body_sha256[:32]}"
        case PayerTold():
            return "payer_told"
        case AttemptAsked() | CancelAsked() | RefundAsked() | RefundAccountGiven() | CounterPaid():
            request = hashlib.sha256(change.request_id.encode()).hexdigest()[:32]
            return f"{_tag(change)}/{request}/{change.body_sha256[:32]}"
        case RefundApproved() | RefundDeclined() | RefundTransferred() | Confirmed():
            return f"{_tag(change)}/{change.decision_id}"
        case Said(statement=said) if said.source in (Source.NOTICE, Source.STATEMENT):
            return f"said/{change.attempt}/{meaning_of(said)}"
    return f"{_tag(change)}/{hashlib.sha256(encode_sorted(plain(change))).hexdigest()[:32]}"


def meaning_of(said: Statement) -> str:
    """A digest of all that a statement says. Signed again with another key, it is said again: the ledger knows what is old."""
    return hashlib.sha256(encode_sorted(plain(said))).hexdigest()[:32]


def claims_of(change: PaymentChange) -> tuple[str, ...]:
    """The transaction that a success holds: no other payment may ever hold it (G7, abuse case A13)."""
    if isinstance(change, Confirmed):
        held = change.paid and change.provider and change.txn_id
        return (f"txn/{change.provider}/{change.txn_id}",) if held else ()
    if not isinstance(change, Said):
        return ()
    said = change.statement
    if said.verdict is not Verdict.PAID or not (said.trusted and said.ours and said.txn_id):
        return ()
    return (f"txn/{said.provider}/{said.txn_id}",)


def _tag(change: PaymentChange) -> str:
    return str(change.__struct_config__.tag)
