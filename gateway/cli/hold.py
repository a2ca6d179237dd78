"""`gateway hold`: stop the lane of one dossier; what waits in it is unharmed."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments, lane_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lane, and why."""
    decision_arguments(parser)
    lane_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Hold the lane."""
    return decide(arguments, "hold", upstream=arguments.upstream, dossier=arguments.dossier)
