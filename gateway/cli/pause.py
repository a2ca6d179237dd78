"""`gateway pause UPSTREAM|--all`: send nothing until it is resumed, or in a planned window; intake still stores."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.cli.operate import decide, decision_arguments, moment, send
from gateway.cli.screen import EX_OK, EX_USAGE, failure, local, pick, print_json, table

_PHASE_VI = {"planned": "sắp tới", "active": "đang hiệu lực", "ended": "đã xong", "cancelled": "đã hủy"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which upstream, when, and why."""
    decision_arguments(parser, may_look=True)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("upstream", nargs="?", default="", metavar="HỆ_THỐNG")
    which.add_argument("--all", action="store_true", help="mọi hệ thống nhận")
    which.add_argument("--cancel", default="", metavar="MÃ", help="hủy một kế hoạch, hoặc kết thúc sớm")
    which.add_argument("--list", action="store_true", help="liệt kê các kế hoạch tạm dừng")
    parser.add_argument(
        "--from",
        dest="starts",
        type=moment,
        metavar="LÚC",
        help="lên kế hoạch: bắt đầu (giờ Việt Nam), '2026-11-23 22:00'",
    )
    parser.add_argument("--until", dest="ends", type=moment, metavar="LÚC", help="kết thúc; bỏ trống: đến khi hủy")
    parser.add_argument("--notice", default="", metavar="THÔNG_BÁO", help="thông báo cho các hệ thống gọi")


def run(arguments: argparse.Namespace) -> int:
    """Carry the decision, or show what is planned."""
    if arguments.list:
        return _list(arguments)
    if not arguments.reason:
        failure("Sai cú pháp: cần --reason LÝ_DO")
        return EX_USAGE
    if arguments.cancel:
        return decide(arguments, "pause-cancel", details={"window": arguments.cancel})
    chosen = {"all": True} if arguments.all else {}
    if not (arguments.starts or arguments.ends or arguments.notice):
        return decide(arguments, "pause", upstream=arguments.upstream, details=chosen)
    if not arguments.starts:
        failure("Sai cú pháp: kế hoạch tạm dừng cần --from LÚC")
        return EX_USAGE
    told = {"from": arguments.starts, "until": arguments.ends, "notice": arguments.notice, **chosen}
    details: dict[str, Any] = {name: value for name, value in told.items() if value}
    return decide(arguments, "pause-plan", upstream=arguments.upstream, details=details)


def _list(arguments: argparse.Namespace) -> int:
    answer = send(arguments, "windows")
    if arguments.json:
        print_json(answer)
        return EX_OK
    table(
        "Kế hoạch tạm dừng",
        ("Mã", "Hệ thống nhận", "Từ", "Đến", "Thông báo", "Lý do", "Ai", "Tình trạng"),
        (
            (
                row["window"],
                ", ".join(row["upstreams"]) or "mọi hệ thống",
                local(row["from"]),
                local(row["until"] or ""),
                *pick(row, "notice", "reason", "operator"),
                _PHASE_VI.get(row["phase"], row["phase"]),
            )
            for row in answer["windows"]
        ),
    )
    return EX_OK
