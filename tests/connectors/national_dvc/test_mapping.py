"""A dossier in the portal's words: the example of the facts, and every fault named at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.kit.errors import CannotMap
from connectors.national_dvc.profiles._mapi.mapping import UNLISTED
from connectors.national_dvc.profiles._mapi.messages import ThuTuc
from connectors.national_dvc.profiles._mapi.rules import Rules
from connectors.national_dvc.profiles.mapi_2019.mapping import map_dossier
from mappings.canonical import Carried, Component, Dossier, DossierTimes, Fee, FileRef, Identity
from mappings.codes import DossierStatus, IdentityType, Origin, Outcome

Make = Callable[..., Carried]
RULES = Rules()
# What the canonical dossier does not know yet, or what is withheld on purpose (README, known limits).
NOT_YET = {"DanhSachGiayToKetQua", "TaiLieuNop", "DSKetNoiCSDL", "DuocThanhToanTrucTuyen", "HoSoCoThanhPhanSoHoa"}


def codes(carried: Carried, rules: Rules = RULES, **more: Any) -> list[str]:
    """The finding codes of a dossier that cannot be mapped."""
    with pytest.raises(CannotMap) as caught:
        map_dossier(carried, rules, **more)
    return [finding.code for finding in caught.value.findings]


def test_the_example_of_the_facts_is_reproduced(make: Make, example: Callable[[str], dict[str, Any]]) -> None:
    """Field by field what the constructed example of the facts says, except what is withheld or not known yet."""
    carried = make(DossierStatus.RESOLVED, "20241018160000", outcome=Outcome.GRANTED)
    mapped = map_dossier(carried, RULES)
    ours = json.loads(msgspec.json.encode(mapped.dossier))
    theirs = example("02-dong-bo-ho-so-mc.json")["message"]["data"][0]
    assert set(ours) == set(theirs)
    assert {key: value for key, value in ours.items() if key not in NOT_YET} == {
        key: value for key, value in theirs.items() if key not in NOT_YET
    }


def test_a_result_never_leaves_before_its_signature_was_judged(make: Make) -> None:
    """The list of results stays empty and the receipt will say why (QĐ 3036 Điều 11.2)."""
    mapped = map_dossier(make(DossierStatus.RESOLVED, "20241018160000", outcome=Outcome.GRANTED), RULES)
    assert mapped.dossier.DanhSachGiayToKetQua == ()
    assert "result_unverified" in mapped.findings


def test_all_faults_are_named_at_once(make: Make, dossier: Dossier) -> None:
    """A person mends a dossier once, not once for each fault."""
    bare = replace(
        dossier,
        procedure=replace(dossier.procedure, national_code="TS_lop1", field_code="", field_name=""),
        applicant=replace(dossier.applicant, name=" "),
        times=DossierTimes(),
    )
    assert codes(make(DossierStatus.PROCESSING, "20241015080000", dossier=bare)) == [
        "procedure_code_malformed",
        "missing_field_code",
        "missing_field_name",
        "missing_applicant_name",
        "missing_received_at",
    ]


def test_names_come_from_the_catalogue_where_the_snapshot_lacks_them(make: Make, dossier: Dossier) -> None:
    """The snapshot wins; the catalogue fills gaps; a procedure it does not list is a fault of its own."""
    bare = replace(dossier, procedure=replace(dossier.procedure, field_code="", field_name=""))
    carried = make(DossierStatus.RECEIVED, "20241014093000", dossier=bare)
    listed = ThuTuc("1.999999", "Tên khác", "G16-YY", "Lĩnh vực của Cổng")
    message = map_dossier(carried, RULES, listed).dossier
    assert (message.TenTTHC, message.MaLinhVuc) == ("Cấp giấy phép (ví dụ)", "G16-YY")
    assert "procedure_unknown" in codes(carried, procedure=UNLISTED)


def test_no_identity_is_invented(make: Make, dossier: Dossier) -> None:
    """Without an identity the list stays empty; a kind without a code there gives its number only."""
    none = replace(dossier, applicant=replace(dossier.applicant, id=Identity()))
    message = map_dossier(make(DossierStatus.RECEIVED, "20241014093000", dossier=none), RULES).dossier
    assert (message.SoGiayToChuHoSo, message.DinhDanhCHS) == ("", ())
    business = replace(dossier, applicant=replace(dossier.applicant, id=Identity(IdentityType.TAX_CODE, "0100000001")))
    message = map_dossier(make(DossierStatus.RECEIVED, "20241014093000", dossier=business), RULES).dossier
    assert (message.SoGiayToChuHoSo, message.DinhDanhCHS) == ("0100000001", ())
    strict = Rules(mandatory_2023=True)
    assert codes(make(DossierStatus.RECEIVED, "20241014093000", dossier=none), strict) == ["missing_identity"]


def test_a_placeholder_is_used_only_where_it_was_configured(make: Make, dossier: Dossier) -> None:
    """An empty name is a fault; with an explicit placeholder it is that."""
    nameless = make(
        DossierStatus.RECEIVED,
        "20241014093000",
        dossier=replace(dossier, applicant=replace(dossier.applicant, name="")),
    )
    assert codes(nameless) == ["missing_applicant_name"]
    assert map_dossier(nameless, Rules(applicant_placeholder="Chưa rõ")).dossier.ChuHoSo == "Chưa rõ"


def test_a_long_summary_is_cut_and_said_so(make: Make, dossier: Dossier) -> None:
    """995 characters and three dots, as the portal's clients do; a note, not a fault."""
    long = make(DossierStatus.RECEIVED, "20241014093000", dossier=replace(dossier, summary="á" * 1_500))
    mapped = map_dossier(long, RULES)
    assert mapped.dossier.TrichYeuHoSo == "á" * 995 + "..."
    assert "summary_shortened" in mapped.findings
    silent = make(DossierStatus.RECEIVED, "20241014093000", dossier=replace(dossier, summary=""))
    assert map_dossier(silent, RULES).dossier.TrichYeuHoSo == "Cấp giấy phép (ví dụ)"
    assert codes(silent, Rules(summary_from_procedure=False)) == ["missing_summary"]


