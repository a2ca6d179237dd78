"""`gateway results`: which results wait for a person, and why; judge one again, refuse it, or propose to publish it in spite."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments, send
from gateway.cli.screen import EX_OK, EX_USAGE, EX_WRONG, failure, local, pick, print_json, say, table

_COMMANDS = {"judge": "result-judge", "refuse": "result-refuse", "override": "result-override"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Look, or decide about one result."""
    decision_arguments(parser, may_look=True)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--judge", default="", metavar="MÃ_KẾT_QUẢ", help="kiểm tra chữ ký lại")
    which.add_argument("--refuse", default="", metavar="MÃ_KẾT_QUẢ", help="từ chối: kết quả không được công bố")
    which.add_argument(
        "--override",
        default="",
        metavar="MÃ_KẾT_QUẢ",
        help="công bố dù chưa kết luận được (không bao giờ khi chữ ký sai); luôn cần người thứ hai ký duyệt",
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry the decision, or show what waits; 1 when a result waits for a person."""
    for name, command in _COMMANDS.items():
        code = getattr(arguments, name)
        if code:
            if not arguments.reason:
                failure("Sai cú pháp: cần --reason LÝ_DO")
                return EX_USAGE
            return decide(arguments, command, details={"result": code})
    answer = send(arguments, "results")
    if arguments.json:
        print_json(answer)
    else:
        table(
            "Kết quả giữ lại chờ người",
            ("Mã kết quả", "Mã lý do", "Lý do", "Từ lúc"),
            ((*pick(row, "result", "reason", "reason_vi"), local(row["since"])) for row in answer["held"]),
        )
        say(
            f"Kết quả cổng còn tự xử lý (chờ kiểm tra, chờ thông tin chứng thư, chờ trạng thái đi trước): {len(answer['open'])}"
        )
    return EX_WRONG if answer["held"] else EX_OK
