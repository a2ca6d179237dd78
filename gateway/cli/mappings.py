"""`gateway mappings lint`, `gateway mappings explain FILE [--profile NAME]` and `gateway mappings coverage`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape

from connectors.kit import registry
from gateway.cli.operate import common_arguments, send
from gateway.cli.screen import EX_INPUT, EX_OK, EX_REFUSED, EX_USAGE, EX_WRONG, failure, out, print_json, say, table
from gateway.config import Intake
from gateway.errors import IntakeError, Invalid
from gateway.intake import foreign
from gateway.intake.validate import Limits, validate_dossier, validate_event
from mappings.dates import local_date
from mappings.dialect import Dialect
from mappings.dialect_file import dialect_names, load_dialect
from mappings.explain import FAULT, WARNING, ExplainRow, explain, portal_status, title_of
from mappings.explain_dialect import explain_translation
from mappings.faults import SectorFault
from mappings.lint import LintFinding, lint_all
from mappings.tables import SECTORS, TableUnreadable
from mappings.translation import Fate

_HEADINGS = ("Trường gửi đến", "Giá trị gửi", "Trường của Cổng", "Bảng mã", "Dòng", "Kết quả")
_COUNTED = (
    "Đường dẫn",
    "Đã dùng",
    "Đối chiếu",
    "Trống",
    "Bỏ qua",
    "Chưa biết",
    "Lỗi",
    "Trường của Cổng hoặc lý do bỏ qua",
)
_TABLE_WIDTH = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`lint` all tables and profiles, `explain` one file, or count the `coverage` of real traffic."""
    common_arguments(parser)
    parser.add_argument("action", choices=("lint", "explain", "coverage"))
    parser.add_argument("file", nargs="?", type=Path, metavar="TỆP", help="thông điệp JSON hoặc XML, cho explain")
    parser.add_argument(
        "--profile",
        default=foreign.OWN,
        metavar="TÊN",
        help="hồ sơ kết nối mà tệp theo, cho explain (mặc định: chuẩn của Cổng)",
    )
    parser.add_argument("--system", default="", metavar="MÃ_HỆ_THỐNG", help="hệ thống gửi, cho explain và coverage")
    parser.add_argument(
        "--last", type=int, default=500, metavar="N", help="cho coverage: số thông điệp gần nhất (mặc định 500)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Lint, explain or count."""
    if arguments.action == "lint":
        return _lint(as_json=arguments.json)
    if arguments.action == "coverage":
        return _coverage(arguments)
    if arguments.file is None:
        failure("Cần nêu tệp: gateway mappings explain TỆP")
        return EX_USAGE
    profile = getattr(arguments, "profile", foreign.OWN)
    try:
        raw = arguments.file.read_bytes()
        if profile == foreign.OWN:
            rows = _with_schema(raw, explain(msgspec.json.decode(raw)))
        else:
            rows = _of_dialect(raw, load_dialect(profile), arguments.system or "SEC-DEMO")
    except (OSError, msgspec.DecodeError) as error:
        failure(f"{arguments.file}: không đọc được JSON ({error})")
        return EX_INPUT
    except TableUnreadable as error:
        failure(f"{error}. Có: {', '.join((foreign.OWN, *dialect_names()))}.")
        return EX_USAGE
    if arguments.json:
        print_json([asdict(row) for row in rows])
    else:
        _tell(arguments.file.name, rows)
    return EX_OK


def _of_dialect(raw: bytes, dialect: Dialect, system: str) -> list[ExplainRow]:
    """The rows of a foreign message, with all that the door would refuse; what has no tree has its faults alone."""
    limits = Limits.of(Intake())
    sent = foreign.message(raw, foreign.MEDIA_TYPES[dialect.form.format][0])
    try:
        translation = foreign.read(sent, dialect, system, limits)
    except Invalid as refused:
        return [ExplainRow(fault.pointer, "", "", "", 0, f"{FAULT}: {fault.message_vi}") for fault in refused.faults]
    event, faults = foreign.judge(translation, system, limits)
    told = [SectorFault(fault.code, fault.pointer, fault.message_vi) for fault in faults]
    rows = list(explain_translation(translation, told))
    if event is not None:
        rows.append(portal_status(event.state, event.outcome, local_date(event.occurred_at)))
    return rows


def _with_schema(raw: bytes, rows: Sequence[ExplainRow]) -> list[ExplainRow]:
    """The rows with what the published schema refuses, so that the verdict is the one that the door would give."""
    limits, is_event = Limits.of(Intake()), any(row.field in ("event_id", "sequence") for row in rows)
    try:
        (validate_event if is_event else validate_dossier)(raw, "application/json", limits)
    except IntakeError as error:
        told = {row.pointer for row in rows if FAULT in row.result}
        refused = {fault.pointer: f"{FAULT}: {fault.message_vi}" for fault in error.faults if fault.pointer not in told}
        found = [replace(row, result=refused.pop(row.pointer)) if row.pointer in refused else row for row in rows]
        return found + [ExplainRow(pointer, "", "", "", 0, result) for pointer, result in refused.items()]
    return list(rows)


def _tell(name: str, rows: Sequence[ExplainRow]) -> None:
    """The explanation for people: a table where there is room for one, else a paragraph a field; the verdict last."""
    title = f"Cách dịch {name}: mỗi dòng là một trường; tên và số của người được che"
    if out.width >= _TABLE_WIDTH:
        table(title, _HEADINGS, (_cells(row) for row in rows))
    else:
        say(f"[bold]{title}[/]")
        for row in rows:
            _paragraph(row)
    faults, warnings = (sum(mark in row.result for row in rows) for mark in (FAULT, WARNING))
    if faults:
        failure(f"{faults} trường có lỗi: nếu gửi, nội dung này bị từ chối. Hãy sửa các dòng ghi “{FAULT}”.")
    else:
        say(f"[green]✓[/] Không thấy lỗi ({len(rows)} dòng, {warnings} cảnh báo).")


def _cells(row: ExplainRow) -> tuple[str, ...]:
    decided = f"{title_of(row.table)} ({row.table})" if row.table else ""
    return row.pointer or "/", row.value, row.field, decided, str(row.row) if row.row else "", _result(row)


def _paragraph(row: ExplainRow) -> None:
    """One field on a narrow screen; what is empty is left out."""
    pointer, value, field, decided, number, result = _cells(row)
    for heading, text in zip(_HEADINGS, (pointer, value, field, decided, number, result), strict=True):
        if heading == _HEADINGS[0]:
            say(f"[bold]{escape(text)}[/]")
        elif text:
            say(f"  {heading}: {escape(text)}")


def _result(row: ExplainRow) -> str:
    return "giữ nguyên" if row.result == row.value and row.value else row.result


def _lint(*, as_json: bool) -> int:
    profiles = [place for _, folder in registry.folders().values() for place in sorted(folder.glob("profiles/*/"))]
    findings = [*lint_all(profiles), *_bad_examples()]
    if as_json:
        print_json({"ok": not findings, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            failure(f"{finding.table}: {finding.code}: {finding.message_vi}")
        if not findings:
            say(
                "[green]✓[/] Mọi bảng mã đều đủ, không nhập nhằng, có ngày hiệu lực và nguồn; mọi hồ sơ kết nối đọc được."
            )
    return EX_WRONG if findings else EX_OK


def _bad_examples() -> Iterator[LintFinding]:
    """Example messages that the door itself would not take, or of which it would not know a field."""
    for name in dialect_names():
        try:
            dialect = load_dialect(name)
        except TableUnreadable:
            continue  # told by the linter already
        for example in dialect.examples:
            place = SECTORS.joinpath(*example.split("/"))
            if not place.is_file():
                continue
            rows = _of_dialect(place.read_bytes(), dialect, "SEC-DEMO")
            for row in rows:
                if FAULT in row.result or WARNING in row.result:
                    yield LintFinding("bad_example", name, 0, f"{example}: {row.pointer or '/'}: {row.result}")


def _coverage(arguments: argparse.Namespace) -> int:
    """Paths and counts of the last messages of a system; the read of its originals is audited by the gateway."""
    if not arguments.system:
        failure("Cần nêu hệ thống: gateway mappings coverage --system MÃ_HỆ_THỐNG")
        return EX_USAGE
    try:
        told = send(arguments, "coverage", {"system": arguments.system, "last": str(arguments.last)})
    except IntakeError as error:
        failure(error.message_vi)
        return EX_REFUSED
    if arguments.json:
        print_json(told)
    else:
        _tell_coverage(told)
    return EX_OK


def _tell_coverage(told: dict[str, Any]) -> None:
    rows = [
        (entry["path"], *(entry[fate.value] or "" for fate in Fate), ", ".join(entry["to"]) or entry["reason"])
        for entry in told["fields"]
    ]
    table(f"{told['system']}: {told['messages']} thông điệp gần nhất, hồ sơ kết nối {told['profile']}", _COUNTED, rows)
    if told.get("no_longer_kept"):
        say(
            f"{told['no_longer_kept']} thông điệp không còn lưu: tháng của chúng đã được bỏ khỏi kho theo lệnh (gateway retire)."
        )
    if told["unreadable"]:
        say(f"{told['unreadable']} thông điệp không đọc được theo hồ sơ này (có thể gửi trước khi đổi chuẩn).")
    unknown = [entry["path"] for entry in told["fields"] if entry[Fate.UNKNOWN.value]]
    if unknown:
        say(f"Chưa biết {len(unknown)} trường: {escape(', '.join(unknown))}.")
    say(f"Trường của Cổng chưa bao giờ có giá trị: {escape(', '.join(told['never_fed'])) or 'không có'}.")
