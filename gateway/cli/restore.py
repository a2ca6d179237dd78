"""`gateway restore`: a backup becomes the embedded store again, examined before it is put there."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.bootstrap import cabinets
from gateway.bootstrap.kek import kek_of
from gateway.bootstrap.stores import trusted_openings
from gateway.cli.disk import told_of_disk
from gateway.cli.evidence import show
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_WRONG, failure, print_json, say
from gateway.config import load
from gateway.evidence.check import check
from gateway.journal import backing_up, embedded_tables
from gateway.journal.sealing import KeyRing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from."""
    parser.add_argument("folder", type=Path, metavar="THƯ_MỤC", help="bản sao lưu do gateway backup làm ra")
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Examine the backup and its key, then put it in place; the store that stood there must have been moved away."""
    loaded = load(arguments.config)
    if loaded.settings.storage.postgres is not None:
        failure("Kho này ở PostgreSQL: phục hồi bằng công cụ của PostgreSQL, xem docs/operations.md.")
        return EX_REFUSED
    backing_up.note_of(arguments.folder)
    keys = KeyRing(kek_of(loaded))
    keys.check(embedded_tables.key_proof(arguments.folder))
    report = check(arguments.folder, trusted_openings(loaded, ()))
    if not report.holds:
        show(report)
        failure(f"{arguments.folder}: bằng chứng của bản sao lưu không khớp; không có gì được dựng lại.")
        return EX_WRONG
    places = backing_up.Places(loaded.data_dir(), cabinets.folder(loaded))
    with told_of_disk(places.store):
        note = backing_up.restore(arguments.folder, places)
    if arguments.json:
        print_json({"made_at": note.made_at, "files": note.files})
        return EX_OK
    say(f"[green]✓[/] Đã dựng lại kho của thời điểm {note.made_at}.")
    say("Khi gateway serve chạy, mọi thông điệp còn mở trong kho này sẽ được hỏi lại trước khi gửi.")
    say("Sự kiện nhận sau thời điểm đó không còn: hãy yêu cầu các hệ thống nguồn đẩy lại, rồi chạy gateway reconcile.")
    return EX_OK
