"""Wire types of the toy library."""

from __future__ import annotations

from typing import Literal

import msgspec

SIGNATURE_HEADER = "x-toy-signature"


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader's card (our own invention)."""

    id: str
    dossier: str
    holder: str


class Reminder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reminder that a toy is out (our own invention)."""

    id: str
    dossier: str
    loan: str
    toy: str


class Movement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A toy that came or went: in a notice, and in the list of changes (our own invention). `number` is its key."""

    number: str
    loan: str
    what: Literal["lent", "returned", "lost"]
    toy: str
    dossier: str
    at: int = 0


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of movements (our own invention)."""

    movements: tuple[Movement, ...]
    next: str
    more: bool


class Said(msgspec.Struct, frozen=True):
    """What the library says to a card or a reminder (our own invention)."""

    code: int
    reference: str = ""
