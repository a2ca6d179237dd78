"""`gateway config check`: every wrong key of a configuration, at once."""

from __future__ import annotations

import argparse
import asyncio

from rich.markup import escape

from connectors.kit import registry
from gateway.bootstrap.identity import registrations
from gateway.bootstrap.questions import examined
from gateway.bootstrap.rehearsal import rehearse
from gateway.bootstrap.tls import server_context
from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_CONFIG, EX_OK, failure, print_json, say
from gateway.config import load
from gateway.errors import ConfigError
from gateway.intake.authenticate import Authenticator
from gateway.intake.foreign import check_profiles
from gateway.intake.validate import Limits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check` is the only thing to do so far."""
    parser.add_argument("action", choices=("check",))
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the file, the connectors' own settings and the routes."""
    faults: list[str] = []
    warnings: tuple[str, ...] = ()
    try:
        loaded = load(arguments.config)
        known = registry.discover()
        for code, upstream in loaded.settings.upstreams.items():
            if upstream.connector not in known:
                faults.append(
                    f"upstreams.{code}.connector: không có đầu nối tên {upstream.connector!r} (có: {', '.join(sorted(known))})"
                )
                continue
            faults += [
                f"upstreams.{code}.settings.{fault}"
                for fault in registry.check_settings(upstream.connector, upstream.settings)
            ]
        # What serving reads besides: the callers' public keys and profiles, the forms of a dossier code, the
        # ministry's own minimisation table.
        Limits.of(loaded.settings.intake)
        check_profiles(loaded.settings.callers)
        Authenticator.load(loaded)
        server_context(loaded, loaded.settings.listen.internal, "listen.internal")
        if not faults:  # what a connector itself refuses once its settings are of the right types
            warnings = asyncio.run(rehearse(loaded))
        asyncio.run(registrations(loaded))
        asyncio.run(examined(loaded))
    except ConfigError as error:
        faults += [fault for fault in error.faults if fault not in faults]
    if arguments.json:
        print_json({"ok": not faults, "faults": faults, "warnings": warnings})
    else:
        for fault in faults:
            failure(fault)
        for warning in warnings:
            say(f"[yellow]![/] {escape(warning)}")
        if not faults:
            say("[green]✓[/] Cấu hình hợp lệ.")
    return EX_CONFIG if faults else EX_OK
