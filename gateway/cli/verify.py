"""`gateway verify`: judge the signatures of files, offline and without a configuration, for people or for programs.

Exit codes: 0 every file TOTAL-PASSED; 1 at least one TOTAL-FAILED; 2 none failed, at least one INDETERMINATE; 3 unusable input (a
file, the trust folder, the evidence or the policy cannot be read); 64 wrong usage. The manual: docs/verification-manual.vi.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.cli.screen import EX_INPUT, EX_OK, EX_REFUSED, EX_USAGE, EX_WRONG, as_moment, failure, out, plain, say
from gateway.clock import Clock
from signing.errors import SigningError, reason_vi
from signing.evidence_folder import read_evidence
from signing.grounds import Grounds
from signing.model import Evidence, Indication
from signing.policy import DEFAULT_POLICY
from signing.policy_file import read_policy
from signing.rendering import as_html, as_json, as_pdf
from signing.rendering.words import Section, laid_out
from signing.report import Report
from signing.trust import TrustStore
from signing.trust_folder import read_trust
from signing.verifying import verify_confined

_CODES = {Indication.TOTAL_PASSED: EX_OK, Indication.TOTAL_FAILED: EX_WRONG, Indication.INDETERMINATE: EX_REFUSED}
_GRAVEST = (EX_INPUT, EX_WRONG, EX_REFUSED, EX_OK)
_PAPERS: dict[str, Callable[[Report, str], bytes]] = {".html": as_html, ".pdf": as_pdf}
_COLOURS = {Indication.TOTAL_PASSED: "green", Indication.TOTAL_FAILED: "red", Indication.INDETERMINATE: "yellow"}
_MARKS = {"passed": "[green]✓[/]", "failed": "[bold red]✗[/]", "note": "[yellow]![/]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("files", metavar="TỆP", nargs="+", type=Path)
    parser.add_argument(
        "--trust", metavar="THƯ_MỤC", type=Path, help="chứng thư gốc tin cậy: {public-duty,public}/*.pem, anchors.toml"
    )
    parser.add_argument("--evidence", metavar="THƯ_MỤC", type=Path, help="chứng thư, *.crl, *.ocsp, received.toml")
    parser.add_argument("--policy", metavar="TỆP", type=Path, help="chính sách kiểm tra (TOML); mặc định vn-default-1")
    parser.add_argument(
        "--at", metavar="LÚC", type=as_moment, help="xét tại thời điểm này (ISO 8601; không ghi múi giờ: giờ Việt Nam)"
    )
    parser.add_argument(
        "--content", metavar="TỆP", type=Path, help="tệp gốc của chữ ký tách rời (mặc định: tên chữ ký bỏ đuôi .p7s)"
    )
    parser.add_argument("--detail", action="store_true", help="hiện cả các bước đạt, không chỉ đếm")
    parser.add_argument("--json", action="store_true", help="mỗi tệp một dòng JSON, cho máy")
    parser.add_argument("--report", metavar="TỆP", type=Path, help="ghi báo cáo .html hoặc .pdf (chỉ với một tệp)")


def run(arguments: argparse.Namespace) -> int:
    """Judge every file; the gravest outcome gives the exit code."""
    wrong = _misused(arguments)
    if wrong:
        failure(f"Sai cú pháp: {wrong}")
        return EX_USAGE
    try:
        grounds = _grounds(arguments)
    except SigningError as error:
        failure(error.message_vi)
        return EX_INPUT
    codes = [_judged(path, arguments, grounds) for path in arguments.files]
    return min(codes, key=_GRAVEST.index)


def _misused(arguments: argparse.Namespace) -> str:
    if arguments.report is not None and len(arguments.files) > 1:
        return "--report chỉ dùng với một tệp"
    if arguments.report is not None and arguments.report.suffix.lower() not in _PAPERS:
        return "--report phải có đuôi .html hoặc .pdf"
    if arguments.content is not None and len(arguments.files) > 1:
        return "--content chỉ dùng với một tệp"
    return ""


def _grounds(arguments: argparse.Namespace) -> Grounds:
    return Grounds(
        trust=read_trust(arguments.trust) if arguments.trust is not None else TrustStore(),
        at=arguments.at or Clock().now(),
        evidence=read_evidence(arguments.evidence) if arguments.evidence is not None else Evidence(),
        policy=read_policy(arguments.policy) if arguments.policy is not None else DEFAULT_POLICY,
    )


def _judged(path: Path, arguments: argparse.Namespace, grounds: Grounds) -> int:
    """One file: its verdict said, its report written."""
    try:
        content = arguments.content or _beside(path)
        report = verify_confined(path, grounds, {content.name: content} if content is not None else None)
        if arguments.json:
            sys.stdout.buffer.write(as_json(report, str(path)))
            sys.stdout.buffer.flush()
        else:
            _tell(report, path, arguments)
        if arguments.report is not None:
            arguments.report.write_bytes(_PAPERS[arguments.report.suffix.lower()](report, path.name))
            if not arguments.json:
                say(f"Báo cáo: {plain(str(arguments.report))}")
    except SigningError as error:
        failure(error.message_vi)
        return EX_INPUT
    except OSError as error:
        failure(f"Không ghi được {arguments.report}: {reason_vi(error)}.")
        return EX_INPUT
    return _CODES[report.conclusion]


def _beside(path: Path) -> Path | None:
    """The file that a detached signature most likely signs: the same name without `.p7s`, where it stands."""
    if path.suffix.lower() not in (".p7s", ".p7m", ".p7b", ".sig"):
        return None
    content = path.with_suffix("")
    return content if content.is_file() else None


def _signed_beside(path: Path) -> Path | None:
    """The detached signature that most likely signs this file: the same name and `.p7s`."""
    signature = path.with_name(f"{path.name}.p7s")
    return signature if signature.is_file() else None


def _tell(report: Report, path: Path, arguments: argparse.Namespace) -> None:
    """The verdict for people, the same words as on paper; what held is only counted unless all is asked for."""
    sheet = laid_out(report, str(path))
    for section in (sheet.document, *sheet.signatures):
        _section(section, every=arguments.detail)
    if report.conclusion is Indication.TOTAL_FAILED and not report.signatures and (signature := _signed_beside(path)):
        say(f"[yellow]![/] Chữ ký tách rời có lẽ ở tệp bên cạnh; hãy kiểm tra tệp đó: {plain(str(signature))}")
    if arguments.trust is None:
        say("[yellow]![/] Chưa chỉ ra thư mục tin cậy (--trust): không chứng thư số nào nối được tới gốc.")


def _section(section: Section, *, every: bool) -> None:
    verdict = section.verdict
    say(f"\n[bold]{plain(section.title)}[/]")
    say(f"[bold {_COLOURS[verdict.tone]}]{plain(verdict.headline)}[/]")
    for text in filter(None, (verdict.meaning, f"Việc cần làm: {verdict.advice}" if verdict.advice else "")):
        say(plain(text))
    for label, value in section.rows:
        out.print(f"  {plain(label + ':'):28} {plain(value)}", soft_wrap=True)
    held = sum(check.mark == "passed" for check in section.checks)
    if held and not every:
        say(f"  {_MARKS['passed']} {held} bước kiểm tra đạt")
    for check in section.checks:
        if check.mark == "passed" and not every:
            continue
        detail = f" [dim]{plain(check.detail)}[/]" if check.detail else ""
        say(f"  {_MARKS[check.mark]} {plain(check.text)} [dim]{plain('[' + check.code + ']')}[/]{detail}")
