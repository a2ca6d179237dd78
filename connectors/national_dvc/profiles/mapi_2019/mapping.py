"""Canonical to portal, pure: a dossier for DongBoHoSoMC as the generation of 2019 wants it."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.national_dvc.profiles._mapi.mapping import (
    Mapped,
    account_of,
    any_digital,
    begin,
    channel_of,
    fees,
    file_of,
    identities,
    linked,
    paid_online,
    people,
    results,
    subject,
)
from connectors.national_dvc.profiles._mapi.messages import ThuTuc
from connectors.national_dvc.profiles._mapi.moments import moments
from connectors.national_dvc.profiles._mapi.rules import Draft, Rules
from connectors.national_dvc.profiles.mapi_2019.messages import HoSo
from mappings.canonical import Carried


def map_dossier(
    carried: Carried, rules: Rules, procedure: ThuTuc | None = None, memory: Mapping[str, str] | None = None
) -> Mapped[HoSo]:
    """The full dossier as it stood at the event; raises `CannotMap` with every finding.

    `procedure` is what the catalogue says, needed only where the snapshot lacks names; one without code says that the
    catalogue does not list it. `memory` is that of the lane: its `state` is the status that was acknowledged last, and
    it holds the dates that events brought (`moments`).
    """
    return _mapped(Draft(carried, rules, memory or {}), procedure)


def map_results(carried: Carried, rules: Rules, procedure: ThuTuc | None, said: Mapping[str, str]) -> Mapped[HoSo]:
    """The dossier with the results that may be shown; `said` are status and dates as they were acknowledged last."""
    return _mapped(Draft(carried, rules, said=said), procedure)


def _mapped(draft: Draft, procedure: ThuTuc | None) -> Mapped[HoSo]:
    status, channel = begin(draft), channel_of(draft)
    dossier = HoSo(
        **subject(draft, procedure),
        SoGiayToChuHoSo=_identity_number(draft),
        **people(draft),
        **moments(draft, status),
        TrangThaiHoSo=status,
        KenhThucHien=channel,
        MaDoiTuong=account_of(draft, channel),
        HoSoCoThanhPhanSoHoa=any_digital(draft),
        # Optional in this generation: said once somebody has told of a payment, and "0" as ever where nobody has.
        DuocThanhToanTrucTuyen=paid_online(draft) if draft.carried.dossier.payments else "0",
        DinhDanhCHS=identities(draft),
        DSKetNoiCSDL=(),
        TaiLieuNop=tuple(file_of(part) for part in linked(draft)),
        DanhSachLePhi=fees(draft),
        DanhSachTepDinhKemKhac=(),
        DanhSachHoSoBoSung=(),
        DanhSachGiayToKetQua=results(draft),
    )
    draft.refuse_if_faulty()
    return Mapped(dossier, tuple(draft.notes))


def _identity_number(draft: Draft) -> str:
    """Optional in this generation, unless the configuration demands it."""
    number = draft.carried.dossier.applicant.id.number
    if draft.rules.mandatory_2023 and not number:
        draft.fault("missing_identity", "/dossier/applicant/id/number", "thiếu số giấy tờ của chủ hồ sơ")
    return number
