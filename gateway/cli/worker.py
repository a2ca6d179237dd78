"""`gateway worker`: carry deliveries apart from the door, on a store that both reach, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.bootstrap.duties import CARRYING
from gateway.cli.serve import stay


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which configuration."""
    parser.add_argument("--config", type=Path, metavar="TỆP", help="tệp cấu hình gateway.toml")


def run(arguments: argparse.Namespace) -> int:
    """Carry until stopped."""
    return stay(arguments.config, CARRYING)
