"""`gateway decisions list|approve|refuse`: what waits for a second operator, and the second operator's word."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.cli.operate import common_arguments, decide, decision_arguments, send
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_WRONG, failure, local, print_json, table

_FATE_VI = {"open": "đang chờ", "carried_out": "đã thực hiện", "refused": "đã bác", "expired": "đã quá hạn"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list, approve, refuse."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VIỆC")
    listed = verbs.add_parser("list", help="liệt kê các đề nghị")
    common_arguments(listed)
    listed.add_argument("--all", action="store_true", help="cả những đề nghị đã xong")
    for verb, told in (("approve", "ký làm người thứ hai và thực hiện"), ("refuse", "bác, hoặc rút đề nghị của mình")):
        sub = verbs.add_parser(verb, help=told)
        decision_arguments(sub)
        sub.add_argument("proposal", metavar="MÃ", help="mã đề nghị, xem gateway decisions list")


def run(arguments: argparse.Namespace) -> int:
    """Carry it out; a list exits with 1 while something waits."""
    proposals = send(arguments, "decisions")["proposals"]
    if arguments.verb == "list":
        return _list(arguments, proposals)
    found = [row for row in proposals if row["proposal"] == arguments.proposal]
    if not found:
        failure(f"Không có đề nghị {arguments.proposal}.")
        return EX_REFUSED
    details = {"proposal": arguments.proposal, "digest": found[0]["digest"]}
    return decide(arguments, arguments.verb, details=details)


def _list(arguments: argparse.Namespace, proposals: list[dict[str, Any]]) -> int:
    rows = [row for row in proposals if arguments.all or row["fate"] == "open"]
    if arguments.json:
        print_json({"proposals": rows})
    else:
        table("Đề nghị", ("Mã", "Nội dung"), ((row["proposal"], _told(row)) for row in rows))
    return EX_WRONG if any(row["fate"] == "open" for row in rows) else EX_OK


def _told(row: dict[str, Any]) -> str:
    """One proposal for whoever is to sign it: a line for each of its words, however narrow the screen is."""
    head = f"{row['command']} ({_FATE_VI.get(row['fate'], row['fate'])})"
    who = f"{row['operator']} đề nghị lúc {local(row['proposed_at'])}, hạn {local(row['expires_at'])}"
    return "\n".join((head, *_words(msgspec.json.decode(row["statement"])["words"]), who))


def _words(words: Mapping[str, Any]) -> Iterator[str]:
    """What was proposed, as its proposer said it; what is nested stands by itself."""
    for name, value in words.items():
        if isinstance(value, Mapping):
            yield from _words(value)
        elif value:
            yield f"{name}: {value}"
