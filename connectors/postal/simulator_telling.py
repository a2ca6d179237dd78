"""What reaches the sender of what truly happened: lost, late, repeated, in another order, or held until it is let go."""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from connectors.postal.simulator_parcels import Event, Parcel


class Voice(Protocol):
    """How one carrier tells what happened; it says nothing of what it has no code for."""

    def tell(self, parcel: Parcel, event: Event, at: datetime) -> bool:
        """Tell it once, at that moment; whether anything was said."""
        ...


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How tellings travel: `hold` keeps them until they are released; by chance from `seed` some are lost, repeated or late.

    `lose`, `repeat`, `late`: probabilities from 0 to 1; what is repeated comes `copies` times more, what is late comes up to
    `late_s` simulated seconds after it happened.
    """

    hold: bool = False
    seed: int = 0
    lose: float = 0.0
    repeat: float = 0.0
    copies: int = 1
    late: float = 0.0
    late_s: float = 86_400.0

    def __post_init__(self) -> None:
        """Refuses chances that are none."""
        if any(not 0 <= chance <= 1 for chance in (self.lose, self.repeat, self.late)):
            raise ValueError("lose, repeat, late: từ 0 đến 1")
        if not 0 <= self.copies <= 1_000 or not 0 <= self.late_s <= 10**9:
            raise ValueError("copies: từ 0 đến 1000; late_s: từ 0 đến 1000000000")


@dataclass(slots=True)
class Teller:
    """Hands events on to the carriers' voices. `lost` counts what nobody will ever be told."""

    voices: Mapping[str, Voice]
    delivery: Delivery = Delivery()
    lost: int = 0
    held: list[tuple[Parcel, Event]] = field(default_factory=list)
    _late: list[tuple[datetime, int, Parcel, Event]] = field(default_factory=list)
    _chance: random.Random = field(default_factory=lambda: random.Random(0))

    def travel(self, delivery: Delivery) -> None:
        """Let tellings travel so from now on; what is held stays held."""
        self.delivery, self._chance = delivery, random.Random(delivery.seed)

    def hear(self, parcel: Parcel, event: Event) -> None:
        """This happened just now."""
        lost, late = self._chance.random() < self.delivery.lose, self._chance.random() < self.delivery.late
        wait_s = parcel.script.late_s.get(event.happening, 0.0)
        if late:
            wait_s += self._chance.random() * self.delivery.late_s
        if lost or event.happening in parcel.script.lose:
            self.lost += 1
        elif wait_s > 0:
            due = event.at + timedelta(seconds=wait_s)
            heapq.heappush(self._late, (due, event.number, parcel, event))
        else:
            self._told(parcel, event, event.at)

    def due(self, until: datetime) -> None:
        """Tell what is late and has become due."""
        while self._late and self._late[0][0] <= until:
            at, _, parcel, event = heapq.heappop(self._late)
            self._told(parcel, event, at)

    def next_due(self) -> datetime | None:
        """When something late will be told."""
        return self._late[0][0] if self._late else None

    def release(self, order: str, seed: int, at: datetime) -> int:
        """Tell what is held: as_made, reversed or shuffled (from `seed`); how much it was."""
        held, self.held = self.held, []
        if order == "reversed":
            held.reverse()
        elif order == "shuffled":
            random.Random(seed).shuffle(held)
        for parcel, event in held:
            self._said(parcel, event, at)
        return len(held)

    def forget(self) -> None:
        """Lose everything that nobody was told yet."""
        self.held.clear()
        self._late.clear()
        self.lost = 0

    def _told(self, parcel: Parcel, event: Event, at: datetime) -> None:
        if self.delivery.hold:
            self.held.append((parcel, event))
        elif not parcel.script.reorder:
            self._said(parcel, event, at)
        elif parcel.untold:
            self._said(parcel, event, at)
            self._said(parcel, parcel.untold.pop(), at)
        elif parcel.plan:
            parcel.untold.append(event)
        else:
            self._said(parcel, event, at)

    def _said(self, parcel: Parcel, event: Event, at: datetime) -> None:
        copies = 1 + parcel.script.repeat
        if self._chance.random() < self.delivery.repeat:
            copies += self.delivery.copies
        for _ in range(copies):
            if self.voices[parcel.house].tell(parcel, event, at):
                parcel.told += 1
