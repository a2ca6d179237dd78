"""`gateway skip`: refuse a held delivery, pass a sequence gap, or pass over a parked event. Always with a reason."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments, lane_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is passed, and why."""
    decision_arguments(parser)
    lane_arguments(parser)
    parser.add_argument(
        "--source", default="", metavar="MÃ_HỆ_THỐNG", help="hệ thống có số thứ tự còn thiếu hoặc sự kiện mâu thuẫn"
    )
    parser.add_argument("--event", default="", metavar="EVENT_ID", help="sự kiện mâu thuẫn cần bỏ qua")
    parser.add_argument(
        "--before",
        type=int,
        default=0,
        metavar="SỐ",
        help="bỏ các số còn thiếu trước số này (mặc định: trước sự kiện đang chờ đầu tiên)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Skip a delivery, a gap or an event."""
    if arguments.event:
        return decide(
            arguments, "pass-event", source=arguments.source, dossier=arguments.dossier, event_id=arguments.event
        )
    if arguments.source:
        return decide(
            arguments, "skip-gap", source=arguments.source, dossier=arguments.dossier, sequence=arguments.before
        )
    return decide(arguments, "skip", upstream=arguments.upstream, dossier=arguments.dossier)
