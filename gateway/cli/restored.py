"""`gateway restored`: the operator says that the store is of an earlier moment than what was sent to the upstreams."""

from __future__ import annotations

import argparse

from gateway.bootstrap.moving import mark_restored
from gateway.cli.operate import common_arguments
from gateway.cli.operators import whoami
from gateway.cli.screen import EX_OK, EX_REFUSED, as_moment, failure, print_json, say
from gateway.clock import Clock
from gateway.config import load

_REASON = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Since when, and why."""
    parser.add_argument(
        "--to",
        type=as_moment,
        metavar="THỜI_ĐIỂM",
        help="thời điểm mà kho được phục hồi về; không nêu: mọi thông điệp còn mở",
    )
    parser.add_argument(
        "--reason", required=True, metavar="LÝ_DO", help="lý do, ít nhất 10 ký tự; được ghi vào nhật ký kiểm toán"
    )
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Bring what is open into doubt; the gateway is stopped meanwhile."""
    if len(arguments.reason.strip()) < _REASON:
        failure(f"--reason: cần ít nhất {_REASON} ký tự")
        return EX_REFUSED
    doubted = mark_restored(load(arguments.config), arguments.to, (whoami(), arguments.reason.strip()), Clock())
    if arguments.json:
        print_json({"deliveries": doubted.deliveries, "lanes": doubted.lanes})
        return EX_OK
    say(f"[green]✓[/] {doubted.deliveries} thông điệp của {doubted.lanes} luồng sẽ được hỏi lại trước khi gửi.")
    say("Thao tác nào không hỏi lại được và gửi lặp gây hại sẽ được giữ lại chờ người quyết định (gateway lanes).")
    return EX_OK
