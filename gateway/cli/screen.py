"""What commands print: rich tables for people, JSON for programs, faults on standard error."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.clock import LOCAL_ZONE
from signing.evidence_folder import YEARS

EX_OK = 0
EX_WRONG = 1
EX_REFUSED = 2
EX_INPUT = 3
EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_BUSY = 75
EX_CONFIG = 78

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """A line for people."""
    out.print(text, soft_wrap=True)


def failure(text: str) -> None:
    """A fault, on standard error; never broken into lines of our own, because it may name a file."""
    err.print(f"[bold red]✗[/] {plain(text)}", soft_wrap=True)


def print_json(value: object) -> None:
    """A value for programs: one JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode() + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people."""
    grid = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        # The first column names the row: a code or a number that people copy, so it stays in one piece.
        grid.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        grid.add_row(*(plain(str(cell)) for cell in row))
    out.print(grid)


def local(text: str) -> str:
    """An ISO time as people in Viet Nam read it; empty stays empty."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(LOCAL_ZONE).strftime("%d/%m/%Y %H:%M:%S")


def pick(row: Mapping[str, object], *names: str) -> list[object]:
    """The named fields of a row, empty where absent."""
    return [row.get(name) if row.get(name) is not None else "" for name in names]


def plain(text: str) -> str:
    """Text that rich must not read as markup."""
    return text.replace("[", "\\[")


def as_moment(text: str) -> datetime:
    """A moment of the command line, ISO 8601; without a zone it is meant as people in Viet Nam write it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} không phải thời điểm, ví dụ '2026-11-23 22:00'") from error
    if found.year not in YEARS:
        raise ArgumentTypeError(f"{text!r} không phải thời điểm mà quy tắc nào nói tới")
    return found if found.tzinfo is not None else found.replace(tzinfo=LOCAL_ZONE)
