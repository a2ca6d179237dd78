"""What the operators' commands share: the configuration, the words of a decision, and the way to the admin socket.

When no gateway runs, the store is opened under its lock and the decision is carried out there (architecture 11).
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway import bootstrap
from gateway.admin.client import NotRunning, ask
from gateway.admin.handlers import create_admin_app
from gateway.bootstrap.sites import unix_site
from gateway.cli.screen import EX_OK, EX_REFUSED, failure, print_json, say
from gateway.config import Loaded, load
from gateway.errors import IntakeError


def common_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--json`, as every command has them."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="TỆP",
        help="tệp cấu hình gateway.toml (mặc định: biến GATEWAY_CONFIG hoặc ./gateway.toml)",
    )
    parser.add_argument("--json", action="store_true", help="in kết quả dạng JSON cho chương trình")


def decision_arguments(parser: argparse.ArgumentParser) -> None:
    """`--reason`, without which no decision is taken."""
    common_arguments(parser)
    parser.add_argument(
        "--reason", required=True, metavar="LÝ_DO", help="lý do, ít nhất 10 ký tự; được ghi vào nhật ký kiểm toán"
    )


def lane_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lane a decision is about."""
    parser.add_argument("--upstream", default="", metavar="HỆ_THỐNG", help="hệ thống nhận, ví dụ national_dvc")
    parser.add_argument("--dossier", default="", metavar="MÃ_HỒ_SƠ", help="mã hồ sơ")


def send(
    arguments: argparse.Namespace,
    command: str,
    body: Mapping[str, object] | None = None,
    query: Mapping[str, str] | None = None,
) -> Any:
    """Carry a command to the running gateway, or to its store when nothing runs."""
    loaded = load(arguments.config)
    return asyncio.run(_send(loaded, command, body, query))


def decide(arguments: argparse.Namespace, command: str, **words: object) -> int:
    """Carry a decision and print what came of it; the exit code says whether it was done."""
    body = {"reason": arguments.reason, **{key: value for key, value in words.items() if value}}
    try:
        answer = send(arguments, command, body=body)
    except IntakeError as error:
        if arguments.json:
            print_json({"done": False, "code": error.code, "message_vi": error.message_vi})
        else:
            failure(error.message_vi)
        return EX_REFUSED
    if arguments.json:
        print_json(answer)
    else:
        say(f"[green]✓[/] {answer.get('message_vi', '')}")
    return EX_OK


async def _send(
    loaded: Loaded, command: str, body: Mapping[str, object] | None, query: Mapping[str, str] | None
) -> Any:
    socket_path = loaded.data_dir() / loaded.settings.listen.admin_socket
    try:
        return await ask(socket_path, command, body=body, query=query)
    except NotRunning:
        if not (loaded.data_dir() / "journal.db").exists():
            raise
    # Nothing runs: the same application serves the same command from the store itself, for the length of one call.
    async with bootstrap.standing_still(loaded) as operations:
        place = loaded.data_dir() / f"admin-{getpass.getuser()}.sock"
        async with unix_site(create_admin_app(operations), place):
            return await ask(place, command, body=body, query=query)
