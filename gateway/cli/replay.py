"""`gateway replay`: append a finished delivery to its lane again. The upstream sees it a second time; the audit says why."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which delivery, and why."""
    decision_arguments(parser)
    parser.add_argument("--upstream", required=True, metavar="HỆ_THỐNG")
    parser.add_argument("--dossier", required=True, metavar="MÃ_HỒ_SƠ")
    parser.add_argument(
        "--delivery", required=True, metavar="DELIVERY_ID", help="mã giao nhận, xem GET /v1/dossiers/{mã hồ sơ}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay the delivery."""
    return decide(
        arguments,
        "replay",
        upstream=arguments.upstream,
        dossier=arguments.dossier,
        delivery_id=arguments.delivery,
    )
