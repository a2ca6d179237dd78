"""`gateway connectors check|new`: every connector folder judged by the inspector; the skeleton of a new one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from connectors.kit import inspect
from connectors.kit.skeleton import SkeletonRefused, write_skeleton
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_WRONG, failure, print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check` for all folders, one, or one that is not installed; `new NAME`."""
    parser.add_argument("action", choices=("check", "new"))
    parser.add_argument("name", nargs="?", default="", metavar="TÊN")
    parser.add_argument("--json", action="store_true", help="in kết quả dạng JSON cho chương trình")
    parser.add_argument("--folder", type=Path, metavar="THƯ_MỤC", help="check: thư mục của đầu nối chưa được cài")
    parser.add_argument("--into", type=Path, default=Path(), metavar="THƯ_MỤC", help="new: nơi tạo thư mục đầu nối")


def run(arguments: argparse.Namespace) -> int:
    """Check, or make."""
    return _new(arguments) if arguments.action == "new" else _check(arguments)


def _check(arguments: argparse.Namespace) -> int:
    """Print what the inspector found; 1 when anything is wrong."""
    if arguments.folder is not None:
        # A connector of somebody else keeps its own list of gaps.
        name = arguments.name or arguments.folder.resolve().name
        findings = inspect.inspect_folder(name, arguments.folder, None)
    else:
        findings = inspect.inspect_all(arguments.name)
    if arguments.json:
        print_json({"ok": not findings, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            failure(f"{finding.connector}: {finding.code}: {finding.message_vi}")
        if not findings:
            say("[green]✓[/] Mọi thư mục đầu nối đều đạt.")
    return EX_WRONG if findings else EX_OK


def _new(arguments: argparse.Namespace) -> int:
    """Write a skeleton, and say what comes next; 2 when it is refused."""
    try:
        written = write_skeleton(arguments.name, arguments.into)
    except SkeletonRefused as error:
        failure(str(error))
        return EX_REFUSED
    folder = arguments.into / arguments.name
    if arguments.json:
        print_json({"ok": True, "folder": str(folder), "files": [str(path) for path in written]})
        return EX_OK
    say(f"[green]✓[/] Đã tạo khung đầu nối {arguments.name} tại {folder} ({len(written)} tệp).")
    say("Việc tiếp theo: thay các chỗ ghi TODO theo tài liệu của hệ thống; xem docs/adding-a-connector.md.")
    say(f"Kiểm tra: gateway connectors check --folder {folder}")
    say(f'Cài ngoài cây mã này: khai báo entry point tthc_gateway.connectors: {arguments.name} = "{arguments.name}"')
    return EX_OK
