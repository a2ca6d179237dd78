"""`gateway pause UPSTREAM`: send nothing to an upstream until it is resumed; intake still stores."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments

NAME = "pause"
HELP = "Tạm dừng gửi tới một hệ thống nhận; sự kiện mới vẫn được tiếp nhận và lưu"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which upstream, and why."""
    decision_arguments(parser)
    parser.add_argument("upstream", metavar="HỆ_THỐNG")


def run(arguments: argparse.Namespace) -> int:
    """Carry the decision."""
    return decide(arguments, "pause", upstream=arguments.upstream)
