"""Canonical to portal, pure: a dossier for DongBoHoSoMC as the generation of 2023 wants it, from facts only.

What the indicators read (national-portal facts 5.4) is said from what the dossier's registration says, and a dossier
that lacks a mandatory one is refused here with every missing field named, under the name that the portal has for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from connectors.national_dvc.profiles._mapi.mapping import (
    IDENTITY_UNPROVEN,
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
    withholds_identity,
)
from connectors.national_dvc.profiles._mapi.messages import CoSoDuLieu, DinhDanh, TaiLieuNop, ThuTuc
from connectors.national_dvc.profiles._mapi.moments import moments
from connectors.national_dvc.profiles._mapi.rules import Draft, Rules, identity_fits
from connectors.national_dvc.profiles.mapi_2023.messages import HoSo
from mappings.canonical import Carried, Component
from mappings.codes import ComponentSource
from mappings.text import nfc

IDENTITY_PLACEHOLDER = "identity_placeholder"
DATABASE_WITHOUT_CODE = "database_without_code"

_NUMBER_AT, _TYPE_AT = "/dossier/applicant/id/number", "/dossier/applicant/id/type"


def map_dossier(
    carried: Carried, rules: Rules, procedure: ThuTuc | None = None, memory: Mapping[str, str] | None = None
) -> Mapped[HoSo]:
    """The full dossier as it stood at the event; raises `CannotMap` with every finding.

    `procedure` and `memory` as in mapi-2019. Whatever `rules.mandatory_2023` says, this generation demands it.
    """
    return _mapped(Draft(carried, _strict(rules), memory or {}), procedure)


def map_results(carried: Carried, rules: Rules, procedure: ThuTuc | None, said: Mapping[str, str]) -> Mapped[HoSo]:
    """The dossier with the results that may be shown, as in mapi-2019."""
    return _mapped(Draft(carried, _strict(rules), said=said), procedure)


def _strict(rules: Rules) -> Rules:
    return msgspec.structs.replace(rules, mandatory_2023=True)


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
        DuocThanhToanTrucTuyen=paid_online(draft),
        DinhDanhCHS=_identities(draft),
        DSKetNoiCSDL=_databases(draft),
        TaiLieuNop=tuple(_file(part) for part in linked(draft)),
        DanhSachLePhi=fees(draft),
        DanhSachTepDinhKemKhac=(),
        DanhSachHoSoBoSung=(),
        DanhSachGiayToKetQua=results(draft),
    )
    draft.refuse_if_faulty()
    return Mapped(dossier, tuple(draft.notes))


def _identity_number(draft: Draft) -> str:
    """`SoGiayToChuHoSo`: whatever number the owner has; the portal does not say of which kind."""
    number, stand_in = nfc(draft.carried.dossier.applicant.id.number).strip(), draft.rules.identity_placeholder
    if not number and stand_in is not None:
        draft.note(IDENTITY_PLACEHOLDER)
        return stand_in.number
    return draft.demand(number, "missing_identity", _NUMBER_AT, "thiếu số giấy tờ của chủ hồ sơ (SoGiayToChuHoSo)")


def _identities(draft: Draft) -> tuple[DinhDanh, ...]:
    """`DinhDanhCHS`: at least one, and never an invented one (facts 2.6); an owner of another kind needs a decision."""
    known, stand_in = identities(draft), draft.rules.identity_placeholder
    if known and identity_fits(known[0].LoaiDinhDanh, known[0].SoDinhDanh.strip()):
        return (replace(known[0], SoDinhDanh=known[0].SoDinhDanh.strip()),)
    if stand_in is not None:
        draft.note(IDENTITY_PLACEHOLDER)
        return (DinhDanh(stand_in.kind, stand_in.number),)
    if withholds_identity(draft) and draft.carried.dossier.applicant.id.number:
        draft.fault(
            IDENTITY_UNPROVEN, _NUMBER_AT, "số định danh của chủ hồ sơ chưa được xác thực qua Cổng (DinhDanhCHS)"
        )
    elif known:
        length = {"1": "12", "2": "9"}[known[0].LoaiDinhDanh]
        draft.fault(
            "identity_malformed", _NUMBER_AT, f"số định danh của chủ hồ sơ phải có {length} chữ số (DinhDanhCHS)"
        )
    else:
        draft.fault(
            "missing_identity_list",
            _TYPE_AT,
            "thiếu số định danh 12 chữ số hoặc CMND 9 chữ số của chủ hồ sơ (DinhDanhCHS)",
        )
    return ()


def _databases(draft: Draft) -> tuple[CoSoDuLieu, ...]:
    """`DSKetNoiCSDL`: what the system is connected to, then what this dossier's handling drew on."""
    codes = list(draft.rules.connected_databases)
    for database in draft.carried.dossier.databases:
        code = draft.rules.database_codes.get(database)
        if code is None:
            # The code list is unknown (facts U10); a database is not said under a guessed code.
            draft.note(DATABASE_WITHOUT_CODE)
        else:
            codes.append(code)
    if not codes:
        draft.fault("missing_databases", "/dossier/databases", "thiếu cơ sở dữ liệu đã kết nối (DSKetNoiCSDL)")
    return tuple(CoSoDuLieu(code) for code in dict.fromkeys(codes))


def _file(part: Component) -> TaiLieuNop:
    """A submitted file with where it came from (facts 2.6.1): 1 reused, 2 reused under the code of a result."""
    code = part.reuse.result_code.strip() if part.reuse is not None else ""
    reused = "0" if part.reuse is None else "2" if code else "1"
    return replace(
        file_of(part),
        DuocTaiSuDung=reused,
        MaKetQuaThayThe=code,
        DuocLayTuKhoDMQG="1" if part.source is ComponentSource.DATA_STORE else "0",
    )
