"""`gateway mappings lint` and `gateway mappings explain FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
from rich.markup import escape

from connectors.kit import registry
from gateway.cli.screen import EX_INPUT, EX_OK, EX_USAGE, EX_WRONG, failure, out, print_json, say, table
from gateway.config import Intake
from gateway.errors import IntakeError
from gateway.intake.validate import Limits, validate_dossier, validate_event
from mappings.explain import FAULT, WARNING, ExplainRow, explain, title_of
from mappings.lint import lint_all

NAME = "mappings"
_HEADINGS = ("Trường gửi đến", "Giá trị gửi", "Trường của Cổng", "Bảng mã", "Dòng", "Kết quả")
_TABLE_WIDTH = 120
HELP = "Kiểm tra các bảng mã (lint) hoặc giải thích cách dịch một tệp (explain)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`lint` all tables, or `explain` one file."""
    parser.add_argument("action", choices=("lint", "explain"))
    parser.add_argument("file", nargs="?", type=Path, metavar="TỆP", help="sự kiện hoặc hồ sơ dạng JSON, cho explain")
    parser.add_argument("--json", action="store_true", help="in kết quả dạng JSON cho chương trình")


def run(arguments: argparse.Namespace) -> int:
    """Lint or explain."""
    if arguments.action == "lint":
        return _lint(as_json=arguments.json)
    if arguments.file is None:
        failure("Cần nêu tệp: gateway mappings explain TỆP")
        return EX_USAGE
    try:
        raw = arguments.file.read_bytes()
        tree = msgspec.json.decode(raw)
    except (OSError, msgspec.DecodeError) as error:
        failure(f"{arguments.file}: không đọc được JSON ({error})")
        return EX_INPUT
    rows = _with_schema(raw, explain(tree))
    if arguments.json:
        print_json([asdict(row) for row in rows])
    else:
        _tell(arguments.file.name, rows)
    return EX_OK


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
    findings = lint_all(profiles)
    if as_json:
        print_json({"ok": not findings, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            failure(f"{finding.table}: {finding.code}: {finding.message_vi}")
        if not findings:
            say("[green]✓[/] Mọi bảng mã đều đủ, không nhập nhằng, có ngày hiệu lực và nguồn.")
    return EX_WRONG if findings else EX_OK
