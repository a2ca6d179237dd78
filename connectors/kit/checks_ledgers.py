"""The conformance checks of ledgers: pure, storable, within what the manifest declares, and found by codes alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from connectors.kit.contract import Change, DeliverTask, Elsewhere, Ledger, Ledgers, Marked
from connectors.kit.declarations import LedgerSpec
from connectors.kit.ground import Ears, Faults, Ground, Subject, ground
from connectors.kit.ledgers import word_of

_LONGEST_MARK = 200


async def ledgers_are_pure(subject: Subject, ears: Ears) -> Faults:
    """The same state and change give the same answer, states survive being stored, and only declared effects are asked for."""
    faults: Faults = []
    async with ground(subject, ears) as here:
        for ledger in ledgers_of(here):
            if here.case.changes is None:
                return ["thiếu changes trong case cho Ledger"]
            course = tuple(here.case.changes(ledger.kind))
            if not course:
                faults.append(f"{ledger.kind}: changes không có thay đổi nào")
            faults += [
                f"{ledger.kind}: {fault}" for fault in (*misfits(here, course), *_walked_ledger(here, ledger, course))
            ]
    return faults


def ledgers_of(here: Ground) -> Sequence[Ledger[Any, Any]]:
    """The ledgers of the connector under examination."""
    return here.connector.ledgers() if isinstance(here.connector, Ledgers) else ()


def _walked_ledger(here: Ground, ledger: Ledger[Any, Any], course: Sequence[Change]) -> Iterator[str]:
    """Apply a course twice over, once through JSON at every step as the gateway does."""
    spec = here.subject.manifest.declared.ledgers.get(ledger.kind, LedgerSpec())
    operations = {("", operation.name) for operation in here.subject.manifest.for_effects()}
    operations |= set(ledger.elsewhere()) if isinstance(ledger, Elsewhere) else set()
    kept: bytes | None = None
    for number, change in enumerate(course, start=1):
        try:
            meaning = msgspec.convert(change.fields, ledger.change_type)
        except msgspec.ValidationError:
            return  # told as a misfit already
        state = msgspec.json.decode(kept, type=ledger.state_type) if kept is not None else None
        after, effects = ledger.apply(state, meaning)
        if kept is not None and msgspec.json.encode(state) != kept:
            yield f"thay đổi {number} sửa trạng thái cũ tại chỗ"
        again, same = ledger.apply(
            msgspec.json.decode(kept, type=ledger.state_type) if kept is not None else None, meaning
        )
        stored = msgspec.json.encode(after)
        if msgspec.json.encode(again) != stored or list(same) != list(effects):
            yield f"thay đổi {number} áp dụng hai lần cho hai kết quả khác nhau"
        if msgspec.json.encode(msgspec.json.decode(stored, type=ledger.state_type)) != stored:
            yield f"trạng thái sau thay đổi {number} không giữ nguyên khi lưu và đọc lại"
        for effect in effects:
            if word_of(effect) not in spec.effects:
                yield f"thay đổi {number} gây hiệu lực {word_of(effect)} chưa khai báo"
            if isinstance(effect, DeliverTask) and (effect.to, effect.operation) not in operations:
                yield f"thay đổi {number} cần thao tác effect {effect.operation} {effect.to} không tồn tại".replace(
                    "  ", " "
                )
        yield from (f"trạng thái sau thay đổi {number}: {fault}" for fault in _mismarked(here, ledger, after))
        kept = stored


def _mismarked(here: Ground, ledger: Ledger[Any, Any], state: Any) -> Iterator[str]:
    """What is wrong with the marks of a state: they stand unsealed and are shown to operators."""
    if not isinstance(ledger, Marked):
        return
    marks = tuple(ledger.marks(state))
    if tuple(ledger.marks(state)) != marks:
        yield "hỏi dấu hai lần cho hai kết quả khác nhau"
    for mark in marks:
        if not (mark and len(mark) <= _LONGEST_MARK and mark.isprintable()):
            yield f"dấu phải có từ 1 đến {_LONGEST_MARK} ký tự in được"
        elif any(word in mark for word in here.case.planted):
            yield "dấu nêu dữ liệu cá nhân"


def misfits(here: Ground, changes: Sequence[Change]) -> Iterator[str]:
    """Changes that no ledger of the connector would understand, or that cannot be recognised again."""
    kinds = {ledger.kind: ledger for ledger in ledgers_of(here)}
    for number, change in enumerate(changes, start=1):
        ledger = kinds.get(change.ledger)
        if ledger is None:
            yield f"thay đổi {number} nêu sổ không tồn tại"
            continue
        if not (change.id and change.key):
            yield f"thay đổi {number} thiếu id hoặc key"
        try:
            msgspec.convert(change.fields, ledger.change_type)
        except msgspec.ValidationError:
            yield f"thay đổi {number} không đúng change_type của sổ {change.ledger}"
