"""What every generation says alike of a dossier, pure: the parts that a profile's own mapping puts together.

A dossier is built from one `Carried` and nothing newer. Whatever the portal would refuse is found here first, all of it
at once, and nothing is ever invented: no identity, no officer, no result. Field by field: dossier-model facts 5,
national-portal facts 2.6.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.national_dvc.profiles._mapi.messages import (
    MAX_FILE_NAME,
    MAX_RESULT_NAME,
    MAX_SUMMARY,
    DinhDanh,
    GiayToKetQua,
    LePhi,
    TaiLieuNop,
    ThuTuc,
)
from connectors.national_dvc.profiles._mapi.rules import RETURNED, Draft, portal_code
from mappings.canonical import Carried, Component, Fee, VerifiedResult
from mappings.codes import ComponentForm, PaymentMethod, PaymentState
from mappings.tables import UnknownCode
from mappings.text import nfc, shorten

RESULT_UNVERIFIED = "result_unverified"
RESULT_WITHOUT_LINK = "result_without_link"
RESULTS_SENT = "results"
SUMMARY_SHORTENED = "summary_shortened"
SUMMARY_FROM_PROCEDURE = "summary_from_procedure"
COMPONENT_WITHOUT_LINK = "component_without_link"
IDENTITY_UNPROVEN = "identity_unproven"

UNLISTED = ThuTuc("", "")
"""What the catalogue says of a procedure that it does not list."""

# After one of these the portal holds the dossier closed; anything else would run backwards (facts 3.1: terminal).
_CLOSED = frozenset({"3", RETURNED})
_ONLINE = "2"
# Of several payments the one that the indicator values most decides: 3.6 counts "1" and "2".
_BEST_FIRST = (
    PaymentMethod.PORTAL,
    PaymentMethod.BANK,
    PaymentMethod.EWALLET,
    PaymentMethod.CASH,
    PaymentMethod.POSTAL_COD,
)

H = TypeVar("H")


@dataclass(frozen=True, slots=True)
class Mapped(Generic[H]):
    """A dossier fit to be sent, with what had to be said about it (stable codes, for the receipt)."""

    dossier: H
    findings: tuple[str, ...] = ()


def needs_catalogue(carried: Carried) -> bool:
    """Whether the snapshot lacks a name that only `LayThuTuc` can give."""
    procedure = carried.dossier.procedure
    return bool(procedure.national_code) and not (procedure.name and procedure.field_code and procedure.field_name)


def begin(draft: Draft) -> str:
    """The status of the dossier, once it is known that this event may set it: the first words of every mapping."""
    status = draft.status()
    if draft.said is None:
        _check_order(draft, status)
    if not draft.carried.state_applies:
        draft.fault(
            "state_not_applied", "/state_applies", "sự kiện đến muộn chỉ là lịch sử, không được ghi đè trạng thái"
        )
    return status


def channel_of(draft: Draft) -> str:
    """`KenhThucHien`: by which door the dossier came."""
    return draft.look_up("/dossier/origin", lambda: portal_code("channel", draft.carried.dossier.origin, at=draft.day))


def account_of(draft: Draft, channel: str) -> str | None:
    """`MaDoiTuong`: the portal's own account id means something only for what came online (facts 2.6)."""
    return (draft.carried.dossier.applicant.portal_account_id or None) if channel == _ONLINE else None


def _check_order(draft: Draft, status: str) -> None:
    """A closed dossier is reopened at the portal only where configuration allows it (dossier-model facts 8)."""
    last = draft.memory.get("state", "")
    if status and last in _CLOSED and status != last and not draft.rules.allow_regress:
        draft.fault(
            "regress_refused",
            "/event/state",
            f"Cổng đã ghi nhận trạng thái {last} (kết thúc); không gửi lùi về {status} khi portal.allow_regress tắt",
        )


