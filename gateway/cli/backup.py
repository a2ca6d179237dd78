"""`gateway backup`: a copy of the embedded store while it runs, examined before it counts as one."""

from __future__ import annotations

import argparse
from datetime import UTC
from pathlib import Path

from gateway.bootstrap import cabinets
from gateway.bootstrap.stores import trusted_openings
from gateway.cli.disk import told_of_disk
from gateway.cli.evidence import show
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_WRONG, failure, print_json, say
from gateway.clock import Clock
from gateway.config import load
from gateway.evidence.check import check
from gateway.journal import backing_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("folder", type=Path, metavar="THƯ_MỤC", help="thư mục mới cho bản sao lưu, nên ở ổ đĩa khác")
    parser.add_argument("--no-check", action="store_true", help="không kiểm tra bằng chứng của bản sao (kiểm tra sau)")
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Copy, then examine the copy; 1 when its evidence does not hold."""
    loaded = load(arguments.config)
    if loaded.settings.storage.postgres is not None:
        failure("Kho này ở PostgreSQL: sao lưu bằng pg_basebackup và lưu trữ WAL, xem docs/operations.md.")
        return EX_REFUSED
    now_iso = Clock().now().astimezone(UTC).isoformat()
    places = backing_up.Places(loaded.data_dir(), cabinets.folder(loaded))
    with told_of_disk(arguments.folder):
        note = backing_up.back_up(places, arguments.folder, now_iso)
    report = None if arguments.no_check else check(arguments.folder, trusted_openings(loaded, ()))
    holds = report is None or report.holds
    if arguments.json:
        print_json({"folder": str(arguments.folder), "made_at": note.made_at, "files": note.files, "holds": holds})
        return EX_OK if holds else EX_WRONG
    if report is not None:
        show(report)
    if not holds:
        failure(f"{arguments.folder}: bằng chứng của bản sao không khớp; kho đang chạy cũng cần được kiểm tra.")
        return EX_WRONG
    say(f"[green]✓[/] {arguments.folder}: {note.database_bytes + note.bytes} byte, {note.files} tệp.")
    say(
        "Khóa mã hóa khóa (storage.key hoặc storage.key_file) và cấu hình KHÔNG nằm trong bản sao: sao lưu riêng, cất nơi khác."
    )
    return EX_OK
