"""An exported trail, judged without us: is it whole, and is each decision signed by the key that the register knew? Pure.

The public keys are those of the rows `operator.founded` and `operator.added`, or those that the auditor brings along and
trusts instead. Whether the rows are also those of the store is judged from the evidence leaves (`bound_by`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from gateway.admin.statement import Envelope, Statement
from gateway.clock import to_micros
from gateway.evidence.log import GENESIS, chain
from gateway.journal.books import row_digest
from gateway.records.operators import UnusableKey, holds, key_id, same_person

SIGNED = ("decision.taken", "decision.proposed")


class Line(msgspec.Struct, frozen=True):
    """One exported row."""

    position: int
    at: datetime
    kind: str
    actor: str = ""
    dossier: str = ""
    event_id: str = ""
    fields: msgspec.Raw = msgspec.Raw(b"{}")


class Head(msgspec.Struct, frozen=True):
    """The last leaf of a chain when the export was made; `digest` in hex."""

    writer: str
    n: int
    digest: str


class Closing(msgspec.Struct, frozen=True):
    """The last line of an export."""

    form: str
    rows: int
    sha256: str
    heads: tuple[Head, ...] = ()


class _Last(msgspec.Struct, frozen=True):
    export: Closing


class _Proof(msgspec.Struct, frozen=True):
    """The fields of a signed row."""

    command: str = ""
    operator: str = ""
    key_id: str = ""
    decision_id: str = ""
    statement: str = ""
    signature: str = ""
    second_operator: str = ""
    second_key_id: str = ""
    second_decision_id: str = ""
    second_statement: str = ""
    second_signature: str = ""


class _Keys(msgspec.Struct, frozen=True):
    """What rows about operators say of keys."""

    operator: str = ""
    person: str = ""
    key_ids: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not hold: at which position (0: the export as a whole), and why."""

    position: int
    reason_vi: str


@dataclass(slots=True)
class Judged:
    """What came of judging an export."""

    rows: int = 0
    decisions: int = 0
    faults: list[Fault] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    heads: tuple[Head, ...] = ()


@dataclass(slots=True)
class _Known:
    """Keys as the trail tells of them: whose, and until when."""

    trusted: Mapping[str, str]
    pems: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def learn(self, line: Line) -> None:
        """Take in a row about an operator."""
        told = msgspec.json.decode(line.fields, type=_Keys)
        if line.kind == "operator.revoked":
            self.revoked.update(told.key_ids)
        if told.person:
            self.people[told.operator] = told.person
        for pem in told.public_keys:
            name = key_id(pem)
            self.pems[name], self.owners[name] = pem, told.operator


def judge(raw_lines: Iterable[bytes], trusted: Mapping[str, str] | None = None) -> Judged:
    """Judge an export (its lines as they are in the file). `trusted`: public keys by key id; then no other counts."""
    judged, known = Judged(), _Known(trusted or {})
    digest, position, closing = hashlib.sha256(), 0, None
    for raw in raw_lines:
        if closing is not None:
            judged.faults.append(Fault(0, "Sau dòng kết vẫn còn nội dung."))
            break
        try:
            if raw.startswith(b'{"export":'):
                closing = msgspec.json.decode(raw, type=_Last).export
                continue
            line = msgspec.json.decode(raw, type=Line)
        except msgspec.MsgspecError:
            judged.faults.append(Fault(position, "Có dòng không đọc được."))
            break
        digest.update(raw)
        judged.rows += 1
        judged.lines.append(line)
        if line.position <= position:
            judged.faults.append(Fault(line.position, "Thứ tự dòng không tăng."))
        position = line.position
        judged.faults.extend(Fault(line.position, told) for told in _row_faults(line, known))
        judged.decisions += line.kind in SIGNED
    judged.faults.extend(_closing_faults(closing, judged.rows, digest.hexdigest()))
    judged.heads = closing.heads if closing is not None else ()
    return judged


def _closing_faults(closing: Closing | None, rows: int, digest: str) -> Iterator[Fault]:
    if closing is None:
        yield Fault(0, "Thiếu dòng kết: tệp không trọn vẹn.")
    elif (closing.rows, closing.sha256) != (rows, digest):
        yield Fault(0, "Nội dung tệp không khớp với dòng kết (số dòng hoặc SHA-256).")


