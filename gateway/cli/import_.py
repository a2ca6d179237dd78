"""`gateway import`: an export becomes the new store of this configuration, once its evidence has been found whole."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.bootstrap.moving import import_store
from gateway.cli.disk import told_of_disk
from gateway.cli.evidence import show
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_OK, EX_WRONG, failure, print_json, say
from gateway.clock import Clock
from gateway.config import load
from gateway.journal.carried import Part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from."""
    parser.add_argument("folder", type=Path, metavar="THƯ_MỤC", help="thư mục của bản xuất (gateway export)")
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Take it in; 1 when its evidence does not hold, and the store stays shut."""
    quiet = arguments.json

    def said(part: Part) -> None:
        if not quiet:
            say(f"  {part.name}: {part.rows} dòng")

    loaded = load(arguments.config)
    with told_of_disk(loaded.data_dir()):
        imported = import_store(loaded, arguments.folder, said, Clock())
    report = imported.report
    if quiet:
        print_json({"rows": imported.rows, "export": imported.export, "holds": report.holds, "faults": report.count})
        return EX_OK if report.holds else EX_WRONG
    show(report)
    if not report.holds:
        failure(
            "Bằng chứng không khớp: kho mới không được mở. Hãy kiểm tra bản xuất và kho cũ (gateway evidence check)."
        )
        return EX_WRONG
    say(f"[green]✓[/] Đã nhập {imported.rows} dòng. Kho mới sẵn sàng cho gateway serve.")
    return EX_OK
