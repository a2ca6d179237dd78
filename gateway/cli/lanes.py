"""`gateway lanes`: at a glance, what waits, what is stuck, and why."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.cli.operate import common_arguments, lane_arguments, send
from gateway.cli.screen import EX_OK, EX_WRONG, local, pick, plain, print_json, say, table

_WAITS_VI = {
    "parked_gap": "chờ sự kiện đứng trước",
    "parked_conflict": "mâu thuẫn với trạng thái hồ sơ, chờ người quyết định",
}
_BREAKER_VI = {"closed": "không", "open": "đang ngắt", "probing": "đang thử lại"}
_STATES = ("READY", "SENDING", "WAITING", "UNKNOWN", "HELD", "DELIVERED", "REFUSED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lanes."""
    common_arguments(parser)
    lane_arguments(parser)
    parser.add_argument("--blocked", action="store_true", help="chỉ các luồng đang chờ người quyết định")
    parser.add_argument("--limit", type=int, default=50, metavar="SỐ")


def run(arguments: argparse.Namespace) -> int:
    """Print the lanes; 1 when one of them waits for a person."""
    query = {"upstream": arguments.upstream, "dossier": arguments.dossier, "limit": str(arguments.limit)}
    if arguments.blocked:
        query["blocked"] = "1"
    answer = send(arguments, "lanes", query=query)
    if arguments.json:
        print_json(answer)
    else:
        _show(answer)
    waiting = any(upstream["blocked_lanes"] or upstream["paused"] for upstream in answer["upstreams"])
    return EX_WRONG if waiting or answer["parked_events"] or answer["held_results"] else EX_OK


def _show(answer: Any) -> None:
    table(
        "Hệ thống nhận",
        ("Hệ thống", "Ngắt mạch", "Tạm dừng", "Luồng bị giữ", "Chờ lâu nhất từ", "Lượt giao"),
        (
            (
                row["upstream"],
                _BREAKER_VI.get(row["breaker"], row["breaker"]),
                *pick(row, "paused", "blocked_lanes"),
                local(row["oldest_waiting"]),
                ", ".join(f"{state} {row['messages'][state]}" for state in _STATES if row["messages"].get(state)),
            )
            for row in answer["upstreams"]
        ),
    )
    for row in answer["windows"]:
        state = "Đang tạm dừng theo kế hoạch" if row["in_force"] else "Sắp tạm dừng theo kế hoạch"
        until = local(row["until"]) if row["until"] else "khi hủy"
        upstreams = ", ".join(row["upstreams"]) or "mọi hệ thống"
        say(plain(f"{state}: {upstreams}, từ {local(row['from'])} đến {until}: {row['notice']}"))
    say(f"Sự kiện đang chờ sự kiện trước hoặc chờ người: {answer['parked_events']}")
    if answer["held_results"]:
        say(f"Kết quả giữ lại chờ người: {answer['held_results']} (xem: gateway results)")
    if answer["parked"]:
        table(
            "Sự kiện đang chờ (skip --source: bỏ số còn thiếu; release hoặc skip --event: quyết định sự kiện mâu thuẫn)",
            ("Hệ thống gửi", "Hồ sơ", "Sự kiện", "Số thứ tự", "Vì sao chờ", "Nhận lúc"),
            (
                (
                    *pick(row, "source", "dossier", "event_id", "sequence"),
                    _WAITS_VI.get(row["status"], row["status"]),
                    local(row["received_at"]),
                )
                for row in answer["parked"]
            ),
        )
    if answer["lanes"]:
        table(
            "Luồng còn việc",
            ("Hệ thống", "Hồ sơ", "Số chờ", "Trạng thái", "Thao tác", "Lần gửi", "Gửi lại lúc", "Lý do"),
            (
                (
                    *pick(row, "upstream", "dossier", "depth", "state", "operation", "attempts"),
                    local(row["due"]),
                    row["block_reason"],
                )
                for row in answer["lanes"]
            ),
        )
