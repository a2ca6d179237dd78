"""The program `gateway`: all commands, one parser, one exit.

Exit codes: 0 done; 1 done, but something is wrong and was named; 2 refused, with the reason; 3 unusable input;
64 wrong usage (sysexits EX_USAGE); 69 the gateway or a file it needs is not available (EX_UNAVAILABLE);
78 the configuration is wrong (EX_CONFIG).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from gateway.cli import (
    audit,
    certificate,
    config,
    connectors,
    consent,
    decisions,
    demo,
    doctor,
    evidence,
    hold,
    init,
    lanes,
    mappings,
    operators,
    pause,
    push,
    release,
    replay,
    results,
    resume,
    serve,
    sign,
    simulate,
    skip,
    verify,
)
from gateway.cli.screen import EX_CONFIG, EX_UNAVAILABLE, EX_USAGE, failure
from gateway.errors import ConfigError, GatewayError

COMMANDS: tuple[ModuleType, ...] = (
    init,
    serve,
    simulate,
    push,
    lanes,
    hold,
    release,
    replay,
    skip,
    results,
    pause,
    resume,
    operators,
    decisions,
    audit,
    consent,
    mappings,
    connectors,
    config,
    evidence,
    certificate,
    sign,
    verify,
    doctor,
    demo,
)


_PHRASES = (
    (r"^the following arguments are required: ", "thiếu "),
    (r"^unrecognized arguments: ", "không có tùy chọn hoặc tham số "),
    (r"^one of the arguments (.+) is required$", r"cần một trong: \1"),
    (r"^argument (\S+): ", r"\1: "),
    (r"invalid choice: (.+) \(choose from (.+)\)$", r"không nhận giá trị \1; chọn một trong: \2"),
    (r"invalid \S+ value: ", "giá trị không hợp lệ: "),
    (r"expected one argument$", "cần một giá trị"),
    (r"expected at least one argument$", "cần ít nhất một giá trị"),
    (r"not allowed with argument ", "không dùng cùng với "),
)


class _Parser(argparse.ArgumentParser):
    """argparse with the exit code that sysexits gives to wrong usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how it is used; exit with 64."""
        self.print_usage(sys.stderr)
        failure(f"Sai cú pháp: {_in_vietnamese(message)}")
        raise SystemExit(EX_USAGE)


def _in_vietnamese(message: str) -> str:
    """What argparse says in English, for people here; what is not in the table stays as it is."""
    for english, vietnamese in _PHRASES:
        message = re.sub(english, vietnamese, message)
    return message


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(
        prog="gateway",
        description="Cổng kết nối hồ sơ thủ tục hành chính (TTHC) của Bộ Văn hóa, Thể thao và Du lịch.",
        epilog="Mã thoát: 0 xong; 1 có sai lệch; 2 bị từ chối; 3 dữ liệu không dùng được; 64 sai cú pháp; 69 không kết nối được; "
        "78 cấu hình sai.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="LỆNH", parser_class=_Parser)
    for module in COMMANDS:
        sub = commands.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    arguments = parser().parse_args(argv)
    try:
        code = arguments.run(arguments)
    except ConfigError as error:
        for fault in error.faults:
            failure(fault)
        code = EX_CONFIG
    except GatewayError as error:
        failure(str(error))
        code = EX_UNAVAILABLE
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)
