"""Canonical to toy, and toy to changes of the ledger. Pure."""

from __future__ import annotations

from connectors.kit.contract import Change, Task
from mappings.canonical import Carried

from .messages import Card, Movement, Reminder

LOANS = "loans"


def card_of(carried: Carried, delivery_id: str) -> Card:
    """The dossier as a card."""
    return Card(delivery_id, carried.dossier.dossier_code, carried.dossier.applicant.name)


def reminder_of(task: Task, delivery_id: str) -> Reminder:
    """A task as a reminder."""
    return Reminder(delivery_id, task.dossier_code, task.ledger_id, str(task.fields["toy"]))


def change_of(movement: Movement) -> Change:
    """A movement as a change of its loan."""
    fields = {"what": movement.what, "toy": movement.toy, "at": movement.at}
    return Change(LOANS, movement.loan, movement.number, fields, movement.dossier)


def lesson_of(task: Task, delivery_id: str) -> Change:
    """What the library's answer to a reminder teaches the loan that asked for it."""
    return Change(
        LOANS, task.ledger_id, f"reminded/{delivery_id}", {"what": "reminded", "toy": str(task.fields["toy"])}
    )
