"""What a ledger asks for, carried out in the transaction of its change: tasks in lanes, proposals, alarms, rows of the feed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.kit.contract import PROPOSAL, DeliverTask, Effect, ProposeChange, RaiseAlarm, Task, TellFeed
from connectors.kit.ledgers import word_of
from gateway.intake.ledger_page import LedgerFault, Moment, Page
from gateway.journal.model import NewDelivery
from gateway.records import courses, dossiers
from gateway.records.ledgers import KeptTask
from gateway.routes import delivery_id
from mappings.codec import encode

# Any fixed name space will do: the same task must have the same id in every run and on every node.
_TASKS = uuid.UUID("0b7c7a52-5d51-5f0e-8f67-7f7f1b0a9c44")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a task is about: its kind, its fields, and which effect of its change asked for it."""

    kind: str
    fields: Mapping[str, object]
    number: int


def carry_out(
    page: Page, moment: Moment, effect: Effect, number: int, proposals: tuple[str, ...]
) -> tuple[KeptTask, ...]:
    """Do what effect `number` of a change asks for; the tasks that it set off. `proposals` are those who take proposals.

    Raises `LedgerFault` for what the manifest does not declare.
    """
    kind = moment.change.ledger
    if word_of(effect) not in moment.bound.spec.effects:
        raise LedgerFault(f"Sổ {kind}: hiệu lực {word_of(effect)} chưa được khai báo trong manifest.")
    match effect:
        case DeliverTask(operation, fields, to):
            here = to in ("", page.subject.upstream)
            if here and operation not in moment.bound.operations:
                raise LedgerFault(f"Sổ {kind}: không có thao tác effect tên {operation}.")
            if not here and (to, operation) not in moment.bound.elsewhere:
                raise LedgerFault(f"Sổ {kind}: không khai báo (elsewhere) thao tác {operation} của hệ thống {to}.")
            upstream = page.subject.upstream if here else to
            return _send(page, moment, (upstream,), operation, _Asked(operation, fields, number))
        case ProposeChange(proposal, fields):
            return _send(page, moment, proposals, PROPOSAL, _Asked(proposal, fields, number))
        case RaiseAlarm(code, detail_vi):
            page.tell(moment, "ledger.alarm", code=code, reason=detail_vi)
            page.alarms.append((code, detail_vi))
        case TellFeed(code, facts):
            page.tell(moment, "ledger.told", code=code, facts=[f"{k}={v}" for k, v in sorted(facts.items())])
    return ()


def _send(
    page: Page, moment: Moment, upstreams: tuple[str, ...], operation: str, asked: _Asked
) -> tuple[KeptTask, ...]:
    """Append a task to the lane of the ledger's dossier, at each of `upstreams`."""
    change = moment.change
    if not moment.dossier:
        raise LedgerFault(f"Sổ {change.ledger}: hiệu lực {operation} cần biết mã hồ sơ.")
    content = encode(_task(page, moment, asked))
    name = f"{page.actor}/{len(change.id)}:{change.ledger}/{change.id}/{moment.version}/{asked.number}"
    event_id = str(uuid.uuid5(_TASKS, name))
    course = courses.read(page.situation.records, moment.dossier)
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
        kept.append(KeptTask(wanted.delivery_id, upstream, operation, hashlib.sha256(content).hexdigest()))
    return tuple(kept)


def _task(page: Page, moment: Moment, asked: _Asked) -> Task:
    """What is carried: the request with the dossier's newest snapshot."""
    change = moment.change
    snapshot = page.situation.records.get(dossiers.key(moment.dossier))
    return Task(
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
