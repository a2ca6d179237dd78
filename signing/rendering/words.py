"""The report in Vietnamese, laid out once for every paper: what was signed, by whom, when proven, which rule failed, what to do.

Everything that comes from a document or a certificate is made safe for display here (attack C5); the papers only draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from signing.catalogue import finding_rows, sub_indication_rows
from signing.identity import displayed
from signing.model import Covered, Finding, Indication, SubIndication, TrustDomain
from signing.report import Report, SignatureReport

_VIETNAM = timezone(timedelta(hours=7))
_DOMAINS = {
    TrustDomain.PUBLIC_DUTY: "Chữ ký số chuyên dùng công vụ",
    TrustDomain.PUBLIC: "Chữ ký số công cộng",
}
_EXTENTS = {
    "document": "toàn bộ tệp",
    "revision": "toàn bộ tệp cho tới hết bản đã ký",
    "element": "một phần tử XML",
    "detached": "tệp gốc đi kèm (chữ ký tách rời)",
    "none": "không chứng minh được phần nào",
}
_PROOFS = {
    "reception": "ghi nhận lúc nhận tệp",
    "signature-timestamp": "dấu thời gian của chữ ký",
    "later-signature-timestamp": "dấu thời gian của chữ ký sau",
    "document-timestamp": "dấu thời gian của văn bản",
    "archive-timestamp": "dấu thời gian lưu trữ",
}
_CONCLUSIONS = {
    Indication.TOTAL_PASSED: "HỢP LỆ",
    Indication.TOTAL_FAILED: "KHÔNG HỢP LỆ",
    Indication.INDETERMINATE: "CHƯA KẾT LUẬN ĐƯỢC",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the procedure: `mark` is passed, failed or note."""

    mark: str
    code: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome: its tone (the indication), its headline, what it means and what to do; the last two empty for a pass."""

    tone: Indication
    headline: str
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True)
class Section:
    """One signature, or the document as a whole: rows of label and value, then the checks."""

    title: str
    verdict: Verdict
    rows: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole report, ready to be drawn."""

    title: str
    document: Section
    signatures: tuple[Section, ...]
    closing: str


def laid_out(report: Report, file: str) -> Sheet:
    """The report on the file of that name."""
    return Sheet(
        title="BÁO CÁO KIỂM TRA CHỮ KÝ SỐ",
        document=Section(
            title=displayed(file) if file else "Tệp được kiểm tra",
            verdict=verdict_on(report.conclusion, report.sub_indication),
            rows=_document_rows(report),
            checks=_checks(report.findings),
        ),
        signatures=tuple(
            _signature(number, len(report.signatures), one) for number, one in enumerate(report.signatures, 1)
        ),
        closing="Theo NĐ 68/2024/NĐ-CP Điều 30-32, NĐ 23/2025/NĐ-CP Điều 16 và ETSI EN 319 102-1. Hình ảnh chữ ký, con dấu "
        "hiển thị trong tệp không phải là căn cứ; chỉ các dữ kiện nêu trên là căn cứ.",
    )


def verdict_on(indication: Indication, sub_indication: SubIndication | None) -> Verdict:
    """The outcome in words."""
    row = sub_indication_rows()[sub_indication] if sub_indication is not None else None
    name = f" ({sub_indication.value})" if sub_indication is not None else ""
    return Verdict(
        indication,
        f"{_CONCLUSIONS[indication]}: {indication.value}{name}",
        row.message_vi if row else "",
        row.advice_vi if row else "",
    )


def moment(value: datetime | None) -> str:
    """A time as people in Vietnam read it, whatever the machine's zone; a dash when there is none."""
    if value is None:
        return "–"
    try:
        return value.astimezone(_VIETNAM).strftime("%H:%M:%S ngày %d/%m/%Y (giờ Việt Nam)")
    except OverflowError:  # what a signer claims may lie at the end of the calendar
        return value.isoformat()


def domain_name(domain: TrustDomain | None) -> str:
    """A trust domain in words."""
    return _DOMAINS[domain] if domain else "chưa xác định"


def proof_name(proven_by: str) -> str:
    """Who proves the time, in words; the source stays as it was named."""
    code, _, source = proven_by.partition(": ")
    words = _PROOFS.get(code, code)
    return f"{words} ({displayed(source)})" if source else words


def covered_name(covered: Covered) -> str:
    """What a signature covers, in words."""
    words = _EXTENTS.get(covered.extent, displayed(covered.extent))
    if covered.path:
        words += f": {displayed(covered.path)}"
    if covered.ranges and covered.extent == "revision":
        words += f", đến byte {_grouped(max(end for _, end in covered.ranges))}"
    return words


def _grouped(number: int) -> str:
    """1234567 as 1.234.567."""
    return f"{number:,}".replace(",", ".")


def _document_rows(report: Report) -> tuple[tuple[str, str], ...]:
    return (
        ("SHA-256 của tệp", report.document_sha256),
        ("Kích thước", f"{_grouped(report.size)} byte"),
        ("Số chữ ký", str(len(report.signatures))),
        ("Thời điểm kiểm tra", moment(report.judged_at)),
        ("Chính sách", f"{displayed(report.policy)} (SHA-256 {report.policy_sha256})"),
        ("Phần mềm", report.software),
        *(("Có thể lấy chứng cứ tại", displayed(one, 600)) for one in report.wanted),
    )


def _signature(number: int, count: int, one: SignatureReport) -> Section:
    signer = one.signer
    rows = [
        ("Người ký", (signer.name or "–") if signer else "chưa xác định"),
        ("Tổ chức", (signer.organisation or "–") if signer else "–"),
        ("Định danh", (", ".join(displayed(text) for text in signer.identifiers) or "–") if signer else "–"),
        ("Miền tin cậy", domain_name(one.domain)),
        ("Cấp bởi", (signer.issuer or "–") if signer else "–"),
        ("Chứng thư số", f"số {signer.serial}, SHA-256 {signer.certificate_sha256}" if signer else "–"),
        (
            "Thời điểm ký theo lời khai",
            f"{moment(one.signing_time)} (không phải bằng chứng)" if one.signing_time else "–",
        ),
        (
            "Thời điểm được chứng minh",
            f"{moment(one.proven_time)}, {proof_name(one.proven_by)}" if one.proven_time else "không có bằng chứng",
        ),
        ("Phần được ký", covered_name(one.covers)),
        ("Dạng chữ ký", f"{one.format.value} {displayed(one.level)}".strip()),
    ]
    return Section(
        title=f"Chữ ký {number}/{count}: {displayed(one.id)}",
        verdict=verdict_on(one.indication, one.sub_indication),
        rows=tuple((label, displayed(value)) for label, value in rows),
        checks=_checks(one.findings),
    )


def _checks(findings: tuple[Finding, ...]) -> tuple[Check, ...]:
    return tuple(Check(_mark(one), one.code, one.message_vi, displayed(one.detail)) for one in findings)


def _mark(finding: Finding) -> str:
    if finding.ok:
        return "passed"
    row = finding_rows().get(finding.code)
    return "failed" if row is None or row.on_failure is not None else "note"
