"""The ledger of money that postmen collected: one day of one carrier, parcel by parcel, with what was paid over since. Pure.

It repeats what the ledgers of the parcels say, in codes and sums, so that a report needs to open nobody's parcel. Not sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.kit.contract import Effect, RaiseAlarm, TellFeed
from connectors.kit.settlement.state import Kinds
from connectors.postal.model import CodLine, CodState

COD_DAYS = "cod_days"
"""The kind of this ledger; its id is `<carrier>-<yyyymmdd>`, the day of Viet Nam on which the money was collected."""

STALE = "stale/"
"""What the marks begin with of days on which a statement has spoken of a parcel since it was read."""

COD = Kinds("cod_statements", "cod_parts", "postal")
"""What the two ledgers of statements are called: `connectors.kit.settlement`."""


class CodParcel(msgspec.Struct, frozen=True, kw_only=True):
    """The money of one parcel, in đồng. `over`: nothing more of it is waited for. `paid_at`: when it was last paid for."""

    shipment_id: str
    order_number: str
    item_code: str
    dossier_code: str
    due: int
    collected: int
    collected_at: datetime
    paid_over: int
    state: CodState
    over: bool
    lines: tuple[CodLine, ...] = ()
    paid_at: datetime | None = None
    decision: str = ""


class CodDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day. `stale` are parcels that a statement has spoken of since they were read; `late_since`: money is overdue."""

    carrier: str
    day: str
    parcels: tuple[CodParcel, ...] = ()
    stale: tuple[str, ...] = ()
    looked_at: datetime | None = None
    late_since: datetime | None = None

    @property
    def open(self) -> tuple[CodParcel, ...]:
        """Those whose money is still waited for."""
        return tuple(one for one in self.parcels if not one.over)


class ParcelsLooked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="looked"):
    """Parcels as their ledgers say now; `gone` were collected on another day after all. `late`: money is to be here by now."""

    at: datetime
    carrier: str
    day: str
    parcels: tuple[CodParcel, ...] = ()
    gone: tuple[str, ...] = ()
    late: bool = False


class ParcelsTouched(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="touched"):
    """A statement spoke of these parcels: they are read again."""

    at: datetime
    carrier: str
    day: str
    shipment_ids: tuple[str, ...]


CodDayChange = ParcelsLooked | ParcelsTouched
"""Every input of the ledger."""


class CodDays:
    """One day of one carrier."""

    kind = COD_DAYS
    state_type = CodDay
    change_type: Any = CodDayChange  # a union, which the type system does not take for a type

    def apply(self, state: CodDay | None, change: CodDayChange) -> tuple[CodDay, Sequence[Effect]]:
        """See `connectors.kit.contract.Ledger`."""
        before = state or CodDay(carrier=change.carrier, day=change.day)
        match change:
            case ParcelsTouched():
                stale = tuple(dict.fromkeys((*before.stale, *change.shipment_ids)))
                return msgspec.structs.replace(before, stale=stale), ()
            case ParcelsLooked():
                return self._looked(before, change)

    def marks(self, state: CodDay) -> Sequence[str]:
        """A day is found by its date; so are those of which parcels have to be read again."""
        stale = (f"{STALE}{state.day}/{state.carrier}",) if state.stale else ()
        return (f"day/{state.day}/{state.carrier}", *stale)

    def _looked(self, before: CodDay, change: ParcelsLooked) -> tuple[CodDay, Sequence[Effect]]:
        read = {one.shipment_id: one for one in change.parcels}
        parcels = {one.shipment_id: one for one in before.parcels} | read
        for gone in change.gone:
            parcels.pop(gone, None)
        seen = {*read, *change.gone}
        after = msgspec.structs.replace(
            before,
            parcels=tuple(sorted(parcels.values(), key=lambda one: (one.order_number, one.shipment_id))),
            stale=tuple(one for one in before.stale if one not in seen),
            looked_at=change.at,
        )
        effects: list[Effect] = []
        if before.open and not after.open and after.parcels:
            effects.append(TellFeed("postal.cod_day_paid", _facts(after)))
        if change.late and after.open and before.late_since is None:
            after = msgspec.structs.replace(after, late_since=change.at)
            owed = sum(max(0, one.collected - one.paid_over) for one in after.open)
            effects.append(
                RaiseAlarm(
                    "postal.cod_overdue",
                    f"{after.carrier}, tiền thu hộ ngày {after.day}: {len(after.open)} bưu gửi chưa được trả đủ, còn {owed} "
                    "đồng, đã quá hạn.",
                )
            )
        if not after.open:
            after = msgspec.structs.replace(after, late_since=None)
        return after, effects


def cod_day_id(carrier: str, day: str) -> str:
    """The id of a day: `vnpost-20261122`."""
    return f"{carrier}-{day}"


def sums_of(parcels: Iterable[CodParcel]) -> tuple[int, int, int, int]:
    """How many parcels, and what was due, collected and paid over for them."""
    found = tuple(parcels)
    return (
        len(found),
        sum(one.due for one in found),
        sum(one.collected for one in found),
        sum(one.paid_over for one in found),
    )


def _facts(state: CodDay) -> dict[str, str]:
    count, due, collected, paid_over = sums_of(state.parcels)
    return {
        "carrier": state.carrier,
        "day": state.day,
        "parcels": str(count),
        "due": str(due),
        "collected": str(collected),
        "paid_over": str(paid_over),
    }
