"""Wire types of the toy upstream."""

from __future__ import annotations

import msgspec


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item as the upstream keeps it (our own invention)."""

    id: str
    owner: str
    session: str = ""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note on an item (our own invention)."""

    item: str
    text: str
    session: str = ""


class Said(msgspec.Struct, frozen=True):
    """What the upstream says (our own invention)."""

    code: int
    session: str = ""
