"""Removes secret values from bodies before they become evidence, a log line or an error text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from mappings.text import nfc, shorten

MASK = "***"
# A body nested deeper than this is masked as plain text: walking it could exhaust the stack.
_MAX_DEPTH = 64
_MOST_QUOTED = 200
_ENDING = "..."
_ADDRESS = re.compile(r"[^\s@<>()\[\]«»\"',;:]+@[^\s@<>()\[\]«»\"',;:]+")
# Four digits and more, also grouped: identities, telephone numbers, dates of birth, account numbers.
_NUMBER = re.compile(r"\d(?:[ .,/-]?\d){3,}")
_NOT_SHOWN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


def masked(body: bytes, keys: Iterable[str]) -> bytes:
    """`body` with the value of every key in `keys` replaced, at any depth, whatever the case of the key.

    A body that is not JSON is searched for `key=value`, `"key": value` and `<key>value</key>` instead, because an
    unreadable body is exactly the one somebody will look at. A body without any of the keys comes back unchanged,
    byte for byte: it is evidence.
    """
    wanted = frozenset(key.casefold() for key in keys if key)
    if not wanted or not body:
        return body
    text = body.decode("utf-8", errors="surrogateescape")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return _masked_text(text, wanted).encode("utf-8", errors="surrogateescape")
    walk = _Walk(wanted)
    try:
        clean = walk.value(tree, 0)
    except RecursionError:
        return _masked_text(text, wanted).encode("utf-8", errors="surrogateescape")
    if not walk.changed:
        return body
    return json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="surrogateescape")


def quotable(text: str, known: Iterable[str] = ()) -> str:
    """What an upstream said, fit for an error text: one line of at most 200 characters without personal data.

    E-mail addresses and numbers of four digits and more are masked, and so is every text in `known`: the names and
    identities that stood in the message it speaks of. The whole text stays in the evidence.
    """
    line = _NOT_SHOWN.sub(" ", nfc(text)).strip()
    for value in sorted({nfc(value).strip() for value in known}, key=len, reverse=True):
        if len(value) > 1:
            line = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, line, flags=re.I)
    line = _NUMBER.sub(MASK, _ADDRESS.sub(MASK, line))
    return shorten(line, _MOST_QUOTED, _MOST_QUOTED - len(_ENDING), _ENDING)


class _Walk:
    """One pass over a parsed body; `changed` says whether anything was masked."""

    def __init__(self, keys: frozenset[str]) -> None:
        self._keys = keys
        self.changed = False

    def value(self, tree: Any, depth: int) -> Any:
        """`tree` with secret values masked."""
        if depth > _MAX_DEPTH:
            raise RecursionError
        if isinstance(tree, dict):
            return {key: self._member(key, item, depth) for key, item in tree.items()}
        if isinstance(tree, list):
            return [self.value(item, depth + 1) for item in tree]
        if isinstance(tree, str):
            return self._text(tree)
        return tree

    def _member(self, key: str, item: Any, depth: int) -> Any:
        if key.casefold() in self._keys and item not in (None, ""):
            self.changed = True
            return MASK
        return self.value(item, depth + 1)

    def _text(self, text: str) -> str:
        """A string may itself be JSON: the LGSP wraps whole answers as one (national-portal facts 1.6)."""
        if not text.lstrip().startswith(("{", "[")):
            return text
        inner = masked(text.encode("utf-8", errors="surrogateescape"), self._keys)
        clean = inner.decode("utf-8", errors="surrogateescape")
        self.changed = self.changed or clean != text
        return clean


def _masked_text(text: str, keys: frozenset[str]) -> str:
    """The fallback for what is not JSON: cut off, XML, a form, or noise."""
    names = "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True))
    # The value: quoted inside a quoted string (JSON in JSON, cut off), quoted, or bare.
    value = r"""(\\+["'](?:(?!\\*["']).)*|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&}\]<>]+)"""
    quoted = re.compile(rf"""(\\*["']?)\b({names})\b\1(\s*[:=]\s*){value}""", re.I | re.S)
    element = re.compile(rf"<((?:[\w.-]+:)?(?:{names}))(\s[^<>]*)?>([^<]*)", re.I)
    text = quoted.sub(lambda hit: f"{hit[1]}{hit[2]}{hit[1]}{hit[3]}{MASK}", text)
    return element.sub(lambda hit: f"<{hit[1]}{hit[2] or ''}>{MASK}", text)