def _row_faults(line: Line, known: _Known) -> Iterator[str]:
    try:
        if line.kind in ("operator.founded", "operator.added", "operator.revoked"):
            known.learn(line)
        if line.kind in SIGNED:
            yield from _proof_faults(msgspec.json.decode(line.fields, type=_Proof), known)
    except (msgspec.MsgspecError, UnusableKey):
        yield "Dòng về khóa hoặc quyết định không đọc được."


def _proof_faults(proof: _Proof, known: _Known) -> Iterator[str]:
    """Both signatures of a decision, and that they are about what the row says."""
    first = (proof.operator, proof.key_id, proof.decision_id)
    yield from _signature_faults(proof.statement, proof.signature, first, known)
    said = msgspec.json.decode(proof.statement, type=Statement)
    if said.command != proof.command:
        yield "Lệnh trong dòng không phải lệnh được ký."
    if not proof.second_statement:
        return
    second = (proof.second_operator, proof.second_key_id, proof.second_decision_id)
    yield from _signature_faults(proof.second_statement, proof.second_signature, second, known)
    agreed = msgspec.json.decode(proof.second_statement, type=Statement).words.details
    if agreed.get("digest") != Envelope(proof.statement).digest():
        yield "Chữ ký thứ hai không nói về đúng nội dung được ký lần thứ nhất."
    people = (known.people.get(name, name) for name in (proof.operator, proof.second_operator))
    if proof.second_key_id == proof.key_id or same_person(*people):
        yield "Hai chữ ký là của cùng một người."


def _signature_faults(statement: str, signature: str, who: tuple[str, str, str], known: _Known) -> Iterator[str]:
    operator, name, _ = who
    pem = known.trusted.get(name) if known.trusted else known.pems.get(name)
    if pem is None:
        yield f"Không có khóa công khai {name} của {operator} để kiểm tra chữ ký."
        return
    try:
        true = holds(pem, statement.encode(), base64.b64decode(signature, validate=True))
    except binascii.Error:
        true = False
    if not true:
        yield f"Chữ ký của {operator} (khóa {name}) không đúng."
    said = msgspec.json.decode(statement, type=Statement)
    if (said.operator, said.key_id, said.decision_id) != who:
        yield "Người ký, khóa hoặc mã quyết định trong dòng không phải những gì được ký."
    if name in known.revoked:
        yield f"Khóa {name} đã bị thu hồi trước quyết định này."
    if known.owners.get(name, operator) != operator:
        yield f"Khóa {name} không phải của {operator}."


@dataclass(frozen=True, slots=True)
class StoreLeaf:
    """A leaf of the store: digests in bytes."""

    writer: str
    n: int
    digest: bytes
    covers: Sequence[bytes]


def bound_by(judged: Judged, leaves: Iterable[StoreLeaf]) -> list[Fault]:
    """Hold an export against the leaves of the store (every chain from its first leaf, in order): what does not hold.

    Each chain is made again; the heads that the export names must stand in it; each exported row must be one that a leaf
    vouches for. A leaf covers a row by all of its columns, the mark of the feed too, which an export does not tell.
    """
    heads: dict[str, bytes] = {}
    numbered: dict[tuple[str, int], str] = {}
    covered: set[bytes] = set()
    for leaf in leaves:
        made = chain(heads.get(leaf.writer, GENESIS), tuple(leaf.covers))
        if made != leaf.digest:
            return [Fault(0, f"Mắt xích {leaf.n} của chuỗi {leaf.writer} không khớp với nội dung.")]
        heads[leaf.writer] = leaf.digest
        numbered[leaf.writer, leaf.n] = leaf.digest.hex()
        covered.update(leaf.covers)
    faults = [
        Fault(0, f"Kho không có mắt xích {head.n} của chuỗi {head.writer} như tệp ghi.")
        for head in judged.heads
        if numbered.get((head.writer, head.n)) != head.digest
    ]
    for line in judged.lines:
        if not any(_digest(line, feed) in covered for feed in (0, 1)):
            faults.append(Fault(line.position, "Không mắt xích nào của kho xác nhận dòng này."))
    return faults


def _digest(line: Line, feed: int) -> bytes:
    """The digest under which a leaf vouches for an audit row (`gateway.journal.bound`)."""
    at = to_micros(line.at)
    fields = bytes(line.fields)
    return row_digest("audit", line.position, at, line.kind, line.actor, line.dossier, line.event_id, fields, feed)
