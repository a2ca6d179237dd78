"""Reads `progress_doubts.csv`: what a repeated progress row does, by status, and the policy that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from typing import Literal

from mappings.tables import CodeTable, load_table

Policy = Literal["resend", "hold"]

STATUSES = tuple(str(code) for code in range(1, 11))


def harm_of_repeating(statuses: Sequence[str], policy: Mapping[str, Policy], at: date) -> str:
    """Why rows of these statuses may not be sent again after an unknown outcome; an empty string when all may.

    `policy` is what the configuration says by status; what it does not name follows the table.
    """
    doubtful = [
        status
        for status in dict.fromkeys(statuses)
        if policy.get(status, _table().value("after_unknown", status, at=at)) == "hold"
    ]
    return "; ".join(f"{status}: {_table().value('harm_vi', status, at=at)}" for status in doubtful)


def _table() -> CodeTable:
    return load_table("progress_doubts", files(__package__), ("status",))
