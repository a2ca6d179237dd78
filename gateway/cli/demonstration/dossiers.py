"""Dossiers that a play brings along beside the cast: of yesterday, of one invented person, told by the resolution system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.clock import LOCAL_ZONE
from mappings.tables import TableRow

_ACTOR = {"name": "Trần Văn Mẫu", "title": "Chuyên viên", "unit": "Bộ phận Một cửa"}


def received_at(hour: int, minute: int) -> datetime:
    """When a dossier was received: at that time of yesterday in Viet Nam."""
    yesterday = datetime.now(LOCAL_ZONE).replace(hour=hour, minute=minute, second=0, microsecond=0) - timedelta(days=1)
    return yesterday.astimezone(UTC)


def code_of(received: datetime, number: int) -> str:
    """The code of a dossier that was received then."""
    return f"000.00.00.G16-{received.astimezone(LOCAL_ZONE):%y%m%d}-{number}"


def dossier(code: str, row: TableRow, received: datetime, applicant: str, **other: object) -> dict[str, object]:
    """The snapshot of a dossier of the procedure in `row`; `other` are the members in which it differs from others."""
    return {
        "schema_version": "1",
        "dossier_code": code,
        "version": 1,
        "procedure": {name: row[name] for name in ("code", "national_code", "name", "field_code", "field_name")},
        "agency": {"code": "000.00.01.G16", "name": row["agency"], "handling_unit": row["agency"]},
        "applicant": {
            "kind": "citizen",
            "name": applicant,
            "id": {"type": "cccd", "number": "001090000000"},
            "phone": "0900000000",
            "email": "",
        },
        "summary": f"Đề nghị giải quyết: {row['name']}",
        "state": "submitted",
        "outcome": "none",
        "times": {
            "submitted_at": written(received - timedelta(hours=1)),
            "received_at": written(received),
            "due_at": written(received + timedelta(days=int(row["days"]))),
        },
        **other,
    }


def own_event(code: str, state: str, at: datetime, content: str, **other: object) -> dict[str, object]:
    """An event of the resolution system's own; `other` are the members in which it differs from others."""
    return {
        "dossier_code": code,
        "occurred_at": written(at),
        "state": state,
        "outcome": "none",
        "step": {"actor": _ACTOR, "content": content},
        **other,
    }


def written(moment: datetime) -> str:
    """A moment as systems here write it."""
    return moment.astimezone(LOCAL_ZONE).isoformat(timespec="seconds")