def subject(draft: Draft, listed: ThuTuc | None) -> dict[str, str]:
    """What the dossier is about and who handles it; names that the snapshot lacks come from the catalogue."""
    dossier = draft.carried.dossier
    procedure, agency = dossier.procedure, dossier.agency
    known = listed or UNLISTED
    if listed is not None and not listed.code:
        draft.fault("procedure_unknown", "/dossier/procedure/national_code", "Cổng không công bố thủ tục này")
    code = draft.demand(
        procedure.national_code, "missing_procedure_code", "/dossier/procedure/national_code", "thiếu mã TTHC quốc gia"
    )
    if code and not re.match(draft.rules.procedure_code_pattern, code):
        draft.fault(
            "procedure_code_malformed",
            "/dossier/procedure/national_code",
            "mã TTHC không theo cấu trúc mã quốc gia (không dùng mã nội bộ)",
        )
    name = procedure.name or known.name
    return {
        "MaHoSo": draft.demand(dossier.dossier_code, "missing_dossier_code", "/dossier/dossier_code", "thiếu mã hồ sơ"),
        "MaTTHC": code,
        "TenTTHC": draft.demand(name, "missing_procedure_name", "/dossier/procedure/name", "thiếu tên TTHC"),
        "MaLinhVuc": draft.demand(
            procedure.field_code or known.field_code,
            "missing_field_code",
            "/dossier/procedure/field_code",
            "thiếu mã lĩnh vực",
        ),
        "TenLinhVuc": draft.demand(
            procedure.field_name or known.field_name,
            "missing_field_name",
            "/dossier/procedure/field_name",
            "thiếu tên lĩnh vực",
        ),
        "DonViXuLy": draft.demand(
            agency.handling_unit.strip() or agency.name,
            "missing_handling_unit",
            "/dossier/agency/handling_unit",
            "thiếu tên đơn vị xử lý",
        ),
        "TrichYeuHoSo": _summary(draft, name),
        "SoBienNhan": nfc(dossier.receipt_number),
        "ThongTinKhac": nfc(dossier.other_information),
        "GhiChu": nfc(dossier.note),
    }


def _summary(draft: Draft, procedure_name: str) -> str:
    text = nfc(draft.carried.dossier.summary).strip()
    if not text and draft.rules.summary_from_procedure:
        # Not a placeholder: what is applied for is the procedure itself.
        text = nfc(procedure_name).strip()
        draft.note(SUMMARY_FROM_PROCEDURE)
    if not text:
        return draft.fault("missing_summary", "/dossier/summary", "thiếu trích yếu hồ sơ")
    short = shorten(text, MAX_SUMMARY, MAX_SUMMARY - 5)
    if short != text:
        draft.note(SUMMARY_SHORTENED)
    return short


def people(draft: Draft) -> dict[str, str]:
    """The owner and the ways to reach them, without their identity: generations differ in what they demand of it."""
    dossier = draft.carried.dossier
    owner, origin = dossier.applicant, dossier.origin
    by_vneid = owner.id.verified and "vneid" in owner.id.verified_by.casefold()
    return {
        "ChuHoSo": draft.demand(
            owner.name.strip() or draft.rules.applicant_placeholder,
            "missing_applicant_name",
            "/dossier/applicant/name",
            "thiếu tên chủ hồ sơ",
        ),
        "LoaiDoiTuong": draft.look_up(
            "/dossier/applicant/kind", lambda: portal_code("party_kind", owner.kind, at=draft.day)
        ),
        "Email": owner.email,
        "Fax": owner.fax,
        "SoDienThoai": owner.phone,
        "NoiNopHoSo": draft.look_up(
            "/dossier/origin", lambda: portal_code("channel", origin, at=draft.day, column="filed_at_code")
        ),
        "HinhThuc": draft.look_up(
            "/dossier/result_method", lambda: portal_code("result_method", dossier.result_method, at=draft.day)
        ),
        "TaiKhoanDuocXacThucVoiVNeID": "1" if by_vneid else "0",
    }


def withholds_identity(draft: Draft) -> bool:
    """Whether the owner's number was never verified, although the gateway keeps proofs, and is not to be said then."""
    return draft.carried.dossier.applicant.id.proof == "" and draft.rules.unproven_identity == "withhold"


def identities(draft: Draft) -> tuple[DinhDanh, ...]:
    """The owner's identity where the portal has a code for its kind; none is invented where it has not."""
    held = draft.carried.dossier.applicant.id
    if not held.number:
        return ()
    if withholds_identity(draft):
        draft.note(IDENTITY_UNPROVEN)
        return ()
    try:
        return (DinhDanh(portal_code("identity_type", held.type, at=draft.day), held.number),)
    except UnknownCode:
        return ()


def results(draft: Draft) -> tuple[GiayToKetQua, ...]:
    """What was judged and may be shown (QĐ 3036 Điều 11.2), and nothing else; the receipt says what was withheld.

    With a state the portal is told again what it acknowledged before, since it replaces the whole dossier; a result that it
    has not seen yet comes in an update of its own, behind this one.
    """
    acknowledged = None if draft.said is not None else draft.memory.get(RESULTS_SENT, "").split()
    chosen = [one for one in draft.carried.verified if acknowledged is None or one.result_code in acknowledged]
    if withheld(draft.carried, {one.document.file.sha256 for one in chosen}):
        draft.note(RESULT_UNVERIFIED)
    linked = [one for one in chosen if one.document.file.url.startswith(("https://", "http://"))]
    if len(linked) < len(chosen):
        draft.note(RESULT_WITHOUT_LINK)
    return tuple(_result(one) for one in linked)


