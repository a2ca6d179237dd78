"""Lies by order: what a simulator says wrongly when its control plane tells it to, and how often.

    PUT /_simulator/lies    {"orders": [{"lie": "…", "times": 1, "provider": "…"}]}

replaces every earlier order; `times` 0 never wears out, an empty `provider` means whichever speaks next. Which lies there are
each simulator says itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

L = TypeVar("L", bound=StrEnum)


class LieOrder(msgspec.Struct, Generic[L], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Tell `lie` the next `times` times that there is an occasion; 0: always."""

    lie: L
    times: int = 1
    provider: str = ""


class LieOrders(msgspec.Struct, Generic[L], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All lies that are told from now on."""

    orders: tuple[LieOrder[L], ...] = ()


@dataclass(slots=True)
class _Standing(Generic[L]):
    order: LieOrder[L]
    left: int


@dataclass(slots=True)
class Lies(Generic[L]):
    """The lies that stand, each until it wears out."""

    standing: list[_Standing[L]] = field(default_factory=list)

    def replace(self, orders: LieOrders[L]) -> None:
        """Forget the old orders and take these."""
        self.standing = [_Standing(order, order.times) for order in orders.orders]

    def shown(self) -> list[dict[str, object]]:
        """What stands, for the control plane; `left` 0 of an order with `times` 0 means for ever."""
        return [
            {"lie": one.order.lie, "provider": one.order.provider, "times": one.order.times, "left": one.left}
            for one in self.standing
        ]

    def tells(self, lie: L, provider: str) -> bool:
        """Whether to tell this lie now; counts as told."""
        return self.one_of((lie,), provider) is not None

    def one_of(self, lies: Collection[L], provider: str) -> L | None:
        """The first of these that is to be told now; counts as told."""
        for one in self.standing:
            if one.order.lie not in lies or one.order.provider not in ("", provider):
                continue
            if one.order.times == 0:
                return one.order.lie
            if one.left > 0:
                one.left -= 1
                return one.order.lie
        return None
