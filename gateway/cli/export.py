"""`gateway export`: the whole store into a folder, so that it can move to another kind of store, or to another server."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.bootstrap.moving import export_store
from gateway.cli.disk import told_of_disk
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_OK, print_json, say
from gateway.clock import Clock
from gateway.config import load
from gateway.journal.carried import Part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("folder", type=Path, metavar="THƯ_MỤC", help="thư mục mới, hoặc thư mục của lần xuất dở dang")
    parser.add_argument(
        "--stay",
        action="store_true",
        help="chỉ sao chép: kho này tiếp tục phục vụ (nếu không, kho này sẽ không mở được nữa)",
    )
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write it, and say what has to travel separately."""
    quiet = arguments.json

    def said(part: Part) -> None:
        if not quiet:
            say(f"  {part.name}: {part.rows} dòng")

    loaded = load(arguments.config)
    with told_of_disk(arguments.folder):
        packed = export_store(loaded, arguments.folder, said, Clock(), stay=arguments.stay)
    manifest = packed.manifest
    if quiet:
        told = {
            "rows": manifest.rows,
            "parts": len(manifest.parts),
            "digest": manifest.digest,
            "resumed": packed.resumed,
        }
        print_json({**told, "restarted": packed.restarted})
        return EX_OK
    if packed.restarted:
        say("Kho đã thay đổi sau lần xuất dở dang trước; phần cũ đã được bỏ và xuất lại từ đầu.")
    elif packed.resumed:
        say(f"Tiếp tục lần xuất trước: {packed.resumed} phần đã có sẵn.")
    say(f"[green]✓[/] Đã xuất {manifest.rows} dòng, {len(manifest.parts)} phần. Mã kiểm: {manifest.digest}")
    say(
        "Khóa mã hóa khóa (storage.key hoặc storage.key_file) KHÔNG nằm trong bản xuất: hãy mang riêng, bằng đường khác."
    )
    if not arguments.stay:
        say("Kho này không mở được nữa: hai kho cùng chạy sẽ gửi mỗi thông điệp hai lần (docs/operations.md, mục 6).")
    return EX_OK
