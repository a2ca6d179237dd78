"""`gateway config`: `check` names every wrong key of a configuration at once, `example` prints every key that there is."""

from __future__ import annotations

import argparse
import asyncio
import sys

from rich.markup import escape

from gateway.bootstrap.checking import checked
from gateway.bootstrap.example import example
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_CONFIG, EX_OK, failure, print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Check, or print the example."""
    parser.add_argument(
        "action", choices=("check", "example"), help="check: kiểm tra tệp; example: in mọi khóa với mặc định và ý nghĩa"
    )
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the file, the connectors' own settings, what references and paths lead to; or print every key."""
    if arguments.action == "example":
        sys.stdout.write(example())
        return EX_OK
    found = asyncio.run(checked(arguments.config))
    if arguments.json:
        print_json({"ok": not found.faults, "faults": found.faults, "warnings": found.warnings})
        return EX_CONFIG if found.faults else EX_OK
    for fault in found.faults:
        failure(fault)
    for warning in found.warnings:
        say(f"[yellow]![/] {escape(warning)}")
    if not found.faults:
        say("[green]✓[/] Cấu hình hợp lệ.")
    return EX_CONFIG if found.faults else EX_OK
