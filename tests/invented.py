"""Accepted events of invented dossiers, for tests that look at the carrying and not at what is carried."""

from __future__ import annotations

from datetime import datetime

from mappings.canonical import Actor, Agency, Carried, Dossier, Party, Procedure, StatusEvent, Step
from mappings.codes import DossierStatus, Origin, PartyKind


def accepted_event(dossier: str, sequence: int, at: datetime) -> Carried:
    """An accepted event of an invented dossier."""
    event = StatusEvent(
        event_id=f"{dossier}-{sequence}",
        system_code="SEC-DEMO",
        dossier_code=dossier,
        sequence=sequence,
        occurred_at=at,
        state=DossierStatus.PROCESSING,
        step=Step(Actor("Cán bộ thử nghiệm"), "Xử lý hồ sơ"),
    )
    snapshot = Dossier(
        dossier_code=dossier,
        version=1,
        origin=Origin.DIRECT,
        procedure=Procedure("1.003490", "1.003490", "Thủ tục thử nghiệm"),
        agency=Agency("G18", "Bộ Văn hóa, Thể thao và Du lịch"),
        applicant=Party(PartyKind.CITIZEN, "Nguyễn Thử Nghiệm"),
        state=DossierStatus.PROCESSING,
    )
    return Carried(event=event, dossier=snapshot)
