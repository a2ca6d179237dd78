"""A shipment while one change is applied to it: what it has become so far, and what must be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from connectors.kit.contract import Effect, RaiseAlarm, TellFeed
from connectors.postal.shipment import Command, Shipment

_REFUSALS_KEPT = 50


@dataclass(slots=True)
class Turn:
    """One change, being applied at the moment `at` to what was `before` (None: it begins)."""

    before: Shipment | None
    shipment: Shipment
    at: datetime
    effects: list[Effect] = field(default_factory=list)

    def put(self, **fields: Any) -> None:
        """The shipment, with other fields."""
        self.shipment = msgspec.structs.replace(self.shipment, **fields)

    def flag(self, flag: str) -> bool:
        """Set a flag; whether it is new."""
        if flag in self.shipment.flags:
            return False
        self.put(flags=(*self.shipment.flags, flag))
        return True

    def unflag(self, *flags: str) -> None:
        """Take back what holds no more."""
        if any(flag in self.shipment.flags for flag in flags):
            self.put(flags=tuple(one for one in self.shipment.flags if one not in flags))

    def command(self, command: Command) -> bool:
        """Remember a command and its answer; whether it was taken. Of refusals the newest are kept: callers may try often."""
        refused = [known for known in self.shipment.commands if known.code]
        dropped = refused[: max(0, len(refused) - _REFUSALS_KEPT)]
        self.put(commands=(*(known for known in self.shipment.commands if known not in dropped), command))
        return not command.code

    def tell(self, code: str, **facts: object) -> None:
        """A row of the feed."""
        told: Mapping[str, str] = {
            "shipment_id": self.shipment.shipment_id,
            "order_number": self.shipment.order_number,
            "direction": self.shipment.direction,
            **{name: str(value) for name, value in facts.items()},
        }
        self.effects.append(TellFeed(f"postal.{code}", told))

    def alarm(self, code: str, detail_vi: str) -> None:
        """Something that a person must see."""
        self.effects.append(RaiseAlarm(f"postal.{code}", f"Bưu gửi {self.shipment.shipment_id}: {detail_vi}"))
