"""`gateway release`: let a held lane go on, or apply a parked event in spite of the transition table."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments, lane_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lane or event, and why."""
    decision_arguments(parser)
    lane_arguments(parser)
    parser.add_argument("--source", default="", metavar="MÃ_HỆ_THỐNG", help="hệ thống đã gửi sự kiện đang chờ")
    parser.add_argument("--event", default="", metavar="EVENT_ID", help="sự kiện đang chờ vì mâu thuẫn")


def run(arguments: argparse.Namespace) -> int:
    """Release the lane, or the parked event."""
    if arguments.event:
        return decide(
            arguments, "apply-event", source=arguments.source, dossier=arguments.dossier, event_id=arguments.event
        )
    return decide(arguments, "release", upstream=arguments.upstream, dossier=arguments.dossier)
