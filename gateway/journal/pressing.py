"""Who goes first: the dossier whose legal day is nearest, every fourth time whoever has waited longest (decision 0031)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

EVERY = 4
"""One lane of so many is taken by age alone: nobody waits more than so many times as long as in the plain order of age."""
NO_DAY = 999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VIET_NAM = timedelta(hours=7)


def legal_day(due: datetime | None) -> int:
    """The day of a due date in Viet Nam, in days since 1970; without one the day after all others. SQL says the same."""
    return NO_DAY if due is None else (due - _EPOCH + _VIET_NAM) // timedelta(days=1)


def first(pressing: Sequence[T], oldest: Sequence[T], limit: int, by_age: int) -> list[T]:
    """`limit` of what is ready: the most pressing, but for `by_age` of them, which are the oldest of the others."""
    chosen = list(pressing[: max(limit - by_age, 0)])
    return chosen + [one for one in oldest if one not in chosen][: limit - len(chosen)]


class Shares:
    """Counts the lanes that were served, so that a claim knows how many of its lanes are chosen by age.

    Each process counts for itself, from its start: every node keeps the share.
    """

    def __init__(self) -> None:
        self._served: dict[str, int] = {}

    def by_age(self, upstream: str, limit: int) -> int:
        """How many of the next `limit` lanes are taken by age."""
        served = self._served.get(upstream, 0)
        return (served + limit) // EVERY - served // EVERY

    def served(self, upstream: str, lanes: int) -> None:
        """So many lanes were claimed."""
        self._served[upstream] = self._served.get(upstream, 0) + lanes
