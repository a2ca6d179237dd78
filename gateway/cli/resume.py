"""`gateway resume UPSTREAM|--all`: send to an upstream again, after a pause by a person or by a fault of the set-up."""

from __future__ import annotations

import argparse

from gateway.cli.operate import decide, decision_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which upstream, and why."""
    decision_arguments(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("upstream", nargs="?", default="", metavar="HỆ_THỐNG")
    which.add_argument("--all", action="store_true", help="mọi hệ thống nhận")


def run(arguments: argparse.Namespace) -> int:
    """Carry the decision."""
    return decide(arguments, "resume", upstream=arguments.upstream, details={"all": True} if arguments.all else {})