def _result(verified: VerifiedResult) -> GiayToKetQua:
    """A result by link, under its code KQ(n) (NĐ 45/2020 Điều 14.3)."""
    document = verified.document
    return GiayToKetQua(
        TenGiayTo=shorten(nfc(document.name), MAX_RESULT_NAME, MAX_RESULT_NAME - 5),
        MaThanhPhanHoSo=document.component_code,
        GiayToId=verified.result_code,
        DuongDanTepTinKetQua=document.file.url,
        MaGiayToKetQua=document.result_code,
    )


def withheld(carried: Carried, shown: Collection[str] = frozenset()) -> bool:
    """Whether the event or its dossier names a result that is not among those `shown` (digests)."""
    return any(one.file.sha256 not in shown for one in (*carried.dossier.results, *carried.event.results))


def is_digital(part: Component) -> bool:
    """Whether a component reached us as a file that counts as digitised: born electronic, or digitised at reception."""
    return part.file is not None and (part.form is ComponentForm.ELECTRONIC or part.digitised)


def any_digital(draft: Draft) -> str:
    """`HoSoCoThanhPhanSoHoa`: "1" iff at least one component is digitised (facts 2.6)."""
    parts = draft.carried.dossier.components
    return "1" if any(is_digital(part) and not part.deleted for part in parts) else "0"


def linked(draft: Draft) -> Iterator[Component]:
    """The components that the portal can fetch; one without a link is left out, and the receipt says so."""
    for part in draft.carried.dossier.components:
        if part.file is None:
            continue
        if part.file.url.startswith(("https://", "http://")):
            yield part
        else:
            draft.note(COMPONENT_WITHOUT_LINK)


def file_of(part: Component) -> TaiLieuNop:
    """A component as a submitted file, by link."""
    name, url = (part.file.name or part.name, part.file.url) if part.file else (part.name, "")
    return TaiLieuNop(
        TepDinhKemId=part.file.file_id if part.file else "",
        TenTepDinhKem=shorten(nfc(name), MAX_FILE_NAME, MAX_FILE_NAME - 5),
        IsDeleted="True" if part.deleted else "False",
        MaThanhPhanHoSo=part.code,
        DuongDanTaiTepTin=url,
        DuocSoHoa="1" if part.form is ComponentForm.ELECTRONIC or part.digitised else "0",
    )


def fees_due(carried: Carried) -> Iterable[Fee]:
    """Fees of the dossier, then those that this event asks for and the snapshot does not know yet."""
    known = {fee.id for fee in carried.dossier.fees}
    return (*carried.dossier.fees, *(fee for fee in carried.event.fees if fee.id not in known))


def fees(draft: Draft) -> tuple[LePhi, ...]:
    """`DanhSachLePhi`."""
    return tuple(_fee(draft, index, fee) for index, fee in enumerate(fees_due(draft.carried)))


def paid_online(draft: Draft) -> str:
    """`DuocThanhToanTrucTuyen`: by the payments that were made; a pending or refunded one is none."""
    dossier = draft.carried.dossier
    paid = {payment.method for payment in dossier.payments if payment.state is PaymentState.PAID}
    due = any(fee.amount > 0 for fee in fees_due(draft.carried))
    situation = next((method.value for method in _BEST_FIRST if method in paid), "unpaid" if due else "nothing_due")
    return draft.look_up("/dossier/payments", lambda: portal_code("payment", situation, at=draft.day))


def _fee(draft: Draft, index: int, fee: Fee) -> LePhi:
    pointer = f"/dossier/fees/{index}"
    if fee.amount < 0:
        draft.fault("fee_malformed", f"{pointer}/amount", "số tiền không được âm")
    return LePhi(
        TenPhiLePhi=draft.demand(fee.name, "fee_malformed", f"{pointer}/name", "khoản thu thiếu tên"),
        MaPhiLePhi=fee.code,
        HinhThucThu=draft.look_up(
            f"{pointer}/collection_time",
            lambda: portal_code("collection_time", fee.collection_time, at=draft.day),
        ),
        Gia=str(fee.amount),
        LoaiPhiLePhi=draft.look_up(f"{pointer}/kind", lambda: portal_code("fee_kind", fee.kind, at=draft.day)),
    )
