"""Lists that donhang answers with: which entries they hold, and when the silence of one proves that there is no such order. Pure.

Two parcels for one result are worse than a late one: whatever a list leaves open, it does not say that a number is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.postal.answers import Json, flag_of, text_of

MOST_LISTED: Final = 100
"""How many entries are asked for; a list of so many may have been cut."""


def listed_in(tree: Json) -> list[dict[str, Json]] | None:
    """The entries of a list, bare or as the one list in an envelope that is no refusal; None for anything else."""
    if isinstance(tree, dict):
        lists = [value for value in tree.values() if isinstance(value, list)]
        if len(lists) != 1 or flag_of(tree, "IsSuccess") is False or "OrderCode" in tree:
            return None
        tree = lists[0]
    if not isinstance(tree, list):
        return None
    entries = [one for one in tree if isinstance(one, dict)]
    return entries if len(entries) == len(tree) else None


def is_whole(tree: Json, listed: list[dict[str, Json]], order_number: str) -> bool:
    """Whether a list without a number says that nobody has it.

    It was not cut, its envelope tells of nothing but how much there is (an error may come with an empty list), and no entry
    bears the number in other letters.
    """
    ours = order_number.casefold()
    if len(listed) >= MOST_LISTED or any(
        text_of(one, "OrderCode") != order_number and text_of(one, "OrderCode").casefold() == ours for one in listed
    ):
        return False
    return not isinstance(tree, dict) or all(_is_quiet(name, tree, len(listed)) for name in tree)


def _is_quiet(name: str, envelope: Mapping[str, Json], count: int) -> bool:
    """Whether a member of an envelope is the list, says nothing, or only how much there is: no more than the list holds."""
    value, lowered = envelope[name], name.casefold()
    if isinstance(value, list) or value in (None, ""):
        return True
    if isinstance(value, bool):
        return value and "success" in lowered
    if not isinstance(value, int):
        return False
    return value <= count if "total" in lowered else "page" in lowered or "count" in lowered or "size" in lowered