@pytest.mark.parametrize(("refused_state", "status"), [("9", "9"), ("8", "8")])
def test_a_refused_case_goes_out_as_configured(make: Make, refused_state: str, status: str) -> None:
    """Whether a refusal is 9 or 8 is unknown, so it is a setting."""
    rules = msgspec.convert({"refused_state": refused_state}, Rules)
    carried = make(DossierStatus.RESOLVED, "20241018160000", outcome=Outcome.REFUSED)
    assert map_dossier(carried, rules).dossier.TrangThaiHoSo == status


def test_a_closed_dossier_does_not_run_backwards_unless_allowed(make: Make) -> None:
    """10 to 4 is refused by default, before anything is sent; the same status again is no step back."""
    again = make(DossierStatus.PROCESSING, "20241020080000")
    assert codes(again, memory={"state": "10"}) == ["regress_refused"]
    assert map_dossier(again, Rules(allow_regress=True), memory={"state": "10"}).dossier.TrangThaiHoSo == "4"
    assert map_dossier(again, RULES, memory={"state": "9"}).dossier.TrangThaiHoSo == "4"
    same = map_dossier(make(DossierStatus.RETURNED, "20241020080000"), RULES, memory={"state": "10"})
    assert same.dossier.TrangThaiHoSo == "10"


def test_a_late_predecessor_never_overwrites_the_state(make: Make) -> None:
    """What arrived after its gap was skipped is history (dossier-model facts 4.3)."""
    assert codes(make(DossierStatus.RECEIVED, "20241014093000", state_applies=False)) == ["state_not_applied"]


def test_each_status_carries_its_dates_and_no_others(make: Make, dossier: Dossier) -> None:
    """Dates appear with the step they belong to; the event is the witness of its own step."""
    young = replace(dossier, times=DossierTimes(submitted_at=dossier.times.submitted_at))
    submitted = map_dossier(make(DossierStatus.SUBMITTED, "20241014081500", dossier=young), RULES).dossier
    assert (submitted.NgayTiepNhan, submitted.NgayKetThucXuLy, submitted.NgayTra) == ("", "", "")
    received = map_dossier(make(DossierStatus.RECEIVED, "20241014093000", dossier=young), RULES).dossier
    assert received.NgayTiepNhan == "20241014093000"
    refused = map_dossier(make(DossierStatus.INTAKE_REFUSED, "20241014100000", dossier=young), RULES).dossier
    assert (refused.NgayTuChoi, refused.NgayKetThucXuLy) == ("20241014100000",) * 2
    processing = map_dossier(make(DossierStatus.PROCESSING, "20241016100000"), RULES).dossier
    assert (processing.NgayKetThucXuLy, processing.NgayTra) == ("", "")
    returned = map_dossier(make(DossierStatus.RETURNED, "20241018163000"), RULES).dossier
    assert (returned.NgayKetThucXuLy, returned.NgayTra) == ("20241018160000", "20241018163000")


