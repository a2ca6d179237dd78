"""What can be set about lawful questions to registers: who may ask what, how much, and how long a proof is kept."""

from __future__ import annotations

import msgspec


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of these settings: frozen, strict."""


class Questions(Struct, frozen=True):
    """Questions about persons to a register; without this section nobody asks (Luật 91/2025/QH15: only for a stated purpose)."""
