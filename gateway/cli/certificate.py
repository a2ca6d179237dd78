"""`gateway certificate verify`: judge one certificate by files alone, offline and without a configuration.

Exit codes: 0 it holds; 1 it is proven bad (TOTAL-FAILED); 2 it cannot be concluded (INDETERMINATE); 3 unusable input (a file, the
trust folder or the policy cannot be read); 64 wrong usage.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from gateway.cli.screen import (
    EX_INPUT,
    EX_OK,
    EX_REFUSED,
    EX_USAGE,
    EX_WRONG,
    as_moment,
    failure,
    plain,
    print_json,
    say,
    table,
)
from gateway.clock import LOCAL_ZONE, Clock
from signing.catalogue import finding_rows, sub_indication_rows
from signing.chain import judge_certificate
from signing.chain.certificates import read_certificate
from signing.chain.loading import certificate_file, crl_file, ocsp_file
from signing.chain.usage import likely_purpose
from signing.errors import SigningError
from signing.evidence_folder import YEARS, read_evidence
from signing.identity import identify
from signing.model import CertificateQuestion, CertificateVerdict, Evidence, Indication, Purpose, TrustDomain
from signing.policy import DEFAULT_POLICY, Policy
from signing.policy_file import read_policy
from signing.trust import TrustStore
from signing.trust_folder import read_trust

_CODES = {Indication.TOTAL_PASSED: EX_OK, Indication.TOTAL_FAILED: EX_WRONG, Indication.INDETERMINATE: EX_REFUSED}
_HEADLINES = {
    Indication.TOTAL_PASSED: "[bold green]✓ Chứng thư số ĐẠT[/]",
    Indication.TOTAL_FAILED: "[bold red]✗ Chứng thư số KHÔNG ĐẠT[/]",
    Indication.INDETERMINATE: "[bold yellow]? CHƯA KẾT LUẬN được về chứng thư số[/]",
}
_PURPOSES = {
    Purpose.SIGNER: "ký văn bản",
    Purpose.TIMESTAMP: "cấp dấu thời gian",
    Purpose.OCSP: "trả lời OCSP",
    Purpose.CRL: "ký danh sách thu hồi",
    Purpose.AUTHORITY: "cấp chứng thư số",
}
_DOMAINS = {TrustDomain.PUBLIC_DUTY: "chữ ký số chuyên dùng công vụ", TrustDomain.PUBLIC: "chữ ký số công cộng"}
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("action", choices=("verify",), help="kiểm tra chứng thư số")
    parser.add_argument("file", metavar="TỆP", type=Path, help="chứng thư số cần kiểm tra (DER hoặc PEM)")
    for name, what in (
        ("--chain", "chứng thư số trung gian"),
        ("--crl", "danh sách thu hồi (CRL)"),
        ("--ocsp", "câu trả lời OCSP"),
    ):
        parser.add_argument(
            name, metavar="TỆP", type=Path, nargs="+", action="extend", default=[], help=f"{what}, DER hoặc PEM"
        )
    parser.add_argument(
        "--trust", metavar="THƯ_MỤC", type=Path, help="gốc tin cậy: {public-duty,public}/*.pem và anchors.toml"
    )
    parser.add_argument("--evidence", metavar="THƯ_MỤC", type=Path, help="chứng thư, *.crl, *.ocsp, received.toml")
    parser.add_argument(
        "--domain", choices=[one.value for one in TrustDomain], help="chỉ nhận miền này; mặc định cả hai"
    )
    parser.add_argument(
        "--purpose", choices=[one.value for one in Purpose], help="mục đích cần xét; mặc định suy từ chứng thư số"
    )
    parser.add_argument(
        "--at", metavar="LÚC", type=as_moment, help="xét tại thời điểm này (ISO 8601; không ghi múi giờ: giờ Việt Nam)"
    )
    parser.add_argument(
        "--proven", metavar="LÚC", type=as_moment, help="chữ ký được chứng minh là có từ lúc này; mặc định bằng --at"
    )
    parser.add_argument("--policy-file", metavar="TỆP", type=Path, help="chính sách kiểm tra (TOML)")
    parser.add_argument(
        "--policy",
        metavar="OID",
        type=_policy,
        action="append",
        help="chính sách chứng thư được nhận; dùng nhiều lần được",
    )
    parser.add_argument("--explicit-policy", action="store_true", help="buộc có chính sách chứng thư được nhận")
    parser.add_argument("--inhibit-mapping", action="store_true", help="không cho ánh xạ chính sách chứng thư")
    parser.add_argument("--inhibit-any", action="store_true", help="không tính anyPolicy")
    parser.add_argument("--json", action="store_true", help="kết quả JSON, cho máy")


def run(arguments: argparse.Namespace) -> int:
    """Judge the certificate, say the verdict, and let it decide the exit code."""
    at = arguments.at or Clock().now()
    proven = arguments.proven or at
    if proven > at:
        failure("Sai cú pháp: --proven không được sau --at")
        return EX_USAGE
    try:
        target, *others = certificate_file(arguments.file)
        others += [der for path in arguments.chain for der in certificate_file(path)]
        evidence = _evidence(arguments)
        trust = read_trust(arguments.trust) if arguments.trust is not None else TrustStore()
        policy = _ruled(arguments)
    except SigningError as error:
        failure(error.message_vi)
        return EX_INPUT
    domains = frozenset({TrustDomain(arguments.domain)}) if arguments.domain else policy.domains
    question = CertificateQuestion(target, _purpose(arguments, target), proven, at, domains, tuple(others))
    verdict = judge_certificate(question, trust, evidence, policy)
    if arguments.json:
        print_json(_document(str(arguments.file), question, verdict))
    else:
        _tell(str(arguments.file), question, verdict, trusted=arguments.trust is not None)
    return _CODES[_indication(verdict)]


def _evidence(arguments: argparse.Namespace) -> Evidence:
    kept = read_evidence(arguments.evidence) if arguments.evidence is not None else Evidence()
    return replace(
        kept,
        crls=(*kept.crls, *(der for path in arguments.crl for der in crl_file(path))),
        ocsps=(*kept.ocsps, *(der for path in arguments.ocsp for der in ocsp_file(path))),
    )


def _ruled(arguments: argparse.Namespace) -> Policy:
    policy = read_policy(arguments.policy_file) if arguments.policy_file is not None else DEFAULT_POLICY
    path = replace(
        policy.path,
        policies=frozenset(arguments.policy) if arguments.policy else policy.path.policies,
        explicit_policy=policy.path.explicit_policy or arguments.explicit_policy,
        inhibit_mapping=policy.path.inhibit_mapping or arguments.inhibit_mapping,
        inhibit_any=policy.path.inhibit_any or arguments.inhibit_any,
    )
    return replace(policy, path=path)


def _purpose(arguments: argparse.Namespace, target: bytes) -> Purpose:
    if arguments.purpose:
        return Purpose(arguments.purpose)
    certificate = read_certificate(target)
    return Purpose.SIGNER if certificate is None else likely_purpose(certificate)


def _indication(verdict: CertificateVerdict) -> Indication:
    if verdict.sub_indication is None:
        return Indication.TOTAL_PASSED
    return sub_indication_rows()[verdict.sub_indication].indication


def _document(file: str, question: CertificateQuestion, verdict: CertificateVerdict) -> dict[str, object]:
    path = verdict.path or (question.certificate,)
    return {
        "file": file,
        "indication": _indication(verdict),
        "sub_indication": verdict.sub_indication,
        "purpose": question.purpose,
        "domain": verdict.domain,
        "at": question.at.isoformat(),
        "proven_time": question.proven.isoformat(),
        "path": [_card(one, verdict) for one in path],
        "findings": [asdict(one) for one in verdict.findings],
        "used": list(verdict.used),
    }


def _card(der: bytes, verdict: CertificateVerdict) -> dict[str, object]:
    named = identify(der, verdict)
    certificate = read_certificate(der)
    return {
        "subject": named.name,
        "organisation": named.organisation,
        "issuer": named.issuer,
        "serial": named.serial,
        "not_before": "" if certificate is None else certificate.not_before.isoformat(),
        "not_after": "" if certificate is None else certificate.not_after.isoformat(),
        "sha256": named.certificate_sha256,
    }


def _tell(file: str, question: CertificateQuestion, verdict: CertificateVerdict, *, trusted: bool) -> None:
    """The verdict for people: conclusion, path, every check with its outcome."""
    say(f"[bold]{plain(file)}[/]")
    say(_HEADLINES[_indication(verdict)])
    if verdict.sub_indication is not None:
        row = sub_indication_rows()[verdict.sub_indication]
        say(f"{plain(row.message_vi)} [dim]({verdict.sub_indication})[/]")
        say(f"Việc cần làm: {plain(row.advice_vi)}")
    say(
        f"Mục đích: {_PURPOSES[question.purpose]}. Miền: {_DOMAINS[verdict.domain] if verdict.domain else 'chưa xác định'}."
    )
    same = question.proven == question.at
    since = "" if same else f"; chữ ký được chứng minh có từ {_shown(question.proven)}"
    say(f"Xét tại {_shown(question.at)}{since}.")
    cards = [_card(one, verdict) for one in verdict.path or (question.certificate,)]
    table(
        "Chuỗi chứng thư số, từ chứng thư được hỏi tới gốc",
        ("Số sê-ri", "Chủ thể", "Hiệu lực từ", "đến"),
        ((one["serial"], one["subject"], _day(one["not_before"]), _day(one["not_after"])) for one in cards),
    )
    for finding in verdict.findings:
        decisive = finding_rows()[finding.code].on_failure is not None
        mark = "[green]✓[/]" if finding.ok else "[bold red]✗[/]" if decisive else "[yellow]![/]"
        detail = f" [dim]{plain(finding.detail)}[/]" if finding.detail else ""
        say(f"  {mark} {plain(finding.message_vi)} [dim]{plain('[' + finding.code + ']')}[/]{detail}")
    if not trusted:
        say("[yellow]![/] Chưa chỉ ra thư mục tin cậy (--trust): không chứng thư số nào nối được tới gốc.")


def _day(moment: object) -> str:
    if not moment:
        return ""
    found = datetime.fromisoformat(str(moment))
    # 99991231235959Z says that there is no end (RFC 5280 4.1.2.5), and has no local time.
    return (found.astimezone(LOCAL_ZONE) if found.year in YEARS else found).strftime("%d/%m/%Y")


def _shown(moment: datetime) -> str:
    return moment.astimezone(LOCAL_ZONE).strftime("%d/%m/%Y %H:%M:%S")


def _policy(text: str) -> str:
    """A policy's dotted identifier; argparse names a wrong one."""
    if not _OID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"«{text}» không phải OID")
    return text
