"""Reads single claims in every JSON type that was seen: text, numbers as text, text as numbers, joined values, JSON in text.

WSO2 Identity Server keeps every attribute as text and joins several values by a separator (identity facts 1.5); other clients saw
the same claims as numbers (1.4). Pure; a value that cannot be read is none, and who asks says that it is missing.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mappings.partial_date import PartialDate
from mappings.text import nfc

_LONGEST = 4_096
_MOST_CLAIMS = 200
_CLAIM_NAME = re.compile(r"[\w.:/#@-]{1,200}")
_COMPACT_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ].*)?", re.ASCII)
_DEPTH = 4


class ClaimsRefused(ValueError):
    """Thông tin tài khoản không dùng được: `code` is a row of `sign_on_refusals.csv`; no value is repeated."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one answer, bounded; `separator` joins several values in one text."""

    tree: Mapping[str, Any] = field(repr=False)
    separator: str = ","

    def __post_init__(self) -> None:
        """Raises `ClaimsRefused` ("claims_oversize") for more than a person's account can be."""
        if len(self.tree) > _MOST_CLAIMS or any(_size(value) > _LONGEST * 4 for value in self.tree.values()):
            raise ClaimsRefused("claims_oversize")

    @property
    def names(self) -> tuple[str, ...]:
        """The names that came, sorted; one that no claim has is left out, because names are shown."""
        return tuple(sorted(name for name in self.tree if _CLAIM_NAME.fullmatch(name)))

    def text(self, name: str) -> str:
        """A text as it is, NFC and trimmed; of a list its only member. Empty when there is none."""
        values = self._values(name)
        if len(values) > 1:
            raise ClaimsRefused("claims_ambiguous")
        return values[0] if values else ""

    def first(self, name: str) -> str:
        """The first of several values, listed or joined: an e-mail address, a telephone number."""
        return next(iter(self.several(name)), "")

    def several(self, name: str) -> tuple[str, ...]:
        """All values, listed or joined, each once."""
        parts = (part.strip() for value in self._values(name) for part in value.split(self.separator))
        return tuple(dict.fromkeys(part for part in parts if part))

    def key(self, name: str) -> str:
        """A value that can only be one: several different ones are refused, because choosing would be guessing whom."""
        values = self.several(name)
        if len(values) > 1:
            raise ClaimsRefused("claims_ambiguous")
        return values[0] if values else ""

    def number_text(self, name: str, *widths: int) -> str:
        """A number that is text because its leading zeros mean something; one that came as a number gets them back.

        `widths` are the lengths that such a number may have: it is filled up to the smallest that holds it.
        """
        value = self.key(name)
        kept = self.tree.get(name)
        if isinstance(kept, list) and len(kept) == 1:
            kept = kept[0]
        if isinstance(kept, int) and not isinstance(kept, bool):
            return next((value.zfill(width) for width in sorted(widths) if len(value) <= width), value)
        return value

    def integer(self, name: str) -> int | None:
        """A small whole number, as a number or as text."""
        value = self.key(name).removesuffix(".0")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else None

    def birth(self, name: str) -> PartialDate | None:
        """A date of birth as far as it is known: parts written 00 are unknown, a time of day after it means nothing."""
        value = self.key(name)
        found = _COMPACT_DATE.fullmatch(value)
        if found is not None:
            parts = (part for part in found.groups())
            value = "".join(_known(parts))
        try:
            return PartialDate.parse(value) if value else None
        except ValueError:
            return None

    def prose(self, name: str) -> str:
        """Words for people, such as an address; the text parts of it, where it is JSON or JSON inside a text."""
        tree = self.tree.get(name)
        if isinstance(tree, str) and tree.lstrip()[:1] in ("{", "["):
            with contextlib.suppress(msgspec.DecodeError, RecursionError):
                tree = msgspec.json.decode(tree)
        return nfc(", ".join(_leaves(tree, 0)))[:_LONGEST].strip()

    def _values(self, name: str) -> tuple[str, ...]:
        value = self.tree.get(name) if name else None
        listed = value if isinstance(value, list) else [value]
        texts = (_as_text(one) for one in listed)
        return tuple(dict.fromkeys(text for text in texts if text))


def _as_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else ""
    text = nfc(str(value)).strip()
    if len(text) > _LONGEST:
        raise ClaimsRefused("claims_oversize")
    return "" if text.casefold() == "null" else text


def _known(parts: Iterator[str]) -> Iterator[str]:
    """Year, month, day up to the first that is written as 00."""
    for part in parts:
        if part == "00":
            return
        yield part


def _leaves(tree: object, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _leaves(value, depth + 1)
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, depth + 1)
    elif text := _as_text(tree):
        yield text


def _size(value: object) -> int:
    """A bound on the characters of a value, whatever is in it; what nests too deep counts as too much."""
    return _counted(value, 0)


def _counted(value: object, depth: int) -> int:
    if depth > 8:
        return _LONGEST * 8
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _counted(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return sum(_counted(item, depth + 1) for item in value)
    return 8
