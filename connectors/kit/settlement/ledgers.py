"""The ledgers of settlement: files of a day and their sums, differences and what became of them. Pure.

A file replaces the result of an earlier one only when all of it is settled; a bad one replaces nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.kit.ledgers import Effect, RaiseAlarm, TellFeed
from connectors.kit.settlement.state import (
    Difference,
    DifferenceClosed,
    FileMissing,
    FileReceived,
    FileRefused,
    FileState,
    FileTaken,
    HeadChange,
    Kinds,
    Part,
    PartChange,
    PartCounted,
    PartMatched,
    Reviewed,
    Settlement,
)
from mappings.settlement_sums import Sums, add, open_outcomes

BY_PERSON = "by_person"
"""How a difference was closed that an operator signed for."""

_KEPT_FILES = 50


def may_take(settlement: Settlement | None, sha256: str, seq: int) -> str:
    """Whether a good file may be settled: "" yes, `known` where it was, `not_newer` where one of no lower number stands."""
    if settlement is None:
        return ""
    known = settlement.file(sha256)
    if known is not None and known.state in ("settled", "superseded"):
        return "known"
    newest = max((one.seq for one in settlement.files if one.state in ("settled", "superseded")), default=-1)
    return "" if seq > newest else "not_newer"


class SettlementLedger:
    """One day of one sender."""

    state_type = Settlement
    change_type: Any = HeadChange  # a union, which the type system does not take for a type

    def __init__(self, kinds: Kinds) -> None:
        self.kind, self._codes = kinds.heads, kinds.codes

    def apply(self, state: Settlement | None, change: HeadChange) -> tuple[Settlement, Sequence[Effect]]:
        """See `connectors.kit.contract.Ledger`. A change that comes too late to mean anything changes nothing."""
        match change:
            case FileReceived():
                return self._received(_head(state, change), change), ()
            case FileTaken():
                return self._taken(_head(state, change), change), ()
            case FileRefused():
                return self._refused(_head(state, change), change)
            case FileMissing():
                return self._missing(_head(state, change), change)
            case PartCounted():
                return self._counted(state or Settlement(provider="", business_date=""), change)

    def marks(self, state: Settlement) -> Sequence[str]:
        """A settlement is found by its day and by its sender."""
        return (f"day/{state.business_date}/{state.provider}",) if state.business_date else ()

    def _received(self, state: Settlement, change: FileReceived) -> Settlement:
        known = state.file(change.sha256)
        if known is not None and known.state != "refused":
            return state
        received = FileState(
            sha256=change.sha256,
            name=change.name,
            seq=change.seq,
            state="received",
            at=change.at,
            rows=change.rows,
            by=change.by,
        )
        return msgspec.structs.replace(state, files=_with(state.files, received))

    def _taken(self, state: Settlement, change: FileTaken) -> Settlement:
        if may_take(state, change.sha256, change.seq):
            return state
        taken = FileState(
            sha256=change.sha256,
            name=change.name,
            seq=change.seq,
            state="settling",
            at=change.at,
            rows=change.rows,
            parts=change.parts,
            figures=change.figures,
            by=_by(state, change.sha256),
        )
        return msgspec.structs.replace(
            state, files=_with(state.files, taken), under_way=change.sha256, parts_done=0, building=Sums()
        )

    def _refused(self, state: Settlement, change: FileRefused) -> tuple[Settlement, Sequence[Effect]]:
        known = state.file(change.sha256)
        if known is not None and known.state in ("settled", "superseded"):
            return state, ()
        refused = FileState(
            sha256=change.sha256,
            name=change.name,
            seq=change.seq,
            state="refused",
            at=change.at,
            faults=change.faults,
            ended_at=change.at,
            by=_by(state, change.sha256),
        )
        codes = ", ".join(dict.fromkeys(fault.code for fault in change.faults))
        alarm = RaiseAlarm(f"{self._codes}.statement_bad", f"Tệp đối soát {_shown(change.name)} bị từ chối ({codes}).")
        facts = {"provider": change.provider, "business_date": change.business_date, "codes": codes}
        after = msgspec.structs.replace(state, files=_with(state.files, refused))
        if state.under_way == change.sha256:
            after = msgspec.structs.replace(after, under_way="", parts_done=0, building=Sums())
        return after, (alarm, TellFeed(f"{self._codes}.statement_refused", facts))

    def _missing(self, state: Settlement, change: FileMissing) -> tuple[Settlement, Sequence[Effect]]:
        if state.current or state.missing_since is not None:
            return state, ()
        alarm = RaiseAlarm(
            f"{self._codes}.statement_missing",
            f"Chưa có tệp đối soát ngày {change.business_date} của {change.provider} sau 2 ngày làm việc.",
        )
        return msgspec.structs.replace(state, missing_since=change.at), (alarm,)

    def _counted(self, state: Settlement, change: PartCounted) -> tuple[Settlement, Sequence[Effect]]:
        file = state.file(change.sha256)
        if file is None or state.under_way != change.sha256 or change.number != state.parts_done:
            return state, ()
        building, done = add(state.building, change.sums), state.parts_done + 1
        if done < file.parts:
            return msgspec.structs.replace(state, building=building, parts_done=done), ()
        settled = msgspec.structs.replace(file, state="settled", ended_at=change.at)
        files = tuple(
            msgspec.structs.replace(one, state="superseded") if one.sha256 == state.current else one
            for one in _with(state.files, settled)
        )
        after = msgspec.structs.replace(
            state,
            files=files,
            current=change.sha256,
            sums=building,
            under_way="",
            parts_done=0,
            building=Sums(),
        )
        return after, _told(after, self._codes)


class PartLedger:
    """One part of a settled file."""

    state_type = Part
    change_type: Any = PartChange  # as above

    def __init__(self, kinds: Kinds) -> None:
        self.kind, self._codes = kinds.parts, kinds.codes

    def apply(self, state: Part | None, change: PartChange) -> tuple[Part, Sequence[Effect]]:
        """See `connectors.kit.contract.Ledger`."""
        match change:
            case PartMatched():
                return _part(change), ()
            case Reviewed() | DifferenceClosed() if state is None:
                return Part(provider="", business_date="", sha256="", number=0, at=change.at), ()
            case Reviewed():
                return self._reviewed(state, change)
            case DifferenceClosed():
                return self._closed(state, change)

    def marks(self, state: Part) -> Sequence[str]:
        """What has open differences is found by its day."""
        return (f"open/{state.business_date}",) if any(not one.closed for one in state.differences) else ()

    def _closed(self, state: Part, change: DifferenceClosed) -> tuple[Part, Sequence[Effect]]:
        differences = list(state.differences)
        if not 0 <= change.place < len(differences) or differences[change.place].closed:
            return state, ()
        differences[change.place] = msgspec.structs.replace(
            differences[change.place], closed=BY_PERSON, closed_at=change.at, closed_by=change.decided_by
        )
        return msgspec.structs.replace(state, differences=tuple(differences)), ()

    def _reviewed(self, state: Part, change: Reviewed) -> tuple[Part, Sequence[Effect]]:
        differences, closed = list(state.differences), dict(change.closed)
        late = 0
        for place, one in enumerate(differences):
            if one.closed:
                continue
            if place in closed:
                differences[place] = msgspec.structs.replace(one, closed=closed[place], closed_at=change.at)
            elif place in change.overdue and not one.overdue:
                differences[place] = msgspec.structs.replace(one, overdue=True)
                late += 1
        effects: tuple[Effect, ...] = ()
        if late:
            effects = (
                RaiseAlarm(
                    f"{self._codes}.settlement_overdue",
                    f"{state.provider} {state.business_date}: {late} khoản cổng đã ghi nhận nhưng sao kê không có sau "
                    "2 ngày làm việc; giữ lại, chưa chuyển kho bạc.",
                ),
            )
        return msgspec.structs.replace(state, differences=tuple(differences)), effects


def _part(change: PartMatched) -> Part:
    closed = dict(change.closed)
    return Part(
        provider=change.provider,
        business_date=change.business_date,
        sha256=change.sha256,
        number=change.number,
        at=change.at,
        differences=tuple(
            Difference(
                pairing=pairing,
                closed=closed.get(place, ""),
                closed_at=change.at if place in closed else None,
            )
            for place, pairing in enumerate(change.differences)
        ),
        places=change.places,
        lines=change.lines,
    )


def _by(state: Settlement, sha256: str) -> str:
    """Who sent the file."""
    known = state.file(sha256)
    return known.by if known is not None else ""


def _head(state: Settlement | None, change: FileReceived | FileTaken | FileRefused | FileMissing) -> Settlement:
    return state or Settlement(provider=change.provider, business_date=change.business_date)


def _with(files: tuple[FileState, ...], file: FileState) -> tuple[FileState, ...]:
    """The files with one more, or with one as it is now. Of too many the oldest refused ones go first, replaced ones last.

    What stands, and the number that a newer file must exceed, outlast however many bad files come.
    """
    kept = [*(one for one in files if one.sha256 != file.sha256), file]
    for state in ("refused", "received", "superseded"):
        surplus = max(0, len(kept) - _KEPT_FILES)
        gone = [one for one in kept if one.state == state and one is not file][:surplus]
        kept = [one for one in kept if one not in gone]
    return tuple(kept)


def _told(state: Settlement, codes: str) -> Sequence[Effect]:
    """What people and programs hear when a day is settled."""
    count, found = open_outcomes(state.sums), [*state.sums.pay.values(), *state.sums.back.values()]
    facts = {
        "provider": state.provider,
        "business_date": state.business_date,
        "rows": str(sum(one.count for one in found)),
        "differences": str(count),
        "theirs": str(sum(one.theirs for one in state.sums.pay.values())),
        "ours": str(sum(one.ours for one in state.sums.pay.values())),
    }
    told = TellFeed(f"{codes}.settled", facts)
    if not count:
        return (told,)
    alarm = RaiseAlarm(
        f"{codes}.settlement_differences",
        f"Đối soát {state.provider} ngày {state.business_date}: {count} khoản chênh lệch cần xem.",
    )
    return told, alarm


def _shown(name: str) -> str:
    """A file's name as it may be shown."""
    return "".join(letter for letter in name if letter.isascii() and letter.isprintable())[:120]
