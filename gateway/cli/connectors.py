"""`gateway connectors check`: every connector folder, judged by the inspector."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from connectors.kit import inspect
from gateway.cli.screen import EX_OK, EX_WRONG, failure, print_json, say

NAME = "connectors"
HELP = "Kiểm tra các thư mục đầu nối"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check`, for all folders or one."""
    parser.add_argument("action", choices=("check",))
    parser.add_argument("name", nargs="?", default="", metavar="TÊN")
    parser.add_argument("--json", action="store_true", help="in kết quả dạng JSON cho chương trình")


def run(arguments: argparse.Namespace) -> int:
    """Print what the inspector found; 1 when anything is wrong."""
    findings = inspect.inspect_all(arguments.name)
    if arguments.json:
        print_json({"ok": not findings, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            failure(f"{finding.connector}: {finding.code}: {finding.message_vi}")
        if not findings:
            say("[green]✓[/] Mọi thư mục đầu nối đều đạt.")
    return EX_WRONG if findings else EX_OK
