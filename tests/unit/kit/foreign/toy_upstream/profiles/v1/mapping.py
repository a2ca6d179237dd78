"""Canonical to toy."""

from __future__ import annotations

from mappings.canonical import Carried

from .messages import Item, Note


def item_of(carried: Carried, session: str) -> Item:
    """The dossier as an item."""
    return Item(carried.dossier.dossier_code, carried.dossier.applicant.name, session)


def note_of(carried: Carried, session: str) -> Note:
    """The event as a note."""
    return Note(carried.event.dossier_code, f"{carried.event.sequence} {carried.event.step.content}", session)
