"""`gateway decide`: what only operators may decide about a ledger of a connector, such as a refund; or a list of it."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments, send
from gateway.cli.screen import EX_OK, EX_USAGE, failure, print_json, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which decision about which ledger, with which words, and why."""
    decision_arguments(parser, may_look=True)
    parser.add_argument("upstream", nargs="?", default="", metavar="HỆ_THỐNG", help="mã hệ thống, ví dụ payment")
    parser.add_argument("decision", nargs="?", default="", metavar="QUYẾT_ĐỊNH", help="tên quyết định, ví dụ refund")
    parser.add_argument("id", nargs="?", default="", metavar="MÃ", help="mã trong sổ, ví dụ mã khoản thanh toán")
    parser.add_argument(
        "--set",
        dest="fields",
        action="append",
        default=[],
        type=_field,
        metavar="TÊN=GIÁ_TRỊ",
        help="một nội dung của quyết định; được ký và lưu trong nhật ký, không ghi dữ liệu cá nhân; lặp lại được",
    )


def run(arguments: argparse.Namespace) -> int:
    """Sign and carry a decision, or list what may be decided; 1 when it waits for a second operator."""
    if not arguments.upstream:
        return _list(arguments)
    if not (arguments.decision and arguments.id and arguments.reason):
        failure("Sai cú pháp: cần HỆ_THỐNG QUYẾT_ĐỊNH MÃ và --reason LÝ_DO")
        return EX_USAGE
    fields = dict(arguments.fields)
    if len(fields) != len(arguments.fields):
        failure("Sai cú pháp: một TÊN chỉ được nêu một lần trong --set")
        return EX_USAGE
    details = {"decision": arguments.decision, "id": arguments.id, "fields": fields}
    return decide(arguments, "decide", upstream=arguments.upstream, details=details)


def _list(arguments: argparse.Namespace) -> int:
    answer = send(arguments, "ledger-decisions")
    if arguments.json:
        print_json(answer)
        return EX_OK
    table(
        "Quyết định về sổ của đầu nối",
        ("Hệ thống", "Quyết định", "Nội dung", "Vai trò", "Chữ ký", "--set"),
        (
            (
                row["upstream"],
                row["decision"],
                row["summary"],
                ", ".join(row["roles"]),
                "hai người" if row["second_key"] else "một người",
                ", ".join(f"[{name}]" if name in row["optional"] else name for name in row["fields"]),
            )
            for row in answer["decisions"]
        ),
    )
    return EX_OK


def _field(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError("phải có dạng TÊN=GIÁ_TRỊ")
    return name, value
