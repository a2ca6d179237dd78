"""`gateway simulate NAME --port P`: the simulator of an outside system, as a process of its own."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from connectors.kit import registry, simulation
from connectors.kit.errors import SettingsError
from gateway.cli.screen import EX_CONFIG, EX_INPUT, EX_OK, EX_UNAVAILABLE, EX_USAGE, failure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which simulator, where, and how it behaves."""
    parser.add_argument("name", metavar="TÊN", help="tên đầu nối, ví dụ national_dvc, resolution")
    parser.add_argument("--port", type=int, required=True, metavar="CỔNG")
    parser.add_argument("--options", type=Path, metavar="TỆP", help="tệp TOML tùy chọn của bộ mô phỏng")


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    known = registry.discover()
    if arguments.name not in known:
        failure(f"Không có bộ mô phỏng {arguments.name!r}; có: {', '.join(sorted(known))}")
        return EX_USAGE
    options: dict[str, object] = {}
    if arguments.options is not None:
        try:
            options = tomllib.loads(arguments.options.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            failure(f"{arguments.options}: không đọc được tùy chọn ({error})")
            return EX_INPUT
        options = {key: _located(key, value, arguments.options.parent) for key, value in options.items()}
    try:
        simulation.main(arguments.name, arguments.port, options)
    except SettingsError as error:
        for fault in error.faults:
            failure(f"{arguments.options or arguments.name}: {fault}")
        return EX_CONFIG
    except OSError as error:
        failure(f"Không mở được cổng {arguments.port} trên máy này ({error.strerror})")
        return EX_UNAVAILABLE
    return EX_OK


def _located(key: str, value: object, base: Path) -> object:
    """A file option is relative to the options file that names it."""
    return str(base / value) if key.endswith("_file") and isinstance(value, str) else value
