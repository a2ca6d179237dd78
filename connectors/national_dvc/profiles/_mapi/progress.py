"""Canonical to portal, pure: the append-only progress rows of one event for `CapNhatTienDoHoSoMC`.

Nothing identifies a row at the portal, so a repeat doubles history (national-portal facts 2.7): what was acknowledged
is told to this module and never written again. Field by field: dossier-model facts 5, last rows.
"""

from __future__ import annotations

from datetime import datetime

from connectors.national_dvc.profiles._mapi.messages import MAX_OFFICER, DongTienDo
from connectors.national_dvc.profiles._mapi.rules import FINISHED, RECEIVED, RETURNED, Draft, Rules
from mappings.canonical import Carried
from mappings.codes import Outcome
from mappings.dates import to_portal_time
from mappings.text import nfc, shorten


def map_rows(carried: Carried, rules: Rules, acknowledged: frozenset[str] = frozenset()) -> tuple[DongTienDo, ...]:
    """The event's own row, and the rows "2" and "9" that the on-time indicator needs; raises `CannotMap`.

    `acknowledged` are the statuses of which the portal holds a row already: none of those is made up again. A
    predecessor that arrived after its gap was skipped adds its own row and nothing else (dossier-model facts 4.3).
    """
    draft = Draft(carried, rules)
    status = draft.status()
    own = _own_row(draft, status)
    extra = _missing_rows(draft, status, acknowledged) if carried.state_applies and status else []
    draft.refuse_if_faulty()
    return (*extra, own)


def _own_row(draft: Draft, status: str) -> DongTienDo:
    event = draft.carried.event
    step = event.step
    content = _content(draft)
    return DongTienDo(
        MaHoSo=draft.demand(event.dossier_code, "missing_dossier_code", "/event/dossier_code", "thiếu mã hồ sơ"),
        NguoiXuLy=_officer(
            draft.demand(
                step.actor.name.strip() or draft.rules.officer_placeholder,
                "missing_officer",
                "/event/step/actor/name",
                "thiếu tên người xử lý",
            )
        ),
        ThoiDiemXuLy=to_portal_time(event.occurred_at),
        NoiDungXuLy=content,
        TrangThai=status,
        ChucDanh=nfc(step.actor.title),
        PhongBanXuLy=nfc(step.actor.unit),
        NgayBatDau=to_portal_time(step.started_at),
        NgayKetThucTheoQuyDinh=to_portal_time(step.due_at),
    )


def _content(draft: Draft) -> str:
    """What was done, what papers are asked for, and why: a refusal or a supplement must say so (QĐ 3036 Điều 4.5, 8.2).

    Supplements travel in these rows only, as `DanhSachHoSoBoSung` is filled by no known client (facts 2.6.3).
    """
    event = draft.carried.event
    told = [nfc(event.step.content).strip()]
    if event.supplement is not None:
        told.append(_labelled("Yêu cầu bổ sung", event.supplement.content, told))
    if event.reason is not None:
        told.append(_labelled("Lý do", event.reason.text_vi, told))
    parts = [part for part in told if part]
    text = ". ".join([*(part.rstrip(".") for part in parts[:-1]), *parts[-1:]])
    return draft.demand(
        text or draft.rules.content_placeholder, "missing_step_content", "/event/step/content", "thiếu nội dung xử lý"
    )


def _labelled(label: str, text: str, told: list[str]) -> str:
    """The text under its label, unless one of those before ends in the same words."""
    text = nfc(text).strip()
    known = any(said.rstrip(".").endswith(text.rstrip(".")) for said in told)
    return f"{label}: {text}" if text and not known else ""


def _officer(name: str) -> str:
    return shorten(nfc(name), MAX_OFFICER, MAX_OFFICER - 4)


def _missing_rows(draft: Draft, status: str, acknowledged: frozenset[str]) -> list[DongTienDo]:
    """Rows that no event reported but that the portal's formula reads (facts 2.7 and 5.3)."""
    event, dossier = draft.carried.event, draft.carried.dossier
    received, resolved = dossier.times.received_at, dossier.times.resolved_at
    rows = []
    past_reception = received is not None and status not in ("1", RECEIVED, "3") and received <= event.occurred_at
    wanted = frozenset(draft.rules.added_rows) - acknowledged
    if past_reception and RECEIVED in wanted:
        rows.append(_made_row(draft, RECEIVED, received, ("Tiếp nhận hồ sơ", draft.rules.reception_officer)))
    refused = Outcome.REFUSED in (event.outcome, dossier.outcome) and draft.rules.refused_state != FINISHED
    finished = resolved is not None and status == RETURNED and resolved <= event.occurred_at and not refused
    if finished and FINISHED in wanted:
        rows.append(
            _made_row(
                draft,
                FINISHED,
                resolved,
                ("Đã có kết quả giải quyết", dossier.agency.handling_unit or dossier.agency.name),
            )
        )
    return rows


def _made_row(draft: Draft, status: str, at: datetime | None, said: tuple[str, str]) -> DongTienDo:
    content, officer = said
    return DongTienDo(
        MaHoSo=draft.carried.event.dossier_code,
        NguoiXuLy=_officer(
            draft.demand(
                officer, "missing_officer", "/dossier/agency/name", f"thiếu người xử lý cho dòng tiến độ {status}"
            )
        ),
        ThoiDiemXuLy=to_portal_time(at),
        NoiDungXuLy=content,
        TrangThai=status,
    )
