"""`gateway mappings lint` and `gateway mappings explain FILE`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import msgspec

from connectors.kit import registry
from gateway.cli.screen import EX_INPUT, EX_OK, EX_USAGE, EX_WRONG, failure, print_json, say, table
from mappings.explain import explain
from mappings.lint import lint_all

NAME = "mappings"
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
        tree = msgspec.json.decode(arguments.file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        failure(f"{arguments.file}: không đọc được JSON ({error})")
        return EX_INPUT
    rows = explain(tree)
    if arguments.json:
        print_json([asdict(row) for row in rows])
    else:
        fields = list(asdict(rows[0])) if rows else []
        table(f"Cách dịch {arguments.file.name}", fields, ([asdict(row)[field] for field in fields] for row in rows))
    return EX_OK


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
