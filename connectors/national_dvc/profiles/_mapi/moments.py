"""The dates of a dossier at the portal: what the snapshot says, else what an event of this lane has witnessed.

The portal replaces the whole dossier with each status (national-portal facts 2.6), so a date that one event brought must
be said again with every later one, although the snapshot need not know it: a due date that moved would jump back, and
the portal would score the dossier late (5.3). Such dates are kept in the lane's memory, as portal times:

    received_at   when an event reported the reception, where the snapshot had no such time
    resolved_at   the same of the resolution
    due_at        the due date that an event set last
    due_stated    the due date of the snapshot at that moment: once the snapshot says another one, it is newer and holds
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.national_dvc.profiles._mapi.rules import FINISHED, RECEIVED, RETURNED, Draft
from mappings.canonical import Carried, DossierTimes
from mappings.codes import DossierStatus
from mappings.dates import to_portal_time

RECEIVED_AT, RESOLVED_AT, DUE_AT, DUE_STATED = "received_at", "resolved_at", "due_at", "due_stated"
DATES = ("NgayNopHoSo", "NgayTiepNhan", "NgayHenTra", "NgayKetThucXuLy", "NgayTra", "NgayTuChoi")

# Only states that say "was received" demand a reception time: 1 and 3 come before it, 5 to 8 may (facts 3.1).
_NEEDS_RECEPTION = frozenset({RECEIVED, "4", FINISHED, RETURNED})
_ENDED = frozenset({"3", "7", "8", FINISHED, RETURNED})


def moments(draft: Draft, status: str) -> dict[str, str]:
    """The dates for `HoSo`; an event is itself the witness of the step it reports, and of no other."""
    if draft.said is not None:
        return {name: draft.said.get(name, "") for name in DATES}
    event, times = draft.carried.event, draft.carried.dossier.times
    received = _received(draft.carried, status, draft.memory)
    if not received and status in _NEEDS_RECEPTION:
        draft.fault("missing_received_at", "/dossier/times/received_at", "thiếu ngày tiếp nhận")
    if times.submitted_at is None and draft.rules.mandatory_2023:
        draft.fault("missing_submitted_at", "/dossier/times/submitted_at", "thiếu ngày nộp hồ sơ")
    returned = (times.returned_at or event.occurred_at) if status == RETURNED else None
    return {
        "NgayNopHoSo": to_portal_time(times.submitted_at),
        "NgayTiepNhan": received,
        "NgayHenTra": _due(draft.carried, draft.memory),
        "NgayKetThucXuLy": _ended(draft.carried, status, draft.memory) if status in _ENDED else "",
        "NgayTra": to_portal_time(returned),
        "NgayTuChoi": to_portal_time(event.occurred_at if status == "3" else None),
    }


def witnessed(carried: Carried, status: str, memory: Mapping[str, str]) -> dict[str, str]:
    """What the lane remembers of the dates once the portal acknowledged this status."""
    event, times = carried.event, carried.dossier.times
    kept: dict[str, str] = {}
    if status == RECEIVED and times.received_at is None:
        kept[RECEIVED_AT] = to_portal_time(event.occurred_at)
    if status == FINISHED and times.resolved_at is None:
        kept[RESOLVED_AT] = to_portal_time(event.occurred_at)
    elif status not in (FINISHED, RETURNED) and memory.get(RESOLVED_AT):
        # Work goes on again: what was resolved then is not the end.
        kept[RESOLVED_AT] = ""
    if event.new_due_at is not None:
        kept[DUE_AT], kept[DUE_STATED] = to_portal_time(event.new_due_at), _stated_due(times)
    return kept


def _received(carried: Carried, status: str, memory: Mapping[str, str]) -> str:
    event, times = carried.event, carried.dossier.times
    own = event.occurred_at if status == RECEIVED else None
    return to_portal_time(times.received_at or own) or memory.get(RECEIVED_AT, "")


def _due(carried: Carried, memory: Mapping[str, str]) -> str:
    event, stated = carried.event, _stated_due(carried.dossier.times)
    if event.new_due_at is not None:
        return to_portal_time(event.new_due_at)
    moved = memory.get(DUE_AT, "")
    return moved if moved and memory.get(DUE_STATED, "") == stated else stated


def _stated_due(times: DossierTimes) -> str:
    return to_portal_time(times.extended_due_at or times.due_at)


def _ended(carried: Carried, status: str, memory: Mapping[str, str]) -> str:
    """When processing ended; where nobody says, at the event that reports the end."""
    event, times = carried.event, carried.dossier.times
    if status == RETURNED:
        resolved = to_portal_time(times.resolved_at) or memory.get(RESOLVED_AT, "")
        return resolved or to_portal_time(times.returned_at or event.occurred_at)
    # By the state and not by the code: a refused case may go out as 8 and was resolved all the same.
    stated: Mapping[DossierStatus, datetime | None] = {
        DossierStatus.WITHDRAWAL_REQUESTED: times.withdrawn_at,
        DossierStatus.STOPPED: times.stopped_at,
        DossierStatus.RESOLVED: times.resolved_at,
    }
    return to_portal_time(stated.get(event.state) or event.occurred_at)
