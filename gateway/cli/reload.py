"""`gateway reload`: read the configuration anew, all of it at once, or keep the one in force and say every fault."""

from __future__ import annotations

import argparse

from rich.markup import escape

from gateway.cli.operate import asked, decision_arguments, refused
from gateway.cli.screen import EX_CONFIG, EX_OK, EX_WRONG, failure, plain, print_json, say
from gateway.errors import IntakeError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who signs it, and why."""
    decision_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Carry the order; 78 when the running gateway keeps its configuration, with every fault of the new one."""
    try:
        answer = asked(arguments, "reload")
    except IntakeError as error:
        return refused(arguments, error)
    faults = answer.get("faults", ())
    if arguments.json:
        print_json(answer)
    else:
        for fault in faults:
            failure(fault)
        for warning in answer.get("warnings", ()):
            say(f"[yellow]![/] {escape(warning)}")
        told = plain(str(answer.get("message_vi", "")))
        failure(told) if faults else say(f"[green]✓[/] {told}")
    if faults:
        return EX_CONFIG
    return EX_OK if answer.get("done") else EX_WRONG
