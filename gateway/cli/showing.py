"""Views of connectors on a terminal: the table as it is, moments in Vietnamese time."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

from gateway.cli.operate import common_arguments, refused, send
from gateway.cli.screen import EX_OK, EX_WRONG, local, plain, print_json, say, table
from gateway.errors import IntakeError

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def view_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command has that shows a view."""
    common_arguments(parser)
    parser.add_argument("--upstream", default="", metavar="MÃ", help="hệ thống, khi nhiều hệ thống có cùng bảng")
    parser.add_argument("--limit", type=int, default=50, metavar="SỐ", help="nhiều nhất bao nhiêu dòng (mặc định 50)")


def show_view(arguments: argparse.Namespace, view: str, filters: Mapping[str, str]) -> int:
    """Print a view; 1 when a row of it waits for a person, 2 when what was asked for is not there."""
    query = {name: value for name, value in filters.items() if value}
    asked = {**query, "_upstream": arguments.upstream, "_limit": str(arguments.limit)}
    try:
        answer = send(arguments, f"views/{view}", query=asked)
    except IntakeError as error:
        if error.code != "view_filter":
            raise
        return refused(arguments, error)
    if arguments.json:
        print_json(answer)
    else:
        table(answer["title"], answer["columns"], ([_cell(cell) for cell in row.values()] for row in answer["rows"]))
        if answer["note"]:
            say(plain(answer["note"]))
        if answer["more"]:
            say(f"Còn nữa: xem thêm với --limit lớn hơn {arguments.limit}.")
    return EX_WRONG if answer["wrong"] else EX_OK


def _cell(text: str) -> str:
    return local(text) if _MOMENT.fullmatch(text) else text
