"""`gateway nodes`: which nodes share the store, since when, when each was heard last, what each runs and what it may send."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.cli.operate import common_arguments, look
from gateway.cli.screen import EX_OK, EX_WRONG, local, pick, print_json, say, table
from gateway.config import load

_STATE_VI = {"live": "đang chạy", "silent": "mất liên lạc", "stopped": "đã dừng"}
_MINUTE_S = 60
MISSED_S = 86_400
"""After a day of silence a node is one that was replaced: it stays in the list, but nobody is waited for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing but where the gateway is."""
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the nodes; 1 when something is `amiss` with them."""
    loaded = load(arguments.config)
    answer = look(loaded, "nodes")
    if arguments.json:
        print_json(answer)
    elif answer["nodes"]:
        _show(answer["nodes"])
    elif loaded.settings.storage.postgres is not None:
        say("Chưa nút nào chạy trên kho này.")
    else:
        say("Kho nhúng: chỉ có một nút, nút đó giữ toàn bộ hạn mức.")
    return EX_WRONG if amiss(answer["nodes"]) else EX_OK


def amiss(rows: Any) -> bool:
    """Whether a node fell silent within a day without having stopped, or live ones run different configurations."""
    return any(row["state"] == "silent" and row["silent_s"] < MISSED_S for row in rows) or apart(rows)


def apart(rows: Any) -> bool:
    """Whether nodes that live run configurations of different generations."""
    return len({row["generation"] for row in rows if row["state"] == "live" and row["generation"]}) > 1


def _show(rows: Any) -> None:
    table(
        "Các nút dùng chung kho dữ liệu",
        ("Nút", "Trạng thái", "Chạy từ", "Nghe thấy", "Cấu hình", "Phiên bản", "Redis", "Lượt đang giữ"),
        (
            (
                *pick(row, "node"),
                _STATE_VI[row["state"]],
                local(row["since"]),
                _ago(row["silent_s"]),
                *pick(row, "generation", "version"),
                _redis(row),
                ", ".join(f"{name} {number}" for name, number in sorted(row["held"].items())),
            )
            for row in rows
        ),
    )
    if any(row["state"] == "silent" for row in rows):
        say("Nút mất liên lạc: lượt nút đó giữ được trả lại khi hết hạn; hồ sơ do các nút còn lại giao tiếp.")
    if apart(rows):
        say(
            "Các nút đang chạy có cấu hình khác nhau. Đặt cùng một tệp cấu hình rồi chạy gateway reload trên từng nút; "
            "nút mà lệnh đó bị từ chối thì sửa lỗi được nêu, hoặc khởi động lại."
        )


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} giây trước" if seconds < _MINUTE_S else f"{seconds / _MINUTE_S:.0f} phút trước"


def _redis(row: Any) -> str:
    if row["state"] != "live":
        return ""
    return "không, dùng phần hạn mức riêng" if row["without_redis"] else "có"
