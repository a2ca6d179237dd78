"""The ledger of loans: a toy is out or it is back, and what must be done about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from connectors.kit.contract import DeliverTask, Effect, ProposeChange, RaiseAlarm, TellFeed


class Loan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a loan stands; `at` is when its toy went out, in the library's own time."""

    out: bool = False
    toy: str = ""
    lent: int = 0
    returned: int = 0
    at: int = 0
    reminded: int = 0


class Moved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What changes it; `at` is a place in the library's own time, for changes that come late.

    `reminded` is what the library's answer to a reminder teaches.
    """

    what: Literal["lent", "returned", "lost", "reminded"]
    toy: str
    at: int = 0


class Loans:
    """The ledger. `reminded_by` is another library that reminds in the place of this one."""

    kind = "loans"
    state_type = Loan
    change_type = Moved

    def __init__(self, reminded_by: str = "") -> None:
        self._reminded_by = reminded_by

    def elsewhere(self) -> Sequence[tuple[str, str]]:
        """What it may ask of another library."""
        return ((self._reminded_by, "remind"),) if self._reminded_by else ()

    def marks(self, state: Loan) -> Sequence[str]:
        """What is out is found by the moment when it went out."""
        return (f"out/{state.at:06d}",) if state.out else ()

    def apply(self, state: Loan | None, change: Moved) -> tuple[Loan, Sequence[Effect]]:
        """Lending sends a reminder; the return of what was out proposes a change; a loss is an alarm."""
        now = state or Loan()
        if change.what == "reminded":
            return msgspec.structs.replace(now, reminded=now.reminded + 1), []
        if change.what == "lent":
            after = msgspec.structs.replace(now, out=True, toy=change.toy, lent=now.lent + 1, at=change.at)
            return after, [DeliverTask("remind", {"toy": change.toy, "turn": after.lent}, to=self._reminded_by)]
        if change.what == "returned":
            after = msgspec.structs.replace(now, out=False, returned=now.returned + 1)
            if not now.out:
                return after, []
            return after, [
                ProposeChange("toy_returned", {"toy": now.toy}),
                TellFeed("toy.returned", {"turn": str(after.returned)}),
            ]
        return now, [RaiseAlarm("toy.lost", "Một món đồ chơi đã bị mất.")]
