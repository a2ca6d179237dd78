"""`gateway migrate`: bring the tables of the store up to date; with `--check` only say what is missing.

`pre` steps fit the program before and after them: they are applied before the new program starts, while the old one runs on.
`post` steps wait until every live node runs a program that knows them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from gateway.bootstrap.upgrades import Upgraded, looked, upgraded
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_OK, EX_WRONG, failure, print_json, say
from gateway.config import load
from gateway.journal.statements import Migration
from gateway.journal.upgrading import SAME_VI, Standing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Look or apply."""
    parser.add_argument(
        "--check", action="store_true", help="chỉ nêu những gì còn thiếu hoặc khác, không đổi gì; có: mã thoát 1"
    )
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing is missing (any more), or only what rightly waits for older nodes; 1 otherwise."""
    loaded = load(arguments.config)
    done = Upgraded(looked(loaded)) if arguments.check else upgraded(loaded)
    left = done.left
    if arguments.json:
        print_json({"complete": left.complete, "applied": done.applied, **_told(left)})
    else:
        _show(done)
    waiting = bool(done.applied) or not arguments.check
    fine = left.complete or (waiting and left.older and replace(left, post=()).complete)
    return EX_OK if fine else EX_WRONG


def _told(left: Standing) -> dict[str, Sequence[str]]:
    named = {"pre": _names(left.pre), "post": _names(left.post), "partitions": left.partitions}
    return {**named, "older_nodes": left.older, "strange": left.strange, "altered": left.altered}


def _names(steps: Sequence[Migration]) -> list[str]:
    return [step.name for step in steps]


def _show(done: Upgraded) -> None:
    left = done.left
    for name in done.applied:
        say(f"[green]✓[/] Đã thực hiện {name}")
    for name in left.strange:
        failure(f"{name}: kho đã được nâng cấp cho chương trình mới hơn; hãy dùng bản mới đó")
    for name in left.altered:
        failure(f"{name}: khác với bước đã thực hiện trên kho này; {SAME_VI}")
    for name in _names(left.pre):
        failure(f"{name}: còn thiếu; thực hiện được ngay khi bản cũ còn chạy (gateway migrate)")
    for name in _names(left.post):
        why = f"chờ nút còn chạy bản cũ: {', '.join(left.older)}" if left.older else "hãy chạy gateway migrate"
        failure(f"{name}: còn thiếu; {why}")
    for name in left.partitions:
        failure(f"phân vùng {name}: chưa có; hãy chạy gateway migrate")
    if left.complete:
        say("[green]✓[/] Kho dữ liệu đã đủ mọi bước nâng cấp.")
