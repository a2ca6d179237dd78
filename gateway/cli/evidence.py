"""`gateway evidence check`: does the store still say what its evidence vouches for; if not, from which leaf on."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from gateway.bootstrap.stores import examined_database, trusted_openings
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_OK, EX_UNAVAILABLE, EX_WRONG, failure, local, plain, print_json, say, table
from gateway.config import load
from gateway.evidence.check import Fault, Report, check, check_shared

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with the evidence."""
    parser.add_argument("action", choices=("check",), help="đối chiếu mọi dòng của kho với chuỗi bằng chứng (chỉ đọc)")
    common_arguments(parser)
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        type=Path,
        metavar="TỆP_PEM",
        help="tin thêm khóa công khai này (mở chuỗi)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check, print what was found; 1 when something no longer holds. The store is only read, in use or at rest."""
    loaded = load(arguments.config)
    folder, trust = loaded.data_dir(), trusted_openings(loaded, arguments.trust)
    if loaded.settings.storage.postgres is not None:
        report = check_shared(examined_database(loaded, loaded.settings.storage.postgres), trust)
    elif not (folder / "journal.db").exists():
        failure(f"{folder}: không có kho dữ liệu nào ở đây")
        return EX_UNAVAILABLE
    else:
        report = check(folder, trust)
    if arguments.json:
        first = report.faults[0] if report.faults else None
        print_json({**asdict(report), "holds": report.holds, "first": None if first is None else asdict(first)})
    else:
        show(report)
    return EX_OK if report.holds else EX_WRONG


def show(report: Report) -> None:
    """What an examination came to, for people."""
    say(f"Đã xem {report.chains} chuỗi, {report.leaves} mắt xích, {report.rows} dòng.")
    say(f"Bản ghi mở đầu chuỗi: {report.signed} được ký, {report.unsigned} không ký (lúc mở chưa đặt evidence.key).")
    if report.retired:
        say(f"{report.retired} dòng không còn để đối chiếu: phân vùng của chúng đã được bỏ theo lệnh có ghi nhận.")
    for part in report.dropped:
        say(f"  {plain(part)}")
    for note in report.notes_vi:
        say(f"[yellow]![/] {note}")
    if report.holds:
        say("[green]✓[/] Mọi dòng của kho đều đúng như chuỗi bằng chứng ghi nhận.")
        return
    failure(f"Có {report.count} chỗ không còn đúng. Chỗ đầu tiên: {_told(report.faults[0])}")
    table(
        "Những chỗ không còn đúng, theo thứ tự của mắt xích",
        ("Chuỗi", "Mắt xích", "Lúc", "Hồ sơ", "Dòng", "Vì sao"),
        (
            (
                fault.writer or "—",
                fault.n or "—",
                local(fault.at.isoformat()) if fault.at else "",
                fault.dossier,
                fault.row,
                fault.reason_vi,
            )
            for fault in report.faults[:_SHOWN]
        ),
    )


def _told(fault: Fault) -> str:
    """One fault in a sentence."""
    if not fault.n:
        return f"{fault.row}: {fault.reason_vi}"
    when = f", lúc {local(fault.at.isoformat())}" if fault.at else ""
    about = f", hồ sơ {fault.dossier}" if fault.dossier else ""
    return f"mắt xích {fault.n} của chuỗi {fault.writer}{when}{about}, {fault.row}: {fault.reason_vi}"