def test_the_newest_due_date_is_told(make: Make, dossier: Dossier, moment: Callable[[str], datetime]) -> None:
    """The event's own date, then the extension, then the first one."""
    extended = replace(dossier, times=replace(dossier.times, extended_due_at=moment("20241025170000")))
    assert map_dossier(
        make(DossierStatus.PROCESSING, "20241016100000", dossier=extended), RULES
    ).dossier.NgayHenTra == ("20241025170000")
    event = make(DossierStatus.PROCESSING, "20241016100000", dossier=extended, new_due_at=moment("20241030170000"))
    assert map_dossier(event, RULES).dossier.NgayHenTra == "20241030170000"


def test_a_file_goes_out_only_with_a_link(make: Make, dossier: Dossier) -> None:
    """The portal fetches files itself; a file without a link is left out and named on the receipt."""
    linked = FileRef(
        "don.pdf", "application/pdf", 1, "ab" * 32, file_id="501", url="https://gateway.example.gov.vn/f/501"
    )
    parts = (
        Component("1", "Đơn", code="000.00.00.G16-KQ000001", file=linked),
        Component("2", "Bản sao", file=replace(linked, url="")),
        Component("3", "Bản giấy"),
    )
    mapped = map_dossier(
        make(DossierStatus.RECEIVED, "20241014093000", dossier=replace(dossier, components=parts)), RULES
    )
    assert [file.TepDinhKemId for file in mapped.dossier.TaiLieuNop] == ["501"]
    assert mapped.dossier.HoSoCoThanhPhanSoHoa == "1"
    assert "component_without_link" in mapped.findings


def test_the_fee_that_an_event_asks_for_is_told(make: Make, dossier: Dossier) -> None:
    """Fees of the event join those of the snapshot, once each, as whole đồng in text."""
    fees = (dossier.fees[0], Fee("F2", "Lệ phí bổ sung", 135_000))
    carried = make(DossierStatus.AWAITING_PAYMENT, "20241015080000", fees=fees)
    assert [fee.Gia for fee in map_dossier(carried, RULES).dossier.DanhSachLePhi] == ["500000", "135000"]
    nameless = make(DossierStatus.AWAITING_PAYMENT, "20241015080000", fees=(Fee("F3", "", 1),))
    assert codes(nameless) == ["fee_malformed"]


def test_only_what_came_online_carries_a_portal_account(make: Make, dossier: Dossier) -> None:
    """`MaDoiTuong` is null for other channels (facts 2.6); a dossier of the portal's own says so."""
    direct = map_dossier(
        make(DossierStatus.RECEIVED, "20241014093000", dossier=replace(dossier, origin=Origin.DIRECT)), RULES
    )
    assert (direct.dossier.KenhThucHien, direct.dossier.MaDoiTuong, direct.dossier.NoiNopHoSo) == ("1", None, "2")
    born = map_dossier(
        make(DossierStatus.RECEIVED, "20241014093000", dossier=replace(dossier, origin=Origin.ONLINE_NATIONAL)), RULES
    )
    assert (born.dossier.KenhThucHien, born.dossier.NoiNopHoSo) == ("2", "1")


def test_a_draft_is_not_for_the_portal(make: Make) -> None:
    """A state without a code there is a named fault, not a silent omission."""
    assert codes(make(DossierStatus.DRAFT, "20241014080000")) == ["unmapped_code"]


def test_an_event_older_than_every_table_is_a_named_fault(make: Make) -> None:
    """Tables are read at the day of the event."""
    old = make(DossierStatus.RECEIVED, "20100101080000")
    assert set(codes(replace(old, event=replace(old.event, occurred_at=datetime(2010, 1, 1, tzinfo=UTC))))) == {
        "unmapped_code"
    }


def test_an_error_text_names_fields_and_never_their_values(make: Make, dossier: Dossier) -> None:
    """Findings go to logs and screens; personal data does not."""
    with pytest.raises(CannotMap) as caught:
        map_dossier(
            make(DossierStatus.PROCESSING, "20241015080000", dossier=replace(dossier, times=DossierTimes())), RULES
        )
    said = f"{caught.value} {caught.value.findings!r}"
    for value in ("Nguyễn", "001099000001", "0900000001", "a@example.vn"):
        assert value not in said
